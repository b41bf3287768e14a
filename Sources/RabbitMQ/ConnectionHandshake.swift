import CRabbitMQ

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Makes a connection that is logged in, blocking the calling thread.
struct ConnectionHandshake {
    private let configuration: RabbitMQConfiguration
    private let loop: ConnectionLoop

    init(_ configuration: RabbitMQConfiguration, loop: ConnectionLoop) {
        self.configuration = configuration
        self.loop = loop
    }

    private var place: String { "\(configuration.host):\(configuration.port)" }

    func perform() throws(RabbitMQError) -> OpaquePointer {
        guard let handle = amqp_new_connection() else {
            throw RabbitMQError(.connectionFailed, "no memory for a connection")
        }
        do {
            try openSocket(handle)
            try login(handle)
            try checkTuning(handle)
            return handle
        } catch {
            let descriptor = amqp_get_sockfd(handle)
            if descriptor >= 0 { shutdown(descriptor, Int32(SHUT_RDWR)) }
            loop.socketWillClose()
            amqp_destroy_connection(handle)
            throw error
        }
    }

    private func openSocket(_ handle: OpaquePointer) throws(RabbitMQError) {
        let socket = try makeSocket(handle)
        var timeout = timeval(configuration.connectTimeout)
        let status = amqp_socket_open_noblock(socket, configuration.host, Int32(configuration.port), &timeout)
        guard status == AMQP_STATUS_OK.rawValue else { throw .connecting(status, to: place) }
        loop.socketOpened(amqp_get_sockfd(handle))
    }

    private func makeSocket(_ handle: OpaquePointer) throws(RabbitMQError) -> OpaquePointer {
        guard let tls = configuration.tls else {
            guard let socket = amqp_tcp_socket_new(handle) else {
                throw RabbitMQError(.connectionFailed, "no memory for a socket")
            }
            return socket
        }
        guard let socket = amqp_ssl_socket_new(handle) else {
            throw RabbitMQError(.tlsFailed, "the TLS library could not be initialised")
        }
        guard amqp_ssl_socket_set_cacert(socket, tls.caCertificate) == AMQP_STATUS_OK.rawValue else {
            throw RabbitMQError(
                .tlsFailed, "the CA file \(tls.caCertificate) cannot be used",
                hint: "It must be readable and hold PEM certificates.")
        }
        // Two separate switches: without the second a certificate for any host would do.
        amqp_ssl_socket_set_verify_peer(socket, 1)
        amqp_ssl_socket_set_verify_hostname(socket, tls.verifiesHost ? 1 : 0)
        guard amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST) == AMQP_STATUS_OK.rawValue
        else { throw RabbitMQError(.tlsFailed, "the TLS library does not offer TLS 1.2") }
        return socket
    }

    private func login(_ handle: OpaquePointer) throws(RabbitMQError) {
        var timeout = timeval(configuration.connectTimeout)
        amqp_set_handshake_timeout(handle, &timeout)
        amqp_set_rpc_timeout(handle, &timeout)
        let scratch = ScratchPool()
        var properties = scratch.table([
            "connection_name": .string(configuration.connectionName),
            // What we can take; without these the broker keeps the news to itself.
            "capabilities": .table([
                "authentication_failure_close": true, "basic.nack": true, "connection.blocked": true,
                "consumer_cancel_notify": true, "publisher_confirms": true,
            ]),
        ])
        let reply = crabbitmq_login_plain(
            handle, configuration.virtualHost, 0, 131_072, Int32(configuration.heartbeatSeconds), &properties,
            configuration.user, configuration.password.value)
        guard reply.reply_type == AMQP_RESPONSE_NORMAL else { throw .login(reply, to: place) }
    }

    private func checkTuning(_ handle: OpaquePointer) throws(RabbitMQError) {
        // The smallest frame that the protocol allows; less than its own framing would make sizes negative.
        let frameMaximum = amqp_get_frame_max(handle)
        guard frameMaximum >= AMQP_FRAME_MIN_SIZE else {
            throw .violation("the peer wants frames of at most \(frameMaximum) bytes")
        }
    }
}

extension timeval {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    }
}
