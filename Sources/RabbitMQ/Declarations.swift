/// An exchange to be declared. Declaring one that exists with the same properties does nothing.
public struct ExchangeDeclaration: Sendable, Equatable {
    /// How an exchange chooses queues. <https://www.rabbitmq.com/docs/exchanges>
    public enum Kind: String, Sendable {
        /// Queues bound with exactly the routing key.
        case direct
        /// Every bound queue.
        case fanout
        /// Queues bound with a matching pattern.
        case topic
        /// Queues bound with matching headers.
        case headers
    }

    /// Name, at most 255 bytes.
    public var name: String
    /// How it chooses queues.
    public var kind: Kind
    /// Whether it outlives a restart of the broker.
    public var durable: Bool
    /// Further arguments.
    public var arguments: [String: FieldValue]

    /// Describes a durable exchange unless told otherwise.
    public init(_ name: String, kind: Kind, durable: Bool = true, arguments: [String: FieldValue] = [:]) {
        self.name = name
        self.kind = kind
        self.durable = durable
        self.arguments = arguments
    }
}

/// A queue to be declared. Declaring one that exists with other properties fails with `preconditionFailed`.
public struct QueueDeclaration: Sendable, Equatable {
    /// How the broker stores the queue.
    public enum Kind: String, Sendable {
        /// Replicated by Raft; the safe kind. <https://www.rabbitmq.com/docs/quorum-queues>
        case quorum
        /// On one node.
        case classic
    }

    /// What happens to a message that is dead-lettered while its target is away.
    public enum DeadLetterStrategy: String, Sendable {
        /// The broker may lose it; the broker's default.
        case atMostOnce = "at-most-once"
        /// The broker keeps it until the target has confirmed it. Works only with ``Overflow/rejectPublish`` and a
        /// dead-letter exchange. <https://www.rabbitmq.com/docs/quorum-queues#dead-lettering>
        case atLeastOnce = "at-least-once"
    }

    /// What happens to a message published to a full queue.
    public enum Overflow: String, Sendable {
        /// The oldest message is dropped or dead-lettered; the broker's default.
        case dropHead = "drop-head"
        /// The new message is refused; its publisher is told by a negative confirm.
        case rejectPublish = "reject-publish"
    }

    /// Name, 1 to 255 bytes.
    public var name: String
    /// How the broker stores it.
    public var kind: Kind
    /// Whether it outlives a restart of the broker. Quorum queues always do.
    public var durable: Bool
    /// Whether it belongs to this connection and ends with it. Quorum queues cannot.
    public var exclusive: Bool
    /// Number of redeliveries after which a message is dead-lettered or dropped. RabbitMQ before 4.0 has no limit
    /// unless this is set. <https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling>
    public var deliveryLimit: Int?
    /// Exchange that receives dead letters; "" is the default exchange.
    public var deadLetterExchange: String?
    /// Routing key for dead letters; nil keeps the message's own.
    public var deadLetterRoutingKey: String?
    /// How carefully dead letters are moved.
    public var deadLetterStrategy: DeadLetterStrategy?
    /// What happens when the queue is full.
    public var overflow: Overflow?
    /// Number of messages at which the queue is full; the broker may overshoot it.
    public var maximumLength: Int?
    /// Further arguments; an argument also set by a property above takes the property's value.
    public var arguments: [String: FieldValue]

    /// Describes a durable quorum queue unless told otherwise.
    public init(
        _ name: String, kind: Kind = .quorum, durable: Bool = true, exclusive: Bool = false,
        deliveryLimit: Int? = nil, deadLetterExchange: String? = nil, deadLetterRoutingKey: String? = nil,
        deadLetterStrategy: DeadLetterStrategy? = nil, overflow: Overflow? = nil, maximumLength: Int? = nil,
        arguments: [String: FieldValue] = [:]
    ) {
        self.name = name
        self.kind = kind
        self.durable = durable
        self.exclusive = exclusive
        self.deliveryLimit = deliveryLimit
        self.deadLetterExchange = deadLetterExchange
        self.deadLetterRoutingKey = deadLetterRoutingKey
        self.deadLetterStrategy = deadLetterStrategy
        self.overflow = overflow
        self.maximumLength = maximumLength
        self.arguments = arguments
    }

    /// All arguments as the broker sees them.
    var allArguments: [String: FieldValue] {
        var all = arguments
        all["x-queue-type"] = .string(kind.rawValue)
        if let deliveryLimit { all["x-delivery-limit"] = .integer(Int64(deliveryLimit)) }
        if let deadLetterExchange { all["x-dead-letter-exchange"] = .string(deadLetterExchange) }
        if let deadLetterRoutingKey { all["x-dead-letter-routing-key"] = .string(deadLetterRoutingKey) }
        if let deadLetterStrategy { all["x-dead-letter-strategy"] = .string(deadLetterStrategy.rawValue) }
        if let overflow { all["x-overflow"] = .string(overflow.rawValue) }
        if let maximumLength { all["x-max-length"] = .integer(Int64(maximumLength)) }
        return all
    }

    /// Refuses combinations that the broker accepts and then quietly does not honour.
    func validate() throws(RabbitMQError) {
        guard !name.isEmpty else { throw RabbitMQError(.invalidArgument, "a queue needs a name") }
        if deadLetterStrategy == .atLeastOnce, deadLetterExchange == nil || overflow != .rejectPublish {
            throw RabbitMQError(
                .invalidArgument,
                "queue \(name): at-least-once dead-lettering without dead-letter exchange or without reject-publish",
                hint: "Set deadLetterExchange and overflow: .rejectPublish; the broker would fall back to at-most-once."
            )
        }
    }
}

/// What the broker says of a queue.
public struct QueueStatus: Sendable, Equatable {
    /// Name of the queue.
    public let name: String
    /// Messages ready for delivery; those delivered and not yet acknowledged are not counted.
    public let messageCount: Int
    /// Active consumers.
    public let consumerCount: Int
    /// Whether the declaration made the queue. False for a passive look-up. Found by looking first, so a queue made
    /// by someone else in between counts as made here.
    public let created: Bool
}
