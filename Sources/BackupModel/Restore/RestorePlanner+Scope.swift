extension RestorePlanner {
    /// A subject of a known type whose two sides belong together; the wanted side is written in the ids of now.
    struct Item {
        var type: ObjectType
        var wanted: ObjectDocument?
        var live: ObjectDocument?
        var isReferred: Bool
        /// The id that steps carry: the source's, or the live one of what the source does not have.
        var id: String
        /// Only links to, and from, restored objects are written: the object itself is not in scope.
        var isPartial = false

        static func precedes(_ one: Item, _ other: Item) -> Bool {
            let (left, right) = (one.type.restore.order ?? 60, other.type.restore.order ?? 60)
            if left != right { return left < right }
            if one.type.number != other.type.number { return one.type.number < other.type.number }
            return one.id < other.id
        }
    }

    /// Which live objects the objects of the source stand for, where the ids differ: across tenants, by name. What an
    /// execution must know beside the plan.
    ///
    /// Users match by userPrincipalName (after the mapping of domains), singletons by their type, service principals of
    /// foreign applications by appId, all others by a displayName that both sides have once.
    public func matches(_ subjects: [Subject]) -> [RestoreResult.NewID] {
        let planner = RestorePlanner(facts: facts, options: options, catalogue: catalogue, crosses: true)
        return planner.pairs(planner.present(subjects)).flatMap { pair -> [RestoreResult.NewID] in
            let (wanted, live) = pair
            var ids = [RestoreResult.NewID(type: wanted.type, from: wanted.id, to: live.id)]
            if let from = wanted.attributes["appId"]?.string, let to = live.attributes["appId"]?.string, from != to {
                ids.append(RestoreResult.NewID(type: wanted.type, from: from, to: to))
            }
            return ids
        }
    }

    /// The subjects as items, in the order of creation.
    func items(_ subjects: [Subject]) -> [Item] {
        let present = present(subjects)
        let paired = Dictionary(
            pairs(present).map { ($0.wanted.id.idKey, $0.live) }, uniquingKeysWith: { first, _ in first })
        let taken = Set(paired.values.map { $0.id.idKey })
        let items = present.compactMap { item -> Item? in
            var item = item
            if item.wanted == nil, taken.contains(item.id.idKey) { return nil }
            if item.live == nil { item.live = paired[item.id.idKey] }
            return item
        }.sorted(by: Item.precedes)
        // What is made once more gets yet another id: references to it stay as they are until then.
        var returning: Set<String> = []
        for item in items where item.live == nil {
            returning.insert(item.id.idKey)
            if let appID = item.wanted?.attributes["appId"]?.string { returning.insert(appID.idKey) }
        }
        let map = facts.map.without(returning)
        return items.map { item in
            var item = item
            item.wanted = item.wanted.map { translated($0, map) }
            return item
        }
    }

    /// The subjects of types that can be written, without deleted documents.
    private func present(_ subjects: [Subject]) -> [Item] {
        subjects.compactMap { subject in
            guard let type = catalogue[subject.type], type.name != "deletedItem" else { return nil }
            let wanted = subject.wanted.flatMap { $0.state == .present ? $0 : nil }
            let live = subject.live.flatMap { $0.state == .present ? $0 : nil }
            guard let id = (wanted ?? live)?.id else { return nil }
            return Item(type: type, wanted: wanted, live: live, isReferred: subject.isReferred, id: id)
        }
    }

    private func pairs(_ items: [Item]) -> [(wanted: ObjectDocument, live: ObjectDocument)] {
        var alone: [String: Item] = [:]
        for item in items where item.wanted == nil { alone[item.id.idKey] = item }
        guard !alone.isEmpty else { return [] }
        let lonely = items.filter { $0.live == nil }
        var found: [(wanted: ObjectDocument, live: ObjectDocument)] = []
        var rest: [Item] = []
        for item in lonely {
            let id = item.id.idKey
            if facts.map[id] != id, let twin = alone.removeValue(forKey: facts.map[id]), let wanted = item.wanted,
                let live = twin.live
            {
                found.append((wanted, live))
            } else {
                rest.append(item)
            }
        }
        return crosses ? found + pairsByName(rest, Array(alone.values)) : found
    }

    private func pairsByName(
        _ wanted: [Item], _ live: [Item]
    ) -> [(wanted: ObjectDocument, live: ObjectDocument)] {
        var names: [String: [ObjectDocument]] = [:]
        for document in live.compactMap(\.live) { names[name(document), default: []].append(document) }
        let groups = Dictionary(grouping: wanted.compactMap(\.wanted)) { name(mappingDomains($0)) }
        return groups.keys.sorted().compactMap { name in
            guard let one = groups[name], one.count == 1, let other = names[name], other.count == 1 else { return nil }
            return (one[0], other[0])
        }
    }

    /// What identifies an object to people, within its type.
    private func name(_ document: ObjectDocument) -> String {
        let own: String?
        switch document.type {
        case "user": own = document.attributes["userPrincipalName"]?.string
        case "servicePrincipal" where document.attributes["appOwnerOrganizationId"]?.string == Self.microsoft:
            own = document.attributes["appId"]?.string
        case "organization": own = ""
        default: own = catalogue[document.type]?.shape == .singleton ? "" : document.displayName
        }
        return document.type + " " + (own ?? document.id).lowercased()
    }

    // MARK: Scope

    func isInScope(_ item: Item) -> Bool {
        if item.isReferred { return true }
        guard options.types?.contains(item.type.name) ?? true else { return false }
        guard let ids else { return true }
        return ids.contains(item.id.idKey) || (item.live.map { ids.contains($0.id.idKey) } ?? false)
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

    // MARK: Ids and domains of now

    /// The document in the ids that earlier restores gave, and in the domains of the tenant that is written to.
    private func translated(_ document: ObjectDocument, _ map: IDMap) -> ObjectDocument {
        let document = crosses ? mappingDomains(document) : document
        return map.isEmpty ? document : document.rewritten(map)
    }

    /// Addresses of the source's domains become those of the domains that stand for them.
    private func mappingDomains(_ document: ObjectDocument) -> ObjectDocument {
        guard !options.domains.isEmpty else { return document }
        var document = document
        for name in ["userPrincipalName", "mail", "otherMails", "proxyAddresses", "identities"] {
            document.attributes[name] = document.attributes[name].map(mappingDomain)
        }
        return document
    }

    private func mappingDomain(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text):
            guard let at = text.lastIndex(of: "@") else { return value }
            let domain = text[text.index(after: at)...].lowercased()
            let pair = options.domains.first { $0.key.lowercased() == domain }
            return pair.map { .string(text[...at] + $0.value) } ?? value
        case .array(let elements): return .array(elements.map(mappingDomain))
        case .object(let object): return .object(JSONObject(object.map { ($0.name, mappingDomain($0.value)) }))
        default: return value
        }
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
