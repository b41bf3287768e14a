import AccountModel
import BackupContracts
import BackupModel
import Foundation
import LibPQ
import Logging
import PostgresStore
import Sealing
import Synchronization

/// A database with this version's schema, a key store, and a store for each role, for one test.
final class TestDatabase: Sendable {
    let server: TemporaryServer
    let name: String
    let keyStorePath: String
    /// Sees everything: for what a test must look at or damage.
    let superuser: PostgresConnection
    let admin: PostgresStore
    let scheduler: PostgresStore
    let fetcher: PostgresStore
    let differ: PostgresStore
    let persister: PostgresStore
    let downloader: PostgresStore
    let restorer: PostgresStore
    private let others = Mutex<(stores: [PostgresStore], connections: [PostgresConnection])>(([], []))

    /// Makes a database, runs the body, and closes what was opened.
    static func with<T: Sendable>(_ body: (TestDatabase) async throws -> T) async throws -> T {
        await Gate.shared.enter()
        let result: Result<T, any Error>
        do {
            result = .success(try await make(body))
        } catch {
            result = .failure(error)
        }
        await Gate.shared.leave()
        return try result.get()
    }

    private static func make<T: Sendable>(_ body: (TestDatabase) async throws -> T) async throws -> T {
        let database = try await TestDatabase()
        let result: Result<T, any Error>
        do {
            result = .success(try await body(database))
        } catch {
            result = .failure(error)
        }
        await database.close()
        return try result.get()
    }

    private init() async throws {
        server = try await TemporaryServer.shared.value
        (name, keyStorePath) = try await DatabaseMaker.shared.make(on: server)
        superuser = try await server.connect(database: name)
        let (server, name, path) = (server, name, keyStorePath)
        func store(_ role: String) -> PostgresStore { Self.store(server, name, path, role, 6, .none) }
        admin = store("operator")
        scheduler = store("scheduler")
        fetcher = store("fetcher")
        differ = store("differ")
        persister = store("persister")
        downloader = store("downloader")
        restorer = store("restorer")
    }

    private static func store(
        _ server: TemporaryServer, _ database: String, _ keyStore: String, _ role: String, _ connections: Int,
        _ hooks: StageHooks
    ) -> PostgresStore {
        PostgresStore(
            settings: server.settings("entra_backup_\(role)", database: database), connections: connections,
            keyStorePath: keyStore, hooks: hooks, logger: Logger(label: role) { _ in SwiftLogNoOpLogHandler() })
    }

    /// One more store of a role, as another process would have it: nothing kept in memory is shared.
    func another(
        _ role: String, keyStore: String? = nil, connections: Int = 6, hooks: StageHooks = .none
    ) -> PostgresStore {
        let store = Self.store(server, name, keyStore ?? keyStorePath, role, connections, hooks)
        others.withLock { $0.stores.append(store) }
        return store
    }

    /// A connection of a role, `owner` among them.
    func connect(_ role: String) async throws -> PostgresConnection {
        let connection = try await server.connect("entra_backup_\(role)", database: name)
        others.withLock { $0.connections.append(connection) }
        return connection
    }

    private func close() async {
        let opened = others.withLock { $0 }
        let own = [admin, scheduler, fetcher, differ, persister, downloader, restorer]
        for store in opened.stores + own { await store.close() }
        for connection in opened.connections { await connection.close() }
        await superuser.close()
        try? FileManager.default.removeItem(atPath: keyStorePath)
    }

    // MARK: Looking and damaging

    @discardableResult
    func sql(_ text: String, _ parameters: [PostgresValue] = []) async throws -> PostgresRows {
        try await superuser.query(text, parameters)
    }

    /// The first column of the only row.
    func number(_ text: String, _ parameters: [PostgresValue] = []) async throws -> Int64 {
        try await sql("SELECT (\(text))::bigint AS n", parameters).onlyRow().int64("n")
    }

    /// The first column of all rows, as text.
    func texts(_ text: String, _ parameters: [PostgresValue] = []) async throws -> [String] {
        try await sql("SELECT x::text AS x FROM (\(text)) AS q (x)", parameters).map { try $0.text("x") }
    }

    // MARK: Accounts

    func addOrganization(_ name: String = UUID().uuidString) async throws -> Organization {
        let partner = try await admin.createPartner(name: name)
        let plan = try await admin.createPlan(
            name: name, product: .backupEntra, currency: "EUR", periodicity: .monthly, partner: partner.id)
        return try await admin.createOrganization(
            Organization(
                id: UUID(), partner: partner.id, plan: plan.id, name: name, firstName: "A", lastName: "B",
                email: "\(name)@example.com", country: "DE", seats: nil, autoLicense: false, state: .active,
                createdAt: Date(timeIntervalSince1970: 0)))
    }

    /// A tenant under an organization of its own, active.
    func addTenant() async throws -> TenantID { try await addTenant(of: try await addOrganization()) }

    /// A tenant of the organization, active.
    func addTenant(of organization: Organization) async throws -> TenantID {
        let tenant = TenantID(uuid: UUID())
        _ = try await admin.addTenant(
            TenantRecord(id: tenant, organization: organization.id, name: "\(tenant)", clientID: "client"),
            .clientSecret("secret of \(tenant)"), expiresAt: nil)
        _ = try await admin.activate(tenant, permissions: [])
        return tenant
    }
}

/// Lets a few tests in at a time, since a server has only so many connections.
private actor Gate {
    static let shared = Gate()
    private var free = 10
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func enter() async {
        guard free == 0 else {
            free -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func leave() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}

/// Makes databases as copies of one that was installed as the product installs it.
private actor DatabaseMaker {
    static let shared = DatabaseMaker()
    private static let template = "installed"
    private var installation: Task<String, any Error>?
    private var count = 0

    func make(on server: TemporaryServer) async throws -> (name: String, keyStorePath: String) {
        let installation = self.installation ?? Task { try await Self.install(on: server) }
        self.installation = installation
        let root = try await installation.value
        count += 1
        let name = "test_\(count)"
        let keyStorePath = "\(root)/\(name)"
        try DirectoryKeyStore(path: keyStorePath).create()
        let connection = try await server.connect()
        try await connection.execute(
            "CREATE DATABASE \(name) TEMPLATE \(Self.template) OWNER \(Installation.owner)")
        await connection.close()
        return (name, keyStorePath)
    }

    private static func install(on server: TemporaryServer) async throws -> String {
        let root = "\(server.directory)-keys"
        try FileManager.default.createDirectory(
            atPath: root, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let passwords = Dictionary(
            uniqueKeysWithValues: (Installation.roles + ["owner"]).map {
                ($0, DatabaseSettings.Secret(TemporaryServer.password))
            })
        try await Installation(superuser: server.settings(), database: template)
            .prepare(passwords: passwords, keyStorePath: root + "/template")
        return root
    }
}

extension TestDatabase {
    /// Whether so many sessions of a role wait for a lock.
    func isWaiting(_ role: String, count: Int64 = 1) async throws -> Bool {
        try await number(
            """
            SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datname = current_database()
                AND usename = 'entra_backup_' || $1 AND wait_event_type = 'Lock'
            """, [.text(role)]) == count
    }

    /// From now on the server ends a session that changes the table, at its commit: everything is written by then, and
    /// nothing of it stays. Taken back with `DROP FUNCTION public.end_session CASCADE`.
    func endSessionsAtCommit(of table: String, by role: String) async throws {
        try await superuser.execute(
            """
            CREATE FUNCTION public.end_session() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
                BEGIN PERFORM pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid()); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER end_session AFTER INSERT OR UPDATE ON backup.\(table)
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (current_user = '\(role)')
                EXECUTE FUNCTION public.end_session();
            """)
    }
}
