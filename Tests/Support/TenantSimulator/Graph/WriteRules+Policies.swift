extension WriteRules {
    /// Rules of conditional access policies: references must exist, and objects be given by id only.
    ///
    /// - Parameter limit: for a creation, of the tenant's policies.
    static func checkAccessPolicy(_ body: SimulatedJSON, limit: Int?, _ world: World) throws(GraphFailure) {
        func refuse(_ number: Int, _ text: String) -> GraphFailure {
            .badRequest("\(number): \(text)", code: "BadRequest")
        }
        if let limit {
            for name in ["displayName", "state", "conditions"] where body[name] == nil {
                throw refuse(1_005, "Required field '\(name)' is missing.")
            }
            guard body["conditions"]?["applications"] != nil, body["conditions"]?["users"] != nil else {
                throw refuse(1_005, "Conditions need applications and users.")
            }
            guard body["grantControls"]?.members != nil || body["sessionControls"]?.members != nil else {
                throw refuse(1_005, "Controls are missing.")
            }
            guard world.count(.conditionalAccessPolicy) < limit else {
                throw refuse(1_051, "The limit of \(limit) policies is reached.")
            }
        }
        if let strength = body["grantControls"]?["authenticationStrength"], let members = strength.members {
            guard members.map(\.0) == ["id"] else {
                throw refuse(1_007, "The authenticationStrength does not match the schema.")
            }
            try check([strength["id"]].compactMap { $0 }, [.authenticationStrengthPolicy], world, refuse)
        }
        let isOn = world.presentRefs(.identitySecurityDefaultsEnforcementPolicy).contains {
            world.value($0, "isEnabled")?.boolean ?? false
        }
        if isOn, body["state"]?.text == "enabled" { throw refuse(1_037, "Security Defaults must be disabled first.") }
        try checkReferences(body["conditions"] ?? .null, world, refuse)
    }

    private static func checkReferences(
        _ conditions: SimulatedJSON, _ world: World, _ refuse: (Int, String) -> GraphFailure
    ) throws(GraphFailure) {
        let users = conditions["users"] ?? .null
        for name in ["includeUsers", "excludeUsers"] { try check(users[name]?.items ?? [], [.user], world, refuse) }
        for name in ["includeGroups", "excludeGroups"] { try check(users[name]?.items ?? [], [.group], world, refuse) }
        for name in ["includeRoles", "excludeRoles"] {
            try check(users[name]?.items ?? [], [.unifiedRoleDefinition], world, refuse)
        }
        for name in ["includeLocations", "excludeLocations"] {
            try check(conditions["locations"]?[name]?.items ?? [], [.namedLocation], world, refuse)
        }
        for name in ["includeApplications", "excludeApplications"] {
            for id in conditions["applications"]?[name]?.items?.compactMap(\.text) ?? [] where id.contains("-") {
                guard world.presentRefs(.servicePrincipal).contains(where: { world.text($0, "appId") == id }) else {
                    throw refuse(1_011, "Invalid application identifier '\(id)'.")
                }
            }
        }
    }

    /// Words such as All stand for themselves; GUIDs must exist.
    private static func check(
        _ ids: [SimulatedJSON], _ types: [SimulatedType], _ world: World, _ refuse: (Int, String) -> GraphFailure
    ) throws(GraphFailure) {
        for id in ids.compactMap(\.text) where id.count == 36 && id.contains("-") {
            let isThere = types.contains { world.ref($0, id).map(world.isPresent) ?? false }
            guard isThere else { throw refuse(1_020, "The reference '\(id)' does not exist in the directory.") }
        }
    }

    /// Intune puts a JSON text into its messages.
    static func intune(_ message: String) -> GraphFailure {
        let text = #"{"_version":3,"Message":"\#(message)","CustomApiErrorPhrase":"","ErrorSourceService":""}"#
        return .badRequest(text, code: "BadRequest")
    }

    /// Rules of device management policies.
    static func checkDevicePolicy(_ spec: TypeSpec, _ body: SimulatedJSON, isCreate: Bool) throws(GraphFailure) {
        switch spec.type {
        case .deviceCompliancePolicy, .compliancePolicy:
            if isCreate {
                let rules = body["scheduledActionsForRule"]?.items ?? []
                let actions = rules.flatMap { $0["scheduledActionConfigurations"]?.items ?? [] }
                guard actions.filter({ $0["actionType"]?.text == "block" }).count == 1 else {
                    throw intune("ScheduledActionsForRule must have exactly one block action.")
                }
            } else if body["scheduledActionsForRule"] != nil {
                throw intune("ScheduledActionsForRule cannot be updated in this way.")
            }
        case .configurationPolicy:
            guard isCreate else { return }
            let settings = body["settings"]?.items ?? []
            guard !settings.isEmpty, settings.allSatisfy({ $0["settingInstance"]?["settingDefinitionId"]?.text != nil })
            else {
                throw intune("Settings are missing or have no settingInstance.")
            }
        default: break
        }
    }
}
