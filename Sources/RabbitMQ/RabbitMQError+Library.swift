import CRabbitMQ

extension RabbitMQError {
    /// Translates a status of librabbitmq (`amqp_status_enum`) met on an established connection.
    static func library(_ status: Int32, while doing: String) -> RabbitMQError {
        let text = "\(String(cString: amqp_error_string2(status))) while \(doing)"
        switch status {
        case AMQP_STATUS_HEARTBEAT_TIMEOUT.rawValue:
            return RabbitMQError(
                .heartbeatMissed, text, hint: "The broker is stopped, overloaded or unreachable; reconnect.")
        case AMQP_STATUS_BAD_AMQP_DATA.rawValue, AMQP_STATUS_UNKNOWN_CLASS.rawValue,
            AMQP_STATUS_UNKNOWN_METHOD.rawValue, AMQP_STATUS_UNEXPECTED_STATE.rawValue,
            AMQP_STATUS_WRONG_METHOD.rawValue, AMQP_STATUS_INCOMPATIBLE_AMQP_VERSION.rawValue:
            return RabbitMQError(.protocolViolation, text, hint: "Is the peer a RabbitMQ broker, and is this its port?")
        case AMQP_STATUS_TABLE_TOO_BIG.rawValue, AMQP_STATUS_INVALID_PARAMETER.rawValue:
            return RabbitMQError(.invalidArgument, text)
        case AMQP_STATUS_TIMEOUT.rawValue:
            return RabbitMQError(.timedOut, text)
        case AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED.rawValue:
            return RabbitMQError(
                .hostNotVerified, text, hint: "Connect by a name that the broker's certificate carries.")
        case AMQP_STATUS_SSL_PEER_VERIFY_FAILED.rawValue, AMQP_STATUS_SSL_CONNECTION_FAILED.rawValue:
            return RabbitMQError(
                .tlsFailed, text,
                hint: "Check that the CA file signed the broker's certificate and the port speaks TLS.")
        default:
            return RabbitMQError(.connectionLost, text, hint: "Reconnect.")
        }
    }

    /// The same for a connection that is being made, when a lost socket means that none was.
    static func connecting(_ status: Int32, to place: String) -> RabbitMQError {
        let error = library(status, while: "connecting to \(place)")
        guard error.code == .connectionLost || error.code == .timedOut else { return error }
        return RabbitMQError(
            .connectionFailed, error.text, hint: "Check that the broker runs and is reachable at \(place).")
    }

    /// Translates the broker's answer to the login.
    static func login(_ reply: amqp_rpc_reply_t, to place: String) -> RabbitMQError {
        guard reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION else {
            return connecting(reply.library_error, to: place)
        }
        guard reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD, let decoded = reply.reply.decoded else {
            return RabbitMQError(.protocolViolation, "unexpected answer to the login at \(place)")
        }
        let close = decoded.load(as: amqp_connection_close_t.self)
        let text = String(close.reply_text)
        switch Int32(close.reply_code) {
        case AMQP_ACCESS_REFUSED:
            return RabbitMQError(
                .authenticationFailed, text, replyCode: close.reply_code, hint: "Check user name and password.")
        case AMQP_NOT_ALLOWED:
            return RabbitMQError(
                .accessRefused, text, replyCode: close.reply_code,
                hint: "Check that the virtual host exists and the user may use it.")
        default:
            return RabbitMQError(.connectionFailed, text, replyCode: close.reply_code)
        }
    }

    /// Translates a `channel.close` of the broker.
    static func channelClose(_ close: amqp_channel_close_t) -> RabbitMQError {
        let text = String(close.reply_text)
        let code: Code
        var hint = ""
        switch Int32(close.reply_code) {
        case AMQP_PRECONDITION_FAILED where text.contains("delivery acknowledgement on channel"):
            code = .deliveryTimedOut
            hint = "Acknowledge sooner, or raise consumer_timeout."
        case AMQP_PRECONDITION_FAILED:
            code = .preconditionFailed
            hint = "What exists differs from what was asked for; delete it or ask for the same."
        case AMQP_NOT_FOUND:
            code = .notFound
            hint = "Declare it first."
        case AMQP_ACCESS_REFUSED, AMQP_NOT_ALLOWED:
            code = .accessRefused
            hint = "Grant the user the permission."
        case AMQP_RESOURCE_LOCKED:
            code = .resourceLocked
        default:
            code = .channelClosed
        }
        return RabbitMQError(code, text, replyCode: close.reply_code, hint: hint)
    }

    /// Translates a `connection.close` of the broker.
    static func connectionClose(_ close: amqp_connection_close_t) -> RabbitMQError {
        let text = String(close.reply_text)
        switch Int32(close.reply_code) {
        case AMQP_FRAME_ERROR, AMQP_SYNTAX_ERROR, AMQP_COMMAND_INVALID, AMQP_CHANNEL_ERROR, AMQP_UNEXPECTED_FRAME:
            return RabbitMQError(.protocolViolation, text, replyCode: close.reply_code)
        case AMQP_ACCESS_REFUSED, AMQP_NOT_ALLOWED:
            return RabbitMQError(
                .accessRefused, text, replyCode: close.reply_code, hint: "Check the user's permissions.")
        default:
            return RabbitMQError(.connectionLost, text, replyCode: close.reply_code, hint: "Reconnect.")
        }
    }

    static func violation(_ text: String) -> RabbitMQError {
        RabbitMQError(.protocolViolation, text, hint: "Is the peer a RabbitMQ broker?")
    }

    static let taskCancelled = RabbitMQError(.cancelled, "the task was cancelled")
}

extension String {
    /// Copies the bytes; what is not UTF-8 is replaced, since the peer chooses it.
    init(_ bytes: amqp_bytes_t) {
        self.init(
            decoding: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.bytes == nil ? 0 : bytes.len),
            as: UTF8.self)
    }
}
