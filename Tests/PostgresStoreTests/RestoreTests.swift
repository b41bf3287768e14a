import BackupContracts
import BackupModel
import Foundation
import LibPQ
import PostgresStore
import Testing

/// Plans, their jobs, and the restorer's side of the store (D10, D11).
@Suite(.timeLimit(.minutes(5))) struct RestoreTests {
    @Test func `a plan is read as it was saved, and nothing of it lies open`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.restorableTenant()
            let plan = RestorePlan.test(tenant, ids: ["a", "b", "c"])
            try await database.admin.savePlan(plan)
            #expect(try await database.admin.restorePlan(plan.id.uuidString) == plan)
            #expect(try await database.admin.plan(tenant, plan.id) == plan)
            let missing = UUID().uuidString
            #expect(try await failureCode { _ = try await database.admin.restorePlan(missing) } == "planNotFound")

            let job = try await database.admin.applyPlan(plan)
            let message = try #require(try await database.messages(of: job.id).first)
            let chunk = try #require(try await database.restorer.chunk(message, limit: 10))
            try await database.restorer.begin(message, chunk)
            var results = chunk.results
            results[0].differences = [.init(path: "/jobTitle", expected: "Zaphod", found: nil)]
            _ = try await database.restorer.finish(message, chunk, results, passesBaton: true)
            for table in ["restore_plans", "restore_steps", "jobs", "messages", "id_map"] {
                for row in try await database.texts("SELECT r::text FROM backup.\(table) r") {
                    for secret in ["Zaphod", Data("Zaphod".utf8).map { String(format: "%02x", $0) }.joined()] {
                        #expect(!row.contains(secret), "\(table)")
                    }
                }
            }
            #expect(try await database.admin.restore(job.id).results == results)
        }
    }

    @Test func `a sealed step opens in its own place only`() async throws {
        try await TestDatabase.with { database in
            let plan = RestorePlan.test(try await database.restorableTenant(), ids: ["a", "b"])
            try await database.admin.savePlan(plan)
            try await database.sql(
                "UPDATE backup.restore_steps s SET content = o.content FROM backup.restore_steps o WHERE s.n <> o.n")
            let code = try await failureCode { _ = try await database.admin.restorePlan(plan.id.uuidString) }
            #expect(code == "storedDataDamaged")
        }
    }

    @Test func `a plan is carried out once, wave by wave, by one worker at a time`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.restorableTenant()
            let plan = RestorePlan.test(tenant, ids: ["a", "b", "c"], waves: [1, 1, 2])
            try await database.admin.savePlan(plan)
            let job = try await database.admin.applyPlan(plan)
            #expect(try await database.admin.applyPlan(plan).id == job.id)
            let message = try #require(try await database.messages(of: job.id).first)
            #expect(try await database.messages(of: job.id).count == 1)

            let first = try #require(try await database.restorer.chunk(message, limit: 10))
            #expect(first.steps == Array(plan.steps.prefix(2)))
            #expect(!first.wasStarted)
            #expect(first.writer.clientID == "writer" && first.reader.clientID == "client")
            try await database.onlyOne { try await database.restorer.begin(message, first) }
            try await database.onlyOne {
                _ = try await database.restorer.finish(message, first, first.results, passesBaton: false)
            }
            let second = try #require(try await database.restorer.chunk(message, limit: 10))
            #expect(second.steps == [plan.steps[2]])
            try await database.restorer.begin(message, second)
            guard
                case .ends(let rest) = try await database.restorer.finish(
                    message, second, second.results, passesBaton: false)
            else { throw TemporaryServer.Failure(message: "the restore goes on") }
            #expect(rest == [])
            let ended = try await database.admin.restore(job.id)
            #expect(ended.job.state == .succeeded && ended.job.done == 3 && ended.job.total == 3)
            #expect(ended.results.map(\.number) == [1, 2, 3])
            #expect(try await database.messages(of: job.id) == [])
        }
    }

    @Test func `steps that were begun come again as begun, and who began them first is fenced`() async throws {
        try await TestDatabase.with { database in
            let (_, message, _) = try await database.startedRestore(ids: ["a", "b"])
            let zombie = try #require(try await database.restorer.chunk(message, limit: 10))
            try await database.restorer.begin(message, zombie)
            let again = try #require(try await database.restorer.chunk(message, limit: 10))
            #expect(again.wasStarted && again.steps == zombie.steps)
            try await database.onlyOne { try await database.restorer.begin(message, again) }
            try await database.restorer.confirm(message, again)
            #expect(try await failureCode { try await database.restorer.confirm(message, zombie) } == "unitFenced")
            let late = try await failureCode {
                _ = try await database.restorer.finish(message, zombie, zombie.results, passesBaton: false)
            }
            #expect(late == "unitFenced")
            #expect(
                try await database.number("SELECT count(*) FROM backup.restore_steps WHERE state = 'started'") == 2)
            _ = try await database.restorer.finish(message, again, again.results, passesBaton: false)
            #expect(try await database.number("SELECT count(*) FROM backup.restore_steps WHERE state = 'done'") == 2)
        }
    }

    @Test func `what ids became is found by later restores, through all restores between`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.restorableTenant()
            let old = UUID.text()
            var ids = [old]
            for _ in 0..<3 {
                // A snapshot from before all restores names it by its first id.
                let (_, message, _) = try await database.startedRestore(tenant, ids: ids)
                let chunk = try #require(try await database.restorer.chunk(message, limit: 10))
                for id in ids { #expect(chunk.map[id] == ids.last) }
                try await database.restorer.begin(message, chunk)
                var results = chunk.results
                let new = UUID.text()
                results[0].newIDs = [.init(type: "user", from: old, to: new)]
                _ = try await database.restorer.finish(message, chunk, results, passesBaton: false)
                ids.append(new)
            }
            let (_, message, _) = try await database.startedRestore(tenant, ids: ids)
            let chunk = try #require(try await database.restorer.chunk(message, limit: 10))
            for id in ids { #expect(chunk.map[id] == ids.last) }
            let type = try #require(Catalogue.current["user"]).number
            #expect(try await database.restorer.known(message, chunk, type) == Set(ids))
        }
    }

    @Test func `what was recognised in another tenant is known before the first step, and for ever`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.restorableTenant()
            let (source, old, live) = (TenantID(uuid: UUID()), UUID.text(), UUID.text())
            var plan = RestorePlan.test(tenant, ids: [old])
            plan.source = source
            plan.matches = [.init(type: "user", from: old, to: live), .init(type: "roleScopeTag", from: "1", to: "2")]
            try await database.admin.savePlan(plan)
            #expect(try await database.admin.plan(tenant, plan.id) == plan)
            #expect(try await database.admin.idMap(tenant, of: source).isEmpty, "nothing holds before it is applied")
            let job = try await database.admin.applyPlan(plan)
            let message = try #require(try await database.messages(of: job.id).first)
            let chunk = try #require(try await database.restorer.chunk(message, limit: 10))
            #expect(chunk.map[old] == live)
            let own = RestorePlan.test(tenant, ids: [live])
            try await database.admin.savePlan(own)
            let other = try await database.admin.applyPlan(own)
            #expect(other.waitingFor == job.id, "it touches the same object, named by its own id")
            _ = try await database.runRestore(message)
            #expect(try await database.admin.restore(job.id).touched == [live])
            #expect(try await database.admin.idMap(tenant, of: source)[old] == live)
            #expect(try await database.admin.idMap(tenant, of: tenant).isEmpty, "the tenant's own ids stay")
        }
    }

    @Test func `warnings are codes and counts, and a restore of which nothing was done has failed`() async throws {
        try await TestDatabase.with { database in
            let (job, message, _) = try await database.startedRestore(ids: ["a", "b", "c"], todos: 2)
            let chunk = try #require(try await database.restorer.chunk(message, limit: 10))
            try await database.restorer.begin(message, chunk)
            var results = chunk.results
            results[0].differences = [.init(path: "/jobTitle", expected: "x", found: nil)]
            results[1] = RestoreResult(number: 2, outcome: .failed, message: "m", code: "Request_BadRequest")
            results[2] = RestoreResult(number: 3, outcome: .skipped, message: "m", code: "referenceMissing")
            _ = try await database.restorer.finish(message, chunk, results, passesBaton: false)
            let ended = try await database.admin.job(job.id)
            #expect(ended.state == .succeededWithWarnings)
            #expect(ended.warnings.map(\.code) == ["stepsFailed", "stepsSkipped", "differences", "todos"])
            #expect(ended.warnings[0].message == "1 step failed: Request_BadRequest 1.")

            let (other, request, _) = try await database.startedRestore(ids: ["a"])
            let only = try #require(try await database.restorer.chunk(request, limit: 10))
            try await database.restorer.begin(request, only)
            let failed = [RestoreResult(number: 1, outcome: .failed, message: "m", code: "x")]
            _ = try await database.restorer.finish(request, only, failed, passesBaton: false)
            #expect(try await database.admin.job(other.id).errorCode == "restoreFailed")
        }
    }

    @Test func `a restore waits for every one that touches a same object`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.restorableTenant()
            let (x, y) = (UUID.text(), UUID.text())
            let (first, one, _) = try await database.startedRestore(tenant, ids: [x])
            let (second, two, _) = try await database.startedRestore(tenant, ids: [y])
            let third = RestorePlan.test(tenant, ids: [x, y])
            try await database.admin.savePlan(third)
            let waiting = try await database.admin.applyPlan(third)
            #expect(waiting.state == .queued && waiting.waitingFor == second.id)
            #expect(try await database.messages(of: waiting.id) == [])
            #expect(try await database.runRestore(two) == [])
            #expect(try await database.admin.job(waiting.id).waitingFor == first.id)
            let released = try await database.runRestore(one)
            #expect(released.map(\.job) == [waiting.id] && released.map(\.kind) == [.restoreReady])
            #expect(try await database.messages(of: waiting.id) == released)
            #expect(try await database.runRestore(try #require(released.first)) == [])
            #expect(try await database.admin.job(waiting.id).state == .succeeded)
        }
    }

    @Test func `a queued restore is cancelled at once, a running one after the steps in hand, and both can go on`()
        async throws
    {
        try await TestDatabase.with { database in
            let tenant = try await database.restorableTenant()
            let (job, message, plan) = try await database.startedRestore(tenant, ids: ["a", "b"], waves: [1, 2])
            let chunk = try #require(try await database.restorer.chunk(message, limit: 10))
            try await database.restorer.begin(message, chunk)
            #expect(try await database.admin.cancelJob(job.id).state == .running)
            #expect(try await database.admin.restore(job.id).isCancelling)
            _ = try await database.restorer.finish(message, chunk, chunk.results, passesBaton: false)
            let stopped = try await database.admin.restore(job.id)
            #expect(stopped.job.state == .cancelled && stopped.results.map(\.number) == [1])
            #expect(stopped.job.warnings.map(\.code) == ["stepsOpen"])
            #expect(try await database.messages(of: job.id) == [])

            #expect(try await database.admin.retryJob(job.id).state == .queued)
            let again = try #require(try await database.messages(of: job.id).first)
            #expect(again.epoch == 2)
            #expect(try await database.restorer.chunk(again, limit: 10)?.steps == [plan.steps[1]])
            #expect(try await failureCode { try await database.restorer.begin(message, chunk) } == "unitFenced")

            let (queued, _, _) = try await database.startedRestore(tenant, ids: ["c"])
            #expect(try await database.admin.cancelRestore(queued.id).state == .cancelled)
            #expect(try await database.messages(of: queued.id) == [])
        }
    }

    @Test func `a cancelled restore whose worker died ends with the steps that this one had in hand`() async throws {
        try await TestDatabase.with { database in
            let (job, message, plan) = try await database.startedRestore(ids: ["a", "b", "c"], waves: [1, 1, 2])
            let lost = try #require(try await database.restorer.chunk(message, limit: 10))
            try await database.restorer.begin(message, lost)
            #expect(try await database.admin.cancelRestore(job.id).state == .running)
            let again = try #require(try await database.restorer.chunk(message, limit: 10))
            #expect(again.isLast && again.wasStarted && again.steps == Array(plan.steps.prefix(2)))
            try await database.restorer.begin(message, again)
            _ = try await database.restorer.finish(message, again, again.results, passesBaton: false)
            let ended = try await database.admin.restore(job.id)
            #expect(ended.job.state == .cancelled && ended.results.map(\.number) == [1, 2])
            #expect(try await database.messages(of: job.id) == [])
        }
    }

    @Test func `a restore that was cancelled before it began a step begins none`() async throws {
        try await TestDatabase.with { database in
            let (job, message, _) = try await database.startedRestore(ids: ["a"])
            let chunk = try #require(try await database.restorer.chunk(message, limit: 10))
            #expect(try await database.admin.cancelRestore(job.id).state == .cancelled)
            #expect(try await failureCode { try await database.restorer.begin(message, chunk) } == "unitFenced")
            let late = try await failureCode { _ = try await database.restorer.chunk(message, limit: 10) }
            #expect(late == "unitFenced")
        }
    }

    @Test func `a pause keeps what was done, and the rest comes back as begun`() async throws {
        try await TestDatabase.with { database in
            let (job, message, plan) = try await database.startedRestore(ids: ["a", "b", "c"])
            let chunk = try #require(try await database.restorer.chunk(message, limit: 10))
            try await database.restorer.begin(message, chunk)
            let baton = try #require(
                try await database.restorer.pause(message, chunk, [chunk.results[1]], after: .seconds(60)).first)
            #expect(
                try await database.number(
                    "SELECT count(*) FROM backup.messages WHERE visible_at > clock_timestamp() + interval '50 seconds'"
                ) == 1)
            let rest = try #require(try await database.restorer.chunk(baton, limit: 10))
            #expect(rest.wasStarted && rest.steps == [plan.steps[0], plan.steps[2]])
            #expect(try await database.admin.restore(job.id).results.map(\.number) == [2])
        }
    }

    @Test func `a cancelled restore is ended at once, although its pause was just looked into`() async throws {
        try await TestDatabase.with { database in
            let (job, message, _) = try await database.startedRestore(ids: ["a", "b"])
            let chunk = try #require(try await database.restorer.chunk(message, limit: 10))
            try await database.restorer.begin(message, chunk)
            let baton = try #require(
                try await database.restorer.pause(message, chunk, [chunk.results[1]], after: .seconds(600)).first)
            // Whoever begins it is fenced, and nobody else would take it for a minute.
            _ = try await database.restorer.start(baton)
            #expect(try await database.admin.cancelRestore(job.id).state == .running)
            #expect(try await database.scheduler.takeUnpublished(limit: 10).map(\.id) == [baton.id])
        }
    }

    @Test func `only restores see the credential that writes`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.restorableTenant()
            #expect(try await database.admin.writeAccess(tenant)?.clientID == "writer")
            #expect(try await database.admin.directoryConnection(tenant).clientID == "client")
            let fetcher = try await database.connect("fetcher")
            let purposes = try await fetcher.transaction { connection in
                _ = try await connection.query(
                    "SELECT set_config('backup.tenant', $1, true)", [.text(tenant.description)])
                return try await connection.query("SELECT purpose FROM backup.tenant_credentials").map {
                    (row) throws(PostgresError) in try row.text(0)
                }
            }
            #expect(purposes == ["read"])
            let (_, message, _) = try await database.startedRestore(tenant, ids: ["a"])
            #expect(try await database.admin.removeWriteAccess(tenant))
            #expect(try await !database.admin.removeWriteAccess(tenant))
            #expect(try await database.admin.writeConnection(tenant) == nil)
            let code = try await failureCode { _ = try await database.restorer.chunk(message, limit: 1) }
            #expect(code == "writeAccessMissing")
        }
    }
}

extension RestorePlan {
    /// Updates of users, in one wave unless said otherwise.
    fileprivate static func test(_ tenant: TenantID, ids: [String], waves: [Int]? = nil, todos: Int = 0) -> RestorePlan
    {
        let steps = ids.enumerated().map { index, id in
            RestoreStep(
                number: index + 1, wave: waves?[index] ?? 1, action: .update, type: "user", id: id,
                displayName: "Zaphod",
                attributes: [.init(path: JSONPointer(["jobTitle"]), from: nil, to: "Zaphod")], reason: "it differs")
        }
        return RestorePlan(
            tenant: tenant, source: tenant, snapshot: 1, liveSnapshot: 2,
            options: RestoreOptions(breakGlass: "Zaphod"), steps: steps,
            conflicts: [RestoreConflict(code: "c", type: "user", id: "a", message: "Zaphod", hint: "h")],
            todos: (0..<todos).map { RestoreTodo(code: "newPassword", type: "user", id: "\($0)", message: "m") })
    }
}

extension RestoreChunk {
    /// Everything done and verified.
    fileprivate var results: [RestoreResult] {
        steps.map { RestoreResult(number: $0.number, outcome: .done, verified: true) }
    }
}

extension UUID {
    fileprivate static func text() -> String { UUID().uuidString.lowercased() }
}

extension TestDatabase {
    /// A tenant with write access.
    func restorableTenant() async throws -> TenantID {
        let tenant = try await addTenant()
        try await admin.setWriteAccess(tenant, clientID: "writer", .clientSecret("w"), expiresAt: nil)
        return tenant
    }

    /// Saves and applies a plan. Returns the job and its message.
    fileprivate func startedRestore(
        _ tenant: TenantID? = nil, ids: [String], waves: [Int]? = nil, todos: Int = 0
    ) async throws -> (job: JobRecord, message: Message, plan: RestorePlan) {
        let owner: TenantID
        if let tenant { owner = tenant } else { owner = try await restorableTenant() }
        let plan = RestorePlan.test(owner, ids: ids, waves: waves, todos: todos)
        try await admin.savePlan(plan)
        let job = try await admin.applyPlan(plan)
        return (job, try #require(try await messages(of: job.id).first), plan)
    }

    /// Does all steps of a restore. Returns what follows.
    fileprivate func runRestore(_ message: Message) async throws -> [Message] {
        while let chunk = try await restorer.chunk(message, limit: 10) {
            try await restorer.begin(message, chunk)
            if case .ends(let rest) = try await restorer.finish(message, chunk, chunk.results, passesBaton: false) {
                return rest
            }
        }
        return []
    }

    /// Runs the body as several workers at once: all but one are fenced.
    fileprivate func onlyOne(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let codes = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<5 { group.addTask { try await failureCode(body) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(codes.filter { $0 == nil }.count == 1)
        #expect(codes.filter { $0 == "unitFenced" }.count == 4)
    }
}
