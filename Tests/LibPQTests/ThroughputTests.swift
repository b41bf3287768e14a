import Foundation
import LibPQ
import Testing

/// Prints numbers, asserts nothing about them. Runs when asked: `LIBPQ_MEASURE=1 swift test -c release …`.
@Suite(
    .enabled(if: ProcessInfo.processInfo.environment["LIBPQ_MEASURE"] != nil, "LIBPQ_MEASURE=1 runs it"), .serialized,
    .timeLimit(.minutes(5)))
struct ThroughputTests {
    private static let rowsPerStatement = 1000
    private static let statements = 200

    private struct Row {
        let id = UUID()
        let parent = UUID()
        let sequence: Int64
        let kind: Int32
        let name = "some object's name 12"
        // About 250 bytes in all.
        let body = [UInt8](repeating: 0x5A, count: 182)
    }

    private let rows = (0..<rowsPerStatement).map { Row(sequence: Int64($0), kind: Int32($0 % 7)) }

    private func table(_ connection: PostgresConnection) async throws -> String {
        let table = uniqueName("m")
        try await connection.execute(
            "CREATE TABLE \(table) (id uuid, parent uuid, sequence int8, kind int4, name text, body bytea)")
        return table
    }

    private func report(_ what: String, _ count: Int, _ elapsed: Duration) {
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
        print("MEASURED \(what): \(Int(Double(count) / seconds)) per second, \(seconds / Double(count) * 1e6) µs each")
    }

    private func arrays() -> [PostgresValue] {
        let count = rows.count
        var ids = PostgresArray(.uuid, capacity: count)
        var parents = PostgresArray(.uuid, capacity: count)
        var sequences = PostgresArray(.int64, capacity: count)
        var kinds = PostgresArray(.int32, capacity: count)
        var names = PostgresArray(.text, capacity: count)
        var bodies = PostgresArray(.bytea, capacity: count, elementSize: 200)
        for row in rows {
            withUnsafeBytes(of: row.id.uuid) { ids.append(uuidBytes: $0) }
            parents.append(uuid: row.parent)
            sequences.append(int64: row.sequence)
            kinds.append(int32: row.kind)
            names.append(text: row.name)
            row.body.withUnsafeBytes { bodies.append(bytes: $0) }
        }
        return [ids, parents, sequences, kinds, names, bodies].map { .array($0) }
    }

    @Test func `arrays are built`() {
        let clock = ContinuousClock()
        var count = 0
        let elapsed = clock.measure { for _ in 0..<Self.statements { count += arrays().count } }
        #expect(count == Self.statements * 6)
        report("array building, rows", Self.statements * rows.count, elapsed)
    }

    @Test func `unnest inserts`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection)
        let insert = """
            INSERT INTO \(table)
            SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int8[], $4::int4[], $5::text[], $6::bytea[])
            """
        let elapsed = try await ContinuousClock().measure {
            for _ in 0..<Self.statements { _ = try await connection.query(insert, arrays()) }
        }
        report("unnest insert, rows", Self.statements * rows.count, elapsed)
    }

    @Test func `binary COPY`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection)
        let copies = 10
        let each = Self.statements / copies
        let elapsed = try await ContinuousClock().measure {
            for _ in 0..<copies {
                let repeated = (0..<each).lazy.flatMap { _ in rows }
                _ = try await connection.copyIn("COPY \(table) FROM STDIN WITH (FORMAT binary)", rows: repeated) {
                    $1.append(uuid: $0.id)
                    $1.append(uuid: $0.parent)
                    $1.append(int64: $0.sequence)
                    $1.append(int32: $0.kind)
                    $1.append(text: $0.name)
                    $1.append(bytes: $0.body)
                }
            }
        }
        report("binary COPY, rows", Self.statements * rows.count, elapsed)
    }

    @Test func `small statements and reading`() async throws {
        let connection = try await TemporaryCluster.connect()
        let clock = ContinuousClock()
        let small = try await clock.measure {
            for n in 0..<5000 { _ = try await connection.query("SELECT $1::int", [.int32(Int32(n))]) }
        }
        report("prepared SELECT", 5000, small)
        var sum: Int64 = 0
        let read = try await clock.measure {
            try await connection.stream(
                "SELECT n, gen_random_uuid() AS id, repeat('x', 200) AS name FROM generate_series(1::int8, 100000) n"
            ) { rows in
                for row in rows {
                    sum += try row.int64("n")
                    _ = try row.uuid("id")
                    sum += Int64(try row.text("name").utf8.count)
                }
            }
        }
        #expect(sum > 0)
        report("streamed rows of 3 columns", 100_000, read)
    }
}
