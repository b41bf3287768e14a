/// How the reader of Microsoft Graph behaves; the defaults suit a backup.
public struct GraphOptions: Sendable {
    /// Longest time that one read may spend in pauses (429, 503, the budget); beyond it the read fails as
    /// ``FailureCode/graphThrottled`` with `retryAfter`, so that the worker can do something else. Default 30 s.
    public var patience: Duration
    /// Longest time for one request from the first byte sent to the last byte of the answer. Default 100 s.
    public var requestTimeout: Duration
    /// Longest answer in bytes; a longer one fails as ``FailureCode/graphAnswerMalformed``. Default 64 MiB.
    public var bodyLimit: Int
    /// `$batch` requests of one `readBatch` that may be under way together, at least 1. Default 4.
    public var batchesInFlight: Int
    /// Connections to one host that are kept open, for all tenants together. Default 16.
    public var connectionsPerHost: Int

    /// The two numbers of things at a time are raised to 1.
    public init(
        patience: Duration = .seconds(30), requestTimeout: Duration = .seconds(100), bodyLimit: Int = 64 << 20,
        batchesInFlight: Int = 4, connectionsPerHost: Int = 16
    ) {
        self.patience = patience
        self.requestTimeout = requestTimeout
        self.bodyLimit = bodyLimit
        self.batchesInFlight = max(1, batchesInFlight)
        self.connectionsPerHost = max(1, connectionsPerHost)
    }
}

/// Time and chance, as the reader was given them.
struct GraphTime: Sendable {
    let sleep: @Sendable (Duration) async throws -> Void
    /// Time since the reader was made; steady.
    let elapsed: @Sendable () -> Duration
    /// Seconds since 1970, for certificates and assertions.
    let unix: @Sendable () -> Double
    /// A number in 0..<1.
    let random: @Sendable () -> Double

    init(
        clock: any Clock<Duration>, unix: @escaping @Sendable () -> Double, random: @escaping @Sendable () -> Double
    ) {
        (sleep, elapsed) = Self.opened(clock)
        self.unix = unix
        self.random = random
    }

    private static func opened<C: Clock>(
        _ clock: C
    ) -> (@Sendable (Duration) async throws -> Void, @Sendable () -> Duration) where C.Duration == Duration {
        let start = clock.now
        return ({ try await clock.sleep(for: $0) }, { start.duration(to: clock.now) })
    }
}
