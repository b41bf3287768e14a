/// The service's limits, as token buckets.
///
/// https://learn.microsoft.com/graph/throttling-limits
struct Throttle {
    private struct Bucket {
        var level: Double
        var time: Double
    }

    private var buckets: [String: Bucket] = [:]
    /// Seconds of a monotonic clock; tests put their own in.
    var clock: @Sendable () -> Double = {
        let now = ContinuousClock.now - Throttle.start
        return Double(now.components.seconds) + Double(now.components.attoseconds) * 1e-18
    }
    private static let start = ContinuousClock.now
    private(set) var refusals = 0

    private struct Limit {
        let name: String
        let amount: Double
        /// Seconds in which `amount` may be spent.
        let window: Double
        var sendsRetryAfter = true
    }

    /// Base costs in resource units; 1 where nothing is listed.
    static func cost(of request: GraphRequest, _ route: Route) -> Int {
        var units = base(request, route)
        guard request.method == "GET" else { return units }
        if request.query.has("select") { units -= 1 }
        if request.query.has("expand") { units += 1 }
        if let top = request.query["top"].flatMap(Int.init), top < 20 { units -= 1 }
        return max(1, units)
    }

    private static func base(_ request: GraphRequest, _ route: Route) -> Int {
        guard request.method == "GET" else {
            if case .getByIds = route { return 3 }
            return 1
        }
        switch route {
        case .collection(let spec), .object(let spec, _), .count(let spec), .delta(let spec):
            switch spec.type {
            case .application, .user, .oauth2PermissionGrant: return 2
            case .subscribedSku: return 3
            default: return 1
            }
        case .navigation(let spec, _, let navigation, _):
            switch (spec.type, navigation.segment) {
            case (.group, "members"): return 3
            case (.group, "transitiveMembers"): return 5
            case (.application, "extensionProperties"), (.user, "licenseDetails"), (.user, "memberOf"),
                (_, "ownedObjects"), (.servicePrincipal, "appRoleAssignments"):
                return 2
            default: return 1
            }
        default: return 1
        }
    }

    private func limits(
        _ request: GraphRequest, _ route: Route, _ caller: Caller, users: Int
    ) -> [(Limit, Int)] {
        let isWrite = request.method != "GET"
        let app = caller.applicationID
        switch route.type?.spec.throttle ?? .identity {
        case .identity:
            var list = [(identityLimit(app, users: users), -1)]
            if isWrite { list.append((Limit(name: "writes \(app)", amount: 3_000, window: 150), 1)) }
            return list
        case .conditionalAccess:
            return [(Limit(name: "conditional access", amount: 1, window: 1, sendsRetryAfter: false), 1)]
        case .reports: return [(Limit(name: "reports \(app)", amount: 5, window: 10), 1)]
        case .intune:
            var list = [(Limit(name: "intune \(app)", amount: 1_000, window: 20), 1)]
            if isWrite { list.append((Limit(name: "intune writes \(app)", amount: 100, window: 20), 1)) }
            return list
        case .unlimited: return []
        }
    }

    private func identityLimit(_ app: String, users: Int) -> Limit {
        let amount = users < 50 ? 3_500.0 : users <= 500 ? 5_000 : 8_000
        return Limit(name: "units \(app)", amount: amount, window: 10)
    }

    /// Takes the cost out of the buckets, or refuses.
    mutating func admit(
        _ request: GraphRequest, _ route: Route, _ units: Int, _ caller: Caller, _ settings: TenantSettings, users: Int
    ) throws(GraphFailure) {
        guard settings.quotas else { return }
        for (limit, cost) in limits(request, route, caller, users: users) {
            let amount = max(limit.amount * settings.quotaScale, 1)
            let rate = limit.amount * settings.quotaScale / limit.window
            let now = clock()
            var bucket = buckets[limit.name] ?? Bucket(level: amount, time: now)
            bucket.level = min(amount, bucket.level + (now - bucket.time) * rate)
            bucket.time = now
            let wanted = Double(cost < 0 ? units : cost)
            guard bucket.level >= wanted || wanted > amount && bucket.level == amount else {
                buckets[limit.name] = bucket
                refusals += 1
                throw Self.refusal(
                    after: limit.sendsRetryAfter ? (wanted - bucket.level) / rate : nil, caller,
                    isWrite: request.method != "GET")
            }
            bucket.level -= wanted
            buckets[limit.name] = bucket
        }
    }

    /// 429 as the service words it.
    static func refusal(after seconds: Double?, _ caller: Caller, isWrite: Bool = false) -> GraphFailure {
        var headers = [
            ("x-ms-throttle-scope", "Tenant_Application/\(isWrite ? "Write" : "ReadWrite")/\(caller.applicationID)"),
            ("x-ms-throttle-information", isWrite ? "WriteLimitExceeded" : "ResourceUnitLimitExceeded"),
        ]
        if let seconds { headers.append(("Retry-After", String(max(1, Int(seconds.rounded(.up)))))) }
        return GraphFailure(
            status: 429, code: "TooManyRequests", message: "Please retry again later.", headers: headers)
    }

    /// What the service tells of the cost, and of the limit once it is near.
    func headers(_ units: Int, _ caller: Caller, _ settings: TenantSettings, users: Int) -> [(String, String)] {
        var list = [("x-ms-resource-unit", String(units))]
        let limit = identityLimit(caller.applicationID, users: users)
        let amount = limit.amount * settings.quotaScale
        if settings.quotas, let bucket = buckets[limit.name] {
            let share = (amount - bucket.level) / amount
            if share >= 0.8 {
                list.append(("x-ms-throttle-limit-percentage", String((share * 100).rounded() / 100)))
            }
        }
        return list
    }
}
