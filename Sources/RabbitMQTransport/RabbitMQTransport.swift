public import BackupContracts
import Foundation
public import Logging
import RabbitMQ

/// The broker behind the contracts: one connection that publishes, one for each queue that is consumed.
///
/// Every connection is made again when it is lost; what was in hand is delivered again by the broker. Queues are
/// declared as quorum queues whenever a connection is made, so that a broker that lost everything gets them back (D1).
public actor RabbitMQTransport: MessageTransport {
    private let configuration: RabbitMQConfiguration
    private let logger: Logger
    private var publisher: RabbitMQConnection?
    private var opening: Task<RabbitMQConnection, any Error>?

    /// Connects with the first call that needs the broker.
    public init(settings: BrokerSettings, logger: Logger) {
        configuration = settings.configuration
        self.logger = logger
    }

    /// Closes the publishing connection.
    public func close() async {
        await publisher?.close()
        publisher = nil
    }

    // MARK: Publishing

    /// See ``MessageTransport``. Throws ``FailureCode/brokerUnreachable`` alone; any of the messages may then be there.
    public func publish(_ messages: [Message]) async throws(StageFailure) -> [Bool] {
        let connection = try await publishingConnection()
        do {
            let outcomes = try await connection.publish(
                messages.map {
                    OutgoingMessage(
                        routingKey: $0.kind.queue.rawValue, messageID: $0.id.uuidString.lowercased(),
                        contentType: "application/json", headers: ["traceparent": "00-\($0.trace)-0000000000000001-01"],
                        body: $0.encoded())
                })
            return outcomes.map(\.isConfirmed)
        } catch {
            throw StageFailure(broker: error)
        }
    }

    /// The connection, made when it is missing; callers at the same time share one attempt.
    private func publishingConnection() async throws(StageFailure) -> RabbitMQConnection {
        if let publisher, await publisher.isOpen { return publisher }
        if opening == nil {
            let configuration = configuration
            opening = Task {
                let connection = try await RabbitMQConnection.connect(configuration)
                _ = try await Topology.declare(on: connection)
                return connection
            }
        }
        defer { opening = nil }
        do {
            guard let connection = try await opening?.value else {
                throw StageFailure(.brokerUnreachable, "RabbitMQ: the connection was closed.")
            }
            publisher = connection
            return connection
        } catch let failure as StageFailure {
            throw failure
        } catch let error as RabbitMQError {
            throw StageFailure(broker: error)
        } catch {
            throw StageFailure(.brokerUnreachable, "RabbitMQ: \(error)")
        }
    }

    /// See ``MessageTransport``. Repeats nothing that is there, so that it may be called as often as one likes.
    public func declareTopology() async throws(StageFailure) -> Set<Queue> {
        let connection = try await publishingConnection()
        do {
            return try await Topology.declare(on: connection)
        } catch {
            throw StageFailure(broker: error)
        }
    }

    /// See ``MessageTransport``. What consumers hold unacknowledged is not counted.
    public func readyCount(_ queue: Queue) async throws(StageFailure) -> Int? {
        let connection = try await publishingConnection()
        do {
            return try await connection.queueStatus(queue.rawValue)?.messageCount
        } catch {
            throw StageFailure(broker: error)
        }
    }

    // MARK: Consuming

    /// See ``MessageTransport``. A connection of its own for each call; when it is lost, pauses grow to 5 seconds.
    public nonisolated func consume(
        _ queue: Queue, concurrency: Int, _ handle: @escaping @Sendable (BackupContracts.Delivery) async -> Void
    ) async {
        var attempt = 0
        while !Task.isCancelled {
            do throws(RabbitMQError) {
                let connection = try await RabbitMQConnection.connect(configuration)
                attempt = 0
                await consume(queue, on: connection, concurrency, handle)
                await connection.close()
            } catch {
                attempt += 1
                logger.warning(
                    "broker connection lost", metadata: ["queue": "\(queue.rawValue)", "detail": "\(error)"])
                var generator = SystemRandomNumberGenerator()
                let pause = RecoveryBackoff(maximum: .seconds(5)).delay(attempt: attempt, using: &generator)
                try? await Task.sleep(for: pause)
            }
        }
    }

    /// Consumes until the connection or the task ends, and returns when everything in hand is handled.
    private nonisolated func consume(
        _ queue: Queue, on connection: RabbitMQConnection, _ concurrency: Int,
        _ handle: @escaping @Sendable (BackupContracts.Delivery) async -> Void
    ) async {
        // Handlers are tasks of their own: cancelling the consumer must not cancel a transaction that is under way.
        let inHand = InHand()
        do throws(RabbitMQError) {
            _ = try await Topology.declare(on: connection)
            let consumer = try await connection.consume(queue: queue.rawValue, prefetch: UInt16(concurrency))
            do throws(RabbitMQError) {
                for try await delivery in consumer.deliveries {
                    let given = BackupContracts.Delivery(queue: queue, body: delivery.body) {
                        () async throws(StageFailure) in
                        do throws(RabbitMQError) { try consumer.ack(delivery) } catch {
                            throw StageFailure(broker: error)
                        }
                    }
                    inHand.start { await handle(given) }
                    if Task.isCancelled { break }
                }
            } catch {
                logger.warning("consumer ended", metadata: ["queue": "\(queue.rawValue)", "detail": "\(error)"])
            }
            await inHand.finish()
            await consumer.close()
        } catch {
            logger.warning("queue not consumed", metadata: ["queue": "\(queue.rawValue)", "detail": "\(error)"])
            try? await Task.sleep(for: .milliseconds(500))
        }
        await inHand.finish()
    }
}

extension StageFailure {
    init(broker error: RabbitMQError) {
        self.init(.brokerUnreachable, "RabbitMQ: \(error)")
    }
}
