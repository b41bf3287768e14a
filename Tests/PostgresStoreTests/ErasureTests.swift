import AccountModel
import BackupContracts
import BackupModel
import Foundation
import LibPQ
import Logging
import Testing

@testable import PostgresStore

/// Who may erase what, and what stands in the way.
@Suite(.timeLimit(.minutes(5))) struct ErasureTests {
    private func note() -> AuditNote { AuditNote(actor: "a", action: "organization.delete", target: "x") }

    private func staff(_ database: TestDatabase, of partner: UUID, _ role: Role) -> PostgresStore {
        let user = StaffUser(
            id: UUID(), partner: partner, email: "a@b.example", name: "A", role: role, createdAt: .distantPast)
        return PostgresStore(
            settings: database.server.settings("entra_backup_operator", database: database.name), connections: 2,
            keyStorePath: database.keyStorePath, identity: .staff(user, supportMayView: false),
            logger: Logger(label: "staff") { _ in SwiftLogNoOpLogHandler() })
    }

    /// An organization with a tenant that has a job, a dead letter and something in every step's reach.
    private func fill(_ database: TestDatabase) async throws -> (Organization, TenantID) {
        let organization = try await database.addOrganization()
        let tenant = try await database.addTenant(of: organization)
        let job = try await database.admin.startBackup(tenant, types: nil, full: false).job.id
        try await database.sql(
            """
            INSERT INTO backup.dead_letters (id, queue, tenant_id, job_id, epoch, body, attempts, error_code,
                error_message, created_at) VALUES (gen_random_uuid(), 'jobs.backup', $1, $2, 1, '{}', 1, 'x', 'y', now())
            """, [.uuid(tenant.uuid), .uuid(job.uuid)])
        return (organization, tenant)
    }

    @Test func `an owner of the partner erases an organization of the partner and no other`() async throws {
        try await TestDatabase.with { database in
            let (own, tenant) = try await fill(database)
            let (other, _) = try await fill(database)
            let owner = staff(database, of: own.partner, .owner)
            let certificate = try await owner.erase(own, begun: note(), ended: { _ in note() })
            #expect(certificate.jobsCancelled == 1 && certificate.tenants == [tenant])
            #expect(certificate.rows["jobs"] == 1 && certificate.rows["tenant_keys"] == 1)
            for store in [owner, staff(database, of: other.partner, .admin)] {
                let error = await #expect(throws: AccountError.self) {
                    _ = try await store.erase(other, begun: note(), ended: { _ in note() })
                }
                #expect(error?.kind == .refused)
                await store.close()
            }
            #expect(try await database.texts("SELECT id FROM backup.organizations") == ["\(other.id)".lowercased()])
            for table in ["tenants", "jobs", "messages", "dead_letters"] {
                #expect(try await database.number("SELECT count(*) FROM backup.\(table)") == 1, "\(table)")
            }
        }
    }

    @Test func `while an organization is erased nothing is added to it, and what comes later is refused`() async throws
    {
        try await TestDatabase.with { database in
            let (organization, tenant) = try await fill(database)
            // The key store does not answer: nothing but work has ended.
            let away = database.keyStorePath + "-away"
            let secrets = database.keyStorePath + "/tenants"
            try FileManager.default.moveItem(atPath: secrets, toPath: away)
            let error = await #expect(throws: AccountError.self) {
                _ = try await database.admin.erase(organization, begun: note(), ended: { _ in note() })
            }
            guard case .failure(let failure)? = error?.kind else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(failure.code == .keyStoreUnavailable)
            #expect(try await database.admin.openErasures().map(\.organization) == [organization.id])
            #expect(try await database.number("SELECT count(*) FROM backup.tenant_keys") == 1)
            let refused = await #expect(throws: AccountError.self) {
                _ = try await database.admin.addTenant(
                    TenantRecord(id: TenantID(uuid: UUID()), organization: organization.id, name: "n", clientID: "c"),
                    .clientSecret("s"), expiresAt: nil)
            }
            #expect(refused?.code == "organizationDeleted")
            try FileManager.default.moveItem(atPath: away, toPath: secrets)
            _ = try await database.admin.erase(organization, begun: note(), ended: { _ in note() })
            #expect(try await database.admin.openErasures().isEmpty)
            // A fetcher that was at work asks for its quota.
            let late = await #expect(throws: StageFailure.self) {
                _ = try await database.fetcher.draw(1, tenant: tenant, scope: .identity)
            }
            #expect(late?.disposition == .park)
            #expect(try await database.number("SELECT count(*) FROM backup.budgets") == 0)
        }
    }
}
