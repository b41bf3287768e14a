import Foundation
import Testing

@testable import LibPQ

@Suite(.timeLimit(.minutes(2))) struct CopyTests {
    private func table(_ connection: PostgresConnection, _ columns: String) async throws -> String {
        let table = uniqueName()
        try await connection.execute("CREATE TABLE \(table) (\(columns))")
        return table
    }

    @Test func `multi-byte texts arrive whole and bytes are counted as bytes`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection, "n int, s text")
        let texts = ["", "ascii", "äöü", "日本語", "👩‍👩‍👧‍👦", String(repeating: "ß", count: 1000)]
        let summary = try await connection.copyIn(
            "COPY \(table) (n, s) FROM STDIN WITH (FORMAT binary)", rows: texts.enumerated()
        ) { row, fields in
            fields.append(int32: Int32(row.offset))
            fields.append(text: row.element)
        }
        #expect(summary.rows == texts.count)
        #expect(summary.bytes == 19 + 2 + texts.map { 2 + 8 + 4 + $0.utf8.count }.reduce(0, +))
        let rows = try await connection.query("SELECT s FROM \(table) ORDER BY n")
        #expect(try rows.map { try $0.text(0) } == texts)
    }

    @Test func `every type and NULL`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(
            connection,
            "a bool, b int2, c int4, d int8, e float8, f text, g jsonb, h bytea, i uuid, j timestamptz, k int[], l uuid, m bytea"
        )
        let id = UUID()
        _ = try await connection.copyIn("COPY \(table) FROM STDIN WITH (FORMAT binary)", rows: [false, true]) {
            isNull, row in
            row.append(bool: isNull ? nil : true)
            row.append(int16: isNull ? nil : -2)
            row.append(int32: isNull ? nil : 3)
            row.append(int64: isNull ? nil : -4)
            row.append(double: isNull ? nil : 0.5)
            row.append(text: isNull ? nil : "")
            row.append(jsonb: isNull ? nil : "[7]")
            row.append(bytes: isNull ? nil : [])
            row.append(uuid: isNull ? nil : id)
            row.append(timestamp: isNull ? nil : PostgresTimestamp(microsecondsSince1970: 9))
            if isNull {
                for _ in 0..<3 { row.appendNull() }
            } else {
                var array = PostgresArray(.int32)
                array.append(int32: 1)
                array.appendNull()
                row.append(array: array)
                withUnsafeBytes(of: id.uuid) { row.append(uuidBytes: $0) }
                [UInt8]([1, 2]).withUnsafeBytes { row.append(bytes: $0) }
            }
        }
        let row = try await connection.query("SELECT * FROM \(table) WHERE a").onlyRow()
        #expect(try row.int16("b") == -2)
        #expect(try row.int32("c") == 3)
        #expect(try row.int64("d") == -4)
        #expect(try row.double("e") == 0.5)
        #expect(try row.text("f") == "")
        #expect(try row.text("g") == "[7]")
        #expect(try row.bytes("h") == [])
        #expect(try row.uuid("i") == id)
        #expect(try row.microsecondsSince1970("j") == 9)
        #expect(try row.decode("k", as: [Int32?].self) == [1, nil])
        #expect(try row.uuid("l") == id)
        #expect(try row.bytes("m") == [1, 2])
        #expect(try await connection.query("SELECT 1 FROM \(table) AS r WHERE r IS NULL").count == 1)
    }

    @Test func `many rows go in chunks`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection, "n int8, b bytea")
        let body = [UInt8](repeating: 1, count: 100)
        let summary = try await connection.copyIn(
            "COPY \(table) FROM STDIN WITH (FORMAT binary)", rows: 0..<50_000
        ) { n, row in
            row.append(int64: Int64(n))
            row.append(bytes: body)
        }
        #expect(summary.rows == 50_000)
        let row = try await connection.query("SELECT count(*), sum(n)::int8, sum(length(b))::int8 FROM \(table)")
            .onlyRow()
        #expect(try row.int64(0) == 50_000)
        #expect(try row.int64(1) == 49_999 * 25_000)
        #expect(try row.int64(2) == 5_000_000)
    }

    @Test func `no rows are no rows`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection, "n int")
        let summary = try await connection.copyIn(
            "COPY \(table) FROM STDIN WITH (FORMAT binary)", rows: [Int32]()
        ) { $1.append(int32: $0) }
        #expect(summary == PostgresCopySummary(rows: 0, bytes: 21))
    }

    @Test func `the server's refusal comes with its SQLSTATE, stores nothing, and leaves the connection usable`()
        async throws
    {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection, "n int CONSTRAINT once UNIQUE")
        let sql = "COPY \(table) FROM STDIN WITH (FORMAT binary)"
        let duplicate = try await postgresError {
            // Enough rows that the server refuses long before the last chunk.
            _ = try await connection.copyIn(sql, rows: 0..<200_000) { $1.append(int32: Int32($0 % 10)) }
        }
        #expect(duplicate?.sqlState == .uniqueViolation)
        #expect(duplicate?.constraint == "once")
        #expect(duplicate?.sql == sql)
        let type = try await postgresError {
            _ = try await connection.copyIn(sql, rows: [1]) { $1.append(int64: Int64($0)) }
        }
        #expect(type?.sqlState == .invalidBinaryRepresentation)
        let missing = try await postgresError {
            _ = try await connection.copyIn("COPY public.nowhere FROM STDIN WITH (FORMAT binary)", rows: [1]) { _, _ in
            }
        }
        #expect(missing?.sqlState == .undefinedTable)
        #expect(try await connection.query("SELECT * FROM \(table)").isEmpty)
    }

    @Test func `a row with too few fields or a broken one is refused before it is sent`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection, "n int, id uuid")
        let sql = "COPY \(table) FROM STDIN WITH (FORMAT binary)"
        let few = try await postgresError {
            _ = try await connection.copyIn(sql, rows: [1, 2]) { n, row in
                row.append(int32: Int32(n))
                if n == 1 { row.appendNull() }
            }
        }
        #expect(few?.code == .encodingFailed)
        #expect(few?.message.contains("Row 2") == true)
        let broken = try await postgresError {
            _ = try await connection.copyIn(sql, rows: [1]) { _, row in
                row.append(int32: 1)
                [UInt8]([1]).withUnsafeBytes { row.append(uuidBytes: $0) }
            }
        }
        #expect(broken?.code == .encodingFailed)
        #expect(try await connection.query("SELECT * FROM \(table)").isEmpty)
    }

    @Test func `a statement that is no binary COPY is refused and the connection stays usable`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection, "n int")
        for sql in ["COPY \(table) FROM STDIN", "SELECT 1", "INSERT INTO \(table) VALUES (1)"] {
            let error = try await postgresError {
                _ = try await connection.copyIn(sql, rows: [1]) { $1.append(int32: Int32($0)) }
            }
            #expect(error?.code == .invalidUse)
        }
        #expect(try await connection.query("SELECT 1").count == 1)
    }

    @Test func `rows that arrive over time are stored, and a failing or cancelled source stores nothing`() async throws
    {
        struct SourceBroke: Error {}
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection, "n int")
        let sql = "COPY \(table) FROM STDIN WITH (FORMAT binary)"
        func source(_ end: Result<Void, any Error>?) -> AsyncThrowingStream<Int32, any Error> {
            AsyncThrowingStream { continuation in
                for n in 0..<1000 { continuation.yield(Int32(n)) }
                switch end {
                case .success: continuation.finish()
                case .failure(let error): continuation.finish(throwing: error)
                case nil: break
                }
            }
        }
        await #expect(throws: SourceBroke.self) {
            _ = try await connection.copyIn(sql, rows: source(.failure(SourceBroke()))) { $1.append(int32: $0) }
        }
        let (started, signal) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            _ = try await connection.copyIn(sql, rows: source(nil)) { n, row in
                row.append(int32: n)
                if n == 999 { signal.finish() }
            }
        }
        for await _ in started {}
        // The COPY is under way and waits for its source: nothing else may run.
        let between = try await postgresError { _ = try await connection.query("SELECT 1") }
        #expect(between?.code == .invalidUse)
        task.cancel()
        #expect(try await postgresError { try await task.value }?.code == .cancelled)
        #expect(try await connection.query("SELECT * FROM \(table)").isEmpty)
        let summary = try await connection.copyIn(sql, rows: source(.success(()))) { $1.append(int32: $0) }
        #expect(summary.rows == 1000)
    }

    @Test func `a deadline ends a COPY`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection, "n int")
        let error = try await postgresError {
            _ = try await connection.copyIn(
                "COPY \(table) FROM STDIN WITH (FORMAT binary)", rows: sequence(first: 0) { ($0 + 1) % 1000 },
                deadline: .milliseconds(100)
            ) { $1.append(int32: Int32($0)) }
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(try await connection.query("SELECT * FROM \(table)").isEmpty)
    }

    @Test func `a COPY inside a transaction is part of it`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection, "n int")
        struct Undo: Error {}
        do {
            try await connection.transaction { connection in
                _ = try await connection.copyIn("COPY \(table) FROM STDIN WITH (FORMAT binary)", rows: [1]) {
                    $1.append(int32: Int32($0))
                }
                #expect(try await connection.query("SELECT * FROM \(table)").count == 1)
                throw Undo()
            }
        } catch {
            guard case .body(_ as Undo, nil) = error else { throw error }
        }
        #expect(try await connection.query("SELECT * FROM \(table)").isEmpty)
    }

    @Test func `a connection that breaks during a COPY is lost`() async throws {
        let admin = try await TemporaryCluster.connect()
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection, "n int")
        let id = await connection.serverProcessID
        let (source, continuation) = AsyncStream.makeStream(of: Int32.self)
        let task = Task {
            _ = try await connection.copyIn("COPY \(table) FROM STDIN WITH (FORMAT binary)", rows: source) {
                $1.append(int32: $0)
            }
        }
        try await eventually { await connection.isCopying }
        _ = try await admin.query("SELECT pg_terminate_backend($1)", [.int32(id)])
        try await eventually { try await !admin.hasSession(id) }
        continuation.yield(1)
        continuation.finish()
        #expect(try await postgresError { try await task.value }?.code == .connectionLost)
    }
}
