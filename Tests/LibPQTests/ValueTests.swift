import Foundation
import Testing

@testable import LibPQ

@Suite(.timeLimit(.minutes(2))) struct ValueTests {
    private func echo(_ value: PostgresValue, as type: String) async throws -> PostgresRow {
        try await TemporaryCluster.connect().query("SELECT $1::\(type) AS v, ($1::\(type))::text AS t", [value])
            .onlyRow()
    }

    @Test func `scalars make the round trip in binary`() async throws {
        #expect(try await echo(.bool(true), as: "bool").bool("v"))
        for n in [Int16.min, -1, 0, .max] { #expect(try await echo(.int16(n), as: "int2").int16("v") == n) }
        for n in [Int32.min, -1, 0, .max] { #expect(try await echo(.int32(n), as: "int4").int32("v") == n) }
        for n in [Int64.min, -1, 0, .max] {
            let row = try await echo(.int64(n), as: "int8")
            #expect(try row.int64("v") == n)
            #expect(try row.text("t") == "\(n)")
        }
        for x in [0, -0.5, Double.pi, .infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude] {
            #expect(try await echo(.double(x), as: "float8").double("v") == x)
        }
        #expect(try await echo(.double(.nan), as: "float8").double("v").isNaN)
        #expect(try await echo(.double(1.5), as: "float4").double("v") == 1.5)
        for text in ["", "plain", "zwölf 日本 👩‍👩‍👧", "quote ' \" \\ $1 \n"] {
            let row = try await echo(.text(text), as: "text")
            #expect(try row.text("v") == text)
            #expect(try row.text("t") == text)
        }
        for bytes in [[], [0], [0, 255, 0, 1]] as [[UInt8]] {
            #expect(try await echo(.bytea(bytes), as: "bytea").bytes("v") == bytes)
        }
        let uuid = UUID()
        let row = try await echo(.uuid(uuid), as: "uuid")
        #expect(try row.uuid("v") == uuid)
        #expect(try row.text("t") == uuid.uuidString.lowercased())
        #expect(try await echo(.json(#"{"a": 1}"#), as: "json").text("v") == #"{"a": 1}"#)
        #expect(try await echo(.jsonb(#"{"a":1}"#), as: "jsonb").text("v") == #"{"a": 1}"#)
    }

    @Test func `moments make the round trip to the microsecond`() async throws {
        let connection = try await TemporaryCluster.connect()
        try await connection.execute("SET TIME ZONE 'Asia/Kathmandu'")
        for micros: Int64 in [0, -1, 1, 946_684_800_000_000, 1_767_225_600_123_456, -62_135_596_800_000_000] {
            let row = try await connection.query(
                "SELECT $1::timestamptz, (extract(epoch FROM $1::timestamptz) * 1000000)::bigint",
                [.timestamptz(microsecondsSince1970: micros)]
            ).onlyRow()
            #expect(try row.microsecondsSince1970(0) == micros)
            #expect(try row.int64(1) == micros)
        }
        let ends = try await connection.query(
            "SELECT $1 = 'infinity'::timestamptz, $2 = '-infinity'::timestamptz, 'infinity'::timestamptz",
            [.timestamptz(.infinity), .timestamptz(.negativeInfinity)]
        ).onlyRow()
        #expect(try ends.bool(0))
        #expect(try ends.bool(1))
        #expect(try ends.timestamp(2) == .infinity)
        let date = Date(timeIntervalSince1970: 1_700_000_000.25)
        let row = try await connection.query("SELECT $1", [.timestamptz(date: date)]).onlyRow()
        #expect(try row.timestamp(0).date == date)
        let far = try await postgresError {
            _ = try await connection.query("SELECT $1", [.timestamptz(microsecondsSince1970: .min + 1)])
        }
        #expect(far?.code == .encodingFailed)
    }

    @Test func `NULLs of every type arrive as NULL`() async throws {
        let connection = try await TemporaryCluster.connect()
        let nulls: [PostgresValue] = [
            .bool(nil), .int16(nil), .int32(nil), .int64(nil), .double(nil), .text(nil), .json(nil), .jsonb(nil),
            .bytea(nil), .uuid(nil), .timestamptz(nil), .timestamptz(date: nil),
            .timestamptz(microsecondsSince1970: nil),
        ]
        for null in nulls {
            #expect(try await connection.query("SELECT $1", [null]).onlyRow().isNull(0))
        }
        #expect(try await connection.query("SELECT $1::int4", [.null]).onlyRow().optionalInt32(0) == nil)
    }

    @Test func `arrays make the round trip, NULL elements and empty ones included`() async throws {
        let connection = try await TemporaryCluster.connect()
        let ids = (0..<3).map { _ in UUID() }
        var arrays: [PostgresArray] = []
        func build(_ type: PostgresType, _ fill: (inout PostgresArray) -> Void) {
            var array = PostgresArray(type, capacity: 3)
            fill(&array)
            arrays.append(array)
        }
        build(.bool) {
            $0.append(bool: true)
            $0.appendNull()
            $0.append(bool: false)
        }
        build(.int16) {
            $0.append(int16: -2)
            $0.append(int16: nil)
        }
        build(.int32) {
            $0.append(int32: .min)
            $0.append(int32: nil)
        }
        build(.int64) {
            $0.append(int64: .max)
            $0.append(int64: nil)
        }
        build(.double) {
            $0.append(double: 0.25)
            $0.append(double: nil)
        }
        build(.text) {
            $0.append(text: "")
            $0.append(text: nil)
            $0.append(text: "é{},\"NULL\"")
        }
        build(.bytea) {
            $0.append(bytes: [])
            $0.append(bytes: nil)
            $0.append(bytes: [0, 255])
        }
        build(.uuid) { array in
            array.append(uuid: ids[0])
            array.append(uuid: nil)
            withUnsafeBytes(of: ids[1].uuid) { array.append(uuidBytes: $0) }
        }
        build(.timestamptz) {
            $0.append(microsecondsSince1970: 1)
            $0.append(timestamp: nil)
        }
        build(.jsonb) {
            $0.append(text: "[1]")
            $0.append(text: nil)
        }
        let row = try await connection.query(
            "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10", arrays.map { .array($0) }
        ).onlyRow()
        #expect(try row.decode(0, as: [Bool?].self) == [true, nil, false])
        #expect(try row.decode(1, as: [Int16?].self) == [-2, nil])
        #expect(try row.decode(2, as: [Int32?].self) == [.min, nil])
        #expect(try row.decode(3, as: [Int64?].self) == [.max, nil])
        #expect(try row.decode(4, as: [Double?].self) == [0.25, nil])
        #expect(try row.decode(5, as: [String?].self) == ["", nil, "é{},\"NULL\""])
        #expect(try row.decode(6, as: [[UInt8]?].self) == [[], nil, [0, 255]])
        #expect(try row.decode(7, as: [UUID?].self) == [ids[0], nil, ids[1]])
        #expect(try row.decode(8, as: [PostgresTimestamp?].self) == [PostgresTimestamp(microsecondsSince1970: 1), nil])
        #expect(try row.decode(9, as: [String?].self) == ["[1]", nil])
        let error = try await postgresError { _ = try row.textArray(5) }
        #expect(error?.code == .decodingFailed)

        let plain = try await connection.query(
            "SELECT $1, $2, $3, $4, $5, $6, $7",
            [
                .int16Array([1, 2]), .int32Array([]), .int64Array([3]), .textArray(["a", "ü"]), .uuidArray(ids),
                .byteaArray([[1], []]), .array(PostgresArray(.uuid)),
            ]
        ).onlyRow()
        #expect(try plain.decode(0, as: [Int16].self) == [1, 2])
        #expect(try plain.int32Array(1) == [])
        #expect(try plain.int64Array(2) == [3])
        #expect(try plain.textArray(3) == ["a", "ü"])
        #expect(try plain.uuidArray(4) == ids)
        #expect(try plain.decode(5, as: [[UInt8]].self) == [[1], []])
        #expect(try plain.uuidArray(6) == [])
        #expect(try await connection.query("SELECT $1 = '{}'::int[]", [.int32Array([])]).onlyRow().bool(0))
    }

    @Test func `unnest turns arrays into rows`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = uniqueName()
        try await connection.execute("CREATE TABLE \(table) (id uuid, n int, body bytea)")
        var ids = PostgresArray(.uuid, capacity: 1000)
        var numbers = PostgresArray(.int32, capacity: 1000)
        var bodies = PostgresArray(.bytea, capacity: 1000)
        for n in 0..<1000 {
            ids.append(uuid: UUID())
            numbers.append(int32: Int32(n))
            bodies.append(bytes: n.isMultiple(of: 3) ? nil : [UInt8](repeating: 7, count: n % 50))
        }
        let insert = "INSERT INTO \(table) SELECT * FROM unnest($1::uuid[], $2::int[], $3::bytea[])"
        for _ in 0..<3 {
            let result = try await connection.query(insert, [.array(ids), .array(numbers), .array(bodies)])
            #expect(result.affectedRows == 1000)
        }
        let row = try await connection.query(
            "SELECT count(*), sum(n)::bigint, count(body), sum(length(body))::bigint FROM \(table)"
        ).onlyRow()
        #expect(try row.int64(0) == 3000)
        #expect(try row.int64(1) == 3 * 499_500)
        #expect(try row.int64(2) == 3 * 666)
        let lengths = (0..<1000).map { (n: Int) -> Int in n.isMultiple(of: 3) ? 0 : n % 50 }
        #expect(try row.int64(3) == Int64(3 * lengths.reduce(0, +)))
    }

    @Test func `an element of another type, or a broken UUID, fails the statement and nothing else`() async throws {
        let connection = try await TemporaryCluster.connect()
        var mixed = PostgresArray(.uuid)
        mixed.append(int32: 1)
        var short = PostgresArray(.uuid)
        [UInt8](repeating: 0, count: 15).withUnsafeBytes { short.append(uuidBytes: $0) }
        for array in [mixed, short, PostgresArray(PostgresType(rawValue: 99_999))] {
            let error = try await postgresError { _ = try await connection.query("SELECT $1", [.array(array)]) }
            #expect(error?.code == .encodingFailed)
        }
        mixed.removeAll()
        #expect(try await connection.query("SELECT $1", [.array(mixed)]).onlyRow().uuidArray(0) == [])
    }

    @Test func `a NULL, an empty text, a wrong type, a missing column and bytes that are no text are told apart`()
        async throws
    {
        let connection = try await TemporaryCluster.connect()
        // The one way to make a server send bytes that are no UTF-8.
        try await connection.execute("SET client_encoding = 'LATIN1'")
        let row = try await connection.query(
            "SELECT NULL::text AS nothing, ''::text AS empty, 5 AS number, chr(233) AS broken"
        ).onlyRow()
        func code(_ read: () throws -> Void) -> PostgresError.Code? {
            do { try read() } catch { return (error as? PostgresError)?.code }
            return nil
        }
        #expect(code { _ = try row.text("nothing") } == .valueNull)
        #expect(try row.optionalText("nothing") == nil)
        #expect(try row.text("empty") == "")
        #expect(try row.optionalText("empty") == "")
        #expect(code { _ = try row.text("number") } == .typeMismatch)
        #expect(code { _ = try row.optionalText("number") } == .typeMismatch)
        #expect(code { _ = try row.text("missing") } == .columnMissing)
        #expect(code { _ = try row.text(4) } == .columnMissing)
        #expect(code { _ = try row.text(.index(-1)) } == .columnMissing)
        #expect(code { _ = try row.text("broken") } == .decodingFailed)
        #expect(code { _ = try row.optionalText("broken") } == .decodingFailed)
        #expect(code { _ = try row.int16("number") } == .typeMismatch)
        #expect(try row.int64("number") == 5)
        #expect(try row.withBytes("broken") { Array($0) } == [0xE9])
        #expect(code { try row.withBytes("nothing") { _ in } } == .valueNull)
        let error = try await postgresError { _ = try row.uuid("number") }
        #expect(error?.message.contains("\"number\"") == true)
        #expect(error?.message.contains("integer") == true)
    }

    @Test func `rows outlive their connection`() async throws {
        let connection = try await TemporaryCluster.connect()
        let rows = try await connection.query("SELECT n, repeat('x', n) AS s FROM generate_series(1, 100) n")
        await connection.close()
        #expect(try rows.map { try $0.text("s").count } == Array(1...100))
        #expect(try rows.last?.int32("n") == 100)
    }

    @Test func `arbitrary bytes are never read as an array, and never crash`() throws {
        var generator = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0..<UInt64.max, using: &generator)
        print("seed \(seed)")
        var random = Random(state: seed)
        let valid: [UInt8] = [
            0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 65, 255, 255, 255, 255,
        ]
        #expect(valid.withUnsafeBytes { [String?].decode($0, PostgresType(rawValue: 1009)) } == ["A", nil])
        for _ in 0..<20_000 {
            var bytes = valid
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            bytes.removeLast(Int.random(in: 0...bytes.count, using: &random) / 3)
            let result = bytes.withUnsafeBytes { [String?].decode($0, PostgresType(rawValue: 1009)) }
            if let result { #expect(result.count <= 2) }
        }
        let liar: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 127, 255, 255, 255, 0, 0, 0, 1]
        #expect(liar.withUnsafeBytes { [String].decode($0, PostgresType(rawValue: 1009)) } == nil)
    }
}

struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
