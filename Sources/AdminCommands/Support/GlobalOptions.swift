import AccountModel
import ArgumentParser
import BackupModel
import Foundation
import Logging
import PostgresStore
import ServiceBootstrap

/// Flags that every command takes.
struct GlobalOptions: ParsableArguments {
    @Flag(name: .long, help: "Print one JSON document.")
    var json = false

    @Flag(name: .long, help: "Print no progress.")
    var quiet = false

    @Flag(name: .customLong("no-color"), help: "Print no colours; NO_COLOR does the same.")
    var noColor = false

    @Flag(name: .customLong("no-input"), help: "Never ask; fail instead.")
    var noInput = false

    @Option(name: .long, help: "Configuration file; config/service.yaml when it is there.")
    var config: String?

    @Option(name: .customLong("data-dir"), help: "Directory of the local stack, to reach its database.")
    var dataDirectory: String?

    @Option(
        name: .customLong("as"),
        help: ArgumentHelp("Run it with the rights of this member of a partner's staff.", valueName: "email"))
    var actingAs: String?

    @Option(name: .customLong("token-file"), help: "File with the token of --as; - for standard input.")
    var tokenFile: String?

    func validate() throws {
        if actingAs != nil, tokenFile == nil {
            throw ValidationError("--as needs --token-file, the file that holds the token.")
        }
        if actingAs == nil, tokenFile != nil {
            throw ValidationError("--token-file goes with --as, the e-mail address that the token is of.")
        }
    }

    /// Gives stores that are open already to commands that run in one process; nil: each command opens its own.
    @TaskLocal static var openStores: (@Sendable (Identity) async throws -> (PostgresStore, ServiceConfiguration))?

    /// The configuration by flags, environment and file.
    func configuration() throws -> ServiceConfiguration {
        var environment = ProcessInfo.processInfo.environment
        if let dataDirectory {
            environment.merge(try StackEnvironment.variables(dataDirectory: dataDirectory)) { $1 }
        } else if environment["ENTRA_BACKUP_DATABASE_PORT"] == nil, config == nil,
            let variables = try? StackEnvironment.variables(dataDirectory: StackEnvironment.defaultDirectory)
        {
            // The stack in its usual place is found without being named.
            environment.merge(variables) { current, _ in current }
        }
        let usual = "config/service.yaml"
        let file = config ?? (FileManager.default.fileExists(atPath: usual) ? usual : nil)
        return try ServiceConfiguration(file: file, environment: environment)
    }

    /// Runs `body` with the store of whoever runs the command.
    func withStore<T>(_ body: (PostgresStore, ServiceConfiguration) async throws -> T) async throws -> T {
        if let openStores = Self.openStores {
            let (store, configuration) = try await openStores(SignIn.identity)
            return try await body(store, configuration)
        }
        // Its rows are decoded while the database is being reached, which takes as long.
        async let _ = Catalogue.current.types.count
        let configuration = try configuration()
        let store = PostgresStore(
            settings: configuration.database(role: "entra_backup_operator"), connections: 4,
            keyStorePath: configuration.keyStorePath, hooks: .failpoints(ProcessInfo.processInfo.environment),
            identity: SignIn.identity,
            logger: Logger(label: "entra-backup") { _ in SwiftLogNoOpLogHandler() })
        do {
            let result = try await body(store, configuration)
            await store.close()
            return result
        } catch {
            await store.close()
            throw error
        }
    }
}
