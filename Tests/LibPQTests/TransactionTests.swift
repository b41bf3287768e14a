import Testing

@testable import LibPQ

@Suite(.timeLimit(.minutes(2))) struct TransactionTests {
    private enum OwnError: Error, Equatable { case mine, database(SQLState?) }

    private func table(_ connection: PostgresConnection) async throws -> String {
        let table = uniqueName()
        try await connection.execute("CREATE TABLE \(table) (n int PRIMARY KEY)")
        return table
    }

    private func count(_ table: String) async throws -> Int {
        try await TemporaryCluster.connect().query("SELECT * FROM \(table)").count
    }

    @Test func `a body that returns is committed, with its value`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection)
        var log: [String] = []
        let value = try await connection.transaction { connection in
            // Captured state of the caller may change: the body runs where the caller runs.
            log.append("in")
            try await connection.execute("SET LOCAL statement_timeout = 12345")
            _ = try await connection.query("INSERT INTO \(table) VALUES (1)")
            return try await connection.query("SELECT current_setting('statement_timeout')").onlyRow().text(0)
        }
        #expect(value == "12345ms")
        #expect(log == ["in"])
        #expect(try await count(table) == 1)
        #expect(try await connection.query("SELECT current_setting('statement_timeout')").onlyRow().text(0) == "0")
        #expect(await connection.isInTransaction == false)
    }

    @Test func `a body that throws is rolled back and its own error comes out`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection)
        do throws(PostgresTransactionError<OwnError>) {
            try await connection.transaction { (connection) async throws(OwnError) in
                do throws(PostgresError) {
                    _ = try await connection.query("INSERT INTO \(table) VALUES (1)")
                } catch { throw .database(error.sqlState) }
                throw .mine
            }
            Issue.record("no error")
        } catch {
            guard case .body(.mine, rollback: .none) = error else { throw error }
        }
        #expect(try await count(table) == 0)
        #expect(try await connection.query("SELECT 1").count == 1)
    }

    @Test func `one error type takes both kinds of failure`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection)
        func own(_ error: PostgresError) -> OwnError { .database(error.sqlState) }
        func insert(_ n: Int32, deferred: Bool) async throws(OwnError) {
            try await connection.transaction(orThrow: own) {
                (connection) async throws(OwnError) in
                do throws(PostgresError) {
                    _ = try await connection.query("INSERT INTO \(table) VALUES ($1)", [.int32(n)])
                } catch { throw .database(error.sqlState) }
                if deferred { throw .mine }
            }
        }
        try await insert(1, deferred: false)
        await #expect(throws: OwnError.database(.uniqueViolation)) { try await insert(1, deferred: false) }
        await #expect(throws: OwnError.mine) { try await insert(2, deferred: true) }
        await connection.close()
        await #expect(throws: OwnError.database(nil)) { try await insert(3, deferred: false) }
    }

    @Test func `a body that swallows a failed statement does not commit`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection)
        do {
            try await connection.transaction { connection in
                _ = try await connection.query("INSERT INTO \(table) VALUES (1)")
                _ = try? await connection.query("SELECT 1 / 0")
            }
            Issue.record("no error")
        } catch {
            guard case .commit(let error) = error else { throw error }
            #expect(error.code == .transactionAborted)
        }
        #expect(try await count(table) == 0)
        #expect(await connection.isInTransaction == false)
    }

    @Test func `a constraint that fails at COMMIT is a commit error with its SQLSTATE`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = uniqueName()
        try await connection.execute("CREATE TABLE \(table) (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        do {
            try await connection.transaction { connection in
                _ = try await connection.query("INSERT INTO \(table) VALUES (1), (1)")
            }
            Issue.record("no error")
        } catch {
            guard case .commit(let error) = error else { throw error }
            #expect(error.code == .queryFailed)
            #expect(error.sqlState == .uniqueViolation)
        }
        #expect(try await count(table) == 0)
        #expect(try await connection.query("SELECT 1").count == 1)
    }

    @Test func `a connection that breaks during COMMIT leaves the outcome unknown`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection)
        let function = uniqueName("f")
        try await connection.execute(
            """
            CREATE FUNCTION \(function)() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER die AFTER INSERT ON \(table) DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION \(function)()
            """)
        do {
            try await connection.transaction { connection in
                _ = try await connection.query("INSERT INTO \(table) VALUES (1)")
            }
            Issue.record("no error")
        } catch {
            guard case .commit(let error) = error else { throw error }
            #expect(error.code == .commitOutcomeUnknown)
            #expect(error.sqlState == .adminShutdown)
        }
        #expect(await connection.isAlive == false)
    }

    @Test func `a connection that breaks in the body tells the body's error and the failed rollback`() async throws {
        let connection = try await TemporaryCluster.connect()
        do {
            try await connection.transaction { (connection) async throws(PostgresError) in
                _ = try await connection.query("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(60)")
            }
            Issue.record("no error")
        } catch {
            guard case .body(let body, let rollback) = error else { throw error }
            #expect(body.code == .connectionLost)
            #expect(rollback?.code == .connectionLost)
        }
    }

    @Test func `a connection that broke before COMMIT was sent is not an unknown outcome`() async throws {
        let connection = try await TemporaryCluster.connect()
        do {
            try await connection.transaction { connection in
                _ = try? await connection.query("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(60)")
            }
            Issue.record("no error")
        } catch {
            guard case .commit(let error) = error else { throw error }
            #expect(error.code == .connectionLost)
        }
    }

    @Test func `a task cancelled in the body rolls back, even when the body returns`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection)
        let task = Task {
            try await connection.transaction(orThrow: { (error) -> any Error in error }) { connection in
                _ = try await connection.query("INSERT INTO \(table) VALUES (1)")
                while !Task.isCancelled { await Task.yield() }
            }
        }
        task.cancel()
        // Cancelled before it began, or in its body: in either case nothing stays and the connection is free.
        #expect(try await postgresError { try await task.value }?.code == .cancelled)
        #expect(try await count(table) == 0)
        #expect(await connection.isInTransaction == false)
        #expect(try await connection.query("SELECT 1").count == 1)
    }

    @Test func `another task's statement does not slip into a transaction`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection)
        try await connection.transaction { held in
            _ = try await held.query("INSERT INTO \(table) VALUES (1)")
            let other = Task.detached { _ = try await connection.query("INSERT INTO \(table) VALUES (2)") }
            #expect(try await postgresError { try await other.value }?.code == .invalidUse)
            // Child tasks belong to the transaction.
            async let third = held.query("INSERT INTO \(table) VALUES (3)")
            _ = try await third
        }
        #expect(try await count(table) == 2)
    }

    @Test func `transactions on two connections may be nested, on one they may not`() async throws {
        let first = try await TemporaryCluster.connect()
        let second = try await TemporaryCluster.connect()
        let table = try await table(first)
        try await first.transaction { first in
            try await second.transaction { second in
                _ = try await first.query("INSERT INTO \(table) VALUES (1)")
                _ = try await second.query("INSERT INTO \(table) VALUES (2)")
            }
            do throws(PostgresTransactionError<Never>) {
                try await first.transaction { _ in _ = Issue.record("ran") }
            } catch {
                guard case .begin(let error) = error else { throw error }
                #expect(error.code == .invalidUse)
            }
        }
        #expect(try await count(table) == 2)
    }

    @Test func `a body that commits by itself is told`() async throws {
        let connection = try await TemporaryCluster.connect()
        do {
            try await connection.transaction { try await $0.execute("COMMIT") }
            Issue.record("no error")
        } catch {
            guard case .commit(let error) = error else { throw error }
            #expect(error.code == .invalidUse)
        }
        #expect(try await connection.query("SELECT 1").count == 1)
    }

    @Test func `a serialization failure may be retried and says so`() async throws {
        let first = try await TemporaryCluster.connect()
        let second = try await TemporaryCluster.connect()
        let table = try await table(first)
        _ = try await first.query("INSERT INTO \(table) VALUES (1)")
        let error = try await postgresError {
            try await first.transaction(.repeatableRead, orThrow: { (error) -> any Error in error }) { first in
                _ = try await first.query("SELECT * FROM \(table)")
                _ = try await second.query("UPDATE \(table) SET n = 2")
                _ = try await first.query("UPDATE \(table) SET n = 3")
            }
        }
        #expect(error?.sqlState == .serializationFailure)
        #expect(error?.isRetryable == true)
    }

    @Test func `a read-only transaction refuses writes`() async throws {
        let connection = try await TemporaryCluster.connect()
        let table = try await table(connection)
        let error = try await postgresError {
            try await connection.transaction(.readOnlySnapshot, orThrow: { (error) -> any Error in error }) {
                _ = try await $0.query("INSERT INTO \(table) VALUES (1)")
            }
        }
        #expect(error?.sqlState == SQLState(rawValue: "25006"))
    }
}
