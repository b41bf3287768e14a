import RabbitMQ
import Testing

extension BrokerTests {
    @Suite struct Consuming {
        @Test func `Prefetch bounds what is delivered`() async throws {
            try await withBroker { _, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                _ = try await connection.publish((0..<20).map { message(queue, $0) })
                let consumer = try await connection.consume(queue: queue, prefetch: 5)
                let first = try await take(5, from: consumer)
                try await eventually("15 stay in the queue") {
                    try await connection.queueStatus(queue)?.messageCount == 15
                }
                for delivery in first.reversed() { try consumer.ack(delivery) }
                #expect(try await take(5, from: consumer).map(\.messageID) == (5..<10).map { "m\($0)" })
                await consumer.close()
                try await eventually("the unsettled ones are back") {
                    try await connection.queueStatus(queue)?.messageCount == 15
                }
            }
        }

        @Test func `A lost connection gives its deliveries back`() async throws {
            try await withBroker { broker, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                _ = try await connection.publish((0..<3).map { message(queue, $0) })
                let victim = try await RabbitMQConnection.connect(broker.configuration)
                let consumer = try await victim.consume(queue: queue, prefetch: 3)
                let held = try await take(3, from: consumer)
                expect(held.allSatisfy { !$0.redelivered })
                victim.abort()
                #expect(try await within { try await victim.closure() }.code == .connectionLost)
                let ending = await code { for try await _ in consumer.deliveries {} }
                #expect(ending == .connectionLost)
                #expect(await code { try consumer.ack(held[0]) } == .channelClosed)
                #expect(await code { _ = try await victim.publish([message(queue, 9)]) } == .connectionLost)
                let next = try await connection.consume(queue: queue, prefetch: 10)
                let again = try await take(3, from: next)
                expect(again.allSatisfy(\.redelivered))
                #expect(Set(again.map(\.messageID)) == ["m0", "m1", "m2"])
                #expect(await code { try next.ack(held[0]) } == .alreadySettled)
            }
        }

        @Test func `Past its delivery limit a message reaches the dead-letter queue`() async throws {
            try await withBroker { _, connection, queue in
                let dead = queue + "-dead"
                _ = try await connection.declareQueue(QueueDeclaration(dead))
                let work = QueueDeclaration(
                    queue, deliveryLimit: 2, deadLetterExchange: "", deadLetterRoutingKey: dead,
                    deadLetterStrategy: .atLeastOnce, overflow: .rejectPublish)
                _ = try await connection.declareQueue(work)
                _ = try await connection.publish([message(queue, 1)])
                let consumer = try await connection.consume(queue: queue, prefetch: 1)
                for attempt in 0..<3 {
                    let delivery = try #require(try await take(1, from: consumer).first)
                    #expect(delivery.deliveryCount ?? 0 == attempt)
                    try consumer.reject(delivery, requeue: true)
                }
                let undertaker = try await connection.consume(queue: dead, prefetch: 1)
                let delivery = try #require(try await take(1, from: undertaker).first)
                #expect(delivery.messageID == "m1")
                guard case .array(let deaths) = delivery.headers["x-death"], case .table(let death) = deaths.first
                else {
                    Issue.record("no x-death: \(delivery.headers)")
                    return
                }
                #expect(death["reason"] == .string("delivery_limit"))
                #expect(death["queue"] == .string(queue))
                try undertaker.ack(delivery)
                try await eventually("both queues are empty") {
                    let first = try await connection.queueStatus(queue)?.messageCount
                    let second = try await connection.queueStatus(dead)?.messageCount
                    return first == 0 && second == 0
                }
            }
        }

        @Test func `At-least-once dead-lettering needs its companions`() async throws {
            try await withBroker { _, connection, queue in
                for faulty in [
                    QueueDeclaration(queue, deadLetterStrategy: .atLeastOnce, overflow: .rejectPublish),
                    QueueDeclaration(queue, deadLetterExchange: "", deadLetterStrategy: .atLeastOnce),
                ] {
                    #expect(await code { _ = try await connection.declareQueue(faulty) } == .invalidArgument)
                }
            }
        }

        @Test func `Messages flow after 500 consumers have come and gone`() async throws {
            try await withBroker { _, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                var tags: Set<String> = []
                for round in 0..<500 {
                    let consumer = try await connection.consume(queue: queue, prefetch: 2)
                    tags.insert(consumer.tag)
                    if round.isMultiple(of: 2) { try await consumer.cancel() }
                    await consumer.close()
                }
                #expect(tags.count == 500)
                let outcomes = try await connection.publish((0..<500).map { message(queue, $0) })
                expect(outcomes.allSatisfy(\.isConfirmed))
                let consumer = try await connection.consume(queue: queue, prefetch: 2)
                let received = try await within {
                    var received = 0
                    for try await delivery in consumer.deliveries {
                        try consumer.ack(delivery)
                        received += 1
                        if received == 500 { break }
                    }
                    return received
                }
                #expect(received == 500)
            }
        }

        @Test func `Deleting the queue ends its consumers by name`() async throws {
            try await withBroker { _, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                _ = try await connection.publish((0..<2).map { message(queue, $0) })
                let consumer = try await connection.consume(queue: queue, prefetch: 1)
                let delivery = try #require(try await take(1, from: consumer).first)
                #expect(try await connection.deleteQueue(queue) >= 1)
                let ending = await code { try await within { for try await _ in consumer.deliveries {} } }
                #expect(ending == .consumerCancelled)
                #expect(await code { try consumer.ack(delivery) } == nil)
                #expect(try await connection.queueStatus(queue) == nil)
                #expect(await connection.isOpen)
            }
        }

        @Test func `Cancelling drains: what was received is handed out and can be settled`() async throws {
            try await withBroker { _, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                _ = try await connection.publish((0..<10).map { message(queue, $0) })
                let consumer = try await connection.consume(queue: queue, prefetch: 4)
                try await eventually("four are out") {
                    try await connection.queueStatus(queue)?.messageCount == 6
                }
                try await consumer.cancel()
                try await consumer.cancel()
                let received = try await within {
                    var received = 0
                    for try await delivery in consumer.deliveries {
                        try consumer.ack(delivery)
                        received += 1
                    }
                    return received
                }
                #expect(received == 4)
                try await eventually("six are left, none is out") {
                    let status = try await connection.queueStatus(queue)
                    return status?.messageCount == 6 && status?.consumerCount == 0
                }
            }
        }

        @Test func `Settling twice is refused and harms nothing`() async throws {
            try await withBroker { _, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                _ = try await connection.publish((0..<2).map { message(queue, $0) })
                let consumer = try await connection.consume(queue: queue, prefetch: 5)
                let deliveries = try await take(2, from: consumer)
                try consumer.ack(deliveries[0])
                #expect(await code { try consumer.ack(deliveries[0]) } == .alreadySettled)
                #expect(await code { try consumer.reject(deliveries[0], requeue: true) } == .alreadySettled)
                try consumer.reject(deliveries[1], requeue: false)
                await consumer.close()
                #expect(await code { try consumer.ack(deliveries[1]) } == .channelClosed)
                try await eventually("all are gone") {
                    try await connection.queueStatus(queue).map { $0.messageCount + $0.consumerCount } == 0
                }
            }
        }

        @Test func `Several tasks share one consumer`() async throws {
            try await withBroker { _, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                _ = try await connection.publish((0..<400).map { message(queue, $0) })
                let consumer = try await connection.consume(queue: queue, prefetch: 8)
                let ids = try await within {
                    try await withThrowingTaskGroup(of: [String].self) { group in
                        for _ in 0..<4 {
                            group.addTask {
                                var ids: [String] = []
                                for try await delivery in consumer.deliveries {
                                    try consumer.ack(delivery)
                                    ids.append(delivery.messageID ?? "")
                                }
                                return ids
                            }
                        }
                        try await eventually("all are delivered") {
                            try await connection.queueStatus(queue)?.messageCount == 0
                        }
                        try await consumer.cancel()
                        return try await group.reduce(into: []) { $0 += $1 }
                    }
                }
                #expect(ids.count == 400)
                #expect(Set(ids).count == 400)
            }
        }

        @Test func `A cancelled reader stops and its deliveries come back`() async throws {
            try await withBroker { _, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                let consumer = try await connection.consume(queue: queue, prefetch: 5)
                let reader = Task { for try await _ in consumer.deliveries {} }
                reader.cancel()
                #expect(await code { try await reader.value } == .cancelled)
                await consumer.close()
                _ = try await connection.publish([message(queue, 1)])
                try await eventually("nobody consumes") {
                    let status = try await connection.queueStatus(queue)
                    return status?.consumerCount == 0 && status?.messageCount == 1
                }
            }
        }

        @Test func `Every call gives up when its task is cancelled`() async throws {
            try await withBroker { broker, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                func cancelled(_ body: @escaping @Sendable () async throws -> Void) async -> RabbitMQError.Code? {
                    let task = Task {
                        withUnsafeCurrentTask { $0?.cancel() }
                        try await body()
                    }
                    return await code { try await task.value }
                }
                #expect(await cancelled { _ = try await connection.publish([message(queue, 1)]) } == .cancelled)
                #expect(await cancelled { _ = try await connection.consume(queue: queue, prefetch: 1) } == .cancelled)
                #expect(await cancelled { _ = try await connection.queueStatus(queue) } == .cancelled)
                #expect(await cancelled { _ = try await connection.closure() } == .cancelled)
                let configuration = broker.configuration
                #expect(await cancelled { _ = try await RabbitMQConnection.connect(configuration) } == .cancelled)
                #expect(await connection.isOpen)
                #expect(try await connection.publish([message(queue, 2)]) == [.confirmed])
            }
        }

        @Test func `Holding a delivery beyond the broker's time-out is named`() async throws {
            try await withBroker { broker, connection, queue in
                try broker.control("eval", "application:set_env(rabbit, consumer_timeout, 500).")
                defer { _ = try? broker.control("eval", "application:set_env(rabbit, consumer_timeout, 1800000).") }
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                _ = try await connection.publish([message(queue, 1)])
                let consumer = try await connection.consume(queue: queue, prefetch: 1)
                let delivery = try #require(try await take(1, from: consumer).first)
                let ending = await code { try await within { for try await _ in consumer.deliveries {} } }
                #expect(ending == .deliveryTimedOut)
                #expect(await code { try consumer.ack(delivery) } == .channelClosed)
                #expect(await connection.isOpen)
            }
        }
    }
}
