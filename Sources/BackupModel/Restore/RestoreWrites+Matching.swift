extension RestoreWrites {
    // MARK: Look before create

    /// What tells an object of the type from others when its id is not known, ids in it as they are now. `id` where the
    /// creator gives it.
    public func naturalKey(of document: ObjectDocument, _ type: ObjectType) -> [String: JSONValue] {
        var key: [String: JSONValue] = [:]
        for name in Self.naturalNames(type) {
            key[name] = name == "id" ? .string(map[document.id]) : map.rewriting(document.attributes[name] ?? .null)
        }
        return key
    }

    /// Whether a live object is the one with that natural key.
    public func matches(_ key: [String: JSONValue], _ live: ObjectDocument) -> Bool {
        !key.isEmpty
            && key.allSatisfy { name, value in
                let found = name == "id" ? JSONValue.string(live.id) : live.attributes[name]
                // Names of people and groups are one in either case.
                if let one = value.string, let other = found?.string { return one.lowercased() == other.lowercased() }
                return Sameness(isOrdered: false).isSame(value, found, nil)
            }
    }

    private static func naturalNames(_ type: ObjectType) -> [String] {
        if type.restore.mode == .upsert || type.restore.requiredOnCreate.contains(type.idAttribute)
            || type.name == "customSecurityAttributeDefinition"
        {
            return ["id"]
        }
        switch type.name {
        case "user": return ["userPrincipalName"]
        case "group": return ["displayName", "mailNickname"]
        case "servicePrincipal": return ["appId"]
        case "directoryRole": return ["roleTemplateId"]
        case "groupSetting": return ["templateId"]
        case "groupLifecyclePolicy": return ["managedGroupTypes"]
        case "appRoleAssignment": return ["appRoleId", "principalId", "resourceId"]
        case "oauth2PermissionGrant": return ["clientId", "consentType", "principalId", "resourceId"]
        case "unifiedRoleAssignment", "unifiedRoleAssignmentSchedule", "unifiedRoleEligibilitySchedule":
            return ["appScopeId", "directoryScopeId", "principalId", "roleDefinitionId"]
        case "compliancePolicy", "configurationPolicy": return ["name", "platforms"]
        default: return type.derivesTypes ? ["@odata.type", "displayName"] : ["displayName"]
        }
    }

    // MARK: Read back

    /// Links that are written at one side and read at the other: the type of that side, by the relationship. A document
    /// to compare with has to be given them by ``addKept(_:by:to:)``.
    public static let keepers = [
        "tokenIssuancePolicies": "tokenIssuancePolicy", "tokenLifetimePolicies": "tokenLifetimePolicy",
    ]

    /// The relationship of keepers that shows the other side.
    public static let keptLinks = "appliesTo"

    /// Gives an object the links that are read at the other side.
    ///
    /// - Parameters:
    ///   - name: the relationship, one of ``keepers``.
    ///   - sides: objects of the type that keeps it, with their ``keptLinks``.
    public static func addKept(
        _ name: String, by sides: some Collection<ObjectDocument>, to document: inout ObjectDocument
    ) {
        let id = document.id.lowercased()
        let kept = sides.filter { $0.links[keptLinks]?.contains { $0.lowercased() == id } ?? false }
        document.setLinks(name, (document.links[name] ?? []) + kept.map(\.id))
    }

    /// Whether an object, read after the step, cannot show that this is not done yet. It is then sent once more: Graph
    /// takes it twice.
    public func isHidden(_ change: ObjectChange.Children, _ type: ObjectType) -> Bool {
        guard change.from?.isEmpty == false else { return false }
        let rule = ContainedRule.all[change.name]
        if type.relationship(change.name)?.single == true { return change.to?.isEmpty != false }
        // A group may give a licence that is taken away; an element may be there and inactive.
        return change.name == "licenses" || rule?.retires == true
    }

    /// Where an object, read after the step, is not as it was written; empty when all is there.
    public func differences(
        _ step: RestoreStep, _ type: ObjectType, found: ObjectDocument
    ) throws(RestoreRefusal) -> [RestoreResult.Difference] {
        var differences: [RestoreResult.Difference] = []
        if step.action == .create || step.action == .update {
            var expected: JSONObject = [:]
            for request in try requests(for: step, type) {
                for member in request.body?.object ?? [:] where request.verifies.contains(member.name) {
                    expected[member.name] = member.value
                }
            }
            for member in expected where member.name != type.idAttribute {
                if type.relationship(member.name)?.kind == .child {
                    compare(member.name, type, member.value.array ?? [], found, &differences)
                } else if !type.covers(member.name, found.attributes[member.name], member.value) {
                    differences.append(
                        RestoreResult.Difference(
                            path: "/" + member.name, expected: member.value, found: found.attributes[member.name]))
                }
            }
        }
        for links in step.links
        where type.relationship(links.name)?.isBackedUp == true || Self.keepers[links.name] != nil {
            let live = Set((found.links[links.name] ?? []).map { $0.lowercased() })
            let missing = links.added.map { map[$0] }.filter { !live.contains($0.lowercased()) }
            let left = links.removed.map { map[$0] }.filter { live.contains($0.lowercased()) }
            guard !missing.isEmpty || !left.isEmpty else { continue }
            differences.append(
                RestoreResult.Difference(
                    path: "/" + links.name, expected: .array(missing.map(JSONValue.string)),
                    found: .array(left.map(JSONValue.string))))
        }
        for change in step.children {
            compare(change.name, type, (change.to ?? []).map(map.rewriting), found, &differences)
            compareRemoved(change, type, found, &differences)
        }
        return differences
    }

    /// Elements that the step takes away and that are still there, unless another has come in their place.
    private func compareRemoved(
        _ change: ObjectChange.Children, _ type: ObjectType, _ found: ObjectDocument,
        _ differences: inout [RestoreResult.Difference]
    ) {
        // A group may give a licence that is taken away; the services keep what is inactive.
        guard change.name != "licenses", let relationship = type.relationship(change.name), !relationship.single,
            !differences.contains(where: { $0.path == "/" + change.name })
        else { return }
        let rule = ContainedRule.all[change.name]
        guard rule?.retires != true, rule?.isFixed != true else { return }
        func plain(_ element: JSONValue) -> JSONValue { rule?.body(element) ?? element }
        let wanted = (change.to ?? []).map { plain(map.rewriting($0)) }
        let live = (found.children[change.name] ?? []).map(plain)
        let left = (change.from ?? []).map { plain(map.rewriting($0)) }.filter { element in
            live.contains { type.covers(change.name, $0, element) }
                && !wanted.contains { type.covers(change.name, $0, element) }
        }
        guard !left.isEmpty else { return }
        differences.append(RestoreResult.Difference(path: "/" + change.name, expected: [], found: .array(left)))
    }

    /// Elements that are not there. Others may be: a group gives further licences, the services further elements.
    private func compare(
        _ name: String, _ type: ObjectType, _ wanted: [JSONValue], _ found: ObjectDocument,
        _ differences: inout [RestoreResult.Difference]
    ) {
        let rule = ContainedRule.all[name]
        func plain(_ element: JSONValue) -> JSONValue { type.written(name, rule?.body(element) ?? element) }
        let live = name == "licenses" ? found.attributes["assignedLicenses"]?.array : found.children[name]
        let missing = wanted.map(plain).filter { element in
            !(live ?? []).contains { type.covers(name, plain($0), element) }
        }
        guard !missing.isEmpty else { return }
        differences.append(
            RestoreResult.Difference(
                path: "/" + name, expected: .array(missing), found: live.map(JSONValue.array)))
    }
}
