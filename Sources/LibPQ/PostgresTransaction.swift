import CLibPQ

/// Why a transaction did not commit, by phase.
public enum PostgresTransactionError<Failure: Error>: Error {
    /// It did not begin; the body did not run.
    case begin(PostgresError)
    /// The body threw. The transaction was rolled back; when that failed too, the connection was closed, which makes
    /// the server roll back, and `rollback` says why.
    case body(Failure, rollback: PostgresError?)
    /// COMMIT failed. Nothing was committed, except with the code `commitOutcomeUnknown`.
    case commit(PostgresError)

    /// The body's error, or the database's error turned into one.
    public func failure(_ map: (PostgresError) -> Failure) -> Failure {
        switch self {
        case .begin(let error), .commit(let error): map(error)
        case .body(let error, _): error
        }
    }
}

/// How a transaction begins: `BEGIN` with these options.
///
/// See <https://www.postgresql.org/docs/15/sql-begin.html>.
public struct PostgresTransactionOptions: Sendable {
    let clauses: String
    /// Settings of this transaction alone: travel with BEGIN, without a statement of their own.
    private(set) var settings: [(name: String, value: String)] = []

    /// These options, and a setting until the transaction ends, as `SET LOCAL name = 'value'`.
    public func setting(_ name: String, to value: String) -> PostgresTransactionOptions {
        var options = self
        options.settings.append((name, value))
        return options
    }

    /// The statements that begin the transaction. `nil` when a setting cannot be written as a literal of its own.
    var beginning: String? {
        var text = "BEGIN" + clauses
        for setting in settings {
            let isName = setting.name.utf8.allSatisfy { $0.isNamePart }
            // A value with a quote or a backslash would need to know the session's rules for literals.
            guard isName, !setting.value.utf8.contains(where: { $0 == 0x27 || $0 == 0x5C }) else { return nil }
            text += "; SET LOCAL \(setting.name) = '\(setting.value)'"
        }
        return text
    }

    /// The server's defaults (read committed, read write, unless the session says otherwise).
    public static let standard = PostgresTransactionOptions(clauses: "")
    /// Every statement sees the database as of the first.
    public static let repeatableRead = PostgresTransactionOptions(clauses: " ISOLATION LEVEL REPEATABLE READ")
    /// As if transactions ran one after the other; be ready to run it again (`isRetryable`).
    public static let serializable = PostgresTransactionOptions(clauses: " ISOLATION LEVEL SERIALIZABLE")
    /// One consistent view, and no writes.
    public static let readOnlySnapshot = PostgresTransactionOptions(
        clauses: " ISOLATION LEVEL REPEATABLE READ READ ONLY")
}

extension PostgresConnection {
    /// Runs `body` in a transaction: commits when it returns, rolls back when it throws.
    ///
    /// The body runs where the caller runs, may capture anything, and may `SET LOCAL`. It must neither commit nor begin
    /// by itself, and the connection serves no other task until it is done. Cancellation of the task before COMMIT
    /// rolls back (`begin`/`commit` with the code `cancelled`, or the body's own error); COMMIT and ROLLBACK themselves
    /// are not interrupted. When the connection breaks during COMMIT the error is `commit` with the code
    /// `commitOutcomeUnknown`.
    public nonisolated(nonsending) func transaction<Value, Failure: Error>(
        _ options: PostgresTransactionOptions = .standard,
        _ body: (PostgresConnection) async throws(Failure) -> Value
    ) async throws(PostgresTransactionError<Failure>) -> Value {
        let scope = ConnectionScope.next()
        do throws(PostgresError) { try await begin(options, scope) } catch { throw .begin(error) }
        let result: Result<Value, Failure> = await ConnectionScope.$active.withValue(ConnectionScope.active + [scope]) {
            do throws(Failure) { return .success(try await body(self)) } catch { return .failure(error) }
        }
        switch result {
        case .success(let value):
            do throws(PostgresError) { try await commit() } catch { throw .commit(error) }
            return value
        case .failure(let error):
            throw .body(error, rollback: await rollBack())
        }
    }

    /// ``transaction(_:_:)`` with one error type: failures of BEGIN and COMMIT go through `map`, the body's error is
    /// thrown as it is, and a failed rollback is not told (the connection is closed then).
    public nonisolated(nonsending) func transaction<Value, Failure: Error>(
        _ options: PostgresTransactionOptions = .standard, orThrow map: (PostgresError) -> Failure,
        _ body: (PostgresConnection) async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        do throws(PostgresTransactionError<Failure>) {
            return try await transaction(options, body)
        } catch {
            throw error.failure(map)
        }
    }

    private func begin(_ options: PostgresTransactionOptions, _ scope: UInt64) async throws(PostgresError) {
        try admit()
        guard owner == nil, !isInTransaction else {
            throw PostgresError(
                code: .invalidUse, message: "A transaction is open on this connection already; they do not nest.")
        }
        guard let beginning = options.beginning else {
            throw PostgresError(
                code: .invalidUse,
                message: "A setting of the transaction has a quote or a backslash in its name or value.")
        }
        owner = scope
        do throws(PostgresError) {
            try await interruptible { () throws(PostgresError) in
                _ = try runSimple(beginning, Handle.Limits())
            }
        } catch {
            owner = nil
            throw error
        }
    }

    private func commit() async throws(PostgresError) {
        if Task.isCancelled {
            _ = rollBack()
            throw PostgresError(code: .cancelled, message: "The task was cancelled before COMMIT; rolled back.")
        }
        if isCopying { throw leaveUnfinishedCopy() }
        defer { owner = nil }
        guard isAlive else { throw try liveHandle().lost() }
        guard isInTransaction else {
            throw PostgresError(
                code: .invalidUse, message: "The body ended the transaction itself; that is left to the caller.")
        }
        let results: [ResultHandle]
        do throws(PostgresError) {
            results = try runSimple("COMMIT", Handle.Limits(isCancellable: false))
        } catch {
            throw Self.commitFailure(error)
        }
        // The server answers COMMIT of a failed transaction with a success whose tag is ROLLBACK.
        guard results.last?.commandTag == "COMMIT" else {
            throw PostgresError(
                code: .transactionAborted,
                message:
                    "A statement of the transaction had failed; nothing was committed. Let the body throw its error.")
        }
    }

    private static func commitFailure(_ error: PostgresError) -> PostgresError {
        let isUnknown = error.code != .queryFailed || error.sqlState == .statementCompletionUnknown
        if !isUnknown { return error }
        return error.with(
            code: .commitOutcomeUnknown,
            message: "The connection broke during COMMIT; whether it took effect must be read. \(error.message)")
    }

    private func leaveUnfinishedCopy() -> PostgresError {
        close()
        owner = nil
        return PostgresError(code: .invalidUse, message: "A COPY was still under way at COMMIT; rolled back.")
    }

    /// Rolls back, and when that fails closes the connection and returns why.
    private func rollBack() -> PostgresError? {
        defer { owner = nil }
        do throws(PostgresError) {
            guard isInTransaction, !isCopying else {
                if isAlive, !isCopying { return nil }
                throw try liveHandle().lost()
            }
            let limits = Handle.Limits(deadline: .now + configuration.cancelTimeout, isCancellable: false)
            _ = try runSimple("ROLLBACK", limits)
            return nil
        } catch {
            close()
            return error
        }
    }
}

extension UInt8 {
    /// Letters, digits, `_` and the `.` of a setting's name.
    fileprivate var isNamePart: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2E: true
        default: false
        }
    }
}
