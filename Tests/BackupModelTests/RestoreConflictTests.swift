import BackupModel
import Testing

@Suite("Restore conflicts") struct RestoreConflictTests {
    private typealias Subject = RestorePlanner.Subject

    private func user(_ more: JSONObject = [:]) -> ObjectDocument {
        var attributes: JSONObject = ["displayName": "U", "userPrincipalName": "u@x.example", "usageLocation": "DE"]
        for (name, value) in more { attributes[name] = value }
        return ObjectDocument(type: "user", id: RestoreTable.id, attributes: attributes)
    }

    private func group(_ more: JSONObject = [:]) -> ObjectDocument {
        var attributes: JSONObject = ["displayName": "G", "mailEnabled": false, "securityEnabled": true]
        for (name, value) in more { attributes[name] = value }
        return ObjectDocument(type: "group", id: RestoreTable.id, attributes: attributes)
    }

    private func missing(
        _ document: ObjectDocument, _ facts: (inout RestoreFacts) -> Void = { _ in }
    ) throws -> RestorePlan {
        try RestoreTable.plan([Subject(type: document.type, wanted: document, live: nil)], facts: facts)
    }

    private func changed(
        _ wanted: ObjectDocument, _ live: ObjectDocument, _ facts: (inout RestoreFacts) -> Void = { _ in }
    ) throws -> RestorePlan {
        try RestoreTable.plan([Subject(type: wanted.type, wanted: wanted, live: live)], facts: facts)
    }

    private func expect(
        _ plan: RestorePlan, _ conflicts: [String], steps: Int = 0, at place: SourceLocation = #_sourceLocation
    ) {
        #expect(plan.conflicts.map(\.code) == conflicts, sourceLocation: place)
        #expect(plan.steps.count == steps, sourceLocation: place)
        #expect(plan.conflicts.allSatisfy { !$0.message.isEmpty && !$0.hint.isEmpty }, sourceLocation: place)
    }

    @Test func `A userPrincipalName that somebody else has`() throws {
        let taken = ["u@x.example": RestoreTable.other(1)]
        expect(try missing(user()) { $0.userPrincipalNames = taken }, ["userPrincipalNameTaken"])
        expect(
            try missing(user()) { facts in
                facts.userPrincipalNames = taken
                facts.recycleBin = [RestoreTable.id: user()]
            }, ["userPrincipalNameTaken"])
        let now = user(["userPrincipalName": "v@x.example", "jobTitle": "J"])
        let plan = try changed(user(), now) { $0.userPrincipalNames = taken }
        expect(plan, ["userPrincipalNameTaken"], steps: 1)
        #expect(plan.steps.first?.attributes.map(\.path.description) == ["/jobTitle"])
        expect(
            try changed(user(), now) { $0.userPrincipalNames = ["u@x.example": RestoreTable.id] }, [], steps: 1)
    }

    @Test func `A domain that is not verified`() throws {
        expect(try missing(user()) { $0.verifiedDomains = ["y.example"] }, ["domainNotVerified"])
        expect(try missing(user()) { $0.verifiedDomains = ["x.example"] }, [], steps: 1)
    }

    @Test func `Synchronised objects are changed on premises`() throws {
        expect(try missing(user(["onPremisesSyncEnabled": true])), ["syncedFromOnPremises"])
        let live = user(["onPremisesSyncEnabled": true, "jobTitle": "B", "usageLocation": "FR"])
        let plan = try changed(user(["onPremisesSyncEnabled": true, "jobTitle": "A"]), live)
        expect(plan, ["syncedFromOnPremises"], steps: 1)
        #expect(plan.steps.first?.attributes.map(\.path.description) == ["/usageLocation"])
        var wanted = group(["onPremisesSyncEnabled": true])
        let now = wanted
        wanted.setLinks("members", [RestoreTable.other(1)])
        expect(try changed(wanted, now), ["syncedFromOnPremises"])
        expect(
            try RestoreTable.plan([Subject(type: "user", wanted: nil, live: live)]), ["syncedFromOnPremises"])
    }

    @Test func `The members of dynamic groups come by rule`() throws {
        var wanted = group(["groupTypes": ["DynamicMembership"], "membershipRule": "user.city -eq \"X\""])
        let live = wanted
        wanted.setLinks("members", [RestoreTable.other(1)])
        expect(try changed(wanted, live), ["groupIsDynamic"])
        let created = try missing(wanted)
        expect(created, [], steps: 1)
        #expect(created.steps.map(\.action) == [.create])
        var unit = ObjectDocument(
            type: "administrativeUnit", id: RestoreTable.id, attributes: ["membershipType": "Dynamic"])
        let now = unit
        unit.setLinks("members", [RestoreTable.other(1)])
        expect(try changed(unit, now), ["groupIsDynamic"])
    }

    @Test func `Groups of Exchange are not written`() throws {
        let list = group(["mailEnabled": true, "securityEnabled": false])
        expect(try missing(list), ["mailEnabledGroup"])
        var live = list
        live.attributes["displayName"] = "H"
        expect(try changed(list, live), ["mailEnabledGroup"])
        expect(try missing(group(["mailEnabled": true, "groupTypes": ["Unified"]])), [], steps: 1)
    }

    @Test func `Role-assignable groups need a permission of their own`() throws {
        let special = group(["isAssignableToRole": true])
        let some: Set<String> = ["Group.ReadWrite.All"]
        expect(try missing(special) { $0.writePermissions = some }, ["roleAssignable"])
        let more = some.union(["RoleManagement.ReadWrite.Directory"])
        expect(try missing(special) { $0.writePermissions = more }, [], steps: 1)
        expect(try changed(special, group(["isAssignableToRole": false])), ["roleAssignable"])
    }

    @Test func `Attributes that only a creation sets are named`() throws {
        let plan = try changed(group(["groupTypes": ["Unified"]]), group(["groupTypes": []]))
        expect(plan, ["createOnly"])
        #expect(plan.conflicts.first?.message.contains("groupTypes") == true)
        expect(
            try changed(group(["groupTypes": ["DynamicMembership"]]), group(["groupTypes": []])), [], steps: 1)
    }

    @Test func `Objects in a restricted unit`() throws {
        expect(
            try changed(user(["jobTitle": "A"]), user(["jobTitle": "B", "isManagementRestricted": true])),
            ["restrictedUnit"])
    }

    @Test func `Permissions that are missing are said once for a type`() throws {
        let users = (1...3).map { number in
            Subject(
                type: "user", wanted: ObjectDocument(type: "user", id: RestoreTable.other(number + 50)), live: nil)
        }
        expect(
            try RestoreTable.plan(users, facts: { $0.writePermissions = ["Group.ReadWrite.All"] }),
            ["permissionMissing"])
        let binned = try missing(user()) { facts in
            facts.writePermissions = ["User.ReadWrite.All"]
            facts.recycleBin = [RestoreTable.id: user()]
        }
        expect(binned, [], steps: 1)
        let live = user(["customSecurityAttributes": [:]])
        let plan = try changed(user(["customSecurityAttributes": ["S": ["a": "b"]], "city": "C"]), live) {
            $0.writePermissions = ["User.ReadWrite.All"]
        }
        expect(plan, ["permissionMissing"], steps: 1)
        #expect(plan.conflicts.first?.message.contains("CustomSecAttributeAssignment") == true)
    }

    @Test func `What refers to nothing is not written, and takes what needs it along`() throws {
        func assignment(_ resource: String) -> ObjectDocument {
            ObjectDocument(
                type: "appRoleAssignment", id: "a",
                attributes: ["principalId": .string(RestoreTable.other(1)), "resourceId": .string(resource)])
        }
        expect(try missing(assignment(RestoreTable.id)), ["referenceMissing"])
        let managed = ObjectDocument(
            type: "servicePrincipal", id: RestoreTable.id, attributes: ["servicePrincipalType": "ManagedIdentity"])
        let both = try RestoreTable.plan([
            Subject(type: "appRoleAssignment", wanted: assignment(RestoreTable.id), live: nil),
            Subject(type: "servicePrincipal", wanted: managed, live: nil),
        ])
        expect(both, ["managedIdentity", "referenceMissing"])
        var wanted = group()
        wanted.setLinks("members", [RestoreTable.other(1), RestoreTable.other(2)])
        let plan = try changed(wanted, group()) { $0.typeOf = { $0 == RestoreTable.other(1) ? "user" : nil } }
        expect(plan, ["referenceMissing"], steps: 1)
        #expect(plan.steps.first?.links.first?.added == [RestoreTable.other(1)])
    }

    @Test func `A policy that would name what is gone is left alone`() throws {
        let policy = ObjectDocument(
            type: "conditionalAccessPolicy", id: RestoreTable.other(8),
            attributes: ["state": "disabled", "conditions": ["users": ["excludeGroups": [.string(RestoreTable.id)]]]])
        expect(try missing(policy), ["referenceMissing"])
        var live = policy
        live.attributes["conditions"] = ["users": ["includeUsers": ["None"]]]
        expect(try changed(policy, live), ["referenceMissing"])
        let along = try RestoreTable.plan([
            Subject(type: policy.type, wanted: policy, live: nil),
            Subject(type: "group", wanted: group(), live: nil, isReferred: true),
        ]) { $0.types = ["conditionalAccessPolicy"] }
        expect(along, [], steps: 2)
    }

    @Test func `An assignment to a group that is gone is left out of the whole`() throws {
        func policy(_ groups: [String]) -> ObjectDocument {
            ObjectDocument(
                type: "configurationPolicy", id: RestoreTable.other(8), attributes: ["name": "N"],
                children: ["assignments": .init(groups.map { ["id": "x", "target": ["groupId": .string($0)]] })])
        }
        let plan = try changed(policy([RestoreTable.id, RestoreTable.other(1)]), policy([]))
        expect(plan, ["referenceMissing"], steps: 1)
        #expect(plan.steps.first?.children.first?.to?.count == 1)
    }

    @Test func `Licences: the pool, the place of use, those of groups`() throws {
        let sku = RestoreTable.other(77)
        let licensed = user(["assignedLicenses": [["skuId": .string(sku), "disabledPlans": []]]])
        let plan = try changed(licensed, user()) { $0.freeLicences = [sku: 1] }
        expect(plan, [], steps: 1)
        #expect(plan.steps.first?.children.first?.name == "licenses")
        expect(try changed(licensed, user()) { $0.freeLicences = [sku: 0] }, ["licencesExhausted"])
        let nowhere = user(["usageLocation": .null, "assignedLicenses": [["skuId": .string(sku)]]])
        expect(try changed(nowhere, user(["usageLocation": .null])), ["usageLocationMissing"])
        let inherited = user([
            "assignedLicenses": [["skuId": .string(sku)]],
            "licenseAssignmentStates": [["skuId": .string(sku), "assignedByGroup": .string(RestoreTable.other(1))]],
        ])
        expect(try changed(inherited, user()), [])
    }

    @Test func `Types that the snapshot lacks, or that cannot be read`() throws {
        let source = try missing(user()) { $0.unreadInSource = ["user": "refused"] }
        expect(source, ["notRead"])
        let live = try missing(user()) { $0.unreadLive = ["user": "refused", "directoryAudit": "refused"] }
        expect(live, ["notRead"])
    }

    @Test func `Guests are invited, domains verified, devices registered by people`() throws {
        let guest = user(["userPrincipalName": "g_y.example#EXT#@x.example", "userType": "Guest"])
        #expect(try missing(guest).todos.map(\.code) == ["inviteGuest"])
        #expect(try missing(ObjectDocument(type: "domain", id: "x.example")).todos.map(\.code) == ["verifyDomain"])
        #expect(try missing(RestoreTable.document("device")).todos.map(\.code) == ["registerDevice"])
    }

    @Test func `What backs up and restores the tenant is never deleted`() throws {
        let application = ObjectDocument(
            type: "application", id: RestoreTable.id, attributes: ["appId": .string(RestoreTable.other(1))])
        expect(
            try RestoreTable.plan(
                [Subject(type: "application", wanted: nil, live: application)],
                facts: { $0.ownClientIDs = [RestoreTable.other(1)] }), ["ownApplication"])
    }

    @Test func `A role held for a time does not come back for good`() throws {
        let attributes: JSONObject = [
            "principalId": .string(RestoreTable.other(1)), "roleDefinitionId": .string(RestoreTable.other(2)),
            "directoryScopeId": "/",
        ]
        let assignment = ObjectDocument(type: "unifiedRoleAssignment", id: "a", attributes: attributes)
        func schedule(_ more: JSONObject) -> ObjectDocument {
            var attributes = attributes
            for (name, value) in more { attributes[name] = value }
            return ObjectDocument(type: "unifiedRoleAssignmentSchedule", id: "s", attributes: attributes)
        }
        func types(_ more: JSONObject) throws -> [String] {
            try RestoreTable.plan([
                Subject(type: assignment.type, wanted: assignment, live: nil),
                Subject(type: "unifiedRoleAssignmentSchedule", wanted: schedule(more), live: nil),
            ]).steps.map(\.type)
        }
        #expect(try types(["assignmentType": "Activated"]) == [])
        #expect(
            try types(["assignmentType": "Assigned", "scheduleInfo": ["expiration": ["type": "afterDateTime"]]])
                == ["unifiedRoleAssignmentSchedule"])
        #expect(
            try types(["assignmentType": "Assigned", "scheduleInfo": ["expiration": ["type": "noExpiration"]]])
                == ["unifiedRoleAssignment"])
    }

    @Test func `A part of an object that is gone cannot be set`() throws {
        let plan = try RestoreTable.plan([Subject(type: "user", wanted: user(), live: nil)]) { options in
            options.ids = [RestoreTable.id]
            options.attributes = ["jobTitle"]
        }
        expect(plan, ["objectMissing"])
    }

    @Test func `The names of extension attributes follow their application`() throws {
        let (old, new) = (RestoreTable.other(61), RestoreTable.other(62))
        func name(_ appID: String) -> String { "extension_" + appID.filter { $0 != "-" } + "_rank" }
        let map = IDMap([old: new])
        let now = user([name(new): "1"])
        expect(try changed(user([name(old): "1"]), now) { $0.map = map }, [])
        let plan = try changed(user([name(old): "2"]), now) { $0.map = map }
        #expect(plan.steps.first?.attributes.map(\.path.tokens) == [[name(new)]])
        // While the application itself is made anew, its attributes are written after it.
        let application = ObjectDocument(
            type: "application", id: RestoreTable.other(60), attributes: ["appId": .string(old), "displayName": "A"],
            children: ["extensionProperties": [["name": .string(name(old)), "dataType": "String"]]])
        let both = try RestoreTable.plan([
            Subject(type: "user", wanted: user([name(old): "2"]), live: nil),
            Subject(type: "application", wanted: application, live: nil),
        ])
        #expect(both.steps.map(\.action) == [.create, .create, .children, .update])
        #expect(both.steps[0].document?.attributes[name(old)] == nil)
    }

    // MARK: Into another tenant

    @Test func `Into another tenant: domains are mapped, users matched by name, what is built in stays`() throws {
        let (here, there) = (
            try #require(TenantID(RestoreTable.other(1))), try #require(TenantID(RestoreTable.other(2)))
        )
        let role = ObjectDocument(
            type: "unifiedRoleDefinition", id: RestoreTable.other(31),
            attributes: ["isBuiltIn": true, "displayName": "R"])
        let team = ObjectDocument(
            type: "group", id: RestoreTable.other(43), attributes: ["displayName": "T"],
            links: ["members": [RestoreTable.id, RestoreTable.other(42)]])
        let twin = ObjectDocument(
            type: "user", id: RestoreTable.other(41),
            attributes: ["userPrincipalName": "U@new.example", "displayName": "Old"])
        let other = ObjectDocument(
            type: "user", id: RestoreTable.other(42),
            attributes: ["userPrincipalName": "w@old.example", "displayName": "W", "onPremisesSyncEnabled": true])
        let subjects = [
            Subject(type: "user", wanted: user(["userPrincipalName": "u@old.example"]), live: nil),
            Subject(type: "user", wanted: nil, live: twin), Subject(type: "user", wanted: other, live: nil),
            Subject(type: role.type, wanted: role, live: nil), Subject(type: "group", wanted: team, live: nil),
        ]
        let planner = RestorePlanner(
            facts: RestoreFacts(typeOf: { $0 == twin.id ? "user" : nil }, verifiedDomains: ["new.example"]),
            options: RestoreOptions(domains: ["old.example": "new.example"]))
        let plan = planner.plan(subjects, tenant: there, source: here, snapshot: 1, liveSnapshot: 1)
        #expect(plan.conflicts.isEmpty)
        #expect(plan.steps.map(\.action) == [.create, .update, .create, .link])
        #expect(plan.steps[0].document?.attributes["userPrincipalName"] == "w@new.example")
        #expect(plan.steps[1].id == RestoreTable.id)
        #expect(plan.steps[3].links.first?.added == [twin.id, other.id])
        #expect(
            planner.matches(subjects) == [
                RestoreResult.NewID(type: "user", from: RestoreTable.id, to: RestoreTable.other(41))
            ])
    }
}
