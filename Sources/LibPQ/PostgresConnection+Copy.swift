import CLibPQ

extension PostgresConnection {
    // Large enough that the hop between the caller and the connection does not count.
    private static let chunkSize = 128 * 1024

    /// Loads rows with `COPY … FROM STDIN WITH (FORMAT binary)`: all of them or none.
    ///
    /// `encode` appends the fields of one element in the order of the statement's columns; it runs where the caller
    /// runs. Throws the server's error with its SQLSTATE, `encodingFailed`, `deadlineExceeded` or `cancelled`; nothing
    /// is stored then and the connection stays usable (inside a transaction, the transaction has failed). The deadline
    /// bounds the whole COPY.
    public nonisolated(nonsending) func copyIn<Rows: Sequence>(
        _ sql: String, rows: Rows, deadline: Duration? = nil, encode: (Rows.Element, inout PostgresCopyRow) -> Void
    ) async throws(PostgresError) -> PostgresCopySummary {
        let limits = Handle.Limits.within(deadline)
        var copy = Copy(columns: try await beginCopy(sql, limits))
        do throws(PostgresError) {
            for row in rows {
                try copy.append(row, encode)
                if copy.size >= Self.chunkSize { try await putCopy(copy.takeChunk(), limits) }
            }
            try await putCopy(copy.takeChunk(isLast: true), limits)
        } catch {
            throw await abandonCopy(because: error).with(sql: sql)
        }
        return PostgresCopySummary(rows: try await endCopy(sql, limits), bytes: copy.bytes)
    }

    /// ``copyIn(_:rows:deadline:encode:)`` for rows that arrive over time. An error of the sequence is thrown as it is.
    public nonisolated(nonsending) func copyIn<Rows: AsyncSequence>(
        _ sql: String, rows: Rows, deadline: Duration? = nil, encode: (Rows.Element, inout PostgresCopyRow) -> Void
    ) async throws -> PostgresCopySummary {
        let limits = Handle.Limits.within(deadline)
        var copy = Copy(columns: try await beginCopy(sql, limits))
        do {
            for try await row in rows {
                try copy.append(row, encode)
                if copy.size >= Self.chunkSize { try await putCopy(copy.takeChunk(), limits) }
            }
            // A sequence that ends early because the task was cancelled must not store half of its rows.
            try Task.checkCancellation()
            try await putCopy(copy.takeChunk(isLast: true), limits)
        } catch let error as PostgresError {
            throw await abandonCopy(because: error).with(sql: sql)
        } catch {
            let reason = await abandonCopy(
                because: PostgresError(code: .cancelled, message: "The task was cancelled during a COPY."))
            throw error is CancellationError ? reason.with(sql: sql) : error
        }
        return PostgresCopySummary(rows: try await endCopy(sql, limits), bytes: copy.bytes)
    }

    /// Rows on their way to the server.
    private struct Copy {
        let columns: Int
        var row = PostgresCopyRow()
        var rows = 0
        var bytes = 0

        init(columns: Int) {
            self.columns = columns
            row.fields.bytes = PostgresCopyRow.header
        }

        var size: Int { row.fields.bytes.count }

        mutating func append<Row>(
            _ value: Row, _ encode: (Row, inout PostgresCopyRow) -> Void
        ) throws(PostgresError) {
            rows += 1
            row.beginRow(columns: columns)
            encode(value, &row)
            try row.endRow(columns: columns, row: rows)
        }

        mutating func takeChunk(isLast: Bool = false) -> [UInt8] {
            if isLast { row.fields.bytes.append(contentsOf: PostgresCopyRow.trailer) }
            let chunk = row.fields.bytes
            bytes += chunk.count
            row.fields.bytes = []
            row.fields.bytes.reserveCapacity(chunk.count)
            return chunk
        }
    }

    /// Starts the COPY and returns the number of its columns.
    private func beginCopy(_ sql: String, _ limits: Handle.Limits) async throws(PostgresError) -> Int {
        try admit()
        do throws(PostgresError) {
            let columns = try await interruptible { () throws(PostgresError) in
                try conversation { (handle) throws(PostgresError) in try handle.beginCopy(sql, limits) }
            }
            isCopying = true
            return columns
        } catch {
            throw error.with(sql: sql)
        }
    }

    private func putCopy(_ bytes: [UInt8], _ limits: Handle.Limits) async throws(PostgresError) {
        try await interruptible { () throws(PostgresError) in
            try conversation { (handle) throws(PostgresError) in try handle.putCopy(bytes, limits) }
        }
    }

    private func endCopy(_ sql: String, _ limits: Handle.Limits) async throws(PostgresError) -> Int {
        // From here on the server decides; a cancelled task must still learn what it decided.
        defer { isCopying = false }
        do throws(PostgresError) {
            let results = try await waking { () throws(PostgresError) in
                try conversation { (handle) throws(PostgresError) in try handle.endCopy(limits) }
            }
            return results.last.map { PostgresRows($0).affectedRows } ?? 0
        } catch {
            throw error.with(sql: sql)
        }
    }

    /// Makes the server drop the rows. Returns the error to throw: the server's own, when it had one already.
    private func abandonCopy(because error: PostgresError) -> PostgresError {
        defer { isCopying = false }
        guard isAlive else { return error }
        do throws(PostgresError) {
            try conversation { (handle) throws(PostgresError) in try handle.abandonCopy() }
            return error
        } catch {
            return error
        }
    }
}

extension Handle {
    /// The failure text given to the server when this side ends a COPY; the answer is 57014 and quotes it.
    private static let abandonment = "abandoned by the client"

    func beginCopy(_ sql: String, _ limits: Limits) throws(PostgresError) -> Int {
        try Self.checkNoZeroByte(sql, "The statement")
        let connection = try live()
        guard PQsendQuery(connection, sql) == 1 else { throw sendFailure(connection) }
        let results = try collect(limits, stopAtCopyIn: true)
        guard let result = results.last, result.status == PGRES_COPY_IN else {
            throw PostgresError(code: .invalidUse, message: "The statement is not a COPY FROM STDIN.")
        }
        guard PQbinaryTuples(result.pointer) == 1 else {
            try abandonCopy()
            throw PostgresError(code: .invalidUse, message: "The COPY is not binary; add WITH (FORMAT binary).")
        }
        return Int(PQnfields(result.pointer))
    }

    /// Sends a chunk and waits until the system has taken it.
    func putCopy(_ bytes: [UInt8], _ limits: Limits) throws(PostgresError) {
        let connection = try live()
        if let deadline = limits.deadline, deadline <= .now { throw Self.interruption(.deadlineExceeded) }
        while true {
            // The count is of bytes; an array of bytes leaves no other.
            let state = bytes.withUnsafeBytes {
                PQputCopyData(
                    connection, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(truncatingIfNeeded: $0.count)
                )
            }
            if state == 1 { break }
            guard state == 0 else { throw sendFailure(connection) }
            try waitForCopy(connection, limits)
        }
        while PQflush(connection) == 1 { try waitForCopy(connection, limits) }
    }

    private func waitForCopy(_ connection: OpaquePointer, _ limits: Limits) throws(PostgresError) {
        switch try wait(writing: true, limits) {
        case .ready(let isReadable):
            // An error report stays in libpq until the COPY ends; the server drops what follows it.
            if isReadable, PQconsumeInput(connection) == 0 { throw lost() }
        case .woken: return
        case .interrupted(let reason): throw Self.interruption(reason)
        }
    }

    private static func interruption(_ reason: PostgresError.Code) -> PostgresError {
        let why = reason == .cancelled ? "The task was cancelled" : "The deadline passed"
        return PostgresError(code: reason, message: "\(why) during a COPY; nothing was stored.")
    }

    func endCopy(_ limits: Limits) throws(PostgresError) -> [ResultHandle] {
        let connection = try live()
        guard PQputCopyEnd(connection, nil) == 1 else { throw sendFailure(connection) }
        return try collect(limits)
    }

    /// Ends the COPY with a failure and reads the answer. Throws only what is not the answer to that.
    func abandonCopy() throws(PostgresError) {
        let connection = try live()
        guard PQputCopyEnd(connection, Self.abandonment) == 1 else { throw sendFailure(connection) }
        do throws(PostgresError) {
            _ = try collect(Limits(deadline: .now + cancelTimeout, isCancellable: false))
        } catch  where error.sqlState == .queryCanceled {
            return
        }
    }
}
