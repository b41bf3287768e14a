import CRabbitMQ

/// Handling of what the broker sends. Everything here is the peer's word: whatever does not fit is a
/// `protocolViolation`, which ends the connection and nothing else.
extension RabbitMQConnection {
    func handleFrame(_ frame: amqp_frame_t) throws(RabbitMQError) {
        // After our connection.close everything but its answer is stale.
        if case .closing = phase, frame.channel != 0 { return }
        let type = Int32(frame.frame_type)
        if type == AMQP_FRAME_METHOD { return try handleMethod(frame.payload.method, on: frame.channel) }
        guard let channel = channels[frame.channel], frame.channel != 0 else {
            throw .violation("content on channel \(frame.channel), which is not open")
        }
        if channel.isClosing { return }
        switch type {
        case AMQP_FRAME_HEADER:
            let header = frame.payload.properties
            guard Int32(header.class_id) == AMQP_BASIC_CLASS, let decoded = header.decoded else {
                throw .violation("a content header of class \(header.class_id)")
            }
            let properties = ContentAssembler.Properties(decoded.load(as: amqp_basic_properties_t.self))
            if try channel.assembler.header(properties, bodyBytes: header.body_size) { try contentArrived(channel) }
        case AMQP_FRAME_BODY:
            let bytes = frame.payload.body_fragment
            let isComplete = try channel.assembler.fragment(
                UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.bytes == nil ? 0 : bytes.len))
            if isComplete { try contentArrived(channel) }
        default:
            throw .violation("a frame of type \(frame.frame_type)")
        }
    }

    private func contentArrived(_ channel: Channel) throws(RabbitMQError) {
        guard let (announcement, properties, body) = channel.assembler.take() else { return }
        switch announcement {
        case .returned:
            try messageReturned(on: channel.id, messageID: properties.messageID)
        case .delivery(let consumerTag, let deliveryTag, let redelivered, let exchange, let routingKey):
            let delivery = Delivery(
                body: body, messageID: properties.messageID, contentType: properties.contentType,
                headers: properties.headers, redelivered: redelivered, exchange: exchange, routingKey: routingKey,
                deliveryTag: deliveryTag, consumerTag: consumerTag)
            guard let consumer = channel.consumer, consumer.tag == consumerTag else {
                throw .violation("a delivery for a consumer that does not exist")
            }
            guard consumer.received(delivery) else { throw .violation("the delivery tag \(deliveryTag) came twice") }
        }
    }

    // MARK: Methods

    private func handleMethod(_ method: amqp_method_t, on id: UInt16) throws(RabbitMQError) {
        guard let decoded = method.decoded else { throw .violation("a method without content") }
        if id == 0 { return try handleConnectionMethod(method.id, decoded) }
        guard let channel = channels[id] else {
            // The answer to our closing may come after the broker's own closing has freed the number.
            if method.id == AMQP_CHANNEL_CLOSE_OK_METHOD { return }
            throw .violation("a method on channel \(id), which is not open")
        }
        switch method.id {
        case AMQP_CHANNEL_CLOSE_METHOD:
            channelClosedByBroker(channel, .channelClose(decoded.load(as: amqp_channel_close_t.self)))
        case AMQP_CHANNEL_CLOSE_OK_METHOD:
            guard channel.isClosing else { throw .violation("an answer to a closing that was not asked for") }
            channels[id] = nil
        case _ where channel.isClosing:
            return
        case _ where !channel.assembler.isIdle:
            throw .violation("a method in the middle of a message")
        default:
            try handleChannelMethod(method.id, decoded, channel)
        }
    }

    private func handleConnectionMethod(
        _ id: amqp_method_number_t, _ decoded: UnsafeMutableRawPointer
    ) throws(RabbitMQError) {
        switch id {
        case AMQP_CONNECTION_CLOSE_METHOD:
            let error = RabbitMQError.connectionClose(decoded.load(as: amqp_connection_close_t.self))
            if let handle {
                var answer = amqp_connection_close_ok_t()
                _ = amqp_send_method(handle, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &answer)
            }
            fail(error)
        case AMQP_CONNECTION_CLOSE_OK_METHOD:
            guard channels[0]?.answer(id, .done) == true else {
                throw .violation("an answer to a closing that was not asked for")
            }
        case AMQP_CONNECTION_BLOCKED_METHOD:
            let reason = String(decoded.load(as: amqp_connection_blocked_t.self).reason)
            blockedReason = reason
            noticeSource.yield(.blocked(reason: reason))
        case AMQP_CONNECTION_UNBLOCKED_METHOD:
            blockedReason = nil
            noticeSource.yield(.unblocked)
        default:
            throw .violation("an unexpected method \(String(id, radix: 16)) on the connection")
        }
    }

    private func channelClosedByBroker(_ channel: Channel, _ error: RabbitMQError) {
        if let handle {
            var answer = amqp_channel_close_ok_t()
            try? sent(
                amqp_send_method(handle, channel.id, AMQP_CHANNEL_CLOSE_OK_METHOD, &answer), while: "closing a channel")
        }
        // When both sides close at once, the broker still answers ours; the number is free after that.
        if channel.isClosing { return }
        channels[channel.id] = nil
        if publisher?.channel == channel.id { publisherEnded(error) }
        channel.end(error)
    }

    private func handleChannelMethod(
        _ id: amqp_method_number_t, _ decoded: UnsafeMutableRawPointer, _ channel: Channel
    ) throws(RabbitMQError) {
        switch id {
        case AMQP_BASIC_DELIVER_METHOD:
            let method = decoded.load(as: amqp_basic_deliver_t.self)
            try channel.assembler.announce(
                .delivery(
                    consumerTag: String(method.consumer_tag), deliveryTag: method.delivery_tag,
                    redelivered: method.redelivered != 0, exchange: String(method.exchange),
                    routingKey: String(method.routing_key)))
        case AMQP_BASIC_RETURN_METHOD:
            try channel.assembler.announce(.returned)
        case AMQP_BASIC_ACK_METHOD:
            let method = decoded.load(as: amqp_basic_ack_t.self)
            try confirmed(
                on: channel.id, tag: method.delivery_tag, multiple: method.multiple != 0, positive: true)
        case AMQP_BASIC_NACK_METHOD:
            let method = decoded.load(as: amqp_basic_nack_t.self)
            try confirmed(
                on: channel.id, tag: method.delivery_tag, multiple: method.multiple != 0, positive: false)
        case AMQP_BASIC_CANCEL_METHOD:
            consumerCancelledByBroker(channel)
        case AMQP_CHANNEL_OPEN_OK_METHOD, AMQP_CONFIRM_SELECT_OK_METHOD:
            // Nobody waits for these: what follows them on the channel is handled after them anyway.
            return
        case AMQP_CHANNEL_FLOW_METHOD:
            try answerFlow(decoded.load(as: amqp_channel_flow_t.self), channel)
        default:
            try handleAnswer(id, decoded, channel)
        }
    }

    private func consumerCancelledByBroker(_ channel: Channel) {
        channel.consumer?.finish(
            RabbitMQError(
                .consumerCancelled, "the broker ended the subscription",
                hint: "Was the queue deleted? Declare it and consume again."))
        channel.consumer?.releaseWhenSettled()
    }

    private func answerFlow(_ flow: amqp_channel_flow_t, _ channel: Channel) throws(RabbitMQError) {
        guard let handle else { return }
        var answer = amqp_channel_flow_ok_t(active: flow.active)
        try sent(amqp_send_method(handle, channel.id, AMQP_CHANNEL_FLOW_OK_METHOD, &answer), while: "answering")
    }

    private func handleAnswer(
        _ id: amqp_method_number_t, _ decoded: UnsafeMutableRawPointer, _ channel: Channel
    ) throws(RabbitMQError) {
        let reply: Reply
        switch id {
        case AMQP_QUEUE_DECLARE_OK_METHOD:
            let method = decoded.load(as: amqp_queue_declare_ok_t.self)
            reply = .queue(
                name: String(method.queue), messages: method.message_count, consumers: method.consumer_count)
        case AMQP_QUEUE_PURGE_OK_METHOD:
            reply = .count(decoded.load(as: amqp_queue_purge_ok_t.self).message_count)
        case AMQP_QUEUE_DELETE_OK_METHOD:
            reply = .count(decoded.load(as: amqp_queue_delete_ok_t.self).message_count)
        default:
            reply = .done
        }
        guard channel.answer(id, reply) else {
            throw .violation("an answer that was not asked for: method \(String(id, radix: 16))")
        }
    }
}
