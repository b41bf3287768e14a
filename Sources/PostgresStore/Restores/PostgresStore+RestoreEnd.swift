import BackupContracts
import BackupModel
import Foundation
import LibPQ

/// How the steps of a restore came out, counted.
private struct RestoreTally {
    var done: Int64 = 0
    var failed: Int64 = 0
    var skipped: Int64 = 0
    var open: Int64 = 0
    /// Steps with a difference.
    var different: Int64 = 0
    /// Steps that could not be read back.
    var unread: Int64 = 0
    var todos: Int64 = 0
    /// By outcome and name, such as `failed Request_BadRequest`.
    var codes: [(outcome: String, code: String, count: Int64)] = []

    /// Codes and counts only: nothing of what was written.
    var warnings: String {
        var items: [(String, String)] = []
        func add(_ code: String, _ count: Int64, _ one: String, _ many: String, _ rest: String = "") {
            if count > 0 { items.append((code, "\(count) \(count == 1 ? one : many)\(rest).")) }
        }
        add("stepsFailed", failed, "step failed", "steps failed", ": \(list("failed"))")
        add("stepsSkipped", skipped, "step was skipped", "steps were skipped", ": \(list("skipped"))")
        add(
            "differences", different, "object does not read back as it was written",
            "objects do not read back as they were written")
        add(
            "notReadBack", unread, "object was written and could not be read back",
            "objects were written and could not be read back")
        add("stepsOpen", open, "step was not done", "steps were not done")
        add("todos", todos, "thing is left for a person to do", "things are left for a person to do")
        return JSONValue.array(
            items.map { ["code": .string($0.0), "message": .string($0.1)] }
        ).canonicalText
    }

    private func list(_ outcome: String) -> String {
        codes.filter { $0.outcome == outcome }.map { "\($0.code) \($0.count)" }.joined(separator: ", ")
    }
}

extension PostgresConnection {
    /// Ends a restore as its steps came out, or as cancelled when that was asked for and steps are left.
    /// - Returns: the messages of restores that waited for it, whose rows are still to be inserted.
    func endRestore(_ message: Message, _ plan: PlanPosition) async throws(StageFailure) -> [Message] {
        let tally = try await tally(message, plan)
        _ = try await rows(
            """
            UPDATE backup.jobs SET objects = $3, stages = jsonb_build_array(jsonb_build_object('stage', 'restorer',
                'startedAt', started_at, 'finishedAt', clock_timestamp(), 'items', $3::bigint))
            WHERE tenant_id = $1 AND job_id = $2
            """, message.jobKey + [.int64(Int64(plan.position))])
        let warnings = tally.warnings
        if tally.open > 0 { return try await finishJob(message, .cancelled, warnings: warnings) }
        if tally.done == 0, tally.failed > 0 {
            let steps = tally.failed + tally.skipped
            let failure = StageFailure(.restoreFailed, "None of the \(steps) steps could be done.")
            return try await finishJob(message, .failed, failure: failure, warnings: warnings)
        }
        return try await finishJob(
            message, warnings == "[]" ? .succeeded : .succeededWithWarnings, warnings: warnings)
    }

    private func tally(_ message: Message, _ plan: PlanPosition) async throws(StageFailure) -> RestoreTally {
        let key: [PostgresValue] = [.uuid(message.tenant.uuid), .uuid(plan.id)]
        let groups = try await rows(
            """
            SELECT state, coalesce(code, 'unknown') AS code, count(*) AS steps,
                count(*) FILTER (WHERE differences > 0) AS different, coalesce(sum(todos), 0)::bigint AS todos
            FROM backup.restore_steps WHERE tenant_id = $1 AND plan_id = $2 GROUP BY 1, 2 ORDER BY 3 DESC, 2
            """, key)
        let plans = try await rows(
            "SELECT todos FROM backup.restore_plans WHERE tenant_id = $1 AND plan_id = $2", key)
        return try decoded { () throws(PostgresError) in
            var tally = RestoreTally()
            tally.todos = Int64(try plans.first?.int32("todos") ?? 0)
            for group in groups {
                let (state, steps) = (try group.text("state"), try group.int64("steps"))
                let code = try group.text("code")
                switch state {
                case "done":
                    tally.done += steps
                    if code == RestoreResult.notReadBack { tally.unread += steps }
                case "failed": tally.failed += steps
                case "skipped": tally.skipped += steps
                default: tally.open += steps
                }
                tally.different += try group.int64("different")
                tally.todos += try group.int64("todos")
                tally.codes.append((state, code, steps))
            }
            return tally
        }
    }

    /// One at a time for each tenant decides which restore waits for which.
    func lockRestores(of tenant: TenantID) async throws(StageFailure) {
        _ = try await rows(
            "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('restores of ' || $1, 0))",
            [.text(tenant.description)])
    }

    /// An unfinished restore that touches an object which this one touches too, and does not wait for it; the newest.
    func restoreInTheWay(of job: UUID, _ plan: UUID, _ tenant: TenantID) async throws(StageFailure) -> UUID? {
        let rows = try await rows(
            """
            WITH RECURSIVE behind AS (
                SELECT job_id FROM backup.jobs WHERE tenant_id = $1 AND waiting_for = $2
                UNION SELECT j.job_id FROM backup.jobs j JOIN behind b ON j.waiting_for = b.job_id
                WHERE j.tenant_id = $1)
            SELECT j.job_id FROM backup.jobs j
            JOIN backup.restore_plans p ON p.tenant_id = j.tenant_id AND p.job_id = j.job_id
            WHERE j.tenant_id = $1 AND j.kind = 'restore' AND j.state IN ('queued', 'running') AND j.job_id <> $2
                AND j.job_id NOT IN (SELECT job_id FROM behind)
                AND EXISTS (SELECT FROM backup.restore_steps s JOIN backup.restore_steps o
                    ON o.tenant_id = s.tenant_id AND o.object_id = s.object_id AND o.plan_id = p.plan_id
                    WHERE s.tenant_id = $1 AND s.plan_id = $3)
            ORDER BY j.created_at DESC, j.job_id LIMIT 1
            """, [.uuid(tenant.uuid), .uuid(job), .uuid(plan)])
        return try decoded { () throws(PostgresError) in try rows.first?.uuid("job_id") }
    }

    /// The same for a job whose plan is to be looked up, with the decision held to the end of the transaction.
    func restoreInTheWay(of job: JobID, _ tenant: TenantID) async throws(StageFailure) -> UUID? {
        let plans = try await rows(
            "SELECT plan_id FROM backup.restore_plans WHERE tenant_id = $1 AND job_id = $2 FOR UPDATE",
            [.uuid(tenant.uuid), .uuid(job.uuid)])
        guard let row = plans.first else { return nil }
        let plan = try decoded { () throws(PostgresError) in try row.uuid("plan_id") }
        try await lockRestores(of: tenant)
        return try await restoreInTheWay(of: job.uuid, plan, tenant)
    }

    /// Lets restores go on that waited for the job which has just ended, but those that another one is in the way of.
    func releaseRestores(behind message: Message) async throws(StageFailure) -> [Message] {
        try await lockRestores(of: message.tenant)
        let waiting = try await rows(
            """
            SELECT j.job_id, j.epoch, j.trace, p.plan_id FROM backup.jobs j
            JOIN backup.restore_plans p ON p.tenant_id = j.tenant_id AND p.job_id = j.job_id
            WHERE j.tenant_id = $1 AND j.waiting_for = $2 AND j.state = 'queued' ORDER BY j.created_at, j.job_id
            """, message.jobKey)
        var released: [Message] = []
        for row in waiting {
            let (job, epoch, trace, plan) = try decoded { () throws(PostgresError) in
                (try row.uuid("job_id"), try row.int32("epoch"), try row.text("trace"), try row.uuid("plan_id"))
            }
            let other = try await restoreInTheWay(of: job, plan, message.tenant)
            _ = try await rows(
                "UPDATE backup.jobs SET waiting_for = $3 WHERE tenant_id = $1 AND job_id = $2",
                [message.jobKey[0], .uuid(job), .uuid(other)])
            guard other == nil else { continue }
            released.append(
                Message(
                    kind: .restoreReady, tenant: message.tenant, job: JobID(uuid: job), epoch: epoch, trace: trace))
        }
        return released
    }
}
