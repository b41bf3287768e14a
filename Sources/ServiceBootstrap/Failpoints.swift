public import BackupContracts
import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#endif

extension StageHooks {
    /// What the environment of a command asks for.
    public static func failpoints(_ environment: [String: String]) -> StageHooks {
        Failpoints.hooks(environment: environment)
    }
}

/// Kills or stops the process at a named point, for the tests that prove that a crash changes nothing.
///
/// `ENTRA_BACKUP_FAILPOINT=after-commit:3` sends SIGKILL to this process when it reaches the point for the third time,
/// `after-commit:3:stop` sends SIGSTOP: a process that wakes long after others took over its work.
/// Without the variable nothing happens.
enum Failpoints {
    static func hooks(environment: [String: String]) -> StageHooks {
        guard let text = environment["ENTRA_BACKUP_FAILPOINT"] else { return .none }
        let parts = text.split(separator: ":")
        guard let name = parts.first, let point = StagePoint(rawValue: String(name)) else { return .none }
        let left = Countdown(parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
        let signal = parts.count > 2 && parts[2] == "stop" ? SIGSTOP : SIGKILL
        return StageHooks { reached in
            // To the thread itself: one that tells the process would run on until another thread is awake to stop it.
            if reached == point, left.step() { raise(signal) }
        }
    }

    private final class Countdown: Sendable {
        private let left: Mutex<Int>

        init(_ count: Int) { left = Mutex(count) }

        func step() -> Bool {
            left.withLock {
                $0 -= 1
                return $0 == 0
            }
        }
    }
}
