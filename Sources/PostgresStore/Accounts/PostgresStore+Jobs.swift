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
            try await connection.lockBackups(of: tenant)
            try await connection.requireCoverage(tenant)
            let open = try all(
                try await connection.checked(
                    """
                    SELECT job_id, (full_round OR NOT $3) AND (types IS NULL OR coalesce(types @> $2, false)) AS suffices
                    FROM backup.jobs WHERE tenant_id = $1 AND kind = 'backup' AND state IN ('queued', 'running')
                    ORDER BY state = 'queued' FOR SHARE
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

    /// Newest first. Two round trips more for each tenant that has one of them.
    public func jobs(kind: JobKind?, state: JobState?, tenant: TenantID?, limit: Int) async throws(AccountError)
        -> [JobRecord]
    {
        try await administer { (connection) async throws(AccountError) in
            let found = try all(
                try await connection.checked(
                    """
                    SELECT j.job_id, j.tenant_id FROM backup.jobs j
                    WHERE ($1::text IS NULL OR j.kind = $1) AND ($2::text IS NULL OR j.state = $2)
                        AND ($3::uuid IS NULL OR j.tenant_id = $3) AND \(own(.tenant))
                    ORDER BY j.created_at DESC, j.job_id LIMIT $4
                    """,
                    [.text(kind?.rawValue), .text(state?.rawValue), .uuid(tenant?.uuid), .int64(Int64(limit))])
            ) { (row) throws(PostgresError) in (id: try row.uuid("job_id"), tenant: try row.uuid("tenant_id")) }
            // How far a job is stands in tables of which a transaction sees one tenant's rows at a time.
            var records: [UUID: JobRecord] = [:]
            for (tenant, jobs) in Dictionary(grouping: found, by: \.tenant) {
                admit(TenantID(uuid: tenant))
                try await enter(TenantID(uuid: tenant), connection)
                let rows = try await connection.checked(
                    "SELECT \(JobRecord.columns) FROM backup.jobs j WHERE j.tenant_id = $1 AND j.job_id = ANY ($2)",
                    [.uuid(tenant), .uuidArray(jobs.map(\.id))])
                for record in try all(rows, JobRecord.init(row:)) { records[record.id.uuid] = record }
            }
            return found.compactMap { records[$0.id] }
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

    /// Starts a failed or cancelled job again under a new epoch: messages of the old one are ignored. A backup is queued
    /// behind the one of the tenant that runs; refused while another one is queued.
    public func retryJob(_ id: JobID) async throws(AccountError) -> JobRecord {
        let record = try await job(id)
        guard record.state == .failed || record.state == .cancelled else {
            throw AccountError(
                .conflict, "jobNotFailed", "The job \(id) is \(record.state.rawValue).",
                hint: "Only failed and cancelled jobs can be retried.")
        }
        try await administer { (connection) async throws(AccountError) in
            try await enter(record.tenant, connection)
            var ahead: UUID?
            if record.kind == .backup {
                try await connection.lockBackups(of: record.tenant)
                try await connection.requireCoverage(record.tenant)
                ahead = try await connection.runningBackup(of: record.tenant)
            }
            let rows = try await connection.unique(
                """
                UPDATE backup.jobs SET state = 'queued', epoch = epoch + 1, parked = false, open_collections = NULL,
                    finished_at = NULL, started_at = NULL, error_code = NULL, error_message = NULL, waiting_for = $3
                WHERE tenant_id = $1 AND job_id = $2 AND state IN ('failed', 'cancelled') RETURNING epoch
                """, [.uuid(record.tenant.uuid), .uuid(id.uuid), .uuid(ahead)], "backupUnderWay",
                "Another backup of the tenant is queued.")
            let epoch = try only(rows) { (row) throws(PostgresError) in try row.int32("epoch") }
            do throws(StageFailure) {
                try await connection.dropRound(record)
                guard record.kind != .restore else {
                    return try await connection.resumeRestore(id, record.tenant)
                }
                // What it waits for makes its message when it ends.
                guard ahead == nil else { return }
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

    /// One at a time for each tenant decides what is started, so that two callers do not both start a backup. What names
    /// the tenant by a key may be written meanwhile: whoever ends a backup holds its job and must not have to wait.
    fileprivate func lockBackups(of tenant: TenantID) async throws(AccountError) {
        _ = try await checked(
            "SELECT FROM backup.tenants WHERE tenant_id = $1 FOR NO KEY UPDATE", [.uuid(tenant.uuid)])
    }

    /// The backup of the tenant that runs. It does not end before the transaction does: who is queued behind it is seen
    /// by whoever ends it.
    fileprivate func runningBackup(of tenant: TenantID) async throws(AccountError) -> UUID? {
        let rows = try await checked(
            "SELECT job_id FROM backup.jobs WHERE tenant_id = $1 AND kind = 'backup' AND state = 'running' FOR SHARE",
            [.uuid(tenant.uuid)])
        return try all(rows) { (row) throws(PostgresError) in try row.uuid("job_id") }.first
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
