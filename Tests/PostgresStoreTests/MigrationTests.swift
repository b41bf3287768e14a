import BackupContracts
import LibPQ
import PostgresStore
import Testing

/// Migrations, on a server that nothing was installed on.
@Suite(.serialized, .timeLimit(.minutes(5))) struct MigrationTests {
    private static let server = Task { try TemporaryServer() }

    /// An empty database of the owner.
    private func with(_ name: String, _ body: (TemporaryServer, PostgresConnection, Migrator) async throws -> Void)
        async throws
    {
        let server = try await Self.server.value
        let connection = try await server.connect()
        try await connection.execute(
            """
            DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'entra_backup_owner') THEN
                CREATE ROLE entra_backup_owner LOGIN CREATEROLE PASSWORD '\(TemporaryServer.password)'; END IF; END $$
            """)
        try await connection.execute("CREATE DATABASE \(name) OWNER entra_backup_owner")
        await connection.close()
        let superuser = try await server.connect(database: name)
        try await superuser.execute("GRANT CREATE, USAGE ON SCHEMA public TO entra_backup_owner")
        let migrator = Migrator(settings: server.settings("entra_backup_owner", database: name))
        do {
            try await body(server, superuser, migrator)
        } catch {
            await superuser.close()
            throw error
        }
        await superuser.close()
    }

    private static let names = Migration.all.map(\.name)

    /// Rows of the table of migrations, times included.
    private func rows(_ connection: PostgresConnection) async throws -> [String] {
        try await connection.query("SELECT m::text FROM public.entra_backup_migrations m ORDER BY number").map {
            try $0.text(0)
        }
    }

    /// The database as an earlier version left it.
    private func install(_ migrations: some Sequence<Migration>, _ server: TemporaryServer, _ database: String)
        async throws
    {
        let owner = try await server.connect("entra_backup_owner", database: database)
        try await owner.execute(
            """
            CREATE TABLE public.entra_backup_migrations (number integer PRIMARY KEY, name text NOT NULL,
                checksum bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
            """)
        for migration in migrations {
            try await owner.execute(migration.sql)
            _ = try await owner.query(
                "INSERT INTO public.entra_backup_migrations (number, name, checksum) VALUES ($1, $2, $3)",
                [.int32(migration.number), .text(migration.name), .bytea(migration.checksum)])
        }
        await owner.close()
    }

    @Test func `migrators that start at once on an empty database apply each migration once`() async throws {
        try await with("at_once") { _, connection, migrator in
            let applied = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<4 { group.addTask { try await migrator.migrate() } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(applied.filter { $0 == Self.names }.count == 1)
            #expect(applied.filter { $0.isEmpty }.count == 3)
            #expect(try await rows(connection).count == Self.names.count)
        }
    }

    @Test func `a second run changes nothing`() async throws {
        try await with("twice") { server, connection, migrator in
            #expect(try await migrator.status().map(\.isApplied) == Self.names.map { _ in false })
            #expect(try await migrator.migrate() == Self.names)
            let (schema, before) = (try server.schema(of: "twice"), try await rows(connection))
            #expect(try await migrator.migrate() == [])
            #expect(try server.schema(of: "twice") == schema)
            #expect(try await rows(connection) == before)
            let status = try await migrator.status()
            #expect(status.map(\.name) == Self.names && status.allSatisfy { $0.isApplied })
            #expect(status.map(\.number) == Migration.all.map(\.number))
            #expect(zip(status, status.dropFirst()).allSatisfy { $0.number < $1.number })
        }
    }

    @Test func `the text that is printed is what is applied`() async throws {
        try await with("printed") { server, connection, _ in
            // As `entra-backup migrate --print` prints it, run by hand as the owner.
            let text = Migration.all.map { "-- \($0.name)\n\($0.sql)" }.joined(separator: "\n")
            let owner = try await server.connect("entra_backup_owner", database: "printed")
            try await owner.execute(text)
            await owner.close()
            try await with("applied") { server, connection, migrator in
                _ = try await migrator.migrate()
                #expect(try server.schema(of: "applied") == server.schema(of: "printed"))
                let checksums = try await connection.query(
                    "SELECT checksum FROM public.entra_backup_migrations ORDER BY number"
                ).map { try $0.bytes(0) }
                let texts = PostgresValue.textArray(Migration.all.map(\.sql))
                let expected = try await connection.query(
                    "SELECT sha256(convert_to(t, 'UTF8')) FROM unnest($1::text[]) WITH ORDINALITY AS u (t, n) ORDER BY n",
                    [texts]
                ).map { try $0.bytes(0) }
                #expect(checksums == expected)
            }
        }
    }

    @Test func `a migration that was applied with another text is refused`() async throws {
        try await with("edited") { server, connection, migrator in
            _ = try await migrator.migrate()
            try await connection.execute(
                "UPDATE public.entra_backup_migrations SET checksum = sha256('x') WHERE number = 2")
            let schema = try server.schema(of: "edited")
            for operation in ["migrate", "status"] {
                let failure = await #expect(throws: StageFailure.self) {
                    if operation == "migrate" {
                        _ = try await migrator.migrate()
                    } else {
                        _ = try await migrator.status()
                    }
                }
                #expect(failure?.code == .schemaMismatch && failure?.message.contains("V0002_roles") == true)
            }
            #expect(try server.schema(of: "edited") == schema)
        }
    }

    @Test func `a database of a newer version is refused before anything is applied`() async throws {
        try await with("newer") { server, connection, migrator in
            _ = try await migrator.migrate()
            try await connection.execute(
                """
                INSERT INTO public.entra_backup_migrations (number, name, checksum) VALUES (900, 'V0900_new', '\\x00');
                DELETE FROM public.entra_backup_migrations WHERE number = 2;
                """)
            let failure = await #expect(throws: StageFailure.self) { _ = try await migrator.migrate() }
            #expect(failure?.code == .schemaMismatch && failure?.message.contains("V0900_new") == true)
            #expect(failure?.code.rule.hint.contains("migrate") == true)
            #expect(try await rows(connection).count == Self.names.count)
        }
    }

    @Test func `a migration that is cut off leaves nothing half done`() async throws {
        try await with("cut_off") { server, connection, migrator in
            // The table of migrations is there, and its row cannot be written: the migrator stands after its statements.
            try await connection.execute(
                """
                CREATE TABLE public.entra_backup_migrations (number integer PRIMARY KEY, name text NOT NULL,
                    checksum bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
                ALTER TABLE public.entra_backup_migrations OWNER TO entra_backup_owner;
                """)
            let blocker = try await server.connect(database: "cut_off")
            try await blocker.execute("BEGIN; LOCK TABLE public.entra_backup_migrations IN SHARE MODE")
            let migration = Task { try await failureCode { _ = try await migrator.migrate() } }
            let waiting = """
                SELECT pid FROM pg_catalog.pg_stat_activity WHERE datname = 'cut_off' AND usename = 'entra_backup_owner'
                    AND wait_event_type = 'Lock'
                """
            try await eventually { try await connection.query(waiting).count == 1 }
            _ = try await connection.query("SELECT pg_terminate_backend(pid) FROM (\(waiting)) w")
            #expect(try await migration.value == "databaseUnreachable")
            try await blocker.execute("ROLLBACK")
            await blocker.close()
            #expect(
                try await connection.query("SELECT to_regnamespace('backup') IS NULL AS none").onlyRow().bool("none"))
            #expect(try await rows(connection) == [])
            #expect(try await migrator.migrate() == Self.names)
        }
    }

    @Test func `an older database gets only what it lacks`() async throws {
        try await with("older") { server, connection, migrator in
            let first = try #require(Migration.all.first)
            try await install([first], server, "older")
            #expect(try await migrator.status().map(\.isApplied) == Self.names.map { $0 == first.name })
            #expect(try await migrator.migrate() == Array(Self.names.dropFirst()))
        }
    }

    @Test func `a database of the version before keeps every row and gets what is new`() async throws {
        try await with("upgraded") { server, connection, migrator in
            try await install(Migration.all.prefix(2), server, "upgraded")
            try await connection.execute(Self.rowsOfTheVersionBefore)
            let tables = try await connection.query(
                "SELECT relname FROM pg_class WHERE relnamespace = 'backup'::regnamespace AND relkind = 'r' ORDER BY 1"
            ).map { try $0.text(0) }
            let columns = try await columns(connection, tables)
            let before = try await contents(connection, columns)
            #expect(before.filter { $0.value.isEmpty }.keys.sorted() == [], "each table has a row")

            #expect(try await migrator.migrate() == Array(Self.names.dropFirst(2)))
            let after = try await contents(connection, columns)
            for table in tables { #expect(after[table] == before[table], "\(table)") }
            #expect(try await connection.query("SELECT FROM backup.downloads").count == 0)
            let upgraded = try server.schema(of: "upgraded")
            try await with("made_anew") { server, _, migrator in
                _ = try await migrator.migrate()
                #expect(try server.schema(of: "made_anew") == upgraded)
            }
        }
    }

    @Test func `terms from before they kept their plans' words get those of the day`() async throws {
        try await with("terms") { server, connection, migrator in
            try await install(Migration.all.prefix(11), server, "terms")
            try await connection.execute(
                """
                DO $$
                DECLARE
                    p CONSTANT uuid := '11111111-1111-1111-1111-111111111111';
                    q CONSTANT uuid := '22222222-2222-2222-2222-222222222222';
                BEGIN
                    INSERT INTO backup.partners (id, name) VALUES (p, 'P');
                    INSERT INTO backup.plans (id, partner_id, name, product, currency, periodicity)
                        VALUES (p, p, 'Old', 'backup', 'EUR', 'monthly'), (q, p, 'Large', 'backup-entra', 'USD', 'yearly');
                    INSERT INTO backup.organizations (id, partner_id, plan_id, name, first_name, last_name, email,
                        country) VALUES (p, p, p, 'O', 'F', 'L', 'a@b.example', 'DE');
                    UPDATE backup.organizations SET plan_id = q;
                    UPDATE backup.plans SET name = 'Small' WHERE id = p;
                    INSERT INTO backup.organization_terms (organization_id, partner_id, from_at, to_at, plan_id, state, nfr)
                        VALUES (q, p, '2026-01-01Z', '2026-02-01Z', gen_random_uuid(), 'deleted', false);
                END $$
                """)
            #expect(try await migrator.migrate() == Array(Self.names.dropFirst(11)))
            let terms = try await connection.query(
                """
                SELECT concat_ws(' ', plan_name, product, currency, periodicity, to_at = 'infinity')
                FROM backup.organization_terms ORDER BY from_at
                """
            ).map { try $0.text(0) }
            #expect(
                terms == ["f", "Small backup EUR monthly f", "Large backup-entra USD yearly t"],
                "a plan that is gone has no words left")
        }
    }

    /// The columns of each table, as a list for SQL.
    private func columns(_ connection: PostgresConnection, _ tables: [String]) async throws -> [String: String] {
        var columns: [String: String] = [:]
        for table in tables {
            columns[table] = try await connection.query(
                """
                SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
                WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
                """, [.text("backup.\(table)")]
            ).onlyRow().text(0)
        }
        return columns
    }

    /// The rows of each table as JSON, of the given columns.
    private func contents(_ connection: PostgresConnection, _ columns: [String: String]) async throws
        -> [String: [String]]
    {
        var contents: [String: [String]] = [:]
        for (table, columns) in columns {
            contents[table] = try await connection.query(
                "SELECT to_jsonb(t)::text FROM (SELECT \(columns) FROM backup.\(table)) t ORDER BY 1"
            ).map { try $0.text(0) }
        }
        return contents
    }

    /// A row in each table of the first two migrations.
    private static let rowsOfTheVersionBefore = """
        DO $$
        DECLARE
            t CONSTANT uuid := '11111111-1111-1111-1111-111111111111';
        BEGIN
            INSERT INTO backup.partners (id, name) VALUES (t, 'P');
            INSERT INTO backup.plans (id, partner_id, name, product, currency, periodicity)
                VALUES (t, t, 'Plan', 'backup-entra', 'EUR', 'monthly');
            INSERT INTO backup.organizations (id, partner_id, plan_id, name, first_name, last_name, email, country)
                VALUES (t, t, t, 'O', 'F', 'L', 'a@b.example', 'DE');
            INSERT INTO backup.tenants (tenant_id, organization_id, name, client_id) VALUES (t, t, 'T', 'client');
            INSERT INTO backup.schedule (tenant_id, next_backup_at) VALUES (t, now());
            INSERT INTO backup.tenant_credentials (tenant_id, kind, sealed) VALUES (t, 'secret', 'sealed');
            INSERT INTO backup.tenant_keys (tenant_id, wrapped, kek_number, newest_data_key) VALUES (t, 'w', 1, 1);
            INSERT INTO backup.delta_links (tenant_id, type, sealed, snapshot, complete_at) VALUES (t, 1, 's', 1, now());
            INSERT INTO backup.jobs (tenant_id, job_id, kind, state, trace) VALUES (t, t, 'backup', 'running', 'x');
            INSERT INTO backup.messages (id, queue, tenant_id, job_id, epoch, body) VALUES (t, 'stage.diff', t, t, 1, '{}');
            INSERT INTO backup.dead_letters (id, queue, tenant_id, job_id, epoch, body, attempts, error_code,
                error_message, created_at) VALUES (t, 'stage.diff', t, t, 1, '{}', 10, 'keyWrong', 'm', now());
            INSERT INTO backup.budgets (tenant_id, scope, tokens, refreshed_at) VALUES (t, 'identity', 1.5, now());
            INSERT INTO backup.collections (tenant_id, job_id, type, epoch, mode) VALUES (t, t, 1, 1, 'complete');
            INSERT INTO backup.pages (tenant_id, job_id, type, ordinal, content) VALUES (t, t, 1, 0, 'page');
            INSERT INTO backup.contents (tenant_id, digest, type, facet, object_id, payload, tokens)
                VALUES (t, 'digest', 1, 0, t, 'payload', '{1,2}');
            INSERT INTO backup.object_versions (tenant_id, object_id, from_snapshot, type, facet, seen_at, digest)
                VALUES (t, t, 1, 1, 0, now(), 'digest');
            INSERT INTO backup.link_versions (tenant_id, object_id, target_id, from_snapshot, type, relationship)
                VALUES (t, t, t, 1, 1, 1);
            INSERT INTO backup.snapshots (tenant_id, number, job_id, started_at, objects, added, updated, deleted, digest,
                signature) VALUES (t, 1, t, now(), 1, 1, 0, 0, 'd', 's');
            INSERT INTO backup.snapshot_collections (tenant_id, number, type, outcome, objects, links, pages, requests,
                added, updated, deleted, digest) VALUES (t, 1, 1, 'complete', 1, 1, 1, 1, 1, 0, 0, 'd');
            INSERT INTO backup.audit_entries (actor, action, target, outcome) VALUES ('a', 'tenant.add', 't', 'allowed');
        END $$
        """

    @Test func `without a server the failure says that it cannot be reached`() async throws {
        let server = try await Self.server.value
        var settings = server.settings("entra_backup_owner", database: "no_such_database")
        let missing = await #expect(throws: StageFailure.self) { _ = try await Migrator(settings: settings).migrate() }
        #expect(missing?.code == .databaseUnreachable)
        settings.password = .init("wrong")
        let wrong = await #expect(throws: StageFailure.self) { _ = try await Migrator(settings: settings).migrate() }
        #expect(wrong?.code == .databaseUnreachable && wrong?.message.contains("wrong") == false)
    }
}
