public import Foundation
import LibPQ
import Synchronization

/// An entry of the audit that is written with the change that it tells of: in the first transaction of an administrator
/// that writes anything, so that neither is ever there without the other.
public final class AuditNote: Sendable {
    let actor: String
    let action: String
    let target: String
    let reason: String?
    private let state: Mutex<(about: UUID?, isWritten: Bool)>

    /// - Parameters:
    ///   - target: what it is done to: an id, or a name.
    ///   - about: the id of a partner, organization, plan, tenant or job whose partner's chain takes the entry; `nil` to
    ///     find it by the id that `target` begins with.
    ///   - reason: what was given as the reason, or what else belongs to the action.
    public init(actor: String, action: String, target: String, about: UUID? = nil, reason: String? = nil) {
        self.actor = actor
        self.action = action
        self.target = target
        self.reason = reason
        state = Mutex((about, false))
    }

    /// The note of the command that runs.
    @TaskLocal static var current: AuditNote?

    /// Whether its transaction has been committed.
    var isWritten: Bool { state.withLock { $0.isWritten } }

    /// See ``init(actor:action:target:about:reason:)``.
    var about: UUID? { state.withLock { $0.about } }

    func markWritten() { state.withLock { $0.isWritten = true } }

    /// Says what the command that runs is about, where that has an id only now.
    static func isAbout(_ id: UUID) { current?.state.withLock { $0.about = id } }
}

extension PostgresStore {
    /// Runs what changes something. Its first transaction that writes takes the entry along as allowed; when none did,
    /// the entry is written after the body has succeeded.
    public func noting<T>(_ note: AuditNote, _ body: () async throws -> T) async throws -> T {
        try await beginAudit()
        let result = try await AuditNote.$current.withValue(note, operation: body)
        if !note.isWritten { try await write(note, .allowed, reason: note.reason) }
        return result
    }

    /// Writes that it was refused, and with which code.
    public func refuse(_ note: AuditNote, code: String) async throws(AccountError) {
        try await write(note, .refused, reason: code)
    }

    /// Appends the entry of what the open transaction does.
    func append(_ connection: PostgresConnection, _ note: AuditNote) async throws(AccountError) {
        try await append(
            connection, actor: note.actor, action: note.action, target: note.target, about: note.about,
            outcome: .allowed, reason: note.reason)
    }

    private func write(_ note: AuditNote, _ outcome: AuditEntry.Outcome, reason: String?) async throws(AccountError) {
        try await audit(
            actor: note.actor, action: note.action, target: note.target, about: note.about, outcome: outcome,
            reason: reason)
    }
}

extension PostgresConnection {
    /// Whether the open transaction has written, or locked, anything.
    func hasWritten() async throws(AccountError) -> Bool {
        let rows = try await checked("SELECT pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL AS writes")
        return try only(rows) { (row) throws(PostgresError) in try row.bool("writes") }
    }
}
