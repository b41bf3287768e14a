extension RestorePlanner {
    /// What an update writes: whole values of top-level attributes, because PATCH replaces those.
    ///
    /// Attributes that the services compute are passed over; those that only a creation may set are named in a conflict.
    func attributes(
        _ item: Item, _ wanted: ObjectDocument, _ live: ObjectDocument, _ draft: inout RestoreDraft
    ) -> [ObjectChange.Attribute] {
        var found: [ObjectChange.Attribute] = []
        var (fixed, synced): ([String], [String]) = ([], [])
        for name in Set(wanted.attributes.names).union(live.attributes.names).sorted() where isChosen(name) {
            let (from, to) = (live.attributes[name], wanted.attributes[name])
            let isMended = mends(to, item.type, draft) || namesTag(name, to, draft)
            let isSame = item.type.isSame(name, wanted: wanted, live: live)
            guard !isSame || isMended, !Self.isComputed(name, item.type, wanted) else { continue }
            if draft.goingExtensions.contains(name.lowercased()) { continue }
            if options.attributesMode == .merge, Self.isBlank(to) { continue }
            if Self.isFixed(name, from, to, item.type) {
                fixed.append(name)
            } else if isSynced(live), !Self.cloudAttributes.contains(name) {
                synced.append(name)
            } else {
                found.append(
                    ObjectChange.Attribute(path: JSONPointer([name]), from: from, to: value(name, from, to)))
            }
        }
        report(fixed, synced, item, &draft)
        return found
    }

    private func report(_ fixed: [String], _ synced: [String], _ item: Item, _ draft: inout RestoreDraft) {
        if !fixed.isEmpty {
            draft.conflict(
                fixed == ["isAssignableToRole"] ? "roleAssignable" : "createOnly", item.type.name, item.id,
                "can be set only when the object is made: \(fixed.joined(separator: ", "))",
                "delete the object and restore it anew, if its old id may go")
        }
        if !synced.isEmpty {
            draft.conflict(
                syncedBlock.0, item.type.name, item.id, "\(syncedBlock.1): \(synced.joined(separator: ", "))",
                syncedBlock.2)
        }
    }

    func isChosen(_ name: String) -> Bool {
        options.attributes?.contains(name) ?? (options.links == nil)
    }

    /// Attributes of synced objects that the cloud owns.
    /// <https://learn.microsoft.com/entra/identity/hybrid/connect/concept-azure-ad-connect-sync-declarative-provisioning>
    private static let cloudAttributes: Set<String> = [
        "ageGroup", "consentProvidedForMinor", "customSecurityAttributes", "usageLocation",
    ]

    static func isBlank(_ value: JSONValue?) -> Bool { Sameness.isBlank(value) }

    /// Whether a value names something that gets a new id, so that it is written even when it is the same.
    func mends(_ value: JSONValue?, _ type: ObjectType, _ draft: RestoreDraft) -> Bool {
        guard !draft.renewed.isEmpty, Self.refersByValue.contains(type.name), let value else { return false }
        return !value.guids.isDisjoint(with: draft.renewed)
    }

    /// Whether scope tags that get new ids are named: theirs are no GUIDs.
    private func namesTag(_ name: String, _ value: JSONValue?, _ draft: RestoreDraft) -> Bool {
        guard !draft.renewed.isEmpty, JSONValue.namesOfTags.contains(name) else { return false }
        return value?.strings?.contains { draft.renewed.contains($0) } ?? false
    }

    /// Set by the services, or not through an update.
    static func isComputed(_ name: String, _ type: ObjectType, _ document: ObjectDocument) -> Bool {
        if type.restore.readOnly.contains(name) || type.volatile.contains(name) { return true }
        if type.restore.mode == .request { return name != "scheduleInfo" }
        switch (type.name, name) {
        case ("device", _): return !["accountEnabled", "extensionAttributes"].contains(name)
        case ("user", "passwordProfile"), (_, "passwordCredentials"), (_, "keyCredentials"): return true
        // Copies of the application's.
        case ("servicePrincipal", "appRoles"), ("servicePrincipal", "servicePrincipalNames"): return true
        case ("user", "identities"):
            // Those that repeat the userPrincipalName follow it.
            let kinds = (document.attributes[name]?.array ?? []).compactMap { $0["signInType"]?.string }
            return kinds.allSatisfy { $0 == "userPrincipalName" || $0 == "federated" }
        default: return false
        }
    }

    /// Set by a creation only.
    static func isFixed(_ name: String, _ from: JSONValue?, _ to: JSONValue?, _ type: ObjectType) -> Bool {
        if name == "@odata.type" || type.restore.createOnly.contains(name) { return true }
        // Assignments are made and deleted, never changed.
        if ["appRoleAssignment", "unifiedRoleAssignment"].contains(type.name) { return true }
        return type.restore.createOnly.contains { rule in
            guard rule.hasPrefix(name + ":") else { return false }
            let value = JSONValue.string(String(rule.dropFirst(name.count + 1)))
            func has(_ other: JSONValue?) -> Bool { other == value || other?.array?.contains(value) ?? false }
            return has(from) != has(to)
        }
    }

    /// What is written for a wanted value: collections are emptied, not nulled; custom security attributes are taken
    /// away one by one.
    /// <https://learn.microsoft.com/graph/custom-security-attributes-examples>
    private func value(_ name: String, _ from: JSONValue?, _ to: JSONValue?) -> JSONValue? {
        if name == "customSecurityAttributes", options.attributesMode == .overwrite {
            return .object(Self.clearing(from?.object ?? [:], to?.object ?? [:]))
        }
        if Self.isBlank(to), from?.array != nil { return [] }
        return to?.isNull == true ? nil : to
    }

    private static func clearing(_ from: JSONObject, _ to: JSONObject) -> JSONObject {
        var result = to
        for (name, value) in from where to[name] == nil {
            switch value {
            case .object(let set): result[name] = .object(clearing(set, [:]))
            case .array: result[name] = []
            case .string where name.hasSuffix("@odata.type"): result[name] = value
            default: result[name] = .null
            }
        }
        for (name, value) in from {
            guard case .object(let old) = value, case .object(let new) = to[name] else { continue }
            result[name] = .object(clearing(old, new))
        }
        return result
    }

    // MARK: Steps

    /// The steps that set these attributes: together where one request can carry them.
    func update(
        _ item: Item, _ changes: [ObjectChange.Attribute], _ draft: inout RestoreDraft, _ reason: String,
        completes: Bool = false
    ) {
        var (plain, later, values): ([ObjectChange.Attribute], [ObjectChange.Attribute], [ObjectChange.Attribute])
        (plain, later, values) = ([], [], [])
        for change in changes {
            let name = change.path.tokens.first ?? ""
            if item.type.restore.notOnPost.contains(name) {
                let phase = RestorePhase.completion.wave(item.type)
                add(item, .update, phase, &draft, reason) { $0.attributes = [change] }
            } else if let permission = Self.permission(name, item.type) {
                let phase = RestorePhase.values.wave(item.type)
                add(item, .update, phase, &draft, reason, permission) { $0.attributes = [change] }
            } else if isExtension(name, draft) {
                values.append(change)
            } else if completes || mends(change.to, item.type, draft) || namesTag(name, change.to, draft) {
                later.append(change)
            } else {
                plain.append(change)
            }
        }
        for (list, phase) in [(plain, RestorePhase.object), (later, .completion), (values, .values)] where !list.isEmpty
        {
            add(item, .update, phase.wave(item.type, later: phase == .object), &draft, reason) { step in
                step.attributes = list
                if list.contains(where: { $0.path.tokens == ["allowedCombinations"] }), list.count > 1 { step.cost = 2 }
            }
        }
    }

    /// What writing the attribute needs beyond the permission of its type: the twin of what reading it needs.
    private static func permission(_ name: String, _ type: ObjectType) -> String? {
        type.selectWithPermission[name].map { read in
            read.split(separator: ".").map { $0 == "Read" ? "ReadWrite" : $0 }.joined(separator: ".")
        }
    }

    /// Notes the extensions whose definitions come and go with the applications in scope.
    func noteExtensions(_ scope: [Item], _ draft: inout RestoreDraft) {
        func names(_ document: ObjectDocument?) -> Set<String> {
            Set((document?.children["extensionProperties"] ?? []).compactMap { $0["name"]?.string?.lowercased() })
        }
        guard options.attributes == nil, options.links?.contains("extensionProperties") ?? true else { return }
        for item in scope where item.type.name == "application" {
            let (wanted, live) = (names(item.wanted), names(item.live))
            if item.live != nil || draft.coming[item.id.idKey] != nil {
                draft.comingExtensions.formUnion(wanted.subtracting(live))
            }
            let isKnown = item.wanted.map { wantedElements("extensionProperties", $0, item.live) != nil } ?? true
            let goes = item.wanted == nil ? options.newObjects == .delete : options.linksMode == .rollback
            if goes, isKnown { draft.goingExtensions.formUnion(live.subtracting(wanted)) }
        }
    }

    /// Whether the attribute can be written only when its definition is there: it comes back, or its application gets a
    /// new id.
    private func isExtension(_ name: String, _ draft: RestoreDraft) -> Bool {
        guard name.hasPrefix("extension_") else { return false }
        if draft.comingExtensions.contains(name.lowercased()) { return true }
        return draft.renewed.contains { id in name.dropFirst(10).lowercased().hasPrefix(id.filter { $0 != "-" }) }
    }

    /// Adds a step, unless the write credential may not do it.
    func add(
        _ item: Item, _ action: RestoreStep.Action, _ wave: Int, _ draft: inout RestoreDraft, _ reason: String,
        _ permission: String? = nil, _ fill: (inout RestoreStep) -> Void
    ) {
        let block = permission.map(permissionBlock) ?? permissionBlock(item.type)
        if let block {
            block.say(item.type.name, item.id, &draft)
            return
        }
        var step = RestoreStep(
            wave: wave, action: action, type: item.type.name, id: item.id,
            displayName: (item.wanted ?? item.live)?.displayName ?? item.id, reason: reason)
        // What its kind is, a request must say each time.
        let isWhole = ["configurationPolicy", "compliancePolicy"].contains(item.type.name)
        if item.type.derivesTypes || item.type.restore.mode == .request || isWhole { step.document = item.wanted }
        fill(&step)
        draft.steps.append(step)
    }

    /// The document without attributes that its creation may not carry, and those as changes for a later step.
    func split(
        _ item: Item, _ wanted: ObjectDocument, _ draft: RestoreDraft
    ) -> (first: ObjectDocument, later: [ObjectChange.Attribute]) {
        var first = wanted
        var later: [ObjectChange.Attribute] = []
        for (name, value) in wanted.attributes where isLater(name, value, item.type, wanted, draft) {
            first.attributes[name] = name == "api" ? Self.withoutClients(value) : nil
            later.append(ObjectChange.Attribute(path: JSONPointer([name]), from: nil, to: value))
        }
        return (first, later)
    }

    /// The scopes that an application offers, without the applications that may use them: those name scopes that have to
    /// be there first, and applications that may have no new id yet.
    private static func withoutClients(_ api: JSONValue) -> JSONValue? {
        guard var object = api.object else { return nil }
        object["preAuthorizedApplications"] = nil
        object["knownClientApplications"] = nil
        return isBlank(.object(object)) ? nil : .object(object)
    }

    private func isLater(
        _ name: String, _ value: JSONValue, _ type: ObjectType, _ document: ObjectDocument, _ draft: RestoreDraft
    ) -> Bool {
        if Self.isBlank(value) || Self.isComputed(name, type, document) { return false }
        if type.restore.notOnPost.contains(name) || Self.permission(name, type) != nil { return true }
        if isExtension(name, draft) { return true }
        guard type.name == "application" else { return false }
        switch name {
        case "identifierUris": return !value.guids.isEmpty
        case "api":
            return ["preAuthorizedApplications", "knownClientApplications"].contains { !Self.isBlank(value[$0]) }
        case "requiredResourceAccess": return !value.guids.isDisjoint(with: draft.renewed)
        default: return false
        }
    }
}
