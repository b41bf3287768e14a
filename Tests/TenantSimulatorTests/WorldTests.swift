import Synchronization
import Testing

@testable import TenantSimulator

@Suite struct WorldTests {
    @Test func `every type has objects, and documents that are JSON`() {
        let tenant = SimulatedTenant(seed: 7, size: TenantSize(users: 120))
        for type in SimulatedType.allCases {
            #expect(tenant.count(type) > 0, "\(type)")
            #expect(tenant.truth(type.rawValue).count == tenant.count(type), "\(type)")
        }
        #expect(!tenant.truth("deletedItem").isEmpty)
    }

    @Test func `equal seeds give equal tenants, other seeds others`() {
        let lines = { (seed: UInt64) in
            let tenant = SimulatedTenant(seed: seed, size: TenantSize(users: 60))
            tenant.churn(seed: 9, count: 300)
            return SimulatedType.allCases.map { tenant.truthLines($0.rawValue) }
        }
        let isRepeated = lines(3) == lines(3)
        let isOwn = lines(3) != lines(4)
        #expect(isRepeated)
        #expect(isOwn)
    }

    @Test(arguments: [1, 10, 61])
    func `small tenants can be made and churned`(users: Int) {
        let tenant = SimulatedTenant(seed: 11, size: TenantSize(users: users))
        tenant.churn(seed: 12, count: 500)
        #expect(tenant.changes > 0)
    }

    @Test func `ids stay unique, also when the same seed churns again`() {
        let tenant = SimulatedTenant(seed: 15, size: TenantSize(users: 100))
        for _ in 0..<5 { tenant.churn(seed: 77, count: 400) }
        for type in SimulatedType.allCases {
            let ids = tenant.truth(type.rawValue).compactMap { $0["id"]?.text }
            #expect(Set(ids).count == ids.count, "\(type)")
        }
        #expect(tenant.count(.directoryRole) == 12)
    }

    @Test func `nobody has the same role of an application twice`() {
        let tenant = SimulatedTenant(seed: 79, size: TenantSize(users: 1_000))
        tenant.churn(seed: 16, count: 2_000)
        let assignments = tenant.truth(SimulatedType.appRoleAssignment.rawValue).map { assignment in
            ["principalId", "resourceId", "appRoleId"].map { assignment["attributes"]?[$0]?.text ?? "" }
        }
        #expect(assignments.count > 100)
        #expect(Set(assignments).count == assignments.count)
    }

    @Test func `the change log knows every kind of change`() {
        let tenant = SimulatedTenant(seed: 5, size: TenantSize(users: 200))
        let summary = tenant.churn(seed: 6, count: 4_000)
        for kind in [
            "user created", "user updated", "user soft-deleted", "user restored", "user purged", "group linked",
            "group unlinked", "application updated", "conditionalAccessPolicy updated", "configurationPolicy updated",
            "unifiedRoleAssignment created", "appRoleAssignment purged", "device created", "organization updated",
        ] {
            #expect(summary[kind, default: 0] > 0, "\(kind) is missing in \(summary)")
        }
    }

    @Test func `who is gone for good administers no unit, not one in the recycle bin either`() throws {
        let tenant = SimulatedTenant(seed: 8, size: TenantSize(users: 120))
        try tenant.state.withLock { state in
            let segment = "scopedRoleMembers"
            func members(_ unit: World.Ref) -> [String] {
                state.world.children(unit, segment).compactMap {
                    (try? SimulatedJSON.parse($0.json))?["roleMemberInfo"]?["id"]?.text
                }
            }
            let units = state.world.presentRefs(.administrativeUnit).filter { !members($0).isEmpty }
            try #require(units.count > 1)
            let binned = units[0]
            let people = units.map { members($0)[0] }
            let stays = try #require(people.first { $0 != people[0] }, "all units have one administrator")
            state.world.softDelete(binned)
            let person = try #require(state.world.directoryObject(people[0]))
            state.world.softDelete(person)
            #expect(members(binned) == [people[0]], "who is in the recycle bin keeps the roles")
            state.world.purge(person)
            for unit in units { #expect(!members(unit).contains(people[0])) }
            #expect(units.contains { members($0) == [stays] })
        }
    }

    @Test func `the values of an extension go for good with its application`() throws {
        let tenant = SimulatedTenant(seed: 9, size: TenantSize(users: 120))
        try tenant.state.withLock { state in
            func carriers() -> Int {
                state.world.refs(.user).count { user in
                    state.world.attributeNames(user).contains {
                        $0.hasPrefix("extension_") && state.world.text(user, $0) != nil
                    }
                }
            }
            let application = try #require(
                state.world.presentRefs(.application).first {
                    !state.world.children($0, "extensionProperties").isEmpty
                })
            let before = carriers()
            #expect(before > 10)
            state.world.softDelete(application)
            #expect(carriers() == before)
            state.world.purge(application)
            #expect(carriers() == 0)
        }
    }

    @Test func `a large tenant stays small in memory`() throws {
        #if DEBUG
        // A debug build takes its time.
        let size = TenantSize(users: 20_000, groups: 3_000, memberships: 80_000)
        #else
        let size = TenantSize(users: 100_000, groups: 15_000, memberships: 400_000)
        #endif
        let before = try residentBytes()
        let tenant = SimulatedTenant(seed: 2, size: size)
        let used = try residentBytes() - before
        #expect(tenant.count(.user) > size.users * 95 / 100)
        #expect(tenant.memberships > size.memberships * 85 / 100)
        #expect(used < size.users * 9_000, "\(used >> 20) MiB for \(size.users) users")
        print("\(size.users) users: \(used >> 20) MiB")
    }

    private func residentBytes() throws -> Int {
        let text = String(decoding: try SimulatorFiles.read("/proc/self/statm"), as: UTF8.self)
        let fields = text.split(separator: " ")
        return (Int(fields[1]) ?? 0) * 4_096
    }
}
