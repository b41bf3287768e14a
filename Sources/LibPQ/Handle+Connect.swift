import CLibPQ
import Foundation

extension Handle {
    /// Establishes a connection; on any failure the libpq handle is freed before the error is thrown.
    ///
    /// See <https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-PQCONNECTSTARTPARAMS>.
    static func connect(
        _ configuration: PostgresConfiguration, wake: WakePipe
    ) throws(PostgresError) -> Handle {
        let deadline = ContinuousClock.now + configuration.connectTimeout
        let pairs = configuration.keywordsAndValues
        for pair in pairs { try checkNoZeroByte(pair.value, "The setting \(pair.keyword)") }
        guard let pointer = start(pairs) else {
            throw PostgresError(code: .connectionFailed, message: "libpq could not allocate a connection.")
        }
        let handle = Handle(pointer, wake: wake, cancelTimeout: configuration.cancelTimeout)
        do throws(PostgresError) {
            try handle.establish(pointer, Limits(deadline: deadline))
        } catch {
            handle.finish()
            throw error
        }
        return handle
    }

    private static func start(_ pairs: [(keyword: String, value: String)]) -> OpaquePointer? {
        // C copies that live until libpq has made its own; PQconnectStartParams copies every value before it returns.
        let keywords = pairs.map { strdup($0.keyword) }
        let values = pairs.map { strdup($0.value) }
        defer {
            for keyword in keywords { free(keyword) }
            for value in values {
                // The password is among them.
                if let value { memset(value, 0, strlen(value)) }
                free(value)
            }
        }
        return PQconnectStartParams(
            keywords.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 0)
    }

    private func establish(_ pointer: OpaquePointer, _ limits: Limits) throws(PostgresError) {
        PQsetNoticeProcessor(pointer, { _, _ in }, nil)
        // The only way to learn the SQLSTATE of a refused connection: the verbose form of the message has it.
        PQsetErrorVerbosity(pointer, PQERRORS_VERBOSE)
        // "Behave as if PQconnectPoll last returned PGRES_POLLING_WRITING."
        var writing = true
        var phase = PQstatus(pointer)
        while true {
            guard PQstatus(pointer) != CONNECTION_BAD else { throw connectFailure(pointer, phase) }
            try waitForServer(pointer, writing: writing, limits, phase)
            phase = PQstatus(pointer)
            switch PQconnectPoll(pointer) {
            case PGRES_POLLING_OK:
                guard PQsetnonblocking(pointer, 1) == 0 else { throw lost() }
                PQsetErrorVerbosity(pointer, PQERRORS_DEFAULT)
                return
            case PGRES_POLLING_FAILED: throw connectFailure(pointer, phase)
            case PGRES_POLLING_WRITING: writing = true
            default: writing = false
            }
        }
    }

    private func waitForServer(
        _ pointer: OpaquePointer, writing: Bool, _ limits: Limits, _ phase: ConnStatusType
    ) throws(PostgresError) {
        let socket = PQsocket(pointer)
        guard socket >= 0 else { throw connectFailure(pointer, phase) }
        while true {
            switch try wait(on: socket, for: Int16(writing ? POLLOUT : POLLIN), limits) {
            case .ready: return
            case .woken: continue
            case .interrupted(.cancelled):
                throw PostgresError(code: .cancelled, message: "The task was cancelled while connecting.")
            case .interrupted:
                throw PostgresError(code: .serverUnreachable, message: "The server did not answer in time.")
            }
        }
    }

    /// Classifies by SQLSTATE when the server sent one, else by how far the connection had come.
    private func connectFailure(_ pointer: OpaquePointer, _ phase: ConnStatusType) -> PostgresError {
        let (state, message) = Self.parse(trimmed(PQerrorMessage(pointer)))
        let code: PostgresError.Code
        if state?.conditionClass == "28" || PQconnectionNeedsPassword(pointer) != 0 {
            code = .authenticationFailed
        } else if state != nil {
            code = .connectionFailed
        } else if phase == CONNECTION_SSL_STARTUP {
            code = .tlsFailed
        } else if phase == CONNECTION_BAD, message.hasPrefix("invalid ") {
            code = .connectionFailed
        } else {
            code = .serverUnreachable
        }
        return PostgresError(
            code: code, message: message,
            server: state.map { PostgresError.ServerReport(sqlState: $0, message: message) })
    }

    /// Splits "… FATAL:  28P01: password authentication failed … LOCATION:  auth_failed, auth.c:338".
    static func parse(_ verbose: String) -> (SQLState?, String) {
        guard let match = verbose.firstMatch(of: #/:  ([0-9A-Z]{5}): /#) else { return (nil, verbose) }
        var message = verbose
        message.replaceSubrange(match.range, with: ": ")
        if let location = message.range(of: " LOCATION:  ") { message.removeSubrange(location.lowerBound...) }
        return (SQLState(rawValue: String(match.1)), message)
    }
}
