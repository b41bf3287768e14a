import AccountModel
import BackupContracts
public import BackupModel
public import Foundation
import LibPQ
import Sealing

extension PostgresStore {
    /// Steps that travel together.
    private static let stepsAtOnce = 1_024

    /// Stores a plan for the tenant that it writes to, sealed.
    public func savePlan(_ plan: RestorePlan) async throws(AccountError) {
        try await administer { (connection) async throws(AccountError) in
            try await enter(plan.tenant, connection)
            do throws(StageFailure) {
                let keys = try await self.keys(connection, plan.tenant)
                try await connection.insert(plan, keys)
                let live = IDMap(matches: plan.matches)
                for start in stride(from: 0, to: plan.steps.count, by: Self.stepsAtOnce) {
                    let end = min(start + Self.stepsAtOnce, plan.steps.count)
                    try await connection.insert(plan.steps[start..<end], of: plan, keys, live)
                }
            } catch {
                throw AccountError(error)
            }
        }
    }

    /// A plan of the tenant with all its steps.
    public func plan(_ tenant: TenantID, _ id: UUID) async throws(AccountError) -> RestorePlan {
        try await administer { (connection) async throws(AccountError) in
            try await enter(tenant, connection)
            do throws(StageFailure) {
                let keys = try await self.keys(connection, tenant)
                if let plan = try await connection.plan(tenant, id, keys) { return plan }
            } catch {
                throw AccountError(error)
            }
            throw noPlan(id.uuidString.lowercased())
        }
    }

    /// A plan by its id, of whichever tenant. Cost: one look-up for each tenant.
    public func restorePlan(_ reference: String) async throws(AccountError) -> RestorePlan {
        guard let id = UUID(uuidString: reference) else { throw noPlan(reference) }
        let owner = try await administer { (connection) async throws(AccountError) -> TenantID? in
            let tenants = try all(
                try await connection.checked(
                    "SELECT tenant_id FROM backup.tenants WHERE \(own(.tenant)) ORDER BY created_at DESC")
            ) { (row) throws(PostgresError) in TenantID(uuid: try row.uuid("tenant_id")) }
            for tenant in tenants {
                admit(tenant)
                try await enter(tenant, connection)
                let found = try await connection.checked(
                    "SELECT FROM backup.restore_plans WHERE tenant_id = $1 AND plan_id = $2",
                    [.uuid(tenant.uuid), .uuid(id)])
                if !found.isEmpty { return tenant }
            }
            return nil
        }
        guard let owner else { throw noPlan(reference) }
        return try await plan(owner, id)
    }

    func noPlan(_ reference: String) -> AccountError {
        let hint = "Make one: `entra-backup restore plan TENANT --snapshot N`."
        guard identity.partner == nil else { return .outside("restore plan", reference, hint: hint) }
        return AccountError(.notFound, "planNotFound", "There is no restore plan \(reference).", hint: hint)
    }
}

extension PostgresConnection {
    fileprivate func insert(_ plan: RestorePlan, _ keys: OpenedKeys) async throws(StageFailure) {
        _ = try await rows(
            """
            INSERT INTO backup.restore_plans (tenant_id, plan_id, source_tenant_id, snapshot, live_snapshot, content,
                steps, todos, locks_out, undoes_job_id)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            """,
            [
                .uuid(plan.tenant.uuid), .uuid(plan.id), .uuid(plan.source.uuid), .int32(plan.snapshot),
                .int32(plan.liveSnapshot), .bytea(try keys.seal(PlanFrame(plan), .plan, plan.id)),
                .int32(Int32(plan.steps.count)), .int32(Int32(plan.todos.count)), .bool(plan.locksOut),
                .uuid(plan.undoes?.uuid),
            ])
    }

    /// - Parameter live: ids of the tenant for those of the source. What is written stands under its id here, so that
    ///   restores from several sources find each other in the way.
    fileprivate func insert(
        _ steps: ArraySlice<RestoreStep>, of plan: RestorePlan, _ keys: OpenedKeys, _ live: IDMap
    ) async throws(StageFailure) {
        var columns = StepColumns(capacity: steps.count)
        for step in steps {
            guard let type = Catalogue.current[step.type] else {
                throw StageFailure(.schemaMismatch, "The catalogue of this version has no type \(step.type).")
            }
            let isThere = step.action != .create && step.action != .undelete
            let key = keys.objectKey(type: type.number, id: isThere ? live[step.id] : step.id)
            columns.append(step, type.number, key, try keys.seal(step, .step, plan.id, Int32(step.number)))
        }
        _ = try await rows(
            """
            INSERT INTO backup.restore_steps (tenant_id, plan_id, n, wave, type, object_id, action, content)
            SELECT $1, $2, n, wave, type, object_id, action, content
            FROM unnest($3::integer[], $4::integer[], $5::smallint[], $6::uuid[], $7::text[], $8::bytea[])
                AS s (n, wave, type, object_id, action, content)
            """, [.uuid(plan.tenant.uuid), .uuid(plan.id)] + columns.parameters)
    }

    /// The plan of the transaction's tenant; nil when there is none.
    func plan(_ tenant: TenantID, _ id: UUID, _ keys: OpenedKeys) async throws(StageFailure) -> RestorePlan? {
        let key: [PostgresValue] = [.uuid(tenant.uuid), .uuid(id)]
        let rows = try await rows(
            """
            SELECT source_tenant_id, snapshot, live_snapshot, content, undoes_job_id FROM backup.restore_plans
            WHERE tenant_id = $1 AND plan_id = $2
            """, key)
        guard let row = rows.first else { return nil }
        let sealed = try decoded { () throws(PostgresError) in try row.bytes("content") }
        let frame = try PlanFrame(opened: try keys.open(sealed, .plan, id))
        var plan = try decoded { () throws(PostgresError) in
            RestorePlan(
                id: id, tenant: tenant, source: TenantID(uuid: try row.uuid("source_tenant_id")),
                snapshot: try row.optionalInt32("snapshot"), liveSnapshot: try row.int32("live_snapshot"),
                options: frame.options, steps: [], conflicts: frame.conflicts, todos: frame.todos,
                matches: frame.matches, undoes: try row.optionalUUID("undoes_job_id").map { JobID(uuid: $0) })
        }
        try await eachStep("content", key) { (number, sealed) throws(StageFailure) in
            plan.steps.append(try RestoreStep(opened: try keys.open(sealed, .step, id, number)))
        }
        return plan
    }

    /// Calls `body` with the number of each step of a plan and one of its sealed columns, where that is not null.
    func eachStep(
        _ column: String, _ key: [PostgresValue], _ body: (Int32, [UInt8]) throws(StageFailure) -> Void
    ) async throws(StageFailure) {
        var after: Int32 = 0
        while true {
            let rows = try await rows(
                """
                SELECT n, \(column) AS part FROM backup.restore_steps WHERE tenant_id = $1 AND plan_id = $2 AND n > $3
                    AND \(column) IS NOT NULL ORDER BY n LIMIT 1024
                """, key + [.int32(after)])
            for row in rows {
                let (number, sealed) = try decoded { () throws(PostgresError) in
                    (try row.int32("n"), try row.bytes("part"))
                }
                after = number
                try body(number, sealed)
            }
            if rows.isEmpty { return }
        }
    }
}

/// Steps as columns.
private struct StepColumns {
    private var numbers: [Int32] = []
    private var waves: [Int32] = []
    private var types: [Int16] = []
    private var objects: PostgresArray
    private var actions: [String] = []
    private var contents: PostgresArray

    init(capacity: Int) {
        objects = PostgresArray(.uuid, capacity: capacity, elementSize: 16)
        contents = PostgresArray(.bytea, capacity: capacity)
    }

    mutating func append(_ step: RestoreStep, _ type: UInt16, _ object: ObjectKey, _ content: [UInt8]) {
        numbers.append(Int32(step.number))
        waves.append(Int32(step.wave))
        types.append(Int16(bitPattern: type))
        object.withBytes { objects.append(uuidBytes: $0) }
        actions.append(step.action.rawValue)
        contents.append(bytes: content)
    }

    var parameters: [PostgresValue] {
        [
            .int32Array(numbers), .int32Array(waves), .int16Array(types), .array(objects), .textArray(actions),
            .array(contents),
        ]
    }
}
