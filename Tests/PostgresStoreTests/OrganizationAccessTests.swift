import AccountModel
import BackupContracts
import BackupModel
import Foundation
import LibPQ
import PostgresStore
import Synchronization
import Testing

/// How people of an organization get in: mail, tokens; and seats that follow the users of its tenants.
@Suite(.timeLimit(.minutes(5))) struct OrganizationAccessTests {
    private let settings = SignInMailSettings(from: "backup@nord.example", signInURL: nil)

    // MARK: Mail

    /// Takes messages in memory, or refuses those to come.
    private final class Outbox: MailTransport {
        private let state = Mutex<(taken: [OutgoingMail], refuses: Bool)>(([], false))
        var taken: [OutgoingMail] { state.withLock { $0.taken } }
        var refuses: Bool {
            get { state.withLock { $0.refuses } }
            set { state.withLock { $0.refuses = newValue } }
        }

        func send(_ mail: OutgoingMail) async throws(StageFailure) {
            guard !refuses else { throw StageFailure(.mailNotHandedOver, "The folder is full.") }
            state.withLock { $0.taken.append(mail) }
        }
    }

    private func wanted(_ of: Organization, email: String) -> Organization {
        var organization = of
        organization.email = email
        return organization
    }

    @Test func `a message is there exactly when its change is, and is handed over once`() async throws {
        try await TestDatabase.with { database in
            let admin = database.admin
            let first = try await database.addOrganization()
            let outbox = Outbox()
            let count = "SELECT count(*) FROM backup.outgoing_mails"
            let made = try await admin.createOrganization(wanted(first, email: "new@b.example"), mail: settings)
            #expect(try await database.number(count) == 1)
            let taken = try await failureCode {
                _ = try await admin.createOrganization(wanted(first, email: "NEW@b.example"), mail: settings)
            }
            #expect(taken == "emailTaken")
            try await PostgresStore.$isDryRun.withValue(true) {
                _ = try await admin.createOrganization(wanted(first, email: "dry@b.example"), mail: settings)
            }
            #expect(try await database.number(count) == 1)

            outbox.refuses = true
            let refused = try await failureCode { _ = try await database.scheduler.handOverMail(to: outbox, limit: 5) }
            #expect(refused == "mailNotHandedOver")
            #expect(try await database.number(count) == 1)
            outbox.refuses = false
            #expect(try await database.scheduler.handOverMail(to: outbox, limit: 5) == 1)
            #expect(try await database.scheduler.handOverMail(to: outbox, limit: 5) == 0)
            #expect(outbox.taken.count == 1)
            #expect(outbox.taken.first?.message.contains("To: A B <new@b.example>\r\n") == true)

            var edit = OrganizationEdit()
            edit.email = "newer@b.example"
            let changed = try await admin.updateOrganization(made.id, edit, mail: settings)
            #expect(changed.before.email == "new@b.example" && changed.after.email == "newer@b.example")
            #expect(try await admin.handOverMail(to: outbox, limit: 5) == 1)
            #expect(outbox.taken.last?.message.contains("No longer:    new@b.example") == true)
        }
    }

    @Test func `schedulers that hand over at once take each message once`() async throws {
        try await TestDatabase.with { database in
            let first = try await database.addOrganization()
            for number in 0..<30 {
                _ = try await database.admin.createOrganization(
                    wanted(first, email: "\(number)@b.example"), mail: settings)
            }
            let outbox = Outbox()
            let stores = (0..<4).map { _ in database.another("scheduler") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for store in stores {
                    group.addTask { for _ in 0..<10 { _ = try await store.handOverMail(to: outbox, limit: 3) } }
                }
                try await group.waitForAll()
            }
            while try await database.scheduler.handOverMail(to: outbox, limit: 50) > 0 {}
            #expect(outbox.taken.count == 30 && Set(outbox.taken.map(\.id)).count == 30)
        }
    }

    @Test func `a partner can hide the choice, and then nothing is made`() async throws {
        try await TestDatabase.with { database in
            let admin = database.admin
            let first = try await database.addOrganization()
            let hidden = try await admin.updatePartner(first.partner, name: nil, offersSignInEmail: false)
            #expect(!hidden.offersSignInEmail)
            #expect(try await admin.partner(first.partner.uuidString) == hidden)
            let refused = await #expect(throws: AccountError.self) {
                _ = try await admin.createOrganization(wanted(first, email: "new@b.example"), mail: settings)
            }
            #expect(refused?.code == "signInEmailHidden" && refused?.kind == .refused)
            #expect(try await admin.organizations() == [first])
            _ = try await admin.createOrganization(wanted(first, email: "silent@b.example"))
            let renamed = try await admin.updatePartner(first.partner, name: "New name", offersSignInEmail: nil)
            #expect(renamed.name == "New name" && !renamed.offersSignInEmail)
            _ = try await admin.updatePartner(first.partner, name: nil, offersSignInEmail: true)
            _ = try await admin.createOrganization(wanted(first, email: "new@b.example"), mail: settings)
        }
    }

    // MARK: Tokens

    @Test func `a token lets in until the next one or the state ends that, and only its hash is kept`() async throws {
        try await TestDatabase.with { database in
            let admin = database.admin
            let it = try await database.addOrganization(), other = try await database.addOrganization()
            #expect(try await admin.organizationToken(it.id) == nil)
            let old = try await admin.rotateToken(it.id), foreign = try await admin.rotateToken(other.id)
            #expect(try await admin.organizationToken(it.id)?.prefix == old.prefix)
            #expect(try await admin.organizationToken(it.id)?.lastUsedAt == nil)
            #expect(try await admin.signIn(old).id == it.id)
            #expect(try await failureCode { _ = try await admin.signIn(foreign, to: it.id) } == "tokenOfAnother")
            #expect(try await admin.organizationToken(other.id)?.lastUsedAt == nil)
            #expect(try await admin.signIn(foreign, to: other.id).id == other.id)
            #expect(try await admin.organizationToken(it.id)?.lastUsedAt != nil)
            let new = try await admin.rotateToken(it.id)
            #expect(try await admin.organizationToken(it.id)?.lastUsedAt == nil)
            #expect(try await failureCode { _ = try await admin.signIn(old) } == "tokenUnknown")
            #expect(
                try await failureCode { _ = try await admin.signIn(AccessToken.make(.organization)) } == "tokenUnknown")
            for state in SubscriptionState.allCases {
                try await database.sql(
                    "UPDATE backup.organizations SET state = $1 WHERE id = $2", [.text(state.rawValue), .uuid(it.id)])
                let code = try await failureCode { _ = try await admin.signIn(new) }
                #expect(code == (state.effect.allowsSignIn ? nil : "signInOff"), "\(state)")
            }
            #expect(try await admin.signIn(foreign).id == other.id)
            let rows = try await database.texts("SELECT t FROM backup.organization_tokens t").joined()
            for token in [old, new, foreign] { #expect(!rows.contains(token.text)) }
        }
    }

    @Test func `a rehearsed token opens nothing, and ends none`() async throws {
        try await TestDatabase.with { database in
            let it = try await database.addOrganization()
            let kept = try await database.admin.rotateToken(it.id)
            let rehearsed = try await PostgresStore.$isDryRun.withValue(true) {
                try await database.admin.rotateToken(it.id)
            }
            #expect(try await failureCode { _ = try await database.admin.signIn(rehearsed) } == "tokenUnknown")
            #expect(try await database.admin.signIn(kept).id == it.id)
        }
    }

    // MARK: Seats

    @Test func `users that appear take seats by themselves where that was agreed, over all tenants`() async throws {
        try await TestDatabase.with { database in
            let admin = database.admin
            let tenant = try await database.addTenant()
            let id = try await admin.tenant("\(tenant)").organization
            let second = TenantID(uuid: UUID())
            _ = try await admin.addTenant(
                TenantRecord(id: second, organization: id, name: "second", clientID: "client"), .clientSecret("s"),
                expiresAt: nil)
            _ = try await admin.activate(second, permissions: [])
            func users(_ count: UInt64) -> [UInt16: Listing] {
                var listing = Listing()
                for low in 0..<count { listing.objects[ObjectKey(high: 1, low: low)] = #"{"displayName":"x"}"# }
                return [Types.user: listing]
            }
            func seats() async throws -> Int32? { try await admin.organization(id.uuidString).seats }
            try await database.backUp(tenant, users(3))
            #expect(try await seats() == nil)
            #expect(try await admin.countedUsers(id) == 3)
            var edit = OrganizationEdit()
            edit.autoLicense = true
            _ = try await admin.updateOrganization(id, edit)
            try await database.backUp(second, users(4))
            #expect(try await seats() == 7)
            #expect(try await admin.organization(id.uuidString).seatsRaisedAt != nil)
            try await database.backUp(tenant, users(1))
            #expect(try await admin.countedUsers(id) == 5)
            #expect(try await seats() == 7, "what was bought is bought")
            _ = try await admin.setSeats(id, 2)
            // A round that does not read users carries them on.
            try await database.backUp(tenant, [Types.group: Listing([ObjectKey(high: 2, low: 1): "{}"])])
            #expect(try await admin.countedUsers(id) == 5)
            #expect(try await seats() == 5)
        }
    }

    // MARK: Credentials

    @Test func `credentials tell their end, their consent and how the newest backup ended`() async throws {
        try await TestDatabase.with { database in
            let admin = database.admin
            let tenant = try await database.addTenant()
            let end = Date(timeIntervalSince1970: 4_000_000_000)
            try await admin.setCredential(tenant, clientID: nil, .clientSecret("x"), expiresAt: end)
            var read = try #require(try await admin.credentials(tenant).first)
            #expect(read.purpose == "read" && read.kind == "secret" && read.expiresAt == end && read.permissions == nil)
            #expect(!read.hasWorked && read.lastFailure == nil)
            _ = try await admin.activate(tenant, permissions: ["User.Read.All"])
            try await database.backUp(tenant, [Types.user: Listing([ObjectKey(high: 1, low: 1): "{}"])])
            read = try #require(try await admin.credentials(tenant).first)
            #expect(read.permissions == ["User.Read.All"] && read.hasWorked)
            try await database.sql(
                """
                INSERT INTO backup.jobs (tenant_id, job_id, kind, state, trace, finished_at, error_code)
                VALUES ($1, gen_random_uuid(), 'backup', 'failed', 'x', clock_timestamp(), 'credentialsExpired')
                """, [.uuid(tenant.uuid)])
            read = try #require(try await admin.credentials(tenant).first)
            #expect(read.lastFailure == "credentialsExpired" && !read.hasWorked)
            try await admin.setWriteAccess(tenant, clientID: "writer", .clientSecret("y"), expiresAt: nil)
            let both = try await admin.credentials(tenant)
            #expect(both.map(\.purpose) == ["read", "write"] && both[1].clientID == "writer")
            // A new credential starts without the past of the one before.
            try await admin.setCredential(tenant, clientID: nil, .clientSecret("z"), expiresAt: nil)
            read = try #require(try await admin.credentials(tenant).first)
            #expect(read.lastFailure == nil && read.permissions == nil && read.expiresAt == nil)
        }
    }
}
