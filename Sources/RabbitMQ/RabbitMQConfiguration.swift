/// A password that no print, dump or string interpolation shows.
public struct RabbitMQPassword: Sendable {
    let value: String

    /// Wraps a clear-text password.
    public init(_ value: String) {
        self.value = value
    }
}

extension RabbitMQPassword: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Always the same text, whatever the password is.
    public var description: String { "(hidden)" }
    /// Always the same text, whatever the password is.
    public var debugDescription: String { "(hidden)" }
    /// A mirror without children, so that `dump` cannot reach the value.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// How the broker's certificate is checked.
public struct RabbitMQTLS: Sendable {
    /// Path of the PEM file with the authorities that are trusted; nothing else is.
    public var caCertificate: String
    /// Whether the certificate must carry the name in ``RabbitMQConfiguration/host``. The chain is verified always.
    public var verifiesHost: Bool

    /// Trusts the authorities in the file `caCertificate`.
    public init(caCertificate: String, verifiesHost: Bool = true) {
        self.caCertificate = caCertificate
        self.verifiesHost = verifiesHost
    }
}

/// Where a broker is and how to talk to it.
public struct RabbitMQConfiguration: Sendable {
    /// Name or address of the broker. With TLS this is the name that the certificate must carry.
    public var host: String
    /// TCP port; 5672 is usual for plain connections, 5671 for TLS.
    public var port: UInt16
    /// Virtual host; "/" unless the operator made another.
    public var virtualHost: String
    /// User name for SASL PLAIN.
    public var user: String
    /// Password for SASL PLAIN.
    public var password: RabbitMQPassword
    /// Heartbeat interval in seconds, at least 1. A peer silent for two intervals is taken for dead; the broker
    /// may ask for a shorter interval. <https://www.rabbitmq.com/docs/heartbeats>
    public var heartbeatSeconds: Int
    /// Longest time for the TCP and TLS handshakes, and again for the AMQP handshake. Name resolution is the
    /// system's and is not bounded by this.
    public var connectTimeout: Duration
    /// Longest wait for the broker's answer to a request such as a declaration.
    public var requestTimeout: Duration
    /// Longest wait for the confirm of a message, counted from the call to `publish`.
    public var confirmTimeout: Duration
    /// Largest number of messages that may await their confirm at one time on one connection, at least 1.
    public var confirmWindow: Int
    /// Largest body accepted from the broker, in bytes; a larger one ends the connection.
    public var maximumBodyBytes: Int
    /// TLS settings, or nil for a plain connection.
    public var tls: RabbitMQTLS?
    /// Name shown by the broker's management tools.
    public var connectionName: String

    /// Creates a configuration with the defaults of a local broker.
    public init(
        host: String = "localhost", port: UInt16 = 5672, virtualHost: String = "/", user: String,
        password: RabbitMQPassword, heartbeatSeconds: Int = 20, connectTimeout: Duration = .seconds(10),
        requestTimeout: Duration = .seconds(30), confirmTimeout: Duration = .seconds(60), confirmWindow: Int = 256,
        maximumBodyBytes: Int = 128 << 20, tls: RabbitMQTLS? = nil, connectionName: String = ""
    ) {
        self.host = host
        self.port = port
        self.virtualHost = virtualHost
        self.user = user
        self.password = password
        self.heartbeatSeconds = heartbeatSeconds
        self.connectTimeout = connectTimeout
        self.requestTimeout = requestTimeout
        self.confirmTimeout = confirmTimeout
        self.confirmWindow = confirmWindow
        self.maximumBodyBytes = maximumBodyBytes
        self.tls = tls
        self.connectionName = connectionName
    }

    /// Checks the values without contacting the broker.
    ///
    /// - Throws: `invalidArgument`, naming the field, what was expected and what was given.
    public func validate() throws(RabbitMQError) {
        func require(_ condition: Bool, _ message: String) throws(RabbitMQError) {
            if !condition { throw RabbitMQError(.invalidArgument, message, hint: "Correct the configuration.") }
        }
        try require((1...3600).contains(heartbeatSeconds), "heartbeatSeconds is \(heartbeatSeconds), not 1 to 3600")
        try require((1...65_535).contains(confirmWindow), "confirmWindow is \(confirmWindow), not 1 to 65535")
        try require(port > 0, "port is 0")
        try require(!host.isEmpty, "host is empty")
        for (name, duration) in [
            ("connectTimeout", connectTimeout), ("requestTimeout", requestTimeout), ("confirmTimeout", confirmTimeout),
        ] {
            try require(duration > .zero && duration <= .seconds(86_400), "\(name) is \(duration), not up to one day")
        }
        // A C string ends at the first zero byte: what follows would be cut off silently.
        for (name, text) in [
            ("host", host), ("virtualHost", virtualHost), ("user", user), ("password", password.value),
            ("caCertificate", tls?.caCertificate ?? ""),
        ] {
            try require(!text.utf8.contains(0), "\(name) contains a zero byte")
        }
        try require(virtualHost.utf8.count <= 255, "virtualHost is longer than 255 bytes")
    }
}
