public import BackupContracts

/// How long to wait before the next attempt: exponential with full jitter, so that what failed together does not
/// come back together.
public struct RetryPauses: Sendable {
    let random: @Sendable () -> Double

    /// - Parameter random: a number in 0..<1; tests give a fixed one.
    public init(random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }) {
        self.random = random
    }

    /// The pause after a failed attempt; never shorter than what the other side asked for.
    public func afterFailure(_ failure: StageFailure, attempt: Int) -> Duration {
        if failure.disposition == .retryNow { return .milliseconds(Int(20 + 180 * random())) }
        let ceiling = min(300, 1 << min(attempt, 9))
        let jittered = Duration.milliseconds(Int(Double(ceiling) * 500 * (1 + random())))
        return max(jittered, failure.retryAfter ?? .zero)
    }

    /// The pause while a delivery is held because the store cannot be reached: 100 ms to 5 s.
    func whileHeld(tries: Int) -> Duration {
        .milliseconds(min(5_000, 100 << min(tries, 6)))
    }
}
