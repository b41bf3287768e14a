extension RestorePlanner {
    // MARK: Missing objects

    /// Steps for an object of the snapshot that is not there.
    func bringBack(_ item: Item, _ wanted: ObjectDocument, _ draft: inout RestoreDraft) {
        // A role assignment and its schedule have one id.
        guard draft.coming[item.id.idKey] == item.type.name else { return }
        if let binned = bin(item, draft) {
            undelete(item, wanted, binned, &draft)
            return
        }
        var wanted = wanted
        leaveOutForeignNames(item, &wanted, &draft)
        if Self.ease(&wanted) { enableLater(item, &draft) }
        let (first, later) = split(item, wanted, draft)
        let refersToTwin =
            item.type.name == "group" && mends(wanted.attributes["membershipRule"], item.type, draft)
        let wave = RestorePhase.object.wave(item.type, later: refersToTwin)
        add(item, .create, wave, &draft, creationReason(item.type)) { step in
            step.document = ObjectDocument(
                type: first.type, id: first.id, attributes: first.attributes, links: first.links,
                children: first.children.filter { isCreated($0.key, item.type) })
        }
        guard draft.steps.last?.id == item.id else { return }
        update(item, later, &draft, "what a creation cannot carry", completes: true)
        connect(item, wanted, nil, &draft)
        remind(item, wanted, &draft)
    }

    private func creationReason(_ type: ObjectType) -> String {
        switch type.restore.mode {
        case .activate: "the role is not activated any more"
        case .request: "the assignment is gone: it is requested anew"
        case .upsert: "the object is gone: it is written under its old id"
        default: hasBin(type) ? "the object is gone, and not in the recycle bin" : "the object is gone"
        }
    }

    /// Whether the directory's recycle bin, which is read with a backup, takes objects of the type.
    private func hasBin(_ type: ObjectType) -> Bool {
        catalogue["deletedItem"]?.castTypes.contains(type.name) ?? false
    }

    private func undelete(
        _ item: Item, _ wanted: ObjectDocument, _ binned: ObjectDocument, _ draft: inout RestoreDraft
    ) {
        let permission =
            item.type.name == "user" && facts.writePermissions?.contains("User.DeleteRestore.All") == true
            ? "User.DeleteRestore.All" : nil
        let wave = RestorePhase.undelete.wave(item.type)
        add(item, .undelete, wave, &draft, "the object is in the recycle bin", permission) { $0.document = wanted }
        guard draft.steps.last?.action == .undelete, draft.steps.last?.id == item.id else { return }
        var changes = attributes(item, wanted, binned, &draft)
        // The recycle bin keeps userPrincipalName and the like behind the id; both come back by themselves.
        let prefix = binned.id.filter { $0 != "-" }.lowercased()
        changes.removeAll { change in
            guard let from = change.from?.string?.lowercased(), from.hasPrefix(prefix) else { return false }
            return from.dropFirst(prefix.count) == change.to?.string?.lowercased() ?? ""
        }
        update(item, changes, &draft, "the recycle bin has it otherwise than the snapshot")
        connectBinned(item, wanted, &draft)
        remindOfRule(item, wanted, &draft)
    }

    /// Links and sub-collections of an object from the recycle bin: most come back with it, and are then found to be
    /// there. What named an object that is gone for good, as who administers a unit does, is not among them.
    private func connectBinned(_ item: Item, _ wanted: ObjectDocument, _ draft: inout RestoreDraft) {
        guard options.linksMode != .skip else { return }
        var linked = ObjectDocument(
            type: wanted.type, id: wanted.id, attributes: wanted.attributes, links: wanted.links,
            children: wanted.children)
        linked.attributes["assignedLicenses"] = nil
        let mark = draft.steps.count
        connect(item, linked, nil, &draft)
        for index in mark..<draft.steps.count where draft.steps[index].action == .children {
            draft.steps[index].looksFirst = true
        }
    }

    /// An application from the recycle bin comes without its service principal: that is brought back too.
    /// <https://learn.microsoft.com/graph/api/directory-deleteditems-restore>
    func undeletePrincipals(_ scope: [Item], _ draft: inout RestoreDraft) {
        guard let type = catalogue["servicePrincipal"], !crosses else { return }
        let applications = Set(
            draft.steps.lazy.filter { $0.action == .undelete && $0.type == "application" }
                .compactMap { $0.document?.attributes["appId"]?.string?.lowercased() })
        guard !applications.isEmpty else { return }
        let known = Set(draft.steps.lazy.filter { $0.action == .undelete }.map { $0.id.idKey })
        for (id, document) in facts.recycleBin.sorted(by: { $0.key < $1.key }) where document.type == type.name {
            guard let appID = document.attributes["appId"]?.string?.lowercased(), applications.contains(appID),
                !known.contains(id.idKey)
            else { continue }
            let item = Item(type: type, wanted: document, isReferred: true, id: document.id)
            let wave = RestorePhase.undelete.wave(type)
            add(item, .undelete, wave, &draft, "its application comes back from the recycle bin") {
                $0.document = document
            }
        }
    }

    // MARK: Objects that are there

    func change(_ item: Item, _ wanted: ObjectDocument, _ live: ObjectDocument, _ draft: inout RestoreDraft) {
        // Each tenant has its own domains: those that stand for each other do not become alike.
        guard !Self.changesByItself.contains(item.type.name), !crosses || item.type.name != "domain" else { return }
        if item.isPartial {
            connect(item, wanted, live, &draft)
            return
        }
        if let block = changeBlock(item, wanted, live) {
            block.say(item.type.name, item.id, &draft)
            return
        }
        let mark = draft.steps.count
        var wanted = wanted
        leaveOutForeignNames(item, &wanted, &draft)
        let isEased = easing(&wanted, live, item.type)
        var changes = attributes(item, wanted, live, &draft)
        refuseMissing(item, wanted, &changes, &draft)
        refuseName(item, wanted, &changes, &draft)
        remindOfLost(item, wanted, live, changes, &draft)
        if let block = fixedPrincipal(live), item.type.name == "servicePrincipal", !changes.isEmpty {
            draft.conflict(block.0, item.type.name, item.id, block.1, block.2)
            changes.removeAll()
        }
        update(item, changes, &draft, reason(changes))
        connect(item, wanted, live, &draft)
        rollSecrets(item, wanted, live, &draft)
        if isOfRenewed(live, draft) {
            draft.todo(
                "replacePrincipal", item.type.name, item.id,
                "its application has a new appId, which no service principal can take over: delete it and plan again")
        }
        if isEased, options.attributes == nil, options.links == nil { enableLater(item, &draft) }
        if live.attributes["isManagementRestricted"]?.bool == true, draft.steps.count > mark {
            draft.steps.removeLast(draft.steps.count - mark)
            draft.conflict(
                "restrictedUnit", item.type.name, item.id,
                "it is in a restricted administrative unit: only who has a role in that unit may change it",
                "give the write credential's service principal a role in that unit, or take the object out of it")
        }
    }

    private func reason(_ changes: [ObjectChange.Attribute]) -> String {
        let names = changes.compactMap(\.path.tokens.first)
        return names.count == 1 ? "\(names[0]) differs from the snapshot" : "\(names.count) attributes differ"
    }

    /// Why a difference of the whole object stays; nil when there is none, or it can be written.
    private func changeBlock(
        _ item: Item, _ wanted: ObjectDocument, _ live: ObjectDocument
    ) -> Block? {
        if crosses, isOwn(live) { return ObjectDiff.between(live, wanted).map { _ in .conflict(ownBlock) } ?? .silent }
        let isWritable = ![.backupOnly, .patchRules].contains(item.type.restore.mode) && !isBuiltIn(live)
        if isWritable, !isExchangeGroup(live) || item.type.name != "group" { return nil }
        guard let change = ObjectDiff.between(live, wanted)?.toRestore(item.type) else { return .silent }
        let names = Set(change.attributes.compactMap(\.path.tokens.first)).filter {
            item.type.restore.mode == .backupOnly
                || (item.type.restore.mode != .patchRules && !Self.isComputed($0, item.type, wanted))
        }
        guard !names.isEmpty || !change.links.isEmpty || !change.children.isEmpty else { return .silent }
        if isBuiltIn(live) {
            if item.type.name == "roleScopeTag", names.isEmpty { return nil }
            return crosses
                ? .silent
                : .conflict(
                    code: "builtIn", message: "a built-in object cannot be changed", hint: "Microsoft changed it")
        }
        if item.type.name == "group" { return .conflict(exchangeBlock) }
        if item.type.restore.mode == .patchRules {
            return permissionBlock(item.type) ?? .silent
        }
        return .conflict(
            code: "backupOnly", message: "objects of this type cannot be written through Graph",
            hint: "`object show` has the values of the snapshot")
    }

    /// A policy that would name what does not exist is refused by Graph: its attributes are left alone.
    private func refuseMissing(
        _ item: Item, _ wanted: ObjectDocument, _ changes: inout [ObjectChange.Attribute], _ draft: inout RestoreDraft
    ) {
        guard !changes.isEmpty, case let gone = missing(wanted, draft), !gone.isEmpty else { return }
        changes.removeAll()
        draft.conflict(
            "referenceMissing", item.type.name, item.id,
            "refers to what does not exist and is not restored: \(gone.joined(separator: ", "))",
            "take these objects into the restore, or use --with-references")
    }

    private func refuseName(
        _ item: Item, _ wanted: ObjectDocument, _ changes: inout [ObjectChange.Attribute], _ draft: inout RestoreDraft
    ) {
        guard item.type.name == "user",
            let index = changes.firstIndex(where: { $0.path.tokens == ["userPrincipalName"] }),
            let name = changes[index].to?.string, let block = nameBlock(name, of: item.id)
        else { return }
        changes.remove(at: index)
        block.say("user", item.id, &draft)
    }

    // MARK: Conditional access

    /// Policies that come back, or change, are tried out first. True when the snapshot has it enabled, so that a person
    /// has to do that.
    private static func ease(_ policy: inout ObjectDocument) -> Bool {
        guard policy.type == "conditionalAccessPolicy", policy.attributes["state"]?.string == "enabled" else {
            return false
        }
        policy.attributes["state"] = "enabledForReportingButNotEnforced"
        return true
    }

    private func easing(_ wanted: inout ObjectDocument, _ live: ObjectDocument, _ type: ObjectType) -> Bool {
        let decisive = ["conditions", "grantControls", "sessionControls", "state"]
        let isUnchanged = decisive.allSatisfy { type.isSame($0, wanted: wanted, live: live) }
        return isUnchanged ? false : Self.ease(&wanted)
    }

    private func enableLater(_ item: Item, _ draft: inout RestoreDraft) {
        draft.todo(
            "enablePolicy", item.type.name, item.id,
            "the policy comes back in report-only mode: look at its effects in the sign-in logs, then enable it")
    }

    // MARK: Objects made since

    func remove(_ item: Item, _ live: ObjectDocument, _ draft: inout RestoreDraft) {
        guard options.newObjects == .delete, options.attributes == nil, options.links == nil,
            ![.backupOnly, .patchOnly, .patchRules].contains(item.type.restore.mode)
        else { return }
        if let conflict = deletionBlock(item, live) {
            draft.conflict(conflict.0, item.type.name, item.id, conflict.1, conflict.2)
            return
        }
        let isBinned = hasBin(item.type)
        let reason =
            isBinned
            ? "made since the snapshot; it goes to the recycle bin for 30 days"
            : "made since the snapshot; this type has no recycle bin: it is gone for good"
        add(item, .delete, RestorePhase.delete.wave(item.type), &draft, reason) { step in
            // Where it hangs, or how it is taken away, stands in the object itself.
            let isNeeded = item.type.restore.mode == .request || item.type.nested != nil || item.type.derivesTypes
            if isNeeded { step.document = live }
        }
    }

    private func deletionBlock(_ item: Item, _ live: ObjectDocument) -> (String, String, String)? {
        let never = (
            "cannotDelete", "Graph cannot delete objects of this type", "it stays; delete it by hand if there is a way"
        )
        switch item.type.name {
        case "attributeSet", "customSecurityAttributeDefinition", "directoryRole", "domain": return never
        case "user", "group":
            if isSynced(live) { return syncedBlock }
            if item.type.name == "group", isExchangeGroup(live) { return exchangeBlock }
        case "servicePrincipal", "application":
            if isOwn(live) { return ownBlock }
            if item.type.name == "servicePrincipal", let block = fixedPrincipal(live) { return block }
        default: break
        }
        if isBuiltIn(live) { return ("builtIn", "a built-in object cannot be deleted", "it stays") }
        if live.attributes["isManagementRestricted"]?.bool == true {
            return (
                "restrictedUnit",
                "it is in a restricted administrative unit: only who has a role in that unit may delete it",
                "give the write credential's service principal a role in that unit"
            )
        }
        return nil
    }

    /// Whether it is the application, or its service principal, of a credential of this tenant.
    private func isOwn(_ document: ObjectDocument) -> Bool {
        guard ["application", "servicePrincipal"].contains(document.type),
            let appID = document.attributes["appId"]?.string
        else { return false }
        return facts.ownClientIDs.contains(appID.lowercased())
    }

    private var ownBlock: (String, String, String) {
        ("ownApplication", "it is the application that backs up or restores this tenant", "it stays")
    }
}
