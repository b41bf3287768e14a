/// What the service adds inside values that it is given.
extension World {
    /// The value of an attribute as it is answered after a write.
    func completed(_ type: SimulatedType, _ name: String, _ value: SimulatedJSON) -> SimulatedJSON {
        switch (type, name) {
        case (.application, "appRoles"): value.eachItem { $0["origin"] = .string("Application") }
        case (.conditionalAccessPolicy, "grantControls"): expandingStrength(value)
        case (.deviceConfiguration, "omaSettings"):
            value.eachItem { setting in
                for member in ["description", "secretReferenceValueId"] where setting[member] == nil {
                    setting[member] = .null
                }
            }
        default: value
        }
    }

    /// Controls are given the id of an authentication strength, and answered with all of it.
    private func expandingStrength(_ controls: SimulatedJSON) -> SimulatedJSON {
        guard let id = controls["authenticationStrength"]?["id"]?.text, let strength = strength(id) else {
            return controls
        }
        var controls = controls
        controls["authenticationStrength@odata.context"] = .string(
            "https://graph.microsoft.com/v1.0/$metadata#policies/authenticationStrengthPolicies/$entity")
        controls["authenticationStrength"] = strength
        return controls
    }

    /// An authentication strength with its configurations.
    func strength(_ id: String) -> SimulatedJSON? {
        guard let ref = ref(.authenticationStrengthPolicy, id), isPresent(ref) else { return nil }
        var members: [(String, SimulatedJSON)] = [("id", .string(id))]
        for name in SimulatedType.authenticationStrengthPolicy.spec.orderedProperties where name != "id" {
            members.append((name, value(ref, name) ?? .null))
        }
        let inner = children(ref, "combinationConfigurations").compactMap { try? SimulatedJSON.parse($0.json) }
        members.append(
            (
                "combinationConfigurations@odata.context",
                .string("https://graph.microsoft.com/v1.0/$metadata#combinationConfigurations")
            ))
        members.append(("combinationConfigurations", .array(inner)))
        return .object(members)
    }

    /// An assignment of a policy as it is answered: with an id, and where it comes from.
    func completedAssignment(_ item: SimulatedJSON, of policy: Ref, _ random: inout SeededRandom) -> SimulatedJSON {
        var target = item["target"] ?? .null
        for (name, usual) in [
            ("deviceAndAppManagementAssignmentFilterId", SimulatedJSON.null),
            ("deviceAndAppManagementAssignmentFilterType", .string("none")),
        ] where target[name] == nil { target[name] = usual }
        let own = SimulatedJSON.string("\(id(policy))_\(target["groupId"]?.text ?? random.guid())")
        // Those of scope tags do not tell where they come from.
        let origin: [(String, SimulatedJSON)] =
            type(policy) == .roleScopeTag ? [] : [("source", .string("direct")), ("sourceId", .string(id(policy)))]
        return .object([("id", own)] + origin + [("target", target)])
    }

    /// A start that has passed becomes now.
    func started(_ info: SimulatedJSON?) -> SimulatedJSON {
        guard var info, info.members != nil else { return info ?? .null }
        let time = Timestamp.text(now)
        if (info["startDateTime"]?.text ?? "").prefix(19) < time.prefix(19) { info["startDateTime"] = .string(time) }
        if info["recurrence"] == nil { info["recurrence"] = .null }
        var expiration = info["expiration"] ?? .object([])
        for name in ["endDateTime", "duration"] where expiration[name] == nil { expiration[name] = .null }
        info["expiration"] = expiration
        return info
    }
}

extension SimulatedJSON {
    fileprivate func eachItem(_ change: (inout SimulatedJSON) -> Void) -> SimulatedJSON {
        guard let items else { return self }
        return .array(
            items.map { item in
                var item = item
                change(&item)
                return item
            })
    }
}
