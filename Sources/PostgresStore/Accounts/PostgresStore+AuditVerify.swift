import AccountModel
import BackupContracts
public import Foundation
import LibPQ
import Sealing

extension PostgresStore {
    /// Walks along the chains and names the first break of each.
    ///
    /// Whoever has the whole database, but not the key store, can cut off a chain's end together with its head and the
    /// checkpoints that are stored: that shows only against a checkpoint that is kept elsewhere.
    ///
    /// Cost: every entry is read; constant memory while a chain is whole.
    /// - Parameters:
    ///   - partner: only the chain of this partner.
    ///   - outside: checkpoints that were kept outside the database; those of other chains are passed over.
    public func verifyAudit(partner: UUID? = nil, against outside: [AuditCheckpoint] = [])
        async throws(AccountError) -> [AuditVerdict]
    {
        try require(.viewAudit)
        let partner = partner ?? identity.partner
        if let partner { try require(own: partner) }
        try await beginAudit()
        let keys = try await auditKeys()
        return try await administer(.readOnlySnapshot) { (connection) async throws(AccountError) in
            let chains = if let partner { [partner] } else { try await connection.auditChains(and: outside) }
            var verdicts: [AuditVerdict] = []
            for chain in chains {
                verdicts.append(try await connection.verifyAudit(chain, keys, against: outside))
            }
            return verdicts
        }
    }

    func auditKeys() async throws(AccountError) -> AuditKeys {
        do throws(KeyError) {
            let signer = try await keyStore.snapshotSigner()
            return AuditKeys(
                key: try await keyStore.auditKey(), signer: signer,
                verifier: try SnapshotVerifier(publicKey: signer.publicKey))
        } catch {
            throw AccountError(StageFailure(keys: error))
        }
    }
}

/// What chains are sealed and checked with.
struct AuditKeys: Sendable {
    let key: AuditKey
    let signer: SnapshotSigner
    let verifier: SnapshotVerifier
}

extension PostgresConnection {
    /// All chains that anything knows of, the operator's first: one whose entries are gone is looked at as well.
    fileprivate func auditChains(and outside: [AuditCheckpoint]) async throws(AccountError) -> [UUID] {
        let rows = try await checked(
            """
            SELECT chain_id FROM backup.audit_chains UNION SELECT chain_id FROM backup.audit_entries
            UNION SELECT chain_id FROM backup.audit_checkpoints UNION SELECT id FROM backup.partners
            UNION SELECT unnest($1::uuid[]) ORDER BY 1
            """, [.uuidArray([AuditStatement.operatorChain] + outside.map(\.chain))])
        return try all(rows) { (row) throws(PostgresError) in try row.uuid(0) }
    }

    func verifyAudit(
        _ chain: UUID, _ keys: AuditKeys, against outside: [AuditCheckpoint]
    ) async throws(AccountError) -> AuditVerdict {
        let head = try all(
            try await checked(
                "SELECT position, hash, seal FROM backup.audit_chains WHERE chain_id = $1", [.uuid(chain)]),
            AuditHead.init(row:)
        ).first
        let stored = try all(
            try await checked(
                "SELECT \(AuditCheckpoint.columns) FROM backup.audit_checkpoints WHERE chain_id = $1", [.uuid(chain)]),
            AuditCheckpoint.init(row:))
        let checkpoints = (stored + outside.filter { $0.chain == chain }).sorted { $0.position < $1.position }
        let found = try await walk(chain, keys.key, hashesAt: Set(checkpoints.map(\.position)))
        var verdict = AuditVerdict(
            partner: chain == AuditStatement.operatorChain ? nil : chain, entries: found.walk.position, checkpoints: 0)
        if let index = found.index {
            verdict.firstBreak = found.walk.reason(try await auditRows(chain), at: index, head: head)
            return verdict
        }
        verdict.firstBreak = found.walk.end(head)
        for checkpoint in checkpoints {
            let hash = checkpoint.position == 0 ? AuditStatement.noHash : found.hashes[checkpoint.position]
            if let failure = checkpoint.failure(keys.verifier, hash, end: found.walk.position) {
                // A cut is told by the checkpoint that knows it, whatever else is wrong at the end.
                if verdict.firstBreak == nil || failure.kind == .fork { verdict.firstBreak = failure }
            } else {
                verdict.checkpoints += 1
            }
        }
        return verdict
    }

    private struct Walked {
        var walk: AuditWalk
        /// Of the first row that was not taken.
        var index: Int?
        var hashes: [Int64: [UInt8]] = [:]
    }

    private func walk(_ chain: UUID, _ key: AuditKey, hashesAt places: Set<Int64>) async throws(AccountError) -> Walked
    {
        var found = Walked(walk: AuditWalk(key: key, chain: chain))
        var seen = 0
        do {
            try await stream(Self.auditSQL, [.uuid(chain)]) { rows in
                guard found.index == nil else { return }
                for row in rows {
                    guard found.walk.take(try AuditRow(row: row)) else {
                        found.index = seen
                        return
                    }
                    seen += 1
                    if places.contains(found.walk.position) {
                        found.hashes[found.walk.position] = found.walk.hash
                    }
                }
            }
        } catch let error as PostgresError {
            throw AccountError(StageFailure(store: error))
        } catch {
            throw AccountError(StageFailure(.stageDefect, "The audit could not be read: \(error)"))
        }
        return found
    }

    fileprivate static var auditSQL: String {
        """
        SELECT \(AuditRow.columns) FROM backup.audit_entries WHERE chain_id = $1
        ORDER BY position NULLS FIRST, number
        """
    }

    private func auditRows(_ chain: UUID) async throws(AccountError) -> [AuditRow] {
        try all(try await checked(Self.auditSQL, [.uuid(chain)]), AuditRow.init(row:))
    }
}

extension AuditCheckpoint {
    static let columns = "chain_id, position, hash, at, signature"

    init(row: PostgresRow) throws(PostgresError) {
        let chain = try row.uuid("chain_id")
        self.init(
            partner: chain == AuditStatement.operatorChain ? nil : chain, position: try row.int64("position"),
            hash: try row.bytes("hash"), at: try row.microsecondsSince1970("at"),
            signature: try row.bytes("signature"))
    }

    var chain: UUID { partner ?? AuditStatement.operatorChain }

    var statement: AuditCheckpointStatement {
        AuditCheckpointStatement(chain: chain, position: position, hash: hash, at: at)
    }

    /// What it says against a chain that ends at `end` and has `hash` at its place.
    func failure(_ verifier: SnapshotVerifier, _ hash: [UInt8]?, end: Int64) -> AuditBreak? {
        guard verifier.isValid(signature, for: statement) else {
            return AuditBreak(
                kind: .edited, position: position,
                message: "The checkpoint at entry \(position) has no valid signature of this installation.")
        }
        guard position <= end else {
            return AuditBreak(
                kind: .tailCut, position: end + 1,
                message: """
                    The chain ends with entry \(end), but a signed checkpoint saw it at \(position): its end was cut off.
                    """)
        }
        guard hash == self.hash else {
            return AuditBreak(
                kind: .fork, position: position,
                message: "At entry \(position) a signed checkpoint saw another chain.")
        }
        return nil
    }
}
