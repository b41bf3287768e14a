import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore

/// The system status: how each tenant stands with its backups, restores or downloads.
struct StatusCommand: AdminCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Shows how each tenant stands with its backups, restores or downloads.",
        discussion: """
            Problems come first: failed (the last one did), late (the last good one is older than its target, which is \
            the schedule's interval, a tenth for the spreading of starts, and 15 minutes to run in), warnings, waiting \
            (none yet). Then good, none (never asked for), and off: inactive tenants, those without a schedule, and those \
            of organizations whose subscription has ended, which are never late. A backup of some types only, such as \
            `diff` with `live` makes, is not the last good one.

            The exit code is 0 whatever the tenants' status, but with --exit-code 1 when one failed or is late, and 3 when \
            one has warnings.
            """)
    @OptionGroup var options: GlobalOptions
    @Argument(help: "backup, restore or download; backup when it is left out.") var kind: JobKind = .backup
    @OptionGroup var fleet: FleetOptions
    @Flag(help: "Print a table as RFC 4180 has it, with all that --json has of each tenant.") var csv = false
    @Flag(name: .customLong("exit-code"), help: "Exit 1 when one failed or is late, 3 when one has warnings.")
    var exitCode = false

    func validate() throws {
        try fleet.checkAlone()
        if csv, options.json { throw ValidationError("--csv does not go with --json.") }
    }

    /// Three rights on what is looked at, and one to take the result away.
    var access: Access {
        let view: Feature =
            switch kind {
            case .backup: .viewBackupStatus
            case .restore: .viewRestoreStatus
            case .download: .viewDownloadStatus
            }
        return .features(csv ? [view, .downloadStatusResult] : [view])
    }

    func perform(_ output: Output) async throws -> Int32 {
        let found = try await options.withStore { store, _ in
            try await store.status(kind, try await fleet.filter(store))
        }
        let items = StatusJudgement.sorted(found.map { StatusJudgement($0, kind) })
        let summary = StatusSummary(items)
        if csv {
            var table = CSVText(StatusJudgement.columns)
            for item in items { table.add(item.record) }
            output.write(table.text)
        } else {
            output.show(["items": .array(items.map(\.json)), "summary": summary.json]) {
                var table = Table(StatusJudgement.heads)
                for item in items { table.add(item.cells) }
                return table.isEmpty ? "No tenant is there." : "\(table.text)\n\(summary.text)"
            }
        }
        return exitCode ? summary.exitCode : 0
    }
}
