import Testing

@testable import LibPQ

@Suite(.timeLimit(.minutes(2))) struct StreamTests {
    @Test func `a hundred thousand rows come in order and in chunks`() async throws {
        let connection = try await TemporaryCluster.connect()
        var expected: Int64 = 1
        var largest = 0
        try await connection.stream(
            "SELECT n, repeat('x', 100) FROM generate_series(1, $1::bigint) n", [.int64(100_000)], chunk: 1000
        ) { rows in
            largest = max(largest, rows.count)
            for row in rows {
                if try row.int64(0) != expected { Issue.record("row \(expected) is \(try row.int64(0))") }
                expected += 1
            }
        }
        #expect(expected == 100_001)
        #expect(largest == 1000)
        #expect(await connection.isInTransaction == false)
    }

    @Test(arguments: [0, 1, 9, 10, 11])
    func `no chunk is empty, whatever the count`(count: Int32) async throws {
        let connection = try await TemporaryCluster.connect()
        var counts: [Int] = []
        try await connection.stream("SELECT generate_series(1, $1)", [.int32(count)], chunk: 10) {
            counts.append($0.count)
        }
        #expect(counts.reduce(0, +) == Int(count))
        #expect(!counts.contains(0))
    }

    @Test func `a stream runs in the open transaction, beside other statements and streams`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = uniqueName()
        let total = try await connection.transaction { connection in
            try await connection.execute("CREATE TABLE \(table) AS SELECT n FROM generate_series(1, 10) n")
            var total: Int64 = 0
            try await connection.stream("SELECT n FROM \(table)", chunk: 3) { outer in
                try await connection.stream("SELECT 1 FROM \(table)", chunk: 4) { inner in
                    total += Int64(outer.count * inner.count)
                }
                _ = try await connection.query("SELECT 1")
            }
            #expect(try await connection.query("SELECT 1 FROM pg_catalog.pg_cursors WHERE name <> ''").isEmpty)
            return total
        }
        #expect(total == 100)
    }

    @Test func `an error of the body or the statement ends it and the connection stays usable`() async throws {
        struct Enough: Error {}
        let connection = try await TemporaryCluster.connect()
        await #expect(throws: Enough.self) {
            try await connection.stream("SELECT generate_series(1, 100)", chunk: 10) { _ in throw Enough() }
        }
        let error = try await postgresError {
            try await connection.stream("SELECT 1 / (50 - n) FROM generate_series(1, 100) n", chunk: 10) { _ in }
        }
        #expect(error?.sqlState == SQLState(rawValue: "22012"))
        let deadline = try await postgresError {
            try await connection.stream("SELECT pg_sleep(600)", deadline: .milliseconds(30)) { _ in }
        }
        #expect(deadline?.code == .deadlineExceeded)
        #expect(await connection.isInTransaction == false)
        #expect(try await connection.query("SELECT 1").count == 1)
    }
}
