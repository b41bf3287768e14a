extension RestorePlanner {
    /// A subject of a known type whose two sides belong together; the wanted side is written in the ids of now.
    struct Item {
        /// A type is large, and items are many and are copied often.
        final class SharedType: Sendable {
            let type: ObjectType

            init(_ type: ObjectType) { self.type = type }
        }

        private let shared: SharedType
        var type: ObjectType { shared.type }
        var wanted: ObjectDocument?
        var live: ObjectDocument?
        var isReferred: Bool
        /// The id that steps carry: the source's, or the live one of what the source does not have or names by a word.
        var id: String
        /// Only links to, and from, restored objects are written: the object itself is not in scope.
        var isPartial = false

        /// The live object is this one, under another id. Ids that are words are in no map: steps name the live one.
        mutating func stand(for document: ObjectDocument) {
            live = document
            if ObjectKey(document.id) == nil { id = document.id }
        }

        init(
            type: SharedType, wanted: ObjectDocument? = nil, live: ObjectDocument? = nil, isReferred: Bool, id: String
        ) {
            shared = type
            self.wanted = wanted
            self.live = live
            self.isReferred = isReferred
            self.id = id
        }

        init(type: ObjectType, wanted: ObjectDocument? = nil, isReferred: Bool, id: String) {
            self.init(type: SharedType(type), wanted: wanted, isReferred: isReferred, id: id)
        }

        static func precedes(_ one: Item, _ other: Item) -> Bool {
            let (left, right) = (one.type.restore.order ?? 60, other.type.restore.order ?? 60)
            if left != right { return left < right }
            if one.type.number != other.type.number { return one.type.number < other.type.number }
            return one.id < other.id
        }
    }

    /// The subjects as items, in the order of creation.
    func items(_ subjects: [Subject]) -> [Item] {
        let present = present(subjects)
        let paired = Dictionary(
            pairs(present).map { ($0.wanted.type + $0.wanted.id.idKey, $0.live) },
            uniquingKeysWith: { first, _ in first })
        let taken = Set(paired.values.map { $0.type + $0.id.idKey })
        var items = present.compactMap { item -> Item? in
            var item = item
            let key = item.type.name + item.id.idKey
            if item.wanted == nil, taken.contains(key) { return nil }
            if item.live == nil, let live = paired[key] { item.stand(for: live) }
            // No map leads from the one to the other: steps name what is there.
            if !crosses, let live = item.live, facts.map[item.id.idKey] != live.id.idKey { item.id = live.id }
            return item
        }.sorted(by: Item.precedes)
        let tags = scopeTags(items)
        for index in items.indices where items[index].type.name == "roleScopeTag" && items[index].live == nil {
            items[index].id = tags[items[index].id] ?? items[index].id
        }
        // What is made once more gets yet another id: references to it stay as they are until then.
        var returning: Set<String> = []
        for item in items where item.live == nil {
            returning.insert(item.id.idKey)
            if let appID = item.wanted?.attributes["appId"]?.string { returning.insert(appID.idKey) }
        }
        let map = facts.map.without(returning)
        return items.map { item in
            var item = item
            item.wanted = item.wanted.map { translated($0, map).naming(tags) }
            return item
        }
    }

    /// The subjects of types that can be written, without deleted documents.
    func present(_ subjects: [Subject]) -> [Item] {
        var types: [String: Item.SharedType] = [:]
        for type in catalogue.types where type.name != "deletedItem" { types[type.name] = Item.SharedType(type) }
        return subjects.flatMap { subject -> [Item] in
            guard let type = types[subject.type] else { return [] }
            let wanted = subject.wanted.flatMap { $0.state == .present ? $0 : nil }
            let live = subject.live.flatMap { $0.state == .present ? $0 : nil }
            let item = { (wanted: ObjectDocument?, live: ObjectDocument?) -> Item? in
                (wanted ?? live).map {
                    Item(type: type, wanted: wanted, live: live, isReferred: subject.isReferred, id: $0.id)
                }
            }
            if let wanted, let live, isChance(wanted, live) {
                return [item(wanted, nil), item(nil, live)].compactMap(\.self)
            }
            return [item(wanted, live)].compactMap(\.self)
        }
    }

    // MARK: Scope

    func isInScope(_ item: Item) -> Bool {
        if item.isReferred { return true }
        guard options.types?.contains(item.type.name) ?? true else { return false }
        guard let ids else { return true }
        return [item.id, item.wanted?.id, item.live?.id].contains { $0.map { ids.contains($0.idKey) } ?? false }
    }

    /// Whether an object out of scope hangs on one that is brought back: an assignment of it, or a group that had it.
    func belongs(_ item: Item, _ draft: RestoreDraft) -> Bool {
        guard options.types?.contains(item.type.name) ?? true, !draft.coming.isEmpty, let wanted = item.wanted,
            options.attributes == nil
        else { return false }
        if item.live == nil {
            return ["principalId", "clientId", "resourceId"].contains { name in
                wanted.attributes[name]?.string.map { draft.coming[$0.idKey] != nil } ?? false
            }
        }
        return wanted.links.values.contains { $0.contains { draft.coming[$0.idKey] != nil } }
    }

    /// The lost assignments that make somebody a member of a role in scope, when only some objects are.
    func assignments(of scope: [Item], among readable: [Item]) -> [Item] {
        guard ids != nil, options.types?.contains("unifiedRoleAssignment") ?? true, options.attributes == nil else {
            return []
        }
        var wanted: Set<String> = []
        for item in scope where item.type.name == "directoryRole" {
            guard let role = item.wanted?.attributes["roleTemplateId"]?.string else { continue }
            let lost = Set(item.wanted?.links["members"] ?? []).subtracting(item.live?.links["members"] ?? [])
            for member in lost { wanted.insert(Self.assignment(principal: member, role: role, scope: "/")) }
        }
        guard !wanted.isEmpty else { return [] }
        return readable.filter { item in
            item.type.name == "unifiedRoleAssignment" && item.live == nil && !isInScope(item)
                && (item.wanted.map { wanted.contains(Self.assignment($0)) } ?? false)
        }
    }

    // MARK: Ids and domains of now

    /// The document in the ids that earlier restores gave, and in the domains of the tenant that is written to.
    private func translated(_ document: ObjectDocument, _ map: IDMap) -> ObjectDocument {
        let document = crosses ? mappingDomains(document) : document
        return map.isEmpty ? document : document.rewritten(map)
    }
}

extension ObjectDocument {
    /// With ids replaced: in attributes and sub-collections (also inside texts) and in links. The document's own id
    /// stays.
    func rewritten(_ map: IDMap) -> ObjectDocument {
        ObjectDocument(
            type: type, id: id, state: state, attributes: map.rewriting(.object(attributes)).object ?? attributes,
            links: links.mapValues { $0.map { map[$0] } }, children: children.mapValues { $0.map(map.rewriting) })
    }

    /// With scope tags called as they are here.
    fileprivate func naming(_ tags: [String: String]) -> ObjectDocument {
        guard !tags.isEmpty else { return self }
        var document = self
        for name in ["roleScopeTagIds", "roleScopeTags"] {
            guard let old = attributes[name]?.strings else { continue }
            document.attributes[name] = .array(old.map { .string(tags[$0] ?? $0) })
        }
        return document
    }
}

extension JSONValue {
    /// Every GUID in it, also inside texts, lower case.
    public var guids: Set<String> {
        switch self {
        case .string(let text): return Set(GUIDText.all(in: text).map { $0.lowercased() })
        case .array(let elements): return elements.reduce(into: []) { $0.formUnion($1.guids) }
        case .object(let object): return object.reduce(into: []) { $0.formUnion($1.value.guids) }
        default: return []
        }
    }
}

extension String {
    /// The id for comparing: GUIDs are one in either case, ids of another form (assignments, grants) are not.
    var idKey: String { ObjectKey(self) == nil ? self : lowercased() }
}

/// GUIDs inside texts: `/administrativeUnits/{id}`, `api://{appId}`, rules.
enum GUIDText {
    /// Every GUID in its usual form of 36 characters.
    static func all(in text: String) -> [String] {
        guard text.utf8.count >= 36 else { return [] }
        let bytes = Array(text.utf8)
        var found: [String] = []
        var start = 0
        while start + 36 <= bytes.count {
            // A hyphen at the ninth place is rare enough to look no further without it.
            if bytes[start + 8] == 0x2D, bytes[start + 13] == 0x2D, let id = guid(bytes[start..<start + 36]) {
                found.append(id)
                start += 36
            } else {
                start += 1
            }
        }
        return found
    }

    private static func guid(_ bytes: ArraySlice<UInt8>) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        return ObjectKey(text) == nil ? nil : text
    }
}
