import BackupModel
import PostgresStore

/// An object for people: what it is, then its attributes, links and children.
struct ObjectText {
    let document: ObjectDocument
    let type: ObjectType
    /// A number, or `live`.
    let snapshot: String
    /// Why a deleted object is gone.
    var reason: String?

    var text: String {
        let state = document.state.rawValue + (reason.map { " (\($0))" } ?? "")
        var lines = [
            "\(type.name)  \(type.displayName(of: document))  \(document.id)",
            snapshot == "live" ? "\(state) now" : "\(state) in snapshot \(snapshot)",
        ]
        lines += Self.section("attributes", document.attributes.map { ($0.name, Self.short($0.value)) })
        lines += Self.section("links", document.links.map { ($0.key, $0.value.joined(separator: " ")) })
        lines += Self.section(
            "children",
            document.children.map { ($0.key, "\($0.value.count) \($0.value.count == 1 ? "entry" : "entries")") })
        return lines.joined(separator: "\n")
    }

    private static func section(_ title: String, _ rows: [(name: String, value: String)]) -> [String] {
        let shown = rows.filter { !$0.value.isEmpty }.sorted { $0.name < $1.name }
        let width = shown.map(\.name.count).max() ?? 0
        guard !shown.isEmpty else { return [] }
        return ["", title]
            + shown.map { "  \($0.name)\(String(repeating: " ", count: width - $0.name.count))  \($0.value)" }
    }

    /// A value on one line; what is longer than a few lines of a terminal is cut, and whole with `--json`.
    private static func short(_ value: JSONValue) -> String {
        let text = value.string ?? value.canonicalText
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.count > 240 ? line.prefix(237) + "..." : line
    }
}
