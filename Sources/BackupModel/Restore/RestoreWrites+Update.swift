extension RestoreWrites {
    // MARK: Attributes

    func update(_ step: RestoreStep, _ type: ObjectType) throws(RestoreRefusal) -> [RestoreRequest] {
        switch type.restore.mode {
        case .backupOnly, .patchRules, .undelete: throw Self.notWritable(step)
        case .request: return [try schedule(step, type, "adminUpdate")]
        default: break
        }
        if type.nested != nil || type.name == "unifiedRoleAssignment" { throw Self.notWritable(step) }
        let path = try path(step, type)
        var body: JSONObject = [:]
        var requests: [RestoreRequest] = []
        for change in step.attributes {
            guard change.path.tokens.count == 1, let name = change.path.tokens.first, isWritable(name, type) else {
                throw Self.notWritable(step)
            }
            let value = type.written(name, Self.withoutAnnotations(change.to ?? .null))
            let from = change.from.map { type.written(name, $0) }
            switch (type.name, name) {
            case ("application", "appRoles"):
                requests += Self.stages(from, value).dropLast().map {
                    request(.patch, path, type, ["appRoles": $0])
                }
                body[name] = Self.stages(from, value).last
            case ("application", "api"):
                requests += Self.interfaces(from, value).dropLast().map {
                    request(.patch, path, type, ["api": $0])
                }
                body[name] = Self.interfaces(from, value).last
            case ("application", "info"): body[name] = Self.withoutNulls(value)
            case ("authenticationStrengthPolicy", "allowedCombinations"):
                let action = path + "/updateAllowedCombinations"
                requests.append(request(.post, action, type, [name: value], verifies: [name]))
            case _ where type.restore.notOnPost.contains(name) && type.name == "group":
                // Exchange has these: each is changed alone.
                requests.append(request(.patch, path, type, [name: value], verifies: [name]))
            default: body[name] = value
            }
        }
        if type.name == "conditionalAccessPolicy" {
            let hadControls = body["sessionControls"] != nil
            body = Self.accessPolicy(body)
            if hadControls, body["sessionControls"] == nil { body["sessionControls"] = .null }
        }
        if type.name == "deviceConfiguration" { body = Self.withoutSecrets(body) }
        guard !body.isEmpty else { return requests }
        let names = Set(body.names)
        if type.derivesTypes {
            guard let kind = step.document?.attributes["@odata.type"] else { throw Self.needsDocument(step) }
            body["@odata.type"] = kind
        }
        return requests + [request(.patch, path, type, .object(body), verifies: names)]
    }

    private func isWritable(_ name: String, _ type: ObjectType) -> Bool {
        !type.restore.readOnly.contains(name) && !type.volatile.contains(name) && name != "@odata.type"
            && name != type.idAttribute && !type.restore.createOnly.contains(name)
    }

    /// The values that roles or scopes go through: what is taken away is disabled before it is, and what is new is
    /// enabled before it is disabled.
    /// <https://learn.microsoft.com/graph/api/resources/approle>
    static func stages(_ from: JSONValue?, _ to: JSONValue) -> [JSONValue] {
        let wanted = to.array ?? []
        let old = from?.array ?? []
        func has(_ list: [JSONValue], _ id: JSONValue?) -> Bool { list.contains { $0["id"] == id } }
        let first =
            wanted.map { has(old, $0["id"]) ? $0 : enabled($0) }
            + old.filter { !has(wanted, $0["id"]) }.map { gone in
                guard case .object(var object) = withoutNulls(gone) else { return gone }
                object["isEnabled"] = false
                return .object(object)
            }
        return first == wanted ? [.array(wanted)] : [.array(first), .array(wanted)]
    }

    /// The values that an application's `api` goes through: scopes before the applications that are authorised for them.
    private static func interfaces(_ from: JSONValue?, _ to: JSONValue) -> [JSONValue] {
        guard case .object(var last) = to, let scopes = to["oauth2PermissionScopes"] else { return [to] }
        var stages = stages(from?["oauth2PermissionScopes"], scopes)
        let old = from?["oauth2PermissionScopes"]?.array ?? []
        let isNew = scopes.array?.contains { scope in !old.contains { $0["id"] == scope["id"] } } == true
        let authorised = to["preAuthorizedApplications"]?.array ?? []
        // New scopes first: who is authorised for them comes in a request of its own.
        if isNew, !authorised.isEmpty, stages.count == 1 { stages.insert(stages[0], at: 0) }
        return stages.enumerated().map { index, scopes in
            last["oauth2PermissionScopes"] = scopes
            guard index < stages.count - 1 else { return .object(last) }
            return ["oauth2PermissionScopes": scopes]
        }
    }

    // MARK: Links

    /// Adds before it takes away, because a last owner cannot be taken away.
    func link(_ step: RestoreStep, _ type: ObjectType) throws(RestoreRefusal) -> [RestoreRequest] {
        var requests: [RestoreRequest] = []
        for links in step.links {
            guard let relationship = type.relationship(links.name), let write = relationship.write,
                write.how == .reference
            else { throw Self.notWritable(step) }
            let path = Self.path(relationship.path, map[step.id])
            let many = min(20, write.addMany ?? 1)
            let object = try self.path(step, type)
            for start in stride(from: 0, to: links.added.count, by: many) {
                let chunk = links.added[start..<min(start + many, links.added.count)]
                let single = chunk.map { add($0, links.name, relationship, path, type) }
                if single.count == 1 {
                    requests += single
                } else {
                    let targets = chunk.map { JSONValue.string(reference($0, links.name)) }
                    var bound = request(
                        .patch, object, type, ["\(links.name)@odata.bind": .array(targets)], verifies: [links.name])
                    bound.instead = single
                    requests.append(bound)
                }
            }
            requests += links.removed.map { id in
                let target = relationship.single ? "\(path)/$ref" : "\(path)/\(Self.encoded(map[id]))/$ref"
                return request(.delete, target, type, done: Self.gone, verifies: [links.name])
            }
        }
        return requests
    }

    private func add(
        _ id: String, _ name: String, _ relationship: Relationship, _ path: String, _ type: ObjectType
    ) -> RestoreRequest {
        request(
            relationship.single ? .put : .post, "\(path)/$ref", type,
            ["@odata.id": .string(reference(id, name))],
            done: [RestoreRequest.Refusal(400, message: "already exist")], verifies: [name])
    }

    /// The address of a target. Policies are no directory objects.
    private func reference(_ id: String, _ name: String) -> String {
        let folder = name.hasSuffix("Policies") ? "policies/\(name)" : "directoryObjects"
        return "\(root)/\(folder)/\(map[id])"
    }
}
