import AccountModel
import BackupContracts
import BackupModel
import Foundation
import LibPQ
import Logging
import PostgresStore
import Testing

/// What becomes of bills when plans change.
@Suite(.timeLimit(.minutes(5))) struct PlanBillingTests {
    /// One more organization of the partner.
    private func make(
        _ database: TestDatabase, _ partner: UUID, _ plan: UUID, nfrEndsAt: Date? = nil
    ) async throws -> Organization {
        let name = UUID().uuidString
        return try await database.admin.createOrganization(
            Organization(
                id: UUID(), partner: partner, plan: plan, name: name, firstName: "A", lastName: "B",
                email: "\(name)@example.com", country: "DE", seats: 10, autoLicense: false, state: .active,
                createdAt: Date(timeIntervalSince1970: 0), nfrEndsAt: nfrEndsAt))
    }

    private func plan(
        _ database: TestDatabase, _ partner: UUID, _ name: String, _ product: ProductType
    ) async throws -> Plan {
        try await database.admin.createPlan(
            name: name, product: product, currency: "EUR", periodicity: .monthly, partner: partner)
    }

    /// What the seal of a snapshot takes down.
    private func count(_ database: TestDatabase, _ tenant: TenantID, _ users: Int64) async throws {
        try await database.sql(
            """
            INSERT INTO backup.user_counts (tenant_id, organization_id, users, counted_at)
            SELECT tenant_id, organization_id, $2, now() FROM backup.tenants WHERE tenant_id = $1
            """, [.uuid(tenant.uuid), .int64(users)])
    }

    private func line(_ database: TestDatabase, _ organization: UUID) async throws -> BillLine? {
        try await database.admin.bill(database.admin.currentMonth(), partner: nil)
            .first { $0.organization == organization }
    }

    /// Organizations whose terms do not say what they and their plans say, or are not one open row.
    private func wrongTerms(_ database: TestDatabase) async throws -> [String] {
        try await database.texts(
            """
            SELECT o.name FROM backup.organizations o JOIN backup.plans p ON p.id = o.plan_id
            WHERE (SELECT array_agg((t.partner_id, t.plan_id, t.plan_name, t.product, t.currency, t.periodicity, t.seats,
                    t.state, t.nfr)::text) FROM backup.organization_terms t
                    WHERE t.organization_id = o.id AND t.to_at = 'infinity')
                IS DISTINCT FROM ARRAY[(o.partner_id, p.id, p.name, p.product, p.currency, p.periodicity, o.seats,
                    o.state, o.nfr)::text]
            """)
    }

    @Test func `a closed month's bill stays line by line, and the current one has its plans as they are`() async throws
    {
        try await TestDatabase.with { database in
            let admin = database.admin
            let partner = try await admin.createPartner(name: "P").id
            let (small, large) = (
                try await plan(database, partner, "Small", .backup),
                try await plan(database, partner, "Large", .backupEntra)
            )
            let (stays, leaves) = (
                try await make(database, partner, small.id), try await make(database, partner, large.id)
            )
            try await database.sql("UPDATE backup.organization_terms SET from_at = '2026-01-01Z'")
            try await database.sql(
                """
                INSERT INTO backup.protected_users (organization_id, partner_id, from_at, to_at, users)
                SELECT id, partner_id, '2026-03-05Z', '2026-03-20Z', 40 FROM backup.organizations
                """)
            let march = try #require(BillingMonth("2026-03"))
            let closed = try await admin.bill(march, partner: nil)
            #expect(Set(closed.map(\.planName)) == ["Small", "Large"])
            #expect(closed.allSatisfy { $0.currency == "EUR" && $0.periodicity == .monthly && $0.peakUsers == 40 })
            func change(_ what: String, _ change: () async throws -> Void) async throws {
                try await change()
                #expect(try await admin.bill(march, partner: nil) == closed, "\(what)")
                #expect(try await wrongTerms(database) == [], "\(what)")
            }

            try await change("renamed") { _ = try await admin.updatePlan(small.id, PlanEdit(name: "Small and more")) }
            #expect(try await line(database, stays.id)?.planName == "Small and more")
            try await change("upgraded") {
                _ = try await admin.updatePlan(small.id, PlanEdit(product: .archiveEntra))
            }
            let upgraded = try await line(database, stays.id)
            #expect(upgraded?.product == .archiveEntra && upgraded?.planName == "Small and more")
            try await change("left") { _ = try await admin.setPlan(leaves.id, plan: small.id, ticket: nil) }
            try await change("rebilled when no longer used") {
                _ = try await admin.updatePlan(
                    large.id, PlanEdit(name: "Huge", product: .backup, currency: "USD", periodicity: .yearly))
            }
            let moved = try await line(database, leaves.id)
            #expect(moved?.plan == small.id && moved?.currency == "EUR", "another plan's currency is nothing to it")
            try await change("taken again") { _ = try await admin.setPlan(leaves.id, plan: large.id, ticket: "T") }
            let back = try await line(database, leaves.id)
            #expect(back?.planName == "Huge" && back?.product == .backup)
            #expect(back?.currency == "USD" && back?.periodicity == .yearly)
            try await change("moved to a plan that goes") {
                _ = try await admin.setPlan(leaves.id, plan: small.id, ticket: "T")
                try await database.sql("DELETE FROM backup.plans WHERE id = $1", [.uuid(large.id)])
            }
        }
    }

    @Test func `an update that changes nothing that is billed begins no terms`() async throws {
        try await TestDatabase.with { database in
            let organization = try await database.addOrganization()
            let plan = try await database.admin.plan(organization.plan.uuidString)
            _ = try await database.admin.updatePlan(plan.id, PlanEdit(name: plan.name, product: plan.product))
            _ = try await database.admin.archivePlan(plan.id)
            #expect(try await database.number("SELECT count(*) FROM backup.organization_terms") == 1)
            _ = try await database.admin.updatePlan(plan.id, PlanEdit(name: "Another"))
            #expect(try await database.number("SELECT count(*) FROM backup.organization_terms") == 2)
            // Where one ends the next begins: no month ends between them.
            #expect(
                try await database.number(
                    """
                    SELECT count(*) FROM backup.organization_terms a JOIN backup.organization_terms b
                        ON b.organization_id = a.organization_id AND b.from_at = a.to_at
                    """) == 1)
        }
    }

    @Test func `what was agreed with a deleted organization does not change any more`() async throws {
        try await TestDatabase.with { database in
            let organization = try await database.addOrganization("Gone")
            try await database.sql("UPDATE backup.organizations SET state = 'deleted'")
            _ = try await database.admin.updatePlan(organization.plan, PlanEdit(name: "New", currency: "USD"))
            #expect(
                try await database.texts(
                    "SELECT plan_name || ' ' || currency FROM backup.organization_terms WHERE to_at = 'infinity'")
                    == ["Gone EUR"])
        }
    }

    @Test func `users are protected from the upgrade to Entra on, without another snapshot`() async throws {
        try await TestDatabase.with { database in
            let partner = try await database.admin.createPartner(name: "P").id
            let plain = try await plan(database, partner, "Plain", .backup)
            let end = Date(timeIntervalSince1970: 4_000_000_000)
            let (ended, trial) = (
                try await make(database, partner, plain.id, nfrEndsAt: end),
                try await make(database, partner, plain.id, nfrEndsAt: end)
            )
            try await count(database, database.addTenant(of: ended), 4)
            try await count(database, database.addTenant(of: trial), 7)
            try await database.sql("UPDATE backup.organizations SET nfr = false WHERE id = $1", [.uuid(ended.id)])
            #expect(try await line(database, ended.id)?.currentUsers == 0, "a trial that is over protects nobody")
            #expect(try await line(database, trial.id)?.currentUsers == 7)
            _ = try await database.admin.updatePlan(plain.id, PlanEdit(product: .backupEntra))
            #expect(try await line(database, ended.id)?.currentUsers == 4)
            let paid = try await line(database, trial.id)
            #expect(paid?.currentUsers == 7 && paid?.isNFR == false && paid?.product == .backupEntra)
            #expect(
                try await database.texts(
                    """
                    SELECT u.users || ' ' || (u.from_at >= t.from_at) FROM backup.protected_users u
                    JOIN backup.organization_terms t ON t.organization_id = u.organization_id AND t.product = 'backup-entra'
                        AND t.to_at = 'infinity' WHERE u.to_at = 'infinity' ORDER BY u.users
                    """) == ["4 true", "7 false"], "who was on trial was protected before")
        }
    }

    @Test func `the staff's change of a plan is in the terms of its organizations and in no others`() async throws {
        try await TestDatabase.with { database in
            let (own, other) = (try await database.addOrganization("Own"), try await database.addOrganization("Other"))
            let user = StaffUser(
                id: UUID(), partner: own.partner, email: "a@b.example", name: "A", role: .owner, createdAt: .distantPast
            )
            let store = PostgresStore(
                settings: database.server.settings("entra_backup_operator", database: database.name), connections: 2,
                keyStorePath: database.keyStorePath, identity: .staff(user, supportMayView: false),
                logger: Logger(label: "staff") { _ in SwiftLogNoOpLogHandler() })
            _ = try await store.updatePlan(own.plan, PlanEdit(name: "New", product: .archiveEntra))
            let bill = try await store.bill(database.admin.currentMonth(), partner: nil)
            #expect(bill.map(\.organization) == [own.id])
            #expect(bill.map(\.planName) == ["New"] && bill.map(\.product) == [.archiveEntra])
            #expect(try await line(database, other.id)?.planName == "Other")
            #expect(try await wrongTerms(database) == [])
            await store.close()
        }
    }
}

/// Changes of plans and organizations at the same time.
extension PlanBillingTests {
    @Test(arguments: ["seats = 9", "plan_id = $1"])
    func `a plan that changes while an organization does is in the terms of both`(change: String) async throws {
        try await TestDatabase.with { database in
            let organization = try await database.addOrganization()
            let taken = try await plan(database, organization.partner, "Taken", .backupEntra).id
            let isTaken = change.contains("$1")
            // The organization first: the plan waits, and sees what the organization has become.
            try await database.superuser.execute("BEGIN")
            try await database.sql(
                "UPDATE backup.organizations SET \(change)", isTaken ? [.uuid(taken)] : [])
            let renamed = isTaken ? taken : organization.plan
            // As nobody's program does it: without a lock of the plan before.
            let byHand = try await database.connect("operator")
            let renaming = Task {
                try await byHand.query("UPDATE backup.plans SET name = 'First' WHERE id = $1", [.uuid(renamed)])
            }
            let watcher = try await database.server.connect(database: database.name)
            let isWaiting = """
                SELECT FROM pg_catalog.pg_stat_activity WHERE datname = current_database()
                    AND usename = 'entra_backup_operator' AND wait_event_type = 'Lock'
                """
            try await eventually { try await watcher.query(isWaiting).count == 1 }
            try await database.superuser.execute("COMMIT")
            _ = try await renaming.value
            #expect(try await wrongTerms(database) == [])
            #expect(try await line(database, organization.id)?.planName == "First")
            // The plan first: the organization waits, and gets the plan as it has become.
            let other = try await plan(database, organization.partner, "Other", .backupEntra).id
            try await database.superuser.execute("BEGIN")
            try await database.sql(
                "UPDATE backup.plans SET name = 'Second' WHERE id = $1", [.uuid(isTaken ? other : renamed)])
            let changing = Task {
                if isTaken {
                    try await database.admin.setPlan(organization.id, plan: other, ticket: nil)
                } else {
                    try await database.admin.setSeats(organization.id, 12)
                }
            }
            try await eventually { try await watcher.query(isWaiting).count == 1 }
            try await database.superuser.execute("COMMIT")
            _ = try await changing.value
            #expect(try await wrongTerms(database) == [])
            #expect(try await line(database, organization.id)?.planName == "Second")
            await watcher.close()
        }
    }

    @Test func `who takes a plan that is being changed holds no organization while waiting`() async throws {
        try await TestDatabase.with { database in
            let organization = try await database.addOrganization()
            let other = try await database.addOrganization()
            let target = try await plan(database, organization.partner, "Target", .backupEntra).id
            let holder = try await database.server.connect(database: database.name)
            for (held, isTransfer) in [(target, false), (other.plan, true)] {
                try await holder.execute("BEGIN")
                _ = try await holder.query("SELECT FROM backup.plans WHERE id = $1 FOR UPDATE", [.uuid(held)])
                let change = Task {
                    if isTransfer {
                        try await database.admin.transfer(organization.id, to: other.partner, plan: nil, ticket: nil)
                    } else {
                        try await database.admin.setPlan(organization.id, plan: target, ticket: nil)
                    }
                }
                try await eventually { try await database.isWaiting("operator") }
                #expect(
                    try await holder.query(
                        "SELECT FROM backup.organizations WHERE id = $1 FOR UPDATE SKIP LOCKED",
                        [.uuid(organization.id)]
                    ).count == 1, "\(isTransfer ? "transfer" : "set-plan")")
                try await holder.execute("COMMIT")
                #expect(try await change.value.after.plan == held)
            }
            await holder.close()
        }
    }

    @Test func `plans and organizations that change all at once leave terms that agree with them`() async throws {
        var numbers = SeededNumbers("terms at once")
        try await TestDatabase.with { database in
            let partner = try await database.admin.createPartner(name: "P").id
            let plans = [
                try await plan(database, partner, "A", .backup), try await plan(database, partner, "B", .backupEntra),
            ]
            var organizations: [Organization] = []
            for index in 0..<4 { organizations.append(try await make(database, partner, plans[index % 2].id)) }
            for turn in 0..<12 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for plan in plans {
                        group.addTask {
                            _ = try await database.admin.updatePlan(plan.id, PlanEdit(name: "\(plan.name) \(turn)"))
                        }
                    }
                    for organization in organizations {
                        let (seats, to) = (
                            Int32.random(in: 0..<99, using: &numbers), plans[Int.random(in: 0..<2, using: &numbers)].id
                        )
                        group.addTask {
                            if seats < 40 {
                                _ = try await database.admin.setSeats(organization.id, seats)
                            } else {
                                _ = try await database.admin.setPlan(organization.id, plan: to, ticket: "T")
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try await wrongTerms(database) == [])
            }
            // One after the other: none overlaps the next.
            #expect(
                try await database.number(
                    """
                    SELECT count(*) FROM (SELECT to_at > lead(from_at) OVER (PARTITION BY organization_id
                        ORDER BY from_at) AS is_over FROM backup.organization_terms) s WHERE is_over
                    """) == 0)
        }
    }
}
