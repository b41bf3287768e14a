public import BackupContracts
import BackupModel
import Foundation
import LibPQ

extension PostgresStore: ScheduleStore {
    /// The advisory lock of the leading scheduler. Any number serves that no one else uses in this database.
    static let leaderLock: Int64 = 0x656e_7472_6162_0001

    /// An advisory lock of the session: it is held for as long as the scheduler's only connection.
    public func becomeLeader() async throws(StageFailure) -> Bool {
        // The lock belongs to the session: with one connection in the scheduler's pool it is held until that ends.
        try await withConnection { (connection) async throws(StageFailure) in
            let rows = try await connection.rows(
                """
                SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted
                        AND pid = pg_catalog.pg_backend_pid() AND classid = ($1 >> 32)::oid
                        AND objid = ($1 & 4294967295)::oid)
                    OR pg_catalog.pg_try_advisory_lock($1) AS leads
                """, [.int64(Self.leaderLock)])
            return try decoded { () throws(PostgresError) in try rows.first?.bool("leads") ?? false }
        }
    }

    /// One statement. Who has an open backup is only moved on; who is not covered stays due, and begins once covered.
    public func startDueBackups(limit: Int) async throws(StageFailure) -> [Message] {
        try await transaction { (connection) async throws(StageFailure) in
            // A tenant whose backup runs or waits is passed over and comes again with its next due time; one that is not
            // covered stays due, and begins as soon as it is covered again. The jitter spreads tenants that were added
            // together.
            let rows = try await connection.rows(
                """
                WITH due AS (
                    SELECT s.tenant_id FROM backup.schedule s
                    JOIN backup.tenants t ON t.tenant_id = s.tenant_id AND t.state = 'active'
                    \(Coverage.join)
                    WHERE s.next_backup_at <= now() AND \(Coverage.condition) ORDER BY s.next_backup_at LIMIT $1 FOR UPDATE OF s SKIP LOCKED
                ), moved AS (
                    UPDATE backup.schedule s SET next_backup_at = CASE
                        WHEN s.daily_at IS NOT NULL THEN (date_trunc('day', now() AT TIME ZONE 'UTC') + s.daily_at
                            + interval '1 day') AT TIME ZONE 'UTC'
                        WHEN s.interval_seconds IS NOT NULL THEN
                            now() + make_interval(secs => s.interval_seconds * (0.95 + 0.1 * random()))
                        END
                    FROM due WHERE s.tenant_id = due.tenant_id
                )
                INSERT INTO backup.jobs (tenant_id, job_id, kind, trace, types)
                SELECT d.tenant_id, gen_random_uuid(), 'backup', replace(gen_random_uuid()::text, '-', ''), t.types
                FROM due d JOIN backup.tenants t ON t.tenant_id = d.tenant_id
                WHERE NOT EXISTS (SELECT FROM backup.jobs j WHERE j.tenant_id = d.tenant_id AND j.kind = 'backup'
                    AND j.state IN ('queued', 'running'))
                ON CONFLICT DO NOTHING
                RETURNING tenant_id, job_id, epoch, trace
                """, [.int64(Int64(limit))])
            let messages = try decoded { () throws(PostgresError) in
                var messages: [Message] = []
                for row in rows {
                    messages.append(
                        Message(
                            kind: .backupRequested, tenant: TenantID(uuid: try row.uuid("tenant_id")),
                            job: JobID(uuid: try row.uuid("job_id")), epoch: try row.int32("epoch"),
                            trace: try row.text("trace")))
                }
                return messages
            }
            try await connection.insert(messages)
            return messages
        }
    }

    /// One statement over all queues. Rows that another scheduler has locked, or a worker has begun, are passed over.
    public func takeUnpublished(limit: Int) async throws(StageFailure) -> [Message] {
        try await take(
            """
            published_at IS NULL AND visible_at <= clock_timestamp()
                AND (visible_at <= clock_timestamp() - interval '5 seconds'
                    OR visible_at > created_at + interval '10 milliseconds')
                AND (started_at IS NULL OR started_at <= clock_timestamp() - interval '60 seconds')
            """, limit, [])
    }

    /// One statement; rows that another scheduler has locked are passed over.
    public func takeUnconsumed(_ queue: BackupContracts.Queue, olderThan age: Duration, limit: Int)
        async throws(StageFailure) -> [Message]
    {
        try await take(
            """
            queue = $2 AND published_at <= clock_timestamp() - make_interval(secs => $3)
                AND coalesce(started_at, '-infinity') <= clock_timestamp() - make_interval(secs => $3)
            """, limit, [.text(queue.rawValue), .double(age / .seconds(1))])
    }

    /// Takes rows to publish and marks them as published, so that another scheduler leaves them alone. A publication
    /// that then fails is made up for a minute later.
    private func take(_ condition: String, _ limit: Int, _ parameters: [PostgresValue]) async throws(StageFailure)
        -> [Message]
    {
        let rows = try await withConnection { (connection) async throws(StageFailure) in
            try await connection.rows(
                """
                UPDATE backup.messages SET published_at = clock_timestamp() WHERE id IN (
                    SELECT id FROM backup.messages WHERE \(condition)
                    ORDER BY visible_at LIMIT $1 FOR UPDATE SKIP LOCKED)
                RETURNING body
                """, [.int64(Int64(limit))] + parameters)
        }
        return try decoded { () throws(PostgresError) in
            try rows.map { (row) throws(PostgresError) in try row.text("body") }
        }.compactMap { Message(decoding: Array($0.utf8)) }
    }

    /// One pass over the messages that may be worked on; a queue without any is left out.
    public func backlog() async throws(StageFailure) -> [QueueBacklog] {
        let rows = try await withConnection { (connection) async throws(StageFailure) in
            try await connection.rows(
                """
                SELECT queue, count(*) FILTER (WHERE published_at IS NULL) AS unpublished,
                    count(*) FILTER (WHERE published_at IS NOT NULL) AS published,
                    greatest(0, extract(epoch FROM clock_timestamp() - min(visible_at)))::double precision AS oldest
                FROM backup.messages WHERE visible_at <= clock_timestamp() GROUP BY queue
                """)
        }
        return try decoded { () throws(PostgresError) in
            var backlog: [QueueBacklog] = []
            for row in rows {
                guard let queue = BackupContracts.Queue(rawValue: try row.text("queue")) else { continue }
                backlog.append(
                    QueueBacklog(
                        queue: queue, unpublished: Int(try row.int64("unpublished")),
                        published: Int(try row.int64("published")), oldestAgeSeconds: try row.double("oldest")))
            }
            return backlog
        }
    }

    /// One statement. A tenant is overdue, too, when its last good backup is older than two of its intervals.
    public func health() async throws(StageFailure) -> FleetHealth {
        let rows = try await withConnection { (connection) async throws(StageFailure) in
            try await connection.rows(
                """
                SELECT (SELECT count(*) FROM backup.dead_letters) AS dead_letters,
                    (SELECT count(*) FROM backup.schedule s JOIN backup.tenants t ON t.tenant_id = s.tenant_id
                        \(Coverage.join)
                        WHERE t.state = 'active' AND \(Coverage.condition) AND (s.next_backup_at < now() - interval '1 hour'
                            OR coalesce(s.interval_seconds, 86400) * 2 < extract(epoch FROM now() - coalesce(
                                (SELECT max(j.finished_at) FROM backup.jobs j WHERE j.tenant_id = s.tenant_id
                                    AND j.kind = 'backup' AND j.state IN ('succeeded', 'succeededWithWarnings')),
                                t.activated_at)))) AS overdue,
                    (SELECT count(*) FROM backup.jobs WHERE state = 'failed' AND created_at > now() - interval '1 day')
                        AS failed,
                    (SELECT count(*) FROM backup.erasures WHERE started_at < now() - interval '10 minutes') AS erasures
                """)
        }
        return try decoded { () throws(PostgresError) in
            var health = FleetHealth()
            guard let row = rows.first else { return health }
            health.deadLetters = Int(try row.int64("dead_letters"))
            health.tenantsOverdue = Int(try row.int64("overdue"))
            health.jobsFailedLastDay = Int(try row.int64("failed"))
            health.erasuresUnfinished = Int(try row.int64("erasures"))
            return health
        }
    }
}
