import BackupContracts
import BackupModel
import LibPQ
import PostgresStore
import Testing

/// The rights of each role, table by table: the least with which its stage can work.
@Suite(.timeLimit(.minutes(5))) struct RoleTests {
    private static let privileges = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]

    /// Initials of SELECT, INSERT, UPDATE, DELETE. What is not named here nobody may do.
    private static let expected: [String: [String: String]] = [
        "scheduler": [
            "messages": "SIUD", "dead_letters": "SI", "tenants": "S", "schedule": "SU", "jobs": "SIU",
            "snapshots": "SD", "snapshot_collections": "SD", "object_versions": "SD", "link_versions": "SD",
            "contents": "SD", "delta_links": "S", "downloads": "SD", "download_chunks": "SD",
            "organizations": "S", "plans": "S",
            "audit_chains": "S", "audit_checkpoints": "SI", "erasures": "S", "outgoing_mails": "SUD",
        ],
        "fetcher": [
            "messages": "SIUD", "dead_letters": "SI", "jobs": "SU", "tenants": "S", "tenant_credentials": "S",
            "tenant_keys": "S", "delta_links": "S", "snapshots": "S", "snapshot_collections": "S",
            "collections": "SIUD", "pages": "SIUD", "budgets": "SIU",
        ],
        "differ": [
            "messages": "SIUD", "dead_letters": "SI", "jobs": "SU", "tenants": "S", "tenant_keys": "S",
            "collections": "SU", "pages": "SUD", "contents": "SI",
        ],
        "persister": [
            "messages": "SIUD", "dead_letters": "SI", "jobs": "SU", "tenants": "S", "tenant_keys": "S",
            "contents": "S", "collections": "SUD", "pages": "SUD", "object_versions": "SIU", "link_versions": "SIU",
            "delta_links": "SIUD", "snapshots": "SI", "snapshot_collections": "SI",
        ],
        "downloader": [
            "messages": "SIUD", "dead_letters": "SI", "jobs": "SU", "tenants": "S", "tenant_keys": "S",
            "snapshots": "S", "snapshot_collections": "S", "object_versions": "S", "link_versions": "S",
            "contents": "S", "downloads": "SU", "download_chunks": "SID",
        ],
        "restorer": [
            "messages": "SIUD", "dead_letters": "SI", "jobs": "SU", "tenants": "S", "tenant_credentials": "S",
            "tenant_keys": "S", "object_versions": "S", "snapshot_collections": "S", "restore_plans": "SU",
            "restore_steps": "SU", "id_map": "SIU", "budgets": "SIU",
        ],
        "operator": [
            "partners": "SIUD", "plans": "SIUD", "organizations": "SIUD", "tenants": "SIUD", "schedule": "SIUD",
            "tenant_credentials": "SIUD", "tenant_keys": "SIUD", "delta_links": "SIUD", "messages": "SIUD",
            "dead_letters": "SIUD", "budgets": "SIUD", "jobs": "SIUD", "collections": "SIUD", "pages": "SIUD",
            "contents": "SIUD", "object_versions": "SIUD", "link_versions": "SIUD", "snapshots": "SIUD",
            "snapshot_collections": "SIUD", "audit_entries": "SI", "audit_chains": "SIU",
            "audit_checkpoints": "SI", "erasures": "SIUD", "downloads": "SIUD", "download_chunks": "SIUD",
            "restore_plans": "SIUD", "restore_steps": "SIUD", "id_map": "SIUD", "secret_values": "SIUD",
            "users": "SIUD", "organization_tokens": "SIUD", "outgoing_mails": "SIUD", "user_counts": "SD",
            "protected_users": "S", "organization_terms": "S",
        ],
        "staff": [
            "partners": "SU", "plans": "SIUD", "organizations": "SIUD", "tenants": "SIUD", "schedule": "SIUD",
            "tenant_credentials": "SIUD", "tenant_keys": "SIUD", "delta_links": "SIUD", "messages": "SIUD",
            "dead_letters": "SD", "budgets": "SIUD", "jobs": "SIUD", "collections": "SIUD", "pages": "SIUD",
            "contents": "SIUD", "object_versions": "SIUD", "link_versions": "SIUD", "snapshots": "SIUD",
            "snapshot_collections": "SIUD", "audit_entries": "SI", "audit_chains": "SIU",
            "audit_checkpoints": "SI", "erasures": "SIUD", "downloads": "SIUD", "download_chunks": "SIUD",
            "restore_plans": "SIUD", "restore_steps": "SIUD", "id_map": "SIUD", "secret_values": "SIUD",
            "users": "SIUD", "organization_tokens": "SIUD", "outgoing_mails": "SIUD", "user_counts": "S",
            "protected_users": "S", "organization_terms": "S",
        ],
    ]

    /// The programs' roles, and the one that sessions of a partner's staff take on.
    private static let roles = Installation.roles + ["staff"]

    @Test func `each role has exactly the rights that its stage needs`() async throws {
        try await TestDatabase.with { database in
            let rows = try await database.sql(
                """
                SELECT r.name AS role, c.relname AS table, p.name AS privilege
                FROM unnest($1::text[]) AS r (name), pg_catalog.pg_class c, unnest($2::text[]) AS p (name)
                WHERE c.relnamespace = 'backup'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
                    AND pg_catalog.has_table_privilege('entra_backup_' || r.name, c.oid, p.name)
                """, [.textArray(Self.roles), .textArray(Self.privileges)])
            var found: [String: [String: Set<String>]] = [:]
            for row in rows {
                found[try row.text("role"), default: [:]][try row.text("table"), default: []]
                    .insert(try row.text("privilege"))
            }
            let names = ["S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE"]
            for role in Self.roles {
                let expected = try #require(Self.expected[role]).mapValues { Set($0.compactMap { names[String($0)] }) }
                let tables = Set(expected.keys).union(found[role, default: [:]].keys)
                for table in tables.sorted() {
                    #expect(found[role]?[table] ?? [] == expected[table] ?? [], "\(role) on \(table)")
                }
            }
        }
    }

    /// Of the audit alone: an entry gets its place once, the scheduler notes how far it has signed, and numbers are
    /// taken before an entry is sealed.
    @Test func `nobody has other rights on columns and sequences, on the schema, or as the public`() async throws {
        try await TestDatabase.with { database async throws in
            #expect(
                try await database.texts(
                    """
                    SELECT c.relname || '.' || a.attname || ' ' || x.privilege_type || ' '
                        || pg_catalog.pg_get_userbyid(x.grantee) FROM pg_catalog.pg_attribute a
                    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid, pg_catalog.aclexplode(a.attacl) x
                    WHERE c.relnamespace = 'backup'::regnamespace AND a.attacl IS NOT NULL ORDER BY 1
                    """) == [
                        "audit_chains.checkpoint_at UPDATE entra_backup_scheduler",
                        "audit_chains.checkpoint_position UPDATE entra_backup_scheduler",
                        "audit_entries.hash UPDATE entra_backup_operator",
                        "audit_entries.position UPDATE entra_backup_operator",
                        "audit_entries.seal UPDATE entra_backup_operator",
                    ])
            #expect(
                try await database.texts(
                    """
                    SELECT c.relname || ' ' || a.privilege_type || ' ' || pg_catalog.pg_get_userbyid(a.grantee)
                    FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
                    WHERE c.relnamespace = 'backup'::regnamespace AND c.relkind = 'S' AND a.grantee <> c.relowner
                    ORDER BY 1
                    """) == [
                        "audit_entries_number_seq USAGE entra_backup_operator",
                        "audit_entries_number_seq USAGE entra_backup_staff",
                    ])
            // 0 is the public.
            #expect(
                try await database.texts(
                    """
                    SELECT c.relname FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
                    WHERE c.relnamespace = 'backup'::regnamespace AND a.grantee = 0
                    """) == [])
            #expect(
                try await database.texts(
                    """
                    SELECT r FROM unnest($1::text[]) AS r
                    WHERE pg_catalog.has_schema_privilege('entra_backup_' || r, 'backup', 'CREATE')
                        OR pg_catalog.has_schema_privilege('entra_backup_' || r, 'public', 'CREATE')
                    """, [.textArray(Installation.roles)]) == [])
        }
    }

    @Test func `no role of a program is more than a login, and none owns anything`() async throws {
        try await TestDatabase.with { database async throws in
            #expect(
                try await database.texts(
                    """
                    SELECT rolname FROM pg_catalog.pg_roles WHERE rolname LIKE 'entra\\_backup\\_%'
                        AND (rolsuper OR rolbypassrls OR rolreplication OR rolcreatedb
                            OR rolcreaterole AND rolname <> 'entra_backup_owner')
                    """) == [])
            #expect(
                try await database.texts(
                    """
                    SELECT m.member::regrole || ' in ' || m.roleid::regrole || CASE WHEN r.rolinherit THEN ' inherits' ELSE '' END
                    FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.member
                    WHERE m.member::regrole::text LIKE 'entra\\_backup\\_%'
                        OR m.roleid::regrole::text LIKE 'entra\\_backup\\_%'
                    """) == ["entra_backup_operator in entra_backup_staff"])
            // Nobody logs in as the staff.
            #expect(
                try await database.texts(
                    """
                    SELECT rolname FROM pg_catalog.pg_roles
                    WHERE rolname LIKE 'entra\\_backup\\_%' AND NOT rolcanlogin
                    """) == ["entra_backup_staff"])
            #expect(
                try await database.texts(
                    """
                    SELECT relname FROM pg_catalog.pg_class WHERE relnamespace = 'backup'::regnamespace
                        AND pg_catalog.pg_get_userbyid(relowner) <> 'entra_backup_owner'
                    """) == [])
            #expect(
                Set(
                    try await database.texts(
                        "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname LIKE 'entra\\_backup\\_%'"))
                    == Set((Self.roles + ["owner"]).map { "entra_backup_\($0)" }))
        }
    }

    @Test func `functions that run as the owner have one caller each and a search path that is fixed, or none`()
        async throws
    {
        try await TestDatabase.with { database in
            let rows = try await database.sql(
                """
                SELECT p.proname AS name, r AS role,
                    CASE WHEN p.prosqlbody IS NULL THEN p.proconfig::text ELSE 'bound' END AS config
                FROM pg_catalog.pg_proc p, unnest($1::text[]) AS r
                WHERE p.pronamespace = 'backup'::regnamespace AND p.prosecdef
                    AND pg_catalog.has_function_privilege('entra_backup_' || r, p.oid, 'EXECUTE')
                """, [.textArray(Installation.roles)])
            let found = try rows.map { "\(try $0.text("name")) \(try $0.text("role")) \(try $0.text("config"))" }
            let fixed = #"{"search_path=\"\""}"#
            #expect(
                Set(found) == [
                    "roll_back_unsealed fetcher \(fixed)", "objects_with_tokens operator bound",
                    "count_users persister \(fixed)", "end_trials scheduler \(fixed)",
                ])
        }
    }

    @Test func `a role signs in with its password alone, which no statement had`() async throws {
        try await TestDatabase.with { database in
            // The server itself would have made it with 4,096 iterations.
            #expect(
                try await database.texts(
                    """
                    SELECT DISTINCT left(rolpassword, 16) FROM pg_catalog.pg_authid
                    WHERE rolname LIKE 'entra\\_backup\\_%' AND rolcanlogin
                    """) == ["SCRAM-SHA-256$1:"])
            for role in (Installation.roles + ["owner"]).map({ "entra_backup_\($0)" }) {
                await (try database.server.connect(role, database: database.name)).close()
                for password in ["", TemporaryServer.password + "0"] {
                    let error = await #expect(throws: PostgresError.self) {
                        _ = try await database.server.connect(role, database: database.name, password: password)
                    }
                    #expect(error?.sqlState == .invalidPassword || password.isEmpty, "\(role)")
                }
            }
        }
    }

    @Test(arguments: ["scheduler", "differ", "persister", "downloader"])
    func `credentials are refused to stages that do not sign in`(role: String) async throws {
        try await TestDatabase.with { database in
            _ = try await database.addTenant()
            let connection = try await database.connect(role)
            let error = await #expect(throws: PostgresError.self) {
                _ = try await connection.query("SELECT sealed FROM backup.tenant_credentials")
            }
            #expect(error?.sqlState == .insufficientPrivilege)
        }
    }

    @Test func `the credential that writes is seen by the restorer and the operator, not by a backup`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            try await database.sql(
                """
                INSERT INTO backup.tenant_credentials (tenant_id, purpose, kind, sealed, client_id)
                VALUES ($1, 'write', 'secret', 'x', 'writer')
                """, [.uuid(tenant.uuid)])
            let both = ["read", "write"]
            for (role, seen) in [("fetcher", ["read"]), ("restorer", both), ("operator", both)] {
                let connection = try await database.connect(role)
                try await connection.execute("SET backup.tenant = '\(tenant)'")
                let purposes = try await connection.query(
                    "SELECT purpose FROM backup.tenant_credentials ORDER BY 1"
                ).map { try $0.text(0) }
                #expect(purposes == seen, "\(role)")
            }
            // What the command line reads with is not the one that writes.
            #expect(try await database.admin.directoryConnection(tenant).clientID == "client")
        }
    }

    @Test(arguments: Installation.roles.filter { $0 != "operator" })
    func `secrets of devices are the operator's alone`(role: String) async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect(role)
            let error = await #expect(throws: PostgresError.self) {
                _ = try await connection.query("SELECT sealed FROM backup.secret_values")
            }
            #expect(error?.sqlState == .insufficientPrivilege)
        }
    }
}
