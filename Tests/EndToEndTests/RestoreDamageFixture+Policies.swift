import BackupModel
import Foundation
import Testing

/// Policies, roles and device management.
extension DamageFixture {
    mutating func makePolicies() throws {
        for number in 1...Self.count {
            let name = JSONValue.string("Matrix policy \(number)")
            let grant = try make(
                "permissionGrantPolicy",
                ["id": .string("matrix-\(number)"), "displayName": name, "description": "as it was"])
            try send(
                "POST", "/v1.0/policies/permissionGrantPolicies/\(grant)/includes",
                ["permissionType": "delegated", "permissions": ["all"], "clientApplicationIds": ["all"]])
            let strength = try make(
                "authenticationStrengthPolicy",
                ["displayName": name, "description": "as it was", "allowedCombinations": ["fido2"]])
            try send(
                "POST", "/v1.0/policies/authenticationStrengthPolicies/\(strength)/combinationConfigurations",
                [
                    "@odata.type": "#microsoft.graph.fido2CombinationConfiguration",
                    "appliesToCombinations": ["fido2"], "allowedAAGUIDs": [.string(UUID().uuidString.lowercased())],
                ])
            try makeAccess(number, name)
        }
        for number in 1...2 { try make("domain", ["id": .string("matrix-\(number).example")]) }
        try make(
            "groupSetting",
            [
                "templateId": "08d542b9-071f-4e16-94b0-74abb372e3d9",
                "values": [["name": "AllowToAddGuests", "value": "true"]],
            ])
        try make(
            "groupLifecyclePolicy",
            [
                "groupLifetimeInDays": 90, "managedGroupTypes": "Selected",
                "alternateNotificationEmails": "it@contoso.example",
            ])
    }

    private mutating func makeAccess(_ number: Int, _ name: JSONValue) throws {
        try make(
            "conditionalAccessPolicy",
            [
                "displayName": name, "state": "disabled",
                "conditions": [
                    "applications": ["includeApplications": ["All"]], "clientAppTypes": ["all"],
                    "users": ["includeUsers": [.string(people[0])]],
                ],
                "grantControls": ["operator": "OR", "builtInControls": ["mfa"]],
            ])
        try make(
            "namedLocation",
            [
                "@odata.type": "#microsoft.graph.countryNamedLocation", "displayName": name,
                "countriesAndRegions": ["DE"], "includeUnknownCountriesAndRegions": false,
            ])
        let context = "c\(20 + number)"
        try send(
            "PATCH", "/v1.0/identity/conditionalAccess/authenticationContextClassReferences/\(context)",
            ["displayName": name, "description": "as it was", "isAvailable": true])
        note("authenticationContextClassReference", context)
        let partner = try make(
            "crossTenantAccessPolicyPartner", ["tenantId": .string(UUID().uuidString.lowercased())])
        try send(
            "PUT", "/v1.0/policies/crossTenantAccessPolicy/partners/\(partner)/identitySynchronization",
            ["displayName": name, "userSyncInbound": ["isSyncAllowed": true]])
    }

    // MARK: Roles

    mutating func makeRoles() throws {
        var roles: [String] = []
        for number in 1...Self.count {
            roles.append(
                try make(
                    "unifiedRoleDefinition",
                    [
                        "displayName": .string("Matrix role \(number)"), "description": "as it was",
                        "isEnabled": true,
                        "rolePermissions": [
                            ["allowedResourceActions": ["microsoft.directory/applications/basic/update"]]
                        ],
                    ], notes: number > 3))
        }
        for role in roles.prefix(2) {
            try make(
                "unifiedRoleAssignment",
                ["roleDefinitionId": .string(role), "principalId": .string(people[0]), "directoryScopeId": "/"])
        }
        for kind in ["Assignment", "Eligibility"] {
            for person in people {
                let answer = try send(
                    "POST", "/v1.0/roleManagement/directory/role\(kind)ScheduleRequests",
                    [
                        "action": "adminAssign", "roleDefinitionId": .string(roles[2]), "directoryScopeId": "/",
                        "principalId": .string(person),
                        "scheduleInfo": [
                            "startDateTime": "2026-01-01T00:00:00Z",
                            "expiration": ["type": "afterDateTime", "endDateTime": "2027-01-01T00:00:00Z"],
                        ],
                    ])
                note("unifiedRole\(kind)Schedule", try #require(answer["targetScheduleId"]?.string))
            }
        }
    }

    // MARK: Device management

    mutating func makeDeviceManagement() throws {
        let block: JSONValue = [
            [
                "ruleName": "PasswordRequired",
                "scheduledActionConfigurations": [
                    [
                        "actionType": "block", "gracePeriodHours": 4, "notificationTemplateId": "",
                        "notificationMessageCCList": [],
                    ]
                ],
            ]
        ]
        let settings: JSONValue = [
            [
                "settingInstance": [
                    "@odata.type": "#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance",
                    "settingDefinitionId": "matrix", "choiceSettingValue": ["value": "matrix_1", "children": []],
                ]
            ]
        ]
        for number in 1...Self.count {
            let name = JSONValue.string("Matrix device policy \(number)")
            let tag = try makeAssigned("roleScopeTag", ["displayName": name, "description": "as it was"])
            try make(
                "assignmentFilter",
                [
                    "displayName": name, "platform": "windows10AndLater", "roleScopeTags": ["0"],
                    "rule": "(device.model -eq \"x\")",
                ])
            try makeAssigned(
                "deviceCompliancePolicy",
                [
                    "@odata.type": "#microsoft.graph.windows10CompliancePolicy", "displayName": name,
                    "passwordRequired": true, "roleScopeTagIds": ["0"], "scheduledActionsForRule": block,
                ])
            try makeAssigned(
                "compliancePolicy",
                [
                    "name": name, "platforms": "linux", "technologies": "linuxMdm", "roleScopeTagIds": ["0"],
                    "settings": settings, "scheduledActionsForRule": block,
                ])
            try makeAssigned(
                "configurationPolicy",
                [
                    "name": name, "platforms": "windows10", "technologies": "mdm", "settings": settings,
                    "roleScopeTagIds": ["0", .string(tag)],
                ])
            try makeAssigned(
                "deviceConfiguration",
                [
                    "@odata.type": "#microsoft.graph.windows10GeneralConfiguration", "displayName": name,
                    "passwordRequired": true, "roleScopeTagIds": ["0"],
                ])
        }
    }

    /// Makes an object that is assigned to two groups.
    @discardableResult
    private mutating func makeAssigned(_ type: String, _ body: JSONObject) throws -> String {
        let id = try make(type, body)
        let targets = (made["group"] ?? []).prefix(2).map { group -> JSONValue in
            ["target": ["@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": .string(group)]]
        }
        let path = try #require(Catalogue.current[type]).itemPath(id)
        try send("POST", "\(path)/assign", ["assignments": .array(Array(targets))])
        return id
    }
}
