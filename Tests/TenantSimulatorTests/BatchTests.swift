import Testing

@testable import TenantSimulator

@Suite struct BatchTests {
    private func batch(_ client: TestClient, _ items: [String]) -> (
        status: Int, headers: [String: String], body: SimulatedJSON
    ) {
        client.send("POST", "/v1.0/$batch", body: #"{"requests":[\#(items.joined(separator: ","))]}"#)
    }

    private func item(_ id: Int, _ url: String) -> String { #"{"id":"\#(id)","method":"GET","url":"\#(url)"}"# }

    @Test func `answers come in another order and all of them`() {
        let client = TestClient(SimulatedTenant(seed: 41, size: TenantSize(users: 40)))
        let answer = batch(client, (0..<20).map { item($0, "/users?$top=1&$select=id") })
        let ids = answer.body["responses"]?.items?.compactMap { $0["id"]?.text } ?? []
        #expect(Set(ids).count == 20)
        #expect(ids != (0..<20).map(String.init))
        let body = answer.body["responses"]?.items?[0]["body"]
        #expect(body?["@odata.nextLink"]?.text?.hasPrefix("http://simulator/v1.0/users?") == true)
    }

    @Test func `malformed batches are refused as a whole`() {
        let client = TestClient(SimulatedTenant(seed: 42, size: TenantSize(users: 10)))
        #expect(batch(client, [item(1, "/users"), item(1, "/groups")]).status == 400)
        #expect(batch(client, (0..<21).map { item($0, "/users") }).status == 400)
        #expect(batch(client, [item(1, "/$batch")]).status == 400)
        #expect(batch(client, [item(1, "/beta/users")]).status == 400)
        #expect(batch(client, []).status == 400)
        #expect(batch(client, [#"{"id":"1","method":"POST","url":"/users","body":{}}"#]).status == 400)
    }

    @Test func `items fail one by one, and those that depend on them with them`() {
        let client = TestClient(SimulatedTenant(seed: 43, size: TenantSize(users: 10)))
        let answer = batch(
            client,
            [
                item(1, "/users/nobody"), item(2, "/users?$top=1"),
                #"{"id":"3","method":"GET","url":"/users","dependsOn":["1"]}"#,
            ])
        var statuses: [String: Int] = [:]
        for response in answer.body["responses"]?.items ?? [] {
            statuses[response["id"]?.text ?? ""] = response["status"]?.integer
        }
        #expect(answer.status == 200)
        #expect(statuses == ["1": 404, "2": 200, "3": 424])
    }

    @Test func `items are throttled one by one`() {
        var settings = TenantSettings()
        settings.quotaScale = 0.002
        let tenant = SimulatedTenant(seed: 44, size: TenantSize(users: 40), settings: settings)
        tenant.setThrottleClock { 0 }
        let answer = batch(TestClient(tenant), (0..<20).map { item($0, "/users?$select=id") })
        let statuses = answer.body["responses"]?.items?.compactMap { $0["status"]?.integer } ?? []
        #expect(statuses.filter { $0 == 200 }.count == 7)
        let refused = answer.body["responses"]?.items?.first { $0["status"]?.integer == 429 }
        #expect(refused?["headers"]?["Retry-After"]?.text != nil)
        #expect(refused?["body"]?["error"]?["code"]?.text == "TooManyRequests")
    }
}
