import BackupModel
import Testing

@Suite("Lock-out check") struct RestoreLockOutTests {
    static let role = LockOutCheck.globalAdministrator
    static let (ada, bob, spare) = (guid(1), guid(2), guid(3))
    static let (staff, inner, exempt) = (guid(11), guid(12), guid(13))

    static func guid(_ number: Int) -> String {
        "00000000-0000-0000-0001-" + String(repeating: "0", count: 12 - "\(number)".count) + "\(number)"
    }

    /// Two administrators (one through a nested group) and a spare one.
    static func tenant(_ policies: [ObjectDocument]) -> ConditionalAccessFacts {
        func user(_ id: String, _ name: String, _ more: JSONObject = [:]) -> ObjectDocument {
            var attributes: JSONObject = ["userPrincipalName": .string(name), "accountEnabled": true]
            for (name, value) in more { attributes[name] = value }
            return ObjectDocument(type: "user", id: id, attributes: attributes)
        }
        func holds(_ principal: String) -> ObjectDocument {
            ObjectDocument(
                type: "unifiedRoleAssignment", id: "a-" + principal,
                attributes: [
                    "principalId": .string(principal), "roleDefinitionId": .string(role), "directoryScopeId": "/",
                ])
        }
        return ConditionalAccessFacts(
            policies: policies, roleAssignments: [holds(ada), holds(staff)],
            members: [staff: [inner], inner: [bob], exempt: [ada]],
            users: [
                ada: user(ada, "ada@x.example"), bob: user(bob, "bob@x.example"),
                spare: user(spare, "spare@x.example", ["accountEnabled": false]),
            ])
    }

    static func policy(
        _ id: Int, users: JSONValue = ["includeUsers": ["All"]],
        applications: JSONValue = ["includeApplications": ["All"]],
        grant: JSONValue = ["operator": "OR", "builtInControls": ["block"]], state: JSONValue = "enabled",
        _ more: JSONObject = [:]
    ) -> ObjectDocument {
        var conditions: JSONObject = ["users": users, "applications": applications, "clientAppTypes": ["all"]]
        for (name, value) in more { conditions[name] = value }
        return ObjectDocument(
            type: "conditionalAccessPolicy", id: guid(100 + id),
            attributes: [
                "displayName": "P\(id)", "state": state, "conditions": .object(conditions), "grantControls": grant,
            ])
    }

    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var policies: [ObjectDocument]
        var locations: [ObjectDocument] = []
        var strengths: [ObjectDocument] = []
        var breakGlass: String?
    }

    static let office = ObjectDocument(
        type: "namedLocation", id: guid(50),
        attributes: ["displayName": "Office", "isTrusted": true, "ipRanges": [["cidrAddress": "192.0.2.0/24"]]])

    static let lockOuts: [Case] = [
        Case(testDescription: "block everybody everywhere", policies: [policy(1)]),
        Case(
            testDescription: "block via nested groups",
            policies: [policy(1, users: ["includeGroups": [.string(staff), .string(exempt)]])]),
        Case(testDescription: "block via role", policies: [policy(1, users: ["includeRoles": [.string(role)]])]),
        Case(
            testDescription: "all places but the trusted, and none is trusted",
            policies: [policy(1, ["locations": ["includeLocations": ["All"], "excludeLocations": ["AllTrusted"]]])]),
        Case(
            testDescription: "a compliant device, and there is none",
            policies: [policy(1, grant: ["operator": "AND", "builtInControls": ["mfa", "compliantDevice"]])]),
        Case(
            testDescription: "two policies that leave no platform",
            policies: [
                policy(1, ["platforms": ["includePlatforms": ["windows", "macOS", "linux"]]]),
                policy(
                    2, applications: ["includeApplications": ["MicrosoftAdminPortals"]],
                    ["platforms": ["includePlatforms": ["all"], "excludePlatforms": ["windows", "macOS", "linux"]]]),
            ]),
        Case(
            testDescription: "a strength without combinations",
            policies: [policy(1, grant: ["operator": "AND", "authenticationStrength": ["id": .string(guid(60))]])],
            strengths: [
                ObjectDocument(
                    type: "authenticationStrengthPolicy", id: guid(60), attributes: ["allowedCombinations": []])
            ]),
        Case(
            testDescription: "the break-glass account alone",
            policies: [policy(1, users: ["includeUsers": [.string(spare)]])], breakGlass: "Spare@x.example"),
        Case(
            testDescription: "only a disabled administrator is excluded",
            policies: [policy(1, users: ["includeUsers": ["All"], "excludeUsers": [.string(spare)]])]),
        Case(
            testDescription: "a filter for devices that spares none but registered ones",
            policies: [
                policy(1, ["devices": ["deviceFilter": ["mode": "exclude", "rule": "device.displayName -eq \"X\""]]])
            ]),
    ]

    static let passes: [Case] = [
        Case(
            testDescription: "an administrator is excluded",
            policies: [policy(1, users: ["includeUsers": ["All"], "excludeUsers": [.string(ada)]])]),
        Case(
            testDescription: "an administrator is excluded by group",
            policies: [policy(1, users: ["includeUsers": ["All"], "excludeGroups": [.string(exempt)]])]),
        Case(
            testDescription: "the break-glass account is excluded, and an administrator",
            policies: [
                policy(1, users: ["includeUsers": ["All"], "excludeUsers": [.string(spare), .string(bob)]])
            ], breakGlass: spare),
        Case(
            testDescription: "report-only", policies: [policy(1, state: "enabledForReportingButNotEnforced")]),
        Case(testDescription: "disabled", policies: [policy(1, state: "disabled")]),
        Case(
            testDescription: "block from one place",
            policies: [policy(1, ["locations": ["includeLocations": [.string(guid(50))]]])], locations: [office]),
        Case(
            testDescription: "all places but the trusted, and one is trusted",
            policies: [policy(1, ["locations": ["includeLocations": ["All"], "excludeLocations": ["AllTrusted"]]])],
            locations: [office]),
        Case(
            testDescription: "legacy clients",
            policies: [policy(1, ["clientAppTypes": ["exchangeActiveSync", "other"]])]),
        Case(
            testDescription: "multifactor authentication",
            policies: [policy(1, grant: ["operator": "OR", "builtInControls": ["mfa", "compliantDevice"]])]),
        Case(
            testDescription: "another application",
            policies: [policy(1, applications: ["includeApplications": [.string(guid(70))]])]),
        Case(
            testDescription: "on suspicion only", policies: [policy(1, ["signInRiskLevels": ["high"]])]),
        Case(
            testDescription: "a role that no administrator needs",
            policies: [policy(1, users: ["includeRoles": [.string(guid(80))]])]),
    ]

    private func finding(_ one: Case) -> LockOutCheck.Finding? {
        var access = Self.tenant(one.policies)
        access.namedLocations = one.locations
        access.strengths = one.strengths
        return LockOutCheck.finding(access, breakGlass: one.breakGlass)
    }

    @Test(arguments: lockOuts) func `Shuts out`(_ one: Case) throws {
        let found = try #require(finding(one))
        #expect(found.policies == one.policies.map(\.id).sorted())
        #expect(found.isBreakGlass == (one.breakGlass != nil))
    }

    @Test(arguments: passes) func `Lets in`(_ one: Case) {
        #expect(finding(one) == nil)
    }

    // MARK: In plans

    private func plan(
        _ subjects: [RestorePlanner.Subject], _ access: ConditionalAccessFacts?,
        _ change: (inout RestoreOptions) -> Void = { _ in }
    )
        throws -> RestorePlan
    {
        let tenant = try #require(TenantID(Self.guid(999)))
        var options = RestoreOptions(attributesMode: .overwrite, linksMode: .rollback, newObjects: .delete)
        change(&options)
        let facts = RestoreFacts(typeOf: { _ in "user" }, access: access)
        return RestorePlanner(facts: facts, options: options).plan(
            subjects, tenant: tenant, source: tenant, snapshot: 1, liveSnapshot: 2)
    }

    @Test func `A plan that brings back a policy which blocks everybody is marked`() throws {
        let policy = Self.policy(1)
        let plan = try plan(
            [RestorePlanner.Subject(type: policy.type, wanted: policy, live: nil)], Self.tenant([]))
        #expect(plan.locksOut)
        #expect(plan.conflicts.first { $0.code == "lockOut" }?.message.contains(policy.id) == true)
        #expect(plan.steps.first?.document?.attributes["state"] == "enabledForReportingButNotEnforced")
        #expect(plan.todos.map(\.code) == ["enablePolicy"])
    }

    @Test func `A member that leaves the group of exceptions is seen`() throws {
        let policy = Self.policy(1, users: ["includeUsers": ["All"], "excludeGroups": [.string(Self.exempt)]])
        let before = ObjectDocument(type: "group", id: Self.exempt, attributes: ["displayName": "E"])
        var now = before
        now.setLinks("members", [Self.ada])
        let group = RestorePlanner.Subject(type: "group", wanted: before, live: now)
        #expect(try plan([group], Self.tenant([policy])).locksOut)
        #expect(try !plan([group], Self.tenant([policy])) { $0.linksMode = .merge }.locksOut)
    }

    @Test func `A plan that leaves nobody with the role is marked, one that touches nothing is not`() throws {
        let access = Self.tenant([])
        let holders = access.roleAssignments.map {
            RestorePlanner.Subject(type: $0.type, wanted: nil, live: $0)
        }
        #expect(try plan(holders, access).locksOut)
        #expect(try !plan([holders[0]], access).locksOut)
        #expect(try !plan([], Self.tenant([Self.policy(1)])).locksOut)
    }

    @Test func `A break-glass account that nobody knows is named`() throws {
        let policy = Self.policy(1, state: "disabled")
        let subject = RestorePlanner.Subject(type: policy.type, wanted: policy, live: nil)
        let plan = try plan([subject], Self.tenant([])) { $0.breakGlass = "nobody@x.example" }
        #expect(plan.conflicts.map(\.code) == ["breakGlassUnknown"])
        #expect(plan.locksOut, "nobody knows whether that account gets in")
    }

    @Test func `A break-glass account that nobody knows hides no lock-out`() throws {
        let policy = Self.policy(1)
        let subject = RestorePlanner.Subject(type: policy.type, wanted: policy, live: nil)
        let plan = try plan([subject], Self.tenant([])) { $0.breakGlass = "nobody@x.example" }
        #expect(plan.conflicts.map(\.code) == ["breakGlassUnknown", "lockOut"])
    }

    @Test func `A plan for policies says that nothing was checked where nothing could be read`() throws {
        let policy = Self.policy(1)
        let subject = RestorePlanner.Subject(type: policy.type, wanted: policy, live: nil)
        #expect(LockOutCheck.unchecked(try plan([subject], nil))?.code == "lockOutNotChecked")
        let user = ObjectDocument(type: "user", id: Self.ada, attributes: ["jobTitle": "x"])
        let other = RestorePlanner.Subject(
            type: "user", wanted: user, live: ObjectDocument(type: "user", id: Self.ada, attributes: ["jobTitle": "y"]))
        #expect(LockOutCheck.unchecked(try plan([other], nil)) == nil)
        let asked = try plan([other], nil) { $0.breakGlass = "ada@x.example" }
        #expect(LockOutCheck.unchecked(asked)?.code == "lockOutNotChecked" && !asked.locksOut)
    }
}
