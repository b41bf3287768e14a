/// Time since it was made, on a clock that tests can hold.
public struct Stopwatch: Sendable {
    private let measure: @Sendable () -> Duration

    public init<C: Clock>(_ clock: C) where C.Duration == Duration {
        let began = clock.now
        measure = { began.duration(to: clock.now) }
    }

    /// Real time on the clock that was given; it runs on while a process is stopped, if that clock does.
    public var elapsed: Duration { measure() }
}
