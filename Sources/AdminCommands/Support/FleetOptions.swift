import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import PostgresStore

/// Which tenants a command is about when it is not about one.
struct FleetOptions: ParsableArguments {
    @Flag(name: .customLong("all-tenants"), help: "All active tenants; problems come first.")
    var all = false

    @Option(help: "The active tenants of this partner, by id or name; problems come first.")
    var partner: String?

    @Option(help: "The active tenants with this label; problems come first.")
    var label: String?

    /// How many tenants are at work at a time: as many as a command has connections.
    static let width = 4

    /// One of a tenant, `--all-tenants`, and `--partner` or `--label` or both is given.
    func check(_ tenant: String?) throws {
        try checkAlone()
        guard (tenant != nil) != isGiven else {
            throw ValidationError("Give either a tenant, --all-tenants, or --partner or --label or both.")
        }
    }

    /// `--all-tenants` does not go with what narrows the choice.
    func checkAlone() throws {
        if all, partner != nil || label != nil {
            throw ValidationError("--all-tenants goes with neither --partner nor --label.")
        }
    }

    private var isGiven: Bool { all || partner != nil || label != nil }

    func filter(_ store: PostgresStore) async throws -> TenantFilter {
        var filter = TenantFilter(label: try label.map { try Check.label($0) })
        if let partner { filter.partner = try await store.partner(partner).id }
        return filter
    }

    func tenants(_ store: PostgresStore) async throws -> [TenantRecord] {
        var filter = try await filter(store)
        filter.isBackedUp = true
        return try await store.tenants(filter)
    }

    /// Runs `body` for each tenant, a few at a time; in the order of their names. A tenant's own failure is its outcome;
    /// a database or broker that is away ends the command.
    func each<T: Sendable>(
        _ store: PostgresStore, _ body: @escaping @Sendable (TenantRecord) async throws -> T
    ) async throws -> [FleetItem<T>] {
        let tenants = try await tenants(store)
        var items: [FleetItem<T>?] = Array(repeating: nil, count: tenants.count)
        try await withThrowingTaskGroup(of: NumberedItem<T>.self) { group in
            var next = tenants.indices.makeIterator()
            func startOne() {
                guard let at = next.next() else { return }
                group.addTask { NumberedItem(at: at, item: try await FleetItem.of(tenants[at], body)) }
            }
            for _ in 0..<Self.width { startOne() }
            while let done = try await group.next() {
                items[done.at] = done.item
                startOne()
            }
        }
        return items.compactMap { $0 }
    }
}

/// What came of a command for one of many tenants.
struct FleetItem<T: Sendable>: Sendable {
    var tenant: TenantRecord
    var outcome: Result<T, CommandFailure>

    fileprivate static func of(
        _ tenant: TenantRecord, _ body: @Sendable (TenantRecord) async throws -> T
    ) async throws -> FleetItem {
        do {
            return FleetItem(tenant: tenant, outcome: .success(try await body(tenant)))
        } catch {
            let failure = CommandFailure(error)
            let ending = [FailureCode.databaseUnreachable.name, FailureCode.brokerUnreachable.name]
            guard !ending.contains(failure.code), failure.exitCode != 130 else { throw error }
            return FleetItem(tenant: tenant, outcome: .failure(failure))
        }
    }

    /// What a script reads: the tenant, and why nothing came of it. Other members are added to it.
    var json: JSONObject {
        [
            "tenant": .string(tenant.id.description), "name": .string(tenant.name),
            "error": outcome.failure?.json["error"] ?? .null,
        ]
    }
}

/// An item and its place.
private struct NumberedItem<T: Sendable>: Sendable {
    var at: Int
    var item: FleetItem<T>
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
