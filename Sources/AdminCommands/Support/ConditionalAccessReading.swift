import BackupContracts
import BackupModel
import PostgresStore

/// Reads what the lock-out check has to know: the policies, who administers, and who belongs to the groups that these
/// name, now and after the plan.
struct ConditionalAccessReading {
    let facts: RestoreFactReading
    /// What ids have become: the snapshot names objects by those that they had.
    let map: IDMap

    private var store: PostgresStore { facts.store }

    /// Types without which nothing can be said about who gets in.
    private static let judged = ["conditionalAccessPolicy", "unifiedRoleAssignment", "user", "group"]

    /// Nil when one of these types cannot be read.
    func access() async throws -> ConditionalAccessFacts? {
        guard Self.judged.allSatisfy({ facts.tenant.mayRead($0) && facts.unreadLive[$0] == nil }) else { return nil }
        var access = ConditionalAccessFacts(
            policies: try await facts.all("conditionalAccessPolicy"),
            namedLocations: try await facts.all("namedLocation"),
            strengths: try await facts.all("authenticationStrengthPolicy"),
            roleAssignments: try await facts.all("unifiedRoleAssignment")
                + facts.all("unifiedRoleEligibilitySchedule"))
        let named = access.policies + access.roleAssignments + wanted("conditionalAccessPolicy", "unifiedRole")
        let groups = LockOutCheck.groups(in: named).map { now($0) }
        let people = try await members(of: Set(groups), &access.members)
        // Assignments are given to groups as well: those are among the groups already.
        let holders = named.compactMap { $0.attributes["principalId"]?.string.map(now) }
        access.users = try await users(people.union(holders))
        try await addBreakGlass(&access)
        try await addDevices(&access)
        return access
    }

    private func now(_ id: String) -> String { map[id].lowercased() }

    /// The objects of the snapshot whose type begins with one of the names.
    private func wanted(_ names: String...) -> [ObjectDocument] {
        facts.subjects.compactMap(\.wanted).filter { document in names.contains { document.type.hasPrefix($0) } }
    }

    /// Notes the direct members of the groups, and of the groups inside those, as they are now.
    /// - Returns: whoever is a member now, or is to be one.
    private func members(of groups: Set<String>, _ members: inout [String: [String]]) async throws -> Set<String> {
        guard let type = Catalogue.current["group"] else { return [] }
        var coming: [String: [String]] = [:]
        for group in wanted("group") where group.type == "group" {
            coming[now(group.id)] = (group.links["members"] ?? []).map(now)
        }
        var (people, seen, open): (Set<String>, Set<String>, Set<String>) = ([], [], groups)
        while !open.isEmpty {
            seen.formUnion(open)
            let found = try await store.documents(
                facts.tenant.id, type, open.compactMap { ObjectKey($0) }, at: facts.liveAt)
            for stored in found {
                members[stored.document.id.lowercased()] = (stored.document.links["members"] ?? []).map {
                    $0.lowercased()
                }
            }
            let inside = Set(open.flatMap { (members[$0] ?? []) + (coming[$0] ?? []) })
            people.formUnion(inside)
            open = inside.subtracting(seen)
        }
        return people
    }

    private func users(_ ids: Set<String>) async throws -> [String: ObjectDocument] {
        guard let type = Catalogue.current["user"] else { return [:] }
        let found = try await store.documents(
            facts.tenant.id, type, ids.compactMap { ObjectKey($0) }, at: facts.liveAt)
        return Dictionary(found.map { ($0.document.id.lowercased(), $0.document) }) { first, _ in first }
    }

    private func addBreakGlass(_ access: inout ConditionalAccessFacts) async throws {
        guard let name = facts.planning.options.breakGlass?.lowercased() else { return }
        guard ObjectKey(name) == nil else {
            access.users.merge(try await users([now(name)])) { first, _ in first }
            return
        }
        var found: [ObjectDocument] = []
        try await facts.eachText("user") { user in
            if user.attributes.text("userPrincipalName")?.lowercased() == name { found.append(try user.parsed()) }
        }
        for user in found { access.users[user.id.lowercased()] = user }
    }

    private func addDevices(_ access: inout ConditionalAccessFacts) async throws {
        // Only a policy that is about devices asks.
        let texts = (access.policies + wanted("conditionalAccessPolicy"))
            .map { ($0.attributes["grantControls"] ?? .null).canonicalText }
        guard texts.contains(where: { $0.contains("ompliantDevice") || $0.contains("omainJoinedDevice") }) else {
            return
        }
        var (compliant, joined) = (false, false)
        try await facts.each("device") { device in
            if device.attributes["isCompliant"]?.bool == true { compliant = true }
            if device.attributes["trustType"]?.string == "ServerAd" { joined = true }
        }
        access.hasCompliantDevice = compliant
        access.hasJoinedDevice = joined
    }
}
