import BackupContracts
import BackupModel
import LibPQ
import PostgresStore
import Testing

/// The shared budget of a tenant's Graph quota (D12). Time is that of the database, moved by changing its rows.
@Suite(.timeLimit(.minutes(5))) struct BudgetTests {
    /// Lets so many seconds pass for a tenant's budgets.
    private func pass(_ seconds: Double, _ database: TestDatabase) async throws {
        try await database.sql(
            """
            UPDATE backup.budgets SET refreshed_at = refreshed_at - make_interval(secs => $1),
                paused_until = paused_until - make_interval(secs => $1)
            """, [.double(seconds)])
    }

    private func units(_ answer: BudgetAnswer) -> Int? {
        if case .granted(let units, _) = answer { units } else { nil }
    }

    private func wait(_ answer: BudgetAnswer) -> Duration? {
        if case .wait(let duration) = answer { duration } else { nil }
    }

    @Test func `many fetchers that draw at once never exceed what flows in`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let stores = (0..<4).map { _ in database.another("fetcher", connections: 2) }
            // A full bucket, held until all of them are at its door, so that none sees what another has drawn.
            _ = try await database.fetcher.draw(1, tenant: tenant, scope: .intune)
            try await pass(3_600, database)
            let blocker = try await database.server.connect(database: database.name)
            try await blocker.execute("BEGIN; SELECT FROM backup.budgets FOR UPDATE")
            let began = try await now(database)
            let granted = try await withThrowingTaskGroup(of: Int.self) { group in
                for store in stores {
                    for _ in 0..<2 { group.addTask { try await Self.drawRepeatedly(store, tenant) } }
                }
                try await eventually { try await database.isWaiting("fetcher", count: 8) }
                try await blocker.execute("ROLLBACK")
                return try await group.reduce(0, +)
            }
            await blocker.close()
            let seconds = try await now(database) - began
            // Intune: 1,000 requests in 20 seconds; a bucket of 50, and 950 flow in over the window.
            #expect(granted >= 50)
            #expect(Double(granted) <= 50 + 47.5 * seconds)
        }
    }

    @Test(arguments: ["fetcher", "restorer", "operator"])
    func `every role that asks Graph draws from the budget, and may pause it`(_ role: String) async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            try await database.backUp(tenant, [Types.user: Listing([ObjectKey(high: 1, low: 1): "{}"])])
            let store = database.another(role)
            for scope in [ThrottleScope.identityWrites, .identity] {
                #expect(units(try await store.draw(1, tenant: tenant, scope: scope)) ?? 0 >= 1)
                try await store.pause(.seconds(5), tenant: tenant, scope: scope)
                #expect(wait(try await store.draw(1, tenant: tenant, scope: scope)) ?? .zero > .seconds(3))
            }
        }
    }

    private static func drawRepeatedly(_ store: PostgresStore, _ tenant: TenantID) async throws -> Int {
        var sum = 0
        for _ in 0..<30 {
            let answer = try await store.draw(7, tenant: tenant, scope: .intune)
            if case .granted(let units, _) = answer { sum += units }
        }
        return sum
    }

    private func now(_ database: TestDatabase) async throws -> Double {
        try await database.sql("SELECT extract(epoch FROM clock_timestamp())::double precision AS n").onlyRow()
            .double("n")
    }

    @Test func `over any window the slices stay within the quota`() async throws {
        try await TestDatabase.with { database in
            var numbers = SeededNumbers("budget")
            let tenant = try await database.addTenant()
            // Ten seconds in steps of chance, and whatever real time the statements take on top.
            let steps = (0..<40).map { _ in Double.random(in: 0..<0.5, using: &numbers) }
            let began = try await database.sql("SELECT clock_timestamp() AS t").onlyRow().timestamp("t")
            var granted = 0
            for step in steps {
                while true {
                    let answer = try await database.fetcher.draw(25, tenant: tenant, scope: .identity)
                    guard let units = units(answer) else { break }
                    granted += units
                }
                try await pass(step, database)
            }
            let real = try await database.sql(
                "SELECT extract(epoch FROM clock_timestamp() - $1)::double precision AS n", [.timestamptz(began)]
            ).onlyRow().double("n")
            let window = steps.reduce(0, +) + real
            // A small tenant: 3,500 units in 10 seconds, in slices of a twentieth.
            #expect(Double(granted) <= 175 + 332.5 * window)
            #expect(Double(granted) >= min(3_500, 332.5 * steps.dropLast().reduce(0, +) * 0.9))
        }
    }

    @Test func `an empty bucket says how long to wait, and that is enough`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            func draw() async throws -> BudgetAnswer {
                try await database.fetcher.draw(1, tenant: tenant, scope: .reports)
            }
            // 5 requests in 10 seconds: a burst of three, then one in five seconds.
            #expect(units(try await draw()) == 3)
            let pause = try #require(wait(try await draw()))
            #expect(pause > .zero && pause <= .milliseconds(5_001))
            try await pass(pause / .seconds(1), database)
            #expect(units(try await draw()) == 1)
            #expect(wait(try await draw()) != nil)
            // A long silence fills the bucket and no more.
            try await pass(3_600, database)
            #expect(units(try await draw()) == 3)
        }
    }

    @Test func `a request dearer than the bucket is let through when it is full, and paid off afterwards`() async throws
    {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            func draw(_ units: Int) async throws -> BudgetAnswer {
                try await database.fetcher.draw(units, tenant: tenant, scope: .intune)
            }
            #expect(units(try await draw(120)) == 120)
            // 70 owed at 47.5 a second, and 50 wanted on top.
            let pause = try #require(wait(try await draw(50)))
            #expect(pause > .milliseconds(1_500) && pause <= .milliseconds(2_528))
            try await pass(pause / .seconds(1), database)
            #expect(units(try await draw(50)) == 50)
        }
    }

    @Test func `a pause holds for everyone in its scope until it is over`() async throws {
        try await TestDatabase.with { database in
            let (tenant, other) = (try await database.addTenant(), try await database.addTenant())
            let (one, two) = (database.fetcher, database.another("fetcher"))
            #expect(units(try await two.draw(1, tenant: tenant, scope: .identity)) != nil)
            try await one.pause(.seconds(300), tenant: tenant, scope: .identity)
            // A shorter one does not shorten it.
            try await two.pause(.seconds(5), tenant: tenant, scope: .identity)
            let left = try #require(wait(try await two.draw(1, tenant: tenant, scope: .identity)))
            #expect(left > .seconds(200) && left <= .seconds(301))
            #expect(units(try await two.draw(1, tenant: tenant, scope: .intune)) != nil)
            #expect(units(try await two.draw(1, tenant: other, scope: .identity)) != nil)
            try await pass(301, database)
            #expect(units(try await two.draw(1, tenant: tenant, scope: .identity)) != nil)
        }
    }

    @Test func `a scope without a limit grants at once`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            #expect(units(try await database.fetcher.draw(9, tenant: tenant, scope: .none)) == .max)
            #expect(try await database.number("SELECT count(*) FROM backup.budgets") == 0)
        }
    }

    struct WriteQuota: Sendable, CustomTestStringConvertible {
        var scope: ThrottleScope
        /// Writes in a window of so many seconds.
        var quota: Double
        var window: Double
        /// Writes that go together.
        var lot: Int

        var testDescription: String { scope.rawValue }
    }

    static let writeQuotas = [
        WriteQuota(scope: .identityWrites, quota: 3_000, window: 150, lot: 20),
        WriteQuota(scope: .intuneWrites, quota: 100, window: 20, lot: 5),
    ]

    /// See <https://learn.microsoft.com/graph/throttling-limits>.
    @Test(arguments: writeQuotas)
    func `restorers together use nearly all of the write quota and no more`(_ limit: WriteQuota) async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let stores = [database.fetcher, database.another("fetcher")]
            let began = try await now(database)
            var (granted, waited) = (0, 0.0)
            for index in 0..<120 {
                switch try await stores[index % 2].draw(limit.lot, tenant: tenant, scope: limit.scope) {
                case .granted(let units, _): granted += units
                case .wait(let pause):
                    waited += pause / .seconds(1)
                    try await pass(pause / .seconds(1), database)
                }
            }
            let window = try await now(database) - began + waited
            let rate = limit.quota / limit.window
            #expect(Double(granted) <= limit.quota / 20 + 0.95 * rate * window)
            #expect(Double(granted + limit.lot) >= 0.95 * rate * waited)
        }
    }

    @Test(arguments: [(49, 175), (50, 250), (500, 250), (501, 400)])
    func `the quota grows with the users of the newest snapshot`(users: Int, slice: Int) async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            try await database.backUp(tenant, [Types.user: Listing()])
            try await database.sql("UPDATE backup.snapshot_collections SET objects = $1", [.int64(Int64(users))])
            #expect(units(try await database.fetcher.draw(1, tenant: tenant, scope: .identity)) == slice)
        }
    }
}
