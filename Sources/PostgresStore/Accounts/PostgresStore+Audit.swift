public import Foundation
import LibPQ

/// Who did what, and whether it was allowed.
public struct AuditEntry: Sendable, Hashable {
    public enum Outcome: String, Sendable {
        case allowed
        case refused
    }

    public var at: Date
    public var actor: String
    /// `tenant.activate`.
    public var action: String
    /// What it was done to: an id, or a name.
    public var target: String
    public var outcome: Outcome
    /// The reason that was given, or the code of the refusal.
    public var reason: String?
}

extension PostgresStore {
    /// Writes one entry. Texts hold no secret and no directory content.
    public func audit(
        actor: String, action: String, target: String, outcome: AuditEntry.Outcome, reason: String? = nil
    ) async throws(AccountError) {
        try await administer { (connection) async throws(AccountError) in
            _ = try await connection.checked(
                """
                INSERT INTO backup.audit_entries (actor, action, target, outcome, reason) VALUES ($1, $2, $3, $4, $5)
                """, [.text(actor), .text(action), .text(target), .text(outcome.rawValue), .text(reason)])
        }
    }

    /// Newest first.
    public func auditEntries(limit: Int) async throws(AccountError) -> [AuditEntry] {
        try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                "SELECT at, actor, action, target, outcome, reason FROM backup.audit_entries ORDER BY number DESC LIMIT $1",
                [.int64(Int64(limit))])
            return try all(rows) { (row) throws(PostgresError) in
                AuditEntry(
                    at: try row.timestamp("at").date, actor: try row.text("actor"), action: try row.text("action"),
                    target: try row.text("target"),
                    outcome: AuditEntry.Outcome(rawValue: try row.text("outcome")) ?? .refused,
                    reason: try row.optionalText("reason"))
            }
        }
    }
}
