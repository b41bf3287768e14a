import Foundation
import Testing

@testable import TenantSimulator

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Over real HTTP on the loopback interface.
@Suite(.timeLimit(.minutes(2))) struct ServerTests {
    private let tenant = SimulatedTenant(seed: 95, size: TenantSize(users: 40))

    private func request(
        _ url: String, method: String = "GET", token: String? = nil, body: String? = nil
    ) async throws -> (Int, SimulatedJSON) {
        var request = URLRequest(url: try #require(URL(string: url)))
        request.httpMethod = method
        request.timeoutInterval = 20
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        if let body { request.httpBody = Data(body.utf8) }
        let session = URLSession(configuration: .ephemeral)
        defer { session.invalidateAndCancel() }
        let (data, response) = try await session.data(for: request)
        let status = (response as? HTTPURLResponse)?.statusCode ?? 0
        return (status, (try? SimulatedJSON.parse([UInt8](data))) ?? .null)
    }

    private func token(
        _ server: SimulatorServer, secret: String? = nil, client: String? = nil, tenantID: String? = nil
    ) async throws -> (Int, SimulatedJSON) {
        let known = tenant.clients[0]
        let form =
            "client_id=\(client ?? known.clientID)&client_secret=\(secret ?? known.secret)"
            + "&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&grant_type=client_credentials"
        return try await request("\(server.url)/\(tenantID ?? tenant.id)/oauth2/v2.0/token", method: "POST", body: form)
    }

    private func withServer(_ work: (SimulatorServer) async throws -> Void) async throws {
        let server = try await SimulatorServer.start(tenants: [tenant])
        do {
            try await work(server)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    @Test func `tokens are given and refused as the service does`() async throws {
        try await withServer { server in
            let good = try await token(server)
            #expect(good.0 == 200)
            #expect(good.1["token_type"]?.text == "Bearer")
            let parts = good.1["access_token"]?.text?.split(separator: ".") ?? []
            let claims = try SimulatedJSON.parse(try #require(Base64.decode(parts[1])))
            #expect(claims["roles"]?.items?.contains(.string("User.Read.All")) == true)
            #expect(try await token(server, secret: "wrong").1["error_codes"] == .array([.number("7000215")]))
            #expect(try await token(server, client: tenant.id).1["error_codes"] == .array([.number("700016")]))
            #expect(
                try await token(server, tenantID: tenant.clients[0].clientID).1["error_codes"]
                    == .array([.number("90002")]))
            tenant.updateClient(0) { $0.secretIsExpired = true }
            #expect(try await token(server).1["error_codes"] == .array([.number("7000222")]))
        }
    }

    @Test func `requests need a token that is known and alive`() async throws {
        try await withServer { server in
            #expect(try await request("\(server.url)/v1.0/users").0 == 401)
            #expect(
                try await request("\(server.url)/v1.0/users", token: "x.y.z").1["error"]?["code"]?.text
                    == "InvalidAuthenticationToken")
            let access = try #require(try await token(server).1["access_token"]?.text)
            let users = try await request("\(server.url)/v1.0/users?$top=5", token: access)
            #expect(users.1["value"]?.items?.count == 5)
            #expect(users.1["@odata.nextLink"]?.text?.hasPrefix("\(server.url)/v1.0/users?") == true)
            tenant.updateSettings { $0.tokenLife = -1 }
            let old = try #require(try await token(server).1["access_token"]?.text)
            #expect(try await request("\(server.url)/v1.0/users", token: old).0 == 401)
        }
    }

    @Test func `connections break on demand`() async throws {
        try await withServer { server in
            let access = try #require(try await token(server).1["access_token"]?.text)
            for effect in [FaultRule.Effect.cutBody, .reset] {
                try tenant.addFault(FaultRule(effect, count: 1))
                await #expect(throws: (any Error).self) {
                    _ = try await request("\(server.url)/v1.0/users", token: access)
                }
                #expect(try await request("\(server.url)/v1.0/users", token: access).0 == 200)
            }
            try tenant.addFault(FaultRule(.slowBody(pause: 5), count: 1))
            #expect(try await request("\(server.url)/v1.0/users", token: access).1["value"]?.items?.isEmpty == false)
        }
    }

    @Test func `the control interface does what the methods do`() async throws {
        try await withServer { server in
            let base = "\(server.url)/_control/\(tenant.id)"
            let list = try await request("\(server.url)/_control")
            #expect(list.1["tenants"]?.items?[0]["tenantId"]?.text == tenant.id)
            #expect(list.1["tenants"]?.items?[0]["clients"]?.items?[0]["secret"]?.text == tenant.clients[0].secret)
            let churned = try await request("\(base)/churn?seed=4&count=50", method: "POST")
            #expect(churned.1.members?.isEmpty == false && tenant.changes > 0)
            let rule =
                #"[{"status":503,"retryAfter":2,"path":"^/users","count":1},{"effect":"emptyPage","type":"group"}]"#
            #expect(try await request("\(base)/faults", method: "POST", body: rule).0 == 204)
            let access = try #require(try await token(server).1["access_token"]?.text)
            #expect(try await request("\(server.url)/v1.0/users", token: access).0 == 503)
            #expect(try await request("\(server.url)/v1.0/groups", token: access).1["value"]?.items?.isEmpty == true)
            #expect(try await request("\(base)/faults", method: "DELETE").0 == 204)
            #expect(try await request("\(base)/faults", method: "POST", body: "{}").0 == 400)
            #expect(
                try await request("\(base)/permissions", method: "POST", body: #"{"remove":["Group.Read.All"]}"#).0
                    == 204)
            #expect(tenant.clients[0].permissions.contains("Group.Read.All") == false)
            #expect(
                try await request("\(base)/settings", method: "POST", body: #"{"quotas":false,"missing":["intune"]}"#).0
                    == 204)
            #expect(tenant.settings.missing == [.intune] && !tenant.settings.quotas)
            let stats = try await request("\(base)/stats").1
            #expect(stats["requests"]?["GET /users"]?.integer == 1 && stats["statuses"]?["503"]?.integer == 1)
            var lines = URLRequest(url: try #require(URL(string: "\(base)/truth/user")))
            lines.timeoutInterval = 20
            let (data, _) = try await URLSession.shared.data(for: lines)
            #expect([UInt8](data).split(separator: 10).count == tenant.count(.user))
            #expect(try await request("\(server.url)/_control/nobody").0 == 404)
        }
    }

    @Test func `a hundred requests at once, among changes, are all answered`() async throws {
        tenant.updateSettings { $0.quotas = false }
        try await withServer { server in
            let access = try #require(try await token(server).1["access_token"]?.text)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        if number % 10 == 0 { tenant.churn(seed: UInt64(number), count: 20) }
                        return try await request("\(server.url)/v1.0/users?$top=\(1 + number % 20)", token: access).0
                    }
                }
                return try await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses.allSatisfy { $0 == 200 } && statuses.count == 100)
        }
    }
}
