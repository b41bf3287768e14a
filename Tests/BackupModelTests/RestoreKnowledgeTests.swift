import BackupModel
import Testing

/// What a plan makes of what is known, and of what is not.
@Suite("Restore plans, by what is known") struct RestoreKnowledgeTests {
    private typealias Subject = RestorePlanner.Subject

    @Test func `A sub-collection that the snapshot saw empty is emptied, one that it never read is left alone`() throws
    {
        let wanted = ObjectDocument(type: "roleScopeTag", id: "3", attributes: ["displayName": "T"])
        var live = wanted
        live.children["assignments"] = [["id": "x", "target": ["groupId": .string(RestoreTable.other(1))]]]
        let subject = Subject(type: wanted.type, wanted: wanted, live: live)
        #expect(try RestoreTable.plan([subject]).steps.isEmpty)
        let plan = try RestoreTable.plan([subject], facts: { $0.completeParts = ["roleScopeTag": ["assignments"]] })
        #expect(plan.steps.map(\.action) == [.children])
        #expect(plan.steps.first?.children.first?.to == [])
        let other = try RestoreTable.plan([subject], facts: { $0.completeParts = ["roleScopeTag": ["other"]] })
        #expect(other.steps.isEmpty)
    }

    @Test func `A service principal from the recycle bin is made anew when its application is`() throws {
        let appID = JSONValue.string(RestoreTable.other(20))
        let application = ObjectDocument(
            type: "application", id: RestoreTable.id, attributes: ["displayName": "A", "appId": appID])
        let principal = ObjectDocument(
            type: "servicePrincipal", id: RestoreTable.other(21), attributes: ["displayName": "A", "appId": appID])
        let subjects = [application, principal].map { Subject(type: $0.type, wanted: $0, live: nil) }
        let plan = try RestoreTable.plan(subjects, facts: { $0.recycleBin = [principal.id: principal] })
        #expect(
            plan.steps.map { "\($0.action) \($0.type)" } == ["create application", "create servicePrincipal"])
        let alone = try RestoreTable.plan([subjects[1]], facts: { $0.recycleBin = [principal.id: principal] })
        #expect(alone.steps.map(\.action) == [.undelete])
    }

    @Test func `A service principal that is there cannot take over a new appId, and a person is told`() throws {
        let appID = JSONValue.string(RestoreTable.other(20))
        let application = ObjectDocument(
            type: "application", id: RestoreTable.id, attributes: ["displayName": "A", "appId": appID])
        let principal = ObjectDocument(
            type: "servicePrincipal", id: RestoreTable.other(21), attributes: ["displayName": "A", "appId": appID])
        var live = principal
        live.attributes["displayName"] = "B"
        let plan = try RestoreTable.plan([
            Subject(type: application.type, wanted: application, live: nil),
            Subject(type: principal.type, wanted: principal, live: live),
        ])
        #expect(plan.todos.filter { $0.code == "replacePrincipal" }.map(\.id) == [principal.id])
    }

    @Test func `Members that come by a rule are named to a person`() throws {
        let group = ObjectDocument(
            type: "group", id: RestoreTable.id,
            attributes: [
                "displayName": "G", "mailEnabled": false, "securityEnabled": true, "mailNickname": "g",
                "groupTypes": ["DynamicMembership"], "membershipRule": "user.city -eq \"B\"",
            ], links: ["members": [RestoreTable.other(1)]])
        let plan = try RestoreTable.plan([Subject(type: "group", wanted: group, live: nil)])
        #expect(plan.steps.map(\.action) == [.create])
        #expect(plan.todos.map(\.code) == ["membersByRule"])
    }

    @Test func `The members of a role come back with its assignments, or by themselves`() throws {
        let role = ObjectDocument(
            type: "directoryRole", id: RestoreTable.id, attributes: ["roleTemplateId": .string(RestoreTable.other(9))],
            links: ["members": [RestoreTable.other(1), RestoreTable.other(2)]])
        var live = role
        live.setLinks("members", [RestoreTable.other(2), RestoreTable.other(3)])
        let roles = Subject(type: role.type, wanted: role, live: live)
        let assignment = ObjectDocument(
            type: "unifiedRoleAssignment", id: "assignment",
            attributes: [
                "principalId": .string(RestoreTable.other(1)), "roleDefinitionId": .string(RestoreTable.other(9)),
                "directoryScopeId": "/",
            ])
        let alone = try RestoreTable.plan([roles])
        #expect(alone.steps.flatMap(\.links).map(\.added) == [[RestoreTable.other(1)]])
        #expect(alone.steps.flatMap(\.links).map(\.removed) == [[RestoreTable.other(3)]])
        let both = try RestoreTable.plan([roles, Subject(type: assignment.type, wanted: assignment, live: nil)])
        #expect(both.steps.map(\.action) == [.link, .create])
        #expect(both.steps.flatMap(\.links).map(\.added) == [[]])
        #expect(both.steps.flatMap(\.links).map(\.removed) == [[RestoreTable.other(3)]])
    }

    @Test func `A role restored by its id takes the lost assignments of its members along`() throws {
        let role = ObjectDocument(
            type: "directoryRole", id: RestoreTable.id, attributes: ["roleTemplateId": .string(RestoreTable.other(9))],
            links: ["members": [RestoreTable.other(1)]])
        var live = role
        live.setLinks("members", [])
        let subjects = [1, 2].map { member in
            Subject(
                type: "unifiedRoleAssignment",
                wanted: ObjectDocument(
                    type: "unifiedRoleAssignment", id: "assignment \(member)",
                    attributes: [
                        "principalId": .string(RestoreTable.other(member)),
                        "roleDefinitionId": .string(RestoreTable.other(9)), "directoryScopeId": "/",
                    ]), live: nil)
        }
        let plan = try RestoreTable.plan(
            subjects + [Subject(type: role.type, wanted: role, live: live)], change: { $0.ids = [RestoreTable.id] })
        #expect(plan.steps.map(\.id) == ["assignment 1"])
    }

    @Test func `A policy that names a scope tag with a new id is mended`() throws {
        let tag = ObjectDocument(type: "roleScopeTag", id: "3", attributes: ["displayName": "T"])
        let policy = ObjectDocument(
            type: "assignmentFilter", id: RestoreTable.other(30),
            attributes: ["displayName": "F", "roleScopeTags": ["0", "3"]])
        let other = ObjectDocument(
            type: "assignmentFilter", id: RestoreTable.other(31),
            attributes: ["displayName": "G", "roleScopeTags": ["0"]])
        let plan = try RestoreTable.plan(
            [Subject(type: tag.type, wanted: tag, live: nil)]
                + [policy, other].map { Subject(type: $0.type, wanted: $0, live: $0) })
        #expect(plan.steps.map { "\($0.action) \($0.id)" } == ["create 3", "update \(policy.id)"])
    }

    @Test func `A schedule that lasts comes back with its assignment, which has the same id`() throws {
        let attributes: JSONObject = [
            "principalId": .string(RestoreTable.other(1)), "roleDefinitionId": .string(RestoreTable.other(9)),
            "directoryScopeId": "/", "scheduleInfo": ["expiration": ["type": "noExpiration"]],
        ]
        let subjects = ["unifiedRoleAssignment", "unifiedRoleAssignmentSchedule"].map { type in
            Subject(type: type, wanted: ObjectDocument(type: type, id: "one", attributes: attributes), live: nil)
        }
        #expect(try RestoreTable.plan(subjects).steps.map(\.type) == ["unifiedRoleAssignment"])
    }

    @Test func `What refers to a type that was not asked for is written`() throws {
        let policy = ObjectDocument(
            type: "conditionalAccessPolicy", id: RestoreTable.other(30),
            attributes: [
                "displayName": "P", "state": "disabled",
                "conditions": ["locations": ["includeLocations": [.string(RestoreTable.id)]]],
            ])
        let subject = Subject(type: policy.type, wanted: policy, live: nil)
        #expect(try RestoreTable.plan([subject]).conflicts.map(\.code) == ["referenceMissing"])
        let plan = try RestoreTable.plan([subject], facts: { $0.unlisted = ["namedLocation"] })
        #expect(plan.conflicts.isEmpty && plan.steps.map(\.action) == [.create])
    }

    @Test func `A tenant that is synchronised is not itself synchronised from on premises`() throws {
        let wanted = ObjectDocument(
            type: "organization", id: RestoreTable.id,
            attributes: ["onPremisesSyncEnabled": true, "technicalNotificationMails": ["a@x.example"]])
        var live = wanted
        live.attributes["technicalNotificationMails"] = ["b@x.example"]
        let plan = try RestoreTable.plan([Subject(type: wanted.type, wanted: wanted, live: live)])
        #expect(plan.conflicts.isEmpty && plan.steps.map(\.action) == [.update])
    }

    @Test func `A link that is kept with the other side changes the other side too`() {
        let (application, policy) = (RestoreTable.other(41), RestoreTable.other(42))
        let token = RestoreStep(
            wave: 1, action: .link, type: "application", id: application, displayName: "a",
            links: [ObjectChange.Links(name: "tokenLifetimePolicies", added: [policy], removed: [])], reason: "r")
        #expect(token.changes() == [application, policy])
        let owner = RestoreStep(
            wave: 1, action: .link, type: "application", id: application, displayName: "a",
            links: [ObjectChange.Links(name: "owners", added: [policy], removed: [])], reason: "r")
        #expect(owner.changes() == [application])
    }
}
