import Foundation
import LibPQ

/// How to reach PostgreSQL and the key store: what a configuration tells.
public struct DatabaseSettings: Sendable {
    /// A host name, an address, or (with a leading `/`) the directory of a Unix-domain socket.
    public var host: String
    /// TCP port, or the number in the socket's file name.
    public var port: UInt16
    /// The database that holds the schema `backup`.
    public var name: String
    /// The role to log in as; sessions of partner staff take on another one after that.
    public var user: String
    /// Never printed.
    public var password: Secret?
    /// disable, prefer, require, verify-ca or verify-full; `nil`: verify-full, and prefer on loopback.
    public var sslMode: String?
    /// PEM file with the authorities to trust; `nil`: libpq's `~/.postgresql/root.crt`.
    public var sslRootCertificate: String?
    /// How long a transaction may stand still before the server ends it, so that a stopped process holds up nobody.
    public var idleInTransactionTimeout: Duration
    /// The name shown in `pg_stat_activity`.
    public var applicationName: String

    /// Nothing is checked here; a word that ``sslModes`` does not have counts as none.
    public init(
        host: String, port: UInt16, name: String, user: String, password: Secret?, sslMode: String? = nil,
        sslRootCertificate: String? = nil, idleInTransactionTimeout: Duration = .seconds(60), applicationName: String
    ) {
        self.host = host
        self.port = port
        self.name = name
        self.user = user
        self.password = password
        self.sslMode = sslMode
        self.sslRootCertificate = sslRootCertificate
        self.idleInTransactionTimeout = idleInTransactionTimeout
        self.applicationName = applicationName
    }

    /// The words that ``sslMode`` may be.
    public static let sslModes: [String] = PostgresConfiguration.SSLMode.allCases.map(\.rawValue)

    /// A text that does not print.
    public struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
        let text: String

        /// As it is: a line break at its end would be part of it.
        public init(_ text: String) { self.text = text }

        public var description: String { "(secret)" }
        public var debugDescription: String { description }
        public var customMirror: Mirror { Mirror(self, children: [:]) }
    }

    /// The configuration of sessions that see the rows of one partner; of ordinary ones for nil.
    func confined(to partner: UUID?) -> PostgresConfiguration {
        var configuration = configuration
        if let partner {
            configuration.role = Installation.staff
            configuration.sessionSettings = ["backup.partner": partner.text]
        }
        return configuration
    }

    var configuration: PostgresConfiguration {
        PostgresConfiguration(
            host: host, port: Int(port), database: name, user: user,
            password: password.map { PostgresPassword($0.text) },
            sslMode: sslMode.flatMap { PostgresConfiguration.SSLMode(rawValue: $0) },
            sslRootCertificate: sslRootCertificate, idleInTransactionTimeout: idleInTransactionTimeout,
            applicationName: applicationName)
    }
}
