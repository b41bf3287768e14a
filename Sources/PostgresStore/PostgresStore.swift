public import AccountModel
public import BackupContracts
import BackupModel
import LibPQ
public import Logging
import Sealing

/// The store of every stage: PostgreSQL, with the tenants' keys beside it (D1, D4, D8).
///
/// One value a process. Each port of the contracts is an extension in a file of its own. A method is one transaction,
/// run with the tenant set for row-level security; what it promises is written at the port.
public struct PostgresStore: Sendable {
    let pool: PostgresPool
    let keys: TenantKeyring
    let keyStore: any KeyStore
    let hooks: StageHooks
    let logger: Logger
    /// Who acts through this store.
    public let identity: Identity
    let admission = Admission()

    /// - Parameters:
    ///   - settings: logs in as the stage's own role.
    ///   - connections: the most that are open at a time; a delivery in hand uses one.
    ///   - keyStorePath: the directory of key files.
    ///   - identity: who acts; a member of a partner's staff has sessions that see the rows of that partner only.
    public init(
        settings: DatabaseSettings, connections: Int, keyStorePath: String, hooks: StageHooks = .none,
        identity: Identity = .service, logger: Logger
    ) {
        let keyStore = DirectoryKeyStore(path: keyStorePath)
        pool = PostgresPool(
            configuration: settings.confined(to: Self.confinesSessions ? identity.partner : nil),
            maximumConnections: connections)
        self.identity = identity
        keys = TenantKeyring(keyStore: keyStore)
        self.keyStore = keyStore
        self.hooks = hooks
        self.logger = logger
    }

    /// Closes the connections.
    public func close() async { await pool.close() }

    /// Whether the database answers; for readiness.
    public func ping() async throws(StageFailure) {
        try await withConnection { (connection) async throws(StageFailure) in
            _ = try await connection.rows("SELECT 1")
        }
    }

    // MARK: Transactions

    func withConnection<T: Sendable>(
        _ body: (PostgresConnection) async throws(StageFailure) -> T
    ) async throws(StageFailure) -> T {
        try await pool.withConnection(orThrow: StageFailure.init(store:), body)
    }

    /// A transaction on fleet tables.
    func transaction<T: Sendable>(
        _ options: PostgresTransactionOptions = .standard,
        _ body: (PostgresConnection) async throws(StageFailure) -> T
    ) async throws(StageFailure) -> T {
        let result = try await withConnection { (connection) async throws(StageFailure) in
            try await connection.transaction(options, orThrow: StageFailure.init(store:)) {
                (connection) async throws(StageFailure) in
                let result = try await body(connection)
                hooks.reach(.beforeCommit)
                return result
            }
        }
        hooks.reach(.afterCommit)
        return result
    }

    /// A transaction that sees the rows of one tenant.
    func transaction<T: Sendable>(
        of tenant: TenantID, _ body: (PostgresConnection) async throws(StageFailure) -> T
    ) async throws(StageFailure) -> T {
        do throws(AccountError) {
            try requireAdmitted(tenant)
        } catch {
            throw StageFailure(.stageDefect, error.message)
        }
        return try await transaction(.of(tenant), body)
    }
}

extension PostgresTransactionOptions {
    /// Sets the tenant of the transaction for row-level security.
    static func of(_ tenant: TenantID) -> PostgresTransactionOptions {
        standard.setting("backup.tenant", to: tenant.description)
    }
}

extension PostgresConnection {
    /// ``query(_:_:deadline:)`` with failures in the words of the contracts.
    func rows(_ sql: String, _ parameters: [PostgresValue] = []) async throws(StageFailure) -> PostgresRows {
        do {
            return try await query(sql, parameters)
        } catch {
            throw StageFailure(store: error)
        }
    }
}

extension StageFailure {
    /// What an error of the database means. The message never holds values.
    init(store error: PostgresError) {
        let code: FailureCode
        switch error.sqlState?.rawValue {
        case "53100"?: code = .databaseFull
        case "40001"?, "40P01"?, "55P03"?: code = .serializationConflict
        case "3F000"?, "42P01"?, "42703"?, "42883"?, "42501"?, "23503"?: code = .schemaMismatch
        // 25P03: the transaction stood still for too long and was ended; nothing of it is there.
        // 3D000: the server has no such database.
        case let state? where ["57P", "08", "53", "25P03", "3D000"].contains(where: state.hasPrefix):
            code = .databaseUnreachable
        case nil:
            switch error.code {
            case .connectionFailed, .serverUnreachable, .authenticationFailed, .tlsFailed, .connectionLost,
                .connectionClosed, .commitOutcomeUnknown, .poolClosed, .deadlineExceeded, .cancelled:
                code = .databaseUnreachable
            default: code = .storeRejected
            }
        // Cut off on our side: the server reports 57014 then.
        case .some:
            let isCutOff = [.authenticationFailed, .cancelled, .deadlineExceeded].contains(error.code)
            code = isCutOff ? .databaseUnreachable : .storeRejected
        }
        self.init(code, "PostgreSQL: \(error)")
    }

    init(decoding error: PostgresError) {
        self.init(.schemaMismatch, "A column is not as this version expects it: \(error)")
    }
}

/// Runs a reading of rows, whose failures mean that the schema is not the one that this version knows.
func decoded<T>(_ body: () throws(PostgresError) -> T) throws(StageFailure) -> T {
    do {
        return try body()
    } catch {
        throw StageFailure(decoding: error)
    }
}
