import BackupModel

/// Steps and the requests that they become; `11111111-…` has become `99999999-…`.
enum RestoreWritesTable {
    private static let new = RestoreWritesTests.new
    private static let old = RestoreWritesTests.old

    private static func links(_ name: String, add: [String] = [], remove: [String] = []) -> [ObjectChange.Links] {
        [ObjectChange.Links(name: name, added: add, removed: remove)]
    }

    private static func children(_ name: String, _ from: [JSONValue]?, _ to: [JSONValue]) -> [ObjectChange.Children] {
        [ObjectChange.Children(name: name, from: from, to: to)]
    }

    static let rows: [RestoreWritesTests.Golden] = creations + changes + connections + deletions

    private static let creations: [RestoreWritesTests.Golden] = [
        .init(action: .undelete, type: "user", id: "a b", wanted: ["POST /directory/deletedItems/a%20b/restore"]),
        .init(
            action: .undelete, type: "conditionalAccessPolicy", id: "c",
            wanted: ["POST /identity/conditionalAccess/deletedItems/policies/c/restore"]),
        .init(
            action: .create, type: "user",
            document: [
                "userPrincipalName": "a@b", "mail": .null, "proxyAddresses": ["SMTP:a@b"],
                "identities": [["signInType": "userPrincipalName"]],
            ],
            wanted: [
                #"POST /users {"passwordProfile":{"forceChangePasswordNextSignIn":true,"password":"secret"},"#
                    + #""userPrincipalName":"a@b"}"#
            ]),
        .init(
            action: .create, type: "application",
            document: [
                "appId": .string(old), "displayName": "A", "identifierUris": [.string("api://\(old)"), "https://a"],
                "appRoles": [["id": "1", "isEnabled": false, "origin": "Application"]],
            ],
            wanted: [
                #"POST /applications {"appRoles":[{"id":"1","isEnabled":true}],"displayName":"A","#
                    + #""identifierUris":["https://a"]}"#,
                #"PATCH /applications/{id} {"appRoles":[{"id":"1","isEnabled":false}]}"#,
            ]),
        .init(
            action: .create, type: "servicePrincipal",
            document: ["appId": .string(old), "appDisplayName": "A", "tags": ["t"], "appRoles": []],
            wanted: [#"POST /servicePrincipals {"appId":"\#(new)","tags":["t"]}"#]),
        .init(
            action: .create, type: "appRoleAssignment",
            document: [
                "appRoleId": "0", "principalId": "p", "principalType": "User", "resourceId": .string(old),
                "resourceDisplayName": "R",
            ],
            wanted: [
                #"POST /servicePrincipals/\#(new)/appRoleAssignedTo {"appRoleId":"0","principalId":"p","#
                    + #""resourceId":"\#(new)"}"#
            ]),
        .init(
            action: .create, type: "conditionalAccessPolicy",
            document: [
                "displayName": "P", "modifiedDateTime": "x", "conditions": ["users": ["includeUsers": [.string(old)]]],
                "grantControls": ["authenticationStrength": ["id": "s", "displayName": "S"]],
                "sessionControls": ["disableResilienceDefaults": false],
            ],
            wanted: [
                #"POST /identity/conditionalAccess/policies {"conditions":{"users":{"includeUsers":["\#(new)"]}},"#
                    + #""displayName":"P","grantControls":{"authenticationStrength":{"id":"s"}}}"#
            ]),
        .init(
            action: .create, type: "authenticationContextClassReference", id: "c1",
            document: ["displayName": "C", "isAvailable": true],
            wanted: [
                "PATCH /identity/conditionalAccess/authenticationContextClassReferences/c1 "
                    + #"{"displayName":"C","id":"c1","isAvailable":true}"#
            ]),
        .init(
            action: .create, type: "unifiedRoleEligibilitySchedule",
            document: [
                "principalId": .string(old), "roleDefinitionId": "r", "directoryScopeId": "/", "status": "Provisioned",
                "scheduleInfo": ["expiration": ["type": "noExpiration", "endDateTime": .null]],
            ],
            wanted: [
                "POST /roleManagement/directory/roleEligibilityScheduleRequests "
                    + #"{"action":"adminAssign","directoryScopeId":"/","justification":"Restored from a backup","#
                    + #""principalId":"\#(new)","roleDefinitionId":"r","#
                    + #""scheduleInfo":{"expiration":{"type":"noExpiration"}}}"#
            ]),
        .init(
            action: .create, type: "attributeSet", id: "Set", document: ["description": "D"],
            wanted: [#"POST /directory/attributeSets {"description":"D","id":"Set"}"#]),
        .init(
            action: .create, type: "deviceCompliancePolicy",
            document: ["@odata.type": "#microsoft.graph.iosCompliancePolicy", "displayName": "P", "version": 3],
            wanted: [
                "POST /deviceManagement/deviceCompliancePolicies "
                    + ##"{"@odata.type":"#microsoft.graph.iosCompliancePolicy","displayName":"P","##
                    + #""scheduledActionsForRule":[{"ruleName":"PasswordRequired","scheduledActionConfigurations":["#
                    + #"{"actionType":"block","gracePeriodHours":0,"notificationMessageCCList":[],"#
                    + #""notificationTemplateId":""}]}]}"#
            ]),
    ]

    private static let changes: [RestoreWritesTests.Golden] = [
        .init(
            action: .update, type: "user", attributes: ["jobTitle": .null, "city": "C"],
            wanted: [#"PATCH /users/\#(new) {"city":"C","jobTitle":null}"#]),
        .init(
            action: .update, type: "authorizationPolicy", attributes: ["allowedToUseSSPR": true],
            wanted: [#"PATCH /policies/authorizationPolicy {"allowedToUseSSPR":true}"#]),
        .init(
            action: .update, type: "group", attributes: ["displayName": "G", "hideFromAddressLists": true],
            wanted: [
                #"PATCH /groups/\#(new) {"hideFromAddressLists":true}"#, #"PATCH /groups/\#(new) {"displayName":"G"}"#,
            ]),
        .init(
            action: .update, type: "application", attributes: ["appRoles": []],
            before: ["appRoles": [["id": "1", "isEnabled": true]]],
            wanted: [
                #"PATCH /applications/\#(new) {"appRoles":[{"id":"1","isEnabled":false}]}"#,
                #"PATCH /applications/\#(new) {"appRoles":[]}"#,
            ]),
        .init(
            action: .update, type: "authenticationStrengthPolicy",
            attributes: ["allowedCombinations": ["fido2"], "displayName": "S"],
            wanted: [
                "POST /policies/authenticationStrengthPolicies/\(new)/updateAllowedCombinations "
                    + #"{"allowedCombinations":["fido2"]}"#,
                #"PATCH /policies/authenticationStrengthPolicies/\#(new) {"displayName":"S"}"#,
            ]),
        .init(
            action: .update, type: "namedLocation", attributes: ["displayName": "N"],
            document: ["@odata.type": "#microsoft.graph.ipNamedLocation"],
            wanted: [
                "PATCH /identity/conditionalAccess/namedLocations/\(new) "
                    + ##"{"@odata.type":"#microsoft.graph.ipNamedLocation","displayName":"N"}"##
            ]),
    ]

    private static let connections: [RestoreWritesTests.Golden] = [
        .init(
            action: .link, type: "group", links: links("members", add: ["a", old], remove: ["b"]),
            wanted: [
                #"PATCH /groups/\#(new) {"members@odata.bind":["https://graph.example/v1.0/directoryObjects/a","#
                    + #""https://graph.example/v1.0/directoryObjects/\#(new)"]}"#,
                "DELETE /groups/\(new)/members/b/$ref",
            ]),
        .init(
            action: .link, type: "user", links: links("manager", add: ["m"]),
            wanted: [
                #"PUT /users/\#(new)/manager/$ref {"@odata.id":"https://graph.example/v1.0/directoryObjects/m"}"#
            ]),
        .init(
            action: .link, type: "user", links: links("manager", remove: ["m"]),
            wanted: ["DELETE /users/\(new)/manager/$ref"]),
        .init(
            action: .link, type: "servicePrincipal", links: links("claimsMappingPolicies", add: ["p"]),
            wanted: [
                "POST /servicePrincipals/\(new)/claimsMappingPolicies/$ref "
                    + #"{"@odata.id":"https://graph.example/v1.0/policies/claimsMappingPolicies/p"}"#
            ]),
        .init(
            action: .children, type: "user",
            children: children("licenses", [["skuId": "x"]], [["skuId": "y", "disabledPlans": ["p"]]]),
            wanted: [
                "POST /users/\(new)/assignLicense "
                    + #"{"addLicenses":[{"disabledPlans":["p"],"skuId":"y"}],"removeLicenses":["x"]}"#
            ]),
        .init(
            action: .children, type: "application",
            children: children(
                "federatedIdentityCredentials",
                [["id": "1", "name": "a", "subject": "s"], ["id": "2", "name": "b"]],
                [["id": "7", "name": "a", "subject": "t"], ["id": "8", "name": "c"]]),
            wanted: [
                #"PATCH /applications/\#(new)/federatedIdentityCredentials/1 {"subject":"t"}"#,
                "DELETE /applications/\(new)/federatedIdentityCredentials/2",
                #"POST /applications/\#(new)/federatedIdentityCredentials {"name":"c"}"#,
            ]),
        .init(
            action: .children, type: "deviceConfiguration",
            children: children("assignments", [], [["id": "1", "target": ["groupId": .string(old)]]]),
            wanted: [
                "POST /deviceManagement/deviceConfigurations/\(new)/assign "
                    + #"{"assignments":[{"target":{"groupId":"\#(new)"}}]}"#
            ]),
        .init(
            action: .children, type: "roleScopeTag", id: "5", children: children("assignments", [["id": "1"]], []),
            wanted: [#"POST /deviceManagement/roleScopeTags/5/assign {"assignments":[]}"#]),
        .init(
            action: .children, type: "customSecurityAttributeDefinition", id: "S_a",
            children: children("allowedValues", [["id": "x", "isActive": true]], [["id": "y", "isActive": true]]),
            wanted: [
                #"PATCH /directory/customSecurityAttributeDefinitions/S_a/allowedValues/x {"isActive":false}"#,
                #"POST /directory/customSecurityAttributeDefinitions/S_a/allowedValues {"id":"y","isActive":true}"#,
            ]),
    ]

    private static let deletions: [RestoreWritesTests.Golden] = [
        .init(action: .delete, type: "group", wanted: ["DELETE /groups/\(new)"]),
        .init(
            action: .delete, type: "namedLocation",
            document: ["@odata.type": "#microsoft.graph.ipNamedLocation", "isTrusted": true],
            wanted: [
                "PATCH /identity/conditionalAccess/namedLocations/\(new) "
                    + ##"{"@odata.type":"#microsoft.graph.ipNamedLocation","isTrusted":false}"##,
                "DELETE /identity/conditionalAccess/namedLocations/\(new)",
            ]),
        .init(
            action: .delete, type: "unifiedRoleAssignmentSchedule",
            document: ["principalId": "p", "roleDefinitionId": "r", "directoryScopeId": "/"],
            wanted: [
                "POST /roleManagement/directory/roleAssignmentScheduleRequests "
                    + #"{"action":"adminRemove","directoryScopeId":"/","justification":"Restored from a backup","#
                    + #""principalId":"p","roleDefinitionId":"r"}"#
            ]),
    ]
}
