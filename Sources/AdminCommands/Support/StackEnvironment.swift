import Foundation
import LocalStack
import PostgresStore
import ServiceBootstrap

/// How commands reach the local stack: the configuration keys of its servers as environment variables.
enum StackEnvironment {
    static let defaultDirectory = ".entra-backup"

    static func layout(_ directory: String?) -> LocalStackLayout {
        LocalStackLayout(
            directory ?? ProcessInfo.processInfo.environment["ENTRA_BACKUP_DATA_DIR"] ?? defaultDirectory,
            preferredAccounts: ["entra-backup", "postgres"])
    }

    /// Names and values, without the secrets themselves.
    static func variables(dataDirectory: String) throws -> [String: String] {
        let layout = layout(dataDirectory)
        try layout.checkVersion()
        guard let endpoints = LocalStackClient(layout: layout).endpoints() else {
            throw CommandFailure(
                7, "stackNotThere", "There is no stack in \(layout.root).",
                hint: "Start one: entra-backup stack up --detach",
                runbook: "stack-does-not-start")
        }
        return variables(endpoints)
    }

    /// Takes the password of the schema's owner in place of the operator's, where the configuration is that of a stack.
    static func useOwner(_ configuration: inout ServiceConfiguration, _ directory: String?) throws {
        guard configuration.databaseUser == nil,
            let endpoints = LocalStackClient(layout: layout(directory)).endpoints(),
            endpoints.postgres.host == configuration.databaseHost, endpoints.postgres.port == configuration.databasePort
        else { return }
        let file = StackPreparation.passwordFile("owner", endpoints.layout)
        configuration.databasePassword = DatabaseSettings.Secret(try SecretFile.read(file))
    }

    static func variables(_ endpoints: LocalStackEndpoints) -> [String: String] {
        let layout = endpoints.layout
        var variables = [
            "ENTRA_BACKUP_DATA_DIR": layout.root,
            "ENTRA_BACKUP_DATABASE_HOST": endpoints.postgres.host,
            "ENTRA_BACKUP_DATABASE_PORT": String(endpoints.postgres.port),
            "ENTRA_BACKUP_DATABASE_NAME": StackPreparation.database,
            "ENTRA_BACKUP_DATABASE_PASSWORD_FILE": StackPreparation.passwordFile("operator", layout),
            "ENTRA_BACKUP_BROKER_HOST": endpoints.rabbitmq.host,
            "ENTRA_BACKUP_BROKER_PORT": String(endpoints.rabbitmq.port),
            "ENTRA_BACKUP_BROKER_USER": endpoints.rabbitmq.user,
            "ENTRA_BACKUP_BROKER_PASSWORD_FILE": endpoints.rabbitmq.passwordFile,
            "ENTRA_BACKUP_BROKER_VIRTUAL_HOST": endpoints.rabbitmq.virtualHost,
            "ENTRA_BACKUP_KEY_STORE_PATH": layout.keys,
            "ENTRA_BACKUP_MAIL_FOLDER": layout.mail,
        ]
        if let simulator = SimulatorDescription(file: SimulatorDescription.file(layout)) {
            variables["ENTRA_BACKUP_SIMULATOR_URL"] = "http://127.0.0.1:\(endpoints.port(of: "simulator"))"
            variables["ENTRA_BACKUP_SIMULATOR_TENANT_ID"] = simulator.tenant
            variables["ENTRA_BACKUP_SIMULATOR_CLIENT_ID"] = simulator.client
            variables["ENTRA_BACKUP_SIMULATOR_CLIENT_SECRET_FILE"] = SimulatorDescription.secretFile(layout)
        }
        return variables
    }
}

/// What the simulator tells of its first tenant.
struct SimulatorDescription {
    let tenant: String
    let client: String
    let secret: String

    static func file(_ layout: LocalStackLayout) -> String { layout.run + "/simulator.json" }
    static func secretFile(_ layout: LocalStackLayout) -> String { layout.secrets + "/simulator-client-secret" }

    init?(file: String) {
        struct Client: Decodable { var clientId: String, name: String?, secret: String }
        struct Tenant: Decodable { var tenantId: String, clients: [Client] }
        struct Description: Decodable { var tenants: [Tenant] }
        guard let data = FileManager.default.contents(atPath: file),
            let description = try? JSONDecoder().decode(Description.self, from: data),
            let tenant = description.tenants.first, let client = tenant.clients.first
        else { return nil }
        self.tenant = tenant.tenantId
        self.client = client.clientId
        secret = client.secret
    }
}
