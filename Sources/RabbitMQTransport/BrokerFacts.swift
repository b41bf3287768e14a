public import BackupContracts
import RabbitMQ

/// What `doctor` asks of the broker: facts without a judgement.
public struct BrokerFacts: Sendable {
    public enum Shape: Sendable, Hashable {
        case right
        /// It exists with other arguments than the stages declare; what the broker says of it.
        case wrong(String)
        case missing
        /// This user may not declare it.
        case unknown
    }

    public struct Queue: Sendable, Hashable {
        public var name: String
        public var shape: Shape
        public var messages: Int
        public var consumers: Int
    }

    /// `3.10.8`.
    public var version: String?
    public var queues: [Queue]
    /// The broker's own queue of what was delivered too often.
    public var deadLetters: Queue

    /// Logs in and looks at every queue. An existing queue is declared once more, which changes nothing and tells
    /// whether its arguments are the right ones; a missing one is not made.
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
                version: version, queues: queues, deadLetters: try await look(at: deadLetters, settings))
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
}
