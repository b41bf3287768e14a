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

    @Test func `the change log knows every kind of change`() {
        let tenant = SimulatedTenant(seed: 5, size: TenantSize(users: 200))
        let summary = tenant.churn(seed: 6, count: 4_000)
        for kind in ["user created", "user updated", "user soft-deleted", "user restored", "user purged", "group linked",
            "group unlinked", "application updated", "conditionalAccessPolicy updated", "configurationPolicy updated",
            "unifiedRoleAssignment created", "appRoleAssignment purged", "device created", "organization updated"]
        {
            #expect(summary[kind, default: 0] > 0, "\(kind) is missing in \(summary)")
        }
    }

    @Test func `a large tenant stays small in memory`() throws {
        // 20,000 users here: a debug build takes its time. The release measurement with 100,000 is in the notes.
        let before = try residentBytes()
        let tenant = SimulatedTenant(seed: 2, size: TenantSize(users: 20_000, groups: 3_000, memberships: 80_000))
        let used = try residentBytes() - before
        #expect(tenant.count(.user) > 19_000)
        #expect(tenant.memberships > 70_000)
        #expect(used < 300 << 20, "\(used >> 20) MiB")
        print("20,000 users: \(used >> 20) MiB")
    }

    private func residentBytes() throws -> Int {
        let text = String(decoding: try SimulatorFiles.read("/proc/self/statm"), as: UTF8.self)
        let fields = text.split(separator: " ")
        return (Int(fields[1]) ?? 0) * 4_096
    }
}
