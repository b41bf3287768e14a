import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct MigrateCommand: ChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Brings the database to this version's schema.",
        discussion: """
            Logs in as database.user (default entra_backup_owner), which must own the schema. In a new installation it \
            makes the key store at keyStore.path; where tenants exist a missing key store is an error.
            """)
    @OptionGroup var options: GlobalOptions
    @OptionGroup var change: ChangeOptions
    @Flag(name: .customLong("print"), help: "Print the SQL instead of running it.") var printsSQL = false
    @Flag(help: "Show which migrations are applied.") var status = false

    var access: Access { .operatorOnly }

    func perform(_ output: Output) async throws -> Int32 {
        if printsSQL {
            output.show(["items": .array(Migration.all.map { ["name": .string($0.name), "sql": .string($0.sql)] })]) {
                Migration.all.map { "-- \($0.name)\n\($0.sql)" }.joined(separator: "\n")
            }
            return 0
        }
        var configuration = try options.configuration()
        try StackEnvironment.useOwner(&configuration, options.dataDirectory)
        let settings = configuration.database(role: Installation.owner)
        let migrator = Migrator(settings: settings)
        if status {
            let states = try await migrator.status()
            output.show([
                "items": .array(
                    states.map {
                        ["number": JSONValue($0.number), "name": .string($0.name), "applied": .bool($0.isApplied)]
                    })
            ]) {
                var table = Table(["migration", "state"])
                for state in states { table.add([state.name, state.isApplied ? "applied" : "missing"]) }
                return table.text
            }
            return 0
        }
        if isDryRun {
            let missing = try await migrator.status().filter { !$0.isApplied }.map(\.name)
            output.show(["applied": .array(missing.map { .string($0) }), "keyStore": .null]) {
                missing.isEmpty ? "The schema is up to date." : "Would apply \(missing.joined(separator: ", "))."
            }
            return 0
        }
        let isMade = try await makeKeyStore(configuration.keyStorePath, settings)
        let applied = try await migrator.migrate()
        output.show([
            "applied": .array(applied.map { .string($0) }), "keyStore": .string(isMade ? "made" : "present"),
        ]) {
            var lines = [applied.isEmpty ? "The schema is up to date." : "Applied \(applied.joined(separator: ", "))."]
            if isMade {
                lines.append("A key store was made at \(configuration.keyStorePath). Copy it to a safe place.")
            }
            return lines.joined(separator: "\n")
        }
        return 0
    }

    private func makeKeyStore(_ path: String, _ settings: DatabaseSettings) async throws -> Bool {
        switch try await KeyStoreSetup(path: path).run(settings: settings) {
        case .present: return false
        case .made: return true
        case .unusable(let failure): throw failure
        }
    }
}
