/// Which objects of the tenant that is written to the objects of the source are.
extension RestorePlanner {
    typealias Pair = (wanted: ObjectDocument, live: ObjectDocument)

    /// Which live objects the objects of the source stand for, where the ids differ: across tenants, by name. An
    /// execution must know it beside the steps.
    ///
    /// Users match by userPrincipalName (after the mapping of domains), singletons by their type, service principals by
    /// the appId that their application has here, assignments and grants by what they connect, all others by a
    /// displayName that both sides have once. Devices never: a device of the same name is another one.
    public func matches(_ subjects: [Subject]) -> [RestoreResult.NewID] {
        let planner = RestorePlanner(facts: facts, options: options, catalogue: catalogue, crosses: true)
        return planner.pairs(planner.present(subjects)).flatMap(Self.newIDs)
    }

    private static func newIDs(_ pair: Pair) -> [RestoreResult.NewID] {
        let (wanted, live) = pair
        var ids = [RestoreResult.NewID(type: wanted.type, from: wanted.id, to: live.id)]
        if let from = wanted.attributes["appId"]?.string, let to = live.attributes["appId"]?.string, from != to {
            ids.append(RestoreResult.NewID(type: wanted.type, from: from, to: to))
        }
        return ids
    }

    /// Two objects of one id that are not the same for that: each tenant counts its scope tags from one.
    func isChance(_ wanted: ObjectDocument, _ live: ObjectDocument) -> Bool {
        crosses && wanted.type == "roleScopeTag" && !(isBuiltIn(wanted) && isBuiltIn(live))
    }

    func pairs(_ items: [Item]) -> [Pair] {
        var alone: [String: ObjectDocument] = [:]
        for item in items where item.wanted == nil {
            if let live = item.live { alone[Self.key(live.type, live.id)] = live }
        }
        guard !alone.isEmpty else { return [] }
        var found: [Pair] = []
        var rest: [ObjectDocument] = []
        for wanted in items.lazy.filter({ $0.live == nil }).compactMap(\.wanted) {
            let (id, now) = (wanted.id.idKey, facts.map[wanted.id.idKey])
            if now != id, let live = alone.removeValue(forKey: Self.key(wanted.type, now)) {
                found.append((wanted, live))
            } else {
                rest.append(wanted)
            }
        }
        return found + (crosses ? pairsByName(rest, Array(alone.values), found) : relations(rest, Array(alone.values)))
    }

    /// Assignments and grants that somebody made again have another id and are the same: Graph takes no second one.
    private func relations(_ wanted: [ObjectDocument], _ live: [ObjectDocument]) -> [Pair] {
        let isRelation = { (document: ObjectDocument) in MatchingStage(document.type) == .relations }
        return pairs(wanted.filter(isRelation), live.filter(isRelation), .relations, facts.map)
    }

    private static func key(_ type: String, _ id: String) -> String { type + " " + id.idKey }

    /// Names of people and things first; then what is known by things that were matched.
    private func pairsByName(_ wanted: [ObjectDocument], _ live: [ObjectDocument], _ known: [Pair]) -> [Pair] {
        var map = facts.map
        func learn(_ pairs: [Pair]) {
            for id in pairs.flatMap(Self.newIDs) where ObjectKey(id.from) != nil { map.add(id.from, id.to) }
        }
        learn(known)
        var found: [Pair] = []
        for stage in MatchingStage.allCases {
            let isOfStage = { (document: ObjectDocument) in MatchingStage(document.type) == stage }
            let pairs = pairs(wanted.filter(isOfStage), live.filter(isOfStage), stage, map)
            learn(pairs)
            found += pairs
        }
        return found
    }

    private func pairs(
        _ wanted: [ObjectDocument], _ live: [ObjectDocument], _ stage: MatchingStage, _ map: IDMap
    ) -> [Pair] {
        var names: [String: [ObjectDocument]] = [:]
        for document in live { names[name(document, stage, IDMap()), default: []].append(document) }
        let groups = Dictionary(grouping: wanted) { name(mappingDomains($0), stage, map) }
        return groups.keys.sorted().compactMap { name in
            guard let one = groups[name], one.count == 1, let other = names[name], other.count == 1 else { return nil }
            return (one[0], other[0])
        }
    }

    /// What identifies an object to people, or by what it connects, within its type; ids as they are through the map.
    private func name(_ document: ObjectDocument, _ stage: MatchingStage, _ map: IDMap) -> String {
        guard let type = catalogue[document.type] else { return Self.key(document.type, document.id) }
        let own: String
        switch document.type {
        case "user": own = document.attributes["userPrincipalName"]?.string ?? document.id
        case "domain": own = mappingDomain(document.id)
        case "device": own = document.id
        case _ where type.shape == .singleton || type.name == "organization": own = ""
        case _ where stage != .named || MatchingStage.byKey.contains(type.name):
            let key = RestoreWrites(map: map, password: { "" }).naturalKey(of: document, type)
            own = JSONValue.object(JSONObject(key.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })).canonicalText
        default: own = document.displayName
        }
        return document.type + " " + own.lowercased()
    }

    // MARK: Scope tags

    /// What the source's scope tags are called here, where that differs. Those that are to be made get a number that no
    /// tag of this tenant has, so that theirs is not taken for one of these.
    func scopeTags(_ items: [Item]) -> [String: String] {
        guard crosses else { return [:] }
        let tags = items.filter { $0.type.name == "roleScopeTag" }
        let here = Set(tags.compactMap { $0.live?.id })
        var names: [String: String] = [:]
        for tag in tags {
            guard let id = tag.wanted?.id else { continue }
            if let live = tag.live { names[id] = live.id } else if here.contains(id) { names[id] = "-" + id }
        }
        return names
    }

    // MARK: Domains

    /// Addresses and names in the source's domains become those in the domains that stand for them.
    func mappingDomains(_ document: ObjectDocument) -> ObjectDocument {
        guard !options.domains.isEmpty else { return document }
        var document = document
        for name in ["userPrincipalName", "mail", "otherMails", "proxyAddresses", "imAddresses", "identities"] {
            document.attributes[name] = document.attributes[name].map(mappingDomain)
        }
        document.attributes["identifierUris"] = document.attributes["identifierUris"].map { uris in
            .array((uris.array ?? []).map { $0.string.map { .string(mappingHost($0)) } ?? $0 })
        }
        return document
    }

    private func mappingDomain(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text): .string(mappingDomain(text))
        case .array(let elements): .array(elements.map(mappingDomain))
        case .object(let object): .object(JSONObject(object.map { ($0.name, mappingDomain($0.value)) }))
        default: value
        }
    }

    /// A domain, or an address in one.
    private func mappingDomain(_ text: String) -> String {
        let start = text.lastIndex(of: "@").map { text.index(after: $0) } ?? text.startIndex
        let domain = text[start...].lowercased()
        return options.domains.first { $0.key.lowercased() == domain }.map { text[..<start] + $0.value } ?? text
    }

    /// `https://domain/path`, and the same with a subdomain.
    private func mappingHost(_ text: String) -> String {
        guard let host = Self.host(text) else { return text }
        for (old, new) in options.domains.sorted(by: { $0.key.utf8.count > $1.key.utf8.count }) {
            let name = host.lowercased()
            guard name == old.lowercased() || name.hasSuffix("." + old.lowercased()) else { continue }
            return text[..<host.startIndex] + host.dropLast(old.count) + new + text[host.endIndex...]
        }
        return text
    }

    private static func host(_ uri: String) -> Substring? {
        guard let mark = uri.firstRange(of: "://") else { return nil }
        let rest = uri[mark.upperBound...]
        return rest.prefix { $0 != "/" && $0 != ":" }
    }

    /// Identifiers in domains that this tenant has not verified are refused: they are left out, and that is said.
    func leaveOutForeignNames(_ item: Item, _ application: inout ObjectDocument, _ draft: inout RestoreDraft) {
        guard crosses, item.type.name == "application", !facts.verifiedDomains.isEmpty,
            let uris = application.attributes["identifierUris"]?.strings
        else { return }
        let kept = uris.filter { uri in
            guard let host = Self.host(uri)?.lowercased(), ObjectKey(host) == nil else { return true }
            return facts.verifiedDomains.contains { host == $0 || host.hasSuffix("." + $0) }
        }
        guard kept.count < uris.count else { return }
        application.attributes["identifierUris"] = .array(kept.map(JSONValue.string))
        draft.conflict(
            "domainNotVerified", item.type.name, item.id,
            "\(uris.count - kept.count) of its identifier URIs name a domain that is not verified in this tenant",
            "verify the domain first, or map it with --map-domain; the rest of the application is restored")
    }
}

/// In which order objects are recognised: each by what was recognised before.
private enum MatchingStage: CaseIterable {
    case named, principals, relations

    init(_ type: String) {
        switch type {
        case "servicePrincipal": self = .principals
        case "appRoleAssignment", "oauth2PermissionGrant", "unifiedRoleAssignment", "unifiedRoleAssignmentSchedule",
            "unifiedRoleEligibilitySchedule":
            self = .relations
        default: self = .named
        }
    }

    /// Types whose displayName, if they have one, says less than their natural key.
    static let byKey: Set<String> = ["directoryRole", "groupLifecyclePolicy", "groupSetting"]
}
