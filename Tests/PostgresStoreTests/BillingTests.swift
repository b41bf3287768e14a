import AccountModel
import BackupContracts
import BackupModel
import Foundation
import LibPQ
import PostgresStore
import Testing

/// How protected users are taken down, and what a month's bill makes of it.
@Suite(.timeLimit(.minutes(5))) struct BillingTests {
    private func users(_ count: Int) -> Listing {
        Listing(
            Dictionary(
                uniqueKeysWithValues: (0..<count).map {
                    (ObjectKey(high: 9, low: UInt64($0)), "{\"displayName\":\"u\($0)\"}")
                }))
    }

    /// What the seal of a snapshot takes down.
    private func count(_ database: TestDatabase, _ tenant: TenantID, _ users: Int64) async throws {
        try await database.sql(
            """
            INSERT INTO backup.user_counts (tenant_id, organization_id, users, counted_at)
            SELECT tenant_id, organization_id, $2, now() FROM backup.tenants WHERE tenant_id = $1
            ON CONFLICT (tenant_id) DO UPDATE SET users = excluded.users
            """, [.uuid(tenant.uuid), .int64(users)])
    }

    private func organization(_ database: TestDatabase, _ tenant: TenantID) async throws -> UUID {
        try await database.admin.tenant("\(tenant)").organization
    }

    /// One more tenant of an organization.
    private func addTenant(_ database: TestDatabase, _ organization: UUID) async throws -> TenantID {
        let tenant = TenantID(uuid: UUID())
        _ = try await database.admin.addTenant(
            TenantRecord(id: tenant, organization: organization, name: "\(tenant)", clientID: "c"), .clientSecret("s"),
            expiresAt: nil)
        _ = try await database.admin.activate(tenant, permissions: [])
        return tenant
    }

    private func line(_ database: TestDatabase, _ organization: UUID, _ month: String? = nil) async throws -> BillLine?
    {
        var asked = try await database.admin.currentMonth()
        if let month { asked = try #require(BillingMonth(month)) }
        return try await database.admin.bill(asked, partner: nil).first { $0.organization == organization }
    }

    /// Replaces what was taken down of the only organization; times as `03-01 08:00`, to `nil` while it holds.
    private func record(
        _ database: TestDatabase, _ counts: [(from: String, to: String?, users: Int64)]
    ) async throws {
        try await database.sql("DELETE FROM backup.protected_users")
        for count in counts {
            try await database.sql(
                """
                INSERT INTO backup.protected_users (organization_id, partner_id, from_at, to_at, users)
                SELECT id, partner_id, $1::text::timestamptz, coalesce($2::text, 'infinity')::timestamptz, $3
                FROM backup.organizations
                """,
                [.text("2026-\(count.from)Z"), .text(count.to.map { "2026-\($0)Z" }), .int64(count.users)])
        }
        // The organization was there before.
        try await database.sql("UPDATE backup.organization_terms SET from_at = '2026-01-01Z'")
    }

    @Test func `users of sealed snapshots are protected until the tenant's backups stop`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let organization = try await organization(database, tenant)
            #expect(try await line(database, organization)?.peakUsers == 0)
            for (count, peak) in [(3, 3), (5, 5), (5, 5), (2, 5)] as [(Int, Int64)] {
                try await database.backUp(tenant, [Types.user: users(count)])
                let found = try await line(database, organization)
                #expect(found?.peakUsers == peak && found?.currentUsers == Int64(count))
                #expect(found?.seatsUsed == Int64(count))
            }
            #expect(try await database.number("SELECT count(*) FROM backup.protected_users") == 3, "equal ones are one")
            // A round of other types says nothing new of users.
            try await database.backUp(tenant, [Types.group: Listing()])
            #expect(try await line(database, organization)?.currentUsers == 2)
            try await database.sql("DELETE FROM backup.snapshots")
            #expect(try await line(database, organization)?.peakUsers == 5, "retention takes no bill away")
            _ = try await database.admin.deactivate(tenant)
            let stopped = try await line(database, organization)
            #expect(stopped?.peakUsers == 5 && stopped?.currentUsers == 0)
        }
    }

    @Test func `a seal whose transaction is taken back counts nobody`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            try await count(database, tenant, 4)
            try await database.superuser.execute("BEGIN")
            try await count(database, tenant, 9)
            try await database.superuser.execute("ROLLBACK")
            #expect(try await line(database, organization(database, tenant))?.peakUsers == 4)
        }
    }

    @Test func `what protects follows tenants and organizations through random changes`() async throws {
        var numbers = SeededNumbers("protected users")
        try await TestDatabase.with { database in
            let first = try await database.addTenant()
            let organization = try await organization(database, first)
            var tenants = [first]
            for _ in 0..<2 { tenants.append(try await addTenant(database, organization)) }
            var counts: [TenantID: Int64] = [:]
            var stopped: Set<TenantID> = []
            var (isSubscribed, isNFR, hasEntra) = (true, false, true)
            var plan = (name: "Plan", currency: "EUR")
            try await database.sql("UPDATE backup.plans SET name = $1", [.text(plan.name)])
            var peak: Int64 = 0
            for turn in 0..<80 {
                let tenant = try #require(tenants.randomElement(using: &numbers))
                switch Int.random(in: 0..<10, using: &numbers) {
                case 0:
                    _ = try await database.admin.deactivate(tenant)
                    stopped.insert(tenant)
                case 1:
                    // Without a plan that includes Entra a tenant is not activated.
                    guard isSubscribed, isNFR || hasEntra else { continue }
                    _ = try await database.admin.activate(tenant, permissions: [])
                    stopped.remove(tenant)
                case 2:
                    let state = try #require(["active", "suspended", "unsubscribed"].randomElement(using: &numbers))
                    isSubscribed = state != "unsubscribed"
                    try await database.sql("UPDATE backup.organizations SET state = $1", [.text(state)])
                case 3:
                    isNFR.toggle()
                    try await database.sql(
                        "UPDATE backup.organizations SET nfr = $1, nfr_ends_at = now() + interval '1 day'",
                        [.bool(isNFR)])
                case 4:
                    hasEntra.toggle()
                    try await database.sql(
                        "UPDATE backup.plans SET product = $1", [.text(hasEntra ? "backup-entra" : "backup")])
                case 5:
                    plan = (name: "Plan \(turn)", currency: plan.currency == "EUR" ? "USD" : "EUR")
                    try await database.sql(
                        "UPDATE backup.plans SET name = $1, currency = $2", [.text(plan.name), .text(plan.currency)])
                default:
                    counts[tenant] = Int64.random(in: 0..<50, using: &numbers)
                    try await count(database, tenant, counts[tenant] ?? 0)
                }
                let isCovered = isSubscribed && (isNFR || hasEntra)
                let expected =
                    isCovered ? tenants.filter { !stopped.contains($0) }.reduce(0) { $0 + (counts[$1] ?? 0) } : 0
                peak = max(peak, expected)
                let found = try await line(database, organization)
                #expect(
                    found.map(\.currentUsers) ?? 0 == expected
                        && found.map(\.peakUsers) ?? 0 == (found == nil ? 0 : peak))
                if let found {
                    #expect(found.product == (hasEntra ? .backupEntra : .backup))
                    #expect(found.planName == plan.name && found.currency == plan.currency)
                }
            }
            // One after the other, without gaps or overlaps but where nobody was protected.
            #expect(
                try await database.number(
                    """
                    SELECT count(*) FROM (SELECT to_at > lead(from_at) OVER (ORDER BY from_at) AS is_over
                        FROM backup.protected_users) s WHERE is_over
                    """) == 0)
        }
    }

    @Test func `tenants of one organization that are counted at once are all counted`() async throws {
        try await TestDatabase.with { database in
            let first = try await database.addTenant()
            let organization = try await organization(database, first)
            var tenants = [first]
            for _ in 0..<4 { tenants.append(try await addTenant(database, organization)) }
            for turn in 1...5 as ClosedRange<Int64> {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for tenant in tenants {
                        let connection = try await database.server.connect(database: database.name)
                        group.addTask {
                            _ = try await connection.query(
                                """
                                INSERT INTO backup.user_counts (tenant_id, organization_id, users, counted_at)
                                VALUES ($1, $2, $3, now()) ON CONFLICT (tenant_id) DO UPDATE SET users = excluded.users
                                """, [.uuid(tenant.uuid), .uuid(organization), .int64(turn * 10)])
                            await connection.close()
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try await line(database, organization)?.currentUsers == turn * 50)
            }
        }
    }

    @Test func `a month has the most of any one time in it, and what its end had`() async throws {
        try await TestDatabase.with { database in
            let organization = try await database.addOrganization().id
            try await record(
                database,
                [
                    ("02-10 00:00", "02-20 00:00", 100), ("02-20 00:00", "03-05 08:00", 90),
                    ("03-05 08:00", "03-05 09:00", 105), ("03-07 00:00", "04-01 00:00", 60), ("04-01 00:00", nil, 61),
                ])
            let expected: [(String, Int64, Int64)] = [
                ("2026-01", 0, 0), ("2026-02", 100, 90), ("2026-03", 105, 60), ("2026-04", 61, 61),
                ("2026-05", 61, 61),
            ]
            for (month, peak, current) in expected {
                let found = try await line(database, organization, month)
                #expect(found?.peakUsers == peak && found?.currentUsers == current, "\(month)")
            }
            #expect(try await line(database, organization, "2025-12") == nil, "the organization was not there yet")
        }
    }

    @Test func `a closed month keeps its seats, and an organization that moves is billed to both partners`()
        async throws
    {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            try await count(database, tenant, 7)
            try await record(database, [("03-01 00:00", nil, 7)])
            try await database.sql("UPDATE backup.organizations SET seats = 5")
            let before = try #require(try await line(database, organization(database, tenant)))
            #expect(before.seatsBought == 5 && before.seatsShort == 2)
            #expect(
                try await line(database, before.organization, "2026-03")?.seatsBought == nil, "the seats came later")
            let other = try await database.addOrganization()
            try await database.sql(
                "UPDATE backup.organizations SET partner_id = $1, plan_id = $2 WHERE id = $3",
                [.uuid(other.partner), .uuid(other.plan), .uuid(before.organization)])
            let bill = try await database.admin.bill(database.admin.currentMonth(), partner: nil)
                .filter { $0.organization == before.organization }
            #expect(Set(bill.map(\.partner)) == [before.partner, other.partner])
            #expect(bill.first { $0.partner == before.partner }?.currentUsers == 0)
            #expect(bill.first { $0.partner == other.partner }?.currentUsers == 7)
            #expect(bill.allSatisfy { $0.peakUsers == 7 })
            let month = try #require(BillingMonth("2026-03"))
            #expect(try await database.admin.bill(month, partner: other.partner) == [])
            #expect(try await database.admin.bill(month, partner: before.partner).map(\.peakUsers) == [7])
        }
    }

    @Test func `an organization that is erased leaves its numbers`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let organization = try await organization(database, tenant)
            try await count(database, tenant, 3)
            try await count(database, tenant, 2)
            try await database.sql("DELETE FROM backup.tenants")
            let erased = try await line(database, organization)
            #expect(erased?.peakUsers == 3 && erased?.currentUsers == 0)
            try await database.sql("DELETE FROM backup.organizations")
            let gone = try await line(database, organization)
            #expect(gone?.peakUsers == 3 && gone?.name == nil)
        }
    }
}
