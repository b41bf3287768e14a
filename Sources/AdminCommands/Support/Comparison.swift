import BackupContracts
import BackupModel
import PostgresStore

/// The changes between two states of a tenant, and who made them.
struct Comparison {
    let from: SnapshotNumber
    let to: SnapshotNumber
    var changes: [ObjectChange]
    var actors: [String: [ObjectActor]] = [:]
    /// What is said of the two: `live` where one is the state as it is now.
    var shownFrom: SnapshotReference
    var shownTo: SnapshotReference
    /// Types that could not be read now.
    var unread: [LiveRound.Unread] = []

    init(from: SnapshotNumber, to: SnapshotNumber, changes: [ObjectChange]) {
        self.from = from
        self.to = to
        self.changes = changes
        shownFrom = .number(from)
        shownTo = .number(to)
    }

    /// Compares two snapshots.
    init(
        _ store: PostgresStore, _ tenant: TenantID, from: SnapshotNumber, to: SnapshotNumber, types: [ObjectType],
        object: ObjectKey? = nil
    ) async throws {
        self.init(
            from: from, to: to,
            changes: try await store.changes(tenant, from: from, to: to, types: types, object: object))
        actors = try await store.actors(tenant, of: Set(changes.map(\.id)), from: min(from, to), to: max(from, to))
    }

    /// What the other sides of the links are called.
    func names(_ store: PostgresStore, _ tenant: TenantID) async throws -> LinkNames {
        try await LinkNames(changes.linkTargets, store, tenant, snapshots: from == to ? [from] : [to, from])
    }

    var summary: ChangeSummary {
        var summary = ChangeSummary()
        for change in changes { summary.count(change.kind) }
        return summary
    }

    var json: JSONObject {
        var object: JSONObject = [
            "from": shownFrom.json, "to": shownTo.json, "summary": summary.json,
            "items": .array(
                changes.map { change in
                    guard case .object(var object) = change.json else { return change.json }
                    object["actors"] = .array((actors[change.id] ?? []).map(\.json))
                    return .object(object)
                }),
        ]
        if shownFrom == .live || shownTo == .live { object["notRead"] = .array(unread.map(\.json)) }
        return object
    }

    func text(_ names: LinkNames) -> String {
        let summary = summary
        var lines = [
            """
            From \(shownFrom.phrase) to \(shownTo.phrase): \(summary.added) added, \(summary.updated) updated, \
            \(summary.deleted) deleted, \(summary.restored) restored.
            """
        ]
        for item in unread { lines.append("Not compared: \(item.type), \(item.reason)") }
        for (type, changes) in grouped {
            lines.append("\n\(type) (\(changes.count))")
            for change in changes {
                lines.append("  \(Self.mark(change.kind)) \(change.displayName)  \(change.id)")
                let actors = Set((actors[change.id] ?? []).map(\.actor)).sorted()
                if !actors.isEmpty { lines.append("      by \(actors.joined(separator: ", "))") }
                lines += Self.details(change.attributes, change.links, change.children, names).map { "      \($0)" }
            }
        }
        return lines.joined(separator: "\n")
    }

    /// By type, in the order in which the types come.
    private var grouped: [(type: String, changes: [ObjectChange])] {
        var groups: [(type: String, changes: [ObjectChange])] = []
        for change in changes {
            if groups.last?.type == change.type {
                groups[groups.count - 1].changes.append(change)
            } else {
                groups.append((change.type, [change]))
            }
        }
        return groups
    }

    /// One line for each attribute, link and sub-collection: old → new.
    static func details(
        _ attributes: [ObjectChange.Attribute], _ links: [ObjectChange.Links], _ children: [ObjectChange.Children],
        _ names: LinkNames
    ) -> [String] {
        var lines = attributes.map { "\($0.path): \(short($0.from)) → \(short($0.to))" }
        for link in links {
            lines += link.added.map { "\(link.name) + \(names[$0])" }
            lines += link.removed.map { "\(link.name) - \(names[$0])" }
        }
        for child in children {
            lines.append("\(child.name): \(child.from?.count ?? 0) → \(child.to?.count ?? 0) entries, changed")
        }
        return lines
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
