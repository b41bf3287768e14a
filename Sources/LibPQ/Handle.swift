import CLibPQ
import Foundation

/// A libpq handle and the conversation over its socket: send, wait up to a deadline, cancel, and still read the answer
/// to its end, so that the connection stays usable. Not Sendable; lives inside its connection's actor.
///
/// See <https://www.postgresql.org/docs/15/libpq-async.html>.
final class Handle {
    /// `nil` once closed.
    private(set) var pointer: OpaquePointer?
    let wake: WakePipe
    /// How long the server may take to answer a cancel request before the connection is given up.
    let cancelTimeout: Duration

    init(_ pointer: OpaquePointer, wake: WakePipe, cancelTimeout: Duration) {
        self.pointer = pointer
        self.wake = wake
        self.cancelTimeout = cancelTimeout
    }

    deinit {
        finish()
    }

    /// Frees the handle; a second call does nothing.
    func finish() {
        if let pointer { PQfinish(pointer) }
        pointer = nil
    }

    var isAlive: Bool { pointer.map { PQstatus($0) == CONNECTION_OK } ?? false }

    var transactionStatus: PGTransactionStatusType { pointer.map { PQtransactionStatus($0) } ?? PQTRANS_UNKNOWN }

    func live() throws(PostgresError) -> OpaquePointer {
        guard let pointer else {
            throw PostgresError(code: .connectionClosed, message: "The connection is closed; open a new one.")
        }
        return pointer
    }

    /// Refuses a text that libpq, which reads to the first zero byte, would silently cut.
    static func checkNoZeroByte(_ text: String, _ what: String) throws(PostgresError) {
        if text.utf8.contains(0) {
            throw PostgresError(code: .invalidUse, message: "\(what) holds a zero byte.")
        }
    }

    /// The error for a connection that broke, with what the server said last.
    func lost(_ report: PostgresError.ServerReport? = nil) -> PostgresError {
        let reason = report?.message ?? pointer.flatMap { PQerrorMessage($0) }.map { trimmed($0) } ?? ""
        return PostgresError(
            code: .connectionLost, message: "The connection broke: \(reason.isEmpty ? "no reason given" : reason)",
            server: report)
    }

    // MARK: Waiting

    /// What a call may wait for, and what ends the wait early.
    struct Limits {
        var deadline: ContinuousClock.Instant?
        /// Whether the cancellation of the calling task ends the wait. Off for COMMIT, ROLLBACK and draining.
        var isCancellable = true

        static func within(_ duration: Duration?) -> Limits { Limits(deadline: duration.map { .now + $0 }) }
    }

    enum Wait {
        case ready(readable: Bool)
        case interrupted(PostgresError.Code)
        /// Something else happened (a cancel request finished); look again.
        case woken
    }

    /// Waits for the socket, the deadline, the task's cancellation or a signal.
    func wait(writing: Bool = false, _ limits: Limits) throws(PostgresError) -> Wait {
        let socket = PQsocket(try live())
        guard socket >= 0 else { throw lost() }
        return try wait(on: socket, for: Int16(writing ? POLLIN | POLLOUT : POLLIN), limits)
    }

    func wait(on socket: Int32, for events: Int16, _ limits: Limits) throws(PostgresError) -> Wait {
        var polled = [
            pollfd(fd: socket, events: events, revents: 0),
            pollfd(fd: wake.readEnd, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            if limits.isCancellable, Task.isCancelled { return .interrupted(.cancelled) }
            let count = poll(&polled, 2, Self.milliseconds(until: limits.deadline))
            if count < 0 {
                guard errno == EINTR else { throw lost() }
                continue
            }
            // An answer that is there counts, even when the deadline has passed too.
            if polled[0].revents != 0 { return .ready(readable: polled[0].revents & ~Int16(POLLOUT) != 0) }
            if polled[1].revents != 0 {
                wake.drain()
                return limits.isCancellable && Task.isCancelled ? .interrupted(.cancelled) : .woken
            }
            if let deadline = limits.deadline, deadline <= .now { return .interrupted(.deadlineExceeded) }
        }
    }

    /// Rounded up, so that a wait never ends before its deadline.
    private static func milliseconds(until deadline: ContinuousClock.Instant?) -> Int32 {
        guard let deadline else { return -1 }
        let (seconds, attoseconds) = (deadline - .now).components
        if seconds < 0 || (seconds == 0 && attoseconds <= 0) { return 0 }
        return Int32(clamping: min(seconds, 1_000_000) * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
    }

    // MARK: One statement

    /// Sends with `send` (1 = done, as libpq's `PQsend…`) and returns all results.
    ///
    /// On the deadline or the task's cancellation the statement is cancelled on the server; if it had completed all the
    /// same, its results are returned. Throws the server's error, or `connectionLost`.
    func converse(_ limits: Limits, _ send: (OpaquePointer) -> Int32) throws(PostgresError) -> [ResultHandle] {
        let connection = try live()
        guard send(connection) == 1 else { throw sendFailure(connection) }
        return try collect(limits)
    }

    func sendFailure(_ connection: OpaquePointer) -> PostgresError {
        guard isAlive else { return lost() }
        return PostgresError(
            code: .invalidUse, message: "libpq refused the call: \(trimmed(PQerrorMessage(connection)))")
    }

    /// Reads all results of what was sent; see ``converse(_:_:)``.
    ///
    /// With `stopAtCopyIn`, returns when the server waits for COPY data.
    func collect(_ limits: Limits, stopAtCopyIn: Bool = false) throws(PostgresError) -> [ResultHandle] {
        let connection = try live()
        var exchange = Exchange(limits: limits)
        var results: [ResultHandle] = []
        while true {
            try flush(connection, &exchange)
            while PQisBusy(connection) != 0 {
                if case .ready = try step(connection, &exchange), PQconsumeInput(connection) == 0 {
                    throw lost(results)
                }
            }
            guard let next = PQgetResult(connection) else { break }
            let result = ResultHandle(next)
            results.append(result)
            if stopAtCopyIn, result.status == PGRES_COPY_IN { break }
            try leaveCopyMode(connection, result)
        }
        while let cancel = exchange.cancel, !cancel.isFinished { _ = try step(nil, &exchange) }
        if stopAtCopyIn, results.last?.status == PGRES_COPY_IN { return results }
        return try outcome(results, exchange)
    }

    /// Why a statement was cancelled by us, and the request under way.
    private struct Exchange {
        var limits: Limits
        var reason: PostgresError.Code?
        var giveUpAt = ContinuousClock.now
        var cancel: CancelRequest?
    }

    private func flush(_ connection: OpaquePointer, _ exchange: inout Exchange) throws(PostgresError) {
        while true {
            let state = PQflush(connection)
            if state == 0 { return }
            // On failure the reason is in what the server sent before; reading on finds it.
            if state < 0 { return }
            if case .ready(readable: true) = try step(connection, &exchange, writing: true) {
                // The server may wait for us to read before it reads more.
                if PQconsumeInput(connection) == 0 { throw lost() }
            }
        }
    }

    // The server ignores a request that reaches the session between two messages, before the statement has begun.
    private static let cancelInterval: Duration = .milliseconds(250)

    /// One wait. An interruption cancels the statement; the request is repeated until the statement ends or the server
    /// has had its time.
    private func step(
        _ connection: OpaquePointer?, _ exchange: inout Exchange, writing: Bool = false
    ) throws(PostgresError) -> Wait {
        let wait =
            connection == nil
            ? try waitForSignal(exchange.limits) : try self.wait(writing: writing, exchange.limits)
        guard case .interrupted(let reason) = wait else { return wait }
        if exchange.reason == nil {
            exchange.reason = reason
            exchange.giveUpAt = .now + cancelTimeout
        }
        guard exchange.giveUpAt > .now else {
            finish()
            throw PostgresError(
                code: .connectionLost,
                message: "The server did not answer a cancel request in \(cancelTimeout); the connection was closed.")
        }
        if let connection, exchange.cancel?.isFinished ?? true {
            exchange.cancel = CancelRequest(connection, wake: wake)
        }
        let next = min(exchange.giveUpAt, .now + Self.cancelInterval)
        exchange.limits = Limits(deadline: next, isCancellable: false)
        return wait
    }

    private func waitForSignal(_ limits: Limits) throws(PostgresError) -> Wait {
        var polled = pollfd(fd: wake.readEnd, events: Int16(POLLIN), revents: 0)
        let count = poll(&polled, 1, Self.milliseconds(until: limits.deadline))
        if count > 0 { wake.drain() }
        return count == 0 ? .interrupted(.deadlineExceeded) : .woken
    }

    /// A statement that switched to COPY where none is meant: end it at once, so that the connection stays usable.
    private func leaveCopyMode(_ connection: OpaquePointer, _ result: ResultHandle) throws(PostgresError) {
        switch result.status {
        case PGRES_COPY_IN:
            _ = PQputCopyEnd(connection, "COPY FROM STDIN is run with copyIn")
        case PGRES_COPY_OUT, PGRES_COPY_BOTH:
            // The data may be endless, and nothing here reads it.
            finish()
            throw PostgresError(
                code: .invalidUse, message: "COPY TO STDOUT is not supported here; the connection was closed.")
        default:
            break
        }
    }

    // MARK: Errors

    private func lost(_ results: [ResultHandle]) -> PostgresError {
        lost(results.last { $0.status == PGRES_FATAL_ERROR }?.report)
    }

    /// The results, or the error among them.
    private func outcome(_ results: [ResultHandle], _ exchange: Exchange) throws(PostgresError) -> [ResultHandle] {
        let failed = results.first { $0.status == PGRES_FATAL_ERROR || $0.status == PGRES_BAD_RESPONSE }
        guard isAlive else { throw lost(failed?.report) }
        guard let failed else {
            if results.contains(where: { $0.status == PGRES_COPY_IN }) {
                throw PostgresError(code: .invalidUse, message: "COPY FROM STDIN is run with copyIn.")
            }
            return results
        }
        guard let report = failed.report else {
            throw PostgresError(code: .protocolViolation, message: failed.errorMessage)
        }
        if results.contains(where: { $0.status == PGRES_COPY_IN }) && report.sqlState == .queryCanceled {
            throw PostgresError(code: .invalidUse, message: "COPY FROM STDIN is run with copyIn.", server: report)
        }
        if let reason = exchange.reason, report.sqlState == .queryCanceled {
            let why = reason == .cancelled ? "The task was cancelled" : "The deadline passed"
            throw PostgresError(
                code: reason, message: "\(why); the statement was cancelled on the server.", server: report)
        }
        throw PostgresError(code: .queryFailed, message: report.message ?? failed.errorMessage, server: report)
    }
}
