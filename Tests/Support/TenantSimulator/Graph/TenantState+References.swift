import NIOCore

/// Writes behind `/{collection}/{id}/{segment}`.
extension TenantState {
    mutating func writeNavigation(
        _ spec: TypeSpec, _ id: String, _ navigation: Navigation, _ rest: [String], _ request: GraphRequest,
        _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        let ref = try find(spec, id)
        switch navigation.kind {
        case .links(let link), .link(let link):
            try requireLinkWrite(link, spec, ref, caller)
            return try writeLink(link, navigation, ref, rest, request, caller)
        case .entities(let link) where link == .appRoleAssignedTo || link == .appRoleAssignments:
            try require(["AppRoleAssignment.ReadWrite.All"], caller)
            return try writeAssignment(rest, request, caller)
        case .children:
            if spec.type == .unifiedRoleManagementPolicy { throw .denied }
            try requireChildWrite(navigation, spec, caller)
            return try writeChild(navigation, spec, ref, rest, request, caller)
        case .child:
            try requireWrite(spec, caller)
            guard request.method != "DELETE" else {
                world.setChildren(ref, navigation.segment, [])
                return .noContent
            }
            let old = world.children(ref, navigation.segment).first.flatMap { try? SimulatedJSON.parse($0.json) }
            var value = Self.merge(try body(request), into: old ?? .object([]))
            if navigation.segment == "identitySynchronization" { value["tenantId"] = .string(world.id(ref)) }
            world.setChildren(ref, navigation.segment, [World.Child(id: value["id"]?.text, json: value.encoded)])
            return .noContent
        default:
            throw GraphFailure(
                status: 405, code: "Request_BadRequest",
                message: "Specified HTTP method is not allowed for the request target.")
        }
    }

    static func merge(_ new: SimulatedJSON, into old: SimulatedJSON) -> SimulatedJSON {
        var result = old
        for (name, value) in new.members ?? [] where !name.contains("@") || name == "@odata.type" {
            result[name] = value
        }
        return result
    }

    private func requireLinkWrite(
        _ link: LinkName, _ spec: TypeSpec, _ ref: World.Ref, _ caller: Caller
    ) throws(GraphFailure) {
        switch (spec.type, link) {
        case (.device, _), (.orgContact, _): throw .denied
        case (.group, .members):
            try require(["GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"], caller)
        case (.directoryRole, _): try require(["RoleManagement.ReadWrite.Directory"], caller)
        default: try requireWrite(spec, caller)
        }
        if spec.type == .group, world.value(ref, "isAssignableToRole")?.boolean ?? false {
            try require(["RoleManagement.ReadWrite.Directory"], caller)
        }
    }

    /// Rules of a single new link.
    func checkLink(_ link: LinkName, _ ref: World.Ref, _ target: World.Ref, _ caller: Caller) throws(GraphFailure) {
        let name = link.deltaName ?? "references"
        if link == .members, world.isDynamic(ref) {
            throw GraphFailure(
                status: 403, code: "Authorization_RequestDenied",
                message: "Insufficient privileges to complete the operation: membership is dynamic.")
        }
        if link == .members, world.type(ref) == .group, world.type(target) != .user,
            world.value(ref, "groupTypes")?.items?.contains(.string("Unified")) ?? false
        {
            throw .badRequest("Only users can be members of a Microsoft 365 group.")
        }
        guard !world.links[Int(link.rawValue)].has(ref, target) else {
            throw .badRequest(
                "One or more added object references already exist for the following modified properties: '\(name)'.")
        }
        if link == .owners, world.targets(link, ref).count >= 100 {
            throw GraphFailure(
                status: 403, code: "Directory_QuotaExceeded", message: "The limit of 100 owners is reached.")
        }
    }

    private mutating func writeLink(
        _ link: LinkName, _ navigation: Navigation, _ ref: World.Ref, _ rest: [String], _ request: GraphRequest,
        _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        guard rest.last == "$ref" else { throw .badRequest("References are written at $ref.") }
        if request.method == "DELETE" {
            let targets = world.targets(link, ref)
            let wanted = rest.count > 1 ? rest[0] : request.query["id"].flatMap { GraphRequest.segments($0).last }
            guard let target = wanted == nil ? targets.first : targets.first(where: { world.id($0) == wanted }) else {
                throw .notFound(wanted ?? navigation.segment)
            }
            if link == .members, world.isDynamic(ref) { throw .denied }
            if world.type(ref) == .directoryRole, let assignment = assignment(of: ref, to: target) {
                world.removeRoleAssignment(assignment)
            }
            world.unlink(link, ref, target)
            audit("Remove \(navigation.segment)", ref, caller)
            return .noContent
        }
        let target = try referenced(try body(request)["@odata.id"]?.text ?? "")
        if case .link = navigation.kind {
            guard request.method == "PUT" else { throw .badRequest("A single reference is written by PUT.") }
            for old in world.targets(link, ref) where old != target { world.unlink(link, ref, old) }
            world.link(link, ref, target)
        } else {
            try checkLink(link, ref, target, caller)
            if world.type(ref) == .directoryRole, let role = world.text(ref, "roleTemplateId") {
                world.assignRole(role, target, scope: "/", id: "\(random.base64ID(bytes: 36))-1")
            }
            world.link(link, ref, target)
        }
        audit("Add \(navigation.segment)", ref, caller)
        return .noContent
    }

    /// The assignment for the whole directory that makes an object a member of an activated role.
    private func assignment(of role: World.Ref, to member: World.Ref) -> World.Ref? {
        let (template, principal) = (world.text(role, "roleTemplateId"), world.id(member))
        return world.presentRefs(.unifiedRoleAssignment).first {
            world.text($0, "roleDefinitionId") == template && world.text($0, "principalId") == principal
                && world.text($0, "directoryScopeId") == "/"
        }
    }

    private mutating func writeAssignment(
        _ rest: [String], _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        if request.method == "DELETE" {
            guard let id = rest.first, let ref = world.ref(.appRoleAssignment, id), world.isPresent(ref) else {
                throw .notFound(rest.first ?? "")
            }
            world.purge(ref)
            return .noContent
        }
        let body = try body(request)
        let role = body["appRoleId"]?.text ?? ""
        guard let principal = body["principalId"]?.text.flatMap(world.directoryObject), world.isPresent(principal),
            let resource = body["resourceId"]?.text.flatMap({ world.ref(.servicePrincipal, $0) }),
            world.isPresent(resource)
        else { throw .notFound(body["principalId"]?.text ?? "") }
        let isDefault = role == "00000000-0000-0000-0000-000000000000"
        guard
            isDefault || world.value(resource, "appRoles")?.items?.contains(where: { $0["id"]?.text == role }) ?? false
        else {
            throw .badRequest("Permission being assigned was not found on application.")
        }
        guard !world.isAssigned(role, principal, resource) else {
            throw .badRequest("Permission being assigned already exists on the object", code: "InvalidUpdate")
        }
        let object = world.appRoleAssignment(
            id: random.base64ID(bytes: 32), principal: principal, resource: resource, role: role,
            time: Timestamp.text(world.now, fraction: random.below(10_000_000)))
        let ref = world.insertAssignment(object, principal: principal, resource: resource)
        audit("Add app role assignment", principal, caller)
        var answer = try entity(ref, request, caller)
        answer.status = 201
        return answer
    }

    private func requireChildWrite(_ navigation: Navigation, _ spec: TypeSpec, _ caller: Caller) throws(GraphFailure) {
        switch (spec.type, navigation.segment) {
        case (.administrativeUnit, "scopedRoleMembers"): try require(["RoleManagement.ReadWrite.Directory"], caller)
        case (.group, "settings"): try require(["GroupSettings.ReadWrite.All", "Group.ReadWrite.All"], caller)
        case (.organization, _):
            try require(["OrganizationalBranding.ReadWrite.All", "Organization.ReadWrite.All"], caller)
        default: try requireWrite(spec, caller)
        }
    }

    private mutating func writeChild(
        _ navigation: Navigation, _ spec: TypeSpec, _ ref: World.Ref, _ rest: [String], _ request: GraphRequest,
        _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        var list = world.children(ref, navigation.segment)
        guard let id = rest.first else {
            guard request.method == "POST" else { throw .badRequest("The id is missing.") }
            return try addChild(navigation, spec, ref, list, try body(request))
        }
        guard let position = list.firstIndex(where: { $0.id == id }) else {
            guard request.method == "PATCH", navigation.segment == "federatedIdentityCredentials" else {
                throw .notFound(id)
            }
            return try addChild(navigation, spec, ref, list, try body(request))
        }
        if request.method == "DELETE" {
            if navigation.segment == "allowedValues" { throw .badRequest("Allowed values cannot be deleted.") }
            list.remove(at: position)
            world.setChildren(ref, navigation.segment, list)
            return .noContent
        }
        let change = try body(request)
        let value = Self.merge(change, into: (try? SimulatedJSON.parse(list[position].json)) ?? .object([]))
        if navigation.segment == "federatedIdentityCredentials", change["name"] != nil {
            throw .badRequest("Property 'name' is read-only and cannot be set.")
        }
        list[position].json = value.encoded
        world.setChildren(ref, navigation.segment, list)
        return .noContent
    }

    private mutating func addChild(
        _ navigation: Navigation, _ spec: TypeSpec, _ ref: World.Ref, _ list: [World.Child], _ value: SimulatedJSON
    ) throws(GraphFailure) -> GraphResponse {
        var value = value
        switch navigation.segment {
        case "federatedIdentityCredentials":
            guard list.count < 20 else {
                throw .badRequest("The limit of 20 federated identity credentials is reached.")
            }
            let isTaken = list.contains { (try? SimulatedJSON.parse($0.json))?["name"] == value["name"] }
            guard !isTaken else {
                throw GraphFailure(
                    status: 409, code: "Request_MultipleObjectsWithSameKeyValue",
                    message: "FederatedIdentityCredential with this name already exists.")
            }
            for name in ["name", "issuer", "subject", "audiences"] where value[name] == nil {
                throw .badRequest(
                    "A value is required for property '\(name)' of resource 'FederatedIdentityCredential'.")
            }
        case "extensionProperties":
            guard let name = value["name"]?.text, let appID = world.text(ref, "appId") else {
                throw .badRequest("A value is required for property 'name' of resource 'ExtensionProperty'.")
            }
            value["name"] = .string("extension_\(appID.filter { $0 != "-" })_\(name)")
            // What the service answers with beside what it was given; see
            // <https://learn.microsoft.com/graph/api/application-post-extensionproperty>.
            let given: [(String, SimulatedJSON)] = [
                ("deletedDateTime", .null), ("appDisplayName", .string("")), ("isMultiValued", .bool(false)),
                ("isSyncedFromOnPremises", .bool(false)),
            ]
            for (name, usual) in given where value[name] == nil { value[name] = usual }
        case "settings" where spec.type == .group:
            value["displayName"] = .string(Self.settingName(value["templateId"]?.text))
        case "scopedRoleMembers":
            guard let role = value["roleId"]?.text, world.ref(.directoryRole, role) != nil,
                let member = value["roleMemberInfo"]?["id"]?.text, let target = world.directoryObject(member)
            else { throw .notFound(value["roleId"]?.text ?? "") }
            value["administrativeUnitId"] = .string(world.id(ref))
            value["roleMemberInfo"] = .object([
                ("id", .string(member)), ("displayName", world.value(target, "displayName") ?? .null),
            ])
        case "assignments" where spec.throttle == .intune:
            throw GraphFailure(status: 405, code: "BadRequest", message: "Assignments are written by assign.")
        default: break
        }
        let child = newChild(value, navigation.segment, list.count)
        guard !list.contains(where: { $0.id == child.id }) else {
            throw GraphFailure(status: 409, code: "Request_ResourceExists", message: "The object exists.")
        }
        world.setChildren(ref, navigation.segment, list + [child])
        return GraphResponse(status: 201, body: ByteBuffer(bytes: child.json))
    }
}
