public import BackupContracts
import BackupModel
import Foundation
import LibPQ

extension PostgresStore {
    /// Applies the retention of one tenant that is due for it: removes snapshot rows that are too old, never the newest
    /// one, then the versions that no kept snapshot sees, then contents that no version names. A tenant whose round
    /// runs, or was parked and may go on, is left for later: its new contents have no versions yet.
    public func applyRetention() async throws(StageFailure) -> Bool {
        try await removeExpiredDownloads()
        let due = try await transaction { (connection) async throws(StageFailure) in
            try await connection.rows(
                """
                UPDATE backup.schedule SET next_retention_at = now() + interval '1 hour'
                WHERE tenant_id = (
                    SELECT s.tenant_id FROM backup.schedule s JOIN backup.tenants t ON t.tenant_id = s.tenant_id
                    WHERE s.next_retention_at <= now() AND t.retention <> 'forever' AND NOT EXISTS (
                        SELECT FROM backup.jobs j WHERE j.tenant_id = s.tenant_id AND j.state IN ('queued', 'running'))
                    ORDER BY s.next_retention_at LIMIT 1 FOR UPDATE OF s SKIP LOCKED)
                RETURNING tenant_id
                """)
        }
        guard let row = due.first else { return false }
        let tenant = TenantID(uuid: try decoded { () throws(PostgresError) in try row.uuid("tenant_id") })
        try await applyRetention(to: tenant)
        return true
    }

    /// Takes away archives that have expired, and what is left of downloads that ended otherwise a week ago.
    private func removeExpiredDownloads() async throws(StageFailure) {
        try await transaction { (connection) async throws(StageFailure) in
            _ = try await connection.rows(
                """
                WITH gone AS (DELETE FROM backup.downloads d WHERE expires_at <= clock_timestamp() OR EXISTS (
                    SELECT FROM backup.jobs j WHERE j.tenant_id = d.tenant_id AND j.job_id = d.job_id
                        AND j.state IN ('failed', 'cancelled') AND j.finished_at < now() - interval '7 days')
                    RETURNING tenant_id, job_id)
                DELETE FROM backup.download_chunks c USING gone g
                WHERE c.tenant_id = g.tenant_id AND c.job_id = g.job_id
                """)
        }
    }

    /// The retention of one tenant, in one transaction. A snapshot that a download is still to be made of stays.
    func applyRetention(to tenant: TenantID) async throws(StageFailure) {
        try await transaction(of: tenant) { (connection) async throws(StageFailure) in
            let key: [PostgresValue] = [.uuid(tenant.uuid)]
            // A round may have begun since the tenant was found due. From here on none can.
            try await connection.lockRounds(of: tenant)
            guard try await connection.hasNoOpenRound(of: tenant) else { return }
            let rows = try await connection.rows(
                "SELECT retention FROM backup.tenants WHERE tenant_id = $1", key)
            let text = try decoded { () throws(PostgresError) in try rows.first?.text("retention") }
            guard let days = text.flatMap(Retention.days) else { return }
            let removed = try await connection.rows(
                """
                DELETE FROM backup.snapshots WHERE tenant_id = $1 AND sealed_at < now() - make_interval(days => $2)
                    AND number < (SELECT max(number) FROM backup.snapshots WHERE tenant_id = $1)
                    AND NOT EXISTS (SELECT FROM backup.jobs j WHERE j.tenant_id = $1 AND j.kind = 'download'
                        AND j.state IN ('queued', 'running') AND j.snapshot = snapshots.number)
                """, key + [.int32(days)])
            guard removed.affectedRows > 0 else { return }
            for statement in Self.retentionStatements { _ = try await connection.rows(statement, key) }
        }
    }

    private static let retentionStatements = [
        """
        DELETE FROM backup.snapshot_collections c WHERE tenant_id = $1 AND NOT EXISTS (
            SELECT FROM backup.snapshots s WHERE s.tenant_id = c.tenant_id AND s.number = c.number)
        """,
        """
        DELETE FROM backup.object_versions WHERE tenant_id = $1 AND to_snapshot < 2147483647
            AND to_snapshot <= (SELECT min(number) FROM backup.snapshots WHERE tenant_id = $1)
        """,
        """
        DELETE FROM backup.link_versions WHERE tenant_id = $1 AND to_snapshot < 2147483647
            AND to_snapshot <= (SELECT min(number) FROM backup.snapshots WHERE tenant_id = $1)
        """,
        """
        DELETE FROM backup.contents c WHERE tenant_id = $1 AND NOT EXISTS (
            SELECT FROM backup.object_versions v WHERE v.tenant_id = c.tenant_id AND v.type = c.type
                AND v.object_id = c.object_id AND v.facet = c.facet AND v.digest = c.digest)
        """,
    ]
}

extension PostgresConnection {
    /// Held to the end of its transaction by who opens a round and by who takes contents away: a differ does not store
    /// contents again that it finds, so none may go between its look and the seal.
    func lockRounds(of tenant: TenantID) async throws(StageFailure) {
        _ = try await rows(
            "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('rounds of ' || $1, 0))",
            [.text(tenant.description)])
    }

    /// Whether no round of the tenant is on its way, none that was parked and can be taken up again among them: one
    /// whose snapshot is still to come.
    fileprivate func hasNoOpenRound(of tenant: TenantID) async throws(StageFailure) -> Bool {
        try await rows(
            """
            SELECT FROM backup.jobs WHERE tenant_id = $1 AND kind = 'backup' AND (state IN ('queued', 'running')
                OR parked AND state = 'failed' AND snapshot > (SELECT coalesce(max(number), 0) FROM backup.snapshots
                    WHERE tenant_id = $1)) LIMIT 1
            """, [.uuid(tenant.uuid)]
        ).isEmpty
    }
}

/// How long snapshots are kept.
public enum Retention: Sendable {
    /// Days of `90d` or `7y`; `nil` for `forever` and for anything else.
    public static func days(_ text: String) -> Int32? {
        guard let unit = text.last, let number = Int32(text.dropLast()), number > 0 else { return nil }
        switch unit {
        case "d": return number
        case "y" where number <= 1_000: return number * 365
        default: return nil
        }
    }
}
