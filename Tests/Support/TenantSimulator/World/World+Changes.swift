extension World {
    private mutating func log(
        _ kind: Change.Kind, _ ref: Ref, link: LinkName = .members, target: Ref = 0, keys: [UInt16] = []
    ) {
        guard logs else { return }
        now += 1
        changes.append(Change(ref: ref, kind: kind, link: link, target: target, keys: keys))
    }

    /// Adds a new object.
    @discardableResult
    mutating func create(_ object: StoredObject) -> Ref {
        let ref = insert(object)
        log(.created, ref)
        return ref
    }

    /// Changes attributes. Values that are already so are no change.
    /// - Returns: whether anything changed.
    @discardableResult
    mutating func update(_ ref: Ref, _ values: [(String, [UInt8]?)]) -> Bool {
        let changed = replace(ref, values)
        guard !changed.isEmpty else { return false }
        var keys: [UInt16] = []
        for name in changed { keys.append(shapes.key(name)) }
        log(.updated, ref, keys: keys)
        return true
    }

    /// Changes one attribute to a text.
    @discardableResult
    mutating func update(_ ref: Ref, _ name: String, _ text: String?) -> Bool {
        update(ref, [(name, text.map { JSONText.quoted($0) })])
    }

    /// Moves an object to the recycle bin; its links go, and come back with it.
    mutating func softDelete(_ ref: Ref) {
        guard isPresent(ref) else { return }
        parked[ref] = detach(ref)
        setState(ref, .softDeleted)
        _ = replace(ref, [("deletedDateTime", JSONText.quoted(Timestamp.text(now)))])
        log(.softDeleted, ref)
    }

    /// Takes an object out of the recycle bin.
    mutating func restore(_ ref: Ref) {
        guard objects[Int(ref)].state == .softDeleted else { return }
        setState(ref, .present)
        _ = replace(ref, [("deletedDateTime", nil)])
        log(.restored, ref)
        for (name, source, target) in parked.removeValue(forKey: ref) ?? [] {
            // Who got another manager meanwhile keeps that one.
            let isTaken = name == .manager && !targets(name, source).isEmpty
            if isPresent(source), isPresent(target), !isTaken {
                link(name, source, target)
            } else if source == ref {
                // Readers that did not hear of the deletion still have the link.
                log(.unlinked, source, link: name, target: target)
            }
        }
    }

    /// Removes an object for good.
    mutating func purge(_ ref: Ref) {
        guard objects[Int(ref)].state != .gone else { return }
        let dependants = owned(by: ref)
        _ = detach(ref)
        for name in LinkName.allCases where name.deltaName == nil {
            for source in sources(name, ref) { unlink(name, source, ref) }
            for target in targets(name, ref) { unlink(name, ref, target) }
        }
        parked[ref] = nil
        takeRoles(from: ref)
        takeExtensions(of: ref)
        setState(ref, .gone)
        strip(ref)
        log(.purged, ref)
        for dependant in dependants { purge(dependant) }
    }

    /// Nobody who is gone for good administers a unit, not one in the recycle bin either.
    private mutating func takeRoles(from ref: Ref) {
        guard type(ref).spec.flags.contains(.directoryObject) else { return }
        let (segment, id) = ("scopedRoleMembers", id(ref))
        for unit in refs(.administrativeUnit) {
            let members = children(unit, segment)
            let left = members.filter { member in
                (try? SimulatedJSON.parse(member.json))?["roleMemberInfo"]?["id"]?.text != id
            }
            guard left.count < members.count else { continue }
            children[ChildKey(owner: unit, segment: segment)] = left.isEmpty ? nil : left
            if isPresent(unit) { log(.childrenChanged, unit) }
        }
    }

    /// The values of directory extensions go with the application that defined them.
    private mutating func takeExtensions(of ref: Ref) {
        guard type(ref) == .application, !children(ref, "extensionProperties").isEmpty, let id = text(ref, "appId")
        else { return }
        let prefix = "extension_\(id.filter { $0 != "-" })_"
        for type in [SimulatedType.user, .group, .device] {
            for owner in refs(type) {
                let names = attributeNames(owner).filter { $0.hasPrefix(prefix) }
                if !names.isEmpty { _ = replace(owner, names.map { ($0, nil) }) }
            }
        }
    }

    /// Objects that the service removes together with this one: its assignments, grants and role assignments; a
    /// device's secrets.
    private func owned(by ref: Ref) -> [Ref] {
        var list: [Ref] = []
        for name in [LinkName.appRoleAssignments, .appRoleAssignedTo, .oauth2PermissionGrants, .userGrants] {
            list += targets(name, ref)
        }
        let id = id(ref)
        for type in [
            SimulatedType.unifiedRoleAssignment, .unifiedRoleEligibilitySchedule, .unifiedRoleAssignmentSchedule,
        ] {
            list += presentRefs(type).filter { text($0, "principalId") == id }
        }
        if type(ref) == .device, let device = text(ref, "deviceId") {
            list += presentRefs(.bitlockerRecoveryKey).filter { text($0, "deviceId") == device }
            list += presentRefs(.deviceLocalCredentialInfo).filter { self.id($0) == device }
        }
        return list
    }

    /// Takes away all directory links from and to an object.
    private mutating func detach(_ ref: Ref) -> [(LinkName, Ref, Ref)] {
        var taken: [(LinkName, Ref, Ref)] = []
        for name in LinkName.allCases where name.deltaName != nil {
            for source in sources(name, ref) {
                unlink(name, source, ref)
                taken.append((name, source, ref))
            }
            // The object's own links stay with it in the bin; nobody sees them there.
            for target in targets(name, ref) {
                _ = links[Int(name.rawValue)].remove(ref, target)
                taken.append((name, ref, target))
            }
        }
        return taken
    }

    @discardableResult
    mutating func link(_ name: LinkName, _ source: Ref, _ target: Ref) -> Bool {
        guard links[Int(name.rawValue)].insert(source, target) else { return false }
        log(.linked, source, link: name, target: target)
        return true
    }

    @discardableResult
    mutating func unlink(_ name: LinkName, _ source: Ref, _ target: Ref) -> Bool {
        guard links[Int(name.rawValue)].remove(source, target) else { return false }
        log(.unlinked, source, link: name, target: target)
        return true
    }

    /// Replaces one owned sub-collection.
    mutating func setChildren(_ owner: Ref, _ segment: String, _ list: [Child]) {
        let key = ChildKey(owner: owner, segment: segment)
        children[key] = list.isEmpty ? nil : list
        log(.childrenChanged, owner)
    }
}
