import BackupContracts

/// Decides what follows from each try of one request. Pure: it is told what happened and says what to do; see
/// <https://learn.microsoft.com/graph/throttling> and <https://learn.microsoft.com/graph/errors>.
struct RetryDecision: Sendable {
    enum Event: Sendable, Equatable {
        case answer(status: Int, retryAfter: Duration?, error: GraphErrorBody?)
        /// A complete answer that is not JSON.
        case malformed
        /// The answer began and did not end.
        case cut
        /// No answer: no connection, no TLS, a reset or a time-out.
        case unreachable
    }

    struct Pause: Sendable, Equatable {
        var duration: Duration
        /// The next try must not use the connection of this one.
        var freshConnection = false
        /// Nobody may ask this tenant in this scope meanwhile.
        var wholeTenant = false
    }

    enum Action: Sendable, Equatable {
        case accept
        case renewToken
        case retry(Pause)
        case fail(FailureCode, Pause?)
    }

    /// Throttling is bounded by patience alone, so that "after 0 s" must use some of it up.
    static let shortestPause = Duration.seconds(1)
    static let serverErrorRepeats = 3
    static let unreachableRepeats = 3
    static let malformedRepeats = 2
    static let conflictRepeats = 5

    /// Time that may still be spent in pauses.
    private(set) var patience: Duration
    private var throttled = 0
    private var serverErrors = 0
    private var unreachable = 0
    private var malformed = 0
    private var conflicts = 0
    private var renewals = 0

    init(patience: Duration) {
        self.patience = patience
    }

    /// Takes a pause from the patience that is left; false when it is longer.
    mutating func spend(_ pause: Duration) -> Bool {
        guard pause <= patience else { return false }
        patience -= pause
        return true
    }

    /// - Parameter random: a number in 0..<1, for the jitter.
    mutating func action(for event: Event, scope: ThrottleScope, random: Double) -> Action {
        switch event {
        case .unreachable:
            let pause = Pause(duration: Self.backoff(unreachable, random))
            return again(\.unreachable, Self.unreachableRepeats, pause, .graphUnreachable)
        case .malformed, .cut:
            let pause = Pause(duration: Self.backoff(malformed, random), freshConnection: event == .cut)
            return again(\.malformed, Self.malformedRepeats, pause, .graphAnswerMalformed)
        case .answer(200, _, _): return .accept
        case .answer(let status, let retryAfter, let error):
            return answered(status, retryAfter, GraphFailure.code(status: status, error: error, scope: scope), random)
        }
    }

    private mutating func answered(
        _ status: Int, _ retryAfter: Duration?, _ code: FailureCode, _ random: Double
    ) -> Action {
        switch code {
        case .graphThrottled:
            let asked = retryAfter.map { max($0, Self.shortestPause) }
            let pause = Pause(duration: asked ?? Self.backoff(throttled, random), wholeTenant: true)
            return again(\.throttled, .max, pause, .graphThrottled)
        case .credentialsInvalid:
            // The token may have ended early, or the tenant's keys have changed: one new token tells.
            renewals += 1
            return renewals == 1 ? .renewToken : .fail(code, nil)
        case .graphServerError where status == 409:
            let pause = Pause(duration: retryAfter ?? Self.backoff(conflicts, random))
            return again(\.conflicts, Self.conflictRepeats, pause, code)
        case .graphServerError:
            let pause = Pause(
                duration: retryAfter ?? Self.backoff(serverErrors, random), freshConnection: status == 503)
            // A pause that was asked for and is too long is throttling by another name.
            return again(
                \.serverErrors, Self.serverErrorRepeats, pause, retryAfter == nil ? code : .graphThrottled, code)
        default: return .fail(code, nil)
        }
    }

    /// Repeats while there are repeats and patience left.
    private mutating func again(
        _ count: WritableKeyPath<RetryDecision, Int>, _ limit: Int, _ pause: Pause, _ impatient: FailureCode,
        _ exhausted: FailureCode? = nil
    ) -> Action {
        self[keyPath: count] += 1
        if self[keyPath: count] > limit { return .fail(exhausted ?? impatient, pause) }
        return spend(pause.duration) ? .retry(pause) : .fail(impatient, pause)
    }

    /// 1, 2, 4, 8, 16 s, each times 0.5 to 1.5, so that those who failed together do not come back together.
    static func backoff(_ earlier: Int, _ random: Double) -> Duration {
        .seconds(1 << min(earlier, 4)) * (0.5 + random)
    }
}
