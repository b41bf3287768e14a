public import BackupContracts
import Foundation
import LibPQ

/// What has to be there before the stages start: database, owner, schema, passwords of the roles, key store.
///
/// Idempotent: every step makes what is missing and leaves what is there.
public struct Installation: Sendable {
    /// The roles that programs log in as, without the prefix `entra_backup_`.
    public static let roles = ["scheduler", "fetcher", "differ", "persister", "downloader", "restorer", "operator"]
    /// Runs migrations and owns the tables; no program logs in as it.
    public static let owner = "entra_backup_owner"

    /// What sessions of a partner's staff run as; nobody logs in as it.
    public static let staff = "entra_backup_staff"

    let superuser: DatabaseSettings
    let database: String

    /// - Parameters:
    ///   - superuser: logs in to the database `postgres`.
    ///   - database: name of the database to make; letters, digits and underscores.
    public init(superuser: DatabaseSettings, database: String) {
        self.superuser = superuser
        self.database = database
    }

    /// - Parameter passwords: by role, `owner` among them; random, in ASCII.
    public func prepare(passwords: [String: DatabaseSettings.Secret], keyStorePath: String) async throws(StageFailure) {
        guard let owner = passwords["owner"] else {
            throw StageFailure(.stageDefect, "The owner of the schema has no password.")
        }
        try await withSuperuser("postgres") { (connection) async throws(StageFailure) in
            let roles = try await connection.rows(
                "SELECT FROM pg_catalog.pg_roles WHERE rolname = $1", [.text(Self.owner)])
            if roles.isEmpty { try await connection.run("CREATE ROLE \(Self.owner) LOGIN CREATEROLE") }
            try await connection.run("ALTER ROLE \(Self.owner) PASSWORD '\(ScramVerifier.text(of: owner.text))'")
            let databases = try await connection.rows(
                "SELECT FROM pg_catalog.pg_database WHERE datname = $1", [.text(database)])
            if databases.isEmpty {
                try await connection.run("CREATE DATABASE \(database) OWNER \(Self.owner)")
                try await connection.run("REVOKE CONNECT ON DATABASE \(database) FROM PUBLIC")
            }
        }
        try await withSuperuser(database) { (connection) async throws(StageFailure) in
            try await connection.run("GRANT CREATE, USAGE ON SCHEMA public TO \(Self.owner)")
        }
        var settings = superuser
        settings.name = database
        settings.user = Self.owner
        settings.password = owner
        // One that is missing although tenants exist is left missing: the stages say so, and so does `doctor`.
        _ = try await KeyStoreSetup(path: keyStorePath).run(settings: settings)
        _ = try await Migrator(settings: settings).migrate()
        try await withSuperuser("postgres") { (connection) async throws(StageFailure) in
            for role in Self.roles {
                guard let verifier = passwords[role].map({ ScramVerifier.text(of: $0.text) }) else { continue }
                try await connection.run("ALTER ROLE entra_backup_\(role) PASSWORD '\(verifier)'")
                try await connection.run("GRANT CONNECT ON DATABASE \(database) TO entra_backup_\(role)")
            }
        }
    }

    private func withSuperuser(_ database: String, _ body: (PostgresConnection) async throws(StageFailure) -> Void)
        async throws(StageFailure)
    {
        var settings = superuser
        settings.name = database
        let connection: PostgresConnection
        do throws(PostgresError) {
            connection = try await PostgresConnection.connect(settings.configuration)
        } catch {
            throw StageFailure(store: error)
        }
        do throws(StageFailure) {
            try await body(connection)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }
}

extension PostgresConnection {
    fileprivate func run(_ sql: String) async throws(StageFailure) {
        do throws(PostgresError) {
            try await execute(sql)
        } catch {
            // The text of such a statement may hold a password: only what the server says is passed on.
            throw StageFailure(.storeRejected, "PostgreSQL: \(error.code) \(error.sqlState?.rawValue ?? "")")
        }
    }
}
