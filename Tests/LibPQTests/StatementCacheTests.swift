import Testing

@testable import LibPQ

@Suite(.timeLimit(.minutes(2))) struct StatementCacheTests {
    private func key(_ sql: String) -> StatementCache.Key { StatementCache.Key(sql: sql, types: []) }

    @Test func `the second use prepares, the third executes`() {
        var cache = StatementCache(capacity: 4)
        #expect(cache.plan(for: key("a")) == .unprepared)
        #expect(cache.plan(for: key("a")) == .prepare(name: "s1"))
        cache.didPrepare(key("a"), name: "s1")
        #expect(cache.plan(for: key("a")) == .prepared(name: "s1"))
    }

    @Test func `a preparation that failed is tried again under another name`() {
        var cache = StatementCache(capacity: 4)
        _ = cache.plan(for: key("a"))
        #expect(cache.plan(for: key("a")) == .prepare(name: "s1"))
        #expect(cache.plan(for: key("a")) == .prepare(name: "s2"))
    }

    @Test func `other parameter types make another statement`() {
        var cache = StatementCache(capacity: 4)
        _ = cache.plan(for: StatementCache.Key(sql: "a", types: [23]))
        #expect(cache.plan(for: StatementCache.Key(sql: "a", types: [20])) == .unprepared)
    }

    @Test func `the least recently used is given up, and nothing exceeds the capacity`() {
        var cache = StatementCache(capacity: 2)
        for sql in ["a", "a", "b", "a"] { _ = cache.plan(for: key(sql)) }
        cache.didPrepare(key("a"), name: "s1")
        #expect(cache.plan(for: key("c")) == .unprepared)
        #expect(cache.plan(for: key("a")) == .prepared(name: "s1"))
        #expect(cache.doomed.isEmpty)
        #expect(cache.plan(for: key("d")) == .unprepared)
        #expect(cache.plan(for: key("e")) == .unprepared)
        #expect(cache.doomed == ["s1"])
        #expect(cache.count == 2)
        cache.didDeallocate("s1")
        #expect(cache.doomed.isEmpty)
    }

    @Test func `capacity 0 prepares nothing`() {
        var cache = StatementCache(capacity: 0)
        for _ in 0..<3 { #expect(cache.plan(for: key("a")) == .unprepared) }
    }

    private func prepared(_ connection: PostgresConnection) async throws -> Int64 {
        try await connection.queryUnprepared("SELECT count(*) FROM pg_catalog.pg_prepared_statements", [], nil)
            .onlyRow().int64(0)
    }

    @Test func `a repeated statement is prepared once on the server, and evicted ones are deallocated`() async throws {
        let connection = try await TemporaryCluster.connect { $0.statementCacheCapacity = 4 }
        for _ in 0..<5 { _ = try await connection.query("SELECT 1") }
        #expect(try await prepared(connection) == 1)
        for n in 0..<20 {
            for _ in 0..<3 { #expect(try await connection.query("SELECT \(n)::int").onlyRow().int32(0) == Int32(n)) }
        }
        #expect(try await prepared(connection) <= 5)
    }

    @Test func `a prepared statement survives a change of its table and a reset of the session`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = uniqueName()
        try await connection.execute("CREATE TABLE \(table) (n int); INSERT INTO \(table) VALUES (1)")
        for _ in 0..<3 { #expect(try await connection.query("SELECT * FROM \(table)").columnNames == ["n"]) }
        try await connection.execute("ALTER TABLE \(table) ADD m text")
        #expect(try await connection.query("SELECT * FROM \(table)").columnNames == ["n", "m"])
        for _ in 0..<3 { _ = try await connection.query("SELECT * FROM \(table)") }
        try await connection.execute("DISCARD ALL")
        #expect(try await connection.query("SELECT * FROM \(table)").columnNames == ["n", "m"])
        for _ in 0..<3 { _ = try await connection.query("SELECT 2") }
    }

    @Test func `a stale statement inside a transaction fails it, and works in the next`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = uniqueName()
        try await connection.execute("CREATE TABLE \(table) (n int)")
        for _ in 0..<3 { _ = try await connection.query("SELECT * FROM \(table)") }
        try await connection.execute("ALTER TABLE \(table) ADD m text")
        let error = try await postgresError {
            try await connection.transaction(orThrow: { (error) -> any Error in error }) { connection in
                _ = try await connection.query("SELECT * FROM \(table)")
            }
        }
        #expect(error?.sqlState == .featureNotSupported)
        try await connection.transaction { connection in
            let names = try await connection.query("SELECT * FROM \(table)").columnNames
            #expect(names == ["n", "m"])
        }
    }
}
