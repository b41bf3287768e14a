/// Where and how to connect. The only source of settings: `~/.pgpass` is not read, and what is set here wins over `PG…`
/// environment variables.
///
/// See <https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-PARAMKEYWORDS>.
public struct PostgresConfiguration: Sendable {
    /// A host name, an address, or (with a leading `/`) the directory of a Unix-domain socket.
    public var host: String
    /// TCP port, or the number in the socket's file name.
    public var port: Int
    /// The database.
    public var database: String
    /// The role to log in as.
    public var user: String
    /// The role's password; `nil` where the server asks for none (`peer`, `cert`).
    public var password: PostgresPassword?
    /// How much the connection's encryption proves. ``SSLMode/verifyFull`` unless the host is this machine.
    public var sslMode: SSLMode
    /// Path of the PEM file with the certificate authorities to trust. `nil` = libpq's `~/.postgresql/root.crt`.
    public var sslRootCertificate: String?
    /// The longest time to establish a connection, name resolution aside.
    public var connectTimeout: Duration
    /// How long the server may take to answer a cancel request or a ROLLBACK before the connection is given up.
    public var cancelTimeout: Duration
    /// How long a transaction may stand still between two statements before the server ends the session, and with it
    /// the locks that others wait for; `nil` = the server's setting. A client that was stopped or cut off would
    /// otherwise hold them for as long as its TCP connection lives.
    /// See <https://www.postgresql.org/docs/15/runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT>.
    public var idleInTransactionTimeout: Duration?
    /// The name shown in `pg_stat_activity`.
    public var applicationName: String
    /// The session's `search_path`. Empty by default, so that a name without its schema fails at once.
    public var searchPath: String
    /// The role that the session takes on after it has logged in, of which ``user`` is a member; `nil` = ``user``.
    /// See <https://www.postgresql.org/docs/15/sql-set-role.html>.
    public var role: String?
    /// Further settings of the session, by their names: `["app.customer": "7"]`.
    public var sessionSettings: [String: String]
    /// How many prepared statements one connection keeps. 0 turns preparing off, for poolers that share sessions.
    public var statementCacheCapacity: Int

    /// Creates a configuration; `sslMode` nil = ``SSLMode/prefer`` for loopback and sockets, else verify-full.
    public init(
        host: String, port: Int = 5432, database: String, user: String, password: PostgresPassword? = nil,
        sslMode: SSLMode? = nil, sslRootCertificate: String? = nil, connectTimeout: Duration = .seconds(10),
        cancelTimeout: Duration = .seconds(10), idleInTransactionTimeout: Duration? = nil, applicationName: String = "",
        searchPath: String = "", role: String? = nil, sessionSettings: [String: String] = [:],
        statementCacheCapacity: Int = 256
    ) {
        self.host = host
        self.port = port
        self.database = database
        self.user = user
        self.password = password
        self.sslMode = sslMode ?? (Self.isLocal(host) ? .prefer : .verifyFull)
        self.sslRootCertificate = sslRootCertificate
        self.connectTimeout = connectTimeout
        self.cancelTimeout = cancelTimeout
        self.idleInTransactionTimeout = idleInTransactionTimeout
        self.applicationName = applicationName
        self.searchPath = searchPath
        self.role = role
        self.sessionSettings = sessionSettings
        self.statementCacheCapacity = statementCacheCapacity
    }

    /// What the server's certificate must prove. See <https://www.postgresql.org/docs/15/libpq-ssl.html>.
    public enum SSLMode: String, Sendable, CaseIterable {
        /// No encryption.
        case disable
        /// Encryption if the server offers it, without proof of who it is. For this machine only.
        case prefer
        /// Encryption without proof of who the server is.
        case require
        /// A certificate from a trusted authority, whatever name it bears.
        case verifyCA = "verify-ca"
        /// A certificate from a trusted authority for this host name.
        case verifyFull = "verify-full"
    }

    static func isLocal(_ host: String) -> Bool {
        if host.hasPrefix("/") || host == "localhost" || host == "::1" { return true }
        // An address in 127.0.0.0/8, not a name that merely begins like one ("127.0.0.1.example.org").
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// The keyword and value pairs for `PQconnectStartParams`. No string is ever assembled from several settings.
    var keywordsAndValues: [(keyword: String, value: String)] {
        var pairs = [
            ("host", host), ("port", String(port)), ("dbname", database), ("user", user),
            ("sslmode", sslMode.rawValue), ("application_name", applicationName), ("client_encoding", "UTF8"),
            ("options", sessionOptions),
            // A peer that vanished must not hold a listener for the two hours that systems wait by default.
            ("keepalives_idle", "60"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
            ("gssencmode", "disable"), ("passfile", "/dev/null"),
        ]
        if let password { pairs.append(("password", password.value)) }
        if let sslRootCertificate { pairs.append(("sslrootcert", sslRootCertificate)) }
        return pairs
    }

    private var sessionOptions: String {
        var settings = sessionSettings
        settings["search_path"] = searchPath
        if let role { settings["role"] = role }
        if let idleInTransactionTimeout {
            let milliseconds = max(1, Int(idleInTransactionTimeout / .milliseconds(1)))
            settings["idle_in_transaction_session_timeout"] = String(milliseconds)
        }
        return settings.sorted { $0.key < $1.key }.map { "-c \($0.key)=\(Self.escapedOption($0.value))" }
            .joined(separator: " ")
    }

    /// The server splits `options` at white space; a backslash keeps the next character.
    static func escapedOption(_ value: String) -> String {
        value.reduce(into: "") { text, character in
            if character == "\\" || character.isWhitespace { text.append("\\") }
            text.append(character)
        }
    }
}

/// A password that no description, debug description, mirror or `dump` prints.
public struct PostgresPassword: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let value: String

    /// Wraps the password.
    public init(_ value: String) {
        self.value = value
    }

    /// A constant.
    public var description: String { "<password>" }
    /// A constant.
    public var debugDescription: String { description }
    /// A mirror without children.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
