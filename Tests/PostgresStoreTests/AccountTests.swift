import AccountModel
import BackupContracts
import BackupModel
import Foundation
import LibPQ
import PostgresStore
import Testing

/// Partners, plans, organizations and tenants: what may be there once, and the code of each refusal.
@Suite(.timeLimit(.minutes(5))) struct AccountTests {
    private func organization(_ partner: UUID, _ plan: UUID, email: String, name: String = "O") -> Organization {
        Organization(
            id: UUID(), partner: partner, plan: plan, name: name, firstName: "A", lastName: "B", email: email,
            country: "DE", seats: 5, autoLicense: true, state: .active, createdAt: Date(timeIntervalSince1970: 0))
    }

    private func plan(_ database: TestDatabase, _ partner: UUID, _ name: String) async throws -> Plan {
        try await database.admin.createPlan(
            name: name, product: .backupEntra, currency: "EUR", periodicity: .yearly, partner: partner)
    }

    @Test func `names are unique whatever their case, plans within a partner`() async throws {
        try await TestDatabase.with { database in
            let admin = database.admin
            let partner = try await admin.createPartner(name: "Nord")
            #expect(partner.name == "Nord")
            #expect(try await failureCode { _ = try await admin.createPartner(name: "NORD") } == "partnerExists")
            let other = try await admin.createPartner(name: "Süd")
            let mine = try await plan(database, partner.id, "Gold")
            #expect(mine.product == .backupEntra && mine.periodicity == .yearly && mine.currency == "EUR")
            #expect(try await failureCode { _ = try await plan(database, partner.id, "gold") } == "planExists")
            _ = try await plan(database, other.id, "Gold")
            #expect(try await admin.partners().map(\.name) == ["Nord", "Süd"])
            #expect(try await admin.plans().count == 2)
        }
    }

    @Test func `an e-mail address belongs to one organization, whatever its case and partner`() async throws {
        try await TestDatabase.with { database in
            let admin = database.admin
            let partner = try await admin.createPartner(name: "P")
            let gold = try await plan(database, partner.id, "Gold")
            let made = try await admin.createOrganization(organization(partner.id, gold.id, email: "it@kunde.example"))
            #expect(made.seats == 5 && made.autoLicense && made.state == .active && made.email == "it@kunde.example")
            let other = try await admin.createPartner(name: "Q")
            let silver = try await plan(database, other.id, "Silver")
            for (owner, plan) in [(partner.id, gold.id), (other.id, silver.id)] {
                let code = try await failureCode {
                    _ = try await admin.createOrganization(organization(owner, plan, email: "IT@Kunde.Example"))
                }
                #expect(code == "emailTaken")
            }
            #expect(try await admin.organizations() == [made])
        }
    }

    @Test func `of two that take an address at once one is refused`() async throws {
        try await TestDatabase.with { database in
            let partner = try await database.admin.createPartner(name: "P")
            let gold = try await plan(database, partner.id, "Gold")
            let codes = try await withThrowingTaskGroup(of: String?.self) { group in
                for number in 0..<6 {
                    let made = organization(partner.id, gold.id, email: number % 2 == 0 ? "a@b.example" : "A@B.example")
                    group.addTask { try await failureCode { _ = try await database.admin.createOrganization(made) } }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(codes.filter { $0 == nil }.count == 1 && codes.filter { $0 == "emailTaken" }.count == 5)
        }
    }

    @Test func `a plan of another partner, and an archived one, are refused`() async throws {
        try await TestDatabase.with { database in
            let admin = database.admin
            let (one, two) = (try await admin.createPartner(name: "1"), try await admin.createPartner(name: "2"))
            let foreign = try await plan(database, two.id, "Gold")
            func refusal(_ plan: UUID) async throws -> AccountError? {
                await #expect(throws: AccountError.self) {
                    _ = try await admin.createOrganization(organization(one.id, plan, email: "a@b.example"))
                }
            }
            let other = try await refusal(foreign.id)
            #expect(other?.code == "planOfAnotherPartner" && other?.kind == .refused && other?.hint.isEmpty == false)
            let old = try await plan(database, one.id, "Old")
            let archived = try await admin.archivePlan(old.id)
            #expect(archived.archivedAt != nil)
            #expect(try await admin.archivePlan(old.id) == archived)
            let refused = try await refusal(old.id)
            #expect(refused?.code == "planArchived" && refused?.kind == .refused)
            #expect(try await admin.organizations() == [])
        }
    }

    @Test func `things are found by id or by name, in any case, and what is missing or ambiguous is named`()
        async throws
    {
        try await TestDatabase.with { database in
            let admin = database.admin
            let (one, two) = (try await admin.createPartner(name: "Eins"), try await admin.createPartner(name: "Zwei"))
            let plans = [try await plan(database, one.id, "Gold"), try await plan(database, two.id, "GOLD")]
            #expect(try await admin.partner("eins") == one)
            #expect(try await admin.partner(one.id.uuidString) == one)
            #expect(try await admin.plan(plans[1].id.uuidString.lowercased()) == plans[1])
            #expect(try await failureCode { _ = try await admin.plan("gold") } == "planAmbiguous")
            let made = try await admin.createOrganization(organization(one.id, plans[0].id, email: "a@b.example"))
            #expect(try await admin.organization("o") == made)
            let missing = [
                try await failureCode { _ = try await admin.partner("drei") },
                try await failureCode { _ = try await admin.plan(UUID().uuidString) },
                try await failureCode { _ = try await admin.organization("%") },
                try await failureCode { _ = try await admin.tenant(UUID().uuidString) },
            ]
            #expect(missing == ["partnerNotFound", "planNotFound", "organizationNotFound", "tenantNotFound"])
        }
    }

    @Test func `a tenant is added once, and its keys are those of the first time`() async throws {
        try await TestDatabase.with { database in
            let admin = database.admin
            let tenant = try await database.addTenant()
            let keys = try await database.texts("SELECT k FROM backup.tenant_keys k")
            let other = try await database.addOrganization()
            let again = try await failureCode {
                _ = try await admin.addTenant(
                    TenantRecord(id: tenant, organization: other.id, name: "again", clientID: "x"), .clientSecret("y"),
                    expiresAt: nil)
            }
            #expect(again == "tenantExists")
            #expect(try await database.texts("SELECT k FROM backup.tenant_keys k") == keys)
            let record = try await admin.tenant("\(tenant)")
            #expect(record.name == "\(tenant)" && record.clientID == "client" && record.state == .active)
            #expect(try await admin.directoryConnection(tenant).credential == .clientSecret("secret of \(tenant)"))

            try await admin.setCredential(tenant, clientID: "other", .clientSecret("new"), expiresAt: nil)
            let access = try await admin.directoryConnection(tenant)
            #expect(access.credential == .clientSecret("new") && access.clientID == "other")
        }
    }

    @Test func `values that no command may write are refused by the database as well`() async throws {
        try await TestDatabase.with { database in
            let partner = try await database.admin.createPartner(name: "P")
            let gold = try await plan(database, partner.id, "Gold")
            var bad = organization(partner.id, gold.id, email: "a@b.example")
            bad.country = "Germany"
            let organization = bad
            #expect(
                try await failureCode { _ = try await database.admin.createOrganization(organization) }
                    == "storeRejected")
            #expect(try await failureCode { _ = try await database.admin.createPartner(name: " ") } == "storeRejected")
        }
    }

    @Test func `a backup that is asked for twice is one job`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let jobs = try await withThrowingTaskGroup(of: (JobID, Bool).self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        let (job, joined) = try await database.admin.startBackup(tenant, types: nil, full: false)
                        return (job.id, joined)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(jobs.map { $0.0 }).count == 1 && jobs.filter { !$0.1 }.count == 1)
            #expect(try await database.number("SELECT count(*) FROM backup.messages") == 1)
            let job = try #require(jobs.first?.0)
            #expect(try await failureCode { _ = try await database.admin.retryJob(job) } == "jobNotFailed")
            #expect(try await database.admin.cancelJob(job).state == .cancelled)
            #expect(try await failureCode { _ = try await database.admin.cancelJob(job) } == "jobEnded")
            #expect(try await failureCode { _ = try await database.admin.job(JobID()) } == "jobNotFound")
        }
    }

    @Test func `the audit is written in order and cannot be changed by its writer`() async throws {
        try await TestDatabase.with { database in
            for number in 1...3 {
                try await database.admin.audit(
                    actor: "a", action: "tenant.show", target: "\(number)", outcome: number == 2 ? .refused : .allowed,
                    reason: number == 2 ? "why" : nil)
            }
            let entries = try await database.admin.auditEntries(AuditFilter(limit: 2))
            #expect(entries.map(\.target) == ["3", "2"] && entries.map(\.outcome) == [.allowed, .refused])
            #expect(entries[1].reason == "why")
            let connection = try await database.connect("operator")
            for sql in ["UPDATE backup.audit_entries SET actor = 'b'", "DELETE FROM backup.audit_entries"] {
                let error = await #expect(throws: PostgresError.self) { try await connection.execute(sql) }
                #expect(error?.sqlState == .insufficientPrivilege)
            }
        }
    }
}
