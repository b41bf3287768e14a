/// A message to be published. Always sent as persistent and mandatory.
public struct OutgoingMessage: Sendable, Equatable {
    /// Exchange; "" is the default exchange, which routes by queue name.
    public var exchange: String
    /// Routing key, at most 255 bytes.
    public var routingKey: String
    /// Identifies the message, 1 to 255 bytes. The broker's report that a message could not be routed carries
    /// nothing else to tell it by, so ids must differ among the messages in flight on one connection.
    public var messageID: String
    /// Media type of the body, or nil.
    public var contentType: String?
    /// Headers, such as a `traceparent`. All of them must fit one frame (4 KiB is always safe).
    public var headers: [String: String]
    /// The content; may be empty, may be larger than a frame.
    public var body: [UInt8]

    /// Describes a message.
    public init(
        exchange: String = "", routingKey: String, messageID: String, contentType: String? = nil,
        headers: [String: String] = [:], body: [UInt8]
    ) {
        self.exchange = exchange
        self.routingKey = routingKey
        self.messageID = messageID
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }

    /// Checks what the library would otherwise cut off or discover after half of the message had been sent.
    func validate(frameBytes: Int) throws(RabbitMQError) {
        func refuse(_ what: String) -> RabbitMQError {
            RabbitMQError(.invalidArgument, "message \(messageID.prefix(64)): \(what)", hint: "Nothing was sent.")
        }
        guard (1...255).contains(messageID.utf8.count) else { throw refuse("message id is not 1 to 255 bytes") }
        guard exchange.utf8.count <= 255 else { throw refuse("exchange is longer than 255 bytes") }
        guard routingKey.utf8.count <= 255 else { throw refuse("routing key is longer than 255 bytes") }
        guard (contentType ?? "").utf8.count <= 255 else { throw refuse("content type is longer than 255 bytes") }
        var headerBytes = 0
        for (key, value) in headers {
            guard key.utf8.count <= 255 else { throw refuse("a header's name is longer than 255 bytes") }
            headerBytes += key.utf8.count + value.utf8.count + 6
        }
        // 600 bytes are room for the frame itself and for the two other properties at their longest.
        guard headerBytes + 600 <= frameBytes else { throw refuse("headers do not fit a frame of \(frameBytes) bytes") }
    }
}

/// What became of a published message.
///
/// When several things are known of one message, the name is the first that applies: unroutable, nacked,
/// confirmed, unknown.
public enum PublishOutcome: Sendable, Equatable {
    /// The broker has taken responsibility for the message.
    case confirmed
    /// No queue is bound for the routing key. The message was dropped by the broker.
    case unroutable
    /// The broker refused the message, such as for a full queue with `reject-publish`. It may be sent again.
    case nacked
    /// Nobody can say: the confirm did not come. The message may be in the queue; sending it again may duplicate
    /// it. The error tells why.
    case unknown(RabbitMQError)

    /// Whether the message is safe with the broker.
    public var isConfirmed: Bool { self == .confirmed }
}
