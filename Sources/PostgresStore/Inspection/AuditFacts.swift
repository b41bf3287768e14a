import BackupContracts
public import Foundation
import LibPQ
import Sealing

/// What `doctor` asks of the audit: the ends of its chains, which is quick. All of it is `audit verify`.
public struct AuditFacts: Sendable {
    /// How many chains there are.
    public var chains = 0
    /// Those whose head or newest entry the program did not write: partners' ids, `nil` for the operator's.
    public var broken: [UUID?] = []
    /// Chains that have grown and were not signed for two days.
    public var unsigned = 0

    /// Of an audit without chains.
    public init() {}
}

extension PostgresStore {
    /// Looks at the head and the newest entry of every chain.
    public func auditFacts() async throws(AccountError) -> AuditFacts {
        let key = try await auditKey()
        return try await administer(.readOnlySnapshot) { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                """
                SELECT c.chain_id, c.position, c.hash, c.seal, coalesce(e.hash = c.hash, c.position = 0) AS ends,
                    c.position > c.checkpoint_position AND c.checkpoint_at < now() - interval '2 days' AS unsigned
                FROM backup.audit_chains c LEFT JOIN LATERAL (SELECT hash FROM backup.audit_entries e
                    WHERE e.chain_id = c.chain_id ORDER BY position DESC NULLS LAST LIMIT 1) e ON true
                """)
            var facts = AuditFacts()
            facts.chains = rows.count
            for row in try all(rows, Self.end(row:)) {
                if row.isUnsigned { facts.unsigned += 1 }
                if !row.endsWithHead || !AuditWalk(key: key, chain: row.chain).isGenuine(row.head) {
                    facts.broken.append(row.chain == AuditStatement.operatorChain ? nil : row.chain)
                }
            }
            return facts
        }
    }

    private struct ChainEnd {
        var chain: UUID
        var head: AuditHead
        var endsWithHead: Bool
        var isUnsigned: Bool
    }

    private static func end(row: PostgresRow) throws(PostgresError) -> ChainEnd {
        ChainEnd(
            chain: try row.uuid("chain_id"), head: try AuditHead(row: row), endsWithHead: try row.bool("ends"),
            isUnsigned: try row.bool("unsigned"))
    }
}
