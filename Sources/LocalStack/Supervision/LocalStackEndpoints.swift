/// How the stack's servers are reached, and the ports of its programs.
public struct LocalStackEndpoints: Sendable {
    public struct Postgres: Sendable, Hashable {
        public let host: String
        public let port: UInt16
        /// The superuser's name.
        public let superuser: String
        /// A file with the superuser's password in its one line.
        public let passwordFile: String
        /// The directory of the Unix socket; nil when its path would be too long.
        public let socketDirectory: String?
    }

    public struct RabbitMQ: Sendable, Hashable {
        public let host: String
        public let port: UInt16
        public let user: String
        /// A file with the user's password in its one line.
        public let passwordFile: String
        public let virtualHost: String
    }

    public let layout: LocalStackLayout
    public let postgres: Postgres
    public let rabbitmq: RabbitMQ
    private let ports: PortBook

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
