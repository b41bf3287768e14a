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

    struct Start: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "start", abstract: "Backs a tenant up now.",
            discussion: "A backup that is queued or running is joined. Exit 3 with --wait: finished with warnings.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var tenant: String?
        @OptionGroup var fleet: FleetOptions
        @Flag(help: "Read everything again instead of what changed.") var full = false
        @Option(help: "Object types, comma-separated.") var types: String?
        @Flag(help: "Wait until the backup has ended.") var wait = false

        func validate() throws { try fleet.check(tenant) }

        var access: Access { .feature(.executeBackup) }

        func perform(_ output: Output) async throws -> Int32 {
            let types = try types.map(TypeNames.parse)
            return try await options.withStore { store, _ in
                let watch = JobWatch(store: store, output: output)
                guard let tenant else { return try await startFleet(watch, types) }
                let started = try await start(store, try await store.tenant(tenant), types)
                return try await watch.report(started, wait: wait) {
                    started.joined
                        ? "Joined the backup that is under way: job \(started.job.id)."
                        : "Backup started: job \(started.job.id)."
                }
            }
        }

        private func start(_ store: PostgresStore, _ tenant: TenantRecord, _ types: [String]?) async throws
            -> (job: JobRecord, joined: Bool)
        {
            try await store.audited("backup.start", tenant.id.description) {
                guard tenant.state != .inactive else { throw CommandFailure.inactive(tenant) }
                return try await store.startBackup(tenant.id, types: types ?? tenant.types, full: full)
            }
        }

        private func startFleet(_ watch: JobWatch, _ types: [String]?) async throws -> Int32 {
            var items = try await fleet.each(watch.store) { try await start(watch.store, $0, types) }
            if wait, !isDryRun {
                for at in items.indices {
                    guard case .success(let started) = items[at].outcome else { continue }
                    items[at].outcome = .success((try await watch.end(of: started.job), started.joined))
                }
            }
            let done = items.sorted { Self.rank($0.outcome) < Self.rank($1.outcome) }
            watch.output.show(["items": .array(done.map { Self.json($0.tenant, $0.outcome) })]) {
                var table = Table(["tenant", "state", "snapshot", "job"])
                for (tenant, outcome) in done {
                    switch outcome {
                    case .success(let started):
                        let number = started.job.snapshot.map(String.init) ?? "-"
                        table.add([tenant.name, started.job.state.rawValue, number, started.job.id.description])
                    case .failure(let failure): table.add([tenant.name, failure.code, "-", failure.message])
                    }
                }
                return table.isEmpty ? "No tenant is active." : table.text
            }
            if done.contains(where: { Self.rank($0.outcome) == 0 }) { return 1 }
            return done.contains { Self.rank($0.outcome) == 1 } ? 3 : 0
        }

        /// 0 for what failed, 1 for what has warnings, 2 for the others.
        private static func rank(_ outcome: Result<(job: JobRecord, joined: Bool), CommandFailure>) -> Int {
            guard case .success(let started) = outcome else { return 0 }
            switch started.job.state {
            case .failed, .cancelled: return 0
            case .succeededWithWarnings: return 1
            case .queued, .running, .succeeded: return 2
            }
        }

        private static func json(
            _ tenant: TenantRecord, _ outcome: Result<(job: JobRecord, joined: Bool), CommandFailure>
        ) -> JSONValue {
            let started = try? outcome.get()
            return [
                "tenant": .string(tenant.id.description), "name": .string(tenant.name),
                "job": started?.job.json ?? .null, "joined": .bool(started?.joined ?? false),
                "error": outcome.failure?.json["error"] ?? .null,
            ]
        }
    }
}
