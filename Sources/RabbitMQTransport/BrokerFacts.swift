public import BackupContracts
import Foundation
import RabbitMQ

/// What `doctor` asks of the broker: facts without a judgement.
public struct BrokerFacts: Sendable {
    /// Whether a queue is what the stages declare.
    public enum Shape: Sendable, Hashable {
        /// It has the type, limit and dead-lettering that the stages declare.
        case right
        /// It exists with other arguments than the stages declare; what the broker says of it.
        case wrong(String)
        /// There is none of that name.
        case missing
        /// This user may not declare it.
        case unknown
    }

    /// One queue as the broker has it.
    public struct Queue: Sendable, Hashable {
        /// As the stages declare it.
        public var name: String
        /// What became of declaring it once more.
        public var shape: Shape
        /// Messages that are ready for delivery.
        public var messages: Int
        /// Consumers of all stages.
        public var consumers: Int

        /// A queue as it should be, but for what is given.
        public init(name: String, shape: Shape = .right, messages: Int = 0, consumers: Int = 1) {
            self.name = name
            self.shape = shape
            self.messages = messages
            self.consumers = consumers
        }
    }

    /// `3.10.8`.
    public var version: String?
    /// Those of the pipeline, in its order.
    public var queues: [Queue]
    /// The broker's own queue of what was delivered too often.
    public var deadLetters: Queue
    /// Why the broker takes no messages, such as too little memory or disk; `nil` when it takes them.
    public var alarm: String?

    /// Facts for a test of what is made of them; ``read(_:)`` asks for real ones.
    public init(version: String?, queues: [Queue], deadLetters: Queue, alarm: String? = nil) {
        self.version = version
        self.queues = queues
        self.deadLetters = deadLetters
        self.alarm = alarm
    }

    /// Logs in and looks at every queue. An existing queue is declared once more, which changes nothing and tells
    /// whether its arguments are the right ones; a missing one is not made. One message that no queue takes is
    /// published, since a broker tells its alarms to those that publish only.
    public static func read(_ settings: BrokerSettings) async throws(StageFailure) -> BrokerFacts {
        do throws(RabbitMQError) {
            let connection = try await RabbitMQConnection.connect(settings.configuration)
            let version = await connection.serverVersion
            await connection.close()
            var queues: [Queue] = []
            for queue in BackupContracts.Queue.allCases {
                queues.append(try await look(at: Topology.declaration(of: queue), settings))
            }
            let deadLetters = QueueDeclaration(BackupContracts.Queue.deadLetters, kind: .quorum)
            return BrokerFacts(
                version: version, queues: queues, deadLetters: try await look(at: deadLetters, settings),
                alarm: try await alarm(settings))
        } catch {
            throw StageFailure(broker: error)
        }
    }

    /// On a connection of its own: a broker may answer a wrong declaration by closing more than the channel.
    private static func look(at declaration: QueueDeclaration, _ settings: BrokerSettings) async throws(RabbitMQError)
        -> Queue
    {
        let connection = try await RabbitMQConnection.connect(settings.configuration)
        var queue = Queue(name: declaration.name, shape: .missing, messages: 0, consumers: 0)
        do throws(RabbitMQError) {
            if let status = try await connection.queueStatus(declaration.name) {
                queue.messages = status.messageCount
                queue.consumers = status.consumerCount
                _ = try await connection.declareQueue(declaration)
                queue.shape = .right
            }
        } catch {
            switch error.code {
            case .preconditionFailed: queue.shape = .wrong(error.text)
            case .accessRefused: queue.shape = .unknown
            default:
                await connection.close()
                throw error
            }
        }
        await connection.close()
        return queue
    }

    private static func alarm(_ settings: BrokerSettings) async throws(RabbitMQError) -> String? {
        var configuration = settings.configuration
        configuration.confirmTimeout = .seconds(5)
        let connection = try await RabbitMQConnection.connect(configuration)
        let probe = "doctor-\(UUID().uuidString.lowercased())"
        let outcomes: [PublishOutcome]
        do throws(RabbitMQError) {
            outcomes = try await connection.publish([OutgoingMessage(routingKey: probe, messageID: probe, body: [])])
        } catch {
            connection.abort()
            // A user that may not publish to the default exchange cannot ask.
            if error.code == .accessRefused { return nil }
            throw error
        }
        if let reason = await connection.blockedReason {
            // A blocked broker reads nothing, so it would not answer a close either.
            connection.abort()
            return reason
        }
        await connection.close()
        guard case .unknown(let error)? = outcomes.first, error.code == .timedOut else { return nil }
        return "it did not answer to a message within five seconds"
    }
}
