import CLibPQ
import Dispatch
import Synchronization

/// One session with a PostgreSQL server, through libpq.
///
/// Threading: the actor runs on a serial queue of its own. Every libpq call is made there and nowhere else; a call that
/// waits for the server blocks that queue's thread, never one of Swift's cooperative pool. Statements of several tasks
/// run one after the other. A transaction, a COPY and a stream hold the connection for the task that began them and its
/// children; a statement of another task then fails with `invalidUse` instead of slipping into a foreign transaction.
/// Take one connection per task from a ``PostgresPool``.
///
/// Lifetime: ``close()`` ends the session; dropping the last reference does the same. After `connectionLost` a
/// connection cannot be used again. Notices of the server (`RAISE NOTICE`) are discarded.
///
/// See <https://www.postgresql.org/docs/15/libpq.html>.
public actor PostgresConnection {
    let executor: QueueExecutor
    let wake: WakePipe
    let configuration: PostgresConfiguration
    // Set once by `open`; a closed handle stays and refuses calls.
    private var handle: Handle?
    var statements: StatementCache
    private var parameterBuffer = ParameterBuffer()
    /// The scope (transaction or stream) that holds the connection; see `ConnectionScope`.
    var owner: UInt64?
    /// Whether a COPY is under way, during which no statement can run.
    var isCopying = false
    var listeners = Listeners()

    /// The queue the actor runs on.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private init(configuration: PostgresConfiguration) throws(PostgresError) {
        self.configuration = configuration
        executor = QueueExecutor(label: "LibPQ.connection")
        wake = try WakePipe()
        statements = StatementCache(capacity: configuration.statementCacheCapacity)
    }

    isolated deinit {
        closeNow()
    }

    /// Connects, within the configuration's time-out, and authenticates.
    ///
    /// Throws `serverUnreachable`, `tlsFailed`, `authenticationFailed`, `connectionFailed` or `cancelled`; nothing is
    /// left open then. Name resolution is libpq's and cannot be interrupted.
    public static func connect(_ configuration: PostgresConfiguration) async throws(PostgresError) -> PostgresConnection
    {
        let connection = try PostgresConnection(configuration: configuration)
        try await connection.open()
        return connection
    }

    private func open() async throws(PostgresError) {
        handle = try await interruptible { () throws(PostgresError) in
            try Handle.connect(configuration, wake: wake)
        }
    }

    /// Ends the session and the connection's notification streams. A second call does nothing. An open transaction is
    /// rolled back by the server.
    public func close() {
        closeNow()
    }

    private func closeNow() {
        stopListening(with: nil)
        handle?.finish()
    }

    /// Whether the connection works as far as this side knows; does not ask the server.
    public var isAlive: Bool { handle?.isAlive ?? false }

    /// Whether a transaction is open, failed ones included.
    public var isInTransaction: Bool {
        guard let status = handle?.transactionStatus else { return false }
        return status == PQTRANS_INTRANS || status == PQTRANS_INERROR
    }

    /// The process id of the server's side, as in `pg_stat_activity`; 0 when closed.
    public var serverProcessID: Int32 { handle?.pointer.map { PQbackendPID($0) } ?? 0 }

    /// Whether the connection is encrypted.
    public var isEncrypted: Bool { handle?.pointer.map { PQsslInUse($0) != 0 } ?? false }

    // MARK: Statements

    /// Runs one statement with parameters `$1`, `$2`, …; parameters and results travel in binary.
    ///
    /// A statement is prepared at its second use and kept prepared. On the deadline or the calling task's cancellation
    /// it is cancelled on the server and the call throws `deadlineExceeded` or `cancelled`; the connection stays usable
    /// (inside a transaction, the transaction has failed). A statement that completed before the request took effect
    /// returns its rows. One result is held in memory whole: see ``stream(_:_:chunk:deadline:_:)`` for many rows.
    public func query(
        _ sql: String, _ parameters: [PostgresValue] = [], deadline: Duration? = nil
    ) async throws(PostgresError) -> PostgresRows {
        try admit()
        let limits = Handle.Limits.within(deadline)
        return try await interruptible { () throws(PostgresError) in try run(sql, parameters, limits) }
    }

    /// Runs any number of statements without parameters, separated by semicolons, as one simple query: they are one
    /// transaction unless they say `BEGIN` or `COMMIT`. For migrations and `SET`. Results are discarded.
    ///
    /// Throws and ends as ``query(_:_:deadline:)``; `description` of its errors leaves the SQL out, which may hold
    /// literals.
    public func execute(_ sql: String, deadline: Duration? = nil) async throws(PostgresError) {
        try admit()
        let limits = Handle.Limits.within(deadline)
        try await interruptible { () throws(PostgresError) in _ = try runSimple(sql, limits) }
    }

    /// ``query(_:_:deadline:)`` for a text that will not be seen again: it takes no place among the prepared ones.
    func queryUnprepared(
        _ sql: String, _ parameters: [PostgresValue], _ deadline: Duration?
    ) async throws(PostgresError) -> PostgresRows {
        try admit()
        let limits = Handle.Limits.within(deadline)
        return try await interruptible { () throws(PostgresError) in
            try run(sql, parameters, limits, isPreparable: false)
        }
    }

    /// Runs `operation`; the task's cancellation before it or during its waits ends it.
    func interruptible<Value>(
        _ operation: () throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        if Task.isCancelled {
            throw PostgresError(code: .cancelled, message: "The task was cancelled; nothing was sent.")
        }
        return try await waking(operation)
    }

    /// Runs `operation`, whose waits end when the task is cancelled.
    func waking<Value>(_ operation: () throws(PostgresError) -> Value) async throws(PostgresError) -> Value {
        let result = await withTaskCancellationHandler {
            // A method of the actor: a closure that does not touch `self` would run on the cooperative pool.
            attempt(operation)
        } onCancel: { [wake] in
            wake.signal()
        }
        return try result.get()
    }

    /// A Result, because `withTaskCancellationHandler` does not carry typed errors.
    private func attempt<Value>(_ operation: () throws(PostgresError) -> Value) -> Result<Value, PostgresError> {
        assertIsolated()
        do throws(PostgresError) { return .success(try operation()) } catch { return .failure(error) }
    }

    func liveHandle() throws(PostgresError) -> Handle {
        guard let handle else {
            throw PostgresError(code: .connectionClosed, message: "The connection is closed; open a new one.")
        }
        return handle
    }

    /// Refuses a statement that would slip into another task's transaction or into a COPY.
    func admit() throws(PostgresError) {
        if let owner, !ConnectionScope.active.contains(owner) {
            throw PostgresError(
                code: .invalidUse,
                message: "Another task holds this connection in a transaction; take a connection of your own.")
        }
        if isCopying {
            throw PostgresError(
                code: .invalidUse, message: "A COPY is under way on this connection; take another connection.")
        }
    }

    func runSimple(_ sql: String, _ limits: Handle.Limits) throws(PostgresError) -> [ResultHandle] {
        do throws(PostgresError) {
            try Handle.checkNoZeroByte(sql, "The statement")
            return try conversation { (handle) throws(PostgresError) in
                try handle.converse(limits) { PQsendQuery($0, sql) }
            }
        } catch {
            throw error.with(sql: sql, mayHoldLiterals: true)
        }
    }

    func run(
        _ sql: String, _ parameters: [PostgresValue], _ limits: Handle.Limits, isPreparable: Bool = true
    ) throws(PostgresError) -> PostgresRows {
        do throws(PostgresError) {
            try Handle.checkNoZeroByte(sql, "The statement")
            defer { parameterBuffer.trim() }
            try parameterBuffer.encode(parameters)
            let key = StatementCache.Key(sql: sql, types: parameterBuffer.types)
            do throws(PostgresError) {
                return try runOnce(key, limits, isPreparable ? statements.plan(for: key) : .unprepared)
            } catch  where error.isStaleStatement {
                // The table changed or the session was reset under a prepared statement. Outside a transaction nothing
                // was done and the statement can be sent anew; inside, the transaction has failed.
                statements.forget(key)
                guard try liveHandle().transactionStatus == PQTRANS_IDLE else { throw error }
                return try runOnce(key, limits, .unprepared)
            }
        } catch {
            throw error.with(sql: sql)
        }
    }

    private func runOnce(
        _ key: StatementCache.Key, _ limits: Handle.Limits, _ plan: StatementCache.Plan
    ) throws(PostgresError) -> PostgresRows {
        let results: [ResultHandle]
        switch plan {
        case .unprepared:
            results = try conversation { (handle) throws(PostgresError) in
                try handle.converse(limits) { connection in
                    parameterBuffer.withPointers { parameters in
                        PQsendQueryParams(
                            connection, key.sql, parameters.count, parameters.types, parameters.values,
                            parameters.lengths, parameters.formats, 1)
                    }
                }
            }
        case .prepare(let name):
            try deallocateDoomed(limits)
            try prepare(key, name, limits)
            results = try executePrepared(name, limits)
        case .prepared(let name):
            results = try executePrepared(name, limits)
        }
        guard let result = results.last else {
            throw PostgresError(code: .protocolViolation, message: "The server sent no result.")
        }
        return PostgresRows(result)
    }

    private func prepare(_ key: StatementCache.Key, _ name: String, _ limits: Handle.Limits) throws(PostgresError) {
        _ = try conversation { (handle) throws(PostgresError) in
            try handle.converse(limits) { connection in
                PQsendPrepare(connection, name, key.sql, Int32(truncatingIfNeeded: key.types.count), key.types)
            }
        }
        statements.didPrepare(key, name: name)
    }

    private func executePrepared(_ name: String, _ limits: Handle.Limits) throws(PostgresError) -> [ResultHandle] {
        try conversation { (handle) throws(PostgresError) in
            try handle.converse(limits) { connection in
                parameterBuffer.withPointers { parameters in
                    PQsendQueryPrepared(
                        connection, name, parameters.count, parameters.values, parameters.lengths, parameters.formats, 1
                    )
                }
            }
        }
    }

    private func deallocateDoomed(_ limits: Handle.Limits) throws(PostgresError) {
        for name in statements.doomed {
            do throws(PostgresError) {
                _ = try conversation { (handle) throws(PostgresError) in
                    try handle.converse(limits) { PQsendQuery($0, "DEALLOCATE \(name)") }
                }
            } catch  where error.sqlState == .invalidStatementName {
                // Gone already, by DISCARD or DEALLOCATE ALL.
            }
            statements.didDeallocate(name)
        }
    }

    /// One exchange with the server; afterwards notifications that came with the answer are delivered, and a connection
    /// that broke ends its listeners.
    func conversation<Value>(
        _ body: (Handle) throws(PostgresError) -> Value
    ) throws(PostgresError) -> Value {
        assertIsolated()
        let handle = try liveHandle()
        do throws(PostgresError) {
            let value = try body(handle)
            deliverNotifications()
            return value
        } catch {
            if handle.isAlive { deliverNotifications() } else { stopListening(with: error) }
            throw error
        }
    }
}

extension PostgresError {
    /// A prepared statement that the server will not run any more, though its text is fine.
    fileprivate var isStaleStatement: Bool {
        sqlState == .invalidStatementName
            || (sqlState == .featureNotSupported && server?.function == "RevalidateCachedQuery")
    }
}

/// Which scopes (transactions, streams, COPYs) the current task is in. Child tasks inherit them.
enum ConnectionScope {
    @TaskLocal static var active: [UInt64] = []

    private static let counter = Atomic<UInt64>(0)

    static func next() -> UInt64 { counter.add(1, ordering: .relaxed).newValue }
}
