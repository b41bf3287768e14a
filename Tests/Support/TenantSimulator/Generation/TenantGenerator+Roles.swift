/// Built-in directory roles: their ids are the same in every tenant.
enum BuiltInRoles {
    static let all: [(id: String, name: String)] = [
        ("62e90394-69f5-4237-9190-012177145e10", "Global Administrator"),
        ("f2ef992c-3afb-46b9-b7cf-a126ee74c451", "Global Reader"),
        ("fe930be7-5e62-47db-91af-98c3a49a38b1", "User Administrator"),
        ("fdd7a751-b60b-444a-984c-02652fe8fa1c", "Groups Administrator"),
        ("9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3", "Application Administrator"),
        ("158c047a-c907-4556-b7ef-446551a6b5f7", "Cloud Application Administrator"),
        ("194ae4cb-b126-40b2-bd5b-6091b380977d", "Security Administrator"),
        ("5d6b6bb7-de71-4623-b4af-96380a352509", "Security Reader"),
        ("b1be1c3e-b65d-4f19-8427-f6fa0d97feb9", "Conditional Access Administrator"),
        ("29232cdf-9323-42fd-ade2-1d097af3e4de", "Exchange Administrator"),
        ("f28a1f50-f6e7-4571-818b-6a12f2af6b6c", "SharePoint Administrator"),
        ("729827e3-9c14-49f7-bb1b-9608f156bbb8", "Helpdesk Administrator"),
        ("b0f54661-2d74-4c50-afa3-1ec803f12efe", "Billing Administrator"),
        ("c4e39bd9-1100-46d3-8c65-fb160da0071f", "Authentication Administrator"),
        ("966707d0-3269-4727-9be2-8c3a10f19b9d", "Password Administrator"),
        ("7be44c8a-adaf-4e2a-84d6-ab2649e08a13", "Privileged Authentication Administrator"),
        ("e8611ab8-c189-46e8-94e1-60213ab1f814", "Privileged Role Administrator"),
        ("3a2c62db-5318-420d-8d74-23affee5d9d5", "Intune Administrator"),
        ("88d8e3e3-8f55-4a1e-953a-9b9898b8876b", "Directory Readers"),
        ("9360feb5-f418-4baa-8175-e2a00bac4301", "Directory Writers"),
    ]
}

extension TenantGenerator {
    mutating func makeRoles() {
        var roles: [World.Ref] = []
        for (position, role) in BuiltInRoles.all.enumerated() {
            let actions = (0...position % 5).map { "\"microsoft.directory/resource\($0)/standard/read\"" }
            let inherited = position == 3 ? [#"{"id":"88d8e3e3-8f55-4a1e-953a-9b9898b8876b"}"#] : []
            let ref = store(
                .unifiedRoleDefinition,
                """
                {"id":"\(role.id)","description":"Members of this role work as \(role.name).",
                "displayName":"\(role.name)",
                "isBuiltIn":true,"isEnabled":true,"resourceScopes":["/"],"templateId":"\(role.id)","version":"1",
                "rolePermissions":[{"allowedResourceActions":[\(actions.joined(separator: ","))],"condition":null}]}
                """,
                children: ["inheritsPermissionsFrom": inherited])
            if let ref { roles.append(ref) }
        }
        for number in 0..<min(20, 1 + size.users / 50) {
            let id = random.guid()
            let ref = store(
                .unifiedRoleDefinition,
                """
                {"id":"\(id)","description":\(quoted("Eigene Rolle „\(number)“")),
                "displayName":"Custom role \(number)",
                "isBuiltIn":false,"isEnabled":true,"resourceScopes":["/"],"templateId":"\(id)","version":"1",
                "rolePermissions":[{"allowedResourceActions":["microsoft.directory/applications/basic/update",
                "microsoft.directory/applications/create"],"condition":null}]}
                """)
            if let ref { roles.append(ref) }
        }
        makeActivatedRoles()
        makeRoleAssignments(roles)
        makeRolePolicies()
        makeScopedMembers()
    }

    private mutating func makeActivatedRoles() {
        for role in BuiltInRoles.all.prefix(12) {
            store(
                .directoryRole,
                """
                {"id":"\(random.guid())","description":"Members of this role work as \(role.name).",
                "displayName":"\(role.name)","roleTemplateId":"\(role.id)"}
                """)
        }
    }

    private mutating func makeRoleAssignments(_ roles: [World.Ref]) {
        let count = min(400, 6 + size.users / 20)
        for number in 0..<count {
            let role = number == 0 ? roles[0] : random.pick(roles)
            let principal = users[number == 0 ? 0 : random.below(users.count)]
            let scope =
                number % 6 == 5 && !administrativeUnits.isEmpty
                ? "/administrativeUnits/\(id(random.pick(administrativeUnits)))" : "/"
            assignRole(id(role), to: principal, scope: scope)
            if number % 3 == 0 { makeEligibility(id(role), principal: users[random.below(users.count)]) }
        }
        assignRole(
            "f2ef992c-3afb-46b9-b7cf-a126ee74c451", to: servicePrincipals[random.below(servicePrincipals.count)],
            scope: "/")
    }

    private mutating func assignRole(_ role: String, to principal: World.Ref, scope: String) {
        let assignmentID = "\(random.base64ID(bytes: 36))-1"
        store(
            .unifiedRoleAssignment,
            """
            {"id":"\(assignmentID)","appScopeId":null,"condition":null,"directoryScopeId":"\(scope)",
            "principalId":"\(id(principal))","principalOrganizationId":"\(organizationID)","roleDefinitionId":"\(role)"}
            """)
        store(
            .unifiedRoleAssignmentSchedule,
            """
            {"id":"\(assignmentID)","appScopeId":null,"assignmentType":"Assigned","createdDateTime":null,
            "createdUsing":null,
            "directoryScopeId":"\(scope)","memberType":"Direct","modifiedDateTime":null,
            "principalId":"\(id(principal))",
            "roleDefinitionId":"\(role)","status":"Provisioned","scheduleInfo":{"startDateTime":"\(preciseTime())",
            "recurrence":null,"expiration":{"type":"noExpiration","endDateTime":null,"duration":null}}}
            """)
        if scope == "/", let activated = world.activatedRole(role) { _ = world.link(.members, activated, principal) }
    }

    private mutating func makeEligibility(_ role: String, principal: World.Ref) {
        let scheduleID = random.guid()
        store(
            .unifiedRoleEligibilitySchedule,
            """
            {"id":"\(scheduleID)","appScopeId":null,"createdDateTime":"\(preciseTime())","createdUsing":"\(scheduleID)",
            "directoryScopeId":"/","memberType":"Direct","modifiedDateTime":"0001-01-01T08:00:00Z",
            "principalId":"\(id(principal))","roleDefinitionId":"\(role)","status":"Provisioned",
            "scheduleInfo":{"startDateTime":"\(preciseTime())","recurrence":null,
            "expiration":{"type":"afterDateTime","endDateTime":"2027-01-01T00:00:00Z","duration":null}}}
            """)
    }

    private mutating func makeRolePolicies() {
        for role in BuiltInRoles.all {
            let policyID = "DirectoryRole_\(organizationID)_\(random.guid())"
            let rules = roleRules()
            store(
                .unifiedRoleManagementPolicy,
                """
                {"id":"\(policyID)","displayName":"DirectoryRole","description":"DirectoryRole",
                "isOrganizationDefault":false,"scopeId":"/","scopeType":"DirectoryRole","lastModifiedDateTime":null,
                "lastModifiedBy":{"displayName":null,"id":null}}
                """,
                children: ["rules": rules, "effectiveRules": rules])
            store(
                .unifiedRoleManagementPolicyAssignment,
                """
                {"id":"\(policyID)_\(role.id)","policyId":"\(policyID)","roleDefinitionId":"\(role.id)","scopeId":"/",
                "scopeType":"DirectoryRole"}
                """)
        }
    }

    private mutating func roleRules() -> [String] {
        func target(_ caller: String, _ level: String) -> String {
            #"""
            {"caller":"\#(caller)","operations":["all"],"level":"\#(level)",\#
            "inheritableSettings":[],"enforcedSettings":[]}
            """#
        }
        let type = "#microsoft.graph.unifiedRoleManagementPolicy"
        return [
            #"""
            {"@odata.type":"\#(type)ExpirationRule","id":"Expiration_Admin_Eligibility",\#
            "isExpirationRequired":false,"maximumDuration":"P365D",\#
            "target":\#(target("Admin", "Eligibility"))}
            """#,
            #"""
            {"@odata.type":"\#(type)EnablementRule","id":"Enablement_EndUser_Assignment",\#
            "enabledRules":["MultiFactorAuthentication","Justification"],\#
            "target":\#(target("EndUser", "Assignment"))}
            """#,
            #"""
            {"@odata.type":"\#(type)ExpirationRule","id":"Expiration_EndUser_Assignment",\#
            "isExpirationRequired":true,"maximumDuration":"PT\#(random.range(1...10))H",\#
            "target":\#(target("EndUser", "Assignment"))}
            """#,
            #"""
            {"@odata.type":"\#(type)NotificationRule",\#
            "id":"Notification_Admin_Admin_Eligibility","notificationType":"Email",\#
            "recipientType":"Admin","notificationLevel":"All",\#
            "isDefaultRecipientsEnabled":true,"notificationRecipients":["it@\#(domain)"],\#
            "target":\#(target("Admin", "Eligibility"))}
            """#,
            #"""
            {"@odata.type":"\#(type)ApprovalRule","id":"Approval_EndUser_Assignment",\#
            "target":\#(target("EndUser", "Assignment")),"setting":{"isApprovalRequired":false,\#
            "isApprovalRequiredForExtension":false,"isRequestorJustificationRequired":true,\#
            "approvalMode":"SingleStage","approvalStages":[{"approvalStageTimeOutInDays":1,\#
            "isApproverJustificationRequired":true,"escalationTimeInMinutes":0,\#
            "isEscalationEnabled":false,"primaryApprovers":[],"escalationApprovers":[]}]}}
            """#,
        ]
    }

    private mutating func makeScopedMembers() {
        guard let role = world.activatedRole("fe930be7-5e62-47db-91af-98c3a49a38b1") else { return }
        for unit in administrativeUnits where random.chance(0.5) {
            let user = users[random.below(users.count)]
            let name = quoted(world.text(user, "displayName") ?? "")
            guard
                let child = Self.child(
                    """
                    {"id":"\(random.base64ID(bytes: 30))","administrativeUnitId":"\(id(unit))","roleId":"\(id(role))",\
                    "roleMemberInfo":{"id":"\(id(user))","displayName":\(name)}}
                    """)
            else { continue }
            world.children[World.ChildKey(owner: unit, segment: "scopedRoleMembers")] = [child]
        }
    }
}

extension World {
    /// The activated directory role of a role template.
    func activatedRole(_ template: String) -> Ref? {
        presentRefs(.directoryRole).first { text($0, "roleTemplateId") == template }
    }
}
