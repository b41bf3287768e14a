import NIOCore

extension TenantState {
    /// Actions of single objects.
    mutating func act(
        _ spec: TypeSpec, _ id: String, _ name: String, _ body: SimulatedJSON, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        let ref = try find(spec, id)
        switch name.lowercased() {
        case "assign" where spec.throttle == .intune:
            try requireWrite(spec, caller)
            return try assign(spec, ref, body)
        case "scheduleactionsforrules" where spec.type == .deviceCompliancePolicy,
            "setscheduledactions" where spec.type == .compliancePolicy:
            try requireWrite(spec, caller)
            let list = body["deviceComplianceScheduledActionForRules"] ?? body["scheduledActions"]
            try WriteRules.checkDevicePolicy(
                spec, .object([("scheduledActionsForRule", list ?? .null)]), isCreate: true)
            var children: [World.Child] = []
            for item in list?.items ?? [] { children.append(newChild(item, "scheduledActionsForRule", children.count)) }
            world.setChildren(ref, "scheduledActionsForRule", children)
            touch(spec, ref)
            return .noContent
        case "assignlicense" where spec.type == .user || spec.type == .group:
            try require(["LicenseAssignment.ReadWrite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"], caller)
            return try assignLicence(spec, ref, body, caller)
        case "addpassword", "removepassword", "addkey":
            try requireWrite(spec, caller)
            return try credential(name.lowercased(), ref, body)
        case "updateallowedcombinations" where spec.type == .authenticationStrengthPolicy:
            try requireWrite(spec, caller)
            guard world.text(ref, "policyType") == "custom" else {
                throw .badRequest("Built-in policies cannot be changed.", code: "BadRequest")
            }
            guard let list = body["allowedCombinations"] else {
                throw .badRequest("allowedCombinations is missing.", code: "BadRequest")
            }
            let old = world.value(ref, "allowedCombinations") ?? .array([])
            world.update(ref, [("allowedCombinations", list.encoded)])
            touch(spec, ref)
            return .json(200, .object([("previousCombinations", old), ("currentCombinations", list)]))
        default: throw .unknownSegment(name)
        }
    }

    /// Replaces all assignments of a policy.
    private mutating func assign(_ spec: TypeSpec, _ ref: World.Ref, _ body: SimulatedJSON) throws(GraphFailure)
        -> GraphResponse
    {
        guard let items = body["assignments"]?.items else { throw WriteRules.intune("Assignments are missing.") }
        var children: [World.Child] = []
        for item in items {
            guard let target = item["target"], target["@odata.type"]?.text != nil else {
                throw WriteRules.intune("The assignment's target has no type.")
            }
            if let group = target["groupId"]?.text {
                guard let found = world.ref(.group, group), world.isPresent(found) else {
                    throw WriteRules.intune("The group \(group) does not exist.")
                }
            }
            let assignment = world.completedAssignment(item, of: ref, &random)
            children.append(World.Child(id: assignment["id"]?.text, json: assignment.encoded))
        }
        world.setChildren(ref, "assignments", children)
        if world.json(ref, "isAssigned") != nil {
            world.update(ref, [("isAssigned", Array((children.isEmpty ? "false" : "true").utf8))])
        }
        let list = children.compactMap { try? SimulatedJSON.parse($0.json) }
        return .json(200, .object([("value", .array(list))]))
    }

    private mutating func assignLicence(
        _ spec: TypeSpec, _ ref: World.Ref, _ body: SimulatedJSON, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        guard let added = body["addLicenses"]?.items, let removed = body["removeLicenses"]?.items else {
            throw .badRequest("addLicenses and removeLicenses are both required.")
        }
        if spec.type == .user, !added.isEmpty, world.text(ref, "usageLocation") == nil {
            throw .badRequest("License assignment cannot be done for user with invalid usage location.")
        }
        var list = world.value(ref, "assignedLicenses")?.items ?? []
        for id in removed {
            guard list.contains(where: { $0["skuId"] == id }) else {
                throw .badRequest("User does not have a corresponding license.")
            }
            list.removeAll { $0["skuId"] == id }
        }
        for licence in added {
            guard let sku = licence["skuId"]?.text,
                let product = world.presentRefs(.subscribedSku).first(where: { world.text($0, "skuId") == sku })
            else {
                throw .badRequest(
                    "License \(licence["skuId"]?.text ?? "") does not correspond to a valid company License.")
            }
            let free =
                (world.value(product, "prepaidUnits")?["enabled"]?.integer ?? 0)
                - (world.value(product, "consumedUnits")?.integer ?? 0)
            guard free > 0 else {
                throw .badRequest("Subscription with SKU \(sku) does not have any available licenses.")
            }
            list.removeAll { $0["skuId"] == licence["skuId"] }
            list.append(.object([("disabledPlans", licence["disabledPlans"] ?? .array([])), ("skuId", .string(sku))]))
        }
        world.update(ref, [("assignedLicenses", SimulatedJSON.array(list).encoded)])
        if spec.type == .user { stateLicences(ref, added, removed) }
        audit("Change user license", ref, caller)
        return .json(200, .object([("id", .string(world.id(ref))), ("assignedLicenses", .array(list))]))
    }

    /// The states that tell where licences come from: those assigned here come from nobody else.
    private mutating func stateLicences(_ ref: World.Ref, _ added: [SimulatedJSON], _ removed: [SimulatedJSON]) {
        let changed = removed + added.compactMap { $0["skuId"] }
        var states = (world.value(ref, "licenseAssignmentStates")?.items ?? []).filter { state in
            let isDirect = state["assignedByGroup"] == nil || state["assignedByGroup"] == .null
            return !isDirect || !changed.contains { $0 == state["skuId"] }
        }
        for licence in added {
            states.append(
                .object([
                    ("assignedByGroup", .null), ("disabledPlans", licence["disabledPlans"] ?? .array([])),
                    ("error", .string("None")), ("lastUpdatedDateTime", .string(Timestamp.text(world.now))),
                    ("skuId", licence["skuId"] ?? .null), ("state", .string("Active")),
                ]))
        }
        world.update(ref, [("licenseAssignmentStates", SimulatedJSON.array(states).encoded)])
    }

    private mutating func credential(_ name: String, _ ref: World.Ref, _ body: SimulatedJSON) throws(GraphFailure)
        -> GraphResponse
    {
        var list = world.value(ref, "passwordCredentials")?.items ?? []
        guard name != "removepassword" else {
            guard list.contains(where: { $0["keyId"] == body["keyId"] }) else {
                throw .badRequest("No password credential found with keyId.")
            }
            list.removeAll { $0["keyId"] == body["keyId"] }
            world.update(ref, [("passwordCredentials", SimulatedJSON.array(list).encoded)])
            return .noContent
        }
        let secret = random.base64ID(bytes: 30)
        let wanted = body["passwordCredential"] ?? .object([])
        var credential: SimulatedJSON = .object([
            ("customKeyIdentifier", .null), ("displayName", wanted["displayName"] ?? .null),
            ("endDateTime", wanted["endDateTime"] ?? .string(Timestamp.text(world.now + 63_072_000))),
            ("hint", .string(String(secret.prefix(3)))), ("keyId", .string(random.guid())), ("secretText", .null),
            ("startDateTime", .string(Timestamp.text(world.now))),
        ])
        list.append(credential)
        world.update(ref, [("passwordCredentials", SimulatedJSON.array(list).encoded)])
        credential["secretText"] = .string(secret)
        return .json(200, credential)
    }

    /// Requests of privileged identity management.
    mutating func requestSchedule(
        _ type: SimulatedType, _ body: SimulatedJSON, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        try require([type.spec.writePermission, "RoleManagement.ReadWrite.Directory"].compactMap { $0 }, caller)
        let role = body["roleDefinitionId"]?.text ?? ""
        let principal = body["principalId"]?.text ?? ""
        let scope = body["directoryScopeId"]?.text ?? "/"
        guard world.ref(.unifiedRoleDefinition, role) != nil else {
            throw .badRequest("The role definition does not exist.", code: "RoleNotFound")
        }
        guard let target = world.directoryObject(principal), world.isPresent(target) else {
            throw .badRequest("The subject is not found.", code: "SubjectNotFound")
        }
        let existing = world.presentRefs(type).first {
            world.text($0, "roleDefinitionId") == role && world.text($0, "principalId") == principal
                && world.text($0, "directoryScopeId") == scope
        }
        let id = random.guid()
        switch body["action"]?.text {
        case "adminAssign":
            guard existing == nil else {
                throw .badRequest("The Role assignment already exists.", code: "RoleAssignmentExists")
            }
            try checkSchedule(type, target, role, body)
            addSchedule(type, id, role, target, scope, body)
        case "adminRemove":
            guard let existing else {
                throw .badRequest("The Role assignment does not exist.", code: "RoleAssignmentDoesNotExist")
            }
            if type == .unifiedRoleAssignmentSchedule,
                let assignment = world.ref(.unifiedRoleAssignment, world.id(existing))
            {
                world.removeRoleAssignment(assignment)
            } else {
                world.purge(existing)
            }
        case "adminUpdate":
            guard let existing else {
                throw .badRequest("The Role assignment does not exist.", code: "RoleAssignmentDoesNotExist")
            }
            try checkSchedule(type, target, role, body)
            world.update(existing, [("scheduleInfo", (body["scheduleInfo"] ?? .null).encoded)])
        default: throw .badRequest("The action is not supported for applications.", code: "InvalidAction")
        }
        var answer = body
        answer["id"] = .string(id)
        answer["status"] = .string(body["action"]?.text == "adminRemove" ? "Revoked" : "Provisioned")
        answer["targetScheduleId"] = .string(id)
        return .json(201, answer)
    }

    private func checkSchedule(
        _ type: SimulatedType, _ target: World.Ref, _ role: String, _ body: SimulatedJSON
    ) throws(GraphFailure) {
        let isGroup = world.type(target) == .group && world.value(target, "isAssignableToRole")?.boolean ?? false
        if type == .unifiedRoleEligibilitySchedule, world.type(target) != .user, !isGroup {
            throw .badRequest("Only users and role-assignable groups can be eligible.", code: "InvalidSubject")
        }
        guard let expiration = body["scheduleInfo"]?["expiration"]?["type"]?.text else {
            throw .badRequest("scheduleInfo is required.", code: "InvalidScheduleInfo")
        }
        let policyID = world.presentRefs(.unifiedRoleManagementPolicyAssignment)
            .first { world.text($0, "roleDefinitionId") == role }.flatMap { world.text($0, "policyId") }
        guard let policy = policyID.flatMap({ world.ref(.unifiedRoleManagementPolicy, $0) }) else { return }
        let rules = world.children(policy, "rules").compactMap { try? SimulatedJSON.parse($0.json) }
        let rule = rules.first { $0["id"]?.text == "Expiration_Admin_Eligibility" }
        if rule?["isExpirationRequired"]?.boolean ?? false, expiration == "noExpiration" {
            throw .badRequest(
                "The following policy rules failed: [\"ExpirationRule\"]",
                code: "RoleAssignmentRequestPolicyValidationFailed")
        }
    }

    private mutating func addSchedule(
        _ type: SimulatedType, _ id: String, _ role: String, _ target: World.Ref, _ scope: String, _ body: SimulatedJSON
    ) {
        guard type == .unifiedRoleEligibilitySchedule else {
            world.assignRole(role, target, scope: scope, id: id)
            if let schedule = world.ref(type, id) {
                world.update(schedule, [("scheduleInfo", world.started(body["scheduleInfo"]).encoded)])
                world.update(schedule, "createdDateTime", Timestamp.text(world.now))
                world.update(schedule, "createdUsing", id)
            }
            return
        }
        let time = SimulatedJSON.string(Timestamp.text(world.now))
        world.create(
            TenantGenerator.object(
                type,
                [
                    ("id", .string(id)), ("createdDateTime", time), ("createdUsing", .string(id)),
                    ("directoryScopeId", .string(scope)), ("memberType", .string("Direct")),
                    ("principalId", .string(world.id(target))), ("roleDefinitionId", .string(role)),
                    ("scheduleInfo", world.started(body["scheduleInfo"])), ("status", .string("Provisioned")),
                ], in: &world.shapes))
    }

    /// Invites a guest.
    mutating func invite(_ body: SimulatedJSON, _ request: GraphRequest, _ caller: Caller) throws(GraphFailure)
        -> GraphResponse
    {
        try require(["User.Invite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"], caller)
        guard let mail = body["invitedUserEmailAddress"]?.text, body["inviteRedirectUrl"]?.text != nil else {
            throw .badRequest("invitedUserEmailAddress and inviteRedirectUrl are required.")
        }
        let initial =
            world.presentRefs(.domain).first { world.value($0, "isInitial")?.boolean ?? false }.map { world.id($0) }
            ?? ""
        let local = mail.split(separator: "@").joined(separator: "_")
        let id = random.guid()
        let ref = world.create(
            TenantGenerator.object(
                .user,
                [
                    ("id", .string(id)), ("accountEnabled", .bool(true)), ("creationType", .string("Invitation")),
                    ("displayName", body["invitedUserDisplayName"] ?? .string(mail)), ("mail", .string(mail)),
                    ("mailNickname", .string("\(local)#EXT#")), ("userType", .string("Guest")),
                    ("userPrincipalName", .string("\(local)#EXT#@\(initial)")),
                    ("externalUserState", .string("PendingAcceptance")),
                    ("businessPhones", .array([])), ("otherMails", .array([.string(mail)])),
                    ("assignedLicenses", .array([])),
                    ("createdDateTime", .string(Timestamp.text(world.now))),
                    ("proxyAddresses", .array([.string("SMTP:\(mail)")])),
                ], in: &world.shapes))
        audit("Invite external user", ref, caller)
        var answer = body
        answer["id"] = .string(random.guid())
        answer["status"] = .string("PendingAcceptance")
        answer["invitedUser"] = .object([("id", .string(id))])
        return .json(201, answer)
    }
}
