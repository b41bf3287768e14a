extension RestoreWrites {
    // MARK: Creation

    func create(_ step: RestoreStep, _ type: ObjectType) throws(RestoreRefusal) -> [RestoreRequest] {
        guard let document = step.document else { throw Self.needsDocument(step) }
        switch type.restore.mode {
        case .backupOnly, .patchOnly, .patchRules, .manual, .undelete: throw Self.notWritable(step)
        case .request:
            let exists = [RestoreRequest.Refusal(400, code: "RoleAssignmentExists")]
            var request = try schedule(step, type, "adminAssign", done: exists)
            request.creates = true
            return [request]
        case .upsert:
            let body = attributes(document, type)
            return [request(.patch, try path(step, type), type, .object(body), verifies: Set(body.names))]
        case .activate, .create, .createCustomOnly, .undeleteOrCreate: break
        }
        var body = attributes(document, type)
        complete(&body, document, type)
        let target: String
        if let nested = type.nested {
            guard let parent = document.attributes["resourceId"]?.string else { throw Self.needsDocument(step) }
            target = Self.path(nested.path, map[parent])
        } else {
            target = type.restore.createPath ?? type.listPaths.first ?? ""
        }
        let verified = Set(body.names).subtracting(["passwordProfile", "templateId"])
        var first = request(.post, target, type, .object(body), done: Self.exists, verifies: verified)
        first.creates = true
        return [first] + disabled(document, target, type)
    }

    /// What a creation carries of the attributes.
    func attributes(_ document: ObjectDocument, _ type: ObjectType) -> JSONObject {
        let rules = type.restore
        let demanded = Set(rules.requiredOnCreate).union(rules.createOnly)
        let refused = Set(rules.readOnly).subtracting(demanded).union(rules.notOnPost).union(type.volatile)
            .union(Self.leftOut[type.name] ?? [])
        var body: JSONObject = [:]
        for (name, value) in document.attributes where !refused.contains(name) && !value.isNull {
            if name.contains("@"), name != "@odata.type" || !type.derivesTypes { continue }
            body[name] = Self.withoutAnnotations(
                name == "customSecurityAttributes" ? value : type.written(name, Self.withoutNulls(value)))
        }
        // Some types are known by a name that the creator gives.
        if demanded.contains(type.idAttribute) { body[type.idAttribute] = .string(document.id) }
        return body
    }

    /// Attributes that no creation takes, or that mean nothing for a new object.
    private static let leftOut: [String: Set<String>] = [
        "appRoleAssignment": ["resourceDisplayName"],
        "application": [
            "customSecurityAttributes", "keyCredentials", "passwordCredentials", "tokenEncryptionKeyId", "uniqueName",
        ],
        "crossTenantAccessPolicyPartner": ["isInMultiTenantOrganization"],
        "group": ["assignedLabels", "infoCatalogs", "uniqueName"],
        "servicePrincipal": [
            "appRoles", "customSecurityAttributes", "isDisabled", "keyCredentials", "passwordCredentials",
            "preferredTokenSigningKeyThumbprint", "servicePrincipalNames", "tokenEncryptionKeyId",
        ],
        "unifiedRoleAssignment": ["principalOrganizationId"],
        "user": ["customSecurityAttributes", "passwordProfile", "showInAddressList"],
    ]

    /// What is special about single types.
    private func complete(_ body: inout JSONObject, _ document: ObjectDocument, _ type: ObjectType) {
        switch document.type {
        case "user":
            body["passwordProfile"] = ["password": .string(password()), "forceChangePasswordNextSignIn": true]
            let own = (body["identities"]?.array ?? []).filter {
                !["federated", "userPrincipalName"].contains($0["signInType"]?.string ?? "")
            }
            body["identities"] = own.isEmpty ? nil : .array(own)
        case "application": completeApplication(&body, document)
        case "conditionalAccessPolicy": body = Self.accessPolicy(body)
        case "crossTenantAccessPolicyPartner" where body["isServiceProvider"]?.bool == false:
            body["isServiceProvider"] = nil
        case "group" where body["isAssignableToRole"]?.bool == false: body["isAssignableToRole"] = nil
        case "administrativeUnit" where body["isMemberManagementRestricted"]?.bool == false:
            body["isMemberManagementRestricted"] = nil
        case "directoryRole": body = ["roleTemplateId": body["roleTemplateId"] ?? .null]
        case "groupSetting": body["displayName"] = nil
        case "deviceCompliancePolicy", "compliancePolicy", "configurationPolicy": addContents(&body, document, type)
        case "deviceConfiguration": body = Self.withoutSecrets(body)
        default: break
        }
    }

    private func completeApplication(_ body: inout JSONObject, _ document: ObjectDocument) {
        if let roles = body["appRoles"]?.array { body["appRoles"] = .array(roles.map(Self.enabled)) }
        if var api = body["api"]?.object {
            if let scopes = api["oauth2PermissionScopes"]?.array {
                api["oauth2PermissionScopes"] = .array(scopes.map(Self.enabled))
            }
            // Refers to scopes that have to be there first.
            api["preAuthorizedApplications"] = nil
            body["api"] = .object(api)
        }
        // Names that hold the application id have to wait until the new one is known.
        if let old = document.attributes["appId"]?.string?.lowercased(), let uris = body["identifierUris"]?.array {
            body["identifierUris"] = .array(uris.filter { $0.string?.lowercased().contains(old) != true })
        }
    }

    /// An application role or scope as it is sent when it is new: enabled.
    static func enabled(_ value: JSONValue) -> JSONValue {
        guard case .object(var object) = value else { return value }
        object["isEnabled"] = true
        return .object(object)
    }

    /// Roles and scopes are made enabled; those that are to be disabled are so afterwards.
    private func disabled(_ document: ObjectDocument, _ list: String, _ type: ObjectType) -> [RestoreRequest] {
        guard type.name == "application" else { return [] }
        func isPartlyDisabled(_ value: JSONValue?) -> Bool {
            value?.array?.contains { $0["isEnabled"]?.bool == false } == true
        }
        var body: JSONObject = [:]
        let roles = document.attributes["appRoles"]
        if isPartlyDisabled(roles) {
            body["appRoles"] = roles.map { type.written("appRoles", Self.withoutNulls($0)) }
        }
        let api = document.attributes["api"]
        if isPartlyDisabled(api?["oauth2PermissionScopes"])
            || api?["preAuthorizedApplications"]?.array?.isEmpty == false
        {
            body["api"] = api.map(Self.withoutNulls)
        }
        guard !body.isEmpty else { return [] }
        return [request(.patch, list + "/{id}", type, .object(body), verifies: Set(body.names))]
    }

    /// What a policy is refused with, although Graph shows it.
    /// <https://github.com/microsoftgraph/msgraph-sdk-powershell/issues/3089>
    static func accessPolicy(_ body: JSONObject) -> JSONObject {
        var body = body
        if var controls = body["grantControls"]?.object, controls["authenticationStrength"]?.isNull == true {
            controls["authenticationStrength"] = nil
            body["grantControls"] = .object(controls)
        }
        if var controls = body["sessionControls"]?.object, controls["disableResilienceDefaults"]?.bool != true {
            controls["disableResilienceDefaults"] = nil
            body["sessionControls"] = controls.allSatisfy(\.value.isNull) ? nil : .object(controls)
        }
        if var conditions = body["conditions"]?.object {
            conditions["deviceStates"] = nil
            body["conditions"] = .object(conditions)
        }
        return body
    }

    // MARK: Device management

    /// Settings and actions, which a policy cannot be without.
    private func addContents(_ body: inout JSONObject, _ document: ObjectDocument, _ type: ObjectType) {
        if document.type != "deviceCompliancePolicy" {
            body["settings"] = .array((document.children["settings"] ?? []).map { Self.element($0, "settings", type) })
        }
        if document.type != "configurationPolicy" {
            body["scheduledActionsForRule"] = .array(
                Self.actions(document.children["scheduledActionsForRule"] ?? [], type))
        }
    }

    /// Actions without their ids; there has to be exactly one that blocks.
    /// <https://learn.microsoft.com/graph/api/intune-deviceconfig-devicecompliancepolicy-create>
    static func actions(_ rules: [JSONValue], _ type: ObjectType) -> [JSONValue] {
        let block: JSONValue = [
            "actionType": "block", "gracePeriodHours": 0, "notificationMessageCCList": [], "notificationTemplateId": "",
        ]
        var rules = rules.map { element($0, "scheduledActionsForRule", type) }
        let kinds = rules.flatMap { $0["scheduledActionConfigurations"]?.array ?? [] }.map { $0["actionType"]?.string }
        if !kinds.contains("block") {
            if case .object(var first)? = rules.first {
                first["scheduledActionConfigurations"] = .array(
                    [block] + (first["scheduledActionConfigurations"]?.array ?? []))
                rules[0] = .object(first)
            } else {
                rules = [["ruleName": "PasswordRequired", "scheduledActionConfigurations": [block]]]
            }
        }
        return rules
    }

    /// Encrypted values are not readable: such settings are left out, and a to-do tells of them.
    static func withoutSecrets(_ body: JSONObject) -> JSONObject {
        guard let settings = body["omaSettings"]?.array else { return body }
        var body = body
        body["omaSettings"] = .array(
            settings.filter { !Sameness.isUnreadable($0) }.map { withoutNulls($0) })
        return body
    }
}
