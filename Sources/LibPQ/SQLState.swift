/// A five-character SQLSTATE. An open set: any code a server sends has a value here.
///
/// See <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
public struct SQLState: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The five characters, for example `23505`.
    public let rawValue: String

    /// Creates a state from its five characters, which are not checked.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// The first two characters, which name the class of the condition (`23` = integrity constraint violation).
    public var conditionClass: String { String(rawValue.prefix(2)) }

    /// Whether the same transaction, run again from its start, may succeed: serialization failure or deadlock.
    public var isRetryable: Bool { self == .serializationFailure || self == .deadlockDetected }

    /// The five characters.
    public var description: String { rawValue }

    /// The server does not know how the statement ended.
    public static let statementCompletionUnknown = SQLState(rawValue: "40003")
    /// A feature the server does not have.
    public static let featureNotSupported = SQLState(rawValue: "0A000")
    /// A text in another encoding than announced, or one that holds a zero byte.
    public static let characterNotInRepertoire = SQLState(rawValue: "22021")
    /// A text that is no value of the type it was cast to.
    public static let invalidTextRepresentation = SQLState(rawValue: "22P02")
    /// Bytes that are no value of the parameter's type.
    public static let invalidBinaryRepresentation = SQLState(rawValue: "22P03")
    /// COPY data that breaks the format.
    public static let badCopyFileFormat = SQLState(rawValue: "22P04")
    /// NULL in a column that forbids it.
    public static let notNullViolation = SQLState(rawValue: "23502")
    /// A reference to a row that does not exist, or the removal of one that is referred to.
    public static let foreignKeyViolation = SQLState(rawValue: "23503")
    /// A second row with the same key.
    public static let uniqueViolation = SQLState(rawValue: "23505")
    /// A row that a CHECK constraint refuses.
    public static let checkViolation = SQLState(rawValue: "23514")
    /// A statement in a transaction that has failed already.
    public static let inFailedTransaction = SQLState(rawValue: "25P02")
    /// A prepared statement the session does not know.
    public static let invalidStatementName = SQLState(rawValue: "26000")
    /// The role may not log in, or not from here.
    public static let invalidAuthorization = SQLState(rawValue: "28000")
    /// Wrong password.
    public static let invalidPassword = SQLState(rawValue: "28P01")
    /// No such database.
    public static let invalidCatalogName = SQLState(rawValue: "3D000")
    /// The transaction lost against a concurrent one; run it again.
    public static let serializationFailure = SQLState(rawValue: "40001")
    /// The transaction was chosen to break a deadlock; run it again.
    public static let deadlockDetected = SQLState(rawValue: "40P01")
    /// A statement the parser refuses.
    public static let syntaxError = SQLState(rawValue: "42601")
    /// The role lacks a privilege.
    public static let insufficientPrivilege = SQLState(rawValue: "42501")
    /// No such table, view or sequence.
    public static let undefinedTable = SQLState(rawValue: "42P01")
    /// The server's connection limit is reached.
    public static let tooManyConnections = SQLState(rawValue: "53300")
    /// A lock was not to be had at once (`NOWAIT`, `lock_timeout`).
    public static let lockNotAvailable = SQLState(rawValue: "55P03")
    /// The statement was cancelled: on request, or by `statement_timeout`.
    public static let queryCanceled = SQLState(rawValue: "57014")
    /// The session was ended by an administrator or by the server's shutdown.
    public static let adminShutdown = SQLState(rawValue: "57P01")
    /// The server ended all sessions because one of its processes crashed.
    public static let crashShutdown = SQLState(rawValue: "57P02")
    /// The server is starting up, shutting down or recovering.
    public static let cannotConnectNow = SQLState(rawValue: "57P03")
}
