import Foundation
import RabbitMQ
import Testing

/// Checks a condition again and again until it holds; fails the test when it does not within the deadline.
func eventually(
    within limit: Duration = .seconds(30), _ what: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record("not within \(limit): \(what)", sourceLocation: sourceLocation)
            throw BrokerFailure(text: what)
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Runs `body` and fails the test when it takes longer than the deadline, instead of hanging for ever.
func within<Value: Sendable>(
    _ limit: Duration = .seconds(60), _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let value = first else {
            throw BrokerFailure(text: "not within \(limit)")
        }
        return value
    }
}

/// A connection to the shared broker and a queue name nobody else uses.
func withBroker(
    _ adjust: (inout RabbitMQConfiguration) -> Void = { _ in },
    _ body: (TemporaryBroker, RabbitMQConnection, String) async throws -> Void
) async throws {
    let broker = try TemporaryBroker.shared.get()
    var configuration = broker.configuration
    adjust(&configuration)
    let connection = try await RabbitMQConnection.connect(configuration)
    let queue = "q-\(UInt64.random(in: .min ... .max))"
    do {
        try await body(broker, connection, queue)
    } catch {
        await connection.close()
        throw error
    }
    await connection.close()
}

func message(_ queue: String, _ number: Int, bytes: Int = 300) -> OutgoingMessage {
    OutgoingMessage(
        routingKey: queue, messageID: "m\(number)", body: (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &+ number) })
}

/// The next `count` deliveries of a consumer, unsettled.
func take(_ count: Int, from consumer: RabbitMQConsumer) async throws -> [Delivery] {
    try await within {
        var received: [Delivery] = []
        for try await delivery in consumer.deliveries {
            received.append(delivery)
            if received.count == count { break }
        }
        return received
    }
}

func code(of body: () async throws -> Void) async -> RabbitMQError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? RabbitMQError)?.code
    }
}

/// As `#expect`, for conditions that its expansion cannot hold: mutating and rethrowing calls.
func expect(_ condition: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(condition, sourceLocation: sourceLocation)
}
