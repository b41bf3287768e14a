/// Finds out, before anything is written, whether conditional access would shut out everybody who could mend it.
///
/// Each enabled policy is asked about the admin portals in a browser. A person chooses platform, place and device freely
/// among those there are; a policy shuts out when it blocks, or demands what nobody can give, under every choice. What a
/// person can give (multifactor authentication, terms of use, a changed password) shuts nobody out. Policies that come
/// back in report-only mode, to be enabled by a person, count as enabled. Risk, device code flow and workload identities
/// are passed over: they are not the usual case of an administrator who signs in.
///
/// <https://learn.microsoft.com/entra/identity/conditional-access/concept-conditional-access-policies>
public enum LockOutCheck {
    /// The same in all tenants.
    /// <https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference>
    public static let globalAdministrator = "62e90394-69f5-4237-9190-012177145e10"

    /// What was found.
    public struct Finding: Sendable, Hashable {
        /// Ids of the policies that shut out, sorted.
        public var policies: [String]
        /// The break-glass account is shut out; else all administrators are.
        public var isBreakGlass: Bool
        /// Nobody is left who holds the role.
        public var hasNoAdministrator: Bool
    }

    /// Lower-case ids of the groups that policies and role assignments name: their members must be known.
    public static func groups(in documents: [ObjectDocument]) -> Set<String> {
        documents.reduce(into: []) { groups, document in
            for name in ["includeGroups", "excludeGroups"] {
                let ids = document.attributes["conditions"]?["users"]?[name]?.strings ?? []
                groups.formUnion(ids.map { $0.lowercased() })
            }
            if let principal = document.attributes["principalId"]?.string { groups.insert(principal.lowercased()) }
        }
    }

    /// Judges a state of the tenant; nil when somebody gets in. `breakGlass`: an id or userPrincipalName.
    public static func finding(_ access: ConditionalAccessFacts, breakGlass: String? = nil) -> Finding? {
        let circle = Circle(access)
        let policies = access.policies.map(AccessPolicy.init).filter { $0.isEnabled && $0.isForPortals }
        let scene = AccessScene(access)
        if let breakGlass, let person = circle.person(breakGlass) {
            let shutting = scene.shutting(policies, person)
            if !shutting.isEmpty {
                return Finding(policies: shutting, isBreakGlass: true, hasNoAdministrator: false)
            }
        }
        let people = circle.administrators
        guard !people.isEmpty else {
            return Finding(policies: [], isBreakGlass: false, hasNoAdministrator: true)
        }
        var all: Set<String> = []
        for person in people {
            let shutting = scene.shutting(policies, person)
            if shutting.isEmpty { return nil }
            all.formUnion(shutting)
        }
        return Finding(policies: all.sorted(), isBreakGlass: false, hasNoAdministrator: false)
    }

    /// Types whose steps can shut somebody out.
    private static let decisive: Set<String> = [
        "authenticationStrengthPolicy", "conditionalAccessPolicy", "group", "namedLocation", "unifiedRoleAssignment",
        "unifiedRoleEligibilitySchedule", "user",
    ]

    /// The conflicts of a plan; none when it touches nothing that matters, or somebody still gets in.
    static func conflicts(
        _ steps: [RestoreStep], _ todos: [RestoreTodo], _ access: ConditionalAccessFacts, map: IDMap,
        breakGlass: String?
    ) -> [RestoreConflict] {
        let relevant = steps.filter { decisive.contains($0.type) }
        let enabled = Set(todos.filter { $0.code == "enablePolicy" }.map { $0.id.lowercased() })
        guard !relevant.isEmpty || !enabled.isEmpty else { return [] }
        var after = AccessOverlay(access, map: map)
        after.apply(relevant, enabling: enabled)
        var conflicts: [RestoreConflict] = []
        if let name = breakGlass, Circle(after.facts).person(name) == nil {
            conflicts.append(
                RestoreConflict(
                    code: "breakGlassUnknown", type: "user", id: name,
                    message: "the account named as break-glass is not among the tenant's users",
                    hint: "name it by its id or its userPrincipalName"))
        }
        guard let finding = finding(after.facts, breakGlass: breakGlass) else { return conflicts }
        // Who had no administrator before loses none.
        if finding.hasNoAdministrator, Circle(access).administrators.isEmpty { return conflicts }
        return conflicts + [describe(finding, after.facts)]
    }

    /// What is said of a plan that was made without ``RestoreFacts/access``: nil where no policy is written, and nobody
    /// asked for an account to be kept safe.
    public static func unchecked(_ plan: RestorePlan) -> RestoreConflict? {
        let writesPolicies = plan.steps.contains { $0.type == "conditionalAccessPolicy" }
        let isAsked = plan.options.breakGlass != nil && plan.steps.contains { decisive.contains($0.type) }
        guard writesPolicies || isAsked else { return nil }
        return RestoreConflict(
            code: "lockOutNotChecked", type: "conditionalAccessPolicy", id: "",
            message: """
                whether somebody is shut out was not checked: users, groups, role assignments or policies cannot be read
                """,
            hint: "grant the permissions that `object types` names, then plan again")
    }

    private static func describe(_ finding: Finding, _ access: ConditionalAccessFacts) -> RestoreConflict {
        let names = finding.policies.map { id -> String in
            let policy = access.policies.first { $0.id.lowercased() == id }
            return policy.map { "\u{201C}\($0.displayName)\u{201D} (\(id))" } ?? id
        }.joined(separator: ", ")
        let message =
            finding.hasNoAdministrator
            ? "after this restore nobody would hold the role Global Administrator"
            : finding.isBreakGlass
                ? "after this restore the break-glass account would be shut out of the admin portals by \(names)"
                : "after this restore every Global Administrator would be shut out of the admin portals by \(names)"
        return RestoreConflict(
            code: "lockOut", type: "conditionalAccessPolicy", id: finding.policies.first ?? "", message: message,
            hint: "leave these policies out of the restore, or exclude an account; to do it all the same, give "
                + "--accept-lock-out with the plan's id")
    }
}

/// The people of a tenant as conditional access sees them.
struct Circle {
    struct Person {
        var id: String
        var groups: Set<String>
        var roles: Set<String>
        var isGuest: Bool
    }

    private let users: [String: ObjectDocument]
    /// By member the groups that hold it directly.
    private var holders: [String: [String]] = [:]
    /// By principal the roles.
    private var roles: [String: Set<String>] = [:]

    init(_ access: ConditionalAccessFacts) {
        users = access.users
        for (group, members) in access.members {
            for member in members { holders[member.lowercased(), default: []].append(group.lowercased()) }
        }
        for assignment in access.roleAssignments {
            guard let principal = assignment.attributes["principalId"]?.string?.lowercased(),
                let role = assignment.attributes["roleDefinitionId"]?.string?.lowercased(),
                ["/", nil].contains(assignment.attributes["directoryScopeId"]?.string)
            else { continue }
            roles[principal, default: []].insert(role)
        }
    }

    /// Everybody who holds the role Global Administrator, by themselves or through a group, and can sign in.
    var administrators: [Person] {
        users.keys.sorted().compactMap(person(id:)).filter { person in
            person.roles.contains(LockOutCheck.globalAdministrator)
                && users[person.id]?.attributes["accountEnabled"]?.bool != false
        }
    }

    func person(_ name: String) -> Person? {
        let name = name.lowercased()
        if users[name] != nil { return person(id: name) }
        let user = users.first { $0.value.attributes["userPrincipalName"]?.string?.lowercased() == name }
        return user.flatMap { person(id: $0.key) }
    }

    private func person(id: String) -> Person? {
        guard let user = users[id] else { return nil }
        var groups: Set<String> = []
        var waiting = [id]
        while let member = waiting.popLast() {
            for group in holders[member] ?? [] where groups.insert(group).inserted { waiting.append(group) }
        }
        let held = groups.union([id]).reduce(into: Set<String>()) { $0.formUnion(roles[$1] ?? []) }
        return Person(
            id: id, groups: groups, roles: held, isGuest: user.attributes["userType"]?.string == "Guest")
    }
}
