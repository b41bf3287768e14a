import BackupContracts
import BackupModel
import LibPQ
import PostgresStore
import Testing

/// Jobs as administrators see them, and which of them waits for which.
@Suite(.timeLimit(.minutes(5))) struct JobTests {
    @Test func `jobs are listed as each of them is shown, newest first and of all tenants`() async throws {
        try await TestDatabase.with { database in
            let admin = database.admin
            var all: [JobID] = []
            for items in 1...2 {
                let tenant = try await database.addTenant()
                try await database.backUp(tenant, [Types.user: Listing([ObjectKey(high: 1, low: 1): "{}"])])
                let (request, walks) = try await database.openRound(tenant, [Types.user])
                _ = try await database.fetch(walks[0], items: items)
                let job = try await admin.job(request.job)
                #expect(job.done == Int64(items) && job.total == 1)
                let ended = try await admin.jobs(kind: nil, state: .succeeded, tenant: tenant, limit: 1)
                all += ended.map(\.id) + [job.id]
            }
            let listed = try await admin.jobs(kind: .backup, state: nil, tenant: nil, limit: 100)
            #expect(listed.map(\.id) == all.reversed())
            for job in listed { #expect(try await admin.job(job.id) == job) }
            #expect(try await admin.jobs(kind: nil, state: .running, tenant: nil, limit: 1).map(\.id) == [all[3]])
            #expect(try await admin.jobs(kind: .restore, state: nil, tenant: nil, limit: 9) == [])
        }
    }

    @Test(arguments: ["asked for", "started again"])
    func `a backup does not wait for one that is just ending`(how: String) async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let (cancelled, _) = try await database.openRound(tenant, [Types.user])
            _ = try await database.admin.cancelJob(cancelled.job)
            let (running, _) = try await database.openRound(tenant, [Types.user])
            // As the stage that ends it does, and just before it commits.
            let ending = try await database.connect("persister")
            try await ending.execute("BEGIN")
            try await ending.execute("SET LOCAL backup.tenant = '\(tenant)'")
            _ = try await ending.query(
                "UPDATE backup.jobs SET state = 'failed', finished_at = now() WHERE job_id = $1",
                [.uuid(running.job.uuid)])
            _ = try await ending.query(
                "UPDATE backup.jobs SET waiting_for = NULL WHERE waiting_for = $1", [.uuid(running.job.uuid)])
            let starting = Task {
                how == "asked for"
                    ? try await database.admin.startBackup(tenant, types: nil, full: true).job
                    : try await database.admin.retryJob(cancelled.job)
            }
            try await eventually { try await database.isWaiting("operator") }
            try await ending.execute("COMMIT")
            let job = try await starting.value
            #expect(job.state == .queued && job.waitingFor == nil)
            #expect(try await database.messages(of: job.id).map(\.kind) == [.backupRequested])
        }
    }

    @Test func `a backup that is started again is queued behind the one that runs`() async throws {
        try await TestDatabase.with { database in
            let admin = database.admin
            let tenant = try await database.addTenant()
            var ended: [JobID] = []
            for _ in 0..<2 {
                ended.append(try await database.openRound(tenant, [Types.user]).request.job)
                _ = try await admin.cancelJob(ended[ended.count - 1])
            }
            let (running, _) = try await database.openRound(tenant, [Types.user])
            let waiting = try await admin.retryJob(ended[0])
            #expect(waiting.state == .queued && waiting.waitingFor == running.job)
            #expect(try await database.messages(of: ended[0]) == [])
            #expect(try await failureCode { _ = try await admin.retryJob(ended[1]) } == "backupUnderWay")

            _ = try await admin.cancelJob(running.job)
            #expect(try await admin.job(ended[0]).waitingFor == nil)
            let message = try #require(try await database.messages(of: ended[0]).first)
            #expect(message.epoch == 2)
            #expect(try await database.fetcher.opening(message) != nil)
        }
    }

    @Test func `a job that was cancelled while it waited waits for nothing when it is started again`() async throws {
        try await TestDatabase.with { database in
            let admin = database.admin
            let tenant = try await database.addTenant()
            let (running, _) = try await database.openRound(tenant, [Types.user])
            let waiting = try await admin.startBackup(tenant, types: nil, full: true).job
            #expect(waiting.waitingFor == running.job)
            for job in [waiting.id, running.job] { _ = try await admin.cancelJob(job) }
            #expect(try await admin.retryJob(waiting.id).waitingFor == nil)
            #expect(try await database.messages(of: waiting.id).map(\.kind) == [.backupRequested])
        }
    }
}
