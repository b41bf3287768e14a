import AccountModel
import ArgumentParser
import BackupContracts
import PostgresStore

/// Which tenants a command is about when it is not about one.
struct FleetOptions: ParsableArguments {
    @Flag(name: .customLong("all-tenants"), help: "All active tenants; problems come first.")
    var all = false

    @Option(help: "The active tenants of this partner, by id or name; problems come first.")
    var partner: String?

    /// Exactly one of a tenant, `--all-tenants` and `--partner` is given.
    func check(_ tenant: String?) throws {
        guard [tenant != nil, all, partner != nil].count(where: { $0 }) == 1 else {
            throw ValidationError("Give either a tenant, --all-tenants or --partner.")
        }
    }

    func tenants(_ store: PostgresStore) async throws -> [TenantRecord] {
        let active = try await store.tenants().filter { $0.state == .active }
        guard let partner else { return active }
        let id = try await store.partner(partner).id
        let organizations = Set(try await store.organizations().filter { $0.partner == id }.map(\.id))
        return active.filter { organizations.contains($0.organization) }
    }

    /// Runs `body` for each tenant. A tenant's own failure is its outcome; a dependency that is away ends the command.
    func each<T>(
        _ store: PostgresStore, _ body: (TenantRecord) async throws -> T
    ) async throws -> [(tenant: TenantRecord, outcome: Result<T, CommandFailure>)] {
        var items: [(tenant: TenantRecord, outcome: Result<T, CommandFailure>)] = []
        for tenant in try await tenants(store) {
            do {
                items.append((tenant, .success(try await body(tenant))))
            } catch {
                let failure = CommandFailure(error)
                guard failure.exitCode != 7, failure.exitCode != 130 else { throw error }
                items.append((tenant, .failure(failure)))
            }
        }
        return items
    }
}

/// `--dry-run`, for commands that change something.
struct ChangeOptions: ParsableArguments {
    @Flag(name: .customLong("dry-run"), help: "Check everything and show the outcome, but change nothing.")
    var dryRun = false
}

/// A command that changes something and can be rehearsed.
protocol ChangingCommand: AdminCommand {
    var change: ChangeOptions { get }
}

extension ChangingCommand {
    var isDryRun: Bool { change.dryRun }
}
