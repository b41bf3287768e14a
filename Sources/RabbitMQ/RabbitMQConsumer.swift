import CRabbitMQ
import Synchronization

/// What a consumer and its connection share.
final class ConsumerState: Sendable {
    private struct State {
        var ledger = SettlementLedger()
        /// Why nothing can be settled any more.
        var ended: RabbitMQError?
        /// Why no more deliveries come; nil with `isFinished` when the caller asked for it.
        var failure: RabbitMQError?
        var isFinished = false
        var releasesWhenSettled = false
    }

    let tag: String
    let stream: AsyncStream<Delivery>
    private let source: AsyncStream<Delivery>.Continuation
    private let state = Mutex(State())

    init(tag: String) {
        self.tag = tag
        // Not unbounded in fact: the broker sends no more than the prefetch count before something is settled.
        (stream, source) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
    }

    func onTermination(_ body: @escaping @Sendable () -> Void) {
        source.onTermination = { reason in
            if case .cancelled = reason { body() }
        }
    }

    var failure: RabbitMQError? { state.withLock { $0.failure } }
    var isFinished: Bool { state.withLock { $0.isFinished } }

    func received(_ delivery: Delivery) -> Bool {
        guard state.withLock({ $0.ledger.received(delivery.deliveryTag) }) else { return false }
        source.yield(delivery)
        return true
    }

    /// No more deliveries; those received can still be settled.
    func finish(_ failure: RabbitMQError?) {
        state.withLock { state in
            guard !state.isFinished else { return }
            state.isFinished = true
            state.failure = failure
        }
        source.finish()
    }

    /// The channel is gone: no more deliveries, nothing can be settled.
    func end(_ error: RabbitMQError) {
        state.withLock { $0.ended = $0.ended ?? error }
        finish(error)
    }

    func settle(_ delivery: Delivery, _ settlement: SettlementLedger.Settlement) throws(RabbitMQError) {
        let problem: RabbitMQError? = state.withLock { state in
            guard delivery.consumerTag == tag else {
                return RabbitMQError(.alreadySettled, "the delivery belongs to another consumer")
            }
            if let ended = state.ended {
                return RabbitMQError(
                    .channelClosed, "delivery \(delivery.deliveryTag) cannot be settled: \(ended.text)",
                    replyCode: ended.replyCode, hint: "The broker has requeued it.")
            }
            guard state.ledger.settle(delivery.deliveryTag, settlement) else {
                return RabbitMQError(.alreadySettled, "delivery \(delivery.deliveryTag) was settled before")
            }
            return nil
        }
        if let problem { throw problem }
    }

    func takeFrames() -> [SettlementLedger.Frame] {
        state.withLock { $0.ledger.takeFrames() }
    }

    func releaseWhenSettled() {
        state.withLock { $0.releasesWhenSettled = true }
    }

    var isDrained: Bool {
        state.withLock { $0.releasesWhenSettled && $0.ledger.isEmpty }
    }
}

/// A subscription to one queue, on a channel of its own.
///
/// Read ``deliveries``, and settle each one with ``ack(_:)`` or ``reject(_:requeue:)``. Letting go of the consumer
/// closes its channel, and the broker requeues what was not settled.
public final class RabbitMQConsumer: Sendable {
    /// The queue that is read.
    public let queue: String
    /// The name of this subscription, random for each: RabbitMQ before 3.11.23 stops delivering from a quorum queue
    /// whose consumers come and go under the same tag.
    public var tag: String { state.tag }

    let state: ConsumerState
    private let connection: RabbitMQConnection
    private let channel: UInt16

    init(queue: String, state: ConsumerState, connection: RabbitMQConnection, channel: UInt16) {
        self.queue = queue
        self.state = state
        self.connection = connection
        self.channel = channel
    }

    deinit {
        let (channel, state) = (channel, state)
        connection.onLoop { $0.releaseConsumer(state, on: channel) }
    }

    /// The deliveries in the order of arrival. Several tasks may read; each delivery goes to one of them.
    public var deliveries: Deliveries { Deliveries(consumer: self) }

    /// Tells the broker that the delivery is done with and may be forgotten.
    ///
    /// Returns at once; the connection's thread sends it, together with others that wait. As the protocol has no
    /// answer to it, a connection that breaks now makes the broker deliver the message again.
    ///
    /// - Throws: `channelClosed` when the channel is gone, `alreadySettled`.
    public func ack(_ delivery: Delivery) throws(RabbitMQError) {
        try state.settle(delivery, .acknowledge)
        connection.loop.poke()
    }

    /// Tells the broker that the delivery failed: back to the queue, or dead-lettered or dropped. As ``ack(_:)``.
    ///
    /// - Throws: `channelClosed` when the channel is gone, `alreadySettled`.
    public func reject(_ delivery: Delivery, requeue: Bool) throws(RabbitMQError) {
        try state.settle(delivery, .reject(requeue: requeue))
        connection.loop.poke()
    }

    /// Stops the deliveries: those received are still handed out and can be settled, then the sequence ends.
    ///
    /// The channel closes by itself when the last one is settled. Does nothing when deliveries have ended before.
    ///
    /// - Throws: `cancelled`, `timedOut`, or why the connection ended.
    public func cancel() async throws(RabbitMQError) {
        try await connection.cancelConsumer(state, on: channel)
    }

    /// Closes the channel; the broker requeues what was not settled.
    public func close() async {
        await connection.closeConsumer(state, on: channel)
    }
}

extension RabbitMQConsumer {
    /// The deliveries of a consumer.
    public struct Deliveries: AsyncSequence, Sendable {
        let consumer: RabbitMQConsumer

        /// Hands out deliveries one by one.
        public struct AsyncIterator: AsyncIteratorProtocol {
            // Keeps the channel open for as long as somebody reads.
            private let consumer: RabbitMQConsumer
            private var base: AsyncStream<Delivery>.AsyncIterator

            init(_ consumer: RabbitMQConsumer) {
                self.consumer = consumer
                base = consumer.state.stream.makeAsyncIterator()
            }

            /// The next delivery; nil after ``RabbitMQConsumer/cancel()`` or ``RabbitMQConsumer/close()``.
            ///
            /// - Throws: why deliveries ended otherwise, such as `consumerCancelled`, `deliveryTimedOut`,
            ///   `connectionLost`; `cancelled` when the task is, which ends the subscription for all readers.
            public mutating func next(
                isolation actor: isolated (any Actor)? = #isolation
            ) async throws(RabbitMQError) -> Delivery? {
                if let delivery = await base.next(isolation: actor) { return delivery }
                if Task.isCancelled { throw .taskCancelled }
                if let failure = consumer.state.failure, failure.code != .closed { throw failure }
                return nil
            }
        }

        /// Starts reading.
        public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(consumer) }
    }
}
