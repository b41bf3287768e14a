import CLibPQ
import Foundation

extension PostgresConnection {
    /// Whether the connection is alive and nothing has arrived unasked: neither the end of the stream nor a farewell of
    /// the server. Looks at the socket, does not ask the server.
    var isQuiet: Bool {
        guard isAlive, let connection = try? liveHandle().pointer else { return false }
        var polled = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, 0) == 0
    }

    /// Whether the connection can serve another borrower: alive, outside any transaction, without subscriptions.
    var isReusable: Bool {
        guard isAlive, owner == nil, !isCopying, listeners.channels.isEmpty else { return false }
        return (try? liveHandle().transactionStatus) == PQTRANS_IDLE
    }
}
