import BackupModel
import Foundation
import Testing

/// Restores of conditional access that would shut out whoever could mend it are found by the program, and no others.
@Suite(.serialized) struct RestoreLockOutTests {
    @Test func `of ten sets of policies the five that lock out are refused and the five that do not are planned`()
        throws
    {
        let seed = seed(97, "lock-out")
        let installation = try RestoreTests.started("{\"seed\":\(seed),\"users\":60,\"settings\":{\"quotas\":false}}")
        defer { installation.tearDown() }
        let bench = try RestoreBench(installation)
        try bench.writer.grantWriteAccess(installation)
        var scene = try AccessScene(bench, seed: UInt64(seed))
        try scene.clear()
        var (found, passed) = (0, 0)
        for number in 0..<10 {
            let set = try scene.set(number)
            let snapshot = try bench.backUp("user,group,conditionalAccessPolicy,namedLocation")
            let damage = try scene.damage(set)
            let plan = try RestoreRun(installation, to: snapshot, set.arguments)
            let isRefused = plan.plan["locksOut"]?.bool == true
            print(
                "\(set.locksOut ? "locks out" : "passes")\t\(isRefused ? "found" : "let pass")\t\(set.name), \(damage)")
            #expect(isRefused == set.locksOut, "\(set.name): \(plan.conflicts.map(\.canonicalText))")
            #expect(!plan.steps.isEmpty, "\(set.name)")
            if set.locksOut {
                found += isRefused ? 1 : 0
                try refuse(bench, plan, set)
            } else {
                passed += isRefused ? 0 : 1
                #expect(!plan.codes.contains("lockOut") && !plan.codes.contains("lockOutNotChecked"))
            }
            // One of each kind is carried out: what is refused only when that is accepted.
            if number < 2 { try carryOut(bench, plan, set) }
            try scene.clear()
        }
        print("lock-out: found \(found) of 5, let pass \(passed) of 5")
        #expect(found == 5 && passed == 5)
    }

    private func refuse(_ bench: RestoreBench, _ plan: RestoreRun, _ set: AccessScene.PolicySet) throws {
        let conflict = try #require(plan.conflicts.first { $0["code"]?.string == "lockOut" })
        let message = conflict["message"]?.string ?? ""
        for name in set.guilty { #expect(message.contains(name), "\(message)") }
        for name in set.harmless { #expect(!message.contains(name), "\(message)") }
        let before = try bench.installation.control("GET", "truth/conditionalAccessPolicy")
        let refusal = try bench.refused(["restore", "apply", plan.id, "--wait"])
        #expect(refusal.status == 5 && refusal.code == "lockOut" && refusal.runbook == "restore-lock-out")
        #expect(refusal.message.contains(message) && refusal.message.contains(plan.id))
        #expect(try bench.installation.control("GET", "truth/conditionalAccessPolicy") == before)
        let text = try Programs.run(
            "entra-backup",
            ["restore", "plan", bench.installation.tenant, "--snapshot", "\(plan.plan["snapshot"]?.int ?? 0)"]
                + set.arguments, environment: bench.installation.environment)
        #expect(text.output.contains("WARNING") && text.output.contains("--accept-lock-out"))
    }

    private func carryOut(_ bench: RestoreBench, _ plan: RestoreRun, _ set: AccessScene.PolicySet) throws {
        let job = try plan.apply(set.locksOut ? ["--accept-lock-out"] : [])
        for problem in RestoreRun.problems(try RestoreRun.shown(bench.installation, job), plan.plan) {
            Issue.record("\(set.name): step \(problem)")
        }
        // They come back to be tried out, so that nobody is shut out by the restore itself.
        let policies = try bench.live("/v1.0/identity/conditionalAccess/policies")?["value"]?.array ?? []
        let states = policies.filter { set.guilty.contains($0["displayName"]?.string ?? "") }
            .compactMap { $0["state"]?.string }
        #expect(states.allSatisfy { $0 == "enabledForReportingButNotEnforced" }, "\(states)")
    }
}

/// A tenant whose policies are made and unmade, with seeded choices.
private struct AccessScene {
    struct PolicySet {
        var name: String
        var locksOut: Bool
        /// Names of the policies that shut out, and of others.
        var guilty: [String] = []
        var harmless: [String] = []
        var policies: [(id: String, state: String)] = []
        var arguments = ["--types", "conditionalAccessPolicy"]
        /// Who is taken out of a group after the snapshot.
        var removed: (member: String, group: String)?
    }

    private static let role = LockOutCheck.globalAdministrator
    private static let platforms = ["windows", "macOS", "linux", "android", "iOS"]
    private let bench: RestoreBench
    private var random: Random
    /// Who holds the role for good and can sign in.
    private let administrator: String
    private let others: [String]

    init(_ bench: RestoreBench, seed: UInt64) throws {
        self.bench = bench
        random = Random(seed)
        let assignments = try bench.installation.control("GET", "truth/unifiedRoleAssignment").split(separator: "\n")
            .map { try JSONValue(parsing: Array($0.utf8))["attributes"] }
        let holders = assignments.filter { $0?["roleDefinitionId"]?.string == Self.role }
            .compactMap { $0?["principalId"]?.string }
        let eligible = try bench.installation.control("GET", "truth/unifiedRoleEligibilitySchedule")
        let user = try holders.first { try bench.live("/v1.0/users/\($0)?$select=id") != nil }
        administrator = try #require(user)
        try bench.change(administrator, ["accountEnabled": true])
        others = bench.people.filter { !holders.contains($0) && !eligible.contains($0) }
        try #require(others.count > 3)
    }

    /// Takes all policies and places away.
    func clear() throws {
        for kind in ["policies", "namedLocations"] {
            for item in try bench.live("/v1.0/identity/conditionalAccess/\(kind)")?["value"]?.array ?? [] {
                let path = "/v1.0/identity/conditionalAccess/\(kind)/\(item["id"]?.string ?? "")"
                if item["isTrusted"]?.bool == true, let type = item["@odata.type"] {
                    // A trusted place cannot be deleted.
                    try #require(
                        try bench.writer.send("PATCH", path, ["@odata.type": type, "isTrusted": false]).isDone)
                }
                try bench.delete(path)
            }
        }
    }

    /// Even numbers lock out.
    mutating func set(_ number: Int) throws -> PolicySet {
        var set: PolicySet
        switch number {
        case 0: set = try everybody()
        case 1: set = try administratorExcluded()
        case 2: set = try platformsDivided(leavesOne: false)
        case 3: set = try platformsDivided(leavesOne: true)
        case 4: set = try groupExcluded(comesBack: false)
        case 5: set = try groupExcluded(comesBack: true)
        case 6: set = try places(trusts: false)
        case 7: set = try places(trusts: true)
        case 8: set = try breakGlass(isExcluded: false)
        default: set = try breakGlass(isExcluded: true)
        }
        try addHarmless(&set)
        return set
    }

    /// Deletes the policies or switches them off, and empties the group.
    mutating func damage(_ set: PolicySet) throws -> String {
        let deletes = random.next(2) == 0
        for policy in set.policies {
            let path = "/v1.0/identity/conditionalAccess/policies/\(policy.id)"
            if deletes {
                try bench.delete(path)
            } else {
                let state = policy.state == "disabled" ? "enabledForReportingButNotEnforced" : "disabled"
                try #require(try bench.writer.send("PATCH", path, ["state": .string(state)]).isDone)
            }
        }
        if let removed = set.removed { try bench.removeMember(removed.member, from: removed.group) }
        return deletes ? "deleted" : "switched off"
    }

    // MARK: Policies

    private mutating func add(
        _ set: inout PolicySet, _ name: String, isGuilty: Bool, users: JSONValue, state: String = "enabled",
        controls: JSONValue = ["block"], clients: JSONValue = ["all"], _ more: JSONObject = [:]
    ) throws {
        let applications: JSONValue = random.next(2) == 0 ? ["All"] : ["MicrosoftAdminPortals"]
        var conditions: JSONObject = [
            "users": users, "applications": ["includeApplications": applications], "clientAppTypes": clients,
        ]
        for (name, value) in more { conditions[name] = value }
        let id = try bench.make(
            "/v1.0/identity/conditionalAccess/policies",
            [
                "displayName": .string(name), "state": .string(state), "conditions": .object(conditions),
                "grantControls": ["operator": "OR", "builtInControls": controls],
            ])
        set.policies.append((id, state))
        if isGuilty { set.guilty.append(name) } else { set.harmless.append(name) }
    }

    /// One that shuts nobody out, whatever the others do.
    private mutating func addHarmless(_ set: inout PolicySet) throws {
        let everybody: JSONValue = ["includeUsers": ["All"]]
        switch random.next(4) {
        case 0: try add(&set, "Harmless off", isGuilty: false, users: everybody, state: "disabled")
        case 1: try add(&set, "Harmless factor", isGuilty: false, users: everybody, controls: ["mfa"])
        case 2:
            try add(
                &set, "Harmless legacy", isGuilty: false, users: everybody, clients: ["exchangeActiveSync", "other"])
        default:
            try add(
                &set, "Harmless risk", isGuilty: false, users: everybody, ["signInRiskLevels": ["high"]])
        }
    }

    private mutating func everybody() throws -> PolicySet {
        var set = PolicySet(name: "everybody is blocked", locksOut: true)
        let users: JSONValue =
            random.next(2) == 0
            ? ["includeUsers": ["All"], "excludeUsers": [.string(random.one(of: others))]]
            : ["includeRoles": [.string(Self.role)], "excludeUsers": [.string(random.one(of: others))]]
        try add(&set, "Guilty block", isGuilty: true, users: users)
        return set
    }

    private mutating func administratorExcluded() throws -> PolicySet {
        var set = PolicySet(name: "an administrator is excluded", locksOut: false)
        let users: JSONValue = [
            "includeUsers": ["All"], "excludeUsers": [.string(random.one(of: others)), .string(administrator)],
        ]
        try add(&set, "Excluding block", isGuilty: false, users: users)
        return set
    }

    private mutating func platformsDivided(leavesOne: Bool) throws -> PolicySet {
        var set = PolicySet(
            name: leavesOne ? "two policies leave a platform" : "two policies leave no platform", locksOut: !leavesOne)
        var platforms = random.shuffled(Self.platforms)
        if leavesOne { platforms.removeLast() }
        let cut = 1 + random.next(platforms.count - 1)
        for (name, part) in [("Guilty one", platforms[..<cut]), ("Guilty two", platforms[cut...])] {
            let list = JSONValue.array(part.map { .string($0) })
            try add(
                &set, name, isGuilty: !leavesOne, users: ["includeUsers": ["All"]],
                ["platforms": ["includePlatforms": list]])
        }
        return set
    }

    /// The group that is spared has lost its administrator; the plan brings that link back, or does not.
    private mutating func groupExcluded(comesBack: Bool) throws -> PolicySet {
        var set = PolicySet(
            name: comesBack ? "the excluded group gets its administrator back" : "the excluded group has lost its own",
            locksOut: !comesBack)
        let inner = try bench.makeGroup("inner-\(comesBack)", members: [administrator, random.one(of: others)])
        let outer = try bench.makeGroup("outer-\(comesBack)", members: [inner])
        set.removed = (administrator, inner)
        let users: JSONValue = ["includeUsers": ["All"], "excludeGroups": [.string(outer)]]
        try add(&set, "Sparing a group", isGuilty: !comesBack, users: users)
        if comesBack { set.arguments = ["--types", "conditionalAccessPolicy,group"] }
        return set
    }

    private mutating func places(trusts: Bool) throws -> PolicySet {
        var set = PolicySet(
            name: trusts ? "all places but a trusted one" : "all places but trusted ones, of which there are none",
            locksOut: !trusts)
        if trusts {
            _ = try bench.make(
                "/v1.0/identity/conditionalAccess/namedLocations",
                [
                    "@odata.type": "#microsoft.graph.ipNamedLocation", "displayName": "Office", "isTrusted": true,
                    "ipRanges": [
                        ["@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "192.0.2.0/24"]
                    ],
                ])
        }
        try add(
            &set, "From outside", isGuilty: !trusts, users: ["includeUsers": ["All"]],
            ["locations": ["includeLocations": ["All"], "excludeLocations": ["AllTrusted"]]])
        return set
    }

    /// Administrators get in; the account that was named as break-glass does, or does not.
    private mutating func breakGlass(isExcluded: Bool) throws -> PolicySet {
        var set = PolicySet(
            name: isExcluded ? "the break-glass account is excluded" : "the break-glass account is blocked",
            locksOut: !isExcluded)
        let account = random.one(of: others)
        let name = try #require(bench.attribute(account, "userPrincipalName")?.string)
        set.arguments += ["--break-glass", random.next(2) == 0 ? account : name.uppercased()]
        let excluded: JSONValue =
            isExcluded ? [.string(administrator), .string(account)] : [.string(administrator)]
        try add(
            &set, "Sparing some", isGuilty: !isExcluded, users: ["includeUsers": ["All"], "excludeUsers": excluded])
        return set
    }
}

/// SplitMix64.
private struct Random {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
    }

    mutating func one(of list: [String]) -> String { list[next(list.count)] }

    mutating func shuffled(_ list: [String]) -> [String] {
        var list = list
        for index in list.indices.dropFirst() { list.swapAt(index, next(index + 1)) }
        return list
    }
}
