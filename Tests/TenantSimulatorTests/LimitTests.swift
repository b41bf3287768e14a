import Synchronization
import Testing

@testable import TenantSimulator

@Suite struct LimitTests {
    @Test func `requests cost what the service says`() {
        let tenant = SimulatedTenant(seed: 51, size: TenantSize(users: 40))
        let client = TestClient(tenant)
        let group = tenant.truth("group")[0]["id"]?.text ?? ""
        let costs: [(String, String)] = [
            ("/v1.0/users", "2"), ("/v1.0/users?$select=id", "1"), ("/v1.0/users?$top=5", "1"),
            ("/v1.0/users?$expand=manager", "3"), ("/v1.0/groups/\(group)/members", "3"),
            ("/v1.0/groups/\(group)/members?$select=id", "2"), ("/v1.0/subscribedSkus", "3"), ("/v1.0/groups", "1"),
        ]
        for (url, cost) in costs { #expect(client.get(url).headers["x-ms-resource-unit"] == cost, "\(url)") }
    }

    @Test func `the bucket empties, says so, and fills again`() {
        var settings = TenantSettings()
        settings.quotaScale = 0.01
        let tenant = SimulatedTenant(seed: 52, size: TenantSize(users: 40), settings: settings)
        let shared = SharedClock()
        tenant.setThrottleClock { shared.seconds }
        let client = TestClient(tenant)
        var answers = (0..<40).map { _ in client.get("/v1.0/users?$select=id") }
        #expect(answers.filter { $0.status == 200 }.count == 35)
        #expect(answers[33].headers["x-ms-throttle-limit-percentage"] != nil)
        #expect(answers[0].headers["x-ms-throttle-limit-percentage"] == nil)
        #expect(answers[39].status == 429)
        #expect(answers[39].headers["retry-after"] == "1")
        #expect(answers[39].headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded")
        shared.advance(1)
        answers = (0..<10).map { _ in client.get("/v1.0/users?$select=id") }
        #expect(answers.filter { $0.status == 200 }.count == 3)
    }

    @Test func `conditional access allows one request a second and names no time`() {
        let tenant = SimulatedTenant(seed: 53, size: TenantSize(users: 40))
        tenant.setThrottleClock { 0 }
        let client = TestClient(tenant)
        #expect(client.get("/v1.0/identity/conditionalAccess/policies").status == 200)
        let second = client.get("/v1.0/identity/conditionalAccess/namedLocations")
        #expect(second.status == 429)
        #expect(second.headers["retry-after"] == nil)
        for _ in 0..<5 { #expect(client.get("/v1.0/auditLogs/directoryAudits").status == 200) }
        #expect(client.get("/v1.0/auditLogs/directoryAudits").headers["retry-after"] == "2")
    }
}

/// A clock that tests move by hand.
private final class SharedClock: Sendable {
    private let value = Mutex(0.0)
    var seconds: Double { value.withLock { $0 } }
    func advance(_ amount: Double) { value.withLock { $0 += amount } }
}
