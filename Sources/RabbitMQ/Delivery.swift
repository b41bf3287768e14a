/// A message received from a queue. It stays the broker's until it is acknowledged.
public struct Delivery: Sendable, Equatable {
    /// The content.
    public let body: [UInt8]
    /// The sender's id for the message, if it gave one.
    public let messageID: String?
    /// The sender's media type, if it gave one.
    public let contentType: String?
    /// All headers, the broker's own (`x-death`, `x-delivery-count`) included.
    public let headers: [String: FieldValue]
    /// Whether the message was delivered before, perhaps to someone else.
    public let redelivered: Bool
    /// The exchange it was published to.
    public let exchange: String
    /// The routing key it was published with.
    public let routingKey: String
    /// The broker's number for this delivery, counted per channel from 1.
    public let deliveryTag: UInt64
    /// The subscription that received it; unique, so that a delivery cannot be settled by another consumer.
    public let consumerTag: String

    /// How often the message came back to the queue before this delivery; nil on first delivery and on queues that
    /// do not count. <https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling>
    public var deliveryCount: Int? {
        headers["x-delivery-count"]?.integerValue.map(Int.init(clamping:))
    }

    /// A header's text, if it is there and is text.
    public func header(_ name: String) -> String? {
        headers[name]?.stringValue
    }
}
