import Foundation
import LibPQ
import Sealing

/// An entry as it lies in the database, where it may have been tampered with.
struct AuditRow: Sendable, Hashable {
    static let columns = "number, chain_id, position, at, actor, action, target, outcome, reason, hash, seal"

    var number: Int64
    var chain: UUID
    var position: Int64?
    /// Microseconds since 1970.
    var at: Int64
    var actor: String
    var action: String
    var target: String
    var outcome: String
    var reason: String?
    var hash: [UInt8]?
    var seal: [UInt8]?

    init(row: PostgresRow) throws(PostgresError) {
        number = try row.int64("number")
        chain = try row.uuid("chain_id")
        position = try row.optionalInt64("position")
        at = try row.microsecondsSince1970("at")
        actor = try row.text("actor")
        action = try row.text("action")
        target = try row.text("target")
        outcome = try row.text("outcome")
        reason = try row.optionalText("reason")
        hash = try row.optionalBytes("hash")
        seal = try row.optionalBytes("seal")
    }

    /// What it says, at a place.
    func statement(_ chain: UUID, _ position: Int64) -> AuditStatement {
        AuditStatement(
            chain: chain, position: position, number: number, at: at, actor: actor, action: action, target: target,
            outcome: outcome, reason: reason)
    }
}
