public import BackupContracts
import Foundation
import LibPQ

/// What `doctor` asks of the server: facts without a judgement.
public struct ServerFacts: Sendable {
    /// A setting that a role or a database has otherwise than the server.
    public struct Override: Sendable, Hashable {
        /// A role, or `all roles`.
        public var role: String
        /// The setting's name.
        public var name: String
        /// As `ALTER ROLE … SET` has it.
        public var value: String

        /// A setting of a role.
        public init(role: String, name: String, value: String) {
            self.role = role
            self.name = name
            self.value = value
        }
    }

    /// `150018` for 15.18.
    public var version: Int
    /// By name, as this session has them; those that only a superuser may see are missing.
    public var settings: [String: String]
    /// Of this database's roles.
    public var overrides: [Override]
    /// Of clients, in all databases.
    public var sessions: Int
    /// Seconds by which the server's clock is ahead of this machine's, exact to half the time of a round trip.
    public var clockAhead: Double
    /// Whether the connection that asked is.
    public var isEncrypted: Bool

    /// Facts for a test of what is made of them; ``PostgresStore/serverFacts()`` asks for real ones.
    public init(
        version: Int, settings: [String: String], overrides: [Override] = [], sessions: Int = 1, clockAhead: Double = 0,
        isEncrypted: Bool = true
    ) {
        self.version = version
        self.settings = settings
        self.overrides = overrides
        self.sessions = sessions
        self.clockAhead = clockAhead
        self.isEncrypted = isEncrypted
    }
}

/// A migration that the database has.
public struct AppliedMigration: Sendable, Hashable {
    /// From 1, without gaps.
    public var number: Int32
    /// `V0001_schema`.
    public var name: String
    /// Whether it is one of this version's; a newer version's is not.
    public var isKnown: Bool
    /// Whether its text is the one that this version knows.
    public var isUnchanged: Bool

    /// One of this version's, but for what is given.
    public init(number: Int32, name: String, isKnown: Bool = true, isUnchanged: Bool = true) {
        self.number = number
        self.name = name
        self.isKnown = isKnown
        self.isUnchanged = isUnchanged
    }
}

extension PostgresStore {
    /// Version, settings, sessions and clock. Any role may ask.
    public func serverFacts() async throws(StageFailure) -> ServerFacts {
        try await withConnection { (connection) async throws(StageFailure) in
            let settings = try await connection.rows("SELECT name, setting FROM pg_catalog.pg_settings")
            let overrides = try await connection.rows(Self.overrides, [.text("entra\\_backup\\_%")])
            // The first statement has paid for everything that is slow only once; this one is as fast as the network.
            let before = Date()
            let rows = try await connection.rows(
                """
                SELECT extract(epoch FROM clock_timestamp())::double precision AS clock,
                    current_setting('server_version_num')::bigint AS version,
                    (SELECT sum(numbackends)::bigint FROM pg_catalog.pg_stat_database) AS sessions
                """)
            let middle = before.timeIntervalSince1970 + Date().timeIntervalSince(before) / 2
            let isEncrypted = await connection.isEncrypted
            return try decoded { () throws(PostgresError) in
                var facts = ServerFacts(version: 0, settings: [:], isEncrypted: isEncrypted)
                for row in settings { facts.settings[try row.text("name")] = try row.optionalText("setting") }
                for row in overrides {
                    let parts = try row.text("setting").split(separator: "=", maxSplits: 1).map(String.init)
                    guard parts.count == 2 else { continue }
                    facts.overrides.append(.init(role: try row.text("role"), name: parts[0], value: parts[1]))
                }
                guard let row = rows.first else { return facts }
                facts.version = Int(try row.int64("version"))
                facts.sessions = Int(try row.int64("sessions"))
                facts.clockAhead = try row.double("clock") - middle
                return facts
            }
        }
    }

    private static let overrides = """
        SELECT coalesce(r.rolname::text, 'all roles') AS role, unnest(s.setconfig) AS setting
        FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
        WHERE (s.setdatabase = 0 OR s.setdatabase = (SELECT oid FROM pg_catalog.pg_database
                WHERE datname = current_database()))
            AND (s.setrole = 0 OR r.rolname LIKE $1)
        ORDER BY 1, 2
        """

    /// The migrations that the database has, in order; none where it has no schema of ours.
    public func appliedMigrations() async throws(StageFailure) -> [AppliedMigration] {
        try await withConnection { (connection) async throws(StageFailure) in
            let there = try await connection.rows(
                "SELECT pg_catalog.to_regclass('public.entra_backup_migrations') IS NOT NULL AS there")
            guard try decoded({ () throws(PostgresError) in try there.first?.bool("there") ?? false }) else {
                return []
            }
            let rows = try await connection.rows(
                "SELECT number, name, checksum FROM public.entra_backup_migrations ORDER BY number")
            return try decoded { () throws(PostgresError) in
                try rows.map { (row) throws(PostgresError) in
                    let number = try row.int32("number")
                    let known = Migration.all.first { $0.number == number }
                    return AppliedMigration(
                        number: number, name: try row.text("name"), isKnown: known != nil,
                        isUnchanged: try known?.checksum == row.bytes("checksum"))
                }
            }
        }
    }

    /// Whether a scheduler leads: a session holds the lock.
    public func hasLeader() async throws(StageFailure) -> Bool {
        try await withConnection { (connection) async throws(StageFailure) in
            let rows = try await connection.rows(
                """
                SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted
                    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
                    AND classid = ($1 >> 32)::oid AND objid = ($1 & 4294967295)::oid) AS leads
                """, [.int64(Self.leaderLock)])
            return try decoded { () throws(PostgresError) in try rows.first?.bool("leads") ?? false }
        }
    }
}

extension DatabaseSettings {
    /// Logs in and out again.
    /// - Throws: what kept it from that.
    public func logIn() async throws(StageFailure) {
        do {
            try await PostgresConnection.connect(configuration).close()
        } catch {
            throw StageFailure(store: error)
        }
    }
}
