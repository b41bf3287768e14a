private import Synchronization

/// Points in the handling of a message at which a crash must change nothing: the tests kill the process there.
public enum StagePoint: String, Sendable, CaseIterable {
    case beforeStart = "before-start"
    case afterStart = "after-start"
    case beforeCommit = "before-commit"
    case afterCommit = "after-commit"
    case beforePublish = "before-publish"
    case afterConfirm = "after-confirm"
    case beforeAcknowledge = "before-acknowledge"
    case afterAcknowledge = "after-acknowledge"
    /// Of the restorer: requests are about to be sent.
    case beforeWrite = "before-write"
    /// Their answers have come, and nothing of them is recorded.
    case afterWrite = "after-write"
    /// What was written has been read back, and is about to be recorded.
    case beforeRecord = "before-record"
    /// Of an erasure: a step is about to be committed, or a key to be destroyed.
    case beforeErase = "before-erase"
    /// It was.
    case afterErase = "after-erase"
}

/// Called at each ``StagePoint``; does nothing in production.
public struct StageHooks: Sendable {
    /// Called in the thread that does the work, which goes on when it returns.
    public var reach: @Sendable (StagePoint) -> Void

    /// For tests, and for the failpoints that an environment variable asks for.
    public init(reach: @escaping @Sendable (StagePoint) -> Void) { self.reach = reach }

    /// Does nothing at any point.
    public static let none = StageHooks { _ in }
}

/// Tells handlers that the process is shutting down: finish the unit in hand, pass the rest on.
///
/// Task cancellation is not used for this: it would also cancel the statement that is just being committed.
public final class DrainSignal: Sendable {
    private let state = Mutex(false)

    /// Not draining.
    public init() {}

    /// Whether the shutdown has begun; looked at between two units of work.
    public var isDraining: Bool { state.withLock { $0 } }

    /// Begins the shutdown; there is no way back, and a second call does nothing.
    public func drain() { state.withLock { $0 = true } }
}
