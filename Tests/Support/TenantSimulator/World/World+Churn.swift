extension World {
    private static let busyTypes: [(SimulatedType, Int)] = [
        (.user, 40), (.group, 18), (.device, 10), (.application, 5), (.servicePrincipal, 4), (.appRoleAssignment, 4),
        (.oauth2PermissionGrant, 2), (.orgContact, 3), (.administrativeUnit, 3), (.unifiedRoleAssignment, 2),
    ]
    /// Types of which the service itself makes and removes the objects, or nobody.
    private static let fixedTypes: Set<SimulatedType> = [
        .organization, .domain, .subscribedSku, .directoryRole, .authenticationMethodsPolicy, .authorizationPolicy,
        .identitySecurityDefaultsEnforcementPolicy, .adminConsentRequestPolicy, .unifiedRoleManagementPolicy,
        .unifiedRoleManagementPolicyAssignment, .attributeSet, .customSecurityAttributeDefinition,
    ]

    /// One change, chosen by the seed and by how far the tenant has come: the same seed again makes other objects.
    /// - Returns: what was done: `user updated`.
    mutating func churn(seed: UInt64) -> String {
        var random = SeededRandom(seed: seed ^ SeededRandom.mix(UInt64(objects.count) << 32 | UInt64(changes.count)))
        let type = pickType(&random)
        let roll = random.below(100)
        let kind: String
        if Self.fixedTypes.contains(type) {
            kind = edit(type, &random)
        } else if roll < 12 {
            kind = clone(type, &random)
        } else if roll < 20 {
            kind = remove(type, &random)
        } else if roll < 24 {
            kind = bringBack(type, &random)
        } else if roll < 58 {
            kind = relink(type, &random)
        } else {
            kind = edit(type, &random)
        }
        noteChurn(kind, &random)
        return "\(type.rawValue) \(kind)"
    }

    /// Changes of directory objects leave an entry in the audit log, as if an administrator had made them.
    private mutating func noteChurn(_ kind: String, _ random: inout SeededRandom) {
        guard kind != "untouched", let change = changes.last, type(change.ref).auditName != "Other",
            let actor = refs(.user).first(where: { isPresent($0) })
        else { return }
        writeAudit(
            activity: "\(kind.prefix(1).uppercased())\(kind.dropFirst()) \(type(change.ref).rawValue)",
            category: "\(type(change.ref).auditName)Management", target: change.ref, actor: actor, seconds: now,
            random: &random)
    }

    private func pickType(_ random: inout SeededRandom) -> SimulatedType {
        guard random.chance(0.75) else { return random.pick(SimulatedType.allCases) }
        var roll = random.below(Self.busyTypes.reduce(0) { $0 + $1.1 })
        for (type, weight) in Self.busyTypes {
            if roll < weight { return type }
            roll -= weight
        }
        return .user
    }

    /// A present object: some tries at random, then the first.
    func pick(_ type: SimulatedType, _ random: inout SeededRandom) -> Ref? {
        let refs = refs(type)
        guard count(type) > 0 else { return nil }
        for _ in 0..<20 {
            let ref = refs[random.below(refs.count)]
            if isPresent(ref) { return ref }
        }
        return refs.first { isPresent($0) }
    }

    // MARK: Attributes

    private mutating func edit(_ type: SimulatedType, _ random: inout SeededRandom) -> String {
        guard let ref = pick(type, &random) else { return "untouched" }
        let mark = random.below(1_000_000)
        switch type {
        case .user:
            let name = random.pick(["jobTitle", "department", "mobilePhone", "officeLocation", "displayName", "city"])
            let isEmpty = name != "displayName" && random.chance(0.2)
            update(ref, name, isEmpty ? nil : "Änderung \(mark)")
            if random.chance(0.2) { update(ref, [("businessPhones", Array(#"["+1 \#(mark)"]"#.utf8))]) }
            if random.chance(0.1) {
                update(ref, [("accountEnabled", Array(random.chance(0.5) ? "true".utf8 : "false".utf8))])
            }
        case .device: update(ref, "operatingSystemVersion", "10.0.\(mark)")
        case .oauth2PermissionGrant: update(ref, "scope", "User.Read Scope.\(mark)")
        case .appRoleAssignment, .unifiedRoleAssignment, .directoryRole, .subscribedSku,
            .unifiedRoleManagementPolicyAssignment,
            .unifiedRoleAssignmentSchedule, .bitlockerRecoveryKey, .directoryAudit:
            return editRare(type, ref, mark, &random)
        case .organization: update(ref, [("technicalNotificationMails", Array(#"["it\#(mark)@example.com"]"#.utf8))])
        case .domain: update(ref, [("passwordNotificationWindowInDays", Array(String(mark % 30).utf8))])
        case .groupSetting: update(ref, [("values", Array(#"[{"name":"EnableMIPLabels","value":"\#(mark)"}]"#.utf8))])
        case .groupLifecyclePolicy: update(ref, [("groupLifetimeInDays", Array(String(30 + mark % 300).utf8))])
        case .adminConsentRequestPolicy: update(ref, [("requestDurationInDays", Array(String(1 + mark % 60).utf8))])
        case .identitySecurityDefaultsEnforcementPolicy:
            update(ref, [("isEnabled", Array(mark % 2 == 0 ? "true".utf8 : "false".utf8))])
        case .crossTenantAccessPolicyPartner:
            update(ref, [("isServiceProvider", Array(mark % 2 == 0 ? "true".utf8 : "false".utf8))])
        case .deviceLocalCredentialInfo: update(ref, "lastBackupDateTime", Timestamp.text(now))
        case .unifiedRoleEligibilitySchedule: update(ref, "modifiedDateTime", Timestamp.text(now, fraction: mark))
        default: editText(ref, mark, &random)
        }
        return "updated"
    }

    /// Types without an attribute of their own to edit.
    private mutating func editRare(_ type: SimulatedType, _ ref: Ref, _ mark: Int, _ random: inout SeededRandom)
        -> String
    {
        switch type {
        case .directoryRole, .unifiedRoleManagementPolicyAssignment: return "untouched"
        case .subscribedSku: update(ref, [("consumedUnits", Array(String(mark % 1_000).utf8))])
        case .directoryAudit:
            guard let user = pick(.user, &random) else { return "untouched" }
            writeAudit(
                activity: "Update user", category: "UserManagement", target: user, actor: user, seconds: now,
                random: &random)
            return "created"
        default: return clone(type, &random)
        }
        return "updated"
    }

    private mutating func editText(_ ref: Ref, _ mark: Int, _ random: inout SeededRandom) {
        for (segment, list) in ownedChildren(ref) where random.chance(0.4) {
            return editChild(ref, segment, list, mark, &random)
        }
        let names = attributeNames(ref)
        for name in ["displayName", "name", "description"] where names.contains(name) {
            update(ref, name, "\(name) – rev \(mark)")
            break
        }
        for name in ["modifiedDateTime", "lastModifiedDateTime"] where names.contains(name) {
            update(ref, name, Timestamp.text(now, fraction: mark))
        }
        if let version = value(ref, "version")?.integer { update(ref, [("version", Array(String(version + 1).utf8))]) }
    }

    private func ownedChildren(_ ref: Ref) -> [(String, [Child])] {
        Navigation.all(of: type(ref)).compactMap { navigation in
            switch navigation.kind {
            case .children, .child: break
            default: return nil
            }
            let list = children(ref, navigation.segment)
            return list.isEmpty ? nil : (navigation.segment, list)
        }
    }

    /// Changes, removes or adds one owned sub-object.
    private mutating func editChild(
        _ ref: Ref, _ segment: String, _ list: [Child], _ mark: Int, _ random: inout SeededRandom
    ) {
        var list = list
        let position = random.below(list.count)
        if random.chance(0.2), list.count > 1 {
            list.remove(at: position)
        } else if random.chance(0.2), list.count > 1, var copy = try? SimulatedJSON.parse(list[position].json),
            copy["id"] != nil
        {
            let id = random.guid()
            copy["id"] = .string(id)
            list.append(Child(id: id, json: copy.encoded))
        } else if var value = try? SimulatedJSON.parse(list[position].json), case .object(var members) = value {
            let texts = [
                "signInPageText", "description", "displayName", "subject", "state", "ruleName", "source", "revision",
            ]
            if let index = members.firstIndex(where: { texts.contains($0.0) }) {
                members[index].1 = .string("rev \(mark)")
            } else {
                members.append(("revision", .number(String(mark))))
            }
            value = .object(members)
            list[position].json = value.encoded
        }
        setChildren(ref, segment, list)
        if segment == "settings", value(ref, "settingCount") != nil {
            update(ref, [("settingCount", Array(String(list.count).utf8))])
        }
    }
}
