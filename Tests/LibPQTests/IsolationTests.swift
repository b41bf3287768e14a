import LibPQ
import Testing

/// Bodies run where their caller runs; if one did not, the caller's captured state would be raced for.
@Suite(.timeLimit(.minutes(2))) struct IsolationTests {
    private actor Caller {
        var steps = 0

        func run(_ pool: PostgresPool, _ connection: PostgresConnection, _ table: String) async throws {
            try await pool.withConnection { lent in
                assertIsolated()
                steps += 1
                try await lent.transaction { held in
                    assertIsolated()
                    steps += 1
                    _ = try await held.query("SELECT 1")
                    assertIsolated()
                    try await held.stream("SELECT generate_series(1, 3)", chunk: 2) { _ in
                        assertIsolated()
                        steps += 1
                    }
                }
                assertIsolated()
            }
            try await connection.stream("SELECT generate_series(1, 3)", chunk: 2) { _ in
                assertIsolated()
                steps += 1
            }
            _ = try await connection.copyIn("COPY \(table) FROM STDIN WITH (FORMAT binary)", rows: [1, 2]) { n, row in
                assertIsolated()
                steps += 1
                row.append(int32: Int32(n))
            }
        }
    }

    @Test func `an actor's bodies run on the actor`() async throws {
        let configuration = try await TemporaryCluster.shared.value.configuration
        let pool = PostgresPool(configuration: configuration, maximumConnections: 1)
        let connection = try await TemporaryCluster.connect()
        let table = uniqueName()
        try await connection.execute("CREATE TABLE \(table) (n int)")
        let caller = Caller()
        try await caller.run(pool, connection, table)
        #expect(await caller.steps == 8)
    }

    @Test @MainActor func `the main actor's bodies run on the main actor`() async throws {
        let connection = try await TemporaryCluster.connect()
        var steps = 0
        try await connection.transaction { connection in
            MainActor.assertIsolated()
            _ = try await connection.query("SELECT 1")
            MainActor.assertIsolated()
            steps += 1
        }
        #expect(steps == 1)
    }

    @Test func `waiting statements do not use up the threads of other tasks`() async throws {
        // More statements than the cooperative pool has threads; each ends only when this task cancels it.
        let admin = try await TemporaryCluster.connect()
        var tasks: [Task<Void, any Error>] = []
        for _ in 0..<20 {
            let connection = try await TemporaryCluster.connect()
            let id = await connection.serverProcessID
            tasks.append(Task { _ = try await connection.query("SELECT pg_sleep(600)") })
            try await admin.waitUntilActive(id)
        }
        for task in tasks { task.cancel() }
        for task in tasks { #expect(try await postgresError { try await task.value }?.code == .cancelled) }
    }
}
