import AccountModel
import ArgumentParser
import Foundation
import Logging
import PostgresStore
import ServiceBootstrap
import Synchronization
import Testing

@testable import AdminCommands

/// Runs command lines.
protocol CommandRunner {
    func run(_ arguments: [String]) async throws -> CommandOutcome
}

/// Within this process, over stores that stay open.
final class CommandsInProcess: CommandRunner, Sendable {
    private let database: TestDatabase
    private let configuration: ServiceConfiguration
    private let stores = Mutex<[Identity: PostgresStore]>([:])

    init(_ database: TestDatabase) throws {
        self.database = database
        configuration = try ServiceConfiguration(
            file: nil, environment: ["ENTRA_BACKUP_KEY_STORE_PATH": database.keyStorePath])
    }

    /// A store is made under the walls of whoever runs the command.
    private func store(_ identity: Identity) -> PostgresStore {
        stores.withLock { stores in
            if let store = stores[identity] { return store }
            let store = PostgresStore(
                settings: database.server.settings("entra_backup_operator", database: database.name), connections: 4,
                keyStorePath: database.keyStorePath, identity: identity,
                logger: Logger(label: "command") { _ in SwiftLogNoOpLogHandler() })
            stores[identity] = store
            return store
        }
    }

    func close() async {
        for store in stores.withLock({ $0.values.map(\.self) }) { await store.close() }
    }

    func run(_ arguments: [String]) async throws -> CommandOutcome {
        let printed = Mutex((output: "", errors: ""))
        let printing = Printing(
            output: { text in printed.withLock { $0.output += text } },
            errors: { text in printed.withLock { $0.errors += text } })
        let code = try await Printing.$current.withValue(printing) {
            try await GlobalOptions.$openStores.withValue({ [self] in (store($0), configuration) }) {
                try await Self.code(arguments, printing)
            }
        }
        return printed.withLock { CommandOutcome(code: code, output: $0.output, errors: $0.errors) }
    }

    /// The command is parsed by itself: the parser would make all others first, which takes longer than to run it.
    private static func code(_ arguments: [String], _ printing: Printing) async throws -> Int32 {
        let leaf = try #require(CommandTree.leaves.first { arguments.starts(with: $0.path) })
        do {
            var command = try leaf.type.parse(Array(arguments.dropFirst(leaf.path.count)))
            try await command.run()
            return 0
        } catch {
            printing.errors(leaf.type.fullMessage(for: error))
            let code = leaf.type.exitCode(for: error)
            return code == .validationFailure ? 2 : code.rawValue
        }
    }
}

/// The program, started for each command.
struct CommandsOfProgram: CommandRunner {
    let program: String
    let environment: [String: String]

    init(_ database: TestDatabase, folder: String) throws {
        let products =
            ProcessInfo.processInfo.environment["ENTRA_BACKUP_PROGRAMS"]
            ?? Bundle.main.bundleURL.deletingLastPathComponent().path
        let beside = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path
        program =
            ["\(products)/entra-backup", "\(beside)/entra-backup"]
            .first { FileManager.default.isExecutableFile(atPath: $0) } ?? "entra-backup"
        let password = "\(folder)/password"
        try TemporaryServer.password.write(toFile: password, atomically: true, encoding: .utf8)
        environment = [
            "PATH": "/usr/bin:/bin", "HOME": folder, "ENTRA_BACKUP_DATABASE_PORT": "\(database.server.port)",
            "ENTRA_BACKUP_DATABASE_NAME": database.name, "ENTRA_BACKUP_DATABASE_PASSWORD_FILE": password,
            "ENTRA_BACKUP_KEY_STORE_PATH": database.keyStorePath,
        ]
    }

    func run(_ arguments: [String]) async throws -> CommandOutcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = environment
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        // What commands say of refusals is far less than a pipe holds.
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return CommandOutcome(code: process.terminationStatus, output: text, errors: said)
    }
}

/// Every command of the program, and the words that name it.
enum CommandTree {
    struct Leaf {
        let path: [String]
        let type: any AdminCommand.Type
    }

    static let leaves = leaves(EntraBackup.self, [])

    private static func leaves(_ command: any ParsableCommand.Type, _ path: [String]) -> [Leaf] {
        let children = command.configuration.subcommands
        if let leaf = command as? any AdminCommand.Type { return [Leaf(path: path, type: leaf)] }
        return children.flatMap { leaves($0, path + [$0.configuration.commandName ?? "?"]) }
    }
}
