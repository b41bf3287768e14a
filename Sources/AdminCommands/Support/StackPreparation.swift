import Foundation
import LocalStack
import PostgresStore

/// What has to be there before the stages of the local stack start.
struct StackPreparation: Sendable {
    static let database = "entra_backup"
    let endpoints: LocalStackEndpoints

    static func passwordFile(_ role: String, _ layout: LocalStackLayout) -> String {
        "\(layout.secrets)/\(role)-password"
    }

    /// Idempotent: makes what is missing.
    func run() async throws {
        let superuser = DatabaseSettings(
            host: endpoints.postgres.host, port: endpoints.postgres.port, name: "postgres",
            user: endpoints.postgres.superuser,
            password: DatabaseSettings.Secret(try SecretFile.read(endpoints.postgres.passwordFile)),
            applicationName: "entra-backup stack")
        var passwords: [String: DatabaseSettings.Secret] = [:]
        for role in Installation.roles + ["owner"] {
            passwords[role] = DatabaseSettings.Secret(try password(of: role))
        }
        try await Installation(superuser: superuser, database: Self.database)
            .prepare(passwords: passwords, keyStorePath: endpoints.layout.keys)
    }

    /// The role's password, made on the first start: 32 random bytes in hexadecimal.
    private func password(of role: String) throws -> String {
        let path = Self.passwordFile(role, endpoints.layout)
        if let known = try? SecretFile.read(path), known.count == 64, known.allSatisfy(\.isHexDigit) { return known }
        var generator = SystemRandomNumberGenerator()
        let password = (0..<4).map { _ in
            let word = String(generator.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - word.count) + word
        }.joined()
        try PrivateFile.write(password + "\n", to: path)
        return password
    }
}

/// Files that only their owner may read.
enum PrivateFile {
    static func write(_ text: String, to path: String) throws {
        let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
        guard FileManager.default.createFile(atPath: path, contents: Data(text.utf8), attributes: attributes) else {
            throw CommandFailure(
                1, "fileUnwritable", "The file \(path) cannot be written.", hint: "Check the disk and its permissions.",
                runbook: "stack-does-not-start")
        }
    }
}
