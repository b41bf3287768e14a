import RabbitMQ

/// How to reach RabbitMQ: what a configuration tells.
public struct BrokerSettings: Sendable {
    /// Name or address; with TLS the one that the broker's certificate must name.
    public var host: String
    /// Of AMQP 0-9-1: by custom 5672, with TLS 5671.
    public var port: UInt16
    /// Holds the pipeline's queues and should hold nothing else.
    public var virtualHost: String
    /// Must be allowed to declare, publish and consume in the virtual host.
    public var user: String
    /// Never printed.
    public var password: Secret
    /// Path of the PEM file with the authorities that are trusted, for TLS; `nil` for a plain connection.
    public var caCertificate: String?
    /// 1 to 600 seconds; a peer that is silent for about twice as long is taken for lost.
    public var heartbeatSeconds: Int
    /// Shown by the broker's management beside the connection: the stage's program.
    public var connectionName: String

    /// Nothing is looked up or connected here.
    public init(
        host: String, port: UInt16, virtualHost: String, user: String, password: Secret, caCertificate: String? = nil,
        heartbeatSeconds: Int, connectionName: String
    ) {
        self.host = host
        self.port = port
        self.virtualHost = virtualHost
        self.user = user
        self.password = password
        self.caCertificate = caCertificate
        self.heartbeatSeconds = heartbeatSeconds
        self.connectionName = connectionName
    }

    /// A text that does not print.
    public struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
        let text: String

        /// Cannot be read back, neither by `description` nor by a mirror.
        public init(_ text: String) { self.text = text }

        public var description: String { "(secret)" }
        public var debugDescription: String { description }
        public var customMirror: Mirror { Mirror(self, children: [:]) }
    }

    var configuration: RabbitMQConfiguration {
        RabbitMQConfiguration(
            host: host, port: port, virtualHost: virtualHost, user: user, password: RabbitMQPassword(password.text),
            heartbeatSeconds: heartbeatSeconds, tls: caCertificate.map { RabbitMQTLS(caCertificate: $0) },
            connectionName: connectionName)
    }
}
