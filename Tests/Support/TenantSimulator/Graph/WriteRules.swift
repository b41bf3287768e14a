/// What the service refuses in bodies of writes.
enum WriteRules {
    /// Properties that a write may carry although the metadata does not list them as such.
    private static let extras: [SimulatedType: Set<String>] = [
        .user: ["passwordProfile", "customSecurityAttributes"], .device: ["extensionAttributes"],
        .group: ["members", "owners"],
    ]
    /// Attributes of synced users that are written on-premises only.
    private static let mastered: Set<String> = [
        "displayName", "givenName", "surname", "jobTitle", "department", "mail", "mailNickname", "userPrincipalName",
        "city", "country", "postalCode", "state", "streetAddress", "companyName", "employeeId", "mobilePhone",
        "businessPhones", "officeLocation", "accountEnabled", "onPremisesExtensionAttributes", "faxNumber",
    ]
    private static let perObjectOfGroups = SimulatedType.group.spec.perObject

    /// Checks the names of a body; returns the attributes to store.
    static func attributes(
        _ spec: TypeSpec, _ body: SimulatedJSON, isCreate: Bool
    ) throws(GraphFailure) -> [(String, SimulatedJSON)] {
        var list: [(String, SimulatedJSON)] = []
        let children = Navigation.all(of: spec.type).map(\.segment)
        for (name, value) in body.members ?? [] {
            if name == "@odata.type", spec.flags.contains(.polymorphic) {
                list.append((name, value))
                continue
            }
            if name.contains("@") || children.contains(name) { continue }
            let isReadOnly = spec.readOnly.contains(name) || (!isCreate && spec.createOnly.contains(name))
            if isReadOnly, !value.isNull || !isCreate { throw readOnly(spec, name) }
            let isKnown =
                spec.properties.contains(name) || name.hasPrefix("extension_") || spec.flags.contains(.polymorphic)
                || extras[spec.type]?.contains(name) ?? false
            guard isKnown else {
                throw .badRequest(
                    """
                    Property '\(name)' does not exist on type \
                    'microsoft.graph.\(typeName(spec))'. Make sure to only use property names \
                    that are defined by the type.
                    """
                )
            }
            if isReadOnly { continue }
            list.append((name, value))
        }
        return list
    }

    private static func typeName(_ spec: TypeSpec) -> String { String(spec.odataType.split(separator: ".").last ?? "") }

    private static func readOnly(_ spec: TypeSpec, _ name: String) -> GraphFailure {
        if spec.throttle == .conditionalAccess {
            return .badRequest("1001: '\(name)' is a readonly field.", code: "BadRequest")
        }
        return .badRequest("Property '\(name)' is read-only and cannot be set.")
    }

    static func checkRequired(_ spec: TypeSpec, _ body: SimulatedJSON) throws(GraphFailure) {
        for name in spec.required where body[name] == nil || body[name]?.isNull ?? true {
            throw .badRequest("A value is required for property '\(name)' of resource '\(typeName(spec))'.")
        }
        if spec.flags.contains(.polymorphic), body["@odata.type"]?.text == nil {
            throw .badRequest("The type of the entity must be given in '@odata.type'.", code: "BadRequest")
        }
    }

    static func checkUnique(
        _ type: SimulatedType, _ property: String, _ value: String, except: World.Ref? = nil, _ world: World
    ) throws(GraphFailure) {
        // The texts are compared as they are stored: a large tenant has many objects to look through.
        let wanted = JSONText.quoted(value.lowercased())
        let taken = world.refs(type).contains { ref in
            guard ref != except, world.isPresent(ref), let stored = world.json(ref, property),
                stored.count == wanted.count
            else { return false }
            return zip(stored, wanted).allSatisfy { $0 == $1 || ((0x41...0x5A).contains($0) && $0 | 0x20 == $1) }
        }
        guard !taken else {
            throw .badRequest("Another object with the same value for property \(property) already exists.")
        }
    }

    /// Rules of a user's creation and change.
    static func checkUser(_ body: SimulatedJSON, _ ref: World.Ref?, _ world: World) throws(GraphFailure) {
        if let name = body["userPrincipalName"]?.text {
            let domain = name.split(separator: "@").last.map(String.init) ?? ""
            guard let found = world.ref(.domain, domain), world.value(found, "isVerified")?.boolean ?? false else {
                throw .badRequest(
                    """
                    The domain portion of the userPrincipalName property is invalid. You must \
                    use one of the verified domain names in your organization.
                    """
                )
            }
            try checkUnique(.user, "userPrincipalName", name, except: ref, world)
        }
        guard let ref else {
            guard body["passwordProfile"]?["password"]?.text?.count ?? 0 >= 8 else {
                throw .badRequest(
                    """
                    The specified password does not comply with password complexity \
                    requirements. Please provide a different password.
                    """
                )
            }
            return
        }
        if world.value(ref, "onPremisesSyncEnabled")?.boolean ?? false,
            body.members?.contains(where: { mastered.contains($0.0) }) ?? false
        {
            throw .badRequest(
                """
                Unable to update the specified properties for on-premises mastered Directory \
                Sync objects or objects currently undergoing migration.
                """
            )
        }
    }

    /// Rules of a group's creation.
    static func checkNewGroup(_ body: SimulatedJSON, _ world: World) throws(GraphFailure) {
        let kinds = body["groupTypes"]?.items?.compactMap(\.text) ?? []
        let isUnified = kinds.contains("Unified")
        if !isUnified, body["mailEnabled"]?.boolean ?? false {
            throw .badRequest("Cannot Create a mail-enabled security groups and or distribution list.")
        }
        if !isUnified, body["securityEnabled"]?.boolean == false {
            throw .badRequest(
                "The service does not support creation of a group that is neither mail-enabled nor security-enabled.")
        }
        if kinds.contains("DynamicMembership"), body["membershipRule"]?.text == nil {
            throw .badRequest("A value is required for property 'membershipRule' of resource 'Group'.")
        }
        if kinds.contains("DynamicMembership"), body["isAssignableToRole"]?.boolean ?? false {
            throw .badRequest("A role assignable group cannot have dynamic membership.")
        }
        let nickname = body["mailNickname"]?.text ?? ""
        guard nickname.count <= 64,
            nickname.unicodeScalars.allSatisfy({ $0.isASCII && !#"@()\[]";:<>, "#.unicodeScalars.contains($0) })
        else {
            throw .badRequest("Invalid value specified for property 'mailNickname' of resource 'Group'.")
        }
        if isUnified { try checkUnique(.group, "mailNickname", nickname, world) }
        for name in perObjectOfGroups where body[name] != nil {
            throw .badRequest("Property '\(name)' cannot be set when a group is created.")
        }
    }

    static func checkGroupChange(_ body: SimulatedJSON) throws(GraphFailure) {
        let names = body.members?.map(\.0).filter { !$0.contains("@") } ?? []
        let single = names.filter(perObjectOfGroups.contains)
        guard single.isEmpty || single.count == names.count else {
            throw .badRequest("'\(single[0])' must be changed in a request of its own.")
        }
    }

    /// Rules of an application's credentials, identifiers and permissions.
    static func checkApplication(_ body: SimulatedJSON, _ ref: World.Ref?, _ world: World) throws(GraphFailure) {
        if ref == nil, !(body["passwordCredentials"]?.items?.isEmpty ?? true) {
            throw .badRequest(
                "Credentials cannot be set when an application is created; use addPassword.",
                code: "CannotSetCredentials")
        }
        if let roles = body["appRoles"]?.items, roles.contains(where: { $0["origin"] != nil }) {
            throw .badRequest("Property 'origin' is read-only and cannot be set.")
        }
        for uri in body["identifierUris"]?.items?.compactMap(\.text) ?? [] {
            let taken = world.presentRefs(.application).contains { other in
                other != ref && world.value(other, "identifierUris")?.items?.contains(.string(uri)) ?? false
            }
            guard !taken else {
                throw .badRequest("Another object with the same value for property identifierUris already exists.")
            }
            let appID = ref.flatMap { world.text($0, "appId") }
            let isOwn = appID.map { uri == "api://\($0)" || uri.hasPrefix("api://\($0)/") } ?? false
            let host = uri.split(separator: "/").dropFirst().first.map(String.init) ?? ""
            let isVerified = world.presentRefs(.domain).contains {
                host == world.id($0) || host.hasSuffix("." + world.id($0))
            }
            guard isOwn || isVerified else {
                throw .badRequest(
                    """
                    Values of identifierUris property must use a verified domain of the \
                    organization or its subdomain: '\(uri)'
                    """,
                    code: "HostNameNotOnVerifiedDomain")
            }
        }
        guard let ref else { return }
        try checkRemoved(world.value(ref, "appRoles")?.items ?? [], body["appRoles"]?.items)
        try checkRemoved(
            world.value(ref, "api")?["oauth2PermissionScopes"]?.items ?? [],
            body["api"]?["oauth2PermissionScopes"]?.items)
    }

    private static func checkRemoved(_ old: [SimulatedJSON], _ new: [SimulatedJSON]?) throws(GraphFailure) {
        guard let new else { return }
        for item in old where item["isEnabled"]?.boolean ?? false {
            guard new.contains(where: { $0["id"] == item["id"] }) else {
                throw .badRequest(
                    "Property value cannot be deleted unless it is disabled first.",
                    code: "CannotDeleteOrUpdateEnabledEntitlement")
            }
        }
    }

    static func checkDelete(_ ref: World.Ref, _ world: World) throws(GraphFailure) {
        switch world.type(ref) {
        case .attributeSet, .customSecurityAttributeDefinition, .organization, .subscribedSku, .directoryRole,
            .directoryAudit,
            .unifiedRoleManagementPolicy, .unifiedRoleManagementPolicyAssignment, .bitlockerRecoveryKey,
            .deviceLocalCredentialInfo, .orgContact, .unifiedRoleAssignmentSchedule, .unifiedRoleEligibilitySchedule:
            throw GraphFailure(
                status: 405, code: "Request_BadRequest",
                message: "Specified HTTP method is not allowed for the request target.")
        case .unifiedRoleDefinition where world.value(ref, "isBuiltIn")?.boolean ?? false,
            .roleScopeTag where world.value(ref, "isBuiltIn")?.boolean ?? false:
            throw .badRequest("A built-in object cannot be deleted.")
        case .authenticationStrengthPolicy where world.text(ref, "policyType") == "builtIn":
            throw .badRequest("Built-in policies cannot be deleted.", code: "BadRequest")
        case .namedLocation where world.value(ref, "isTrusted")?.boolean ?? false:
            throw .badRequest(
                "1022: A trusted location must be set to not trusted before it is deleted.", code: "BadRequest")
        default: break
        }
    }
}

extension World {
    func isDistributionGroup(_ ref: Ref) -> Bool {
        let isUnified = value(ref, "groupTypes")?.items?.contains(.string("Unified")) ?? false
        return !isUnified && value(ref, "securityEnabled")?.boolean == false
    }

    func isDynamic(_ ref: Ref) -> Bool {
        value(ref, "groupTypes")?.items?.contains(.string("DynamicMembership")) ?? false
            || text(ref, "membershipType")?.lowercased() == "dynamic"
    }
}
