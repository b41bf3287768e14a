extension PostgresConnection {
    /// Reads a query's rows in chunks through a cursor, so that no more than `chunk` rows are in memory.
    ///
    /// Runs in the open transaction, or else in a read-only one of its own. `body` gets each chunk in order, none of them
    /// empty, and may run other statements on the connection. The deadline bounds each chunk. Throws what `body` throws,
    /// and otherwise `PostgresError`.
    ///
    /// See <https://www.postgresql.org/docs/15/sql-declare.html>.
    public nonisolated(nonsending) func stream(
        _ sql: String, _ parameters: [PostgresValue] = [], chunk: Int = 1000, deadline: Duration? = nil,
        _ body: (PostgresRows) async throws -> Void
    ) async throws {
        if await isInTransaction {
            try await readCursor(sql, parameters, chunk, deadline, body)
        } else {
            try await transaction(.readOnlySnapshot, orThrow: Self.asItIs) { connection in
                try await connection.readCursor(sql, parameters, chunk, deadline, body)
            }
        }
    }

    private static func asItIs(_ error: PostgresError) -> any Error { error }

    private nonisolated(nonsending) func readCursor(
        _ sql: String, _ parameters: [PostgresValue], _ chunk: Int, _ deadline: Duration?,
        _ body: (PostgresRows) async throws -> Void
    ) async throws {
        let cursor = "stream_\(ConnectionScope.next())"
        _ = try await queryUnprepared("DECLARE \(cursor) NO SCROLL CURSOR FOR \(sql)", parameters, deadline)
        do {
            let size = max(1, chunk)
            while true {
                let rows = try await queryUnprepared("FETCH FORWARD \(size) FROM \(cursor)", [], deadline)
                if !rows.isEmpty { try await body(rows) }
                if rows.count < size { break }
            }
        } catch {
            // In a failed transaction the cursor is gone already.
            _ = try? await queryUnprepared("CLOSE \(cursor)", [], deadline)
            throw error
        }
        _ = try await queryUnprepared("CLOSE \(cursor)", [], deadline)
    }
}
