public import BackupContracts
import Foundation
public import Logging
import Synchronization

/// Handles one message: does its work, commits, and returns the messages that follow and now have rows.
public typealias MessageHandler = @Sendable (Message, DrainSignal) async throws(StageFailure) -> [Message]

/// The consuming loop that every stage shares (D1).
///
/// ```
/// delivery ─► decode ─► start (counts the attempt) ─► handler (commits, deletes the row) ─► publish ─► acknowledge
///                │            │ no row: duplicate          │ failure: by its disposition
///                └ parked     └ acknowledge                └ row visible again later, or parked; acknowledge
/// ```
/// A crash anywhere leaves either the row, and the delivery comes again, or the committed result with the rows of its
/// messages, which the scheduler publishes. While the database is away deliveries are held, not given back: the
/// prefetch window is the back-pressure.
public struct StageWorker: Sendable {
    let stage: Stage
    let messages: any MessageStore
    let transport: any MessageTransport
    let handler: MessageHandler
    let metrics: StageMetrics
    let hooks: StageHooks
    let drain: DrainSignal
    let pauses: RetryPauses
    let renewal: Duration
    let logger: Logger
    private let inHand = MessagesInHand()

    /// `transport` both delivers and publishes what follows; `drain` also ends the holding of deliveries.
    public init(
        stage: Stage, messages: any MessageStore, transport: any MessageTransport, metrics: StageMetrics,
        hooks: StageHooks = .none, drain: DrainSignal, pauses: RetryPauses = RetryPauses(),
        renewal: Duration = .seconds(20), logger: Logger,
        handler: @escaping MessageHandler
    ) {
        self.stage = stage
        self.messages = messages
        self.transport = transport
        self.metrics = metrics
        self.hooks = hooks
        self.drain = drain
        self.pauses = pauses
        self.renewal = renewal
        self.logger = logger
        self.handler = handler
    }

    /// Consumes the stage's queues until the task is cancelled; returns when every delivery in hand is done with.
    public func run(concurrency: Int) async {
        // Not a child: while the stage drains, what is in hand goes on.
        let renewing = Task { await renewInHand() }
        defer { renewing.cancel() }
        await withDiscardingTaskGroup { group in
            for queue in stage.queues {
                group.addTask {
                    await transport.consume(queue, concurrency: concurrency) { delivery in
                        await handle(delivery)
                    }
                }
            }
        }
    }

    /// What is long in hand would be published again, and begun by another worker. A renewal that fails costs no more
    /// than such a second delivery, which the fence refuses.
    private func renewInHand() async {
        while (try? await Task.sleep(for: renewal)) != nil {
            do {
                try await messages.renew(inHand.ids)
            } catch let failure {
                logger.notice("messages in hand not renewed", metadata: ["error": "\(failure.code)"])
            }
        }
    }

    /// Handles one delivery to its end. Public for tests.
    public func handle(_ delivery: Delivery) async {
        guard let message = Message(decoding: delivery.body) else {
            await park(undecodable: delivery)
            return
        }
        var log = logger
        log[metadataKey: "tenant"] = "\(message.tenant)"
        log[metadataKey: "job"] = "\(message.job)"
        log[metadataKey: "trace"] = "\(message.trace)"
        log[metadataKey: "kind"] = "\(message.kind.rawValue)"
        metrics.deliveryBegan()
        let clock = ContinuousClock()
        let began = clock.now
        let outcome = await work(on: message, log)
        metrics.deliveryEnded(outcome)
        metrics.observe("entra_backup_stage_delivery_seconds", seconds: (clock.now - began) / .seconds(1))
        guard outcome != .givenBack else { return }
        await acknowledge(delivery, log)
    }

    private func work(on message: Message, _ log: Logger) async -> DeliveryOutcome {
        var tries = 0
        while true {
            tries += 1
            do {
                hooks.reach(.beforeStart)
                switch try await messages.start(message) {
                case .alreadyHandled: return .duplicate
                case .parked:
                    log.error("message parked", metadata: ["error": "\(FailureCode.attemptsExhausted)"])
                    return .parked
                case .proceed(let attempt):
                    hooks.reach(.afterStart)
                    return try await attemptOnce(message, attempt, log)
                }
            } catch let failure {
                // Only failures of the store itself come here: nothing could be recorded, so the delivery is held.
                log.warning(
                    "delivery held", metadata: ["error": "\(failure.code)", "detail": "\(failure.message)"])
                if drain.isDraining { return .givenBack }
                try? await Task.sleep(for: pauses.whileHeld(tries: tries))
            }
        }
    }

    private func attemptOnce(_ message: Message, _ attempt: Int, _ log: Logger) async throws(StageFailure)
        -> DeliveryOutcome
    {
        inHand.add(message.id)
        defer { inHand.remove(message.id) }
        let following: [Message]
        do {
            following = try await handler(message, drain)
        } catch let failure {
            return try await record(failure, of: message, attempt, log)
        }
        await publish(following, log)
        return .succeeded
    }

    private func record(_ failure: StageFailure, of message: Message, _ attempt: Int, _ log: Logger)
        async throws(StageFailure) -> DeliveryOutcome
    {
        let details: Logger.Metadata = [
            "error": "\(failure.code)", "detail": "\(failure.message)", "attempt": "\(attempt)",
        ]
        if failure.code == .unitFenced {
            log.notice("unit was finished by another worker", metadata: details)
            return .fenced
        }
        if failure.code == .databaseUnreachable { throw failure }
        let delay = pauses.afterFailure(failure, attempt: attempt)
        let parked = try await messages.fail(message, failure, delay: delay)
        if parked {
            log.error("message parked", metadata: details)
            return .parked
        }
        log.warning("attempt failed", metadata: details)
        return .failed
    }

    /// Publishes what was committed. A failure costs time only: the scheduler publishes rows that were left behind.
    private func publish(_ following: [Message], _ log: Logger) async {
        guard !following.isEmpty else { return }
        hooks.reach(.beforePublish)
        do {
            let confirmed = try await transport.publish(following)
            hooks.reach(.afterConfirm)
            let ids = zip(following, confirmed).filter { $0.1 }.map { $0.0.id }
            metrics.published(confirmed: ids.count, unconfirmed: following.count - ids.count)
            try await messages.markPublished(ids)
        } catch let failure {
            log.warning("messages left for the scheduler", metadata: ["error": "\(failure.code)"])
        }
    }

    private func acknowledge(_ delivery: Delivery, _ log: Logger) async {
        hooks.reach(.beforeAcknowledge)
        do {
            try await delivery.acknowledge()
            hooks.reach(.afterAcknowledge)
        } catch let failure {
            log.info("acknowledgement lost, a duplicate will follow", metadata: ["error": "\(failure.code)"])
        }
    }

    private func park(undecodable delivery: Delivery) async {
        logger.error(
            "message cannot be decoded",
            metadata: ["queue": "\(delivery.queue.rawValue)", "bytes": "\(delivery.body.count)"])
        metrics.deliveryBegan()
        do {
            try await messages.parkUndecodable(delivery.body, queue: delivery.queue)
        } catch let failure {
            // Not acknowledged: the broker's delivery limit moves it to the dead letters in the end.
            logger.error("message could not be parked", metadata: ["error": "\(failure.code)"])
            metrics.deliveryEnded(.givenBack)
            return
        }
        metrics.deliveryEnded(.parked)
        await acknowledge(delivery, logger)
    }
}

/// Ids of the messages that are begun; of one that was delivered twice, twice.
private final class MessagesInHand: Sendable {
    private let state = Mutex<[UUID]>([])

    var ids: [UUID] { state.withLock { $0 } }

    func add(_ id: UUID) { state.withLock { $0.append(id) } }

    func remove(_ id: UUID) {
        state.withLock { ids in
            if let place = ids.firstIndex(of: id) { ids.remove(at: place) }
        }
    }
}

/// How the handling of a delivery ended.
public enum DeliveryOutcome: String, Sendable, CaseIterable {
    case succeeded, duplicate, fenced, failed, parked
    /// Not acknowledged: the process is going down and could not record anything.
    case givenBack
}
