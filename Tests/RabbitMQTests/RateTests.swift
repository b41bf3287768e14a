import Foundation
import RabbitMQ
import Testing

extension BrokerTests {
    /// Rates for the reader's eye; nothing is asserted of them. Runs only when asked for, in release.
    @Suite(.enabled(if: ProcessInfo.processInfo.environment["RABBITMQ_RATES"] != nil, "set RABBITMQ_RATES=1"))
    struct Rates {
        private func report(_ what: String, _ count: Int, _ duration: Duration) {
            let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
            FileHandle.standardError.write(Data("rate: \(what): \(Int(Double(count) / seconds)) messages/s\n".utf8))
        }

        @Test(arguments: [1, 10, 100, 256], [QueueDeclaration.Kind.quorum, .classic])
        func `Publish with confirm`(window: Int, kind: QueueDeclaration.Kind) async throws {
            try await withBroker({ $0.confirmWindow = window }) { _, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue, kind: kind))
                let count = window == 1 ? 5000 : 100_000
                let messages = (0..<count).map { message(queue, $0) }
                let began = ContinuousClock.now
                let outcomes = try await connection.publish(messages)
                report("publish 300 B, \(kind.rawValue), window \(window)", count, ContinuousClock.now - began)
                expect(outcomes.allSatisfy(\.isConfirmed))
                try await connection.deleteQueue(queue)
            }
        }

        @Test(arguments: [1, 20, 100]) func `Consume with acknowledgement`(prefetch: UInt16) async throws {
            try await withBroker { _, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                let count = prefetch == 1 ? 5000 : 100_000
                _ = try await connection.publish((0..<count).map { message(queue, $0) })
                let began = ContinuousClock.now
                let consumer = try await connection.consume(queue: queue, prefetch: prefetch)
                var received = 0
                for try await delivery in consumer.deliveries {
                    try consumer.ack(delivery)
                    received += 1
                    if received == count { break }
                }
                report("consume 300 B, quorum, prefetch \(prefetch)", count, ContinuousClock.now - began)
                try await connection.deleteQueue(queue)
            }
        }
    }
}
