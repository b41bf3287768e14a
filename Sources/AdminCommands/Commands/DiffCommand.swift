import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct DiffCommand: AdminCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Shows what changed between two snapshots.",
        discussion: "FROM may be newer than TO. The recycle bin is no part of it: a deleted object is, by its own type."
    )
    @OptionGroup var options: GlobalOptions
    @Argument(help: "Id or name.") var tenant: String?
    @OptionGroup var fleet: FleetOptions
    @Option(help: "Number of a snapshot.") var from: Int32
    @Option(help: "Number of a snapshot.") var to: Int32
    @Option(help: "Only this object type.") var type: String?
    @Option(help: "Only the object with this id; needs --type.") var id: String?

    func validate() throws {
        try fleet.check(tenant)
        try Check.snapshots(from, to)
        if id != nil, type == nil { throw ValidationError("--id needs --type.") }
    }

    func perform(_ output: Output) async throws -> Int32 {
        let named = try type.map { [try TypeNames.type($0)] } ?? Catalogue.current.types
        // The recycle bin is the only collection that is listed by casts.
        let types = named.filter { $0.shape != .casts }
        return try await options.withStore { store, _ in
            guard let tenant else { return try await compareFleet(store, types, output) }
            let result = try await compare(store, try await store.tenant(tenant).id, types)
            output.show(.object(result.json)) { result.text }
            return 0
        }
    }

    private func compare(_ store: PostgresStore, _ tenant: TenantID, _ types: [ObjectType]) async throws -> Comparison {
        for number in [from, to] { _ = try await store.snapshot(tenant, number) }
        let key = try await object(store, tenant, types)
        let changes = try await store.changes(tenant, from: from, to: to, types: types, object: key)
        let actors = try await store.actors(
            tenant, of: Set(changes.map(\.id)), from: min(from, to), to: max(from, to))
        return Comparison(from: from, to: to, changes: changes, actors: actors)
    }

    private func compareFleet(_ store: PostgresStore, _ types: [ObjectType], _ output: Output) async throws -> Int32 {
        let items = try await fleet.each(store) { try await compare(store, $0.id, types) }
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
            throw CommandFailure(
                4, "objectNotFound", "No snapshot ever had a \(type.name) \(id).",
                hint: "See `entra-backup object list \(tenant) \(type.name)`.")
        }
        return key
    }
}

/// The changes between two snapshots of a tenant, and who made them.
private struct Comparison {
    let from: Int32
    let to: Int32
    let changes: [ObjectChange]
    let actors: [String: [ObjectActor]]

    var summary: ChangeSummary {
        var summary = ChangeSummary()
        for change in changes { summary.count(change.kind) }
        return summary
    }

    var json: JSONObject {
        [
            "from": JSONValue(from), "to": JSONValue(to), "summary": summary.json,
            "items": .array(
                changes.map { change in
                    guard case .object(var object) = change.json else { return change.json }
                    object["actors"] = .array((actors[change.id] ?? []).map(\.json))
                    return .object(object)
                }),
        ]
    }

    var text: String {
        let summary = summary
        var lines = [
            "From snapshot \(from) to \(to): \(summary.added) added, \(summary.updated) updated, \(summary.deleted) deleted, \(summary.restored) restored."
        ]
        var lastType = ""
        for change in changes {
            if change.type != lastType {
                lines.append("\n\(change.type)")
                lastType = change.type
            }
            lines.append("  \(Self.mark(change.kind)) \(change.displayName)  \(change.id)")
            let names = Set((actors[change.id] ?? []).map(\.actor)).sorted()
            if !names.isEmpty { lines.append("      by \(names.joined(separator: ", "))") }
            for attribute in change.attributes {
                lines.append("      \(attribute.path): \(Self.short(attribute.from)) → \(Self.short(attribute.to))")
            }
            for link in change.links {
                lines.append(contentsOf: link.added.map { "      \(link.name) + \($0)" })
                lines.append(contentsOf: link.removed.map { "      \(link.name) - \($0)" })
            }
            for child in change.children {
                lines.append(
                    "      \(child.name): \(child.from?.count ?? 0) → \(child.to?.count ?? 0) entries, changed")
            }
        }
        return lines.joined(separator: "\n")
    }

    private static func mark(_ kind: ObjectChange.Kind) -> String {
        switch kind {
        case .added: "+"
        case .updated: "~"
        case .deleted: "-"
        case .restored: "^"
        }
    }

    private static func short(_ value: JSONValue?) -> String {
        guard let value else { return "(none)" }
        let text = value.canonicalText
        return text.count > 80 ? text.prefix(77) + "..." : text
    }
}

extension Result {
    /// What went wrong, if anything.
    var failure: Failure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}
