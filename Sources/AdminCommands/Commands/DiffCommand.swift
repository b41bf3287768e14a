import ArgumentParser
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct DiffCommand: AdminCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Shows what changed between two snapshots.",
        discussion: "FROM may be newer than TO.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "Id or name.") var tenant: String
    @Option(help: "Number of a snapshot.") var from: Int32
    @Option(help: "Number of a snapshot.") var to: Int32
    @Option(help: "Only this object type.") var type: String?
    @Option(help: "Only the object with this id; needs --type.") var id: String?

    func validate() throws {
        if id != nil, type == nil { throw ValidationError("--id needs --type.") }
    }

    func perform(_ output: Output) async throws -> Int32 {
        let types = try type.map { [try TypeNames.type($0)] } ?? Catalogue.current.types
        return try await options.withStore { store, _ in
            let tenant = try await store.tenant(tenant)
            for number in [from, to] { _ = try await store.snapshot(tenant.id, number) }
            let key: ObjectKey? =
                if let id, let type = types.first { try await store.objectKey(tenant.id, type, id: id) } else { nil }
            let changes = try await store.changes(tenant.id, from: from, to: to, types: types, object: key)
            var summary = ChangeSummary()
            for change in changes { summary.count(change.kind) }
            let counts = summary
            output.show([
                "from": JSONValue(from), "to": JSONValue(to), "summary": counts.json,
                "items": .array(changes.map(\.json)),
            ]) { Self.human(changes, counts, from, to) }
            return 0
        }
    }

    private static func human(_ changes: [ObjectChange], _ summary: ChangeSummary, _ from: Int32, _ to: Int32) -> String
    {
        var lines = [
            "From snapshot \(from) to \(to): \(summary.added) added, \(summary.updated) updated, \(summary.deleted) deleted, \(summary.restored) restored."
        ]
        var lastType = ""
        for change in changes {
            if change.type != lastType {
                lines.append("\n\(change.type)")
                lastType = change.type
            }
            lines.append("  \(mark(change.kind)) \(change.displayName)  \(change.id)")
            for attribute in change.attributes {
                lines.append("      \(attribute.path): \(short(attribute.from)) → \(short(attribute.to))")
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
