import AccountModel
import BackupContracts
import BackupModel
import Foundation
import LibPQ
import PostgresStore
import Testing

/// What is read of each tenant's jobs for the system status, and which tenants are meant.
@Suite(.timeLimit(.minutes(5))) struct TenantStatusTests {
    /// A job that ended some hours ago.
    @discardableResult
    private func job(
        _ database: TestDatabase, _ tenant: TenantID, _ state: JobState, hoursAgo: Int, kind: JobKind = .backup,
        types: [String]? = nil, warnings: String = "[]"
    ) async throws -> JobID {
        let id = JobID()
        try await database.sql(
            """
            INSERT INTO backup.jobs (tenant_id, job_id, kind, state, types, trace, snapshot, started_at, finished_at,
                objects, warnings, error_code, error_message)
            VALUES ($1, $2, $3, $4, $5, 't', 7, now() - make_interval(hours => $6, secs => 10),
                CASE WHEN $4 IN ('queued', 'running') THEN NULL ELSE now() - make_interval(hours => $6) END, 500,
                $7::text::jsonb, CASE WHEN $4 = 'failed' THEN 'graphUnreachable' END,
                CASE WHEN $4 = 'failed' THEN 'No answer.' END)
            """,
            [
                .uuid(tenant.uuid), .uuid(id.uuid), .text(kind.rawValue), .text(state.rawValue),
                types.map { .textArray($0) } ?? .null, .int32(Int32(hoursAgo)), .text(warnings),
            ])
        return id
    }

    private func status(_ database: TestDatabase, _ tenant: TenantID, _ kind: JobKind = .backup) async throws
        -> TenantStatus
    {
        try #require(try await database.admin.status(kind).first { $0.tenant == tenant })
    }

    @Test func `the newest good and the newest failed job are told, and the one under way`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let fresh = try await status(database, tenant)
            #expect(fresh.good == nil && fresh.failed == nil && fresh.open == nil)
            #expect(fresh.nextDueAt.map { $0 > fresh.readAt } == true && fresh.activatedAt != nil)
            try await job(database, tenant, .succeeded, hoursAgo: 50)
            let good = try await job(
                database, tenant, .succeededWithWarnings, hoursAgo: 30, warnings: #"[{"code":"a"},{"code":"b"}]"#)
            try await job(database, tenant, .failed, hoursAgo: 40)
            let failed = try await job(database, tenant, .failed, hoursAgo: 6)
            try await job(database, tenant, .cancelled, hoursAgo: 1)
            let running = try await job(database, tenant, .running, hoursAgo: 0)
            let found = try await status(database, tenant)
            #expect(found.good?.job == good && found.good?.warnings == 2 && found.good?.objects == 500)
            #expect(found.good?.snapshot == 7)
            #expect(found.good.map { $0.finishedAt.timeIntervalSince($0.startedAt).rounded() } == 10)
            #expect(found.failed?.job == failed && found.failed?.code == "graphUnreachable")
            #expect(found.failed?.message == "No answer." && found.open == .init(job: running, state: .running))
        }
    }

    @Test func `each kind has its own, and only backups are due`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let backup = try await job(database, tenant, .succeeded, hoursAgo: 3)
            let restore = try await job(database, tenant, .succeeded, hoursAgo: 2, kind: .restore)
            try await job(database, tenant, .failed, hoursAgo: 1, kind: .download)
            #expect(try await status(database, tenant).good?.job == backup)
            #expect(try await status(database, tenant).failed == nil)
            let restores = try await status(database, tenant, .restore)
            #expect(restores.good?.job == restore && restores.nextDueAt == nil)
            let downloads = try await status(database, tenant, .download)
            #expect(downloads.good == nil && downloads.failed?.code == "graphUnreachable")
        }
    }

    @Test func `a backup of some types only is not what the schedule promises`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let whole = try await job(database, tenant, .succeeded, hoursAgo: 20)
            try await job(database, tenant, .succeeded, hoursAgo: 1, types: ["user"])
            #expect(try await status(database, tenant).good?.job == whole)
            var record = try await database.admin.tenant("\(tenant)")
            record.types = ["user", "group"]
            _ = try await database.admin.configure(record)
            let both = try await job(database, tenant, .succeeded, hoursAgo: 2, types: ["group", "user", "device"])
            #expect(try await status(database, tenant).good?.job == both, "now these are all that is asked for")
        }
    }

    @Test func `nothing is due for a tenant or an organization that has stopped`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            for (state, isDue) in [("active", true), ("suspended", true), ("unsubscribed", false)] {
                try await database.sql("UPDATE backup.organizations SET state = $1", [.text(state)])
                let found = try await status(database, tenant)
                #expect(found.subscription.rawValue == state)
                #expect((found.nextDueAt != nil) == isDue, "\(state)")
            }
            try await database.sql("UPDATE backup.organizations SET state = 'active'")
            try await database.sql("UPDATE backup.plans SET product = 'archive'")
            let uncovered = try await status(database, tenant)
            #expect(!uncovered.includesEntra && uncovered.nextDueAt == nil)
            #expect(try await database.admin.tenants(.init(isBackedUp: true)) == [])
            try await database.sql("UPDATE backup.plans SET product = 'archive-entra'")
            #expect(try await status(database, tenant).includesEntra)
            _ = try await database.admin.deactivate(tenant)
            #expect(try await status(database, tenant).nextDueAt == nil)
        }
    }

    @Test func `tenants are picked by partner, organization, label, name and whether they are backed up`()
        async throws
    {
        try await TestDatabase.with { database in
            let admin = database.admin
            let tenants = [
                try await database.addTenant(), try await database.addTenant(), try await database.addTenant(),
            ]
            let organizations = try await admin.tenants().reduce(into: [:]) { $0[$1.id] = $1.organization }
            let organization = try await admin.organization(try #require(organizations[tenants[0]]).uuidString)
            func found(_ filter: TenantFilter) async throws -> Set<TenantID> {
                let list = Set(try await admin.tenants(filter).map(\.id))
                var wide = filter
                wide.limit = nil
                if filter.limit == nil {
                    #expect(Set(try await admin.status(.backup, wide).map(\.tenant)) == list, "status picks the same")
                }
                return list
            }
            #expect(try await found(.init()) == Set(tenants))
            #expect(try await found(.init(partner: organization.partner)) == [tenants[0]])
            #expect(try await found(.init(organization: organization.id)) == [tenants[0]])
            #expect(try await found(.init(partner: UUID())) == [])
            #expect(try await found(.init(search: String("\(tenants[1])".prefix(13)).uppercased())) == [tenants[1]])
            for nothing in ["%", "_", "\\"] { #expect(try await found(.init(search: nothing)) == []) }
            #expect(try await found(.init(limit: 2)).count == 2)
            _ = try await admin.label(tenants[1], "gold", isAdded: true)
            let labelled = try await admin.label(tenants[1], "emea", isAdded: true)
            #expect(labelled.labels == ["emea", "gold"])
            #expect(try await admin.label(tenants[1], "gold", isAdded: true) == labelled, "once is enough")
            #expect(try await found(.init(label: "gold")) == [tenants[1]])
            #expect(try await found(.init(label: "GOLD")) == [])
            #expect(try await found(.init(partner: organization.partner, label: "gold")) == [])
            #expect(try await admin.label(tenants[1], "gold", isAdded: false).labels == ["emea"])
            let missing = try await failureCode { _ = try await admin.label(tenants[1], "gold", isAdded: false) }
            #expect(missing == "labelNotFound")
            _ = try await admin.deactivate(tenants[2])
            try await database.sql(
                "UPDATE backup.organizations SET state = 'unsubscribed' WHERE id = $1", [.uuid(organization.id)])
            #expect(try await found(.init(isBackedUp: true)) == [tenants[1]])
        }
    }
}
