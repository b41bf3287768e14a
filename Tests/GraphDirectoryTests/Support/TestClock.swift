import BackupContracts
import BackupModel
import Synchronization

/// A clock that is moved by sleeping on it: a sleep ends at once and is remembered.
final class TestClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private let state = Mutex<(now: Duration, sleeps: [Duration])>((.zero, []))

    var now: Instant { state.withLock { Instant(offset: $0.now) } }
    var minimumResolution: Duration { .nanoseconds(1) }
    var sleeps: [Duration] { state.withLock { $0.sleeps } }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        state.withLock {
            $0.sleeps.append(deadline.offset - $0.now)
            $0.now = max($0.now, deadline.offset)
        }
    }

    func advance(_ duration: Duration) {
        state.withLock { $0.now += duration }
    }
}

/// A budget of so many units in a sliding window, as the real one promises to be, and a log of what it was asked.
final class TestBudget: ResourceBudget {
    struct Draw: Sendable, Equatable {
        var units: Int
        var scope: ThrottleScope
    }

    struct Pause: Sendable, Equatable {
        var duration: Duration
        var scope: ThrottleScope
    }

    private struct State {
        var draws: [Draw] = []
        var pauses: [Pause] = []
        var granted: [(at: Duration, units: Int)] = []
        var pausedUntil = Duration.zero
    }

    private let clock: TestClock
    private let units: Int
    private let window: Duration
    private let state = Mutex(State())

    init(_ clock: TestClock, units: Int = .max / 4, per window: Duration = .seconds(10)) {
        self.clock = clock
        self.units = units
        self.window = window
    }

    var draws: [Draw] { state.withLock { $0.draws } }
    var pauses: [Pause] { state.withLock { $0.pauses } }
    /// When units were granted.
    var grants: [Duration] { state.withLock { $0.granted.map(\.at) } }

    func draw(
        _ wanted: Int, tenant: TenantID, scope: ThrottleScope
    ) async throws(StageFailure) -> BudgetAnswer {
        let now = clock.now.offset
        return state.withLock { state in
            state.draws.append(Draw(units: wanted, scope: scope))
            if state.pausedUntil > now { return .wait(state.pausedUntil - now) }
            let held = state.granted.filter { $0.at + window > now }
            if let oldest = held.first, held.reduce(wanted, { $0 + $1.units }) > units {
                return .wait(oldest.at + window - now)
            }
            state.granted.append((now, wanted))
            return .granted(units: wanted, validFor: window)
        }
    }

    func pause(_ duration: Duration, tenant: TenantID, scope: ThrottleScope) async throws(StageFailure) {
        let now = clock.now.offset
        state.withLock {
            $0.pauses.append(Pause(duration: duration, scope: scope))
            $0.pausedUntil = max($0.pausedUntil, now + duration)
        }
    }
}
