import RabbitMQ

/// How to reach RabbitMQ: what a configuration tells.
public struct BrokerSettings: Sendable {
    public var host: String
    public var port: UInt16
    public var virtualHost: String
    public var user: String
    /// Never printed.
    public var password: Secret
    /// The certificate of the authority, for TLS; `nil` for a plain connection.
    public var caCertificate: String?
    public var heartbeatSeconds: Int
    public var connectionName: String

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
