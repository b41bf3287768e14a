/// One delivery of a queue; it is held by the broker until acknowledged.
public struct Delivery: Sendable {
    /// Where it came from; what cannot be decoded is parked under this name.
    public var queue: Queue
    /// As it was published, undecoded; may be anything, since foreign publishers are possible.
    public var body: [UInt8]
    /// Confirms the delivery to the broker. Fails harmlessly when the channel is gone: the broker delivers again.
    public var acknowledge: @Sendable () async throws(StageFailure) -> Void

    /// `acknowledge` may be called once; a delivery never acknowledged comes again when its channel closes.
    public init(
        queue: Queue, body: [UInt8], acknowledge: @escaping @Sendable () async throws(StageFailure) -> Void
    ) {
        self.queue = queue
        self.body = body
        self.acknowledge = acknowledge
    }
}

/// The broker, as the stages see it: disposable, at least once, in no order that counts.
///
/// Laws. `publish` returns which messages the broker has confirmed as routed and stored; all others may or may not be
/// there. `consume` delivers until cancelled, reconnects by itself, declares what is missing, and returns only after
/// every started handler has returned.
public protocol MessageTransport: Sendable {
    /// Publishes to the queue of each message's kind.
    /// - Returns: for each message, in order, whether it was confirmed.
    func publish(_ messages: [Message]) async throws(StageFailure) -> [Bool]

    /// Consumes a queue with at most `concurrency` deliveries in hand, until the task is cancelled.
    func consume(_ queue: Queue, concurrency: Int, _ handle: @escaping @Sendable (Delivery) async -> Void) async

    /// Declares all queues. Returns those that had to be made anew: what they held is gone.
    func declareTopology() async throws(StageFailure) -> Set<Queue>

    /// Messages that the broker holds ready in a queue; `nil` when the queue is not there.
    func readyCount(_ queue: Queue) async throws(StageFailure) -> Int?
}
