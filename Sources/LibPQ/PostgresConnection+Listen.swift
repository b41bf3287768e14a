import CLibPQ
import Dispatch
import Foundation

/// Who listens to what on one connection, and the source that watches its socket meanwhile.
struct Listeners {
    typealias Continuation = AsyncThrowingStream<PostgresNotification, any Error>.Continuation

    var channels: [String: [UInt64: Continuation]] = [:]
    var source: (any DispatchSourceRead)?
}

extension PostgresConnection {
    /// How many notifications wait for a slow reader; the oldest are dropped beyond that.
    private static let bufferedNotifications = 4096

    /// Subscribes to a channel. The socket is watched by the system while no statement runs; nothing polls.
    ///
    /// The stream ends when its reader's task is cancelled or drops it (`UNLISTEN` follows), when the connection is
    /// closed, and throws `connectionLost` when it breaks. Inside a transaction the subscription starts at COMMIT. A
    /// subscribed connection is best kept for that alone. Channel names have 1 to 63 bytes.
    public func listen(
        _ channel: String
    ) async throws(PostgresError) -> AsyncThrowingStream<PostgresNotification, any Error> {
        try admit()
        let statement = "LISTEN \(try quoted(channel))"
        try await interruptible { () throws(PostgresError) in _ = try runSimple(statement, Handle.Limits()) }
        let (stream, continuation) = AsyncThrowingStream.makeStream(
            of: PostgresNotification.self, bufferingPolicy: .bufferingNewest(Self.bufferedNotifications))
        let id = ConnectionScope.next()
        continuation.onTermination = { [weak self] _ in
            Task { await self?.endListening(channel, id) }
        }
        try watchSocket()
        listeners.channels[channel, default: [:]][id] = continuation
        return stream
    }

    /// Sends a notification, delivered when the transaction commits. Both strings travel as parameters.
    public func notify(_ channel: String, _ payload: String = "") async throws(PostgresError) {
        _ = try await query("SELECT pg_catalog.pg_notify($1, $2)", [.text(channel), .text(payload)])
    }

    private func quoted(_ identifier: String) throws(PostgresError) -> String {
        // The server would cut a longer name and then not match what notify sends; libpq would stop at a zero byte.
        guard (1...63).contains(identifier.utf8.count), !identifier.utf8.contains(0) else {
            throw PostgresError(
                code: .invalidUse, message: "A channel's name has 1 to 63 bytes, none of them zero.")
        }
        let connection = try liveHandle().live()
        guard let escaped = PQescapeIdentifier(connection, identifier, identifier.utf8.count) else {
            throw PostgresError(code: .invalidUse, message: trimmed(PQerrorMessage(connection)))
        }
        defer { PQfreemem(escaped) }
        return String(cString: escaped)
    }

    private func watchSocket() throws(PostgresError) {
        guard listeners.source == nil else { return }
        // A duplicate, so that libpq may close its socket before Dispatch has let go of it.
        let socket = dup(PQsocket(try liveHandle().live()))
        guard socket >= 0 else {
            throw PostgresError(code: .connectionFailed, message: "The socket could not be watched (errno \(errno)).")
        }
        let source = DispatchSource.makeReadSource(fileDescriptor: socket, queue: executor.queue)
        source.setEventHandler { [weak self] in
            self?.assumeIsolated { $0.socketIsReadable() }
        }
        source.setCancelHandler { _ = Foundation.close(socket) }
        source.activate()
        listeners.source = source
    }

    private func socketIsReadable() {
        guard let handle = try? liveHandle(), let connection = handle.pointer, listeners.source != nil else { return }
        if PQconsumeInput(connection) == 0 || !handle.isAlive {
            stopListening(with: handle.lost())
        } else {
            deliverNotifications()
        }
    }

    /// Hands over what libpq has received.
    func deliverNotifications() {
        guard let handle = try? liveHandle(), let connection = handle.pointer else { return }
        while let next = PQnotifies(connection) {
            defer { PQfreemem(next) }
            guard let name = next.pointee.relname, let extra = next.pointee.extra else { continue }
            let notification = PostgresNotification(
                channel: String(cString: name), payload: String(cString: extra), processID: next.pointee.be_pid)
            for continuation in listeners.channels[notification.channel, default: [:]].values {
                continuation.yield(notification)
            }
        }
    }

    /// Ends all streams; with an error when the connection broke.
    func stopListening(with error: PostgresError?) {
        listeners.source?.cancel()
        listeners.source = nil
        let channels = listeners.channels
        listeners.channels = [:]
        for continuation in channels.values.flatMap(\.values) { continuation.finish(throwing: error) }
    }

    private func endListening(_ channel: String, _ id: UInt64) {
        guard listeners.channels[channel]?.removeValue(forKey: id) != nil else { return }
        if listeners.channels[channel]?.isEmpty == false { return }
        listeners.channels[channel] = nil
        // While another task holds the connection the server keeps sending; the messages are dropped here.
        if owner == nil, !isCopying, isAlive, let name = try? quoted(channel) {
            _ = try? runSimple(
                "UNLISTEN \(name)", Handle.Limits(deadline: .now + configuration.cancelTimeout, isCancellable: false))
        }
        if listeners.channels.isEmpty {
            listeners.source?.cancel()
            listeners.source = nil
        }
    }
}
