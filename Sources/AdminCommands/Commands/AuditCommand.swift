import AccountModel
import ArgumentParser
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Who did what.", subcommands: [List.self])

    struct List: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Lists audit entries, newest first.")
        @OptionGroup var options: GlobalOptions
        @Option(help: "At most so many.") var limit = 100

        func validate() throws { try Check.limit(limit) }

        var access: Access { .feature(.viewAudit) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let entries = try await store.auditEntries(limit: limit)
                output.show(["items": .array(entries.map(\.json))]) {
                    var table = Table(["at", "actor", "action", "outcome", "target", "reason"])
                    for entry in entries {
                        table.add([
                            Moment.relative(entry.at), entry.actor, entry.action, entry.outcome.rawValue, entry.target,
                            entry.reason ?? "-",
                        ])
                    }
                    return table.text
                }
            }
            return 0
        }
    }
}

extension AuditEntry {
    var json: JSONValue {
        [
            "at": Moment.json(at), "actor": .string(actor), "action": .string(action), "target": .string(target),
            "outcome": .string(outcome.rawValue), "reason": reason.map { .string($0) } ?? .null,
        ]
    }
}
