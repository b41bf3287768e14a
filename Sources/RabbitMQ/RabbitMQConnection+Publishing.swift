import CRabbitMQ

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension RabbitMQConnection {
    /// Publishes messages, persistent and mandatory, and waits until the broker has answered for each.
    ///
    /// The messages are sent in order; at most ``RabbitMQConfiguration/confirmWindow`` of this connection's await
    /// their confirm at one time. While the broker takes no messages (``blockedReason``) sending waits. Calls from
    /// several tasks are served one after another and share the window.
    ///
    /// - Returns: one outcome for each message, in their order. When the connection or the publishing channel ends
    ///   in between (a missing exchange ends the channel), when the time-out passes or when the task is cancelled,
    ///   the messages without an answer are ``PublishOutcome/unknown(_:)`` with the reason.
    /// - Throws: only when no message was sent: `invalidArgument`, `cancelled`, `timedOut`, `resourceAlarm`, or why
    ///   the connection has ended.
    public func publish(_ messages: [OutgoingMessage]) async throws(RabbitMQError) -> [PublishOutcome] {
        _ = try requireOpen()
        for message in messages { try message.validate(frameBytes: frameMaximum) }
        if messages.isEmpty { return [] }
        let number = nextNumber()
        let deadline = ContinuousClock.now + configuration.confirmTimeout
        let result: Result<[PublishOutcome], RabbitMQError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let batch = PublishBatch(
                    number: number, messages: messages, deadline: deadline, continuation: continuation)
                batches.append(batch)
                if Task.isCancelled { return finishBatch(number, .taskCancelled) }
                // The connection may have ended on the way here.
                do throws(RabbitMQError) { _ = try requireOpen() } catch { finishBatch(number, error) }
            }
        } onCancel: {
            onLoop { $0.finishBatch(number, .taskCancelled) }
        }
        return try result.get()
    }

    func finishBatch(_ number: UInt64, _ error: RabbitMQError) {
        guard let index = batches.firstIndex(where: { $0.number == number }) else { return }
        batches.remove(at: index).finish(error)
    }

    /// Sends what the window and the socket take. Returns whether anything was written.
    func pumpMessages() -> Bool {
        writeIsStalled = false
        guard case .open = phase, blockedReason == nil else { return false }
        var wrote = false
        while let batch = batches.first(where: { !$0.isSent }) {
            do {
                if publisher == nil { try beginPublisher() }
                while !batch.isSent {
                    guard let handle, let publisher, publisher.tracker.outstanding < configuration.confirmWindow else {
                        return wrote
                    }
                    guard socketTakesMore(handle) else {
                        writeIsStalled = true
                        return wrote
                    }
                    try send(batch, handle, publisher.channel)
                    wrote = true
                }
            } catch {
                // The connection has failed and with it the batch, or there is no channel to be had.
                finishBatch(batch.number, error)
            }
        }
        return wrote
    }

    private func beginPublisher() throws(RabbitMQError) {
        let handle = try requireOpen()
        let channel = try beginChannel()
        var method = amqp_confirm_select_t(nowait: 0)
        try sent(
            amqp_send_method(handle, channel.id, AMQP_CONFIRM_SELECT_METHOD, &method), while: "asking for confirms")
        publisher = Publisher(channel: channel.id)
    }

    /// The library blocks in a full socket; asking first keeps the thread free for reading.
    private func socketTakesMore(_ handle: OpaquePointer) -> Bool {
        var descriptor = pollfd(fd: amqp_get_sockfd(handle), events: Int16(POLLOUT), revents: 0)
        return poll(&descriptor, 1, 0) != 0
    }

    private func send(_ batch: PublishBatch, _ handle: OpaquePointer, _ channel: UInt16) throws(RabbitMQError) {
        let index = batch.nextIndex
        let message = batch.messages[index]
        scratch.recycle()
        var properties = amqp_basic_properties_t()
        properties._flags = UInt32(AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG)
        properties.delivery_mode = UInt8(AMQP_DELIVERY_PERSISTENT.rawValue)
        properties.message_id = scratch.bytes(message.messageID)
        if let contentType = message.contentType {
            properties._flags |= UInt32(AMQP_BASIC_CONTENT_TYPE_FLAG)
            properties.content_type = scratch.bytes(contentType)
        }
        if !message.headers.isEmpty {
            properties._flags |= UInt32(AMQP_BASIC_HEADERS_FLAG)
            properties.headers = scratch.table(message.headers)
        }
        // Recorded first: a failure in the middle leaves the message possibly sent.
        batch.nextIndex += 1
        publisher?.tracker.sent(Publisher.Ticket(batch: batch, index: index), messageID: message.messageID)
        let status = message.body.withUnsafeBytes { body in
            amqp_basic_publish(
                handle, channel, scratch.bytes(message.exchange), scratch.bytes(message.routingKey), 1, 0, &properties,
                amqp_bytes_t(len: body.count, bytes: UnsafeMutableRawPointer(mutating: body.baseAddress)))
        }
        guard status == AMQP_STATUS_OK.rawValue else {
            let error = RabbitMQError.library(status, while: "publishing")
            fail(error)
            throw error
        }
    }

    // MARK: Answers

    func confirmed(on channel: UInt16, tag: UInt64, multiple: Bool, positive: Bool) throws(RabbitMQError) {
        guard publisher?.channel == channel,
            let settled = publisher?.tracker.settle(tag: tag, multiple: multiple, positive: positive)
        else { throw .violation("a confirm for a message that was not sent") }
        settle(settled)
    }

    func messageReturned(on channel: UInt16, messageID: String?) throws(RabbitMQError) {
        guard publisher?.channel == channel, let messageID,
            publisher?.tracker.returned(messageID: messageID) == true
        else { throw .violation("a return of a message that was not sent") }
    }

    /// The publishing channel has ended; the next call opens another.
    func publisherEnded(_ error: RabbitMQError) {
        guard var ended = publisher else { return }
        publisher = nil
        settle(ended.tracker.abandon(error))
        // What was not sent yet of these calls would go to the same fate on the next channel; let the caller decide.
        for batch in batches where batch.nextIndex > 0 { finishBatch(batch.number, error) }
    }

    func abandonPublishing(_ error: RabbitMQError) {
        publisherEnded(error)
        let remaining = batches
        batches = []
        for batch in remaining { batch.finish(error) }
    }

    private func settle(_ settled: [(ticket: Publisher.Ticket, outcome: PublishOutcome)]) {
        var finished = false
        for (ticket, outcome) in settled {
            ticket.batch.settle(ticket.index, outcome)
            finished = finished || ticket.batch.isFinished
        }
        if finished { batches.removeAll(where: \.isFinished) }
    }
}
