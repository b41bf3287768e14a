import AccountModel
import BackupContracts
import BackupModel
import Foundation
import LibPQ
import Logging
import Testing

@testable import PostgresStore

/// The two walls around a partner, together and each alone.
@Suite(.timeLimit(.minutes(5))) struct WallTests {
    /// What stands around the partner.
    enum Walls: CaseIterable {
        case both, onlyProgram, onlyDatabase
    }

    /// A partner with an organization, a tenant, a snapshot and an open job.
    struct Side {
        let partner: UUID
        let organization: Organization
        let tenant: TenantID
        let job: JobID
    }

    private func side(_ database: TestDatabase) async throws -> Side {
        let organization = try await database.addOrganization()
        let tenant = try await database.addTenant(of: organization)
        try await database.backUp(
            tenant, [Types.group: Listing([ObjectKey(high: 1, low: 1): #"{"displayName":"x"}"#], links: [])])
        let job = try await database.admin.startBackup(tenant, types: nil, full: false).job.id
        return Side(partner: organization.partner, organization: organization, tenant: tenant, job: job)
    }

    private func staff(_ database: TestDatabase, _ partner: UUID, _ walls: Walls) -> PostgresStore {
        let user = StaffUser(
            id: UUID(), partner: partner, email: "a@b.example", name: "A", role: .owner, createdAt: .distantPast)
        return PostgresStore.$confinesSessions.withValue(walls != .onlyProgram) {
            PostgresStore(
                settings: database.server.settings("entra_backup_operator", database: database.name), connections: 2,
                keyStorePath: database.keyStorePath, identity: .staff(user, supportMayView: false),
                logger: Logger(label: "staff") { _ in SwiftLogNoOpLogHandler() })
        }
    }

    @Test(arguments: Walls.allCases)
    func `staff sees its own partner and nothing of another`(walls: Walls) async throws {
        try await TestDatabase.with { database async throws in
            let (own, other) = (try await side(database), try await side(database))
            let before = try await fingerprint(database, other)
            let store = staff(database, own.partner, walls)
            try await PostgresStore.$checksScope.withValue(walls != .onlyDatabase) { () async throws in
                #expect(try await store.partners().map(\.id) == [own.partner])
                #expect(try await store.organizations().map(\.id) == [own.organization.id])
                #expect(try await store.plans().map(\.partner) == [own.partner])
                #expect(try await store.tenants().map(\.id) == [own.tenant])
                #expect(
                    Set(try await store.jobs(kind: nil, state: nil, tenant: nil, limit: 100).map(\.tenant))
                        == [own.tenant])
                #expect(try await store.tenant("\(own.tenant)").id == own.tenant)
                #expect(try await store.snapshots(own.tenant).count == 1)
                for attempt in attempts(other) {
                    await #expect(throws: (any Error).self, "\(attempt.name)") { try await attempt.run(store) }
                }
                // What a list would have shown.
                #expect(try await store.jobs(kind: nil, state: nil, tenant: other.tenant, limit: 9).isEmpty)
            }
            await store.close()
            #expect(try await fingerprint(database, other) == before)
        }
    }

    private struct Attempt {
        let name: String
        let run: @Sendable (PostgresStore) async throws -> Void

        init(_ name: String, _ run: @escaping @Sendable (PostgresStore) async throws -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// What somebody might try who has the other's ids.
    private func attempts(_ other: Side) -> [Attempt] {
        let (tenant, job, organization, partner) = (other.tenant, other.job, other.organization, other.partner)
        return [
            Attempt("partner") { _ = try await $0.partner(partner.text) },
            Attempt("organization") { _ = try await $0.organization(organization.id.text) },
            Attempt("plan") { _ = try await $0.plan(organization.plan.text) },
            Attempt("archive") { _ = try await $0.archivePlan(organization.plan) },
            Attempt("tenant") { _ = try await $0.tenant("\(tenant)") },
            Attempt("job") { _ = try await $0.job(job) },
            Attempt("cancel") { _ = try await $0.cancelJob(job) },
            Attempt("start") { _ = try await $0.startBackup(tenant, types: nil, full: false) },
            Attempt("deactivate") { _ = try await $0.deactivate(tenant) },
            Attempt("activate") { _ = try await $0.activate(tenant, permissions: []) },
            Attempt("configure") {
                _ = try await $0.configure(
                    TenantRecord(id: tenant, organization: organization.id, name: "x", clientID: "c"))
            },
            Attempt("snapshot") { _ = try await $0.snapshot(tenant, nil) },
            Attempt("connection") { _ = try await $0.directoryConnection(tenant) },
            Attempt("credential") {
                try await $0.setCredential(tenant, clientID: nil, .clientSecret("x"), expiresAt: nil)
            },
            Attempt("download") {
                _ = try await $0.startDownload(tenant, snapshot: nil, format: .json, types: nil, ids: nil)
            },
            Attempt("add") {
                let added = TenantRecord(
                    id: TenantID(uuid: UUID()), organization: organization.id, name: "n", clientID: "c")
                _ = try await $0.addTenant(added, .clientSecret("s"), expiresAt: nil)
            },
            Attempt("user") {
                _ = try await $0.createUser(email: "x@y.example", name: "x", role: .admin, partner: partner)
            },
        ]
    }

    /// All rows of the partner's side.
    private func fingerprint(_ database: TestDatabase, _ side: Side) async throws -> [String] {
        var rows: [String] = []
        for table in ["tenants", "jobs", "snapshots", "tenant_credentials", "messages", "schedule", "downloads"] {
            rows += try await database.sql(
                "SELECT to_jsonb(t)::text FROM backup.\(table) t WHERE tenant_id = $1 ORDER BY 1",
                [.uuid(side.tenant.uuid)]
            ).map { try $0.text(0) }
        }
        for table in ["organizations", "plans", "users"] {
            rows += try await database.sql(
                "SELECT to_jsonb(t)::text FROM backup.\(table) t WHERE partner_id = $1 ORDER BY 1",
                [.uuid(side.partner)]
            ).map { try $0.text(0) }
        }
        return rows
    }
}
