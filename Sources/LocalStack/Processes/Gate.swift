import Dispatch
import Synchronization

/// Something that tasks wait for: an exit, a stop request, a wake-up.
///
/// Waiting ends when the gate is opened or pulsed, when the time is over, or when the waiting task is cancelled.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiters: [UInt64: CheckedContinuation<Bool, Never>] = [:]
        var next: UInt64 = 0
    }

    private let state = Mutex(State())

    var isOpen: Bool { state.withLock { $0.isOpen } }

    /// Lets everyone through from now on.
    func open() { release(stayOpen: true) }

    /// Wakes those who wait now, and nobody who comes later.
    func pulse() { release(stayOpen: false) }

    /// Whether the gate was opened or pulsed, rather than the time being over or the task cancelled.
    @discardableResult
    func wait(for limit: Duration? = nil) async -> Bool {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let immediate: Bool? = state.withLock { state in
                    if state.isOpen { return true }
                    if Task.isCancelled { return false }
                    state.waiters[id] = continuation
                    return nil
                }
                if let immediate {
                    continuation.resume(returning: immediate)
                } else if let limit {
                    DispatchQueue.global().asyncAfter(deadline: .now() + limit.seconds) { self.give(id, false) }
                }
            }
        } onCancel: {
            give(id, false)
        }
    }

    private func give(_ id: UInt64, _ value: Bool) {
        state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: value)
    }

    private func release(stayOpen: Bool) {
        let waiters = state.withLock { state in
            if stayOpen { state.isOpen = true }
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.resume(returning: true) }
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

/// Asks until there is an answer; nil when the time is over. Throws `CancellationError` when cancelled.
func poll<Answer>(
    for limit: Duration, every pause: Duration = .milliseconds(20), _ ask: () async throws -> Answer?
) async throws -> Answer? {
    let end = ContinuousClock.now + limit
    while true {
        if let answer = try await ask() { return answer }
        guard ContinuousClock.now < end else { return nil }
        try await Task.sleep(for: pause)
    }
}

/// Runs blocking work beside the threads that tasks run on.
func offload<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(returning: work()) }
    }
}
