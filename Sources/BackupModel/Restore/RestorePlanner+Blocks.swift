extension RestorePlanner {
    /// The tenant that Microsoft's own applications live in.
    /// <https://learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in>
    static let microsoft = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"

    /// Why an object gets no step.
    enum Block {
        case conflict(code: String, message: String, hint: String)
        case todo(code: String, message: String)
        /// Nothing to say: another object of the plan, or the service, brings it back.
        case silent
        /// Said once for the type.
        case type(code: String, about: String, message: String, hint: String)

        func say(_ type: String, _ id: String, _ draft: inout RestoreDraft) {
            switch self {
            case .conflict(let code, let message, let hint): draft.conflict(code, type, id, message, hint)
            case .todo(let code, let message): draft.todo(code, type, id, message)
            case .silent: break
            case .type(let code, let about, let message, let hint): draft.once(code, type, about, message, hint)
            }
        }
    }

    /// Why a missing object does not come back; nil when it does.
    func block(_ type: ObjectType, _ wanted: ObjectDocument, _ draft: RestoreDraft) -> Block? {
        if let block = modeBlock(type, wanted) ?? permissionBlock(type) { return block }
        let isBinned = bin(Item(type: type, wanted: wanted, isReferred: false, id: wanted.id), draft) != nil
        switch type.name {
        case "user": return userBlock(wanted, isBinned: isBinned)
        case "group": return groupBlock(wanted, isBinned: isBinned)
        case "crossTenantAccessPolicyPartner" where crosses && facts.typeOf(wanted.id.idKey) == "organization":
            return .conflict(
                code: "cannotCreate", message: "it is the tenant that is written to, which is no partner of itself",
                hint: "nothing is to be done")
        case "servicePrincipal": return isBinned ? nil : principalBlock(wanted, draft)
        case "unifiedRoleAssignmentSchedule", "unifiedRoleEligibilitySchedule": return scheduleBlock(wanted)
        case "unifiedRoleAssignment": return draft.passing.contains(Self.assignment(wanted)) ? .silent : nil
        default: return nil
        }
    }

    private func modeBlock(_ type: ObjectType, _ wanted: ObjectDocument) -> Block? {
        switch type.restore.mode {
        case .backupOnly where Self.changesByItself.contains(type.name): return .silent
        case .backupOnly:
            return .conflict(
                code: "backupOnly", message: "objects of this type cannot be written through Graph",
                hint: "`object show` has the last known values")
        case .manual:
            return .todo(
                code: "verifyDomain", message: "add the domain, set the DNS record that the portal shows, verify it")
        case .patchOnly where type.name == "device":
            return .todo(code: "registerDevice", message: "a device has keys of its own: join or register it again")
        case .patchRules where crosses:
            // Each tenant has its own, under other ids.
            return permissionBlock(type) ?? .silent
        case .patchOnly, .patchRules:
            return .conflict(
                code: "cannotCreate", message: "only the service itself makes objects of this type",
                hint: "nothing can be done through Graph")
        case .createCustomOnly, .create:
            guard isBuiltIn(wanted) else { return nil }
            return crosses
                ? .silent
                : .conflict(
                    code: "builtIn", message: "a built-in object cannot be made", hint: "Microsoft supplies these")
        case .undelete, .undeleteOrCreate, .upsert, .activate, .request: return nil
        }
    }

    /// Types whose objects differ from day to day without anybody changing them: nothing to restore, nothing to say.
    static let changesByItself: Set<String> = [
        "bitlockerRecoveryKey", "deviceLocalCredentialInfo", "directoryAudit", "subscribedSku",
        "unifiedRoleManagementPolicyAssignment",
    ]

    func isBuiltIn(_ document: ObjectDocument) -> Bool {
        document.attributes["isBuiltIn"]?.bool == true || document.attributes["policyType"]?.string == "builtIn"
            || (document.type == "permissionGrantPolicy" && document.id.hasPrefix("microsoft-"))
    }

    private func userBlock(_ wanted: ObjectDocument, isBinned: Bool) -> Block? {
        if let name = wanted.attributes["userPrincipalName"]?.string {
            if let block = nameBlock(name, of: wanted.id) { return block }
        }
        if isBinned { return nil }
        if isSynced(wanted), !crosses { return .conflict(syncedBlock) }
        if isGuest(wanted) {
            return .todo(code: "inviteGuest", message: "invite the guest again: an invitation has to be accepted anew")
        }
        return nil
    }

    /// Whether somebody else has that name, or it cannot be given.
    func nameBlock(_ name: String, of id: String) -> Block? {
        if let other = facts.userPrincipalNames[name.lowercased()], other.lowercased() != facts.map[id.idKey] {
            return .conflict(
                code: "userPrincipalNameTaken", message: "its userPrincipalName belongs to \(other) now",
                hint: "rename or delete that user, then plan again")
        }
        let domain = name.lastIndex(of: "@").map { name[name.index(after: $0)...].lowercased() }
        if let domain, !facts.verifiedDomains.isEmpty, !facts.verifiedDomains.contains(domain) {
            return .conflict(
                code: "domainNotVerified",
                message: "the domain of its userPrincipalName is not verified in this tenant",
                hint: "verify the domain first, or map it with --map-domain when restoring into another tenant")
        }
        return nil
    }

    func isGuest(_ user: ObjectDocument) -> Bool {
        user.attributes["creationType"]?.string == "Invitation"
            || user.attributes["userPrincipalName"]?.string?.contains("#EXT#") == true
    }

    /// Of the organization the attribute says that others are synchronised; it is itself an object of the cloud.
    func isSynced(_ document: ObjectDocument) -> Bool {
        document.type != "organization" && document.attributes["onPremisesSyncEnabled"]?.bool == true
    }

    var syncedBlock: (String, String, String) {
        (
            "syncedFromOnPremises", "it is synchronised from on premises, where its attributes have to be changed",
            "restore it in Active Directory; the next synchronisation brings it"
        )
    }

    private func groupBlock(_ wanted: ObjectDocument, isBinned: Bool) -> Block? {
        if isRoleAssignable(wanted), let block = roleAssignableBlock { return block }
        if isBinned { return nil }
        if isSynced(wanted), !crosses { return .conflict(syncedBlock) }
        return isExchangeGroup(wanted) ? .conflict(exchangeBlock) : nil
    }

    func isRoleAssignable(_ group: ObjectDocument) -> Bool { group.attributes["isAssignableToRole"]?.bool == true }

    /// <https://learn.microsoft.com/graph/api/group-post-groups>
    var roleAssignableBlock: Block? {
        guard let granted = facts.writePermissions, !granted.contains("RoleManagement.ReadWrite.Directory") else {
            return nil
        }
        return .conflict(
            code: "roleAssignable",
            message: "a role-assignable group: writing it needs RoleManagement.ReadWrite.Directory",
            hint: "grant RoleManagement.ReadWrite.Directory to the write credential, then plan again")
    }

    /// Distribution lists and mail-enabled security groups belong to Exchange.
    func isExchangeGroup(_ group: ObjectDocument) -> Bool {
        group.attributes["mailEnabled"]?.bool == true
            && !(group.attributes["groupTypes"]?.strings ?? []).contains("Unified")
    }

    var exchangeBlock: (String, String, String) {
        (
            "mailEnabledGroup", "a distribution list or mail-enabled security group: Graph cannot write these",
            "make or change it in Exchange"
        )
    }

    private func principalBlock(_ wanted: ObjectDocument, _ draft: RestoreDraft) -> Block? {
        if let block = fixedPrincipal(wanted) { return .conflict(block) }
        guard let appID = wanted.attributes["appId"]?.string?.lowercased() else { return nil }
        guard draft.blockedApplications.contains(appID) || isOrphan(wanted, appID, draft) else { return nil }
        return .conflict(
            code: "referenceMissing", message: "its application \(appID) does not exist and is not restored",
            hint: "take the application into the restore, from a snapshot that has it")
    }

    /// Whether it belongs to an application of this very tenant that is not there and does not come back: Graph makes
    /// no service principal of such a one. Applications of others are theirs.
    private func isOrphan(_ wanted: ObjectDocument, _ appID: String, _ draft: RestoreDraft) -> Bool {
        guard let known = facts.ownApplicationIDs, let source,
            wanted.attributes["appOwnerOrganizationId"]?.string?.lowercased() == source
        else { return false }
        return !known.contains(facts.map[appID]) && !draft.comingApplications.contains(appID)
    }

    /// Service principals whose own properties cannot be written.
    func fixedPrincipal(_ document: ObjectDocument) -> (String, String, String)? {
        if document.attributes["servicePrincipalType"]?.string == "ManagedIdentity" {
            return (
                "managedIdentity", "a managed identity: only the Azure resource that has it makes and changes it",
                "restore the Azure resource; its role assignments are restored here"
            )
        }
        if document.attributes["appOwnerOrganizationId"]?.string == Self.microsoft {
            return (
                "firstPartyApplication", "an application of Microsoft: only its assignments are restored",
                "the service makes it when it is used"
            )
        }
        return nil
    }

    /// Schedules that are not made by themselves: activations, memberships of groups, and those that only mirror a role
    /// assignment without an end.
    private func scheduleBlock(_ wanted: ObjectDocument) -> Block? {
        let attributes = wanted.attributes
        if attributes["assignmentType"]?.string == "Activated" { return .silent }
        if let member = attributes["memberType"]?.string, member != "Direct" { return .silent }
        let expiry = attributes["scheduleInfo"]?["expiration"]?["type"]?.string
        let isMirror = wanted.type == "unifiedRoleAssignmentSchedule" && (expiry == nil || expiry == "noExpiration")
        return isMirror ? .silent : nil
    }

    /// Who has which role where.
    static func assignment(_ document: ObjectDocument) -> String {
        let attributes = document.attributes
        return assignment(
            principal: attributes["principalId"]?.string ?? "", role: attributes["roleDefinitionId"]?.string ?? "",
            scope: attributes["directoryScopeId"]?.string ?? "")
    }

    static func assignment(principal: String, role: String, scope: String) -> String {
        [principal, role, scope].map(\.idKey).joined(separator: " ")
    }

    /// The assignment that a schedule stands for, when it does not last.
    func passing(_ document: ObjectDocument?) -> String? {
        guard let document, document.type == "unifiedRoleAssignmentSchedule" else { return nil }
        let expiry = document.attributes["scheduleInfo"]?["expiration"]?["type"]?.string
        let isActivated = document.attributes["assignmentType"]?.string == "Activated"
        return isActivated || (expiry != nil && expiry != "noExpiration") ? Self.assignment(document) : nil
    }

    // MARK: Permissions

    func permissionBlock(_ type: ObjectType) -> Block? {
        if type.restore.permission == nil, let delegated = type.restore.delegatedPermission {
            return .type(
                code: "delegatedOnly", about: "", message: "only a signed-in person may write this type (\(delegated))",
                hint: "change it by hand in the portal")
        }
        return (([type.restore.permission].compactMap(\.self)) + type.restore.alsoPermissions)
            .lazy.compactMap(permissionBlock).first
    }

    func permissionBlock(_ permission: String) -> Block? {
        guard let granted = facts.writePermissions, !Catalogue.isGranted(permission, by: granted) else { return nil }
        let wider = Self.widerPermissions[permission] ?? []
        guard !wider.contains(where: granted.contains) else { return nil }
        return .type(
            code: "permissionMissing", about: permission, message: "the write credential lacks \(permission)",
            hint: "grant \(permission) and give admin consent, then plan again")
    }

    /// <https://learn.microsoft.com/graph/permissions-reference>
    private static let widerPermissions: [String: [String]] = [
        "GroupMember.ReadWrite.All": ["Group.ReadWrite.All", "Directory.ReadWrite.All"],
        "GroupSettings.ReadWrite.All": ["Directory.ReadWrite.All"],
        "LicenseAssignment.ReadWrite.All": ["User.ReadWrite.All", "Directory.ReadWrite.All"],
        "User.ReadWrite.All": ["Directory.ReadWrite.All"],
        "Group.ReadWrite.All": ["Directory.ReadWrite.All"],
        "AuthenticationContext.ReadWrite.All": ["Policy.ReadWrite.ConditionalAccess"],
    ]
}

extension RestorePlanner.Block {
    static func conflict(_ parts: (String, String, String)) -> Self {
        .conflict(code: parts.0, message: parts.1, hint: parts.2)
    }
}
