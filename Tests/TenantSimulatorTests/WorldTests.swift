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
