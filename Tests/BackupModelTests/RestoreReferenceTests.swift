import BackupModel
import Testing

/// What a policy names and the tenant lacks.
@Suite("References of policies") struct RestoreReferenceTests {
    private typealias Subject = RestorePlanner.Subject

    private static let administrator = "62e90394-69f5-4237-9190-012177145e10"

    private func policy(applications: [JSONValue] = ["All"], roles: [JSONValue] = []) -> ObjectDocument {
        ObjectDocument(
            type: "conditionalAccessPolicy", id: RestoreTable.id,
            attributes: [
                "displayName": "P", "state": "disabled",
                "conditions": [
                    "applications": ["includeApplications": .array(applications)],
                    "users": ["includeUsers": ["All"], "includeRoles": .array(roles)],
                ],
            ])
    }

    private func plan(
        _ subjects: [Subject], roles: Set<String> = [RestoreReferenceTests.administrator]
    ) throws -> RestorePlan {
        try RestoreTable.plan(subjects) { options in
            options.newObjects = .keep
        } facts: { facts in
            facts.typeOf = { roles.contains($0) ? "unifiedRoleDefinition" : nil }
            facts.applicationIDs = [RestoreTable.other(61)]
        }
    }

    @Test func `An application needs a service principal, that is there or comes back`() throws {
        let there: JSONValue = .string(RestoreTable.other(61)), gone: JSONValue = .string(RestoreTable.other(62))
        let lost = Subject(type: "conditionalAccessPolicy", wanted: policy(applications: [there, gone]), live: nil)
        let refused = try plan([lost])
        #expect(refused.steps.isEmpty)
        #expect(refused.conflicts.map(\.code) == ["referenceMissing"])
        #expect(refused.conflicts.first?.message.contains(RestoreTable.other(62)) == true)

        let principal = ObjectDocument(
            type: "servicePrincipal", id: RestoreTable.other(63), attributes: ["displayName": "S", "appId": gone])
        let both = try plan([lost, Subject(type: principal.type, wanted: principal, live: nil)])
        #expect(both.conflicts.isEmpty)
        #expect(both.steps.filter { $0.action == .create }.map(\.type) == [principal.type, "conditionalAccessPolicy"])

        let fine = policy(applications: [there, "Office365"])
        #expect(try plan([Subject(type: fine.type, wanted: fine, live: nil)]).conflicts.isEmpty)
    }

    @Test func `A role must be one of those that were read; where none were, Graph judges`() throws {
        let named = policy(roles: [.string(Self.administrator), .string(RestoreTable.other(64))])
        let lost = [Subject(type: named.type, wanted: named, live: nil)]
        #expect(try plan(lost).conflicts.map(\.code) == ["referenceMissing"])
        #expect(try plan(lost, roles: []).conflicts.isEmpty)
        #expect(try plan(lost, roles: [Self.administrator, RestoreTable.other(64)]).conflicts.isEmpty)
    }

    @Test func `A service principal whose application was deleted before the snapshot is named, not tried`() throws {
        func principal(owner: Int) -> RestorePlanner.Subject {
            let attributes: JSONObject = [
                "displayName": "S", "appId": .string(RestoreTable.other(20)),
                "appOwnerOrganizationId": .string(RestoreTable.other(owner)),
            ]
            let document = ObjectDocument(
                type: "servicePrincipal", id: RestoreTable.other(21), attributes: attributes)
            return RestorePlanner.Subject(type: document.type, wanted: document, live: nil)
        }
        func codes(owner: Int, _ known: Set<String>?, _ more: [RestorePlanner.Subject] = []) throws -> [String] {
            let plan = try RestoreTable.plan([principal(owner: owner)] + more, facts: { $0.ownApplicationIDs = known })
            #expect(plan.steps.contains { $0.type == "servicePrincipal" } == plan.conflicts.isEmpty)
            return plan.conflicts.map(\.code)
        }
        let assignment = ObjectDocument(
            type: "appRoleAssignment", id: "a",
            attributes: [
                "principalId": .string(RestoreTable.other(1)), "resourceId": .string(RestoreTable.other(21)),
            ])
        let assigned = RestorePlanner.Subject(type: assignment.type, wanted: assignment, live: nil)
        #expect(try codes(owner: 999, [], [assigned]) == ["referenceMissing", "referenceMissing"])
        #expect(try codes(owner: 999, [RestoreTable.other(20)]) == [])
        #expect(try codes(owner: 999, nil) == [], "it is not known which applications there are")
        #expect(try codes(owner: 998, []) == [], "an application of somebody else")
        let application = ObjectDocument(
            type: "application", id: RestoreTable.id, attributes: ["appId": .string(RestoreTable.other(20))])
        let along = RestorePlanner.Subject(type: application.type, wanted: application, live: nil)
        #expect(try codes(owner: 999, [], [along]) == [])
    }

    @Test func `An assignment that somebody made again by hand is the one that was lost`() throws {
        let relations: [(type: String, names: [String])] = [
            ("appRoleAssignment", ["appRoleId", "principalId", "resourceId"]),
            ("oauth2PermissionGrant", ["clientId", "principalId", "resourceId"]),
            ("unifiedRoleAssignment", ["principalId", "roleDefinitionId"]),
        ]
        for relation in relations {
            func document(_ id: String, _ shift: Int) -> ObjectDocument {
                var attributes = JSONObject()
                for (place, name) in relation.names.enumerated() {
                    attributes[name] = .string(RestoreTable.other(30 + place + shift))
                }
                attributes["scope"] = relation.type == "oauth2PermissionGrant" ? "User.Read" : nil
                return ObjectDocument(type: relation.type, id: id, attributes: attributes)
            }
            func plan(_ shift: Int) throws -> RestorePlan {
                try RestoreTable.plan([
                    RestorePlanner.Subject(type: relation.type, wanted: document("lost", 0), live: nil),
                    RestorePlanner.Subject(type: relation.type, wanted: nil, live: document("again", shift)),
                ])
            }
            let same = try plan(0)
            #expect(same.steps.isEmpty && same.conflicts.isEmpty, "\(relation.type): \(same.steps.map(\.action))")
            #expect(try plan(1).steps.map(\.action) == [.create, .delete], "\(relation.type)")
        }
    }

    @Test func `Members by rule are looked at by a person after an undeletion too`() throws {
        let group = ObjectDocument(
            type: "group", id: RestoreTable.id,
            attributes: ["displayName": "G", "groupTypes": ["DynamicMembership"], "membershipRule": "true"],
            links: ["members": [RestoreTable.other(1)]])
        let plan = try RestoreTable.plan(
            [RestorePlanner.Subject(type: "group", wanted: group, live: nil)],
            facts: { $0.recycleBin = [group.id: group] })
        #expect(plan.steps.map(\.action) == [.undelete])
        #expect(plan.todos.map(\.code) == ["membersByRule"])
    }
}
