public import Foundation

/// What the store says when a handler starts on a message.
public enum MessageStart: Sendable, Hashable {
    /// The row is there and this is the attempt with that number (1 for the first).
    case proceed(attempt: Int)
    /// No row: the message was handled before, or its job was restarted. Acknowledge.
    case alreadyHandled
    /// The row has had its attempts; it is parked now and the job failed.
    case parked
}

/// Rows of `backup.messages`: the truth about what is on its way (D1).
///
/// Laws. A row lives until the transaction of the handler that consumed it deletes it. Starting counts an attempt in a
/// transaction of its own, so an attempt that kills the process is counted. Every method is one transaction.
public protocol MessageStore: Sendable {
    /// Counts an attempt and says what to do. Cost: one update by primary key.
    func start(_ message: Message) async throws(StageFailure) -> MessageStart

    /// Notes that messages which were begun are still in hand: one that was begun a minute ago counts as left behind by a
    /// worker that died. Does nothing to those that have failed or were handled meanwhile. Cost: one update by primary
    /// key.
    func renew(_ ids: [UUID]) async throws(StageFailure)

    /// Records a failed attempt: the row becomes visible again after `delay`, or is parked with its job failed.
    /// - Returns: whether the message was parked.
    @discardableResult
    func fail(_ message: Message, _ failure: StageFailure, delay: Duration) async throws(StageFailure) -> Bool

    /// Puts a body that is no message of ours among the dead letters.
    func parkUndecodable(_ body: [UInt8], queue: Queue) async throws(StageFailure)

    /// Notes that the broker has confirmed these messages. Losing this note only costs a duplicate.
    func markPublished(_ ids: [UUID]) async throws(StageFailure)
}

/// How many rows of a queue wait, and since when, for metrics and the sweep.
public struct QueueBacklog: Sendable, Hashable {
    /// At most one backlog a queue; a queue without rows to work on has none.
    public var queue: Queue
    /// Rows that no one has published since they became visible: new ones, and those that paused after a failure.
    public var unpublished: Int
    /// Rows that are with the broker or in a worker's hands.
    public var published: Int
    /// Age of the oldest row that may be worked on, in seconds of the database's clock.
    public var oldestAgeSeconds: Double

    /// Rows that are not visible yet count nowhere.
    public init(queue: Queue, unpublished: Int, published: Int, oldestAgeSeconds: Double) {
        self.queue = queue
        self.unpublished = unpublished
        self.published = published
        self.oldestAgeSeconds = oldestAgeSeconds
    }
}
