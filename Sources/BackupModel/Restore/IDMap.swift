/// What the ids of restored objects became: object ids, application ids and role ids, old to new.
public struct IDMap: Sendable, Hashable {
    private var new: [String: String]

    /// Old to new; GUIDs in either case.
    public init(_ pairs: [String: String] = [:]) {
        new = [:]
        for (old, current) in pairs { add(old, current) }
    }

    /// The map of a plan's matches alone.
    public init(matches: [RestoreResult.NewID]) {
        new = [:]
        add(matches: matches)
    }

    /// Whether no id has changed: rewriting then costs nothing.
    public var isEmpty: Bool { new.isEmpty }

    /// What `id` is now: itself when it never changed. Follows chains: an object may be restored more than once.
    public subscript(_ id: String) -> String {
        guard var current = new[id.idKey] else { return id }
        var seen: Set<String> = [id.idKey]
        while seen.insert(current).inserted, let next = new[current] { current = next }
        return current
    }

    /// Notes what an id is now, in place of what was noted before. GUIDs are kept in lower case.
    public mutating func add(_ old: String, _ new: String) {
        self.new[old.idKey] = new.idKey
    }

    /// Adds what is in the other tenant already. Ids that are words mean something else in each tenant.
    public mutating func add(matches: [RestoreResult.NewID]) {
        for match in matches where ObjectKey(match.from) != nil { add(match.from, match.to) }
    }

    /// The map for all ids but these, each with what it is now.
    func without(_ ids: Set<String>) -> IDMap {
        IDMap(Dictionary(uniqueKeysWithValues: new.keys.filter { !ids.contains($0) }.map { ($0, self[$0]) }))
    }
}

extension IDMap {
    /// The value with every old id replaced, in strings and in the names of members, as a whole or as a part of them.
    /// What is not in the map stays as it is. Cost: linear in the text.
    public func rewriting(_ value: JSONValue) -> JSONValue {
        if isEmpty { return value }
        switch value {
        case .string(let text): return .string(rewriting(text))
        case .array(let elements): return .array(elements.map(rewriting))
        case .object(let object):
            return .object(
                JSONObject(
                    object.map { member in
                        // Scope tags have small numbers for ids: these mean tags in these two places only.
                        guard JSONValue.namesOfTags.contains(member.name),
                            let tags = member.value.array
                        else { return (rewriting(member.name), rewriting(member.value)) }
                        return (
                            member.name,
                            .array(tags.map { tag in tag.string.map { .string(self[$0]) } ?? rewriting(tag) })
                        )
                    }))
        default: return value
        }
    }

    /// The text with every old id replaced: GUIDs (`api://{appId}`, `/administrativeUnits/{id}`, membership rules,
    /// links), and application ids in the names of directory extensions, `extension_{appId without dashes}_{name}`.
    public func rewriting(_ text: String) -> String {
        if isEmpty || text.utf8.count < 32 { return text }
        var text = text
        return text.withUTF8 { bytes in
            var result: [UInt8] = []
            var (copied, position) = (0, 0)
            while position < bytes.count {
                guard let (length, replacement) = replacement(bytes, at: position) else {
                    position += 1
                    continue
                }
                result.append(contentsOf: bytes[copied..<position])
                result.append(contentsOf: replacement)
                position += length
                copied = position
            }
            result.append(contentsOf: bytes[copied...])
            return String(decoding: result, as: UTF8.self)
        }
    }

    /// What stands for the id that begins at `start`, and the id's length; nil when none of the map does.
    private func replacement(
        _ bytes: UnsafeBufferPointer<UInt8>, at start: Int
    ) -> (length: Int, replacement: String.UTF8View)? {
        func isDigit(_ place: Int) -> Bool { bytes.indices.contains(place) && hexDigit(bytes[place]) != nil }
        guard isDigit(start), !isDigit(start - 1) else { return nil }
        if bytes.count - start >= 36, !isDigit(start + 36), bytes[start + 8] == 0x2D,
            let key = ObjectKey(UnsafeBufferPointer(rebasing: bytes[start..<start + 36]))
        {
            return new[key.description].map { _ in (36, self[key.description].utf8) }
        }
        let prefix = "extension_".utf8
        guard bytes.count - start > 32, bytes[start + 32] == 0x5F, start >= prefix.count,
            bytes[start - prefix.count..<start].elementsEqual(prefix)
        else { return nil }
        var dashed: [UInt8] = []
        for (index, byte) in bytes[start..<start + 32].enumerated() {
            if [8, 12, 16, 20].contains(index) { dashed.append(0x2D) }
            dashed.append(byte)
        }
        guard let key = ObjectKey(String(decoding: dashed, as: UTF8.self)), new[key.description] != nil else {
            return nil
        }
        return (32, self[key.description].filter { $0 != "-" }.utf8)
    }
}

extension JSONValue {
    /// The attributes that name scope tags, whose ids are small numbers.
    public static let namesOfTags: Set<String> = ["roleScopeTagIds", "roleScopeTags"]
}
