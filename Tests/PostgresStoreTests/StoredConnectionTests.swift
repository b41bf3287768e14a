import BackupContracts
import PostgresStore
import Testing

/// What a tenant's row says of its cloud decides where its credential is sent.
@Suite(.timeLimit(.minutes(5))) struct StoredConnectionTests {
    @Test func `a cloud that is not known is damage, never the public one`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let (job, _) = try await database.admin.startBackup(tenant, types: nil, full: false)
            let request = try #require(try await database.messages(of: job.id).first)
            try await database.sql("ALTER TABLE backup.tenants DROP CONSTRAINT tenants_cloud_is_known")
            try await database.sql("UPDATE backup.tenants SET cloud = 'us-gov-new'")
            let failure = await #expect(throws: StageFailure.self) {
                _ = try await database.fetcher.opening(request)
            }
            #expect(failure?.code == .storedDataDamaged && failure?.message.contains("us-gov-new") == true)
            try await database.sql("UPDATE backup.tenants SET cloud = 'us-gov'")
            let opening = try #require(try await database.fetcher.opening(request))
            #expect(opening.connection.cloud == .usGov)
        }
    }
}
