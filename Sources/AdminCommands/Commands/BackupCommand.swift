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
            var items = try await fleet.each(watch.store) { tenant in
                let started = try await start(watch.store, tenant, types)
                return StartedBackup(job: started.job, joined: started.joined)
            }
            if wait, !isDryRun {
                for at in items.indices {
                    guard case .success(var started) = items[at].outcome else { continue }
                    started.job = try await watch.end(of: started.job)
                    items[at].outcome = .success(started)
                }
            }
            let done = items.sorted { $0.rank < $1.rank }
            watch.output.show(["items": .array(done.map(\.startedJSON))]) {
                var table = Table(["tenant", "state", "snapshot", "job"])
                for item in done { table.add(item.cells) }
                return table.isEmpty ? "No tenant is active." : table.text
            }
            if done.contains(where: { $0.rank == 0 }) { return 1 }
            return done.contains { $0.rank == 1 } ? 3 : 0
        }
    }
}

/// A backup that was asked for, of one of many tenants.
private struct StartedBackup: Sendable {
    var job: JobRecord
    var joined: Bool
}

extension FleetItem<StartedBackup> {
    /// 0 for what failed, 1 for what has warnings, 2 for the others.
    fileprivate var rank: Int {
        guard case .success(let started) = outcome else { return 0 }
        switch started.job.state {
        case .failed, .cancelled: return 0
        case .succeededWithWarnings: return 1
        case .queued, .running, .succeeded: return 2
        }
    }

    fileprivate var cells: [String] {
        switch outcome {
        case .success(let started):
            [
                tenant.name, started.job.state.rawValue, started.job.snapshot.map(String.init) ?? "-",
                started.job.id.description,
            ]
        case .failure(let failure): [tenant.name, failure.code, "-", failure.message]
        }
    }

    fileprivate var startedJSON: JSONValue {
        var object = json
        let started = try? outcome.get()
        object["job"] = started?.job.json ?? .null
        object["joined"] = .bool(started?.joined ?? false)
        return .object(object)
    }
}
