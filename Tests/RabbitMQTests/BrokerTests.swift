import RabbitMQ
import Testing

/// Tests against the shared node. Serial, for some of them stop or kill it.
@Suite(.serialized, .enabled(if: TemporaryBroker.programs != nil, "RabbitMQ is not installed"))
enum BrokerTests {}

extension BrokerTests {
    @Suite struct Publishing {
        @Test func `A message comes out as it went in`() async throws {
            try await withBroker { _, connection, queue in
                let status = try await connection.declareQueue(QueueDeclaration(queue))
                #expect(status.created)
                #expect(try await !connection.declareQueue(QueueDeclaration(queue)).created)
                let sent = OutgoingMessage(
                    routingKey: queue, messageID: "first", contentType: "application/json",
                    headers: ["traceparent": "00-ab-cd-01", "leer": "", "ключ": "значение"], body: [1, 2, 3])
                #expect(try await connection.publish([sent]) == [.confirmed])
                let consumer = try await connection.consume(queue: queue, prefetch: 10)
                let delivery = try #require(try await take(1, from: consumer).first)
                #expect(delivery.body == [1, 2, 3])
                #expect(delivery.messageID == "first")
                #expect(delivery.contentType == "application/json")
                #expect(delivery.header("traceparent") == "00-ab-cd-01")
                #expect(delivery.header("leer") == "")
                #expect(delivery.header("ключ") == "значение")
                #expect(!delivery.redelivered)
                #expect(delivery.routingKey == queue)
                #expect(delivery.deliveryCount ?? 0 == 0)
                try consumer.ack(delivery)
                await consumer.close()
                try await eventually("the queue is empty and idle") {
                    try await connection.queueStatus(queue).map { $0.messageCount + $0.consumerCount } == 0
                }
            }
        }

        @Test(arguments: [0, 1, 4096, 131_064, 131_072, 131_073, 1 << 20, 5_000_000])
        func `A body of any size survives`(bytes: Int) async throws {
            try await withBroker { _, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue, kind: .classic))
                let sent = message(queue, 7, bytes: bytes)
                #expect(try await connection.publish([sent]) == [.confirmed])
                let consumer = try await connection.consume(queue: queue, prefetch: 1)
                let delivery = try #require(try await take(1, from: consumer).first)
                #expect(delivery.body == sent.body)
                try consumer.ack(delivery)
                try await connection.deleteQueue(queue)
            }
        }

        @Test func `Ten thousand messages are confirmed and arrive in order`() async throws {
            try await withBroker { _, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                let outcomes = try await connection.publish((0..<10_000).map { message(queue, $0) })
                #expect(outcomes == Array(repeating: .confirmed, count: 10_000))
                let consumer = try await connection.consume(queue: queue, prefetch: 200)
                let ids = try await within {
                    var ids: [String?] = []
                    for try await delivery in consumer.deliveries {
                        ids.append(delivery.messageID)
                        try consumer.ack(delivery)
                        if ids.count == 10_000 { break }
                    }
                    return ids
                }
                #expect(ids == (0..<10_000).map { "m\($0)" })
                try await connection.deleteQueue(queue)
            }
        }

        @Test func `Messages that no queue takes are unroutable, their neighbours confirmed`() async throws {
            try await withBroker { _, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                let messages = (0..<900).map { message($0 % 3 == 1 ? "nobody" : queue, $0) }
                let outcomes = try await connection.publish(messages)
                for (index, outcome) in outcomes.enumerated() {
                    #expect(outcome == (index % 3 == 1 ? .unroutable : .confirmed))
                }
            }
        }

        @Test func `A full queue that rejects gives negative confirms`() async throws {
            try await withBroker { _, connection, queue in
                _ = try await connection.declareQueue(
                    QueueDeclaration(queue, overflow: .rejectPublish, maximumLength: 5))
                // The broker overshoots the limit with messages in flight, so the queue is filled first.
                for number in 0..<6 { _ = try await connection.publish([message(queue, number)]) }
                try await eventually("the queue refuses") {
                    try await connection.publish([message(queue, 99)]) == [.nacked]
                }
            }
        }

        @Test(arguments: [1, 2, 256]) func `Any window works, and calls of several tasks share it`(window: Int)
            async throws
        {
            try await withBroker({ $0.confirmWindow = window }) { _, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue, kind: .classic))
                try await withThrowingTaskGroup(of: [PublishOutcome].self) { group in
                    for task in 0..<8 {
                        group.addTask {
                            try await connection.publish((0..<50).map { message(queue, task * 1000 + $0) })
                        }
                    }
                    for try await outcomes in group {
                        #expect(outcomes == Array(repeating: .confirmed, count: 50))
                    }
                }
                #expect(try await connection.queueStatus(queue)?.messageCount == 400)
                try await connection.deleteQueue(queue)
            }
        }

        @Test func `A missing exchange makes messages unknown and publishing goes on`() async throws {
            try await withBroker { _, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                let lost = OutgoingMessage(exchange: "missing", routingKey: "x", messageID: "1", body: [])
                guard case .unknown(let error) = try await connection.publish([lost]).first else {
                    Issue.record("expected unknown")
                    return
                }
                #expect(error.code == .notFound)
                #expect(error.replyCode == 404)
                #expect(try await connection.publish([message(queue, 1)]) == [.confirmed])
            }
        }

        @Test func `What AMQP cannot express is refused before anything is sent`() async throws {
            try await withBroker { _, connection, queue in
                let long = String(repeating: "x", count: 256)
                let faulty = [
                    OutgoingMessage(routingKey: long, messageID: "1", body: []),
                    OutgoingMessage(exchange: long, routingKey: queue, messageID: "1", body: []),
                    OutgoingMessage(routingKey: queue, messageID: long, body: []),
                    OutgoingMessage(routingKey: queue, messageID: "", body: []),
                    OutgoingMessage(routingKey: queue, messageID: "1", contentType: long, body: []),
                    OutgoingMessage(routingKey: queue, messageID: "1", headers: [long: ""], body: []),
                    OutgoingMessage(
                        routingKey: queue, messageID: "1", headers: ["x": String(repeating: "y", count: 131_000)],
                        body: []),
                ]
                for message in faulty {
                    #expect(await code { _ = try await connection.publish([message]) } == .invalidArgument)
                }
                #expect(await code { _ = try await connection.consume(queue: queue, prefetch: 0) } == .invalidArgument)
                #expect(await code { _ = try await connection.queueStatus(long) } == .invalidArgument)
                #expect(await connection.isOpen)
                // The largest headers that are let through do go through.
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                let large = OutgoingMessage(
                    routingKey: queue, messageID: String(repeating: "m", count: 255),
                    contentType: String(repeating: "c", count: 255),
                    headers: ["x": String(repeating: "y", count: 131_072 - 600 - 7)], body: [1])
                #expect(try await connection.publish([large]) == [.confirmed])
            }
        }
    }
}
