import BackupContracts
import RabbitMQ

/// The queues of the pipeline as they are declared.
enum Topology {
    /// Declares exchange, dead letters and queues. Returns the queues that were not there.
    static func declare(on connection: RabbitMQConnection) async throws(RabbitMQError) -> Set<Queue> {
        try await connection.declareExchange(ExchangeDeclaration(Queue.deadLetterExchange, kind: .fanout))
        _ = try await connection.declareQueue(QueueDeclaration(Queue.deadLetters, kind: .quorum))
        try await connection.bind(queue: Queue.deadLetters, exchange: Queue.deadLetterExchange, routingKey: "")
        var created: Set<Queue> = []
        for queue in Queue.allCases {
            let status = try await connection.declareQueue(declaration(of: queue))
            if status.created { created.insert(queue) }
        }
        return created
    }

    static func declaration(of queue: Queue) -> QueueDeclaration {
        QueueDeclaration(
            queue.rawValue, kind: .quorum, deliveryLimit: Queue.deliveryLimit,
            deadLetterExchange: Queue.deadLetterExchange, deadLetterStrategy: .atLeastOnce, overflow: .rejectPublish)
    }
}
