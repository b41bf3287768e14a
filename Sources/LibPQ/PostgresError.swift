/// Why a call failed: the code decides what to do next, the rest explains it.
///
/// `description` is safe to log: it holds the code, the SQLSTATE, names of schema objects and the server's primary
/// message, except where PostgreSQL is known to quote values there (class 22, data exceptions). Parameter values are in
/// no property. ``ServerReport/detail`` may quote row values ("Key (email)=(x) already exists"), so it stays out.
public struct PostgresError: Error, Sendable, CustomStringConvertible {
    /// What happened, as a condition to branch on.
    public let code: Code
    /// What happened and what to do, in one or two sentences. For server errors, the server's primary message.
    public let message: String
    /// What the server said, when it said something.
    public let server: ServerReport?
    /// The statement's text, without arguments. `nil` when no statement was involved.
    public let sql: String?
    /// Whether values in the statement's text may be literals, so that `description` leaves it out.
    private let sqlMayHoldLiterals: Bool

    /// The server's SQLSTATE, when it sent one.
    public var sqlState: SQLState? { server?.sqlState }
    /// The server's detail. May quote row values: do not log it.
    public var detail: String? { server?.detail }
    /// The server's hint.
    public var hint: String? { server?.hint }
    /// The constraint the statement violated.
    public var constraint: String? { server?.constraint }
    /// The table the error is about.
    public var table: String? { server?.table }
    /// The column the error is about, or the result column that could not be read.
    public var column: String? { server?.column }

    /// Whether the same transaction, run again from its start on the same connection, may succeed.
    public var isRetryable: Bool { code == .queryFailed && sqlState?.isRetryable == true }

    /// Creates an error, for adapters and their tests.
    public init(
        code: Code, message: String, server: ServerReport? = nil, sql: String? = nil
    ) {
        self.init(code: code, message: message, server: server, sql: sql, sqlMayHoldLiterals: false)
    }

    init(code: Code, message: String, server: ServerReport? = nil, sql: String?, sqlMayHoldLiterals: Bool) {
        self.code = code
        self.message = message
        self.server = server
        self.sql = sql
        self.sqlMayHoldLiterals = sqlMayHoldLiterals
    }

    /// A line that is safe to log; see the type's description.
    public var description: String {
        var text = "\(code)"
        if let sqlState { text += " [\(sqlState)]" }
        let mayQuoteValue = sqlState?.conditionClass == "22"
        text += mayQuoteValue ? ": data exception (message withheld, it may quote a value)" : ": \(message)"
        if let constraint { text += " (constraint \(constraint))" }
        if let table { text += " (table \(table))" }
        if let hint, !mayQuoteValue { text += " HINT: \(hint)" }
        if let sql, !sqlMayHoldLiterals { text += " SQL: \(sql.prefix(200))" }
        return text
    }

    func with(sql: String, mayHoldLiterals: Bool = false) -> PostgresError {
        PostgresError(code: code, message: message, server: server, sql: sql, sqlMayHoldLiterals: mayHoldLiterals)
    }

    func with(code: Code, message: String) -> PostgresError {
        PostgresError(code: code, message: message, server: server, sql: sql, sqlMayHoldLiterals: sqlMayHoldLiterals)
    }
}

extension PostgresError {
    /// The error fields of the server's answer.
    ///
    /// See <https://www.postgresql.org/docs/15/libpq-exec.html#LIBPQ-PQRESULTERRORFIELD>.
    public struct ServerReport: Sendable {
        private final class Fields: Sendable {
            let values: [Field: String]
            init(_ values: [Field: String]) { self.values = values }
        }

        enum Field: CaseIterable {
            case sqlState, severity, message, detail, hint, schema, table, column, constraint, position, context
            case function
        }

        // Boxed: an error should stay small to throw, and most fields are absent.
        private let fields: Fields

        init(_ values: [Field: String]) {
            fields = Fields(values)
        }

        /// Creates a report with a SQLSTATE alone, for tests of adapters.
        public init(sqlState: SQLState, message: String = "", constraint: String? = nil) {
            let values: [Field: String?] = [
                .sqlState: sqlState.rawValue, .message: message, .constraint: constraint,
            ]
            self.init(values.compactMapValues { $0 })
        }

        /// The SQLSTATE; absent when libpq itself made the error.
        public var sqlState: SQLState? { fields.values[.sqlState].map(SQLState.init(rawValue:)) }
        /// `ERROR`, `FATAL` or `PANIC`, never translated.
        public var severity: String? { fields.values[.severity] }
        /// The primary message. For data exceptions it may quote a value.
        public var message: String? { fields.values[.message] }
        /// More about the problem. May quote row values: do not log it.
        public var detail: String? { fields.values[.detail] }
        /// A suggestion of what to do.
        public var hint: String? { fields.values[.hint] }
        /// The schema of the object the error is about.
        public var schema: String? { fields.values[.schema] }
        /// The table the error is about.
        public var table: String? { fields.values[.table] }
        /// The column the error is about.
        public var column: String? { fields.values[.column] }
        /// The constraint that was violated.
        public var constraint: String? { fields.values[.constraint] }
        /// Where in the statement, in characters from 1.
        public var position: Int? { fields.values[.position].flatMap { Int($0) } }
        /// The call stack of the server's error. May quote row values (COPY): do not log it.
        public var context: String? { fields.values[.context] }

        /// The server's C function that raised the error; the only stable mark of some conditions.
        var function: String? { fields.values[.function] }
    }
}

extension PostgresError {
    /// The kinds of failure. The text of each says what a caller may do.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        // Private, so that a code added later breaks no caller's switch.
        private enum Value: String {
            case connectionFailed, serverUnreachable, authenticationFailed, tlsFailed, connectionLost, connectionClosed
            case queryFailed, deadlineExceeded, cancelled, transactionAborted, commitOutcomeUnknown
            case protocolViolation, columnMissing, valueNull, typeMismatch, decodingFailed, encodingFailed
            case invalidUse, poolClosed
        }

        private let value: Value

        /// The server refused the connection for a reason other than credentials (SQLSTATE says which), or the
        /// configuration is not valid. Retry later for 57P03 and 53300; otherwise mend the configuration.
        public static let connectionFailed = Code(value: .connectionFailed)
        /// Nothing answers at the address, or not in time. Retry later.
        public static let serverUnreachable = Code(value: .serverUnreachable)
        /// Credentials were refused. Do not retry until they are mended.
        public static let authenticationFailed = Code(value: .authenticationFailed)
        /// No encrypted connection, or the server's certificate was refused. Do not retry; do not weaken `sslMode`.
        public static let tlsFailed = Code(value: .tlsFailed)
        /// The connection broke. The statement may or may not have run, but no open transaction was committed.
        /// Take a new connection and run the transaction again.
        public static let connectionLost = Code(value: .connectionLost)
        /// The connection was closed by this side before the call.
        public static let connectionClosed = Code(value: .connectionClosed)
        /// The server refused the statement; SQLSTATE says why. The connection stays usable.
        public static let queryFailed = Code(value: .queryFailed)
        /// The call's deadline passed; the statement was cancelled on the server and did not complete.
        public static let deadlineExceeded = Code(value: .deadlineExceeded)
        /// The calling task was cancelled; the statement was cancelled on the server and did not complete.
        public static let cancelled = Code(value: .cancelled)
        /// A transaction's body returned normally although one of its statements had failed: nothing was committed.
        public static let transactionAborted = Code(value: .transactionAborted)
        /// The connection broke while COMMIT was under way: the transaction is committed or rolled back, and only
        /// reading its effects tells. Run again only what is idempotent.
        public static let commitOutcomeUnknown = Code(value: .commitOutcomeUnknown)
        /// The peer answered against the protocol. The connection is not to be used again.
        public static let protocolViolation = Code(value: .protocolViolation)
        /// The result has no such column.
        public static let columnMissing = Code(value: .columnMissing)
        /// NULL, where a value was asked for.
        public static let valueNull = Code(value: .valueNull)
        /// The column's type is not the one asked for. Cast in the statement.
        public static let typeMismatch = Code(value: .typeMismatch)
        /// The bytes are no value of the column's type, or one out of range here.
        public static let decodingFailed = Code(value: .decodingFailed)
        /// A parameter cannot be written as its type.
        public static let encodingFailed = Code(value: .encodingFailed)
        /// The call breaks a rule of this interface; the message names it.
        public static let invalidUse = Code(value: .invalidUse)
        /// The pool was closed.
        public static let poolClosed = Code(value: .poolClosed)

        /// The code's name.
        public var description: String { value.rawValue }
    }
}
