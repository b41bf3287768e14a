import CRabbitMQ

/// Puts together a message that arrives as a method, a header and any number of body frames.
///
/// Pure bookkeeping over what the peer sent; every size is the peer's claim and none is trusted before the bytes
/// are there.
struct ContentAssembler {
    /// The method that announced the content.
    enum Announcement: Equatable {
        case delivery(consumerTag: String, deliveryTag: UInt64, redelivered: Bool, exchange: String, routingKey: String)
        case returned
    }

    /// The properties of the content that are kept.
    struct Properties: Equatable {
        var messageID: String?
        var contentType: String?
        var headers: [String: FieldValue] = [:]
    }

    private enum State {
        case idle
        case announced(Announcement)
        case body(Announcement, Properties, expected: Int)
    }

    private var state = State.idle
    private var body: [UInt8] = []
    private let maximumBodyBytes: Int

    init(maximumBodyBytes: Int) {
        self.maximumBodyBytes = maximumBodyBytes
    }

    var isIdle: Bool {
        if case .idle = state { true } else { false }
    }

    mutating func announce(_ announcement: Announcement) throws(RabbitMQError) {
        guard isIdle else { throw .violation("a message began before the one before it was complete") }
        state = .announced(announcement)
    }

    /// Takes the header; true when the message is complete, which an empty one is now.
    mutating func header(_ properties: Properties, bodyBytes: UInt64) throws(RabbitMQError) -> Bool {
        guard case .announced(let announcement) = state else { throw .violation("a content header without a method") }
        guard bodyBytes <= UInt64(maximumBodyBytes) else {
            throw .violation("a body of \(bodyBytes) bytes, the limit is \(maximumBodyBytes)")
        }
        body = []
        // The size is only a claim: reserve little ahead of what has arrived.
        body.reserveCapacity(min(Int(bodyBytes), 1 << 20))
        state = .body(announcement, properties, expected: Int(bodyBytes))
        return bodyBytes == 0
    }

    /// Takes a piece of the body; true when the message is complete.
    mutating func fragment(_ bytes: UnsafeRawBufferPointer) throws(RabbitMQError) -> Bool {
        guard case .body(_, _, let expected) = state else { throw .violation("a body frame without a content header") }
        guard body.count + bytes.count <= expected else { throw .violation("a body longer than its header said") }
        body.append(contentsOf: bytes)
        return body.count == expected
    }

    /// Hands over the complete message and makes room for the next.
    mutating func take() -> (Announcement, Properties, [UInt8])? {
        guard case .body(let announcement, let properties, let expected) = state, body.count == expected else {
            return nil
        }
        state = .idle
        let complete = body
        body = []
        return (announcement, properties, complete)
    }
}

extension ContentAssembler.Properties {
    init(_ properties: amqp_basic_properties_t) {
        if properties._flags & UInt32(AMQP_BASIC_MESSAGE_ID_FLAG) != 0 { messageID = String(properties.message_id) }
        if properties._flags & UInt32(AMQP_BASIC_CONTENT_TYPE_FLAG) != 0 {
            contentType = String(properties.content_type)
        }
        if properties._flags & UInt32(AMQP_BASIC_HEADERS_FLAG) != 0 {
            headers = FieldValue.fields(properties.headers)
        }
    }
}
