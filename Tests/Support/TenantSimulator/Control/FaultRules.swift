/// One rule of what goes wrong, for which requests and how often.
public struct FaultRule: Sendable {
    public enum Effect: Sendable, Equatable {
        /// An error status; Retry-After in seconds where the service would send it.
        case status(Int, retryAfter: Int?)
        /// The request is carried out, and 504 is all that is said of it. Items of a batch can be struck, too.
        case lostAnswer
        /// The connection ends in the middle of the body.
        case cutBody
        /// The body is no JSON.
        case malformedBody
        /// The body comes in small pieces; milliseconds between them.
        case slowBody(pause: Int)
        /// The connection is reset before an answer.
        case reset
        /// 401 as for an expired token.
        case expiredToken
        /// The next link leads to another host.
        case foreignNextLink
        /// The next link leads to this page again.
        case loopingNextLink
        /// No element, but a next link to the same page.
        case emptyPage
        /// Every element comes twice.
        case duplicateItems
        /// 410 with a location.
        case gone
        /// 400 with the code of an expired delta token.
        case syncStateNotFound
        /// 403 on the whole collection.
        case forbidden
    }

    public var effect: Effect
    /// A regular expression that must match somewhere in the path and query; all when nil.
    public var path: String?
    public var type: SimulatedType?
    public var method: String?
    /// Share of the matching requests.
    public var share = 1.0
    /// How many requests it strikes; no end when nil.
    public var count: Int?
    /// How many matching requests pass before it strikes.
    public var skip = 0
    public var seed: UInt64 = 1

    public init(
        _ effect: Effect, path: String? = nil, type: SimulatedType? = nil, method: String? = nil, share: Double = 1,
        count: Int? = nil, skip: Int = 0, seed: UInt64 = 1
    ) {
        self.effect = effect
        self.path = path
        self.type = type
        self.method = method
        self.share = share
        self.count = count
        self.skip = skip
        self.seed = seed
    }
}

/// The rules in force and how often each has struck.
struct FaultRules {
    private struct Armed {
        let rule: FaultRule
        let expression: Regex<AnyRegexOutput>?
        var random: SeededRandom
        var left: Int?
        var skips: Int
    }

    private var armed: [Armed] = []

    var isEmpty: Bool { armed.isEmpty }

    /// Throws when the path is no regular expression.
    mutating func add(_ rule: FaultRule) throws {
        let expression = try rule.path.map { try Regex($0) }
        armed.append(
            Armed(
                rule: rule, expression: expression, random: SeededRandom(seed: rule.seed), left: rule.count,
                skips: rule.skip))
    }

    mutating func clear() { armed = [] }

    /// The effect for a request, nil when it is spared.
    mutating func strike(_ request: GraphRequest, _ type: SimulatedType?) -> FaultRule.Effect? {
        for index in armed.indices where matches(armed[index], request, type) {
            if armed[index].skips > 0 {
                armed[index].skips -= 1
                continue
            }
            if armed[index].left == 0 { continue }
            guard armed[index].random.chance(armed[index].rule.share) else { continue }
            if let left = armed[index].left { armed[index].left = left - 1 }
            return armed[index].rule.effect
        }
        return nil
    }

    /// The effect for a whole batch: only rules that name its path.
    mutating func strikeBatch(_ request: GraphRequest) -> FaultRule.Effect? {
        let named = armed.contains { $0.rule.path?.contains("batch") ?? false }
        return named ? strike(request, nil) : nil
    }

    private func matches(_ armed: Armed, _ request: GraphRequest, _ type: SimulatedType?) -> Bool {
        if let wanted = armed.rule.type, wanted != type { return false }
        if let method = armed.rule.method, method != request.method { return false }
        guard let expression = armed.expression else { return true }
        return request.target.firstMatch(of: expression) != nil
    }
}
