import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Backups of tenants.", subcommands: [Start.self])

    struct Start: AdminCommand {
        static let configuration = CommandConfiguration(
            abstract: "Backs a tenant up now.",
            discussion: "A backup that is queued or running is joined. Exit 3 with --wait: finished with warnings.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name.") var tenant: String
        @Flag(help: "Read everything again instead of what changed.") var full = false
        @Option(help: "Object types, comma-separated.") var types: String?
        @Flag(help: "Wait until the backup has ended.") var wait = false

        func perform(_ output: Output) async throws -> Int32 {
            let types = try types.map(TypeNames.parse)
            return try await options.withStore { store, _ in
                let tenant = try await store.tenant(tenant)
                let started = try await store.audited("backup.start", tenant.id.description) {
                    guard tenant.state != .inactive else {
                        throw CommandFailure(
                            5, "tenantInactive", "The tenant \(tenant.name) is inactive.",
                            hint: "Activate it: entra-backup tenant activate \(tenant.id)")
                    }
                    return try await store.startBackup(tenant.id, types: types ?? tenant.types, full: full)
                }
                return try await JobWatch(store: store, output: output).report(started, wait: wait) {
                    started.joined
                        ? "Joined the backup that is under way: job \(started.job.id)."
                        : "Backup started: job \(started.job.id)."
                }
            }
        }
    }
}
