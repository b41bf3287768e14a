import BackupContracts
import BackupModel
import LibPQ
import PostgresStore
import Testing

/// Retention: what it takes away and what it must leave.
@Suite(.timeLimit(.minutes(5))) struct RetentionTests {
    /// Makes snapshots up to a number older than the tenant keeps them, and the tenant due.
    private func age(_ database: TestDatabase, upTo number: Int) async throws {
        try await database.sql(
            "UPDATE backup.snapshots SET sealed_at = now() - interval '91 days' WHERE number <= $1",
            [.int32(Int32(number))])
        try await makeDue(database)
    }

    private func makeDue(_ database: TestDatabase) async throws {
        try await database.sql("UPDATE backup.schedule SET next_retention_at = now() - interval '1 s'")
    }

    private func numbers(_ database: TestDatabase, _ tenant: TenantID) async throws -> [SnapshotNumber] {
        try await database.admin.snapshots(tenant).map(\.number).sorted()
    }

    @Test func `kept snapshots stay whole whatever is taken away before them`() async throws {
        try await TestDatabase.with { database in
            var random = SeededNumbers("retention")
            let tenant = try await database.addTenant()
            let keys = (0..<10).map { _ in random.key() }
            var states: [Listing] = []
            for _ in 0..<6 {
                states.append(HistoryTests.evolve(states.last ?? Listing(), keys, &random))
                try await database.backUp(tenant, [Types.group: states[states.count - 1]])
            }
            for gone in [1, 3, 4, 6] {
                try await age(database, upTo: gone)
                #expect(try await database.scheduler.applyRetention())
                // The newest stays, however old.
                let first = min(gone + 1, states.count)
                #expect(try await numbers(database, tenant) == (first...states.count).map { SnapshotNumber($0) })
                for number in first...states.count {
                    let snapshot = SnapshotNumber(number)
                    #expect(try await database.listing(tenant, Types.group, at: snapshot) == states[number - 1])
                    #expect(try await database.admin.verify(tenant, snapshot).isSound)
                }
                try await expectNothingLeftOver(database)
            }
            // The next round builds on what is left.
            let next = HistoryTests.evolve(states[5], keys, &random)
            #expect(try await database.backUp(tenant, [Types.group: next]) == 7)
            #expect(try await database.listing(tenant, Types.group, at: 7) == next)
            #expect(try await database.admin.verify(tenant, 7).isSound)
        }
    }

    @Test func `a listing of a snapshot that was taken away fails instead of being short`() async throws {
        try await TestDatabase.with { database in
            var random = SeededNumbers("short listing")
            let tenant = try await database.addTenant()
            let keys = (0..<10).map { _ in random.key() }
            let first = HistoryTests.evolve(Listing(), keys, &random)
            try await database.backUp(tenant, [Types.group: first])
            try await database.backUp(tenant, [Types.group: HistoryTests.evolve(first, keys, &random)])
            try await age(database, upTo: 1)
            #expect(try await database.scheduler.applyRetention())
            await #expect(throws: AccountError.self) {
                _ = try await database.listing(tenant, Types.group, at: 1)
            }
        }
    }

    /// Nothing that no kept snapshot sees.
    private func expectNothingLeftOver(_ database: TestDatabase) async throws {
        #expect(
            try await database.number(
                """
                SELECT count(*) FROM backup.contents c WHERE NOT EXISTS (SELECT FROM backup.object_versions v
                    WHERE v.tenant_id = c.tenant_id AND v.digest = c.digest)
                """) == 0)
        for table in ["object_versions", "link_versions"] {
            #expect(
                try await database.number(
                    """
                    SELECT count(*) FROM backup.\(table) v WHERE NOT EXISTS (SELECT FROM backup.snapshots s
                        WHERE s.tenant_id = v.tenant_id AND s.number >= v.from_snapshot AND s.number < v.to_snapshot)
                    """) == 0, "\(table)")
        }
        #expect(
            try await database.number(
                """
                SELECT count(*) FROM backup.snapshot_collections c WHERE NOT EXISTS (SELECT FROM backup.snapshots s
                    WHERE s.tenant_id = c.tenant_id AND s.number = c.number)
                """) == 0)
    }

    @Test func `a content stays while any kept version names it`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let user = ObjectKey(high: 8, low: 1)
            let (one, two) = (Listing([user: #"{"displayName":"1"}"#]), Listing([user: #"{"displayName":"2"}"#]))
            // The third state is the first again: one content, two versions.
            for state in [one, two, one] { try await database.backUp(tenant, [Types.user: state]) }
            #expect(try await database.number("SELECT count(*) FROM backup.contents") == 2)
            try await age(database, upTo: 1)
            #expect(try await database.scheduler.applyRetention())
            #expect(try await database.number("SELECT count(*) FROM backup.object_versions") == 2)
            #expect(try await database.number("SELECT count(*) FROM backup.contents") == 2)
            #expect(try await database.listing(tenant, Types.user, at: 2) == two)
            #expect(try await database.listing(tenant, Types.user, at: 3) == one)
            try await age(database, upTo: 2)
            #expect(try await database.scheduler.applyRetention())
            #expect(try await database.number("SELECT count(*) FROM backup.contents") == 1)
            #expect(try await database.listing(tenant, Types.user, at: 3) == one)
        }
    }

    @Test func `tenants are taken one at a time, each only when due, and never another's rows`() async throws {
        try await TestDatabase.with { database in
            let tenants = [try await database.addTenant(), try await database.addTenant()]
            let user = ObjectKey(high: 8, low: 2)
            for tenant in tenants {
                for text in ["1", "2"] {
                    try await database.backUp(tenant, [Types.user: Listing([user: #"{"displayName":"\#(text)"}"#])])
                }
            }
            try await age(database, upTo: 1)
            #expect(try await database.scheduler.applyRetention())
            let left = [try await numbers(database, tenants[0]), try await numbers(database, tenants[1])]
            #expect(Set(left) == [[2], [1, 2]])
            #expect(try await database.scheduler.applyRetention())
            #expect(try await numbers(database, tenants[0]) == [2])
            #expect(try await numbers(database, tenants[1]) == [2])
            #expect(try await database.scheduler.applyRetention() == false)
        }
    }

    @Test(arguments: [("90d", [2]), ("91d", [1, 2]), ("7y", [1, 2]), ("forever", [1, 2]), ("nonsense", [1, 2])])
    func `how long is kept is the tenant's setting`(retention: String, kept: [Int]) async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            for _ in 0..<2 { try await database.backUp(tenant, [Types.user: Listing()]) }
            var record = try await database.admin.tenant("\(tenant)")
            record.retention = retention
            _ = try await database.admin.configure(record)
            // A day and half a day beyond ninety: inside ninety-one days.
            try await database.sql(
                "UPDATE backup.snapshots SET sealed_at = now() - interval '90 days 12 hours' WHERE number = 1")
            try await makeDue(database)
            #expect(try await database.scheduler.applyRetention() == (retention != "forever"))
            #expect(try await numbers(database, tenant) == kept.map { SnapshotNumber($0) })
        }
    }

    @Test func `a round that runs keeps what it has read and what it builds on`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let states = try await threeStates(database, tenant)
            let (_, walks) = try await database.openRound(tenant, [Types.user])
            let page = try await database.fetch(try #require(walks.first))
            let walked = try #require(try await database.sight(page, states[2]).first)
            try await age(database, upTo: 1)
            #expect(try await database.scheduler.applyRetention() == false)
            #expect(try await numbers(database, tenant) == [1, 2])
            try await finish(database, walked)
            #expect(try await database.listing(tenant, Types.user, at: 3) == states[2])
            #expect(try await database.admin.verify(tenant, 3).isSound)
        }
    }

    /// Two snapshots; the third state is not backed up, and holds one content that only the first has, and a new one.
    private func threeStates(_ database: TestDatabase, _ tenant: TenantID) async throws -> [Listing] {
        let (user, other) = (ObjectKey(high: 8, low: 3), ObjectKey(high: 8, low: 4))
        let states = [
            Listing([user: #"{"displayName":"1"}"#]), Listing([user: #"{"displayName":"2"}"#]),
            Listing([user: #"{"displayName":"1"}"#, other: #"{"displayName":"new"}"#]),
        ]
        for state in states.prefix(2) { try await database.backUp(tenant, [Types.user: state]) }
        return states
    }

    private func finish(_ database: TestDatabase, _ walked: Message) async throws {
        let sealing = try #require(try await database.settle(walked).first)
        _ = try await database.persister.seal(sealing)
    }

    @Test func `a parked round that is taken up again finds all that it had read`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let states = try await threeStates(database, tenant)
            let (_, walks) = try await database.openRound(tenant, [Types.user])
            let page = try await database.fetch(try #require(walks.first))
            let walked = try #require(try await database.sight(page, states[2]).first)
            #expect(try await database.persister.fail(walked, StageFailure(.keyWrong, "x"), delay: .zero))
            try await age(database, upTo: 1)
            _ = try await database.scheduler.applyRetention()
            #expect(try await database.admin.retryDeadLetter(walked.id) == [walked.id])
            try await finish(database, walked)
            let report = try await database.admin.verify(tenant, 3)
            #expect(report.damaged == [])
            #expect(try await database.listing(tenant, Types.user, at: 3) == states[2])

            // Once a later snapshot stands the tenant is due again.
            try await age(database, upTo: 2)
            #expect(try await database.scheduler.applyRetention())
            #expect(try await numbers(database, tenant) == [3])
            #expect(try await database.admin.verify(tenant, 3).isSound)
        }
    }

    @Test func `a round that begins while retention works waits for it`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let states = try await threeStates(database, tenant)
            try await age(database, upTo: 1)
            // Retention stands still before the contents, which are the last that it takes away.
            let blocker = try await database.server.connect(database: database.name)
            try await blocker.execute("BEGIN; LOCK TABLE backup.contents IN ACCESS EXCLUSIVE MODE")
            let scheduler = database.scheduler
            async let retained = scheduler.applyRetention()
            try await eventually { try await database.isWaiting("scheduler") }
            // Now a round begins, and sees the contents that are about to go.
            let (job, _) = try await database.admin.startBackup(tenant, types: nil, full: false)
            let request = try #require(try await database.messages(of: job.id).first)
            _ = try #require(try await database.fetcher.opening(request))
            let fetcher = database.fetcher
            async let opened = fetcher.openRound(request, [CollectionPlan(type: Types.user, mode: .complete)])
            try await eventually { try await database.isWaiting("fetcher") }
            try await blocker.execute("ROLLBACK")
            await blocker.close()
            #expect(try await retained)
            let walk = try #require(try await opened.first)
            let page = try await database.fetch(walk)
            try await finish(database, try #require(try await database.sight(page, states[2]).first))
            #expect(try await numbers(database, tenant) == [2, 3])
            #expect(try await database.admin.verify(tenant, 3).isSound)
            #expect(try await database.listing(tenant, Types.user, at: 3) == states[2])
        }
    }

    @Test func `a snapshot that is taken away while it is verified is not there, and not damaged`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            _ = try await threeStates(database, tenant)
            let blocker = try await database.server.connect(database: database.name)
            // A verification stands still when it wants the keys; retention needs none.
            try await blocker.execute("BEGIN; LOCK TABLE backup.tenant_keys IN ACCESS EXCLUSIVE MODE")
            let admin = database.admin
            let verification = Task { try await failureCode { _ = try await admin.verify(tenant, 1) } }
            try await eventually { try await database.isWaiting("operator") }
            try await age(database, upTo: 1)
            #expect(try await database.scheduler.applyRetention())
            try await blocker.execute("ROLLBACK")
            await blocker.close()
            #expect(try await verification.value == "snapshotNotFound")
        }
    }
}
