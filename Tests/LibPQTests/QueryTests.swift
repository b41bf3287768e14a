import Foundation
import Testing

@testable import LibPQ

@Suite(.timeLimit(.minutes(2))) struct QueryTests {
    @Test func `a refused statement tells SQLSTATE, names and SQL, and never values`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = uniqueName()
        try await connection.execute(
            "CREATE TABLE \(table) (email text CONSTRAINT one_email UNIQUE, n int CONSTRAINT positive CHECK (n > 0))")
        let insert = "INSERT INTO \(table) VALUES ($1, $2)"
        let values: [PostgresValue] = [.text("ada@example.org"), .int32(1)]
        _ = try await connection.query(insert, values)
        let error = try #require(try await postgresError { _ = try await connection.query(insert, values) })
        #expect(error.code == .queryFailed)
        #expect(error.sqlState == .uniqueViolation)
        #expect(error.constraint == "one_email")
        #expect(table == "public.\(error.table ?? "")")
        #expect(error.server?.schema == "public")
        #expect(error.server?.severity == "ERROR")
        #expect(error.sql == insert)
        #expect(error.detail?.contains("ada@example.org") == true)
        #expect(!error.description.contains("ada"))
        #expect(error.description.contains("23505"))
        #expect(error.description.contains("one_email"))
        let check = try await postgresError { _ = try await connection.query(insert, [.text("b"), .int32(-5)]) }
        #expect(check?.sqlState == .checkViolation)
        #expect(try await connection.query("SELECT 1").count == 1)
    }

    @Test func `a data exception's message, which quotes the value, stays out of the description`() async throws {
        let connection = try await TemporaryCluster.connect()
        let error = try await postgresError { _ = try await connection.query("SELECT $1::int", [.text("top secret")]) }
        #expect(error?.sqlState == .invalidTextRepresentation)
        #expect(error?.message.contains("top secret") == true)
        #expect(error?.description.contains("top secret") == false)
    }

    @Test func `a syntax error tells where`() async throws {
        let connection = try await TemporaryCluster.connect()
        let error = try await postgresError { _ = try await connection.query("SELECT FROM WHERE") }
        #expect(error?.sqlState == .syntaxError)
        #expect(error?.server?.position == 13)
    }

    @Test func `an SQLSTATE without a name of ours is kept`() async throws {
        let connection = try await TemporaryCluster.connect()
        let error = try await postgresError {
            try await connection.execute(
                "DO $$ BEGIN RAISE EXCEPTION 'own' USING ERRCODE = 'ZZ123', HINT = 'try'; END $$")
        }
        #expect(error?.sqlState == SQLState(rawValue: "ZZ123"))
        #expect(error?.sqlState?.conditionClass == "ZZ")
        #expect(error?.hint == "try")
    }

    @Test func `execute runs several statements, as one transaction, and its errors leave out the text`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = uniqueName()
        try await connection.execute("CREATE TABLE \(table) (n int); INSERT INTO \(table) VALUES (1), (2)")
        let error = try await postgresError {
            try await connection.execute("INSERT INTO \(table) VALUES (3); SELECT 'literal-secret' FROM missing")
        }
        #expect(error?.sqlState == .undefinedTable)
        #expect(error?.sql?.contains("literal-secret") == true)
        #expect(error?.description.contains("literal-secret") == false)
        #expect(try await connection.query("SELECT count(*) FROM \(table)").onlyRow().int64(0) == 2)
    }

    @Test func `a zero byte is refused, not the end of the text`() async throws {
        let connection = try await TemporaryCluster.connect()
        let sql = "SELECT 1\0 WHERE false"
        #expect(try await postgresError { _ = try await connection.query(sql) }?.code == .invalidUse)
        #expect(try await postgresError { try await connection.execute(sql) }?.code == .invalidUse)
        let copy = try await postgresError { _ = try await connection.copyIn(sql, rows: [1]) { _, _ in } }
        #expect(copy?.code == .invalidUse)
        let value = try await postgresError { _ = try await connection.query("SELECT $1", [.text("a\0b")]) }
        #expect(value?.sqlState == .characterNotInRepertoire)
        let password = try await postgresError {
            _ = try await TemporaryCluster.connect {
                $0.password = PostgresPassword(TemporaryCluster.password + "\0more")
            }
        }
        #expect(password?.code == .invalidUse)
    }

    @Test func `an empty statement returns an empty result`() async throws {
        let connection = try await TemporaryCluster.connect()
        #expect(try await connection.query("").isEmpty)
        try await connection.execute("")
    }

    @Test func `affected rows are counted`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = uniqueName()
        try await connection.execute("CREATE TABLE \(table) (n int)")
        let insert = try await connection.query("INSERT INTO \(table) SELECT generate_series(1, 7)")
        #expect(insert.affectedRows == 7)
        #expect(try await connection.query("UPDATE \(table) SET n = 0 WHERE n > 4").affectedRows == 3)
    }

    @Test func `a deadline cancels the statement on the server and the connection stays usable`() async throws {
        let connection = try await TemporaryCluster.connect()
        for _ in 0..<3 {
            let error = try await postgresError {
                _ = try await connection.query("SELECT pg_sleep(600)", deadline: .milliseconds(20))
            }
            #expect(error?.code == .deadlineExceeded)
            #expect(error?.sqlState == .queryCanceled)
            // Late cancel requests must not hit what follows.
            for _ in 0..<20 { #expect(try await connection.query("SELECT 1").count == 1) }
        }
    }

    @Test func `a statement_timeout of the server is the server's error, not our deadline`() async throws {
        let connection = try await TemporaryCluster.connect()
        try await connection.execute("SET statement_timeout = 20")
        let error = try await postgresError {
            _ = try await connection.query("SELECT pg_sleep(600)", deadline: .seconds(60))
        }
        #expect(error?.code == .queryFailed)
        #expect(error?.sqlState == .queryCanceled)
    }

    @Test func `cancelling the task cancels the statement on the server and the connection stays usable`() async throws
    {
        let admin = try await TemporaryCluster.connect()
        let connection = try await TemporaryCluster.connect()
        let id = await connection.serverProcessID
        let task = Task { _ = try await connection.query("SELECT pg_sleep(600)") }
        try await admin.waitUntilActive(id)
        task.cancel()
        let error = try await postgresError { try await task.value }
        #expect(error?.code == .cancelled)
        #expect(try await connection.query("SELECT 1").count == 1)
    }

    @Test func `a cancelled task sends nothing`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = uniqueName()
        try await connection.execute("CREATE TABLE \(table) (n int)")
        let task = Task {
            // Until the cancellation below has arrived.
            while !Task.isCancelled { await Task.yield() }
            _ = try await connection.query("INSERT INTO \(table) VALUES (1)")
        }
        task.cancel()
        #expect(try await postgresError { try await task.value }?.code == .cancelled)
        #expect(try await connection.query("SELECT * FROM \(table)").isEmpty)
    }

    @Test func `a session ended in the middle of a statement is a lost connection with the server's reason`()
        async throws
    {
        let admin = try await TemporaryCluster.connect()
        let connection = try await TemporaryCluster.connect()
        let id = await connection.serverProcessID
        let task = Task { _ = try await connection.query("SELECT pg_sleep(600)") }
        try await admin.waitUntilActive(id)
        _ = try await admin.query("SELECT pg_terminate_backend($1)", [.int32(id)])
        let error = try await postgresError { try await task.value }
        #expect(error?.code == .connectionLost)
        #expect(error?.sqlState == .adminShutdown)
        #expect(await connection.isAlive == false)
        let next = try await postgresError { _ = try await connection.query("SELECT 1") }
        #expect(next?.code == .connectionLost)
    }

    @Test func `a session ended between statements is a lost connection`() async throws {
        let admin = try await TemporaryCluster.connect()
        let connection = try await TemporaryCluster.connect()
        let id = await connection.serverProcessID
        _ = try await admin.query("SELECT pg_terminate_backend($1)", [.int32(id)])
        try await eventually { try await !admin.hasSession(id) }
        let error = try await postgresError { _ = try await connection.query("SELECT 1") }
        #expect(error?.code == .connectionLost)
    }

    @Test func `a server that answers neither statement nor cancel request is given up, and so is its connection`()
        async throws
    {
        let connection = try await TemporaryCluster.connect { $0.cancelTimeout = .milliseconds(100) }
        let id = await connection.serverProcessID
        kill(id, SIGSTOP)
        defer { kill(id, SIGCONT) }
        let error = try await postgresError {
            _ = try await connection.query("SELECT 1", deadline: .milliseconds(20))
        }
        #expect(error?.code == .connectionLost)
        #expect(await connection.isAlive == false)
    }

    @Test func `a cancel request that came before the statement began is repeated`() async throws {
        let connection = try await TemporaryCluster.connect()
        let id = await connection.serverProcessID
        kill(id, SIGSTOP)
        defer { kill(id, SIGCONT) }
        let task = Task { _ = try await connection.query("SELECT pg_sleep(600)", deadline: .milliseconds(20)) }
        // The server's process gets the request (SIGINT) while it sleeps, and will look at it before the statement.
        try await eventually { try Self.pendingSignals(id) & (1 << (SIGINT - 1)) != 0 }
        kill(id, SIGCONT)
        #expect(try await postgresError { try await task.value }?.code == .deadlineExceeded)
        #expect(try await connection.query("SELECT 1").count == 1)
    }

    private static func pendingSignals(_ id: Int32) throws -> UInt64 {
        let status = try String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("ShdPnd:") }
        return line.flatMap { UInt64($0.dropFirst(7).drop { $0 == "\t" }, radix: 16) } ?? 0
    }

    @Test func `a killed server is a lost connection, in the middle of a statement and after`() async throws {
        let cluster = try TemporaryCluster(tls: false)
        defer { cluster.stop() }
        let admin = try await PostgresConnection.connect(cluster.configuration)
        let connection = try await PostgresConnection.connect(cluster.configuration)
        let id = await connection.serverProcessID
        let task = Task { _ = try await connection.query("SELECT pg_sleep(600)") }
        try await admin.waitUntilActive(id)
        try cluster.killPostmaster()
        #expect(try await postgresError { try await task.value }?.code == .connectionLost)
        let after = try await postgresError { _ = try await PostgresConnection.connect(cluster.configuration) }
        #expect(after?.code == .serverUnreachable)
    }

    @Test func `a COPY where a query is meant is refused and the connection stays usable`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = uniqueName()
        try await connection.execute("CREATE TABLE \(table) (n int)")
        let query = try await postgresError { _ = try await connection.query("COPY \(table) FROM STDIN") }
        #expect(query?.code == .invalidUse)
        let execute = try await postgresError { try await connection.execute("SELECT 1; COPY \(table) FROM STDIN") }
        #expect(execute?.code == .invalidUse)
        #expect(try await connection.query("SELECT 1").count == 1)
        let out = try await postgresError { _ = try await connection.query("COPY \(table) TO STDOUT") }
        #expect(out?.code == .invalidUse)
        #expect(await connection.isAlive == false)
    }

    @Test func `statements of many tasks run one after the other`() async throws {
        let connection = try await TemporaryCluster.connect()
        let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
            for n in 0..<100 {
                group.addTask { try await connection.query("SELECT $1::bigint", [.int64(Int64(n))]).onlyRow().int64(0) }
            }
            return try await group.reduce(0, +)
        }
        #expect(sum == 4950)
    }

    @Test func `a megabyte both ways arrives whole`() async throws {
        let connection = try await TemporaryCluster.connect()
        let bytes = (0..<8_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(try await connection.query("SELECT $1", [.bytea(bytes)]).onlyRow().bytes(0) == bytes)
    }
}
