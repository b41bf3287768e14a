import NIOCore

extension TenantState {
    /// Changes an object.
    mutating func update(
        _ spec: TypeSpec, _ id: String, _ body: SimulatedJSON, _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        if spec.type == .authenticationContextClassReference, world.ref(spec.type, id).map(world.isPresent) != true {
            var full = body
            full["id"] = .string(id)
            return try create(spec, full, request, caller)
        }
        let ref = try find(spec, id)
        try checkUpdate(spec, ref, body, caller)
        if let bound = body["members@odata.bind"]?.items {
            try addMembers(ref, bound, caller)
        }
        let isReplacement = request.method == "PUT"
        let attributes = try WriteRules.attributes(
            spec, isReplacement ? Self.writable(spec, body) : body, isCreate: false)
        var values: [(String, [UInt8]?)] = []
        for (name, value) in attributes where name != "passwordProfile" && name != "@odata.type" {
            values.append((name, world.completed(spec.type, name, try merged(ref, name, value)).encoded))
        }
        if isReplacement { try replaceSettings(spec, ref, body) }
        if world.update(ref, values) { touch(spec, ref) }
        audit("Update \(spec.type.rawValue)", ref, caller)
        guard spec.throttle == .intune else { return .noContent }
        return try entity(ref, request, caller)
    }

    private static func writable(_ spec: TypeSpec, _ body: SimulatedJSON) -> SimulatedJSON {
        .object((body.members ?? []).filter { !spec.readOnly.contains($0.0) && !spec.createOnly.contains($0.0) })
    }

    /// Complex values are merged, security attributes by set; arrays are replaced.
    private func merged(_ ref: World.Ref, _ name: String, _ value: SimulatedJSON) throws(GraphFailure) -> SimulatedJSON
    {
        guard name == "customSecurityAttributes", let sets = value.members else { return value }
        var all = world.value(ref, name) ?? .null
        if all.isNull { all = .object([]) }
        for (set, attributes) in sets {
            var old = all[set] ?? .object([])
            for (attribute, new) in attributes.members ?? [] {
                if !attribute.contains("@") {
                    try checkAttribute(set, attribute, new, attributes)
                    let isCleared = new.isNull || new.items?.isEmpty ?? false
                    old[attribute] = isCleared ? nil : new
                    if isCleared { old["\(attribute)@odata.type"] = nil }
                } else if attribute == "@odata.type"
                    || attributes[String(attribute.prefix { $0 != "@" })]?.isNull == false
                {
                    old[attribute] = new
                }
            }
            let isEmpty = !(old.members ?? []).contains { !$0.0.contains("@") }
            all[set] = isEmpty ? nil : old
        }
        return all.members?.isEmpty ?? true ? .null : all
    }

    /// Integers and collections need their type beside them.
    private func checkAttribute(
        _ set: String, _ name: String, _ value: SimulatedJSON, _ attributes: SimulatedJSON
    ) throws(GraphFailure) {
        guard let definition = world.ref(.customSecurityAttributeDefinition, "\(set)_\(name)") else {
            throw .badRequest("The custom security attribute '\(set)_\(name)' does not exist.")
        }
        let needsType =
            world.text(definition, "type") == "Integer" || world.value(definition, "isCollection")?.boolean ?? false
        guard value.isNull || !needsType || attributes["\(name)@odata.type"]?.text != nil else {
            throw .badRequest("The value of '\(name)' needs its type in '\(name)@odata.type'.")
        }
    }

    private func checkUpdate(
        _ spec: TypeSpec, _ ref: World.Ref, _ body: SimulatedJSON, _ caller: Caller
    ) throws(GraphFailure) {
        if body["customSecurityAttributes"] != nil {
            try require(["CustomSecAttributeAssignment.ReadWrite.All"], caller)
        }
        switch spec.type {
        case .user: try WriteRules.checkUser(body, ref, world)
        case .group: try WriteRules.checkGroupChange(body)
        case .application: try WriteRules.checkApplication(body, ref, world)
        case .conditionalAccessPolicy: try WriteRules.checkAccessPolicy(body, limit: nil, world)
        case .deviceCompliancePolicy, .compliancePolicy, .configurationPolicy:
            try WriteRules.checkDevicePolicy(spec, body, isCreate: false)
        case .unifiedRoleDefinition where world.value(ref, "isBuiltIn")?.boolean ?? false:
            throw .badRequest("A built-in role cannot be changed.")
        case .authenticationStrengthPolicy:
            if world.text(ref, "policyType") == "builtIn" {
                throw .badRequest("Built-in policies cannot be changed.", code: "BadRequest")
            }
            if body["allowedCombinations"] != nil {
                throw .badRequest(
                    "allowedCombinations is changed by updateAllowedCombinations only.", code: "BadRequest")
            }
        case .device:
            let allowed: Set<String> = ["accountEnabled", "extensionAttributes"]
            guard body.members?.allSatisfy({ allowed.contains($0.0) }) ?? true else {
                throw .badRequest("Only accountEnabled and extensionAttributes of a device can be changed.")
            }
        case .servicePrincipal where world.text(ref, "servicePrincipalType") == "ManagedIdentity":
            throw .denied
        case .customSecurityAttributeDefinition:
            if body["usePreDefinedValuesOnly"]?.boolean == true,
                world.value(ref, "usePreDefinedValuesOnly")?.boolean == false
            {
                throw .badRequest("usePreDefinedValuesOnly cannot be changed to true.")
            }
        case .oauth2PermissionGrant:
            guard body.members?.allSatisfy({ $0.0 == "scope" }) ?? true else {
                throw .badRequest("Only the scope can be changed.")
            }
        case .unifiedRoleManagementPolicy, .appRoleAssignment, .unifiedRoleAssignment, .subscribedSku, .directoryAudit,
            .orgContact:
            throw GraphFailure(
                status: 405, code: "Request_BadRequest",
                message: "Specified HTTP method is not allowed for the request target.")
        default: break
        }
    }

    /// Members added through `members@odata.bind`: all or none.
    private mutating func addMembers(_ ref: World.Ref, _ urls: [SimulatedJSON], _ caller: Caller) throws(GraphFailure) {
        guard urls.count <= 20 else { throw .badRequest("At most 20 references can be added in a request.") }
        var targets: [World.Ref] = []
        for url in urls {
            let target = try referenced(url.text ?? "")
            try checkLink(.members, ref, target, caller)
            targets.append(target)
        }
        for target in targets { world.link(.members, ref, target) }
    }

    private mutating func replaceSettings(_ spec: TypeSpec, _ ref: World.Ref, _ body: SimulatedJSON)
        throws(GraphFailure)
    {
        guard spec.type == .configurationPolicy || spec.type == .compliancePolicy, let items = body["settings"]?.items
        else { return }
        var children: [World.Child] = []
        for item in items { children.append(newChild(item, "settings", children.count)) }
        world.setChildren(ref, "settings", children)
        world.update(ref, [("settingCount", Array(String(children.count).utf8))])
    }

    /// Times and versions that a change moves on.
    mutating func touch(_ spec: TypeSpec, _ ref: World.Ref) {
        for name in ["modifiedDateTime", "lastModifiedDateTime"]
        where spec.properties.contains(name) && world.json(ref, name) != nil {
            world.update(ref, name, Timestamp.text(world.now, fraction: random.below(10_000_000)))
        }
        if let version = world.value(ref, "version")?.integer, spec.throttle == .intune {
            world.update(ref, [("version", Array(String(version + 1).utf8))])
        }
    }
}
