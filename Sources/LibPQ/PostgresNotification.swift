/// A message of `NOTIFY`. See <https://www.postgresql.org/docs/15/sql-notify.html>.
public struct PostgresNotification: Sendable, Hashable {
    /// The channel it was sent on.
    public let channel: String
    /// The text that came with it; empty when none was given.
    public let payload: String
    /// The process id of the session that sent it.
    public let processID: Int32
}
