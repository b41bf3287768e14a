extension RestoreWrites {
    // MARK: Sub-collections

    func children(_ step: RestoreStep, _ type: ObjectType) throws(RestoreRefusal) -> [RestoreRequest] {
        var requests: [RestoreRequest] = []
        for change in step.children {
            guard let relationship = type.relationship(change.name), let write = relationship.write, let to = change.to
            else { throw Self.notWritable(step) }
            if type.restore.mode == .patchRules {
                throw RestoreRefusal(
                    code: "delegatedOnly",
                    message:
                        "an application may not change the rules of role management policy \(step.id): do it by hand")
            }
            let wanted = to.map { map.rewriting(Self.withoutAnnotations($0)) }
            switch write.how {
            case .action: requests += try act(step, type, relationship, wanted, change.from ?? [])
            case .contained: requests += try contain(step, type, relationship, wanted, change.from ?? [])
            case .reference: throw Self.notWritable(step)
            }
        }
        return requests
    }

    /// The change against the elements that are there now: what an answer that was lost has made is not made again.
    /// Elements that the change does not know stay out of it.
    public func against(_ change: ObjectChange.Children, _ type: ObjectType, _ found: ObjectDocument)
        -> ObjectChange.Children
    {
        guard type.relationship(change.name)?.write?.how == .contained, let rule = ContainedRule.all[change.name],
            let live = found.children[change.name]
        else { return change }
        let keys = Set(((change.from ?? []) + (change.to ?? [])).map { rule.key(map.rewriting($0)) })
        var rest = change
        rest.from = live.filter { keys.contains(rule.key($0)) }
        return rest
    }

    /// Actions that replace the whole collection.
    private func act(
        _ step: RestoreStep, _ type: ObjectType, _ relationship: Relationship, _ wanted: [JSONValue],
        _ live: [JSONValue]
    ) throws(RestoreRefusal) -> [RestoreRequest] {
        // Without a path of its own the action is `assign`, beside the collection.
        let path = Self.path(
            relationship.write?.path ?? String(relationship.path.dropLast(relationship.name.count)) + "assign",
            map[step.id])
        switch relationship.name {
        case "licenses":
            let body = Self.licences(wanted, live)
            let isRemoval = body["addLicenses"]?.array?.isEmpty == true
            let done = isRemoval ? [RestoreRequest.Refusal(400, message: "does not have a corresponding license")] : []
            return body["removeLicenses"]?.array?.isEmpty == true && isRemoval
                ? [] : [request(.post, path, type, body, done: done, verifies: ["assignedLicenses"])]
        case "assignments":
            let targets = wanted.compactMap { $0["target"].map { ["target": Self.withoutNulls($0)] as JSONValue } }
            return [request(.post, path, type, ["assignments": .array(targets)], verifies: [relationship.name])]
        case "scheduledActionsForRule":
            let name =
                type.name == "deviceCompliancePolicy"
                ? "deviceComplianceScheduledActionForRules" : "scheduledActions"
            return [
                request(.post, path, type, [name: .array(Self.actions(wanted, type))], verifies: [relationship.name])
            ]
        default: throw Self.notWritable(step)
        }
    }

    /// <https://learn.microsoft.com/graph/api/user-assignlicense>
    private static func licences(_ wanted: [JSONValue], _ live: [JSONValue]) -> JSONValue {
        func plans(_ licence: JSONValue?) -> Set<JSONValue> { Set(licence?["disabledPlans"]?.array ?? []) }
        let added = wanted.filter { licence in
            guard let old = live.first(where: { $0["skuId"] == licence["skuId"] }) else { return true }
            return plans(old) != plans(licence)
        }
        let removed = live.compactMap { $0["skuId"] }.filter { sku in !wanted.contains { $0["skuId"] == sku } }
        return [
            "addLicenses": .array(
                added.map { ["skuId": $0["skuId"] ?? .null, "disabledPlans": $0["disabledPlans"] ?? []] }),
            "removeLicenses": .array(removed),
        ]
    }

    private func contain(
        _ step: RestoreStep, _ type: ObjectType, _ relationship: Relationship, _ wanted: [JSONValue],
        _ live: [JSONValue]
    ) throws(RestoreRefusal) -> [RestoreRequest] {
        let path = Self.path(relationship.write?.path ?? relationship.path, map[step.id])
        if relationship.name == "settings", type.throttle == .intune, let document = step.document {
            var body = attributes(document, type)
            body["settings"] = .array(wanted.map { Self.element($0, "settings", type) })
            return [request(.put, try self.path(step, type), type, .object(body), verifies: ["settings"])]
        }
        guard let rule = ContainedRule.all[relationship.name] else { throw Self.notWritable(step) }
        if relationship.single {
            guard let value = wanted.first else { return [request(.delete, path, type, done: Self.gone)] }
            var single = request(
                rule.isPut && live.isEmpty ? .put : .patch, path, type, rule.body(value), verifies: [relationship.name])
            // The branding of all languages.
            if relationship.name == "branding" { single.headers["Accept-Language"] = "0" }
            return [single]
        }
        return exchange(rule, path, type, wanted, live, relationship.name)
    }

    /// Makes, changes and deletes, so that the collection becomes `wanted`.
    private func exchange(
        _ rule: ContainedRule, _ path: String, _ type: ObjectType, _ wanted: [JSONValue], _ live: [JSONValue],
        _ name: String
    ) -> [RestoreRequest] {
        var (changes, removals, additions): ([RestoreRequest], [RestoreRequest], [RestoreRequest]) = ([], [], [])
        func target(_ element: JSONValue) -> String? {
            element["id"]?.string.map { path + "/" + Self.encoded($0) }
        }
        func remove(_ element: JSONValue) {
            guard let target = target(element) else { return }
            if rule.retires {
                if element["isActive"]?.bool != false {
                    removals.append(request(.patch, target, type, ["isActive": false], verifies: [name]))
                }
            } else {
                removals.append(request(.delete, target, type, done: Self.gone, verifies: [name]))
            }
        }
        func add(_ element: JSONValue) {
            additions.append(request(.post, path, type, rule.body(element), done: Self.exists, verifies: [name]))
        }
        for element in wanted {
            guard let old = live.first(where: { rule.key($0) == rule.key(element) }) else {
                add(element)
                continue
            }
            let (before, after) = (rule.change(old), rule.change(element))
            guard before != after, !(after.object ?? [:]).isEmpty else { continue }
            switch rule.mending {
            case .patch:
                if let target = target(old) { changes.append(request(.patch, target, type, after, verifies: [name])) }
            case .exchange:
                remove(old)
                add(element)
            case .never: break
            }
        }
        let keys = Set(wanted.map(rule.key))
        for old in live where !keys.contains(rule.key(old)) && !rule.isFixed { remove(old) }
        // What goes leaves first, where only one of a kind may be there.
        return changes + removals + additions
    }
}

/// How the elements of a sub-collection are told apart and written.
struct ContainedRule: Sendable {
    enum Mending: Sendable {
        case patch
        /// There is no way to change one: it is deleted and made anew.
        case exchange
        /// To delete it would lose what it holds.
        case never
    }

    /// The members that name an element; none: its whole content.
    var names: [String] = []
    var mending = Mending.patch
    /// Members that a creation carries; empty: all but `without`.
    var only: Set<String> = []
    /// Members that the service gives.
    var without: Set<String> = ["id"]
    /// Members that a creation carries and a change does not.
    var createOnly: Set<String> = []
    /// Never deleted, but set inactive.
    var retires = false
    /// The service makes and keeps the elements.
    var isFixed = false
    /// A single one is made by PUT.
    var isPut = false

    static let all: [String: ContainedRule] = [
        "allowedValues": ContainedRule(names: ["id"], without: [], createOnly: ["id"], retires: true),
        "authenticationMethodConfigurations": ContainedRule(names: ["id"], isFixed: true),
        "branding": ContainedRule(without: brandingStreams.union(["id"])),
        "brandingLocalizations": ContainedRule(names: ["id"], without: brandingStreams, createOnly: ["id"]),
        "certificateBasedAuthConfiguration": ContainedRule(mending: .exchange),
        "combinationConfigurations": ContainedRule(names: ["@odata.type", "appliesToCombinations"]),
        "delegatedPermissionClassifications": ContainedRule(names: ["permissionId"], mending: .exchange),
        "excludes": ContainedRule(mending: .exchange),
        "extensionProperties": ContainedRule(
            names: ["name"], mending: .never, only: ["dataType", "isMultiValued", "name", "targetObjects"]),
        "federatedIdentityCredentials": ContainedRule(names: ["name"], createOnly: ["name"]),
        "federationConfiguration": ContainedRule(names: ["@odata.type"]),
        "identitySynchronization": ContainedRule(without: ["id", "tenantId"], isPut: true),
        "includes": ContainedRule(mending: .exchange),
        "scopedRoleMembers": ContainedRule(
            names: ["roleId", "roleMemberInfo"], mending: .never, only: ["roleId", "roleMemberInfo"]),
        "settings": ContainedRule(
            names: ["templateId", "settingInstance"], only: ["settingInstance", "templateId", "values"],
            createOnly: ["templateId"]),
    ]

    /// Pictures and style sheets are streams of their own.
    private static let brandingStreams: Set<String> = [
        "backgroundImageRelativeUrl", "bannerLogoRelativeUrl", "cdnList", "customCSSRelativeUrl", "faviconRelativeUrl",
        "headerLogoRelativeUrl", "squareLogoDarkRelativeUrl", "squareLogoRelativeUrl",
    ]

    /// What an element is called.
    func key(_ element: JSONValue) -> JSONValue {
        if names.isEmpty { return body(element) }
        return .array(
            names.map { name in
                switch name {
                case "roleMemberInfo": element[name]?["id"] ?? .null
                case "settingInstance": element[name]?["settingDefinitionId"] ?? .null
                case "appliesToCombinations": .array((element[name]?.array ?? []).sorted { "\($0)" < "\($1)" })
                default: element[name] ?? .null
                }
            })
    }

    /// What a creation carries of an element.
    func body(_ element: JSONValue) -> JSONValue {
        guard case .object(let object) = RestoreWrites.element(element, without: without) else { return element }
        return .object(
            JSONObject(
                object.compactMap { member in
                    if !only.isEmpty, !only.contains(member.name) { return nil }
                    switch member.name {
                    case "roleMemberInfo": return (member.name, ["id": member.value["id"] ?? .null])
                    // Graph puts the application's id before the name that it is given.
                    case "name" where member.value.string?.hasPrefix("extension_") == true && only.contains("dataType"):
                        let parts = (member.value.string ?? "").split(separator: "_", maxSplits: 2)
                        return (member.name, .string(parts.last.map(String.init) ?? ""))
                    default: return (member.name, member.value)
                    }
                }))
    }

    /// What a change carries.
    func change(_ element: JSONValue) -> JSONValue {
        guard case .object(let object) = body(element) else { return element }
        return .object(JSONObject(object.filter { !createOnly.contains($0.name) }.map { ($0.name, $0.value) }))
    }
}
