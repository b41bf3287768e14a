import HTTPTypes
import Hummingbird
import NIOCore

/// The control interface under `/_control`: what tests in other processes tell a simulator.
struct ControlInterface: Sendable {
    private let tenants: [String: SimulatedTenant]
    private let order: [SimulatedTenant]

    init(tenants: [SimulatedTenant]) {
        order = tenants
        self.tenants = Dictionary(tenants.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    func respond(_ method: String, _ path: String, _ body: [UInt8]) async -> Response {
        let parts = path.split(separator: "?", maxSplits: 1)
        let segments = parts[0].split(separator: "/").dropFirst().map(String.init)
        let query = GraphRequest.Query(parts.count > 1 ? String(parts[1]) : "")
        do {
            guard let name = segments.first else { return Self.json(list()) }
            if name == "health" { return Self.json(.object([("ok", .bool(true))])) }
            guard let tenant = tenants[name] else { return Self.error(.notFound, "There is no tenant \(name).") }
            return try answer(tenant, method, Array(segments.dropFirst()), query, body)
        } catch {
            return Self.error(.badRequest, "\(error)")
        }
    }

    /// The tenants with what a client needs to reach them.
    private func list() -> SimulatedJSON {
        .object([("tenants", .array(order.map(Self.describe)))])
    }

    static func describe(_ tenant: SimulatedTenant) -> SimulatedJSON {
        let clients: [SimulatedJSON] = tenant.clients.map { client in
            .object([
                ("clientId", .string(client.clientID)), ("name", .string(client.name)),
                ("secret", .string(client.secret)),
            ])
        }
        let counts: [(String, SimulatedJSON)] = SimulatedType.allCases.map {
            ($0.rawValue, .number(String(tenant.count($0))))
        }
        return .object([
            ("tenantId", .string(tenant.id)), ("seed", .number(String(tenant.seed))), ("clients", .array(clients)),
            ("memberships", .number(String(tenant.memberships))), ("counts", .object(counts)),
        ])
    }

    private func answer(
        _ tenant: SimulatedTenant, _ method: String, _ segments: [String], _ query: GraphRequest.Query, _ body: [UInt8]
    ) throws -> Response {
        switch (method, segments.first ?? "") {
        case ("GET", ""): return Self.json(Self.describe(tenant))
        case ("GET", "truth"):
            return truth(tenant, segments.count > 1 ? segments[1] : "", omitsNulls: query.values["nulls"] == "omit")
        case ("GET", "stats"): return Self.json(tenant.statistics.json)
        case ("GET", "policy-loads"): return Self.json(.array(tenant.policyLoads.map(\.json)))
        case ("GET", "requests"): return Self.json(tenant.statistics.recordedJSON)
        case ("POST", "stats"), ("DELETE", "stats"):
            tenant.resetStatistics()
            return Self.done
        case ("POST", "churn"): return Self.json(churn(tenant, query))
        case ("POST", "canaries"): return Self.json(plantCanaries(tenant, query))
        case ("POST", "faults"):
            for rule in try Self.rules(body) { try tenant.addFault(rule) }
            return Self.done
        case ("DELETE", "faults"):
            tenant.clearFaults()
            return Self.done
        case ("POST", "expire-delta-tokens"):
            let status = query.values["status"].flatMap(Int.init)
            tenant.updateSettings { settings in if let status { settings.expiredTokenStatus = status } }
            tenant.expireDeltaTokens()
            return Self.done
        case ("POST", "permissions"):
            try setPermissions(tenant, SimulatedJSON.parse(body))
            return Self.done
        case ("POST", "settings"):
            let value = try SimulatedJSON.parse(body)
            tenant.updateSettings { $0.apply(value) }
            return Self.done
        case ("POST", "quiesce"):
            tenant.quiesce()
            return Self.done
        default: return Self.error(.notFound, "Unknown control path; see the simulator's documentation.")
        }
    }

    private func truth(_ tenant: SimulatedTenant, _ type: String, omitsNulls: Bool) -> Response {
        let body = ResponseBody { writer in
            for lines in tenant.truthChunks(type, omitsNulls: omitsNulls) {
                var buffer = ByteBuffer()
                for line in lines {
                    buffer.writeBytes(line)
                    buffer.writeInteger(UInt8(ascii: "\n"))
                }
                try await writer.write(buffer)
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: "application/jsonl"], body: body)
    }

    private func churn(_ tenant: SimulatedTenant, _ query: GraphRequest.Query) -> SimulatedJSON {
        let seed = query.values["seed"].flatMap(UInt64.init) ?? 1
        let summary: [String: Int]
        if let fraction = query.values["fraction"].flatMap(Double.init) {
            summary = tenant.churn(seed: seed, fraction: fraction)
        } else {
            summary = tenant.churn(seed: seed, count: query.values["count"].flatMap(Int.init) ?? 100)
        }
        return .object(summary.sorted { $0.key < $1.key }.map { ($0.key, .number(String($0.value))) })
    }

    private func plantCanaries(_ tenant: SimulatedTenant, _ query: GraphRequest.Query) -> SimulatedJSON {
        let seed = query.values["seed"].flatMap(UInt64.init) ?? 1
        let planted = tenant.plantCanaries(seed: seed, count: query.values["count"].flatMap(Int.init) ?? 100)
        return .object([
            ("objects", .number(String(planted.objects))), ("words", .array(planted.words.map { .string($0) })),
        ])
    }

    /// `{"client": 0, "permissions": [...]}`, or `add` and `remove` in place of `permissions`.
    private func setPermissions(_ tenant: SimulatedTenant, _ value: SimulatedJSON) {
        func names(_ key: String) -> Set<String>? { value[key]?.items.map { Set($0.compactMap(\.text)) } }
        let (all, added, removed) = (names("permissions"), names("add") ?? [], names("remove") ?? [])
        let expired = value["secretIsExpired"]?.boolean
        let secret = value["secret"]?.text
        tenant.updateClient(value["client"]?.integer ?? 0) { client in
            if let all { client.permissions = all }
            client.permissions.formUnion(added)
            client.permissions.subtract(removed)
            if let expired { client.secretIsExpired = expired }
            if let secret { client.secret = secret }
        }
    }

    private static let done = Response(status: .noContent)

    private static func json(_ value: SimulatedJSON) -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: value.encoded)))
    }

    private static func error(_ status: HTTPResponse.Status, _ message: String) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(
                byteBuffer: ByteBuffer(bytes: SimulatedJSON.object([("error", .string(message))]).encoded)))
    }
}
