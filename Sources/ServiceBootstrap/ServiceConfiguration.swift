public import Logging
public import PostgresStore
public import RabbitMQTransport

/// Everything that a stage or the command line needs to know of its surroundings.
///
/// Keys (in YAML; in the environment `ENTRA_BACKUP_` and the path in upper case, `_` for `.` and before capitals):
/// - `database.host` (text, default 127.0.0.1): host name or address of PostgreSQL.
/// - `database.port` (1…65535, default 5432)
/// - `database.name` (text, default entra_backup)
/// - `database.user` (text, default: the role of the program)
/// - `database.passwordFile` (path, optional): its first line is the password.
/// - `database.sslMode` (disable, prefer, require, verify-ca, verify-full; default verify-full, loopback prefer)
/// - `database.sslRootCertificate` (path, optional)
/// - `database.connections` (1…1000, default: concurrency + 4)
/// - `database.idleInTransactionSeconds` (1…3600, default 60): the server ends a transaction that stands still for longer.
/// - `broker.host`, `broker.port` (default 127.0.0.1, 5672), `broker.virtualHost` (default /), `broker.user`
/// - `broker.passwordFile` (path, optional), `broker.tls` (default false), `broker.caCertificate` (path)
/// - `broker.heartbeatSeconds` (1…600, default 20)
/// - `keyStore.path` (path, default keys): the directory of key files.
/// - `http.host` (default 127.0.0.1), `http.port` (0…65535, default 0: no health and metrics)
/// - `log.level` (trace, debug, info, notice, warning, error, critical; default info)
/// - `stage.concurrency` (1…100, default 4): deliveries in hand for each queue.
/// - `graph.patienceSeconds` (1…600, default 30): longest wait for Microsoft Graph within a request.
/// - `graph.respectsQuotas` (default true): false only against a simulator without quotas.
/// - `scheduler.turnMs` (100…60000, default 1000): pause between two turns.
/// - `plans.entra` (default false, on a local stack true): whether plans that include Entra may be made.
/// - `mail.folder` (path, default mail): where finished messages are put; commands write there only when it is named.
/// - `mail.from` (e-mail address, default entra-backup@localhost): the sender.
/// - `mail.signInUrl` (text, optional): named in sign-in e-mails.
public struct ServiceConfiguration: Sendable {
    /// `database.host`: a name, an address, or (with a leading `/`) the directory of a Unix-domain socket.
    public var databaseHost: String
    /// `database.port`: TCP port, or the number in the socket's file name.
    public var databasePort: UInt16
    /// `database.name`: the database that holds the schema `backup`.
    public var databaseName: String
    /// `database.user`; `nil` for the role of the program.
    public var databaseUser: String?
    /// First line of `database.passwordFile`; `nil` without such a file.
    public var databasePassword: DatabaseSettings.Secret?
    /// `database.sslMode`, one of ``DatabaseSettings/sslModes``; `nil` for verify-full, on loopback prefer.
    public var databaseSSLMode: String?
    /// `database.sslRootCertificate`, a PEM file; `nil` for libpq's `~/.postgresql/root.crt`.
    public var databaseRootCertificate: String?
    /// `database.connections`; `nil` for ``concurrency`` + 4, and for 1 in the scheduler.
    public var databaseConnections: Int?
    /// `database.idleInTransactionSeconds`: the server ends a transaction that stands still for longer.
    public var databaseIdleInTransaction: Duration
    /// `broker.host`: a name or an address.
    public var brokerHost: String
    /// `broker.port`; 5671 is usual with TLS.
    public var brokerPort: UInt16
    /// `broker.virtualHost`: where the queues are.
    public var brokerVirtualHost: String
    /// `broker.user`: each program may have its own; each declares the queues that it finds missing.
    public var brokerUser: String
    /// First line of `broker.passwordFile`; empty without such a file.
    public var brokerPassword: BrokerSettings.Secret
    /// `nil` without TLS.
    public var brokerCACertificate: String?
    /// `broker.heartbeatSeconds`; a broker that is silent for two of them is taken for dead.
    public var brokerHeartbeatSeconds: Int
    /// `keyStore.path`: the directory of key files, absolute or relative to the working directory.
    public var keyStorePath: String
    /// `http.host`: where metrics and health are served, to whoever asks.
    public var httpHost: String
    /// `http.port`; 0 serves neither.
    public var httpPort: Int
    /// `log.level`: what is below it is not written.
    public var logLevel: Logger.Level
    /// `stage.concurrency`: deliveries in hand for each queue, and the prefetch window.
    public var concurrency: Int
    /// `graph.patienceSeconds`: the longest wait for Microsoft Graph within a request.
    public var graphPatience: Duration
    /// `graph.respectsQuotas`; false only against a simulator without quotas.
    public var respectsQuotas: Bool
    /// `scheduler.turnMs`: the pause between two turns, with ten sweeps in it.
    public var schedulerTurn: Duration
    /// `plans.entra`: whether plans that include Entra may be made; those that exist are not touched.
    public var offersEntra: Bool
    /// `nil` when no setting names it.
    public var mailFolder: String?
    /// `mail.from`: the sender's address.
    public var mailFrom: String
    /// `mail.signInUrl`: named in sign-in e-mails; `nil` leaves the line out.
    public var signInURL: String?

    /// Where the scheduler puts mail when no setting names another place.
    public static let standardMailFolder = "mail"

    static let keys = [
        "database.host", "database.port", "database.name", "database.user", "database.passwordFile", "database.sslMode",
        "database.sslRootCertificate", "database.connections", "database.idleInTransactionSeconds", "broker.host",
        "broker.port", "broker.virtualHost",
        "broker.user", "broker.passwordFile", "broker.tls", "broker.caCertificate", "broker.heartbeatSeconds",
        "keyStore.path", "http.host", "http.port", "log.level", "stage.concurrency", "graph.patienceSeconds",
        "graph.respectsQuotas", "scheduler.turnMs", "plans.entra", "mail.folder", "mail.from", "mail.signInUrl",
    ]

    /// Reads file and environment; the environment wins.
    /// - Parameter file: `nil` for none.
    public init(file: String?, environment: [String: String]) throws(ConfigurationError) {
        let source = try ConfigurationSource(file: file, environment: environment, known: Self.keys)
        databaseHost = source.text("database.host", default: "127.0.0.1")
        databasePort = UInt16(try source.integer("database.port", default: 5432, in: 1...65_535))
        databaseName = source.text("database.name", default: "entra_backup")
        databaseUser = source.text("database.user")
        databasePassword = try source.secret("database.passwordFile").map { DatabaseSettings.Secret($0) }
        databaseSSLMode = try Self.sslMode(source)
        databaseRootCertificate = source.text("database.sslRootCertificate")
        let connections = try source.integer("database.connections", default: 0, in: 0...1_000)
        databaseConnections = connections == 0 ? nil : connections
        databaseIdleInTransaction = .seconds(
            try source.integer("database.idleInTransactionSeconds", default: 60, in: 1...3_600))
        brokerHost = source.text("broker.host", default: "127.0.0.1")
        brokerPort = UInt16(try source.integer("broker.port", default: 5672, in: 1...65_535))
        brokerVirtualHost = source.text("broker.virtualHost", default: "/")
        brokerUser = source.text("broker.user", default: "guest")
        brokerPassword = BrokerSettings.Secret(try source.secret("broker.passwordFile") ?? "")
        let usesTLS = try source.flag("broker.tls", default: false)
        brokerCACertificate = usesTLS ? try Self.caCertificate(source) : nil
        brokerHeartbeatSeconds = try source.integer("broker.heartbeatSeconds", default: 20, in: 1...600)
        keyStorePath = source.text("keyStore.path", default: "keys")
        httpHost = source.text("http.host", default: "127.0.0.1")
        httpPort = try source.integer("http.port", default: 0, in: 0...65_535)
        logLevel = try Self.logLevel(source)
        concurrency = try source.integer("stage.concurrency", default: 4, in: 1...100)
        graphPatience = .seconds(try source.integer("graph.patienceSeconds", default: 30, in: 1...600))
        respectsQuotas = try source.flag("graph.respectsQuotas", default: true)
        schedulerTurn = .milliseconds(try source.integer("scheduler.turnMs", default: 1_000, in: 100...60_000))
        // Only a local stack has a data directory: who runs one tries the whole thing.
        offersEntra = try source.flag("plans.entra", default: environment["ENTRA_BACKUP_DATA_DIR"] != nil)
        mailFolder = source.text("mail.folder")
        mailFrom = source.text("mail.from", default: "entra-backup@localhost")
        signInURL = source.text("mail.signInUrl")
    }

    private static func sslMode(_ source: ConfigurationSource) throws(ConfigurationError) -> String? {
        guard let text = source.text("database.sslMode") else { return nil }
        guard DatabaseSettings.sslModes.contains(text) else {
            throw ConfigurationError(
                "\(source.place("database.sslMode")) is \(text).",
                hint: "disable, prefer, require, verify-ca or verify-full is expected.")
        }
        return text
    }

    private static func caCertificate(_ source: ConfigurationSource) throws(ConfigurationError) -> String {
        guard let path = source.text("broker.caCertificate") else {
            throw ConfigurationError(
                "broker.tls is true, but broker.caCertificate is missing.", hint: "Name the CA file.")
        }
        return path
    }

    private static func logLevel(_ source: ConfigurationSource) throws(ConfigurationError) -> Logger.Level {
        let text = source.text("log.level", default: "info")
        guard let level = Logger.Level(rawValue: text) else {
            throw ConfigurationError(
                "\(source.place("log.level")) is \(text).",
                hint: "trace, debug, info, notice, warning, error or critical is expected.")
        }
        return level
    }

    /// How to log in to PostgreSQL as `role`, unless the configuration names another.
    public func database(role: String) -> DatabaseSettings {
        DatabaseSettings(
            host: databaseHost, port: databasePort, name: databaseName, user: databaseUser ?? role,
            password: databasePassword, sslMode: databaseSSLMode, sslRootCertificate: databaseRootCertificate,
            idleInTransactionTimeout: databaseIdleInTransaction, applicationName: role)
    }

    /// How to log in to RabbitMQ.
    public func broker(connectionName: String) -> BrokerSettings {
        BrokerSettings(
            host: brokerHost, port: brokerPort, virtualHost: brokerVirtualHost, user: brokerUser,
            password: brokerPassword, caCertificate: brokerCACertificate, heartbeatSeconds: brokerHeartbeatSeconds,
            connectionName: connectionName)
    }
}
