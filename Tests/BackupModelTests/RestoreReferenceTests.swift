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
}
