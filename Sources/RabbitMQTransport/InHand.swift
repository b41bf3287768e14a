private import Synchronization

/// Handlers that run as tasks of their own, and can be waited for.
final class InHand: Sendable {
    private let tasks = Mutex<[Int: Task<Void, Never>]>([:])
    private let next = Mutex(0)

    /// Starts a handler.
    func start(_ work: @escaping @Sendable () async -> Void) {
        let number = next.withLock { number in
            number += 1
            return number
        }
        tasks.withLock { tasks in
            tasks[number] = Task { [self] in
                await work()
                self.tasks.withLock { $0[number] = nil }
            }
        }
    }

    /// Returns when every started handler has returned; not shortened by cancellation.
    func finish() async {
        while let task = tasks.withLock({ $0.values.first }) { await task.value }
    }
}
