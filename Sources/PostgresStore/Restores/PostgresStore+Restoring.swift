public import BackupContracts
public import BackupModel
import Foundation
import LibPQ

extension PostgresStore: RestoreStore {
    /// Steps of one wave, those that were begun before those that were not.
    public func chunk(_ message: Message, limit: Int) async throws(StageFailure) -> RestoreChunk? {
        try await transaction(of: message.tenant) { (connection) async throws(StageFailure) in
            let rows = try await connection.rowsOfRunningJob(
                message,
                """
                UPDATE backup.jobs j SET state = 'running', started_at = coalesce(j.started_at, clock_timestamp())
                FROM backup.restore_plans p
                WHERE j.tenant_id = $1 AND j.job_id = $2 AND j.epoch = $3 AND j.kind = 'restore'
                    AND j.state IN ('queued', 'running') AND j.waiting_for IS NULL
                    AND p.tenant_id = j.tenant_id AND p.job_id = j.job_id
                RETURNING p.plan_id, p.source_tenant_id, p.position, p.begins, p.cancelling
                """, message.jobKey + [.int32(message.epoch)])
            guard let row = rows.first else {
                try await connection.consume(message)
                return nil
            }
            let plan = try decoded { () throws(PostgresError) in try PlanPosition(row: row) }
            // Steps that a worker had in hand when it died may have been executed: they come to their end before.
            let steps = try await connection.openSteps(
                message.tenant, plan.id, limit: limit, onlyStarted: plan.isCancelling)
            guard !steps.isEmpty else {
                try await connection.consume(message)
                // Nobody here publishes: what waited is left to the scheduler's next sweep.
                try await connection.insert(try await connection.endRestore(message, plan), after: .seconds(-10))
                return nil
            }
            return try await chunk(connection, message, plan, steps)
        }
    }

    private func chunk(
        _ connection: PostgresConnection, _ message: Message, _ plan: PlanPosition, _ sealed: [SealedStep]
    ) async throws(StageFailure) -> RestoreChunk {
        let (reader, keys) = try await connectionToDirectory(connection, message.tenant)
        guard let writer = try await writeConnection(connection, message.tenant) else {
            throw StageFailure(.writeAccessMissing, "Tenant \(message.tenant) has no credential that writes.")
        }
        var steps: [RestoreStep] = []
        var ids: Set<UUID> = []
        for step in sealed {
            let bytes = try keys.open(step.content, .step, plan.id, step.number)
            ids.formUnion(guids(in: bytes))
            steps.append(try RestoreStep(opened: bytes))
        }
        var map = try await connection.idMap(message.tenant, plan.source, ids)
        try await connection.addTags(steps, to: &map, message.tenant, plan.source, keys)
        return RestoreChunk(
            plan: plan.id, position: plan.position, begins: plan.begins, steps: steps,
            wasStarted: sealed.first?.isStarted ?? false, isLast: plan.isCancelling, map: map,
            missing: try await connection.missing(message.tenant, plan.id, ids),
            made: try await connection.madeSince(message, plan, steps), reader: reader, writer: writer)
    }

    public func known(_ message: Message, _ chunk: RestoreChunk, _ type: UInt16) async throws(StageFailure)
        -> Set<String>
    {
        try await transaction(of: message.tenant) { (connection) async throws(StageFailure) in
            let rows = try await connection.rows(
                """
                SELECT v.object_id AS id FROM backup.object_versions v, backup.restore_plans p
                WHERE v.tenant_id = $1 AND v.type = $2 AND v.facet = 0 AND p.tenant_id = $1 AND p.plan_id = $3
                    AND v.from_snapshot <= p.live_snapshot AND v.to_snapshot > p.live_snapshot
                UNION ALL SELECT unnest(ARRAY[old_id, new_id]) FROM backup.id_map WHERE tenant_id = $1 AND type = $2
                """, [.uuid(message.tenant.uuid), .int16(Int16(bitPattern: type)), .uuid(chunk.plan)])
            var known: Set<String> = []
            try decoded { () throws(PostgresError) in
                for row in rows { known.insert(ObjectKey(try row.uuid("id")).description) }
            }
            return known
        }
    }

    /// Fenced by position and number of beginnings; also ``FailureCode/unitFenced`` when the restore was cancelled.
    public func begin(_ message: Message, _ chunk: RestoreChunk) async throws(StageFailure) {
        try await transaction(of: message.tenant) { (connection) async throws(StageFailure) in
            let begun = try await connection.rows(
                """
                UPDATE backup.restore_plans p SET begins = begins + 1
                WHERE tenant_id = $1 AND job_id = $2 AND plan_id = $4 AND position = $5 AND begins = $6
                    AND (NOT cancelling OR $7) AND EXISTS (SELECT FROM backup.jobs j WHERE j.tenant_id = p.tenant_id
                        AND j.job_id = p.job_id AND j.epoch = $3 AND j.state = 'running')
                """, message.fence(chunk) + [.int32(chunk.begins), .bool(chunk.isLast)])
            guard begun.affectedRows == 1 else {
                throw StageFailure(.unitFenced, "The steps after \(chunk.position) were begun by another worker.")
            }
            _ = try await connection.rows(
                """
                UPDATE backup.restore_steps SET state = 'started', started_at = clock_timestamp()
                WHERE tenant_id = $1 AND plan_id = $2 AND n = ANY($3) AND state IN ('planned', 'started')
                """,
                [
                    .uuid(message.tenant.uuid), .uuid(chunk.plan), .int32Array(chunk.steps.map { Int32($0.number) }),
                ])
        }
    }

    /// One look-up by key.
    public func confirm(_ message: Message, _ chunk: RestoreChunk) async throws(StageFailure) {
        try await transaction(of: message.tenant) { (connection) async throws(StageFailure) in
            let held = try await connection.rows(
                """
                SELECT FROM backup.restore_plans p WHERE tenant_id = $1 AND job_id = $2 AND plan_id = $4
                    AND position = $5 AND begins = $6 AND EXISTS (SELECT FROM backup.jobs j
                        WHERE j.tenant_id = p.tenant_id AND j.job_id = p.job_id AND j.epoch = $3 AND j.state = 'running')
                """, message.fence(chunk) + [.int32(chunk.begins + 1)])
            guard held.count == 1 else {
                throw StageFailure(.unitFenced, "The steps after \(chunk.position) are in other hands.")
            }
        }
    }

    /// Seals the results first, then one transaction for them, the new ids, the position and the baton.
    public func finish(_ message: Message, _ chunk: RestoreChunk, _ results: [RestoreResult], passesBaton: Bool)
        async throws(StageFailure) -> RestoreNext
    {
        let sealed = try await sealResults(message, chunk, results)
        return try await transaction(of: message.tenant) { (connection) async throws(StageFailure) in
            let plan = try await connection.record(message, chunk, sealed)
            if plan.isCancelling || plan.isDone {
                try await connection.consume(message)
                let waiting = try await connection.endRestore(message, plan)
                try await connection.insert(waiting)
                return .ends(waiting)
            }
            guard passesBaton else {
                // There was progress: attempts that ended with a crash before it count no longer.
                _ = try await connection.rows(
                    "UPDATE backup.messages SET attempts = 1 WHERE id = $1", [.uuid(message.id)])
                return .goesOn
            }
            try await connection.consume(message)
            let baton = [message.following(.restoreReady)]
            try await connection.insert(baton)
            return .ends(baton)
        }
    }

    public func pause(_ message: Message, _ chunk: RestoreChunk, _ results: [RestoreResult], after pause: Duration)
        async throws(StageFailure) -> [Message]
    {
        let sealed = try await sealResults(message, chunk, results)
        return try await transaction(of: message.tenant) { (connection) async throws(StageFailure) in
            let plan = try await connection.record(message, chunk, sealed)
            try await connection.consume(message)
            if plan.isCancelling || plan.isDone {
                let waiting = try await connection.endRestore(message, plan)
                try await connection.insert(waiting)
                return waiting
            }
            let baton = [message.following(.restoreReady)]
            try await connection.insert(baton, after: pause)
            return baton
        }
    }

    /// Sealing needs no transaction.
    private func sealResults(_ message: Message, _ chunk: RestoreChunk, _ results: [RestoreResult])
        async throws(StageFailure) -> SealedResults
    {
        let keys = try await recentKeys(message.tenant)
        let contents = try results.map { (result) throws(StageFailure) in
            try keys.seal(result, .result, chunk.plan, Int32(result.number))
        }
        var became: [UUID: NewKey] = [:]
        for id in results.flatMap(\.newIDs) {
            let type = Catalogue.current[id.type]?.number ?? 0
            let new = keys.objectKey(type: type, id: id.to)
            became[keys.objectKey(type: type, id: id.from).uuid] = NewKey(id: new.uuid, type: type)
        }
        return SealedResults(results: results, contents: contents, became: became)
    }
}

/// Results as they are stored, with the keys that ids became.
private struct SealedResults {
    var results: [RestoreResult]
    var contents: [[UInt8]]
    var became: [UUID: NewKey]
}

/// What stands for an id that an object got anew.
private struct NewKey {
    var id: UUID
    var type: UInt16
}

/// Where a restore stands.
struct PlanPosition {
    var id: UUID
    var source: TenantID
    var position: Int32
    var begins: Int32
    var isCancelling: Bool
    /// Steps in all, where it was asked for.
    var steps: Int32?

    var isDone: Bool { steps.map { position >= $0 } ?? false }

    init(row: PostgresRow) throws(PostgresError) {
        id = try row.uuid("plan_id")
        source = TenantID(uuid: try row.uuid("source_tenant_id"))
        position = try row.int32("position")
        begins = try row.int32("begins")
        isCancelling = try row.bool("cancelling")
    }
}

private struct SealedStep {
    var number: Int32
    var isStarted: Bool
    var content: [UInt8]
}

extension Message {
    /// Parameters 1 to 5 of statements that a chunk's fence guards.
    fileprivate func fence(_ chunk: RestoreChunk) -> [PostgresValue] {
        jobKey + [.int32(epoch), .uuid(chunk.plan), .int32(chunk.position)]
    }
}

extension PostgresConnection {
    /// The next steps, of one wave: those that were begun, or else those that were not.
    fileprivate func openSteps(
        _ tenant: TenantID, _ plan: UUID, limit: Int, onlyStarted: Bool
    ) async throws(StageFailure) -> [SealedStep] {
        let rows = try await rows(
            """
            WITH next AS (SELECT wave, state FROM backup.restore_steps WHERE tenant_id = $1 AND plan_id = $2
                AND state IN ('planned', 'started') AND (NOT $4 OR state = 'started') ORDER BY n LIMIT 1)
            SELECT s.n, s.state, s.content FROM backup.restore_steps s JOIN next USING (wave, state)
            WHERE s.tenant_id = $1 AND s.plan_id = $2 AND s.state IN ('planned', 'started') ORDER BY s.n LIMIT $3
            """, [.uuid(tenant.uuid), .uuid(plan), .int64(Int64(limit)), .bool(onlyStarted)])
        return try decoded { () throws(PostgresError) in
            try rows.map { (row) throws(PostgresError) in
                SealedStep(
                    number: try row.int32("n"), isStarted: try row.text("state") == "started",
                    content: try row.bytes("content"))
            }
        }
    }

    /// What the ids have become, and what those have become.
    fileprivate func idMap(_ tenant: TenantID, _ source: TenantID, _ ids: Set<UUID>) async throws(StageFailure)
        -> IDMap
    {
        let rows = try await rows(
            """
            WITH RECURSIVE became AS (
                SELECT old_id, new_id FROM backup.id_map
                WHERE tenant_id = $1 AND source_tenant_id = $2 AND old_id = ANY($3)
                UNION SELECT m.old_id, m.new_id FROM backup.id_map m JOIN became b ON m.old_id = b.new_id
                WHERE m.tenant_id = $1 AND m.source_tenant_id = $1)
            SELECT old_id, new_id FROM became
            """, [.uuid(tenant.uuid), .uuid(source.uuid), .uuidArray(Array(ids))])
        return try decoded { () throws(PostgresError) in
            var map = IDMap()
            for row in rows {
                map.add(ObjectKey(try row.uuid("old_id")).description, ObjectKey(try row.uuid("new_id")).description)
            }
            return map
        }
    }

    /// Those of the ids that the plan was to bring back and could not.
    fileprivate func missing(_ tenant: TenantID, _ plan: UUID, _ ids: Set<UUID>) async throws(StageFailure)
        -> Set<String>
    {
        let rows = try await rows(
            """
            SELECT object_id FROM backup.restore_steps WHERE tenant_id = $1 AND plan_id = $2 AND object_id = ANY($3)
                AND action IN ('create', 'undelete') AND state IN ('failed', 'skipped')
            """, [.uuid(tenant.uuid), .uuid(plan), .uuidArray(Array(ids))])
        return Set(
            try decoded { () throws(PostgresError) in
                try rows.map { (row) throws(PostgresError) in ObjectKey(try row.uuid("object_id")).description }
            })
    }

    /// Objects that the steps would make and that another restore has made since the plan was: it waited for that one.
    fileprivate func madeSince(_ message: Message, _ plan: PlanPosition, _ steps: [RestoreStep])
        async throws(StageFailure) -> Set<String>
    {
        let created = steps.filter { $0.action == .create }.compactMap { ObjectKey($0.id)?.uuid }
        guard !created.isEmpty else { return [] }
        let rows = try await rows(
            """
            SELECT m.old_id FROM backup.id_map m
            JOIN backup.restore_plans p ON p.tenant_id = m.tenant_id AND p.source_tenant_id = m.source_tenant_id
            WHERE m.tenant_id = $1 AND p.plan_id = $3 AND m.old_id = ANY($4) AND m.job_id <> $2 AND m.at > p.created_at
            """, message.jobKey + [.uuid(plan.id), .uuidArray(created)])
        return Set(
            try decoded { () throws(PostgresError) in
                try rows.map { (row) throws(PostgresError) in ObjectKey(try row.uuid("old_id")).description }
            })
    }

    /// Writes results and new ids and moves the position; the fence is the position, and that no other has begun.
    fileprivate func record(
        _ message: Message, _ chunk: RestoreChunk, _ sealed: SealedResults
    ) async throws(StageFailure) -> PlanPosition {
        let results = sealed.results
        let rows = try await rows(
            """
            UPDATE backup.restore_plans p SET position = position + $7
            WHERE tenant_id = $1 AND job_id = $2 AND plan_id = $4 AND position = $5 AND begins = $6
                AND EXISTS (SELECT FROM backup.jobs j WHERE j.tenant_id = p.tenant_id AND j.job_id = p.job_id
                    AND j.epoch = $3 AND j.state = 'running')
            RETURNING plan_id, source_tenant_id, position, begins, cancelling, steps
            """, message.fence(chunk) + [.int32(chunk.begins + 1), .int32(Int32(results.count))])
        guard let row = rows.first else {
            throw StageFailure(.unitFenced, "The steps after \(chunk.position) were done by another worker.")
        }
        let plan = try decoded { () throws(PostgresError) in
            var plan = try PlanPosition(row: row)
            plan.steps = try row.int32("steps")
            return plan
        }
        try await write(results, sealed.contents, message, plan)
        try await add(sealed.became, message.tenant, message.job, plan.source)
        _ = try await self.rows(
            "UPDATE backup.jobs SET objects = $3 WHERE tenant_id = $1 AND job_id = $2",
            message.jobKey + [.int64(Int64(plan.position))])
        return plan
    }

    private func write(
        _ results: [RestoreResult], _ sealed: [[UInt8]], _ message: Message, _ plan: PlanPosition
    ) async throws(StageFailure) {
        guard !results.isEmpty else { return }
        var codes = PostgresArray(.text, capacity: results.count)
        for result in results { codes.append(text: result.code) }
        let written = try await rows(
            """
            UPDATE backup.restore_steps s SET state = r.state, result = r.result, code = r.code,
                differences = r.differences, todos = r.todos, finished_at = clock_timestamp()
            FROM unnest($3::integer[], $4::text[], $5::bytea[], $6::text[], $7::integer[], $8::integer[])
                AS r (n, state, result, code, differences, todos)
            WHERE s.tenant_id = $1 AND s.plan_id = $2 AND s.n = r.n AND s.state = 'started'
            """,
            [
                .uuid(message.tenant.uuid), .uuid(plan.id), .int32Array(results.map { Int32($0.number) }),
                .textArray(results.map(\.outcome.rawValue)), .byteaArray(sealed), .array(codes),
                .int32Array(results.map { Int32($0.differences.count) }),
                .int32Array(results.map { Int32($0.todos.count) }),
            ])
        guard written.affectedRows == results.count else {
            throw StageFailure(.stageDefect, "A result was given for a step that is not in hand.")
        }
    }

    /// The same for what a plan matched: GUIDs only, which are their own keys.
    func add(_ matches: [RestoreResult.NewID], _ tenant: TenantID, _ job: JobID, _ source: TenantID)
        async throws(StageFailure)
    {
        var became: [UUID: NewKey] = [:]
        for match in matches {
            guard let old = ObjectKey(match.from), let new = ObjectKey(match.to) else { continue }
            became[old.uuid] = NewKey(id: new.uuid, type: Catalogue.current[match.type]?.number ?? 0)
        }
        try await add(became, tenant, job, source)
    }

    /// Records what ids became. An object that is made anew a second time is found under both of its earlier ids.
    private func add(_ became: [UUID: NewKey], _ tenant: TenantID, _ job: JobID, _ source: TenantID)
        async throws(StageFailure)
    {
        guard !became.isEmpty else { return }
        let old = Array(became.keys)
        let parameters: [PostgresValue] = [
            .uuid(tenant.uuid), .uuid(source.uuid), .uuid(job.uuid), .uuidArray(old),
            .uuidArray(old.compactMap { became[$0]?.id }),
            .int16Array(old.compactMap { became[$0].map { Int16(bitPattern: $0.type) } }),
        ]
        let upsert = """
            ON CONFLICT (tenant_id, source_tenant_id, old_id) DO UPDATE SET new_id = excluded.new_id,
                type = excluded.type, job_id = excluded.job_id, at = clock_timestamp()
            """
        _ = try await rows(
            """
            INSERT INTO backup.id_map (tenant_id, source_tenant_id, old_id, new_id, type, job_id)
            SELECT DISTINCT ON (m.new_id) $1, $1, m.new_id, i.new_id, i.type, $3
            FROM unnest($4::uuid[], $5::uuid[], $6::smallint[]) AS i (old_id, new_id, type)
            JOIN backup.id_map m ON m.tenant_id = $1 AND m.source_tenant_id = $2 AND m.old_id = i.old_id
            WHERE m.new_id <> i.new_id AND m.new_id <> ALL ($4) \(upsert)
            """, parameters)
        _ = try await rows(
            """
            INSERT INTO backup.id_map (tenant_id, source_tenant_id, old_id, new_id, type, job_id)
            SELECT $1, $2, old_id, new_id, type, $3
            FROM unnest($4::uuid[], $5::uuid[], $6::smallint[]) AS i (old_id, new_id, type) \(upsert)
            """, parameters)
    }
}
