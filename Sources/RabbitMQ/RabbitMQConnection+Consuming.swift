import CRabbitMQ

extension RabbitMQConnection {
    /// Subscribes to a queue on a channel of its own.
    ///
    /// - Parameter prefetch: how many deliveries may be unsettled at one time, at least 1. When a consumer fails,
    ///   all of them come back to the queue and count against its delivery limit; use 1 for long jobs.
    /// - Throws: `notFound` when there is no such queue, `accessRefused`, `invalidArgument`, `cancelled`.
    public func consume(queue: String, prefetch: UInt16) async throws(RabbitMQError) -> RabbitMQConsumer {
        try checkNames(queue)
        guard prefetch > 0 else {
            throw RabbitMQError(.invalidArgument, "prefetch 0 means no limit, which would fill the memory")
        }
        let channel = try beginChannel()
        let id = channel.id
        // A fresh tag for each subscription; the reason is at RabbitMQConsumer.tag.
        let state = ConsumerState(tag: "c-" + Self.randomName())
        channel.consumer = state
        do {
            _ = try await request(channel, expecting: AMQP_BASIC_QOS_OK_METHOD) { handle, _ in
                var method = amqp_basic_qos_t(prefetch_size: 0, prefetch_count: prefetch, global: 0)
                return amqp_send_method(handle, id, AMQP_BASIC_QOS_METHOD, &method)
            }
            _ = try await request(channel, expecting: AMQP_BASIC_CONSUME_OK_METHOD) { handle, scratch in
                var method = amqp_basic_consume_t(
                    ticket: 0, queue: scratch.bytes(queue), consumer_tag: scratch.bytes(state.tag), no_local: 0,
                    no_ack: 0, exclusive: 0, nowait: 0, arguments: amqp_empty_table)
                return amqp_send_method(handle, id, AMQP_BASIC_CONSUME_METHOD, &method)
            }
        } catch {
            releaseConsumer(state, on: id)
            throw error
        }
        // Weak twice: the stream keeps this closure, and the state keeps the stream.
        state.onTermination { [weak self, weak state] in
            guard let self, let state else { return }
            onLoop { $0.stopConsuming(state, on: id) }
        }
        return RabbitMQConsumer(queue: queue, state: state, connection: self, channel: id)
    }

    private static func randomName() -> String {
        String(UInt64.random(in: .min ... .max), radix: 36) + String(UInt64.random(in: .min ... .max), radix: 36)
    }

    /// The channel, if it still is the consumer's: numbers are used again.
    private func channel(_ id: UInt16, of state: ConsumerState) -> Channel? {
        guard let channel = channels[id], channel.consumer === state, !channel.isClosing else { return nil }
        return channel
    }

    func cancelConsumer(_ state: ConsumerState, on id: UInt16) async throws(RabbitMQError) {
        guard let channel = channel(id, of: state), !state.isFinished else { return }
        _ = try await request(channel, expecting: AMQP_BASIC_CANCEL_OK_METHOD) { handle, scratch in
            var method = amqp_basic_cancel_t(consumer_tag: scratch.bytes(state.tag), nowait: 0)
            return amqp_send_method(handle, id, AMQP_BASIC_CANCEL_METHOD, &method)
        }
        state.finish(nil)
        state.releaseWhenSettled()
        flushSettlements()
    }

    /// The reader's task was cancelled: no more deliveries, and none of those in the buffer will be read.
    func stopConsuming(_ state: ConsumerState, on id: UInt16) {
        guard channel(id, of: state) != nil, let handle else { return }
        scratch.recycle()
        var method = amqp_basic_cancel_t(consumer_tag: scratch.bytes(state.tag), nowait: 1)
        try? sent(amqp_send_method(handle, id, AMQP_BASIC_CANCEL_METHOD, &method), while: "cancelling a consumer")
        state.finish(.taskCancelled)
    }

    func closeConsumer(_ state: ConsumerState, on id: UInt16) {
        releaseConsumer(state, on: id)
    }

    /// Sends what was settled, then closes the channel.
    func releaseConsumer(_ state: ConsumerState, on id: UInt16) {
        guard let channel = channel(id, of: state) else { return }
        send(state.takeFrames(), on: channel.id)
        releaseChannel(channel)
    }

    /// Sends the settlements of all consumers. Returns whether anything was written.
    @discardableResult
    func flushSettlements() -> Bool {
        var wrote = false
        for channel in Array(channels.values) {
            guard let state = channel.consumer, !channel.isClosing else { continue }
            let frames = state.takeFrames()
            if !frames.isEmpty {
                send(frames, on: channel.id)
                wrote = true
            }
            if state.isDrained {
                releaseChannel(channel)
                wrote = true
            }
        }
        return wrote
    }

    private func send(_ frames: [SettlementLedger.Frame], on channel: UInt16) {
        for frame in frames {
            guard let handle else { return }
            let status =
                switch frame {
                case .acknowledge(let tag, let multiple):
                    amqp_basic_ack(handle, channel, tag, multiple ? 1 : 0)
                case .reject(let tag, let requeue):
                    amqp_basic_reject(handle, channel, tag, requeue ? 1 : 0)
                }
            // A failure has ended the connection, and with it the consumer, which learns of it there.
            try? sent(status, while: "settling deliveries")
        }
    }
}
