import CRabbitMQ

extension RabbitMQConnection {
    /// Declares an exchange.
    ///
    /// - Throws: `preconditionFailed` when it exists with other properties, `accessRefused`, `invalidArgument`.
    public func declareExchange(_ exchange: ExchangeDeclaration) async throws(RabbitMQError) {
        try checkNames(exchange.name)
        try checkArguments(exchange.arguments)
        _ = try await withChannel { channel throws(RabbitMQError) in
            try await request(channel, expecting: AMQP_EXCHANGE_DECLARE_OK_METHOD) { handle, scratch in
                var method = amqp_exchange_declare_t(
                    ticket: 0, exchange: scratch.bytes(exchange.name), type: scratch.bytes(exchange.kind.rawValue),
                    passive: 0, durable: exchange.durable ? 1 : 0, auto_delete: 0, internal: 0, nowait: 0,
                    arguments: scratch.table(exchange.arguments))
                return amqp_send_method(handle, channel.id, AMQP_EXCHANGE_DECLARE_METHOD, &method)
            }
        }
    }

    /// Declares a queue. Costs two requests: a look whether it exists, then the declaration.
    ///
    /// - Throws: `preconditionFailed` when it exists with other properties, `resourceLocked`, `accessRefused`,
    ///   `invalidArgument`.
    public func declareQueue(_ queue: QueueDeclaration) async throws(RabbitMQError) -> QueueStatus {
        try queue.validate()
        let existed = try await queueStatus(queue.name) != nil
        return try await declare(queue, passive: false, created: !existed)
    }

    /// Looks a queue up without changing anything; nil when there is none.
    ///
    /// - Throws: `resourceLocked` when another connection holds it exclusively, `accessRefused`.
    public func queueStatus(_ name: String) async throws(RabbitMQError) -> QueueStatus? {
        do {
            return try await declare(QueueDeclaration(name), passive: true, created: false)
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
    }

    private func declare(
        _ queue: QueueDeclaration, passive: Bool, created: Bool
    ) async throws(RabbitMQError) -> QueueStatus {
        try checkNames(queue.name)
        try checkArguments(queue.allArguments)
        let reply = try await withChannel { channel throws(RabbitMQError) in
            try await request(channel, expecting: AMQP_QUEUE_DECLARE_OK_METHOD) { handle, scratch in
                var method = amqp_queue_declare_t(
                    ticket: 0, queue: scratch.bytes(queue.name), passive: passive ? 1 : 0,
                    durable: queue.durable ? 1 : 0, exclusive: queue.exclusive ? 1 : 0, auto_delete: 0, nowait: 0,
                    arguments: scratch.table(passive ? [:] : queue.allArguments))
                return amqp_send_method(handle, channel.id, AMQP_QUEUE_DECLARE_METHOD, &method)
            }
        }
        guard case .queue(let name, let messages, let consumers) = reply else {
            throw .violation("an answer to another request")
        }
        return QueueStatus(
            name: name, messageCount: Int(messages), consumerCount: Int(consumers), created: created)
    }

    /// Binds a queue to an exchange. Repeating it does nothing.
    ///
    /// - Throws: `notFound` when either does not exist, `accessRefused`.
    public func bind(
        queue: String, exchange: String, routingKey: String, arguments: [String: FieldValue] = [:]
    ) async throws(RabbitMQError) {
        try checkNames(queue, exchange, routingKey)
        try checkArguments(arguments)
        _ = try await withChannel { channel throws(RabbitMQError) in
            try await request(channel, expecting: AMQP_QUEUE_BIND_OK_METHOD) { handle, scratch in
                var method = amqp_queue_bind_t(
                    ticket: 0, queue: scratch.bytes(queue), exchange: scratch.bytes(exchange),
                    routing_key: scratch.bytes(routingKey), nowait: 0, arguments: scratch.table(arguments))
                return amqp_send_method(handle, channel.id, AMQP_QUEUE_BIND_METHOD, &method)
            }
        }
    }

    /// Deletes a queue with all its messages; none is an answer, too.
    ///
    /// - Returns: the number of messages deleted; 0 when there was no such queue.
    @discardableResult
    public func deleteQueue(_ name: String) async throws(RabbitMQError) -> Int {
        try checkNames(name)
        return try await count(expecting: AMQP_QUEUE_DELETE_OK_METHOD) { handle, id, scratch in
            var method = amqp_queue_delete_t(
                ticket: 0, queue: scratch.bytes(name), if_unused: 0, if_empty: 0, nowait: 0)
            return amqp_send_method(handle, id, AMQP_QUEUE_DELETE_METHOD, &method)
        }
    }

    /// Removes the messages of a queue that are ready for delivery.
    ///
    /// - Returns: their number.
    /// - Throws: `notFound` when there is no such queue, `accessRefused`.
    @discardableResult
    public func purge(queue name: String) async throws(RabbitMQError) -> Int {
        try checkNames(name)
        return try await count(expecting: AMQP_QUEUE_PURGE_OK_METHOD) { handle, id, scratch in
            var method = amqp_queue_purge_t(ticket: 0, queue: scratch.bytes(name), nowait: 0)
            return amqp_send_method(handle, id, AMQP_QUEUE_PURGE_METHOD, &method)
        }
    }

    private func count(
        expecting expected: amqp_method_number_t, send: (OpaquePointer, UInt16, ScratchPool) -> Int32
    ) async throws(RabbitMQError) -> Int {
        let reply = try await withChannel { channel throws(RabbitMQError) in
            try await request(channel, expecting: expected) { handle, scratch in send(handle, channel.id, scratch) }
        }
        guard case .count(let count) = reply else { throw .violation("an answer to another request") }
        return Int(count)
    }

    /// The protocol has one byte for the length of a name, and the library cuts off what is longer.
    func checkNames(_ names: String...) throws(RabbitMQError) {
        for name in names where name.utf8.count > 255 {
            throw RabbitMQError(.invalidArgument, "the name \(name.prefix(64))… is longer than 255 bytes")
        }
    }

    func checkArguments(_ arguments: [String: FieldValue]) throws(RabbitMQError) {
        guard FieldValue.keysAreShort(arguments) else {
            throw RabbitMQError(.invalidArgument, "an argument's name is longer than 255 bytes")
        }
        guard FieldValue.encodedBytes(of: arguments) + 1024 <= frameMaximum else {
            throw RabbitMQError(.invalidArgument, "the arguments do not fit a frame of \(frameMaximum) bytes")
        }
    }
}
