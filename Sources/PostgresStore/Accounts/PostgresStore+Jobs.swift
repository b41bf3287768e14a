import AccountModel
public import BackupContracts
public import BackupModel
import Foundation
import LibPQ

extension PostgresStore {
    /// Asks for a backup; refused when the state or the plan of the tenant's organization has none. While one of the tenant is queued or running it is joined, unless it is a partial one and a
    /// full one is asked for: that is queued behind the running one, and a queued one is made to read as much.
    /// - Returns: the job, and whether it was there before.
    public func startBackup(_ tenant: TenantID, types: [String]?, full: Bool) async throws(AccountError)
        -> (job: JobRecord, joined: Bool)
    {
        try await administer { (connection) async throws(AccountError) in
            try await enter(tenant, connection)
            // One at a time for each tenant, so that two callers do not both start one.
            _ = try await connection.checked(
                "SELECT FROM backup.tenants WHERE tenant_id = $1 FOR UPDATE", [.uuid(tenant.uuid)])
            try await connection.requireCoverage(tenant)
            let open = try all(
                try await connection.checked(
                    """
                    SELECT job_id, (full_round OR NOT $3) AND (types IS NULL OR coalesce(types @> $2, false)) AS suffices
                    FROM backup.jobs WHERE tenant_id = $1 AND kind = 'backup' AND state IN ('queued', 'running')
                    ORDER BY state = 'queued'
                    """, [.uuid(tenant.uuid), types.map { .textArray($0) } ?? .null, .bool(full)])
            ) { (row) throws(PostgresError) in (id: try row.uuid("job_id"), suffices: try row.bool("suffices")) }
            // Joined is what reads at least as much as was asked for.
            if let joinable = open.first(where: \.suffices) {
                return (try await connection.job(tenant, joinable.id), true)
            }
            // A job that has not begun can still be told to read more. Whether it has is decided by the row's lock.
            if let last = open.last, try await connection.widen(tenant, last.id, types, full: full) {
                return (try await connection.job(tenant, last.id), true)
            }
            let id = JobID()
            try await connection.insertJob(id, tenant, types, full: full, waitingFor: open.first?.id)
            return (try await connection.job(tenant, id.uuid), false)
        }
    }

    /// One job, whatever its tenant; partner staff may name that tenant by its id from then on.
    /// - Throws: `jobNotFound`; `notOfYourPartner` for partner staff.
    public func job(_ id: JobID) async throws(AccountError) -> JobRecord {
        try await administer { (connection) async throws(AccountError) in
            let owner = try await connection.checked(
                "SELECT tenant_id FROM backup.jobs WHERE job_id = $1 AND \(own(.tenant))", [.uuid(id.uuid)])
            guard !owner.isEmpty else { throw absent("job", id.description) }
            let tenant = try only(owner) { (row) throws(PostgresError) in try row.uuid("tenant_id") }
            admit(TenantID(uuid: tenant))
            try await enter(TenantID(uuid: tenant), connection)
            return try await connection.job(TenantID(uuid: tenant), id.uuid)
        }
    }

    /// Newest first.
    public func jobs(kind: JobKind?, state: JobState?, tenant: TenantID?, limit: Int) async throws(AccountError)
        -> [JobRecord]
    {
        try await administer { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    """
                    SELECT \(JobRecord.columns) FROM backup.jobs j
                    WHERE ($1::text IS NULL OR j.kind = $1) AND ($2::text IS NULL OR j.state = $2)
                        AND ($3::uuid IS NULL OR j.tenant_id = $3) AND \(own(.tenant))
                    ORDER BY j.created_at DESC LIMIT $4
                    """,
                    [.text(kind?.rawValue), .text(state?.rawValue), .uuid(tenant?.uuid), .int64(Int64(limit))]),
                JobRecord.init(row:))
        }
    }

    /// Cancels a job that has not ended. What it has read is dropped; snapshots are untouched.
    public func cancelJob(_ id: JobID) async throws(AccountError) -> JobRecord {
        let record = try await job(id)
        if record.kind == .restore { return try await cancelRestore(id) }
        guard !record.state.isFinal else {
            throw AccountError(
                .conflict, "jobEnded", "The job \(id) has ended already (\(record.state.rawValue)).",
                hint: "Only queued and running jobs can be cancelled.")
        }
        try await administer { (connection) async throws(AccountError) in
            try await enter(record.tenant, connection)
            do throws(StageFailure) {
                let message = Message(
                    kind: .backupRequested, tenant: record.tenant, job: id, epoch: try await connection.epoch(record),
                    trace: record.trace)
                let waiting = try await connection.finishJob(message, .cancelled)
                try await connection.insert(waiting)
                try await connection.dropRound(record)
            } catch {
                throw AccountError(error)
            }
        }
        return try await job(id)
    }

    /// Starts a failed or cancelled job again under a new epoch: messages of the old one are ignored.
    public func retryJob(_ id: JobID) async throws(AccountError) -> JobRecord {
        let record = try await job(id)
        guard record.state == .failed || record.state == .cancelled else {
            throw AccountError(
                .conflict, "jobNotFailed", "The job \(id) is \(record.state.rawValue).",
                hint: "Only failed and cancelled jobs can be retried.")
        }
        try await administer { (connection) async throws(AccountError) in
            try await enter(record.tenant, connection)
            if record.kind == .backup { try await connection.requireCoverage(record.tenant) }
            let rows = try await connection.unique(
                """
                UPDATE backup.jobs SET state = 'queued', epoch = epoch + 1, parked = false, open_collections = NULL,
                    finished_at = NULL, started_at = NULL, error_code = NULL, error_message = NULL
                WHERE tenant_id = $1 AND job_id = $2 AND state IN ('failed', 'cancelled') RETURNING epoch
                """, [.uuid(record.tenant.uuid), .uuid(id.uuid)], "backupUnderWay",
                "Another backup of the tenant is queued.")
            let epoch = try only(rows) { (row) throws(PostgresError) in try row.int32("epoch") }
            do throws(StageFailure) {
                try await connection.dropRound(record)
                guard record.kind != .restore else {
                    return try await connection.resumeRestore(id, record.tenant)
                }
                try await connection.insert(
                    [
                        Message(
                            kind: record.kind == .download ? .downloadRequested : .backupRequested,
                            tenant: record.tenant, job: id, epoch: epoch, trace: record.trace)
                    ], after: .seconds(-10))
            } catch {
                throw AccountError(error)
            }
        }
        return try await job(id)
    }
}

extension PostgresConnection {
    func job(_ tenant: TenantID, _ id: UUID) async throws(AccountError) -> JobRecord {
        let rows = try await checked(
            "SELECT \(JobRecord.columns) FROM backup.jobs j WHERE j.tenant_id = $1 AND j.job_id = $2",
            [.uuid(tenant.uuid), .uuid(id)])
        return try only(rows, JobRecord.init(row:))
    }

    fileprivate func epoch(_ job: JobRecord) async throws(StageFailure) -> Int32 {
        let rows = try await rows(
            "SELECT epoch FROM backup.jobs WHERE tenant_id = $1 AND job_id = $2",
            [.uuid(job.tenant.uuid), .uuid(job.id.uuid)])
        return try decoded { () throws(PostgresError) in try rows.first?.int32("epoch") ?? 1 }
    }

    /// Has a queued job read what was asked for as well; false when it runs by now.
    fileprivate func widen(_ tenant: TenantID, _ job: UUID, _ types: [String]?, full: Bool) async throws(AccountError)
        -> Bool
    {
        let rows = try await checked(
            """
            UPDATE backup.jobs SET full_round = full_round OR $4, types = CASE WHEN $3::text[] IS NOT NULL
                THEN (SELECT array_agg(DISTINCT t) FROM unnest(types || $3::text[]) t WHERE types IS NOT NULL) END
            WHERE tenant_id = $1 AND job_id = $2 AND state = 'queued' RETURNING job_id
            """,
            [.uuid(tenant.uuid), .uuid(job), types.map { .textArray($0) } ?? .null, .bool(full)])
        return !rows.isEmpty
    }

    /// Takes away the pages, messages and dead letters of a round that will not be sealed, and the pieces of an archive
    /// that will not be whole.
    fileprivate func dropRound(_ job: JobRecord) async throws(StageFailure) {
        let key: [PostgresValue] = [.uuid(job.tenant.uuid), .uuid(job.id.uuid)]
        for table in ["messages", "dead_letters", "pages", "collections", "download_chunks"] {
            _ = try await rows("DELETE FROM backup.\(table) WHERE tenant_id = $1 AND job_id = $2", key)
        }
    }

    fileprivate func insertJob(
        _ id: JobID, _ tenant: TenantID, _ types: [String]?, full: Bool, waitingFor: UUID?
    ) async throws(AccountError) {
        let trace = Message.newTrace()
        _ = try await checked(
            """
            INSERT INTO backup.jobs (tenant_id, job_id, kind, full_round, types, trace, waiting_for)
            VALUES ($1, $2, 'backup', $3, $4::text[], $5, $6)
            """,
            [
                .uuid(tenant.uuid), .uuid(id.uuid), .bool(full), types.map { .textArray($0) } ?? .null, .text(trace),
                .uuid(waitingFor),
            ])
        guard waitingFor == nil else { return }
        do throws(StageFailure) {
            // Nobody here publishes: the row is dated back, so that the scheduler's next sweep takes it.
            try await insert(
                [Message(kind: .backupRequested, tenant: tenant, job: id, epoch: 1, trace: trace)],
                after: .seconds(-10))
        } catch {
            throw AccountError(error)
        }
    }
}
