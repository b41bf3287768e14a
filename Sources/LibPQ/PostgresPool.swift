/// A bounded set of connections, lent one task at a time, first come first served.
///
/// Connections are opened when needed and kept. One that broke, was left in a transaction or with a subscription, is
/// closed and replaced. Session settings a body makes (`SET`) stay with the connection: use `SET LOCAL`, or `onConnect`.
public actor PostgresPool {
    /// The pool's numbers at a moment.
    public struct Status: Sendable, Equatable {
        /// The limit.
        public let maximum: Int
        /// Open and not lent.
        public let idle: Int
        /// Lent, or being opened for a borrower.
        public let leased: Int
        /// Tasks that wait for a connection.
        public let waiting: Int
    }

    private struct Idle {
        let connection: PostgresConnection
        let since: ContinuousClock.Instant
    }

    private let configuration: PostgresConfiguration
    private let onConnect: (@Sendable (PostgresConnection) async throws(PostgresError) -> Void)?
    private let idleCheck: Duration
    private var permits: PermitQueue
    private var waiters: [UInt64: CheckedContinuation<Bool, Never>] = [:]
    private var idle: [Idle] = []
    private var isClosed = false

    /// Creates a pool; nothing is opened yet. `onConnect` runs on each new connection, for `SET ROLE` and the like; when
    /// it throws, the connection is closed and the borrower gets the error. An idle connection older than `idleCheck`
    /// is asked for a sign of life before it is lent, as is one whose server sent something meanwhile.
    public init(
        configuration: PostgresConfiguration, maximumConnections: Int, idleCheck: Duration = .seconds(30),
        onConnect: (@Sendable (PostgresConnection) async throws(PostgresError) -> Void)? = nil
    ) {
        self.configuration = configuration
        self.onConnect = onConnect
        self.idleCheck = idleCheck
        permits = PermitQueue(maximum: max(1, maximumConnections))
    }

    /// The pool's numbers now.
    public var status: Status {
        Status(maximum: permits.maximum, idle: idle.count, leased: permits.taken, waiting: permits.waiting)
    }

    /// Lends a connection to `body`, which runs on the connection's own thread, or where the caller runs when that is an
    /// actor: between two statements there is no change of threads.
    ///
    /// Waits when all are lent; the task's cancellation ends the wait. What cannot be had (`poolClosed`, `cancelled`,
    /// or an error of connecting) goes through `map`; the body's error is thrown as it is. The connection is not to be
    /// used after the body.
    public nonisolated(nonsending) func withConnection<Value, Failure: Error>(
        orThrow map: (PostgresError) -> Failure, _ body: (PostgresConnection) async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let connection: PostgresConnection
        do throws(PostgresError) { connection = try await acquire() } catch { throw map(error) }
        do throws(Failure) {
            let value = try await withTaskExecutorPreference(connection.executor) { () async throws(Failure) in
                try await body(connection)
            }
            await release(connection)
            return value
        } catch {
            await release(connection)
            throw error
        }
    }

    /// ``withConnection(orThrow:_:)`` for bodies that throw anything.
    public nonisolated(nonsending) func withConnection<Value>(
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        try await withConnection(orThrow: { (error) -> any Error in error }, body)
    }

    /// Refuses new borrowers, those that wait included, and closes idle connections at once, lent ones when they return.
    public func close() async {
        isClosed = true
        for id in permits.cancelAll() { waiters.removeValue(forKey: id)?.resume(returning: false) }
        let connections = idle.map(\.connection)
        idle = []
        for connection in connections { await connection.close() }
    }

    // MARK: Lending

    private func acquire() async throws(PostgresError) -> PostgresConnection {
        try await takePermit()
        do throws(PostgresError) {
            while let candidate = idle.popLast() {
                if await isHealthy(candidate) { return candidate.connection }
                await candidate.connection.close()
            }
            return try await open()
        } catch {
            returnPermit()
            throw error
        }
    }

    private func isHealthy(_ candidate: Idle) async -> Bool {
        if candidate.since + idleCheck > .now, await candidate.connection.isQuiet { return true }
        do throws(PostgresError) {
            try await candidate.connection.execute("", deadline: .seconds(5))
            return true
        } catch {
            return false
        }
    }

    private func open() async throws(PostgresError) -> PostgresConnection {
        let connection = try await PostgresConnection.connect(configuration)
        do throws(PostgresError) {
            try await onConnect?(connection)
        } catch {
            await connection.close()
            throw error
        }
        if isClosed {
            await connection.close()
            throw Self.closedError
        }
        return connection
    }

    private func release(_ connection: PostgresConnection) async {
        let isReusable = await connection.isReusable
        if isReusable, !isClosed {
            idle.append(Idle(connection: connection, since: .now))
            returnPermit()
        } else {
            await connection.close()
            returnPermit()
        }
    }

    // MARK: Permits

    private static let closedError = PostgresError(code: .poolClosed, message: "The connection pool is closed.")
    private static let cancelledError = PostgresError(
        code: .cancelled, message: "The task was cancelled while it waited for a connection.")

    private func takePermit() async throws(PostgresError) {
        if isClosed { throw Self.closedError }
        if Task.isCancelled { throw Self.cancelledError }
        guard let id = permits.take() else { return }
        let isGranted = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // The task may have been cancelled before there was a waiter to remove.
                if Task.isCancelled {
                    permits.cancel(id)
                    continuation.resume(returning: false)
                } else {
                    waiters[id] = continuation
                }
            }
        } onCancel: {
            Task { await self.cancelWaiter(id) }
        }
        if !isGranted { throw isClosed ? Self.closedError : Self.cancelledError }
    }

    private func cancelWaiter(_ id: UInt64) {
        // A waiter that has been served is not there any more, and keeps its permit.
        guard let waiter = waiters.removeValue(forKey: id) else { return }
        permits.cancel(id)
        waiter.resume(returning: false)
    }

    private func returnPermit() {
        guard let id = permits.giveBack() else { return }
        waiters.removeValue(forKey: id)?.resume(returning: true)
    }
}

/// Who may hold a permit and who waits, in order. Pure; the pool resumes whom it names.
struct PermitQueue {
    let maximum: Int
    private(set) var taken = 0
    private var queue: [UInt64] = []
    private var lastID: UInt64 = 0

    init(maximum: Int) {
        self.maximum = maximum
    }

    var waiting: Int { queue.count }

    /// Takes a permit (nil), or joins the queue under the returned number.
    mutating func take() -> UInt64? {
        if taken < maximum, queue.isEmpty {
            taken += 1
            return nil
        }
        lastID += 1
        queue.append(lastID)
        return lastID
    }

    /// Gives a permit back; it passes at once to the waiter returned, if any.
    mutating func giveBack() -> UInt64? {
        if queue.isEmpty {
            taken -= 1
            return nil
        }
        return queue.removeFirst()
    }

    mutating func cancel(_ id: UInt64) {
        queue.removeAll { $0 == id }
    }

    mutating func cancelAll() -> [UInt64] {
        defer { queue = [] }
        return queue
    }
}
