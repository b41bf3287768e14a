import CRabbitMQ

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Something the broker said of the whole connection.
public enum ConnectionNotice: Sendable, Equatable {
    /// The broker takes no messages for now, for the given reason; publishing waits.
    /// <https://www.rabbitmq.com/docs/connection-blocked>
    case blocked(reason: String)
    /// The broker takes messages again.
    case unblocked
    /// The connection ended; always the last notice.
    case closed(RabbitMQError)
}

/// One connection to a broker: one socket, one thread.
///
/// The actor runs on a thread of its own that also answers heartbeats and reads the socket while nobody calls.
/// Every consumer has a channel of its own; all publishing shares one channel in confirm mode; every other request
/// uses a channel for itself, so that a refusal closes nothing else. A connection that ended stays ended: make
/// another, or let ``withRecovery(_:backoff:clock:onEvent:body:)`` do so.
///
/// Use one connection for publishing and another for consuming: a broker that is short of memory or disk stops
/// reading from a connection that publishes, acknowledgements included.
///
/// Writing can block the thread while the broker takes nothing and a message larger than the socket's buffer is
/// half sent. That ends when the broker resumes or heartbeats are missed; ``abort()`` ends it at once.
public actor RabbitMQConnection {
    enum Phase {
        /// Before the handshake has succeeded.
        case connecting
        case open
        /// We sent `connection.close` and wait for the answer.
        case closing
        case closed(RabbitMQError)
    }

    /// What the connection was made with.
    public nonisolated let configuration: RabbitMQConfiguration
    /// Notices in order of arrival; the oldest are dropped when more than 64 wait. For one reader.
    public nonisolated let notices: AsyncStream<ConnectionNotice>

    nonisolated let loop: ConnectionLoop
    let noticeSource: AsyncStream<ConnectionNotice>.Continuation
    let scratch = ScratchPool()
    var phase = Phase.connecting
    var handle: OpaquePointer?
    var channels: [UInt16: Channel] = [:]
    var publisher: Publisher?
    var batches: [PublishBatch] = []
    var closureWaiters: [UInt64: CheckedContinuation<RabbitMQError?, Never>] = [:]
    var lastNumber: UInt64 = 0
    var channelMaximum: UInt16 = 0
    var frameMaximum = 0
    var writeIsStalled = false

    /// Why the broker takes no messages now, or nil when it does.
    public internal(set) var blockedReason: String?

    /// The connection's own thread.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private init(_ configuration: RabbitMQConfiguration) {
        self.configuration = configuration
        loop = ConnectionLoop()
        (notices, noticeSource) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(64))
    }

    isolated deinit {
        fail(RabbitMQError(.closed, "the connection is no longer used"))
        loop.stop()
    }

    /// Connects and logs in.
    ///
    /// Cancelling the task ends the AMQP handshake at once; name resolution and the TCP and TLS handshakes run to
    /// their own end or time-out first.
    ///
    /// - Throws: `connectionFailed`, `authenticationFailed`, `accessRefused` (virtual host), `tlsFailed`,
    ///   `hostNotVerified`, `protocolViolation`, `invalidArgument` or `cancelled`.
    public static func connect(_ configuration: RabbitMQConfiguration) async throws(RabbitMQError) -> RabbitMQConnection
    {
        try configuration.validate()
        let connection = RabbitMQConnection(configuration)
        guard connection.loop.start(owner: connection) else {
            throw RabbitMQError(.connectionFailed, "the system gives no thread or no descriptor", hint: "Raise limits.")
        }
        let loop = connection.loop
        let result: Result<Void, RabbitMQError> = await withTaskCancellationHandler {
            await connection.open()
        } onCancel: {
            loop.shutSocket()
        }
        do { try result.get() } catch { throw Task.isCancelled ? .taskCancelled : error }
        if Task.isCancelled {
            await connection.close()
            throw .taskCancelled
        }
        return connection
    }

    /// Whether requests can be made.
    public var isOpen: Bool {
        if case .open = phase { true } else { false }
    }

    /// Why the connection ended; nil while it lives.
    public var closureReason: RabbitMQError? {
        if case .closed(let error) = phase { error } else { nil }
    }

    /// Waits until the connection has ended and tells why.
    ///
    /// - Throws: `cancelled` when the waiting task is.
    public func closure() async throws(RabbitMQError) -> RabbitMQError {
        if let closureReason { return closureReason }
        let number = nextNumber()
        let reason = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if closureReason != nil || Task.isCancelled {
                    continuation.resume(returning: closureReason)
                } else {
                    closureWaiters[number] = continuation
                }
            }
        } onCancel: {
            onLoop { $0.closureWaiters.removeValue(forKey: number)?.resume(returning: nil) }
        }
        guard let reason else { throw .taskCancelled }
        return reason
    }

    /// Ends the connection in order: settlements made so far are sent, the broker is told, then the socket closes.
    ///
    /// Messages that still await their confirm end as unknown. Returns at once when the connection has ended, and
    /// waits for the broker at most the request time-out. Cancellation makes it stop waiting and close at once.
    public func close() async {
        guard case .open = phase else { return }
        flushSettlements()
        guard case .open = phase, let channel = channels[0] else { return }
        phase = .closing
        abandonPublishing(RabbitMQError(.closed, "the connection was closed before the confirm came"))
        _ = try? await request(channel, expecting: AMQP_CONNECTION_CLOSE_OK_METHOD) { handle, scratch in
            var method = amqp_connection_close_t(
                reply_code: UInt16(AMQP_REPLY_SUCCESS), reply_text: scratch.bytes("closed"), class_id: 0, method_id: 0)
            return amqp_send_method(handle, 0, AMQP_CONNECTION_CLOSE_METHOD, &method)
        }
        fail(RabbitMQError(.closed, "the connection was closed"))
    }

    /// Ends the connection at once, from any thread, even while the connection's thread is blocked in a write.
    ///
    /// The broker requeues what was delivered and not acknowledged. ``closureReason`` becomes `connectionLost`.
    public nonisolated func abort() {
        loop.shutSocket()
        loop.poke()
    }

    // MARK: Inside

    /// Runs `body` on the connection's thread, soon; not when the connection object is gone.
    nonisolated func onLoop(_ body: @escaping @Sendable (isolated RabbitMQConnection) -> Void) {
        loop.submit { [weak self] in self?.assumeIsolated(body) }
    }

    func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    func requireOpen() throws(RabbitMQError) -> OpaquePointer {
        switch phase {
        case .open:
            if let handle { return handle }
        case .closed(let error):
            throw error
        case .connecting, .closing:
            break
        }
        throw RabbitMQError(.closed, "the connection is being closed")
    }

    private func open() -> Result<Void, RabbitMQError> {
        do {
            let handle = try ConnectionHandshake(configuration, loop: loop).perform()
            self.handle = handle
            frameMaximum = Int(amqp_get_frame_max(handle))
            channelMaximum = UInt16(clamping: amqp_get_channel_max(handle))
            if channelMaximum == 0 { channelMaximum = .max }
            channels[0] = Channel(id: 0, maximumBodyBytes: 0)
            phase = .open
            return .success(())
        } catch {
            phase = .closed(error)
            noticeSource.finish()
            return .failure(error)
        }
    }

    /// Ends the connection: everyone who waits for anything learns why.
    func fail(_ error: RabbitMQError) {
        if case .closed = phase { return }
        phase = .closed(error)
        if let handle {
            self.handle = nil
            // A TLS socket would say farewell and wait for an answer; nobody may be there to give it.
            let descriptor = amqp_get_sockfd(handle)
            if descriptor >= 0 { shutdown(descriptor, Int32(SHUT_RDWR)) }
            loop.socketWillClose()
            amqp_destroy_connection(handle)
        }
        blockedReason = nil
        abandonPublishing(error)
        let ended = channels
        channels = [:]
        for channel in ended.values { channel.end(error) }
        let waiters = closureWaiters
        closureWaiters = [:]
        for waiter in waiters.values { waiter.resume(returning: error) }
        noticeSource.yield(.closed(error))
        noticeSource.finish()
    }
}
