/// What went wrong between this process and the broker, and what to do about it.
public struct RabbitMQError: Error, Sendable, Equatable {
    /// The condition, for decisions in code.
    public let code: Code
    /// The broker's reply code, when the broker itself reported the failure.
    /// <https://www.rabbitmq.com/amqp-0-9-1-reference#constants>
    public let replyCode: UInt16?
    /// What happened, in the broker's or the library's words. Never contains a password or a message body.
    public let text: String
    /// What the operator can do; empty when there is nothing to add.
    public let hint: String

    /// Creates an error.
    public init(_ code: Code, _ text: String, replyCode: UInt16? = nil, hint: String = "") {
        self.code = code
        self.text = text
        self.replyCode = replyCode
        self.hint = hint
    }

    /// Whether the same work may succeed on a new connection without anyone changing anything.
    public var isRecoverable: Bool { code.isRecoverable }
}

extension RabbitMQError {
    /// The open set of conditions.
    public struct Code: Hashable, Sendable {
        private enum Value: String {
            case connectionFailed, authenticationFailed, tlsFailed, hostNotVerified, connectionLost, heartbeatMissed
            case channelClosed, preconditionFailed, notFound, accessRefused, resourceLocked, resourceAlarm
            case protocolViolation, consumerCancelled, deliveryTimedOut, alreadySettled, invalidArgument
            case closed, cancelled, timedOut
        }

        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// No connection could be made: nothing listens, the name is unknown, or the peer is no AMQP broker. Retry
        /// with back-off.
        public static let connectionFailed = Code(.connectionFailed)
        /// The broker refused user and password. Do not retry until the operator has corrected them.
        public static let authenticationFailed = Code(.authenticationFailed)
        /// TLS could not be set up, or the broker's certificate is not signed by a trusted authority. Do not retry.
        public static let tlsFailed = Code(.tlsFailed)
        /// The broker's certificate is trusted but names another host. Do not retry.
        public static let hostNotVerified = Code(.hostNotVerified)
        /// The connection existed and ended. Reconnect; what was in flight is unknown.
        public static let connectionLost = Code(.connectionLost)
        /// The broker was silent for two heartbeat intervals. Reconnect; what was in flight is unknown.
        public static let heartbeatMissed = Code(.heartbeatMissed)
        /// The channel is gone, the connection may live on. Open the consumer again.
        public static let channelClosed = Code(.channelClosed)
        /// 406: the request contradicts what exists, such as a queue declared with other arguments. Do not retry.
        public static let preconditionFailed = Code(.preconditionFailed)
        /// 404: no such queue, exchange or virtual host. Declare it, then retry.
        public static let notFound = Code(.notFound)
        /// 403 or 530: the user lacks a permission. Do not retry until the operator has granted it.
        public static let accessRefused = Code(.accessRefused)
        /// 405: another connection holds the queue exclusively. Retry later.
        public static let resourceLocked = Code(.resourceLocked)
        /// The broker takes no messages because it is short of memory or disk. Retry later.
        public static let resourceAlarm = Code(.resourceAlarm)
        /// The peer sent what the protocol does not allow. Reconnect; if it repeats, the peer is no healthy broker.
        public static let protocolViolation = Code(.protocolViolation)
        /// The broker ended the subscription, usually because the queue was deleted. Declare, then consume again.
        public static let consumerCancelled = Code(.consumerCancelled)
        /// A delivery stayed unacknowledged for longer than the broker's `consumer_timeout`; the broker closed the
        /// channel and requeued its deliveries. Consume again; acknowledge sooner.
        /// <https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout>
        public static let deliveryTimedOut = Code(.deliveryTimedOut)
        /// The delivery was acknowledged or rejected before, or belongs to another consumer. A fault of the caller.
        public static let alreadySettled = Code(.alreadySettled)
        /// A value cannot be expressed in AMQP. Nothing was sent. A fault of the caller.
        public static let invalidArgument = Code(.invalidArgument)
        /// This side closed the connection or the consumer.
        public static let closed = Code(.closed)
        /// The task was cancelled. Work already sent may have taken effect.
        public static let cancelled = Code(.cancelled)
        /// No answer within the configured time. The request may have taken effect.
        public static let timedOut = Code(.timedOut)

        var isRecoverable: Bool {
            switch value {
            case .connectionFailed, .connectionLost, .heartbeatMissed, .channelClosed, .notFound, .resourceLocked,
                .resourceAlarm, .protocolViolation, .consumerCancelled, .deliveryTimedOut, .timedOut:
                true
            case .authenticationFailed, .tlsFailed, .hostNotVerified, .preconditionFailed, .accessRefused,
                .alreadySettled, .invalidArgument, .closed, .cancelled:
                false
            }
        }
    }
}

extension RabbitMQError.Code: CustomStringConvertible {
    /// The name of the condition, as written in code.
    public var description: String { value.rawValue }
}

extension RabbitMQError: CustomStringConvertible {
    /// One line: code, reply code, text, hint.
    public var description: String {
        let reply = replyCode.map { " \($0)" } ?? ""
        return "\(code)\(reply): \(text)" + (hint.isEmpty ? "" : " (\(hint))")
    }
}
