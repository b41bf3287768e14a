import AccountModel
import BackupContracts
import BackupModel
import Foundation
import LibPQ
import PostgresStore
import Testing

/// The life of organizations: plans, states, trials, features, and moves to another partner.
@Suite(.timeLimit(.minutes(5))) struct OrganizationTests {
    private func plan(
        _ database: TestDatabase, _ partner: UUID, _ product: ProductType, _ name: String? = nil
    ) async throws -> Plan {
        try await database.admin.createPlan(
            name: name ?? product.rawValue, product: product, currency: "EUR", periodicity: .monthly, partner: partner)
    }

    private func make(
        _ database: TestDatabase, _ partner: UUID, _ plan: UUID, nfrEndsAt: Date? = nil
    ) async throws -> Organization {
        try await database.admin.createOrganization(
            Organization(
                id: UUID(), partner: partner, plan: plan, name: "O \(UUID())", firstName: "F", lastName: "L",
                email: "\(UUID())@b.example", country: "DE", seats: 5, autoLicense: false, state: .active,
                createdAt: Date(timeIntervalSince1970: 0), nfrEndsAt: nfrEndsAt))
    }

    @Test func `each of the sixteen changes of plan is done or refused as the table says, and done with a ticket`()
        async throws
    {
        try await TestDatabase.with { database in
            let admin = database.admin
            let partner = try await admin.createPartner(name: "P").id
            var plans: [ProductType: Plan] = [:]
            for product in ProductType.allCases { plans[product] = try await plan(database, partner, product) }
            for from in ProductType.allCases {
                for to in ProductType.allCases where from != to {
                    let (a, b) = (try #require(plans[from]), try #require(plans[to]))
                    let it = try await make(database, partner, a.id)
                    let refusal = try await failureCode { _ = try await admin.setPlan(it.id, plan: b.id, ticket: nil) }
                    let needsTicket = from.change(to: to).needsTicket
                    #expect(refusal == (needsTicket ? "planChangeNeedsTicket" : nil), "\(from) to \(to)")
                    #expect(try await admin.organization(it.id.uuidString).product == (needsTicket ? from : to))
                    let changed = try await admin.setPlan(it.id, plan: b.id, ticket: "T-1")
                    #expect(changed.after.plan == b.id && changed.after.product == to)
                }
            }
        }
    }

    @Test func `a plan of another partner or an archived one is not taken, and the same one changes nothing`()
        async throws
    {
        try await TestDatabase.with { database in
            let admin = database.admin
            let (one, two) = (try await admin.createPartner(name: "1").id, try await admin.createPartner(name: "2").id)
            let mine = try await plan(database, one, .backup), foreign = try await plan(database, two, .backup)
            let old = try await plan(database, one, .backup, "old")
            let it = try await make(database, one, mine.id)
            _ = try await admin.archivePlan(old.id)
            #expect(
                try await failureCode { _ = try await admin.setPlan(it.id, plan: foreign.id, ticket: "T") }
                    == "planOfAnotherPartner")
            #expect(
                try await failureCode { _ = try await admin.setPlan(it.id, plan: old.id, ticket: "T") }
                    == "planArchived")
            let same = try await admin.setPlan(it.id, plan: mine.id, ticket: nil)
            #expect(same.before == same.after)
            // What a program forgets the database does not.
            let connection = try await database.connect("operator")
            await #expect(throws: (any Error).self) {
                try await connection.query(
                    "UPDATE backup.organizations SET plan_id = $1 WHERE id = $2", [.uuid(foreign.id), .uuid(it.id)])
            }
        }
    }

    @Test func `a plan in use keeps Entra, its currency and its periodicity`() async throws {
        try await TestDatabase.with { database in
            let admin = database.admin
            let partner = try await admin.createPartner(name: "P").id
            let entra = try await plan(database, partner, .backupEntra),
                plain = try await plan(database, partner, .backup)
            // Nobody has it yet.
            #expect(try await admin.updatePlan(entra.id, PlanEdit(product: .backup, currency: "USD")).currency == "USD")
            _ = try await admin.updatePlan(entra.id, PlanEdit(product: .backupEntra))
            let it = try await make(database, partner, entra.id)
            #expect(try await admin.planUse(entra.id) == 1)
            let edits: [(PlanEdit, String?)] = [
                (PlanEdit(product: .backup), "planInUseKeepsEntra"),
                (PlanEdit(product: .archive), "planInUseKeepsEntra"),
                (PlanEdit(currency: "EUR"), "planInUse"), (PlanEdit(periodicity: .yearly), "planInUse"),
                (PlanEdit(name: plain.name), "planExists"), (PlanEdit(name: "New", currency: "USD"), nil),
                (PlanEdit(product: .archiveEntra), nil), (PlanEdit(product: .backupEntra), "planInUse"),
            ]
            for (edit, code) in edits {
                #expect(try await failureCode { _ = try await admin.updatePlan(entra.id, edit) } == code, "\(edit)")
            }
            #expect(try await admin.organization(it.id.uuidString).product == .archiveEntra)
            try await database.sql("UPDATE backup.organizations SET state = 'deleted'")
            #expect(try await admin.updatePlan(entra.id, PlanEdit(product: .backup)).product == .backup)
        }
    }

    @Test func `a tenant is due, and backed up by hand, where the model says so`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let id = try await database.admin.tenant("\(tenant)").organization
            for state in SubscriptionState.allCases {
                for product in ProductType.allCases {
                    for nfr in [false, true] {
                        try await database.sql("DELETE FROM backup.messages")
                        try await database.sql("DELETE FROM backup.jobs")
                        try await database.sql(
                            "UPDATE backup.organizations SET state = $1, nfr = $2, nfr_ends_at = '2100-01-01'",
                            [.text(state.rawValue), .bool(nfr)])
                        try await database.sql("UPDATE backup.plans SET product = $1", [.text(product.rawValue)])
                        try await database.sql("UPDATE backup.schedule SET next_backup_at = '2020-01-01'")
                        let stop = try await database.admin.organization(id.uuidString).backupStop
                        let what = "\(state) \(product) \(nfr)"
                        let overdue = try await database.scheduler.health().tenantsOverdue
                        #expect(overdue == (stop == nil ? 1 : 0), "\(what)")
                        #expect(
                            try await database.scheduler.startDueBackups(limit: 5).count == (stop == nil ? 1 : 0),
                            "\(what)")
                        try await database.sql("DELETE FROM backup.messages")
                        try await database.sql("DELETE FROM backup.jobs")
                        let code = try await failureCode {
                            _ = try await database.admin.startBackup(tenant, types: nil, full: false)
                        }
                        #expect(code == stop?.code, "\(what)")
                        let activation = try await failureCode {
                            _ = try await database.admin.activate(tenant, permissions: [])
                        }
                        #expect(activation == stop?.code, "\(what)")
                    }
                }
            }
        }
    }

    @Test func `what waited while nothing was covered begins as soon as it is again`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let id = try await database.admin.tenant("\(tenant)").organization
            try await database.sql("UPDATE backup.schedule SET next_backup_at = '2020-01-01'")
            _ = try await database.admin.setState(id, .unsubscribed)
            #expect(try await database.scheduler.startDueBackups(limit: 5).isEmpty)
            _ = try await database.admin.setState(id, .active)
            #expect(try await database.scheduler.startDueBackups(limit: 5).count == 1)
        }
    }

    @Test func `states go where they can, and the same one changes nothing`() async throws {
        try await TestDatabase.with { database in
            let admin = database.admin
            let it = try await database.addOrganization()
            for from in SubscriptionState.allCases where from != .deleted {
                for to in SubscriptionState.allCases where to != .deleted {
                    try await database.sql("UPDATE backup.organizations SET state = $1", [.text(from.rawValue)])
                    let code = try await failureCode { _ = try await admin.setState(it.id, to) }
                    let isAllowed = from == to || from.effect.next.contains(to)
                    #expect(code == (isAllowed ? nil : "stateNotReachable"), "\(from) to \(to)")
                    #expect(try await admin.organization(it.id.uuidString).state == (isAllowed ? to : from))
                }
            }
            // Deletion is another command's, in steps of its own; nothing is done to what is deleted.
            #expect(try await failureCode { _ = try await admin.setState(it.id, .deleted) } == "stateNotReachable")
            try await database.sql("UPDATE backup.organizations SET state = 'deleted'")
            let codes = [
                try await failureCode { _ = try await admin.setState(it.id, .active) },
                try await failureCode { _ = try await admin.setPlan(it.id, plan: UUID(), ticket: "T") },
                try await failureCode { _ = try await admin.setSeats(it.id, 1) },
                try await failureCode { _ = try await admin.updateOrganization(it.id, OrganizationEdit()) },
                try await failureCode { _ = try await admin.switchFeatures(it.id, [.restore: true]) },
                try await failureCode { _ = try await admin.rotateToken(it.id) },
            ]
            #expect(Set(codes) == ["organizationDeleted"])
        }
    }

    @Test func `a trial has Entra on a plan without it, ends with its period, and a paid plan takes its place`()
        async throws
    {
        try await TestDatabase.with { database in
            let admin = database.admin
            let partner = try await admin.createPartner(name: "P").id
            let plain = try await plan(database, partner, .archive),
                entra = try await plan(database, partner, .archiveEntra)
            let end = Date(timeIntervalSince1970: 4_000_000_000)
            #expect(
                try await failureCode { _ = try await make(database, partner, entra.id, nfrEndsAt: end) }
                    == "nfrWithEntraPlan")
            let trial = try await make(database, partner, plain.id, nfrEndsAt: end)
            #expect(trial.labels == ["Entra", "NFR"] && trial.backupStop == nil && trial.nfrEndsAt == end)
            let paid = try await admin.setPlan(trial.id, plan: entra.id, ticket: nil).after
            #expect(paid.labels == ["Entra"] && paid.nfrEndsAt == nil)
            var edit = OrganizationEdit()
            edit.nfrEndsAt = end
            let extended = edit
            #expect(
                try await failureCode { _ = try await admin.updateOrganization(paid.id, extended) }
                    == "organizationNotNFR")

            let other = try await make(database, partner, plain.id, nfrEndsAt: end)
            #expect(try await database.scheduler.endTrials() == 0)
            try await database.sql("UPDATE backup.organizations SET nfr_ends_at = '2020-01-01' WHERE nfr")
            #expect(try await database.scheduler.endTrials() == 1)
            #expect(try await database.scheduler.endTrials() == 0)
            let ended = try await admin.organization(other.id.uuidString)
            #expect(ended.labels == [] && ended.backupStop == .plan(.archive))
        }
    }

    @Test func `features are switched one by one`() async throws {
        try await TestDatabase.with { database in
            let it = try await database.addOrganization()
            _ = try await database.admin.switchFeatures(it.id, [.restore: true, .compare: false])
            let after = try await database.admin.switchFeatures(it.id, [.compare: true, .download: false])
            #expect(after.switchedFeatures == [.restore: true, .compare: true, .download: false])
            #expect(try await database.admin.organizations() == [after])
        }
    }

    @Test func `an organization moves with its tenants to a plan of the new partner`() async throws {
        try await TestDatabase.with { database in
            let admin = database.admin
            let tenant = try await database.addTenant()
            let id = try await admin.tenant("\(tenant)").organization
            let before = try await admin.organization(id.uuidString)
            let other = try await admin.createPartner(name: "Other").id
            func code(_ plan: UUID?, _ ticket: String? = nil) async throws -> String? {
                try await failureCode { _ = try await admin.transfer(id, to: other, plan: plan, ticket: ticket) }
            }
            #expect(try await code(nil) == "planNotNamed")
            let plain = try await plan(database, other, .backup), entra = try await plan(database, other, .backupEntra)
            #expect(try await code(plain.id) == "planChangeNeedsTicket")
            #expect(try await code(before.plan) == "planOfAnotherPartner")
            #expect(
                try await failureCode { _ = try await admin.transfer(id, to: before.partner, plan: nil, ticket: nil) }
                    == "partnerUnchanged")
            let moved = try await admin.transfer(id, to: other, plan: nil, ticket: nil).after
            #expect(moved.partner == other && moved.plan == entra.id)
            #expect(try await admin.tenants(of: id).map(\.id) == [tenant])
            #expect(try await admin.organizations(of: before.partner).isEmpty)
            #expect(try await admin.organizations(of: other) == [moved])
        }
    }
}
