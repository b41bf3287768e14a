import BackupContracts
public import BackupModel
import Foundation
import LibPQ

/// A restore with what came of its steps so far.
public struct RestoreRecord: Sendable, Hashable {
    /// Its state, and what of the results is counted as warnings.
    public var job: JobRecord
    /// What was approved, opened.
    public var plan: RestorePlan
    /// By number; none for steps that were not done, or are not done yet.
    public var results: [RestoreResult]
    /// Whether it ends after the steps that are in hand.
    public var isCancelling: Bool

    /// What ids became, in the order of the steps.
    public var newIDs: [RestoreResult.NewID] { results.flatMap(\.newIDs) }

    /// The ids, as they are in the tenant, of everything that the restore made or was to write.
    public var touched: Set<String> {
        let map = IDMap(matches: plan.matches)
        let done = Set(results.map(\.number))
        let written = plan.steps.filter { done.contains($0.number) }.flatMap { $0.changes() }.map { map[$0] }
        return Set(newIDs.map(\.to)).union(written)
    }
}

extension PostgresStore {
    /// Makes the job that carries a plan out. While another restore of the tenant is unfinished that touches a same
    /// object, the job waits for it. A plan is carried out once: applied again it gives the same job.
    public func applyPlan(_ plan: RestorePlan) async throws(AccountError) -> JobRecord {
        try await administer { (connection) async throws(AccountError) in
            try await enter(plan.tenant, connection)
            let key: [PostgresValue] = [.uuid(plan.tenant.uuid), .uuid(plan.id)]
            let rows = try await connection.checked(
                "SELECT job_id, snapshot FROM backup.restore_plans WHERE tenant_id = $1 AND plan_id = $2 FOR UPDATE",
                key)
            guard !rows.isEmpty else { throw noPlan(plan.id.uuidString.lowercased()) }
            if let known = try only(rows, { (row) throws(PostgresError) in try row.optionalUUID("job_id") }) {
                return try await connection.job(plan.tenant, known)
            }
            let id = JobID()
            do throws(StageFailure) {
                try await connection.insertRestore(id, plan)
            } catch {
                throw AccountError(error)
            }
            return try await connection.job(plan.tenant, id.uuid)
        }
    }

    /// The job that carries a plan out, or did; nil for a plan that was not applied.
    public func restoreJob(of plan: RestorePlan) async throws(AccountError) -> JobRecord? {
        try await administer { (connection) async throws(AccountError) in
            try await enter(plan.tenant, connection)
            let rows = try await connection.checked(
                "SELECT job_id FROM backup.restore_plans WHERE tenant_id = $1 AND plan_id = $2 AND job_id IS NOT NULL",
                [.uuid(plan.tenant.uuid), .uuid(plan.id)])
            guard !rows.isEmpty else { return nil }
            let id = try only(rows) { (row) throws(PostgresError) in try row.uuid("job_id") }
            return try await connection.job(plan.tenant, id)
        }
    }

    /// The restore that a job is, with its plan and what came of it.
    public func restore(_ id: JobID) async throws(AccountError) -> RestoreRecord {
        let job = try await job(id)
        return try await administer { (connection) async throws(AccountError) in
            try await enter(job.tenant, connection)
            let rows = try await connection.checked(
                "SELECT plan_id, cancelling FROM backup.restore_plans WHERE tenant_id = $1 AND job_id = $2",
                [.uuid(job.tenant.uuid), .uuid(id.uuid)])
            guard !rows.isEmpty else {
                throw AccountError(
                    .invalid, "notARestore", "The job \(id) is no restore.",
                    hint: "See `entra-backup job list --kind restore`.")
            }
            let (plan, isCancelling) = try only(rows) { (row) throws(PostgresError) in
                (try row.uuid("plan_id"), try row.bool("cancelling"))
            }
            do throws(StageFailure) {
                return try await self.restore(connection, job, plan, isCancelling)
            } catch {
                throw AccountError(error)
            }
        }
    }

    private func restore(
        _ connection: PostgresConnection, _ job: JobRecord, _ id: UUID, _ isCancelling: Bool
    ) async throws(StageFailure) -> RestoreRecord {
        let keys = try await keys(connection, job.tenant)
        guard let plan = try await connection.plan(job.tenant, id, keys) else {
            throw StageFailure(.storedDataDamaged, "The plan of job \(job.id) is gone.")
        }
        var record = RestoreRecord(job: job, plan: plan, results: [], isCancelling: isCancelling)
        try await connection.eachStep("result", [.uuid(job.tenant.uuid), .uuid(id)]) {
            (number, sealed) throws(StageFailure) in
            record.results.append(try RestoreResult(opened: try keys.open(sealed, .result, id, number)))
        }
        return record
    }

    /// Ends a restore. What has not begun ends at once; else it ends after the steps that are in hand, which count as
    /// they come out. The rest stays as it is.
    /// - Returns: the job; it still runs while steps are in hand.
    public func cancelRestore(_ id: JobID) async throws(AccountError) -> JobRecord {
        let record = try await job(id)
        guard record.kind == .restore, !record.state.isFinal else {
            throw AccountError(
                .conflict, "jobEnded", "The job \(id) is no restore that is under way (\(record.state.rawValue)).",
                hint: "Only queued and running restores can be cancelled.")
        }
        try await administer { (connection) async throws(AccountError) in
            try await enter(record.tenant, connection)
            do throws(StageFailure) {
                try await connection.cancelRestore(record)
            } catch {
                throw AccountError(error)
            }
        }
        return try await job(id)
    }
}

extension PostgresConnection {
    fileprivate func insertRestore(_ id: JobID, _ plan: RestorePlan) async throws(StageFailure) {
        try await lockRestores(of: plan.tenant)
        let trace = Message.newTrace()
        _ = try await rows(
            """
            INSERT INTO backup.jobs (tenant_id, job_id, kind, trace, waiting_for)
            VALUES ($1, $2, 'restore', $3, $4)
            """,
            [
                .uuid(plan.tenant.uuid), .uuid(id.uuid), .text(trace),
                .uuid(try await restoreInTheWay(of: id.uuid, plan.id, plan.tenant)),
            ])
        _ = try await rows(
            "UPDATE backup.restore_plans SET job_id = $3 WHERE tenant_id = $1 AND plan_id = $2",
            [.uuid(plan.tenant.uuid), .uuid(plan.id), .uuid(id.uuid)])
        // Before the first step: steps name what is matched by the ids of the source.
        for start in stride(from: 0, to: plan.matches.count, by: 5_000) {
            let some = plan.matches[start..<min(start + 5_000, plan.matches.count)]
            try await add(Array(some), plan.tenant, id, plan.source)
        }
        try await startRestore(id, plan.tenant)
    }

    /// Makes the message of a queued restore that nothing is in the way of. Nobody here publishes: the row is dated
    /// back, so that the scheduler's next sweep takes it.
    fileprivate func startRestore(_ job: JobID, _ tenant: TenantID) async throws(StageFailure) {
        let rows = try await rows(
            """
            SELECT epoch, trace FROM backup.jobs
            WHERE tenant_id = $1 AND job_id = $2 AND state = 'queued' AND waiting_for IS NULL
            """, [.uuid(tenant.uuid), .uuid(job.uuid)])
        guard let row = rows.first else { return }
        let message = try decoded { () throws(PostgresError) in
            Message(
                kind: .restoreReady, tenant: tenant, job: job, epoch: try row.int32("epoch"),
                trace: try row.text("trace"))
        }
        try await insert([message], after: .seconds(-10))
    }

    /// A restore that was started anew goes on with the steps that were not done, behind whatever is in its way.
    func resumeRestore(_ job: JobID, _ tenant: TenantID) async throws(StageFailure) {
        let rows = try await rows(
            """
            UPDATE backup.restore_plans SET cancelling = false WHERE tenant_id = $1 AND job_id = $2 RETURNING plan_id
            """, [.uuid(tenant.uuid), .uuid(job.uuid)])
        guard let row = rows.first else {
            throw StageFailure(.storedDataDamaged, "The plan of job \(job) is gone.")
        }
        let plan = try decoded { () throws(PostgresError) in try row.uuid("plan_id") }
        try await lockRestores(of: tenant)
        _ = try await self.rows(
            "UPDATE backup.jobs SET waiting_for = $3 WHERE tenant_id = $1 AND job_id = $2",
            [.uuid(tenant.uuid), .uuid(job.uuid), .uuid(try await restoreInTheWay(of: job.uuid, plan, tenant))])
        try await startRestore(job, tenant)
    }

    fileprivate func cancelRestore(_ job: JobRecord) async throws(StageFailure) {
        let key: [PostgresValue] = [.uuid(job.tenant.uuid), .uuid(job.id.uuid)]
        // The plan's row is held: no steps are begun meanwhile.
        let plans = try await rows(
            """
            UPDATE backup.restore_plans p SET cancelling = true WHERE tenant_id = $1 AND job_id = $2
            RETURNING plan_id, source_tenant_id, position, begins, cancelling, EXISTS (SELECT FROM backup.restore_steps s
                WHERE s.tenant_id = p.tenant_id AND s.plan_id = p.plan_id AND s.state = 'started') AS in_hand
            """, key)
        guard let row = plans.first else { return }
        let (plan, isInHand) = try decoded { () throws(PostgresError) in
            (try PlanPosition(row: row), try row.bool("in_hand"))
        }
        // One that waits for another has nobody who works on it.
        guard !isInHand || job.waitingFor != nil else {
            // Whoever has the steps in hand ends it, else whoever is told of it now: not only after a pause.
            _ = try await rows(
                """
                UPDATE backup.messages
                SET visible_at = clock_timestamp() - interval '10 seconds', published_at = NULL, started_at = NULL
                WHERE tenant_id = $1 AND job_id = $2 AND visible_at > clock_timestamp()
                """, key)
            return
        }
        let epochs = try await rows("SELECT epoch FROM backup.jobs WHERE tenant_id = $1 AND job_id = $2", key)
        let epoch = try decoded { () throws(PostgresError) in try epochs.first?.int32("epoch") ?? 1 }
        let message = Message(
            kind: .restoreReady, tenant: job.tenant, job: job.id, epoch: epoch, trace: job.trace)
        try await insert(try await endRestore(message, plan), after: .seconds(-10))
        for table in ["messages", "dead_letters"] {
            _ = try await rows("DELETE FROM backup.\(table) WHERE tenant_id = $1 AND job_id = $2", key)
        }
    }
}
