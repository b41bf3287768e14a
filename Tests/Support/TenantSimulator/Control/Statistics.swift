import NIOCore

/// What a tenant was asked, for tests that count.
public struct Statistics: Sendable {
    /// Requests by method and path template, batch items included.
    public internal(set) var requests: [String: Int] = [:]
    /// Answers by status.
    public internal(set) var statuses: [Int: Int] = [:]
    /// Resource units spent.
    public internal(set) var units = 0
    /// Bytes of answer bodies.
    public internal(set) var bytes = 0
    /// Requests that carried a batch.
    public internal(set) var batches = 0
    /// Tokens issued.
    public internal(set) var tokens = 0
    /// Answers that a fault rule changed.
    public internal(set) var faults = 0
    /// The requests as they came, while ``TenantSettings/recordsRequests`` is on.
    public internal(set) var recorded: [(method: String, target: String, body: [UInt8])] = []
    /// Requests with `x-ms-throttle-priority: Low`.
    public internal(set) var lowPriority = 0

    public init() {}

    /// All requests.
    public var total: Int { requests.values.reduce(0, +) }

    mutating func note(_ request: GraphRequest, _ route: Route) {
        requests["\(request.method) \(Self.template(request, route))", default: 0] += 1
        if request.headers["x-ms-throttle-priority"]?.lowercased() == "low" { lowPriority += 1 }
    }

    mutating func noteAnswer(_ answer: GraphResponse) {
        statuses[answer.status, default: 0] += 1
        bytes += answer.body?.readableBytes ?? 0
    }

    /// The path with ids replaced: `/users/{id}/manager`.
    static func template(_ request: GraphRequest, _ route: Route) -> String {
        switch route {
        case .object(let spec, let id): "/" + spec.contextName + (id.isEmpty ? "" : "/{id}")
        case .navigation(let spec, let id, let navigation, let rest):
            "/" + spec.contextName + (id.isEmpty ? "" : "/{id}") + "/" + navigation.segment + (rest.isEmpty ? "" : "/…")
        case .action(let spec, _, let name): "/\(spec.contextName)/{id}/\(name.prefix { $0 != "(" && $0 != "/" })"
        case .directoryObject: "/directoryObjects/{id}"
        case .deletedItem(_, let action): "/directory/deletedItems/{id}" + (action.map { "/\($0)" } ?? "")
        case .deletedPolicies(let spec, let id, _):
            "/identity/conditionalAccess/deletedItems/\(spec.path.last ?? "")" + (id == nil ? "" : "/{id}")
        default: "/" + request.path.joined(separator: "/")
        }
    }

    /// The recorded requests as JSON.
    var recordedJSON: SimulatedJSON {
        .array(
            recorded.map { request in
                .object([
                    ("method", .string(request.method)), ("target", .string(request.target)),
                    ("body", .string(String(decoding: request.body, as: UTF8.self))),
                ])
            })
    }

    /// As JSON, for the control interface.
    var json: SimulatedJSON {
        func counts(_ table: [String: Int]) -> SimulatedJSON {
            .object(table.sorted { $0.key < $1.key }.map { ($0.key, .number(String($0.value))) })
        }
        var byStatus: [String: Int] = [:]
        for (status, count) in statuses { byStatus[String(status)] = count }
        return .object([
            ("requests", counts(requests)), ("statuses", counts(byStatus)), ("units", .number(String(units))),
            ("bytes", .number(String(bytes))), ("batches", .number(String(batches))),
            ("tokens", .number(String(tokens))),
            ("faults", .number(String(faults))), ("lowPriority", .number(String(lowPriority))),
            ("total", .number(String(total))),
        ])
    }
}
