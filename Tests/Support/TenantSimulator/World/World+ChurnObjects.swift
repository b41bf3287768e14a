/// Objects that come and go, and links.
extension World {
    /// Makes a new object after the pattern of another.
    mutating func clone(_ type: SimulatedType, _ random: inout SeededRandom) -> String {
        switch type {
        case .appRoleAssignment: return addAssignment(&random)
        case .unifiedRoleAssignment, .unifiedRoleAssignmentSchedule: return addRoleAssignment(&random)
        case .directoryRole: return "untouched"
        default: break
        }
        guard let pattern = pick(type, &random) else { return "untouched" }
        let key = attributeNames(pattern)[0]
        let newID = newID(type, pattern, &random)
        let fresh = uniqueValues(type, newID, &random)
        var members: [(String, SimulatedJSON)] = [(key, .string(newID))]
        for name in attributeNames(pattern).dropFirst() {
            members.append((name, fresh[name] ?? value(pattern, name) ?? .null))
        }
        let ref = create(TenantGenerator.object(type, members, in: &shapes))
        for navigation in Navigation.all(of: type) {
            let list = children(pattern, navigation.segment)
            if !list.isEmpty { setChildren(ref, navigation.segment, list) }
        }
        connect(ref, type, &random)
        return "created"
    }

    private func newID(_ type: SimulatedType, _ pattern: Ref, _ random: inout SeededRandom) -> String {
        switch type {
        case .oauth2PermissionGrant: random.base64ID(bytes: 33)
        case .authenticationContextClassReference: "c\(random.range(10...99))\(count(type))"
        case .permissionGrantPolicy: "policy-\(random.below(1 << 30))"
        case .roleScopeTag: String(random.range(10...1 << 30))
        case .directoryAudit: "Directory_\(random.guid())_\(random.digits(8))"
        default: random.guid()
        }
    }

    /// Values that no two objects share.
    private func uniqueValues(_ type: SimulatedType, _ id: String, _ random: inout SeededRandom) -> [String:
        SimulatedJSON]
    {
        let mark = String(random.below(1 << 40))
        switch type {
        case .user:
            return [
                "userPrincipalName": .string("new\(mark)@example.com"), "mail": .string("new\(mark)@example.com"),
                "mailNickname": .string("new\(mark)"), "displayName": .string("Neu \(mark)"),
                "proxyAddresses": .array([.string("SMTP:new\(mark)@example.com")]),
                "createdDateTime": .string(Timestamp.text(now)),
            ]
        case .group:
            return [
                "mailNickname": .string("g\(mark)"), "displayName": .string("Gruppe \(mark)"),
                "createdDateTime": .string(Timestamp.text(now)),
            ]
        case .application, .servicePrincipal:
            let appID = random.guid()
            return [
                "appId": .string(appID), "displayName": .string("App \(mark)"), "identifierUris": .array([]),
                "servicePrincipalNames": .array([.string(appID)]),
            ]
        case .device: return ["deviceId": .string(random.guid()), "displayName": .string("PC-\(mark)")]
        case .unifiedRoleDefinition:
            return ["templateId": .string(id), "isBuiltIn": .bool(false), "displayName": .string("Role \(mark)")]
        case .oauth2PermissionGrant: return ["scope": .string("User.Read New.\(mark)")]
        case .authenticationStrengthPolicy:
            return ["policyType": .string("custom"), "displayName": .string("Strength \(mark)")]
        case .unifiedRoleEligibilitySchedule: return [:]
        default:
            return ["displayName": .string("New \(mark)"), "name": .string("New \(mark)")]
                .filter { type.spec.properties.contains($0.key) }
        }
    }

    /// Links that a new object has from the start.
    private mutating func connect(_ ref: Ref, _ type: SimulatedType, _ random: inout SeededRandom) {
        switch type {
        case .user:
            if let manager = pick(.user, &random), manager != ref { link(.manager, ref, manager) }
            if let group = pick(.group, &random) { link(.members, group, ref) }
        case .group:
            for _ in 0..<random.below(8) {
                if let user = pick(.user, &random) { link(.members, ref, user) }
            }
            if let owner = pick(.user, &random) { link(.owners, ref, owner) }
        case .device:
            if let owner = pick(.user, &random) { link(.registeredOwners, ref, owner) }
        case .oauth2PermissionGrant:
            if let client = text(ref, "clientId").flatMap({ self.ref(.servicePrincipal, $0) }) {
                link(.oauth2PermissionGrants, client, ref)
            }
            if let user = text(ref, "principalId").flatMap({ self.ref(.user, $0) }) { link(.userGrants, user, ref) }
        default: break
        }
    }

    private mutating func addAssignment(_ random: inout SeededRandom) -> String {
        guard let principal = pick(random.chance(0.7) ? .user : .group, &random),
            let resource = pick(.servicePrincipal, &random)
        else { return "untouched" }
        let role = "00000000-0000-0000-0000-000000000000"
        let object = appRoleAssignment(
            id: random.base64ID(bytes: 32), principal: principal, resource: resource, role: role,
            time: Timestamp.text(now, fraction: random.below(10_000_000)))
        guard !isAssigned(role, principal, resource) else { return "untouched" }
        _ = insertAssignment(object, principal: principal, resource: resource)
        return "created"
    }

    private mutating func addRoleAssignment(_ random: inout SeededRandom) -> String {
        guard let role = pick(.unifiedRoleDefinition, &random), let principal = pick(.user, &random) else {
            return "untouched"
        }
        assignRole(id(role), principal, scope: "/", id: "\(random.base64ID(bytes: 36))-1")
        return "created"
    }

    /// A role assignment with its schedule; the activated role gets the member.
    @discardableResult
    mutating func assignRole(_ role: String, _ principal: Ref, scope: String, id: String) -> Ref {
        let common: [(String, SimulatedJSON)] = [
            ("id", .string(id)), ("directoryScopeId", .string(scope)), ("principalId", .string(self.id(principal))),
            ("roleDefinitionId", .string(role)),
        ]
        let ref = create(
            TenantGenerator.object(
                .unifiedRoleAssignment, common + [("principalOrganizationId", .string(tenantID))], in: &shapes))
        let schedule =
            #"""
            {"startDateTime":"\#(Timestamp.text(now))","recurrence":null,\#
            "expiration":{"type":"noExpiration","endDateTime":null,"duration":null}}
            """#
        create(
            TenantGenerator.object(
                .unifiedRoleAssignmentSchedule,
                common + [
                    ("assignmentType", .string("Assigned")), ("memberType", .string("Direct")),
                    ("status", .string("Provisioned")), ("scheduleInfo", (try? SimulatedJSON.parse(schedule)) ?? .null),
                ], in: &shapes))
        if scope == "/", let activated = activatedRole(role) { link(.members, activated, principal) }
        return ref
    }

    /// Removes a role assignment, its schedule and, with the last one, the membership.
    mutating func removeRoleAssignment(_ ref: Ref) {
        let role = text(ref, "roleDefinitionId") ?? ""
        let principal = text(ref, "principalId") ?? ""
        if let schedule = self.ref(.unifiedRoleAssignmentSchedule, id(ref)) { purge(schedule) }
        purge(ref)
        let remains = presentRefs(.unifiedRoleAssignment).contains {
            text($0, "roleDefinitionId") == role && text($0, "principalId") == principal
                && text($0, "directoryScopeId") == "/"
        }
        if !remains, let activated = activatedRole(role), let member = directoryObject(principal) {
            unlink(.members, activated, member)
        }
    }

    mutating func remove(_ type: SimulatedType, _ random: inout SeededRandom) -> String {
        guard count(type) > 2, let ref = pick(type, &random) else { return "untouched" }
        if isProtected(ref) { return "untouched" }
        switch type {
        case .unifiedRoleAssignment:
            removeRoleAssignment(ref)
        case .unifiedRoleAssignmentSchedule:
            guard let assignment = self.ref(.unifiedRoleAssignment, id(ref)) else { return "untouched" }
            removeRoleAssignment(assignment)
        case .directoryAudit: return "untouched"
        case _ where type.spec.flags.contains(.softDelete):
            softDelete(ref)
            if random.chance(0.15) {
                purge(ref)
                return "purged"
            }
            return "soft-deleted"
        default: purge(ref)
        }
        return "purged"
    }

    /// Objects without which the tenant would not work.
    private func isProtected(_ ref: Ref) -> Bool {
        switch type(ref) {
        case .unifiedRoleDefinition: value(ref, "isBuiltIn")?.boolean ?? true
        case .authenticationStrengthPolicy: text(ref, "policyType") == "builtIn"
        case .servicePrincipal: text(ref, "appId") == TenantGenerator.graphAppID
        case .roleScopeTag: value(ref, "isBuiltIn")?.boolean ?? true
        default: false
        }
    }

    /// Restores something from the recycle bin, or purges it.
    mutating func bringBack(_ type: SimulatedType, _ random: inout SeededRandom) -> String {
        let bin = refs(type).filter { objects[Int($0)].state == .softDeleted }
        guard !bin.isEmpty else { return "untouched" }
        let ref = random.pick(bin)
        if random.chance(0.3) {
            purge(ref)
            return "purged"
        }
        restore(ref)
        return "restored"
    }

    /// Changes links of an object; types without links have an attribute changed.
    mutating func relink(_ type: SimulatedType, _ random: inout SeededRandom) -> String {
        let names = Navigation.all(of: type).compactMap(\.linkName)
            .filter { [.members, .owners, .manager, .sponsors, .registeredOwners, .registeredUsers].contains($0) }
        guard !names.isEmpty, type != .directoryRole, let ref = pick(type, &random) else { return clone(type, &random) }
        let name = random.chance(0.7) ? names[0] : random.pick(names)
        let present = targets(name, ref)
        if name == .manager {
            for old in present { unlink(.manager, ref, old) }
            guard random.chance(0.9), let manager = pick(type == .orgContact ? .orgContact : .user, &random),
                manager != ref
            else {
                return "unlinked"
            }
            link(.manager, ref, manager)
            return "linked"
        }
        if !present.isEmpty, random.chance(0.45) {
            for _ in 0...random.below(3) { unlink(name, ref, random.pick(present)) }
            return "unlinked"
        }
        let kinds: [SimulatedType] = name == .members ? [.user, .user, .user, .device, .group] : [.user]
        for _ in 0...random.below(4) {
            guard let target = pick(random.pick(kinds), &random), target != ref else { continue }
            if name == .members, type == .administrativeUnit, self.type(target) == .administrativeUnit { continue }
            link(name, ref, target)
        }
        return "linked"
    }
}
