import BackupContracts
import Foundation
import LibPQ
import LocalStack
import PostgresStore
import Sealing

/// What has to be there before the stages of the local stack start: key store, database, schema, roles, passwords.
struct StackPreparation: Sendable {
    static let database = "entra_backup"
    static let roles = ["scheduler", "fetcher", "differ", "persister", "operator"]
    let endpoints: LocalStackEndpoints

    static func passwordFile(_ role: String, _ layout: LocalStackLayout) -> String {
        "\(layout.secrets)/\(role)-password"
    }

    /// Idempotent: makes what is missing.
    func run() async throws {
        let store = DirectoryKeyStore(path: endpoints.layout.keys)
        if !FileManager.default.fileExists(atPath: endpoints.layout.keys + "/kek-1") { try store.create() }
        let superuser = try Self.password(in: endpoints.postgres.passwordFile)
        try await makeDatabase(superuser)
        let owner = try configuration("entra_backup_owner", Self.database, try makePassword("owner"))
        _ = try await Migrator(configuration: owner).migrate()
        try await setPasswords(superuser)
    }

    private func configuration(_ user: String, _ database: String, _ password: String) throws -> PostgresConfiguration {
        PostgresConfiguration(
            host: endpoints.postgres.host, port: Int(endpoints.postgres.port), database: database, user: user,
            password: PostgresPassword(password), applicationName: "entra-backup stack")
    }

    private func makeDatabase(_ superuser: String) async throws {
        let connection = try await PostgresConnection.connect(
            try configuration(endpoints.postgres.superuser, "postgres", superuser))
        let owner = try makePassword("owner")
        let roles = try await connection.query("SELECT FROM pg_catalog.pg_roles WHERE rolname = 'entra_backup_owner'")
        if roles.isEmpty { try await connection.execute("CREATE ROLE entra_backup_owner LOGIN CREATEROLE") }
        try await connection.execute("ALTER ROLE entra_backup_owner PASSWORD '\(owner)'")
        let databases = try await connection.query(
            "SELECT FROM pg_catalog.pg_database WHERE datname = $1", [.text(Self.database)])
        if databases.isEmpty {
            try await connection.execute("CREATE DATABASE \(Self.database) OWNER entra_backup_owner")
            try await connection.execute("REVOKE CONNECT ON DATABASE \(Self.database) FROM PUBLIC")
        }
        await connection.close()
        let inside = try await PostgresConnection.connect(
            try configuration(endpoints.postgres.superuser, Self.database, superuser))
        try await inside.execute("GRANT CREATE, USAGE ON SCHEMA public TO entra_backup_owner")
        await inside.close()
    }

    private func setPasswords(_ superuser: String) async throws {
        let connection = try await PostgresConnection.connect(
            try configuration(endpoints.postgres.superuser, "postgres", superuser))
        for role in Self.roles {
            let password = try makePassword(role)
            try await connection.execute("ALTER ROLE entra_backup_\(role) PASSWORD '\(password)'")
            try await connection.execute("GRANT CONNECT ON DATABASE \(Self.database) TO entra_backup_\(role)")
        }
        await connection.close()
    }

    /// The role's password; made on the first start. 32 random bytes in hexadecimal, so it needs no quoting.
    private func makePassword(_ role: String) throws -> String {
        let path = Self.passwordFile(role, endpoints.layout)
        if let known = try? Self.password(in: path), known.allSatisfy(\.isHexDigit), !known.isEmpty { return known }
        var generator = SystemRandomNumberGenerator()
        let password = (0..<4).map { _ in
            let word = String(generator.next(), radix: 16)
            return String(repeating: "0", count: 16 - word.count) + word
        }.joined()
        try SimulatorFiles.writePrivately(password + "\n", to: path)
        return password
    }

    private static func password(in path: String) throws -> String {
        try SecretFile.read(path)
    }
}

/// Files that only the stack's account may read.
enum SimulatorFiles {
    static func writePrivately(_ text: String, to path: String) throws {
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        else {
            throw CommandFailure(
                1, "fileUnwritable", "The file \(path) cannot be written.", hint: "Check the disk and its permissions.",
                runbook: "stack-does-not-start")
        }
    }
}
