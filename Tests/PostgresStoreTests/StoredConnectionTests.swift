import BackupContracts
import BackupModel
import PostgresStore
import Testing

/// What a tenant's row says of its cloud decides where its credential is sent.
@Suite(.timeLimit(.minutes(5))) struct StoredConnectionTests {
    @Test func `a cloud that is not known is that of another version, never the public one`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let (job, _) = try await database.admin.startBackup(tenant, types: nil, full: false)
            let request = try #require(try await database.messages(of: job.id).first)
            try await database.sql("ALTER TABLE backup.tenants DROP CONSTRAINT tenants_cloud_is_known")
            try await database.sql("UPDATE backup.tenants SET cloud = 'us-gov-new'")
            let failure = await #expect(throws: StageFailure.self) {
                _ = try await database.fetcher.opening(request)
            }
            #expect(failure?.code == .schemaMismatch && failure?.message.contains("Cloud") == true)
            #expect(failure?.message.contains("us-gov-new") == true)
            let shown = try await failureCode { _ = try await database.admin.tenant(tenant.description) }
            #expect(shown == "schemaMismatch")
            try await database.sql("UPDATE backup.tenants SET cloud = 'us-gov'")
            let opening = try #require(try await database.fetcher.opening(request))
            #expect(opening.connection.cloud == .usGov)
        }
    }

    @Test func `the credential that writes is not sent to a cloud that is not known`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.restorableTenant()
            try await database.sql("ALTER TABLE backup.tenants DROP CONSTRAINT tenants_cloud_is_known")
            try await database.sql("UPDATE backup.tenants SET cloud = 'us-gov-new'")
            let code = try await failureCode { _ = try await database.admin.writeConnection(tenant) }
            #expect(code == "schemaMismatch")
        }
    }
}
