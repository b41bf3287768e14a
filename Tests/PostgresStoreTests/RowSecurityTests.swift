import BackupContracts
import BackupModel
import Foundation
import LibPQ
import PostgresStore
import Testing

/// Row-level security of every table of tenant data, found in the catalogue, so that a new table without a policy, or
/// one that these tests have no rows for, fails.
@Suite(.timeLimit(.minutes(5))) struct RowSecurityTests {
    /// Tables with a tenant that hold no directory content and are read across tenants (D14).
    private static let fleet: Set<String> = ["schedule", "messages", "dead_letters", "budgets", "user_counts"]
    /// Where a role sees all tenants: lists that hold no directory content.
    private static let acrossTenants: [String: Set<String>] = [
        "operator": ["tenants", "jobs", "snapshots"],
        "scheduler": ["tenants", "jobs", "downloads", "download_chunks"],
    ]
    /// Where a role reads all tenants and changes none: for the functions that look up search tokens and count users.
    private static let readAcrossTenants: [String: Set<String>] = ["owner": ["contents", "tenants"]]

    /// The audit and erasures, whose policies have tests of their own.
    private static let audit: Set<String> = ["audit_entries", "audit_chains", "audit_checkpoints", "erasures"]

    /// Policies that take rows away from what others show.
    private static let narrowing = [
        "tenant_credentials": "SELECT RESTRICTIVE {entra_backup_fetcher} (purpose = 'read'::text)"
    ]

    private static let accounts: Set<String> = [
        "partners", "plans", "organizations", "users", "organization_tokens", "outgoing_mails", "protected_users",
        "organization_terms",
    ]

    /// What keeps the staff of a partner within it.
    private static func ofTheStaff(_ table: String) -> [String] {
        let staff = "{entra_backup_staff}"
        let partner = "( SELECT backup.current_partner() AS current_partner))"
        let tenants = "(tenant_id IN ( SELECT tenants.tenant_id\n   FROM backup.tenants))"
        switch table {
        case "audit_entries": return []
        case "organization_tokens", "outgoing_mails", "user_counts":
            return [
                "ALL PERMISSIVE \(staff) (organization_id IN ( SELECT organizations.id\n   FROM backup.organizations))"
            ]
        case "partners": return ["ALL PERMISSIVE \(staff) (id = \(partner)"]
        case _ where accounts.contains(table): return ["ALL PERMISSIVE \(staff) (partner_id = \(partner)"]
        case _ where fleet.contains(table): return ["ALL PERMISSIVE \(staff) \(tenants)"]
        case "tenants":
            return [
                "ALL PERMISSIVE \(staff) true",
                "ALL RESTRICTIVE \(staff) (organization_id IN ( SELECT organizations.id\n   FROM backup.organizations))",
            ]
        case "jobs", "snapshots":
            return ["ALL PERMISSIVE \(staff) true", "ALL RESTRICTIVE \(staff) \(tenants)"]
        default:
            return [
                "ALL RESTRICTIVE \(staff) ( SELECT backup.sees_current_tenant() AS sees_current_tenant)"
            ]
        }
    }

    /// What lets the programs see the whole of accounts and fleet tables, where their rights let them look at all.
    private static func ofTheFleet(_ table: String) -> [String] {
        guard accounts.contains(table) || fleet.contains(table) else { return [] }
        let programs = ["operator", "scheduler", "fetcher", "differ", "persister", "downloader", "restorer"]
        return ["ALL PERMISSIVE {\(programs.sorted().map { "entra_backup_\($0)" }.joined(separator: ","))} true"]
    }

    private static func seesAll(_ role: String, _ table: String) -> Bool {
        acrossTenants[role]?.contains(table) == true || readAcrossTenants[role]?.contains(table) == true
    }

    /// Two tenants with rows in every table of tenant data.
    private struct Fixture {
        let database: TestDatabase
        let a: TenantID
        let b: TenantID
        let tables: [String]

        init(_ database: TestDatabase) async throws {
            self.database = database
            a = try await database.addTenant()
            b = try await database.addTenant()
            for tenant in [a, b] {
                let user = ObjectKey(high: 1, low: 1)
                let listing = Listing(
                    [user: #"{"displayName":"x"}"#], links: [LinkHead(object: user, relationship: 1, target: user)])
                try await database.backUp(tenant, [Types.group: listing])
                let (_, walks) = try await database.openRound(tenant, [Types.group])
                _ = try await database.fetch(try #require(walks.first))
                try await Self.addRestoresAndDownloads(database, tenant)
            }
            tables = try await database.texts(
                """
                SELECT c.relname FROM pg_catalog.pg_class c
                JOIN pg_catalog.pg_attribute t ON t.attrelid = c.oid AND t.attname = 'tenant_id' AND NOT t.attisdropped
                WHERE c.relnamespace = 'backup'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1
                """
            ).filter { !RowSecurityTests.fleet.contains($0) }
            try #require(tables.count >= 18)
            for table in tables {
                let count = try await database.number(
                    "SELECT count(DISTINCT tenant_id) FROM backup.\(table)")
                try #require(count == 2, "The fixture has no rows in \(table): add some.")
            }
        }

        /// Rows of what no backup writes.
        private static func addRestoresAndDownloads(_ database: TestDatabase, _ tenant: TenantID) async throws {
            for statement in [
                "INTO backup.downloads (tenant_id, job_id, snapshot, format, scope) VALUES ($1, $1, 1, 'json', 'x')",
                """
                INTO backup.download_chunks (tenant_id, job_id, epoch, ordinal, payload) VALUES ($1, $1, 1, 0, 'x')
                """,
                """
                INTO backup.restore_plans (tenant_id, plan_id, source_tenant_id, snapshot, live_snapshot, content, steps)
                VALUES ($1, $1, $1, 1, 1, 'x', 1)
                """,
                """
                INTO backup.restore_steps (tenant_id, plan_id, n, wave, type, object_id, action, content)
                VALUES ($1, $1, 1, 1, 1, $1, 'update', 'x')
                """,
                """
                INTO backup.id_map (tenant_id, source_tenant_id, old_id, new_id, type, job_id)
                VALUES ($1, $1, $1, $1, 1, $1)
                """,
                "INTO backup.secret_values (tenant_id, kind, id, sealed) VALUES ($1, 'bitlocker', $1, 'x')",
            ] {
                try await database.sql("INSERT \(statement)", [.uuid(tenant.uuid)])
            }
        }

        /// The table's rows of a tenant as texts of its row type.
        func rows(_ table: String, of tenant: TenantID) async throws -> [String] {
            try await database.texts(
                "SELECT r FROM backup.\(table) r WHERE tenant_id = $1", [.uuid(tenant.uuid)])
        }

        func may(_ role: String, _ privilege: String, _ table: String) async throws -> Bool {
            try await database.sql(
                "SELECT pg_catalog.has_table_privilege($1, $2, $3) AS may",
                [.text("entra_backup_\(role)"), .text("backup.\(table)"), .text(privilege)]
            ).onlyRow().bool("may")
        }
    }

    /// Runs the body in a transaction that is rolled back, with the tenant set or without.
    private func attempt<T: Sendable>(
        _ connection: PostgresConnection, _ tenant: TenantID?,
        _ body: (PostgresConnection) async throws(PostgresError) -> T
    ) async throws -> Result<T, PostgresError> {
        try await connection.execute("BEGIN")
        let result: Result<T, PostgresError>
        do throws(PostgresError) {
            if let tenant {
                _ = try await connection.query(
                    "SELECT set_config('backup.tenant', $1, true)", [.text(tenant.description)])
            }
            result = .success(try await body(connection))
        } catch {
            result = .failure(error)
        }
        try await connection.execute("ROLLBACK")
        return result
    }

    @Test func `every table of tenant data has forced row security and the policies that are meant`() async throws {
        try await TestDatabase.with { database in
            let fixture = try await Fixture(database)
            let rows = try await database.sql(
                """
                SELECT c.relname AS table, c.relrowsecurity AND c.relforcerowsecurity AS forced,
                    c.relrowsecurity AS guarded, ARRAY(
                    SELECT p.cmd || ' ' || p.permissive || ' ' || p.roles::text || ' ' || p.qual
                        || coalesce(' check ' || p.with_check, '')
                    FROM pg_catalog.pg_policies p WHERE p.schemaname = 'backup' AND p.tablename = c.relname) AS policies
                FROM pg_catalog.pg_class c WHERE c.relnamespace = 'backup'::regnamespace AND c.relkind IN ('r', 'p')
                """)
            let own = """
                ALL PERMISSIVE {public} (tenant_id = ( SELECT backup.current_tenant() AS current_tenant))
                """
            for row in rows {
                let table = try row.text("table")
                if Self.audit.contains(table) {
                    #expect(try row.bool("forced"), "\(table)")
                    continue
                }
                let isTenantData = fixture.tables.contains(table)
                #expect(try row.bool("forced") == isTenantData, "\(table)")
                #expect(try row.bool("guarded"), "\(table)")
                func policies(_ command: String, _ tables: [String: Set<String>]) -> [String] {
                    tables.filter { $0.value.contains(table) }.map {
                        "\(command) PERMISSIVE {entra_backup_\($0.key)} true"
                    }
                }
                let expected =
                    (isTenantData ? [own] : []) + policies("ALL", Self.acrossTenants)
                    + policies("SELECT", Self.readAcrossTenants) + [Self.narrowing[table]].compactMap(\.self)
                    + Self.ofTheStaff(table) + Self.ofTheFleet(table)
                #expect(Set(try row.textArray("policies")) == Set(expected), "\(table)")
            }
            // A table with neither a tenant nor a policy holds accounts or the audit: a new one has to be named here.
            let others = try rows.map { try $0.text("table") }.filter { !fixture.tables.contains($0) }
            #expect(
                Set(others) == Self.fleet.union(Self.accounts).union(Self.audit))
        }
    }

    @Test(arguments: Installation.roles + ["owner"])
    func `a role sees nothing without a tenant and one tenant with it`(role: String) async throws {
        try await TestDatabase.with { database in
            let fixture = try await Fixture(database)
            let connection = try await database.connect(role)
            var seen = 0
            for table in fixture.tables where try await fixture.may(role, "SELECT", table) {
                let sql = "SELECT DISTINCT tenant_id FROM backup.\(table)"
                let seesAll = Self.seesAll(role, table)
                let none = try await attempt(connection, nil) { (connection) async throws(PostgresError) in
                    try await connection.query(sql).count
                }
                #expect(try none.get() == (seesAll ? 2 : 0), "\(table) without a tenant")
                let one = try await attempt(connection, fixture.a) { (connection) async throws(PostgresError) in
                    try await connection.query(sql).map { (row) throws(PostgresError) in try row.uuid(0) }
                }
                #expect(
                    Set(try one.get()) == Set(seesAll ? [fixture.a.uuid, fixture.b.uuid] : [fixture.a.uuid]),
                    "\(table) with a tenant")
                seen += 1
            }
            #expect(seen >= 6)
        }
    }

    @Test(arguments: Installation.roles + ["owner"])
    func `a role changes no row of another tenant`(role: String) async throws {
        try await TestDatabase.with { database in
            let fixture = try await Fixture(database)
            let connection = try await database.connect(role)
            let (a, b) = (fixture.a, fixture.b)
            for table in fixture.tables where Self.acrossTenants[role]?.contains(table) != true {
                let before = try await fixture.rows(table, of: b)
                if try await fixture.may(role, "UPDATE", table) {
                    let touched = try await attempt(connection, a) { (connection) async throws(PostgresError) in
                        try await connection.query(
                            "UPDATE backup.\(table) SET tenant_id = tenant_id WHERE tenant_id = $1", [.uuid(b.uuid)]
                        ).affectedRows
                    }
                    #expect(try touched.get() == 0, "\(table): updated")
                    let moved = try await attempt(connection, a) { (connection) async throws(PostgresError) in
                        _ = try await connection.query("UPDATE backup.\(table) SET tenant_id = $1", [.uuid(b.uuid)])
                    }
                    #expect(moved.sqlState == .insufficientPrivilege, "\(table): moved to another tenant")
                }
                if try await fixture.may(role, "DELETE", table) {
                    let deleted = try await attempt(connection, a) { (connection) async throws(PostgresError) in
                        try await connection.query(
                            "DELETE FROM backup.\(table) WHERE tenant_id = $1", [.uuid(b.uuid)]
                        ).affectedRows
                    }
                    #expect(try deleted.get() == 0, "\(table): deleted")
                }
                if try await fixture.may(role, "INSERT", table) {
                    let row = try #require(before.first)
                    let inserted = try await attempt(connection, a) { (connection) async throws(PostgresError) in
                        _ = try await connection.query(
                            "INSERT INTO backup.\(table) SELECT ($1::text::backup.\(table)).*", [.text(row)])
                    }
                    // Refused before the key is looked at: a unique violation would tell that the row is there.
                    #expect(inserted.sqlState == .insufficientPrivilege, "\(table): inserted")
                }
                #expect(try await fixture.rows(table, of: b) == before)
            }
        }
    }

    @Test func `what runs as the owner takes back the transaction's tenant only`() async throws {
        try await TestDatabase.with { database in
            let fixture = try await Fixture(database)
            let versions = "SELECT count(*) FROM backup.object_versions WHERE tenant_id = $1"
            // Unsealed versions of both.
            try await database.sql("DELETE FROM backup.snapshots")
            let connection = try await database.connect("fetcher")
            try await connection.transaction { connection in
                _ = try await connection.query(
                    "SELECT set_config('backup.tenant', $1, true)", [.text(fixture.a.description)])
                _ = try await connection.query("SELECT backup.roll_back_unsealed()")
            }
            #expect(try await database.number(versions, [.uuid(fixture.a.uuid)]) == 0)
            #expect(try await database.number(versions, [.uuid(fixture.b.uuid)]) == 1)
            // Without a tenant it does nothing.
            _ = try await connection.query("SELECT backup.roll_back_unsealed()")
            #expect(try await database.number(versions, [.uuid(fixture.b.uuid)]) == 1)
        }
    }

    @Test func `search tokens find contents of the transaction's tenant only`() async throws {
        try await TestDatabase.with { database in
            let fixture = try await Fixture(database)
            let tokens = try await database.sql(
                "SELECT tokens FROM backup.contents WHERE tenant_id = $1", [.uuid(fixture.b.uuid)]
            ).onlyRow().int32Array("tokens")
            let connection = try await database.connect("operator")
            func found(_ tenant: TenantID?, type: UInt16 = Types.group, snapshot: Int32 = 1, partner: UUID? = nil)
                async throws -> Int
            {
                try await attempt(connection, tenant) { (connection) async throws(PostgresError) in
                    if let partner {
                        try await connection.execute("SET LOCAL backup.partner = '\(partner)'")
                        try await connection.execute("SET LOCAL ROLE entra_backup_staff")
                    }
                    return try await connection.query(
                        "SELECT backup.objects_with_tokens($1, $2, $3)",
                        [.int32Array(tokens), .int16Array([Int16(bitPattern: type)]), .int32(snapshot)]
                    ).count
                }.get()
            }
            for (tenant, count) in [(nil, 0), (fixture.a, 0), (fixture.b, 1)] {
                #expect(try await found(tenant) == count)
            }
            #expect(try await found(fixture.b, type: Types.user) == 0)
            #expect(try await found(fixture.b, snapshot: 0) == 0)
            let partner = try await database.sql(
                """
                SELECT o.partner_id FROM backup.organizations o JOIN backup.tenants t ON t.organization_id = o.id
                WHERE t.tenant_id = $1
                """, [.uuid(fixture.b.uuid)]
            ).onlyRow().uuid("partner_id")
            #expect(try await found(fixture.b, partner: partner) == 1)
            #expect(try await found(fixture.b, partner: UUID()) == 0)
        }
    }

    @Test func `a setting of the session that is no tenant shows nothing`() async throws {
        try await TestDatabase.with { database in
            let fixture = try await Fixture(database)
            let connection = try await database.connect("persister")
            for value in ["", "00000000-0000-0000-0000-000000000000"] {
                try await connection.execute("SET backup.tenant = '\(value)'")
                #expect(try await connection.query("SELECT FROM backup.contents").count == 0)
            }
            try await connection.execute("SET backup.tenant = 'x'' OR true'")
            await #expect(throws: PostgresError.self) {
                _ = try await connection.query("SELECT FROM backup.contents")
            }
            try await connection.execute("SET backup.tenant = '\(fixture.a)'")
            #expect(try await connection.query("SELECT FROM backup.contents").count == 1)
        }
    }
}

extension Result where Failure == PostgresError {
    fileprivate var sqlState: SQLState? {
        if case .failure(let error) = self { error.sqlState } else { nil }
    }
}
