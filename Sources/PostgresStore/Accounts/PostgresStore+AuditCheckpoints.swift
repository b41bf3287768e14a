import AccountModel
public import BackupContracts
public import Foundation
import LibPQ
import Sealing

extension PostgresStore {
    /// Daily checkpoints: one transaction, at most 100 chains a call. What it promises is written at ``ScheduleStore``.
    public func checkpointAudit() async throws(StageFailure) -> AuditCheckpointReport {
        try await checkpointAudit(.daily)
    }

    /// For ``AuditCheckpoint/Cause/close`` whatever the day of the last checkpoint.
    public func checkpointAudit(_ cause: AuditCheckpoint.Cause, limit: Int = 100) async throws(StageFailure)
        -> AuditCheckpointReport
    {
        do throws(AccountError) {
            return try await administer { (connection) async throws(AccountError) in
                var report = AuditCheckpointReport()
                let chains = try await connection.chainsToSign(today: cause != .daily, limit: limit)
                guard !chains.isEmpty else { return report }
                guard let keys = try? await auditKeys() else {
                    report.unsigned = chains.count
                    return report
                }
                for chain in chains {
                    if try await connection.checkpoint(chain, cause, keys) == nil {
                        report.broken += 1
                    } else {
                        report.made += 1
                    }
                }
                return report
            }
        } catch {
            if case .failure(let failure) = error.kind { throw failure }
            throw StageFailure(.stageDefect, error.message)
        }
    }

    /// All entries of the chains, each chain in its order, and then a checkpoint of each, which is stored as well.
    /// - Parameters:
    ///   - partner: only the chain of this partner.
    ///   - line: gets each entry with its place, number, hash and seal.
    public func exportAudit(
        partner: UUID? = nil, _ line: @Sendable (AuditEntryLine) throws -> Void
    ) async throws -> (checkpoints: [AuditCheckpoint], publicKey: [UInt8]) {
        try require(.viewAudit)
        let partner = partner ?? identity.partner
        if let partner { try require(own: partner) }
        try await beginAudit()
        let keys = try await auditKeys()
        let chains = try await administer { (connection) async throws(AccountError) in
            if let partner { return [partner] }
            return try all(try await connection.checked("SELECT chain_id FROM backup.audit_chains ORDER BY 1")) {
                (row) throws(PostgresError) in try row.uuid(0)
            }
        }
        var checkpoints: [AuditCheckpoint] = []
        for chain in chains {
            let checkpoint = try await administer { (connection) async throws(AccountError) in
                try await connection.checkpoint(chain, .export, keys)
            }
            guard let checkpoint else {
                throw AccountError(
                    StageFailure(.auditBroken, "The head of a chain of the audit was not written by the program."))
            }
            checkpoints.append(checkpoint)
            try await lines(of: chain, to: checkpoint.position, line)
        }
        return (checkpoints, keys.signer.publicKey)
    }

    private func lines(
        of chain: UUID, to end: Int64, _ line: @Sendable (AuditEntryLine) throws -> Void
    ) async throws {
        var last: Int64 = 0
        while last < end {
            let after = last
            let rows = try await administer { (connection) async throws(AccountError) in
                try all(
                    try await connection.checked(
                        """
                        SELECT \(AuditRow.columns) FROM backup.audit_entries
                        WHERE chain_id = $1 AND position > $2 AND position <= $3 ORDER BY position LIMIT 1000
                        """, [.uuid(chain), .int64(after), .int64(end)]), AuditRow.init(row:))
            }
            guard let newest = rows.last?.position else { return }
            for row in rows { try line(AuditEntryLine(row)) }
            last = newest
        }
    }
}

/// An entry with everything that its hash is over.
public struct AuditEntryLine: Sendable, Hashable {
    /// Whose chain it is in; `nil` for the operator's.
    public var partner: UUID?
    /// Its place in the chain, from 1 without gaps.
    public var position: Int64
    /// Ascending over all chains; transactions that were rolled back leave gaps.
    public var number: Int64
    /// Microseconds since 1970.
    public var at: Int64
    /// See ``AuditEntry/actor``.
    public var actor: String
    /// A name for scripts: `tenant.activate`.
    public var action: String
    /// What it was done to: an id or a name.
    public var target: String
    /// `allowed` or `refused`, as the row says.
    public var outcome: String
    /// The reason that was given, or the code of the refusal; `nil` for none.
    public var reason: String?
    /// SHA-256 over the hash before it and this entry, 32 bytes: anybody can compute it. Empty where the row has none.
    public var hash: [UInt8]
    /// HMAC-SHA-256 of hash, chain and position under the key store's audit key; empty where the row has none.
    public var seal: [UInt8]

    init(_ row: AuditRow) {
        partner = row.chain == AuditStatement.operatorChain ? nil : row.chain
        position = row.position ?? 0
        number = row.number
        at = row.at
        actor = row.actor
        action = row.action
        target = row.target
        outcome = row.outcome
        reason = row.reason
        hash = row.hash ?? []
        seal = row.seal ?? []
    }
}

extension PostgresConnection {
    fileprivate func chainsToSign(today: Bool, limit: Int) async throws(AccountError) -> [UUID] {
        let rows = try await checked(
            """
            SELECT chain_id FROM backup.audit_chains WHERE position > checkpoint_position AND ($1 OR checkpoint_at
                < pg_catalog.date_trunc('day', pg_catalog.now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') LIMIT $2
            """, [.bool(today), .int64(Int64(limit))])
        return try all(rows) { (row) throws(PostgresError) in try row.uuid(0) }
    }

    /// Signs and stores where the chain is; `nil`, and nothing is signed, when its head is forged.
    fileprivate func checkpoint(
        _ chain: UUID, _ cause: AuditCheckpoint.Cause, _ keys: AuditKeys
    ) async throws(AccountError) -> AuditCheckpoint? {
        let rows = try await checked(
            """
            UPDATE backup.audit_chains SET checkpoint_position = position, checkpoint_at = pg_catalog.clock_timestamp()
            WHERE chain_id = $1 RETURNING position, hash, seal, checkpoint_at
            """, [.uuid(chain)])
        let (head, at) = try only(rows) { (row) throws(PostgresError) in
            (try AuditHead(row: row), try row.microsecondsSince1970("checkpoint_at"))
        }
        guard AuditWalk(key: keys.key, chain: chain).isGenuine(head) else { return nil }
        var checkpoint = AuditCheckpoint(
            partner: chain == AuditStatement.operatorChain ? nil : chain, position: head.position, hash: head.hash,
            at: at, signature: [])
        do throws(KeyError) {
            checkpoint.signature = try keys.signer.sign(checkpoint.statement)
        } catch {
            throw AccountError(StageFailure(keys: error))
        }
        _ = try await checked(
            """
            INSERT INTO backup.audit_checkpoints (chain_id, position, at, hash, cause, signature)
            VALUES ($1, $2, $3, $4, $5, $6)
            """,
            [
                .uuid(chain), .int64(head.position), .timestamptz(microsecondsSince1970: at), .bytea(head.hash),
                .text(cause.rawValue), .bytea(checkpoint.signature),
            ])
        return checkpoint
    }
}
