extension RestorePlanner {
    /// Adds the steps for links and sub-collections; `live` is nil for what is made anew.
    func connect(_ item: Item, _ wanted: ObjectDocument, _ live: ObjectDocument?, _ draft: inout RestoreDraft) {
        guard options.attributes == nil || options.links != nil else { return }
        for relationship in item.type.relationships where relationship.isBackedUp {
            guard options.links?.contains(relationship.name) ?? true else { continue }
            switch relationship.kind {
            case .link where options.linksMode != .skip: link(item, relationship, wanted, live, &draft)
            case .child where !item.isPartial: children(item, relationship, wanted, live, &draft)
            default: break
            }
        }
        if !item.isPartial, options.links?.contains("licenses") ?? true { licences(item, wanted, live, &draft) }
    }

    // MARK: Links

    private func link(
        _ item: Item, _ relationship: Relationship, _ wanted: ObjectDocument, _ live: ObjectDocument?,
        _ draft: inout RestoreDraft
    ) {
        let name = relationship.name
        let (old, new) = (live?.links[name] ?? [], wanted.links[name] ?? [])
        guard old != new else { return }
        let (before, after) = (Set(old.map { $0.idKey }), Set(new.map { $0.idKey }))
        var added = new.filter { !before.contains($0.idKey) }
        // Who administers the other tenant was not made since: it never had anything to do with the source.
        let takesAway = options.linksMode == .rollback && !(crosses && item.type.name == "directoryRole")
        var removed = takesAway ? old.filter { !after.contains($0.idKey) } : []
        if item.isPartial {
            added = added.filter { draft.coming[$0.idKey] != nil }
            removed = []
        }
        if item.type.name == "directoryRole" { leaveAssigned(item, wanted, &added, &removed, draft) }
        if relationship.single, !added.isEmpty { removed = [] }
        guard !added.isEmpty || !removed.isEmpty else { return }
        switch linkBlock(item, relationship, live) {
        case .silent?: return
        case .conflict("groupIsDynamic", _, _)? where live == nil: return
        case let block?:
            block.say(item.type.name, item.id, &draft)
            return
        case nil: break
        }
        let gone = added.filter { !exists(Reference(id: $0.idKey), draft) }
        if !gone.isEmpty {
            added.removeAll(where: Set(gone).contains)
            draft.conflict(
                "referenceMissing", item.type.name, item.id,
                "\(name): \(gone.count) of its targets do not exist and are not restored: "
                    + gone.prefix(5).joined(separator: ", ") + (gone.count > 5 ? " ..." : ""),
                "take these objects into the restore; the other links are written")
        }
        guard !added.isEmpty || !removed.isEmpty else { return }
        write(item, relationship, added, removed, &draft, isNew: live == nil)
    }

    /// The members of a role are its assignments for the whole directory: those that come back as such need no link, and
    /// those that are activated for a time pass by themselves.
    private func leaveAssigned(
        _ item: Item, _ wanted: ObjectDocument, _ added: inout [String], _ removed: inout [String],
        _ draft: RestoreDraft
    ) {
        let role = wanted.attributes["roleTemplateId"]?.string ?? ""
        func assignment(_ member: String) -> String { Self.assignment(principal: member, role: role, scope: "/") }
        added.removeAll { draft.assigned.contains(assignment($0)) || draft.passing.contains(assignment($0)) }
        removed.removeAll { draft.passingLive.contains(assignment($0)) }
    }

    private func write(
        _ item: Item, _ relationship: Relationship, _ added: [String], _ removed: [String],
        _ draft: inout RestoreDraft, isNew: Bool
    ) {
        if relationship.name == "appliesTo" {
            apply(item, added, removed, &draft)
            return
        }
        let many = max(1, relationship.write?.addMany ?? 1)
        let text =
            isNew ? "the links of the object that comes back" : "links differ from the snapshot"
        add(item, .link, RestorePhase.links.wave(item.type), &draft, text, relationship.write?.permission) { step in
            step.links = [ObjectChange.Links(name: relationship.name, added: added, removed: removed)]
            step.cost = (added.count + many - 1) / many + removed.count
        }
    }

    /// Policies for tokens are written at the application or service principal that they apply to.
    private func apply(_ item: Item, _ added: [String], _ removed: [String], _ draft: inout RestoreDraft) {
        let name = item.type.name == "tokenLifetimePolicy" ? "tokenLifetimePolicies" : "tokenIssuancePolicies"
        for (id, isAdded) in added.map({ ($0, true) }) + removed.map({ ($0, false) }) {
            let found = draft.coming[id.idKey] ?? facts.typeOf(facts.map[id])
            guard let type = found.flatMap({ catalogue[$0] }), type.relationship(name) != nil else { continue }
            let target = Item(type: type, isReferred: false, id: id)
            let text = "the policy applies to this object in the snapshot"
            add(target, .link, RestorePhase.links.wave(type), &draft, text) { step in
                step.links = [
                    ObjectChange.Links(name: name, added: isAdded ? [item.id] : [], removed: isAdded ? [] : [item.id])
                ]
            }
        }
    }

    /// Why the links are not written; nil when they are. The members of what is made anew come by its rule.
    private func linkBlock(_ item: Item, _ relationship: Relationship, _ live: ObjectDocument?) -> Block? {
        if relationship.name != "appliesTo", relationship.write == nil { return .silent }
        guard let document = live ?? item.wanted else { return .silent }
        switch (item.type.name, relationship.name) {
        case ("device", _):
            return .conflict(
                code: "delegatedOnly", message: "only a signed-in person may write the owners and users of a device",
                hint: "set them by hand")
        case ("group", let name): return groupLinkBlock(document, name)
        case ("administrativeUnit", "members"):
            let kind = document.attributes["membershipType"]?.string?.lowercased()
            return kind == "dynamic" ? .conflict(dynamicBlock) : nil
        case ("user", "manager"): return isSynced(document) && !crosses ? .conflict(syncedBlock) : nil
        default: return nil
        }
    }

    private var dynamicBlock: (String, String, String) {
        (
            "groupIsDynamic", "its members are determined by its rule",
            "restore the rule, and the attributes of the members that it looks at"
        )
    }

    private func groupLinkBlock(_ group: ObjectDocument, _ name: String) -> Block? {
        if name == "members", (group.attributes["groupTypes"]?.strings ?? []).contains("DynamicMembership") {
            return .conflict(dynamicBlock)
        }
        if isExchangeGroup(group) { return .conflict(exchangeBlock) }
        if isSynced(group), !crosses { return .conflict(syncedBlock) }
        return isRoleAssignable(group) ? roleAssignableBlock : nil
    }

    // MARK: Sub-collections

    /// Sub-collections that are the content of their object: as the snapshot has them, whole. To the others, what was
    /// added since stays in a merge.
    private static let contents: Set<String> = [
        "authenticationMethodConfigurations", "combinationConfigurations", "excludes", "includes", "rules",
        "scheduledActionsForRule", "settings",
    ]

    private func children(
        _ item: Item, _ relationship: Relationship, _ wanted: ObjectDocument, _ live: ObjectDocument?,
        _ draft: inout RestoreDraft
    ) {
        let name = relationship.name
        guard let write = relationship.write, let new = wantedElements(name, wanted, live) else { return }
        let isContent = relationship.single || (Self.contents.contains(name) && item.type.name != "group")
        guard isContent || options.linksMode != .skip else { return }
        if live == nil, new.isEmpty || isCreated(name, item.type) { return }
        let old = live?.children[name] ?? []
        var to = mendedElements(item, name, new, old, &draft)
        if !isContent, options.linksMode == .merge { to += Self.others(old, than: to, name, item.type) }
        let isMended = to.contains { mends($0, item.type, draft) }
        guard !item.type.areSame(name, to, old) || isMended else { return }
        // Values need the definitions: those come early.
        let isDefinition = ["allowedValues", "extensionProperties"].contains(name)
        let wave = (isDefinition ? RestorePhase.completion : .children).wave(item.type, later: true)
        let cost = write.how == .action ? 1 : max(1, Self.differing(old, to, name, item.type))
        add(item, .children, wave, &draft, "\(name) differ from the snapshot", write.permission) { step in
            step.children = [ObjectChange.Children(name: name, from: live?.children[name], to: to)]
            step.cost = cost
        }
    }

    /// The elements that the snapshot has; nil when it does not know. Those that an object cannot be without are not
    /// emptied.
    func wantedElements(_ name: String, _ wanted: ObjectDocument, _ live: ObjectDocument?) -> [JSONValue]? {
        if let known = wanted.children[name] { return known }
        guard live?.children[name]?.isEmpty == false, let type = catalogue[wanted.type], !isCreated(name, type),
            facts.completeParts[wanted.type]?.contains(name) == true
        else { return nil }
        return []
    }

    /// Whether a creation carries the sub-collection.
    func isCreated(_ name: String, _ type: ObjectType) -> Bool {
        type.restore.requiredOnCreate.contains { $0 == name || $0.hasPrefix(name + " ") }
    }

    /// The wanted elements; one that names what does not exist is left as it is live.
    private func mendedElements(
        _ item: Item, _ name: String, _ new: [JSONValue], _ old: [JSONValue], _ draft: inout RestoreDraft
    ) -> [JSONValue] {
        var gone: Set<String> = []
        let to = new.compactMap { element -> JSONValue? in
            let missing = Self.named(in: element).filter { !exists($0, draft) }.map(\.id)
            guard !missing.isEmpty else { return element }
            gone.formUnion(missing)
            return old.first { $0["id"] != nil && $0["id"] == element["id"] }
        }
        if !gone.isEmpty {
            draft.conflict(
                "referenceMissing", item.type.name, item.id,
                "\(name): refers to what does not exist and is not restored: \(gone.sorted().joined(separator: ", "))",
                "take these objects into the restore; the rest is written")
        }
        return to
    }

    /// What an element is called: two of one name are one, changed.
    private static func key(_ element: JSONValue, _ name: String, _ type: ObjectType) -> JSONValue {
        if let rule = ContainedRule.all[name] { return rule.key(element) }
        let element = type.written(name, element)
        return RestoreWrites.withoutNulls(element["target"] ?? element)
    }

    private static func others(
        _ old: [JSONValue], than new: [JSONValue], _ name: String, _ type: ObjectType
    ) -> [JSONValue] {
        let known = Set(new.map { key($0, name, type) })
        return old.filter { element in
            !known.contains(key(element, name, type)) && !new.contains { type.areSame(name, [$0], [element]) }
        }
    }

    private static func differing(_ old: [JSONValue], _ new: [JSONValue], _ name: String, _ type: ObjectType) -> Int {
        func lacking(_ list: [JSONValue], _ other: [JSONValue]) -> Int {
            list.count { element in !other.contains { type.areSame(name, [element], [$0]) } }
        }
        return max(lacking(old, new), lacking(new, old))
    }

    // MARK: Licences

    /// Licences that the object has by itself; those that a group gives come with the membership.
    /// <https://learn.microsoft.com/graph/api/resources/licenseassignmentstate>
    private func direct(_ document: ObjectDocument?) -> [String: JSONValue] {
        guard let document else { return [:] }
        let states = document.attributes["licenseAssignmentStates"]?.array
        let own = states.map { list in
            Set(list.filter { Self.isBlank($0["assignedByGroup"]) }.compactMap { $0["skuId"]?.string?.lowercased() })
        }
        var licences: [String: JSONValue] = [:]
        for licence in document.attributes["assignedLicenses"]?.array ?? [] {
            guard let sku = licence["skuId"]?.string?.lowercased() else { continue }
            if let own, !own.contains(sku) { continue }
            licences[sku] = licence
        }
        return licences
    }

    private func licences(
        _ item: Item, _ wanted: ObjectDocument, _ live: ObjectDocument?, _ draft: inout RestoreDraft
    ) {
        guard let write = item.type.relationship("licenses")?.write else { return }
        let (old, new) = (direct(live), direct(wanted))
        var to = options.linksMode == .merge ? old.merging(new) { $1 } : new
        if options.linksMode == .skip || old == to { return }
        for sku in to.keys.sorted() where old[sku] == nil && !takes(sku, item, wanted, live, &draft) { to[sku] = nil }
        guard old != to else { return }
        func list(_ licences: [String: JSONValue]) -> [JSONValue] {
            licences.sorted { $0.key < $1.key }.map(\.value)
        }
        let wave = RestorePhase.children.wave(item.type)
        add(item, .children, wave, &draft, "licences differ from the snapshot", write.permission) { step in
            step.children = [ObjectChange.Children(name: "licenses", from: live.map { _ in list(old) }, to: list(to))]
        }
    }

    private func takes(
        _ sku: String, _ item: Item, _ wanted: ObjectDocument, _ live: ObjectDocument?, _ draft: inout RestoreDraft
    ) -> Bool {
        let place = [wanted, live].compactMap { $0?.attributes["usageLocation"]?.string }.first { !$0.isEmpty }
        if item.type.name == "user", place == nil {
            draft.conflict(
                "usageLocationMissing", "user", item.id, "licence \(sku) needs a usageLocation, and the user has none",
                "set usageLocation, then plan again")
            return false
        }
        guard !facts.freeLicences.isEmpty, item.type.name == "user" else { return true }
        guard let free = draft.free[sku], free > 0 else {
            draft.conflict(
                "licencesExhausted", item.type.name, item.id, "no unit of licence \(sku) is free",
                "buy or free units of it, then plan again")
            return false
        }
        draft.free[sku] = free - 1
        return true
    }
}
