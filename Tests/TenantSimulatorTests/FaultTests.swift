import Testing

@testable import TenantSimulator

@Suite struct FaultTests {
    private let tenant = SimulatedTenant(seed: 61, size: TenantSize(users: 40))
    private var client: TestClient { TestClient(tenant) }

    @Test func `statuses strike by path, share and count`() throws {
        try tenant.addFault(FaultRule(.status(503, retryAfter: 7), path: "^/users", count: 2))
        let first = client.get("/v1.0/users")
        #expect(first.status == 503 && first.headers["retry-after"] == "7")
        #expect(client.get("/v1.0/groups").status == 200)
        #expect(client.get("/v1.0/users").status == 503)
        #expect(client.get("/v1.0/users").status == 200)
        #expect(tenant.statistics.faults == 2)
        tenant.clearFaults()
        try tenant.addFault(FaultRule(.status(500, retryAfter: nil), type: .group, share: 0.5, seed: 4))
        let failures = (0..<100).filter { _ in client.get("/v1.0/groups?$top=1").status == 500 }.count
        #expect((25...75).contains(failures))
    }

    @Test func `pages go wrong in all their ways`() throws {
        func page(_ effect: FaultRule.Effect) throws -> (status: Int, headers: [String: String], body: SimulatedJSON) {
            tenant.clearFaults()
            try tenant.addFault(FaultRule(effect, count: 1))
            return client.get("/v1.0/users?$top=5&$select=id")
        }
        #expect(
            try page(.foreignNextLink).body["@odata.nextLink"]?.text?.hasPrefix(
                "https://graph.attacker.example/v1.0/users") == true)
        #expect(
            try page(.loopingNextLink).body["@odata.nextLink"]?.text == "http://simulator/v1.0/users?$top=5&$select=id")
        let empty = try page(.emptyPage).body
        #expect(empty["value"]?.items?.isEmpty == true)
        #expect(client.walk(try #require(empty["@odata.nextLink"]?.text)).items.count == tenant.count(.user))
        #expect(try page(.duplicateItems).body["value"]?.items?.count == 10)
        #expect(try page(.malformedBody).body == .string("no JSON"))
        #expect(try page(.expiredToken).status == 401)
        #expect(try page(.forbidden).status == 403)
        #expect(try page(.gone).status == 410)
        #expect(try page(.syncStateNotFound).body["error"]?["code"]?.text == "syncStateNotFound")
    }

    @Test func `an answer is lost after the request was carried out, in a batch as well`() throws {
        var client = client
        client.granted = tenant.clients[1].permissions
        let group = #"{"displayName":"g","mailNickname":"g","mailEnabled":false,"securityEnabled":true}"#
        let before = tenant.count(.group)
        try tenant.addFault(FaultRule(.lostAnswer, method: "POST", count: 2))
        #expect(client.send("POST", "/v1.0/groups", body: group).status == 504)
        #expect(tenant.count(.group) == before + 1)
        let item =
            #"{"id":"1","method":"POST","url":"/groups","headers":{"Content-Type":"application/json"},"body":\#(group)}"#
        let batch = client.send("POST", "/v1.0/$batch", body: #"{"requests":[\#(item)]}"#)
        #expect(batch.body["responses"]?.items?.first?["status"]?.integer == 504)
        #expect(tenant.count(.group) == before + 2)
        #expect(client.send("POST", "/v1.0/groups", body: group).status == 201)
    }

    @Test func `a rule can let requests pass first`() throws {
        try tenant.addFault(FaultRule(.expiredToken, path: "skiptoken", count: 1, skip: 1))
        var next: String? = "/v1.0/users?$top=5"
        var statuses: [Int] = []
        while let url = next, statuses.count < 20 {
            let answer = client.get(url)
            statuses.append(answer.status)
            next = answer.status == 200 ? answer.body["@odata.nextLink"]?.text : url
        }
        #expect(statuses.firstIndex(of: 401) == 2)
        #expect(statuses.filter { $0 == 401 }.count == 1)
    }
}
