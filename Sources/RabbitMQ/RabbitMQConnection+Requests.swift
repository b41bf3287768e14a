import CRabbitMQ

extension RabbitMQConnection {
    /// Sends a method on an open channel and waits for its answer.
    ///
    /// The method is sent where the continuation is stored, without a suspension in between: an answer that came
    /// before anyone waited for it would be taken for a violation.
    func request(
        _ channel: Channel, expecting expected: amqp_method_number_t, send: (OpaquePointer, ScratchPool) -> Int32
    ) async throws(RabbitMQError) -> Reply {
        let number = nextNumber()
        let id = channel.id
        let result: Result<Reply, RabbitMQError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                do throws(RabbitMQError) {
                    if Task.isCancelled { throw .taskCancelled }
                    let handle = try requireOpen(channel)
                    scratch.recycle()
                    try sent(send(handle, scratch), while: "sending a request")
                    let deadline = ContinuousClock.now + configuration.requestTimeout
                    channel.wait(
                        PendingRequest(
                            number: number, expected: expected, deadline: deadline, continuation: continuation))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        } onCancel: {
            onLoop { $0.channels[id]?.giveUp(number, .taskCancelled) }
        }
        return try result.get()
    }

    private func requireOpen(_ channel: Channel) throws(RabbitMQError) -> OpaquePointer {
        if let closureReason { throw closureReason }
        guard let handle, channels[channel.id] === channel, !channel.isClosing else {
            throw channel.ended ?? RabbitMQError(.channelClosed, "the channel is closed")
        }
        return handle
    }

    /// Turns the status of a send into an error. What cannot be encoded was not sent; all else ends the connection.
    func sent(_ status: Int32, while doing: String) throws(RabbitMQError) {
        guard status != AMQP_STATUS_OK.rawValue else { return }
        switch status {
        case AMQP_STATUS_BAD_AMQP_DATA.rawValue, AMQP_STATUS_TABLE_TOO_BIG.rawValue,
            AMQP_STATUS_INVALID_PARAMETER.rawValue:
            throw RabbitMQError(.invalidArgument, "the arguments do not fit a frame", hint: "Nothing was sent.")
        default:
            let error = RabbitMQError.library(status, while: doing)
            fail(error)
            throw error
        }
    }

    // MARK: Channels

    /// Takes a free channel number and asks the broker for it without waiting.
    func beginChannel() throws(RabbitMQError) -> Channel {
        let handle = try requireOpen()
        guard let id = (1...channelMaximum).first(where: { channels[$0] == nil }) else {
            throw RabbitMQError(
                .channelClosed, "all \(channelMaximum) channels are in use",
                hint: "Close consumers or raise channel_max.")
        }
        var method = amqp_channel_open_t(out_of_band: amqp_empty_bytes)
        try sent(amqp_send_method(handle, id, AMQP_CHANNEL_OPEN_METHOD, &method), while: "opening a channel")
        let channel = Channel(id: id, maximumBodyBytes: configuration.maximumBodyBytes)
        channels[id] = channel
        return channel
    }

    /// Closes a channel without waiting; its number is free when the broker has answered.
    func releaseChannel(_ channel: Channel) {
        let id = channel.id
        guard channels[id] === channel, !channel.isClosing, let handle else { return }
        channel.end(RabbitMQError(.closed, "the channel was closed"))
        channel.isClosing = true
        scratch.recycle()
        var method = amqp_channel_close_t(
            reply_code: UInt16(AMQP_REPLY_SUCCESS), reply_text: amqp_empty_bytes, class_id: 0, method_id: 0)
        try? sent(amqp_send_method(handle, id, AMQP_CHANNEL_CLOSE_METHOD, &method), while: "closing a channel")
    }

    /// Runs `body` with a channel for itself, so that a refusal of the broker closes nothing else.
    func withChannel<Value: Sendable>(
        _ body: (Channel) async throws(RabbitMQError) -> Value
    ) async throws(RabbitMQError) -> Value {
        // The answer to channel.open is not awaited: the broker handles the methods of a channel in order.
        let channel = try beginChannel()
        do {
            let value = try await body(channel)
            releaseChannel(channel)
            return value
        } catch {
            releaseChannel(channel)
            throw error
        }
    }
}
