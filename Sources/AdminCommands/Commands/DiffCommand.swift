import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct DiffCommand: AdminCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Shows what changed between two snapshots, or since a time.",
        discussion: """
            A time is an age (90m, 24h, 7d), today, yesterday or a date (midnight, UTC), or RFC 3339. It stands for the \
            newest snapshot from then or before, or for the oldest where all are younger. With many tenants those that \
            could not be compared come first, then those with the most changes.

            FROM may be newer than TO. With `live` for one of them the tenant is read as it is now: by a backup of the \
            types in question, or, with --id, only that object. The recycle bin is no part of it: a deleted object is, \
            by its own type.
            """
    )
    @OptionGroup var options: GlobalOptions
    @Argument(help: "Id or name.") var tenant: String?
    @OptionGroup var fleet: FleetOptions
    @Option(help: "Number of a snapshot, live, or a time.") var from: DiffPoint?
    @Option(help: "Number of a snapshot, live, or a time.") var to: DiffPoint?
    @Option(help: "From that time to the newest snapshot; instead of --from and --to.") var since: PastTime?
    @Option(help: "Only this object type.") var type: String?
    @Option(help: "Only the object with this id; needs --type.") var id: String?

    func validate() throws {
        try fleet.check(tenant)
        if since != nil {
            if from != nil || to != nil { throw ValidationError("--since goes with neither --from nor --to.") }
        } else if from == nil || to == nil {
            throw ValidationError("Give --from and --to, or --since.")
        }
        try Check.snapshots(from?.number, to?.number)
        if id != nil, type == nil { throw ValidationError("--id needs --type.") }
        if from?.isLive == true, to?.isLive == true {
            throw ValidationError("--from or --to has to be a snapshot, by its number or a time.")
        }
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
        let (from, to) = try await sides(store, tenant.id)
        if from == .live || to == .live {
            guard let id, let type = named?.first else {
                return try await compareLive(store, tenant, (from, to), named, output)
            }
            return try await LiveObjectComparison(
                store: store, configuration: configuration, output: output, tenant: tenant, type: type, id: id
            ).compare(from, to)
        }
        let types = Self.comparable(named ?? Catalogue.current.types)
        let key = try await object(store, tenant.id, types)
        return try await Comparison(
            store, tenant.id, from: from.number ?? 0, to: to.number ?? 0, types: types, object: key)
    }

    /// What is compared of a tenant: times stand for snapshots of it.
    private func sides(
        _ store: PostgresStore, _ tenant: TenantID
    ) async throws -> (from: SnapshotReference, to: SnapshotReference) {
        func side(_ point: DiffPoint) async throws -> SnapshotReference {
            switch point {
            case .reference(.live): return .live
            case .reference(.number(let number)):
                return .number(try await store.snapshotNumber(tenant, number))
            case .time(let date): return .number(try await store.snapshotNumber(tenant, at: date))
            }
        }
        if let since {
            return (
                .number(try await store.snapshotNumber(tenant, at: since.date)),
                .number(try await store.snapshotNumber(tenant, at: nil))
            )
        }
        guard let from, let to else { throw ValidationError("Give --from and --to, or --since.") }
        return (try await side(from), try await side(to))
    }

    /// Reads the types as they are now and compares that snapshot. Without named ones: those that the tenant's backups read.
    private func compareLive(
        _ store: PostgresStore, _ tenant: TenantRecord, _ sides: (from: SnapshotReference, to: SnapshotReference),
        _ named: [ObjectType]?, _ output: Output
    ) async throws -> Comparison {
        let usual = tenant.types.map { names in Catalogue.current.types.filter { names.contains($0.name) } }
        let types = Self.comparable(named ?? usual ?? Catalogue.current.types)
        let live = try await LiveRound(store: store, output: output).take(
            tenant, types: tenant.withAudits(types.map(\.name)))
        var result = try await Comparison(
            store, tenant.id, from: sides.from.number ?? live.snapshot, to: sides.to.number ?? live.snapshot,
            types: types)
        // The same is the same here, with --id, and in a plan.
        result.changes = result.changes.compactMap { change in
            Catalogue.current[change.type].map { change.toRestore($0) } ?? change
        }
        result.shownFrom = sides.from
        result.shownTo = sides.to
        result.unread = live.unread
        return result
    }

    /// The recycle bin is the only collection that is listed by casts.
    private static func comparable(_ types: [ObjectType]) -> [ObjectType] { types.filter { $0.shape != .casts } }

    private func compareFleet(
        _ store: PostgresStore, _ configuration: ServiceConfiguration, _ named: [ObjectType]?, _ output: Output
    ) async throws -> Int32 {
        let items = try await fleet.each(store) { try await compare(store, configuration, $0, named, output) }
            .sorted { $0.changed > $1.changed }
        output.show(["items": .array(items.map(\.comparedJSON))]) {
            var table = Table(["tenant", "added", "updated", "deleted", "restored", "id"])
            for item in items where item.changed > 0 { table.add(item.cells) }
            let same = items.count { $0.changed == 0 }
            let summary = "\(items.count) tenants, \(same) without changes."
            return table.isEmpty ? summary : "\(table.text)\n\(summary)"
        }
        return items.contains { $0.outcome.failure != nil } ? 1 : 0
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

extension FleetItem<Comparison> {
    /// Objects that changed; more than any tenant has where that could not be found out.
    fileprivate var changed: Int {
        guard let summary = try? outcome.get().summary else { return .max }
        return summary.added + summary.updated + summary.deleted + summary.restored
    }

    fileprivate var cells: [String] {
        switch outcome {
        case .success(let result):
            let counts = result.summary
            return [
                tenant.name, String(counts.added), String(counts.updated), String(counts.deleted),
                String(counts.restored), tenant.id.description,
            ]
        case .failure(let failure): return [tenant.name, "-", "-", "-", "-", "\(tenant.id)  \(failure.message)"]
        }
    }

    fileprivate var comparedJSON: JSONValue {
        var object = (try? outcome.get())?.json ?? [:]
        for member in json { object[member.name] = member.value }
        return .object(object)
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
