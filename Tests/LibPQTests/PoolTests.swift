import Synchronization
import Testing

@testable import LibPQ

@Suite(.timeLimit(.minutes(2))) struct PoolTests {
    private func pool(
        _ maximum: Int, idleCheck: Duration = .seconds(30),
        onConnect: (@Sendable (PostgresConnection) async throws(PostgresError) -> Void)? = nil
    ) async throws -> PostgresPool {
        PostgresPool(
            configuration: try await TemporaryCluster.shared.value.configuration, maximumConnections: maximum,
            idleCheck: idleCheck, onConnect: onConnect)
    }

    @Test func `connections are reused`() async throws {
        let pool = try await pool(3)
        let ids = try await (0..<5).asyncMap { _ in try await pool.withConnection { await $0.serverProcessID } }
        #expect(Set(ids).count == 1)
        #expect(await pool.status == PostgresPool.Status(maximum: 3, idle: 1, leased: 0, waiting: 0))
    }

    @Test func `the limit holds, and waiters are served in order`() async throws {
        let pool = try await pool(1)
        let order = Log()
        let (release, gate) = AsyncStream.makeStream(of: Void.self)
        let holder = Task { try await pool.withConnection { _ in for await _ in release {} } }
        try await eventually { await pool.status.leased == 1 }
        var waiters: [Task<Void, any Error>] = []
        for n in 0..<5 {
            waiters.append(Task { try await pool.withConnection { _ in order.append(n) } })
            try await eventually { await pool.status.waiting == n + 1 }
        }
        #expect(await pool.status == PostgresPool.Status(maximum: 1, idle: 0, leased: 1, waiting: 5))
        gate.finish()
        try await holder.value
        for waiter in waiters { try await waiter.value }
        #expect(order.values == [0, 1, 2, 3, 4])
        #expect(await pool.status == PostgresPool.Status(maximum: 1, idle: 1, leased: 0, waiting: 0))
    }

    @Test func `a cancelled waiter leaves the queue and costs nobody a connection`() async throws {
        let pool = try await pool(1)
        let (release, gate) = AsyncStream.makeStream(of: Void.self)
        let holder = Task { try await pool.withConnection { _ in for await _ in release {} } }
        try await eventually { await pool.status.leased == 1 }
        let first = Task { try await pool.withConnection { _ in _ = Issue.record("ran") } }
        try await eventually { await pool.status.waiting == 1 }
        let second = Task { try await pool.withConnection { try await $0.query("SELECT 1").count } }
        try await eventually { await pool.status.waiting == 2 }
        first.cancel()
        #expect(try await postgresError { try await first.value }?.code == .cancelled)
        #expect(await pool.status.waiting == 1)
        gate.finish()
        try await holder.value
        #expect(try await second.value == 1)
        #expect(await pool.status.leased == 0)
    }

    @Test func `many borrowers, some cancelled, leave nothing lent`() async throws {
        let pool = try await pool(3)
        let tasks = (0..<60).map { n in
            Task {
                try await pool.withConnection { try await $0.query("SELECT $1::int", [.int32(n)]).onlyRow().int32(0) }
            }
        }
        for task in tasks where tasks.firstIndex(of: task).map({ $0 % 4 == 0 }) == true { task.cancel() }
        for (n, task) in tasks.enumerated() {
            do {
                #expect(try await task.value == Int32(n))
            } catch let error as PostgresError {
                #expect(error.code == .cancelled)
                #expect(n % 4 == 0)
            }
        }
        let status = await pool.status
        #expect(status.leased == 0 && status.waiting == 0 && status.idle <= 3)
    }

    @Test func `a connection that broke while lent or idle is replaced`() async throws {
        let admin = try await TemporaryCluster.connect()
        let pool = try await pool(1)
        let first = try await pool.withConnection { await $0.serverProcessID }
        _ = try await admin.query("SELECT pg_terminate_backend($1)", [.int32(first)])
        try await eventually { try await !admin.hasSession(first) }
        let second = try await pool.withConnection { connection in
            _ = try await connection.query("SELECT 1")
            return await connection.serverProcessID
        }
        #expect(second != first)
        await #expect(throws: PostgresError.self) {
            try await pool.withConnection {
                _ = try await $0.query("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(60)")
            }
        }
        #expect(await pool.status.idle == 0)
        #expect(try await pool.withConnection { try await $0.query("SELECT 1").count } == 1)
    }

    @Test func `an idle connection past the check is asked`() async throws {
        let pool = try await pool(1, idleCheck: .zero)
        let ids = try await (0..<2).asyncMap { _ in try await pool.withConnection { await $0.serverProcessID } }
        #expect(ids[0] == ids[1])
    }

    @Test func `a connection left in a transaction or with a subscription is replaced`() async throws {
        let pool = try await pool(1)
        try await pool.withConnection { try await $0.execute("BEGIN") }
        #expect(await pool.status.idle == 0)
        let stream = try await pool.withConnection { try await $0.listen("left") }
        #expect(await pool.status.idle == 0)
        for try await _ in stream {}
        #expect(try await pool.withConnection { await $0.isInTransaction } == false)
    }

    @Test func `the hook runs once on each new connection`() async throws {
        let log = Log()
        let pool = try await pool(2) { (connection) async throws(PostgresError) in
            log.append(1)
            try await connection.execute("SET lock_timeout = 4321")
        }
        for _ in 0..<3 {
            let value = try await pool.withConnection {
                try await $0.query("SELECT current_setting('lock_timeout')").onlyRow().text(0)
            }
            #expect(value == "4321ms")
        }
        #expect(log.values.count == 1)
    }

    @Test func `a hook that fails fails the borrower and frees the place`() async throws {
        let pool = try await pool(1) { (connection) async throws(PostgresError) in
            try await connection.execute("SET ROLE nobody_there")
        }
        for _ in 0..<2 {
            let error = try await postgresError { try await pool.withConnection { _ in } }
            #expect(error?.code == .queryFailed)
        }
        #expect(await pool.status == PostgresPool.Status(maximum: 1, idle: 0, leased: 0, waiting: 0))
    }

    @Test func `an unreachable server fails the borrower and frees the place`() async throws {
        var configuration = try await TemporaryCluster.shared.value.configuration
        configuration.port = try TemporaryCluster.freePort()
        let pool = PostgresPool(configuration: configuration, maximumConnections: 1)
        enum OwnError: Error, Equatable { case database(PostgresError.Code) }
        func own(_ error: PostgresError) -> OwnError { .database(error.code) }
        for _ in 0..<2 {
            await #expect(throws: OwnError.database(.serverUnreachable)) {
                try await pool.withConnection(orThrow: own) { (_) async throws(OwnError) in }
            }
        }
        #expect(await pool.status.leased == 0)
    }

    @Test func `closing refuses borrowers and waiters, and closes what is lent when it returns`() async throws {
        let pool = try await pool(1)
        let (release, gate) = AsyncStream.makeStream(of: Void.self)
        let (entered, signal) = AsyncStream.makeStream(of: Void.self)
        let holder = Task {
            try await pool.withConnection { connection in
                signal.finish()
                for await _ in release {}
                return connection
            }
        }
        for await _ in entered {}
        let waiter = Task { try await pool.withConnection { _ in } }
        try await eventually { await pool.status.waiting == 1 }
        await pool.close()
        #expect(try await postgresError { try await waiter.value }?.code == .poolClosed)
        #expect(try await postgresError { try await pool.withConnection { _ in } }?.code == .poolClosed)
        gate.finish()
        #expect(try await holder.value.isAlive == false)
        #expect(await pool.status == PostgresPool.Status(maximum: 1, idle: 0, leased: 0, waiting: 0))
    }

    @Test func `a pool outlives a crash of the server`() async throws {
        let cluster = try TemporaryCluster(tls: false)
        defer { cluster.stop() }
        let pool = PostgresPool(configuration: cluster.configuration, maximumConnections: 2)
        try await pool.withConnection { _ = try await $0.query("SELECT 1") }
        try cluster.killPostmaster()
        try await eventually {
            let error = try await postgresError { try await pool.withConnection { _ = try await $0.query("SELECT 1") } }
            return error?.code == .serverUnreachable
        }
        try await cluster.startAgain()
        #expect(try await pool.withConnection { try await $0.query("SELECT 1").count } == 1)
    }

    @Test func `permits pass from hand to hand in order`() {
        var queue = PermitQueue(maximum: 2)
        #expect(queue.take() == nil)
        #expect(queue.take() == nil)
        #expect(queue.take() == 1)
        #expect(queue.take() == 2)
        #expect(queue.take() == 3)
        queue.cancel(2)
        #expect(queue.giveBack() == 1)
        #expect(queue.giveBack() == 3)
        #expect(queue.taken == 2)
        #expect(queue.giveBack() == nil)
        #expect(queue.taken == 1)
    }
}

private final class Log: Sendable {
    private let state = Mutex<[Int]>([])

    var values: [Int] { state.withLock { $0 } }

    func append(_ value: Int) { state.withLock { $0.append(value) } }
}

extension Sequence {
    fileprivate func asyncMap<Value>(_ body: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await body(element)) }
        return values
    }
}
