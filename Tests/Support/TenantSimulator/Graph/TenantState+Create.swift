import NIOCore

extension TenantState {
    /// Creates an object in a collection.
    mutating func create(
        _ spec: TypeSpec, _ body: SimulatedJSON, _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        switch spec.type {
        case .device: throw .denied
        case .organization, .subscribedSku, .directoryAudit, .orgContact, .bitlockerRecoveryKey,
            .deviceLocalCredentialInfo,
            .unifiedRoleManagementPolicy, .unifiedRoleManagementPolicyAssignment, .unifiedRoleEligibilitySchedule,
            .unifiedRoleAssignmentSchedule:
            throw GraphFailure(
                status: 405, code: "Request_BadRequest",
                message: "Specified HTTP method is not allowed for the request target.")
        case .directoryRole: return try activate(body, request, caller)
        case .unifiedRoleAssignment: return try createRoleAssignment(body, request, caller)
        default: break
        }
        try WriteRules.checkRequired(spec, body)
        try checkCreate(spec, body)
        var attributes = try WriteRules.attributes(spec, body, isCreate: true)
        let bound = try boundLinks(spec, body)
        let id = newID(spec.type, body)
        guard world.ref(spec.type, id).map({ world.objects[Int($0)].state == .gone }) ?? true else {
            throw GraphFailure(
                status: 409, code: "Request_ResourceExists",
                message:
                    """
                    A conflicting object with one or more of the specified property values is \
                    present in the directory.
                    """
            )
        }
        try takeFromQuota()
        complete(spec.type, id, &attributes, body)
        attributes = attributes.map { ($0.0, world.completed(spec.type, $0.0, $0.1)) }
        let ref = world.create(TenantGenerator.object(spec.type, attributes, in: &world.shapes))
        for (link, target) in bound { world.link(link, ref, target) }
        createChildren(spec, ref, body)
        connect(spec.type, ref)
        misses[ref] = settings.replicationMisses
        audit("Add \(spec.type.rawValue)", ref, caller)
        var answer = try entity(ref, request, caller)
        answer.status = 201
        return answer
    }

    /// <https://learn.microsoft.com/entra/identity/users/directory-service-limits-restrictions>
    private mutating func takeFromQuota() throws(GraphFailure) {
        guard let left = settings.objectsLeft else { return }
        guard left > 0 else {
            throw GraphFailure(
                status: 403, code: "Directory_QuotaExceeded",
                message: "The directory object quota limit for the Tenant has been exceeded.")
        }
        settings.objectsLeft = left - 1
    }

    private func checkCreate(_ spec: TypeSpec, _ body: SimulatedJSON) throws(GraphFailure) {
        switch spec.type {
        case .user: try WriteRules.checkUser(body, nil, world)
        case .group: try WriteRules.checkNewGroup(body, world)
        case .application: try WriteRules.checkApplication(body, nil, world)
        case .servicePrincipal: try checkServicePrincipal(body)
        case .conditionalAccessPolicy:
            try WriteRules.checkAccessPolicy(body, limit: settings.accessPolicyLimit, world)
        case .deviceCompliancePolicy, .compliancePolicy, .configurationPolicy:
            try WriteRules.checkDevicePolicy(spec, body, isCreate: true)
        case .oauth2PermissionGrant:
            for name in ["clientId", "resourceId"] {
                guard let id = body[name]?.text, let ref = world.ref(.servicePrincipal, id), world.isPresent(ref) else {
                    throw .badRequest(
                        "Invalid value specified for property '\(name)' of resource 'OAuth2PermissionGrant'.")
                }
            }
            if body["consentType"]?.text == "Principal", body["principalId"]?.text == nil {
                throw .badRequest("A value is required for property 'principalId' of resource 'OAuth2PermissionGrant'.")
            }
        case .customSecurityAttributeDefinition:
            guard let set = body["attributeSet"]?.text, world.ref(.attributeSet, set) != nil else {
                throw .badRequest("The attribute set does not exist.")
            }
        case .unifiedRoleDefinition:
            guard
                world.presentRefs(.unifiedRoleDefinition).filter({ world.value($0, "isBuiltIn")?.boolean == false })
                    .count < 100
            else {
                throw .badRequest("The limit of custom roles is reached.")
            }
        default: break
        }
    }

    private func checkServicePrincipal(_ body: SimulatedJSON) throws(GraphFailure) {
        let appID = body["appId"]?.text ?? ""
        guard world.presentRefs(.application).contains(where: { world.text($0, "appId") == appID }) else {
            throw GraphFailure(
                status: 403, code: "Authorization_RequestDenied",
                message:
                    """
                    When using this permission, the backing application of the service \
                    principal being created must in the local tenant
                    """
            )
        }
        guard !world.presentRefs(.servicePrincipal).contains(where: { world.text($0, "appId") == appID }) else {
            throw GraphFailure(
                status: 409, code: "Request_MultipleObjectsWithSameKeyValue",
                message:
                    """
                    The service principal cannot be created, updated, or restored because the \
                    service principal name \(appID) is already in use.
                    """
            )
        }
    }

    /// `members@odata.bind` and its like, at most 20 together.
    private func boundLinks(_ spec: TypeSpec, _ body: SimulatedJSON) throws(GraphFailure) -> [(LinkName, World.Ref)] {
        var list: [(LinkName, World.Ref)] = []
        for (name, value) in body.members ?? [] where name.hasSuffix("@odata.bind") {
            let segment = String(name.dropLast("@odata.bind".count))
            guard let link = Navigation.find(segment, of: spec.type)?.linkName else { continue }
            for url in value.items ?? [value] {
                list.append((link, try referenced(url.text ?? "")))
            }
        }
        guard list.count <= 20 else { throw .badRequest("At most 20 relationships can be bound in a request.") }
        return list
    }

    /// The present object that an `@odata.id` names.
    func referenced(_ url: String) throws(GraphFailure) -> World.Ref {
        let path = GraphRequest.segments(url.split(separator: "?").first ?? "")
        guard let id = path.last, let ref = world.directoryObject(id) ?? policy(id), world.isPresent(ref) else {
            throw .notFound(path.last ?? "")
        }
        return ref
    }

    private func policy(_ id: String) -> World.Ref? {
        for type in [
            SimulatedType.claimsMappingPolicy, .homeRealmDiscoveryPolicy, .tokenIssuancePolicy, .tokenLifetimePolicy,
        ] {
            if let ref = world.ref(type, id) { return ref }
        }
        return nil
    }

    private mutating func newID(_ type: SimulatedType, _ body: SimulatedJSON) -> String {
        switch type {
        case .attributeSet, .authenticationContextClassReference, .permissionGrantPolicy, .domain:
            body["id"]?.text ?? random.guid()
        case .customSecurityAttributeDefinition: "\(body["attributeSet"]?.text ?? "")_\(body["name"]?.text ?? "")"
        case .crossTenantAccessPolicyPartner: body["tenantId"]?.text ?? random.guid()
        case .unifiedRoleDefinition: body["templateId"]?.text ?? random.guid()
        case .oauth2PermissionGrant: random.base64ID(bytes: 33)
        case .roleScopeTag: String(random.range(1_000...1 << 30))
        default: random.guid()
        }
    }

    /// What the service adds to a new object.
    private mutating func complete(
        _ type: SimulatedType, _ id: String, _ list: inout [(String, SimulatedJSON)], _ body: SimulatedJSON
    ) {
        func set(_ name: String, _ value: SimulatedJSON) {
            list.removeAll { $0.0 == name }
            list.append((name, value))
        }
        let time = SimulatedJSON.string(Timestamp.text(world.now, fraction: random.below(10_000_000)))
        let key = type == .crossTenantAccessPolicyPartner ? "tenantId" : "id"
        list.removeAll { $0.0 == key || $0.0 == "passwordProfile" }
        list.insert((key, .string(id)), at: 0)
        let names = Set(list.map(\.0))
        if let pattern = world.refs(type).first(where: { world.isPresent($0) }) {
            for name in world.attributeNames(pattern) where !names.contains(name) && type.spec.properties.contains(name)
            {
                if world.json(pattern, name)?.first == UInt8(ascii: "[") { set(name, .array([])) }
            }
        }
        for name in ["createdDateTime", "lastModifiedDateTime"] where type.spec.properties.contains(name) {
            set(name, time)
        }
        switch type {
        case .user:
            if !names.contains("userType") { set("userType", .string("Member")) }
            let mail = body["mail"]?.text
            set("proxyAddresses", .array(mail.map { [.string("SMTP:\($0)")] } ?? []))
            let others = body["identities"]?.items?.filter { $0["signInType"]?.text != "userPrincipalName" } ?? []
            let own: SimulatedJSON = .object([
                ("signInType", .string("userPrincipalName")), ("issuer", .string(domain("isInitial"))),
                ("issuerAssignedId", body["userPrincipalName"] ?? .null),
            ])
            set("identities", .array(others + [own]))
        case .group:
            let isUnified = body["groupTypes"]?.items?.contains(.string("Unified")) ?? false
            if isUnified { set("mail", .string("\(body["mailNickname"]?.text ?? "")@\(defaultDomain)")) }
            if body["isAssignableToRole"]?.boolean ?? false { set("visibility", .string("Private")) }
            for name in ["assignedLabels", "assignedLicenses", "infoCatalogs"] where !names.contains(name) {
                set(name, .array([]))
            }
        case .application:
            set("appId", .string(random.guid()))
            set("publisherDomain", .string(defaultDomain))
            if !names.contains("signInAudience") { set("signInAudience", .string("AzureADMyOrg")) }
        case .servicePrincipal: for (name, value) in copied(body) { set(name, value) }
        case .unifiedRoleDefinition:
            set("isBuiltIn", .bool(false))
            set("templateId", .string(id))
        case .groupSetting:
            set("displayName", .string(Self.settingName(body["templateId"]?.text)))
        case .crossTenantAccessPolicyPartner:
            if !names.contains("isInMultiTenantOrganization") { set("isInMultiTenantOrganization", .bool(false)) }
        case .authenticationStrengthPolicy: set("policyType", .string("custom"))
        case .configurationPolicy, .compliancePolicy:
            set("settingCount", .number(String(body["settings"]?.items?.count ?? 0)))
            set("isAssigned", .bool(false))
        case .deviceConfiguration, .deviceCompliancePolicy: set("version", .number("1"))
        default: break
        }
    }

    private var defaultDomain: String { domain("isDefault") }

    private func domain(_ flag: String) -> String {
        world.presentRefs(.domain).first { world.value($0, flag)?.boolean ?? false }.map { world.id($0) } ?? ""
    }

    /// What a service principal takes over from its application.
    private func copied(_ body: SimulatedJSON) -> [(String, SimulatedJSON)] {
        let appID = body["appId"]?.text ?? ""
        guard let application = world.presentRefs(.application).first(where: { world.text($0, "appId") == appID })
        else { return [] }
        let name = world.value(application, "displayName") ?? .null
        var list: [(String, SimulatedJSON)] = [
            ("appDisplayName", name), ("appOwnerOrganizationId", .string(world.tenantID)),
            ("oauth2PermissionScopes", world.value(application, "api")?["oauth2PermissionScopes"] ?? .array([])),
            ("servicePrincipalNames", .array([.string(appID)])), ("servicePrincipalType", .string("Application")),
            ("signInAudience", world.value(application, "signInAudience") ?? .null),
        ]
        for (property, value) in [
            ("displayName", name), ("accountEnabled", .bool(true)), ("appRoleAssignmentRequired", .bool(false)),
            ("appRoles", world.value(application, "appRoles") ?? .array([])),
        ] where body[property] == nil { list.append((property, value)) }
        return list
    }

    /// Owned sub-objects that came in the body of the creation.
    private mutating func createChildren(_ spec: TypeSpec, _ ref: World.Ref, _ body: SimulatedJSON) {
        for navigation in Navigation.all(of: spec.type) {
            guard case .children = navigation.kind, let items = body[navigation.segment]?.items,
                navigation.segment != "assignments"
            else { continue }
            var number = -1
            let children = items.map { item in
                number += 1
                return newChild(item, navigation.segment, number)
            }
            world.setChildren(ref, navigation.segment, children)
        }
    }

    /// A sub-object with an id of the service's making.
    /// The name that settings have from their template.
    static func settingName(_ template: String?) -> String {
        template == "08d542b9-071f-4e16-94b0-74abb372e3d9" ? "Group.Unified.Guest" : "Group.Unified"
    }

    mutating func newChild(_ value: SimulatedJSON, _ segment: String, _ number: Int) -> World.Child {
        var members = value.members?.filter { !$0.0.contains("@") || $0.0 == "@odata.type" } ?? []
        let named = ["allowedValues", "authenticationMethodConfigurations", "localizations", "branding/localizations"]
        var id = members.first { $0.0 == "id" }?.1.text ?? ""
        if !named.contains(segment) || id.isEmpty {
            switch segment {
            case "settings": id = String(number)
            case "scopedRoleMembers": id = random.base64ID(bytes: 30)
            default: id = random.guid()
            }
        }
        members.removeAll { $0.0 == "id" }
        members.insert(("id", .string(id)), at: 0)
        if let position = members.firstIndex(where: { $0.0 == "scheduledActionConfigurations" }) {
            let actions = members[position].1.items ?? []
            members[position].1 = .array(
                actions.map { action in
                    var action = action
                    action["id"] = .string(random.guid())
                    return action
                })
        }
        return World.Child(id: id, json: SimulatedJSON.object(members).encoded)
    }

    private mutating func connect(_ type: SimulatedType, _ ref: World.Ref) {
        guard type == .oauth2PermissionGrant else { return }
        if let client = world.text(ref, "clientId").flatMap({ world.ref(.servicePrincipal, $0) }) {
            world.link(.oauth2PermissionGrants, client, ref)
        }
        if let user = world.text(ref, "principalId").flatMap({ world.ref(.user, $0) }) {
            world.link(.userGrants, user, ref)
        }
    }

    private mutating func activate(
        _ body: SimulatedJSON, _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        let template = body["roleTemplateId"]?.text ?? ""
        guard let definition = world.ref(.unifiedRoleDefinition, template) else { throw .notFound(template) }
        guard world.activatedRole(template) == nil else {
            throw .badRequest(
                "A conflicting object with one or more of the specified property values is present in the directory.")
        }
        let ref = world.create(
            TenantGenerator.object(
                .directoryRole,
                [
                    ("id", .string(random.guid())), ("displayName", world.value(definition, "displayName") ?? .null),
                    ("description", world.value(definition, "description") ?? .null),
                    ("roleTemplateId", .string(template)),
                ], in: &world.shapes))
        var answer = try entity(ref, request, caller)
        answer.status = 201
        return answer
    }

    private mutating func createRoleAssignment(
        _ body: SimulatedJSON, _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        let role = body["roleDefinitionId"]?.text ?? ""
        let principal = body["principalId"]?.text ?? ""
        let scope = body["directoryScopeId"]?.text ?? "/"
        guard let definition = world.ref(.unifiedRoleDefinition, role), world.isPresent(definition) else {
            throw .notFound(role)
        }
        guard let target = world.directoryObject(principal), world.isPresent(target) else { throw .notFound(principal) }
        if world.type(target) == .group, world.value(target, "isAssignableToRole")?.boolean != true {
            throw .badRequest("The group must be role-assignable.", code: "Request_BadRequest")
        }
        let exists = world.presentRefs(.unifiedRoleAssignment).contains {
            world.text($0, "roleDefinitionId") == role && world.text($0, "principalId") == principal
                && world.text($0, "directoryScopeId") == scope
        }
        guard !exists else {
            throw .badRequest(
                "A conflicting object with one or more of the specified property values is present in the directory.")
        }
        let ref = world.assignRole(role, target, scope: scope, id: "\(random.base64ID(bytes: 36))-1")
        audit("Add member to role", target, caller)
        var answer = try entity(ref, request, caller)
        answer.status = 201
        return answer
    }
}
