/// How the stack's servers are reached, and the ports of its programs.
public struct LocalStackEndpoints: Sendable {
    /// How to log in to the database as its superuser.
    public struct Postgres: Sendable, Hashable {
        /// Always 127.0.0.1: nothing of a stack listens elsewhere.
        public let host: String
        /// Remembered over starts, unless another program has taken it meanwhile.
        public let port: UInt16
        /// The superuser's name.
        public let superuser: String
        /// A file with the superuser's password in its one line.
        public let passwordFile: String
        /// The directory of the Unix socket; nil when its path would be too long.
        public let socketDirectory: String?
    }

    /// How to log in to the broker.
    public struct RabbitMQ: Sendable, Hashable {
        /// Always 127.0.0.1.
        public let host: String
        /// AMQP without TLS; remembered as PostgreSQL's is.
        public let port: UInt16
        /// ``RabbitMQServer/user``.
        public let user: String
        /// A file with the user's password in its one line.
        public let passwordFile: String
        /// ``RabbitMQServer/virtualHost``.
        public let virtualHost: String
    }

    /// Where the stack's files lie.
    public let layout: LocalStackLayout
    /// Fixed when the endpoints were made; a stack that starts anew may have another port.
    public let postgres: Postgres
    /// Fixed likewise.
    public let rabbitmq: RabbitMQ
    private let ports: PortBook

    /// Asks the book for both servers' ports: one that is taken is replaced here, before they start.
    public init(layout: LocalStackLayout, ports: PortBook) {
        self.layout = layout
        self.ports = ports
        postgres = Postgres(
            host: "127.0.0.1", port: ports.port("postgres"), superuser: PostgresServer.superuser,
            passwordFile: layout.postgresPasswordFile,
            socketDirectory: PostgresConfiguration.socketDirectory(layout))
        rabbitmq = RabbitMQ(
            host: "127.0.0.1", port: ports.port("rabbitmq"), user: RabbitMQServer.user,
            passwordFile: layout.rabbitmqPasswordFile, virtualHost: RabbitMQServer.virtualHost)
    }

    /// The loopback port that belongs to a program's copy (from 1): chosen at the first call, then kept.
    public func port(of program: String, copy: Int = 1) -> UInt16 { ports.port("\(program)-\(copy)") }
}
