import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct DiffCommand: AdminCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Shows what changed between two snapshots, or since one.",
        discussion: """
            FROM may be newer than TO. With `live` for one of them the tenant is read as it is now: by a backup of the \
            types in question, or, with --id, only that object. The recycle bin is no part of it: a deleted object is, \
            by its own type.
            """
    )
    @OptionGroup var options: GlobalOptions
    @Argument(help: "Id or name.") var tenant: String?
    @OptionGroup var fleet: FleetOptions
    @Option(help: "Number of a snapshot, or live.") var from: SnapshotReference
    @Option(help: "Number of a snapshot, or live.") var to: SnapshotReference
    @Option(help: "Only this object type.") var type: String?
    @Option(help: "Only the object with this id; needs --type.") var id: String?

    func validate() throws {
        try fleet.check(tenant)
        try Check.snapshots(from.number, to.number)
        if id != nil, type == nil { throw ValidationError("--id needs --type.") }
        if from == .live, to == .live { throw ValidationError("--from or --to has to be the number of a snapshot.") }
    }

    var access: Access { .feature(.viewObjectDetail) }

    func perform(_ output: Output) async throws -> Int32 {
        let named = try type.map { [try TypeNames.type($0)] }
        return try await options.withStore { store, configuration in
            guard let tenant else { return try await compareFleet(store, configuration, named, output) }
            let record = try await store.tenant(tenant)
            let result = try await compare(store, configuration, record, named, output)
            let names = options.json ? LinkNames() : try await result.names(store, record.id)
            output.show(.object(result.json)) { result.text(names) }
            return 0
        }
    }

    private func compare(
        _ store: PostgresStore, _ configuration: ServiceConfiguration, _ tenant: TenantRecord, _ named: [ObjectType]?,
        _ output: Output
    ) async throws -> Comparison {
        for number in [from, to].compactMap(\.number) { _ = try await store.snapshot(tenant.id, number) }
        if from == .live || to == .live {
            guard let id, let type = named?.first else {
                return try await compareLive(store, tenant, named, output)
            }
            return try await LiveObjectComparison(
                store: store, configuration: configuration, output: output, tenant: tenant, type: type, id: id
            ).compare(from, to)
        }
        let types = Self.comparable(named ?? Catalogue.current.types)
        let key = try await object(store, tenant.id, types)
        let (from, to) = (from.number ?? 0, to.number ?? 0)
        return try await Comparison(store, tenant.id, from: from, to: to, types: types, object: key)
    }

    /// Reads the types as they are now and compares that snapshot. Without named ones: those that the tenant's backups read.
    private func compareLive(
        _ store: PostgresStore, _ tenant: TenantRecord, _ named: [ObjectType]?, _ output: Output
    ) async throws -> Comparison {
        let usual = tenant.types.map { names in Catalogue.current.types.filter { names.contains($0.name) } }
        let types = Self.comparable(named ?? usual ?? Catalogue.current.types)
        let live = try await LiveRound(store: store, output: output).take(
            tenant, types: tenant.withAudits(types.map(\.name)))
        var result = try await Comparison(
            store, tenant.id, from: from.number ?? live.snapshot, to: to.number ?? live.snapshot, types: types)
        // The same is the same here, with --id, and in a plan.
        result.changes = result.changes.compactMap { change in
            Catalogue.current[change.type].map { change.toRestore($0) } ?? change
        }
        result.shownFrom = from
        result.shownTo = to
        result.unread = live.unread
        return result
    }

    /// The recycle bin is the only collection that is listed by casts.
    private static func comparable(_ types: [ObjectType]) -> [ObjectType] { types.filter { $0.shape != .casts } }

    private func compareFleet(
        _ store: PostgresStore, _ configuration: ServiceConfiguration, _ named: [ObjectType]?, _ output: Output
    ) async throws -> Int32 {
        let items = try await fleet.each(store) { try await compare(store, configuration, $0, named, output) }
            .sorted { $0.outcome.failure != nil && $1.outcome.failure == nil }
        output.show(["items": .array(items.map { Self.json($0.tenant, $0.outcome) })]) {
            var table = Table(["tenant", "added", "updated", "deleted", "restored", "id"])
            for (tenant, outcome) in items {
                switch outcome {
                case .success(let result):
                    let counts = result.summary
                    table.add([
                        tenant.name, String(counts.added), String(counts.updated), String(counts.deleted),
                        String(counts.restored), tenant.id.description,
                    ])
                case .failure(let failure):
                    table.add([tenant.name, "-", "-", "-", "-", "\(tenant.id)  \(failure.message)"])
                }
            }
            return table.text
        }
        return items.contains { $0.outcome.failure != nil } ? 1 : 0
    }

    private static func json(_ tenant: TenantRecord, _ outcome: Result<Comparison, CommandFailure>) -> JSONValue {
        var object = (try? outcome.get())?.json ?? [:]
        object["tenant"] = .string(tenant.id.description)
        object["name"] = .string(tenant.name)
        object["error"] = outcome.failure?.json["error"] ?? .null
        return .object(object)
    }

    /// The object that was asked for; one that no snapshot ever had is not found.
    private func object(_ store: PostgresStore, _ tenant: TenantID, _ types: [ObjectType]) async throws -> ObjectKey? {
        guard let id, let type = types.first else { return nil }
        let key = try await store.objectKey(tenant, type, id: id)
        guard try await store.isKnown(tenant, type, key) else {
            throw CommandFailure.objectUnknown(tenant, type, id)
        }
        return key
    }
}

/// One object now and in a snapshot, without a backup: the object alone is read, and the newest audits.
struct LiveObjectComparison {
    let store: PostgresStore
    let configuration: ServiceConfiguration
    let output: Output
    let tenant: TenantRecord
    let type: ObjectType
    let id: String

    func compare(_ from: SnapshotReference, _ to: SnapshotReference) async throws -> Comparison {
        let number = from.number ?? to.number ?? 0
        let key = try await store.objectKey(tenant.id, type, id: id)
        let live = try await LiveObjects(store: store, configuration: configuration).document(tenant.id, type, id)
        let isKnown = try await store.isKnown(tenant.id, type, key)
        guard isKnown || live != nil else { throw CommandFailure.objectUnknown(tenant.id, type, id) }
        let stored = try await store.documents(tenant.id, type, [key], at: number).first?.document
        let pair = from == .live ? (live, stored) : (stored, live)
        var change = ObjectDiff.between(pair.0, pair.1, wasPresentBefore: stored == nil && isKnown)?.toRestore(type)
        if let document = pair.1 ?? pair.0 { change?.displayName = type.displayName(of: document) }
        var result = Comparison(from: number, to: number, changes: change.map { [$0] } ?? [])
        result.shownFrom = from
        result.shownTo = to
        if change != nil { result.actors = try await actors(since: number) }
        return result
    }

    private func actors(since number: SnapshotNumber) async throws -> [String: [ObjectActor]] {
        guard tenant.mayRead("directoryAudit") else { return [:] }
        let newest = try await LiveRound(store: store, output: output).take(tenant, types: ["directoryAudit"]).snapshot
        return try await store.actors(tenant.id, of: [id], from: number, to: newest)
    }
}

extension CommandFailure {
    static func objectUnknown(_ tenant: TenantID, _ type: ObjectType, _ id: String) -> CommandFailure {
        CommandFailure(
            4, "objectNotFound", "No snapshot ever had a \(type.name) \(id).",
            hint: "See `entra-backup object list \(tenant) \(type.name)`.")
    }
}

extension Result {
    /// What went wrong, if anything.
    var failure: Failure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}
