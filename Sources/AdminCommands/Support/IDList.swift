import Foundation

/// Ids of objects from the command line and from a file: one a line, `#` begins a comment.
enum IDList {
    /// GUIDs come back in lower case, each id once, in the order in which they were named.
    ///
    /// - Returns: nil when neither the list nor a file is given.
    /// - Throws: exit 2 for a list without any id, 1 for a file that cannot be read or has none.
    static func read(_ list: String?, file: String?) throws -> [String]? {
        guard list != nil || file != nil else { return nil }
        var ids: [String] = []
        if let list {
            ids = named(in: list.split(separator: ","))
            guard !ids.isEmpty else { throw Check.invalid("idsEmpty", "--ids names no object.") }
        }
        if let file { ids += try read(file) }
        var seen: Set<String> = []
        return ids.filter { seen.insert($0).inserted }
    }

    private static func read(_ file: String) throws -> [String] {
        let hint = "Write one id a line; # begins a comment."
        let text = try TextFile.read(file, hint: hint)
        let ids = named(in: text.split(whereSeparator: \.isNewline).map { $0.prefix { $0 != "#" } })
        guard !ids.isEmpty else {
            throw CommandFailure(1, "idsEmpty", "\(TextFile.name(file)) names no object.", hint: hint)
        }
        return ids
    }

    private static func named(in parts: [Substring]) -> [String] {
        parts.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
            .map { UUID(uuidString: $0)?.text ?? $0 }
    }
}
