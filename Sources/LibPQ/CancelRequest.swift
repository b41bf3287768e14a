import CLibPQ
import Dispatch
import Synchronization

/// One `PQcancel`, made on a thread of its own: it opens a second connection and has no time-out.
///
/// See <https://www.postgresql.org/docs/15/libpq-cancel.html>.
final class CancelRequest: Sendable {
    private let finished = Atomic(false)

    /// Whether the server has been asked, or cannot be. Until then the request may hit the session's next statement.
    var isFinished: Bool { finished.load(ordering: .acquiring) }

    /// Starts the request; `wake` is signalled when it is finished. `nil` when the connection is not there any more.
    init?(_ connection: OpaquePointer, wake: WakePipe) {
        guard let cancel = PQgetCancel(connection) else { return nil }
        // Handed to the one block below; a PGcancel is a copy of the address and key, independent of its connection.
        nonisolated(unsafe) let handle = cancel
        DispatchQueue(label: "LibPQ.cancel").async { [self] in
            var message = [CChar](repeating: 0, count: 256)
            // A failure shows as a statement that does not end; the caller bounds its wait for that.
            _ = PQcancel(handle, &message, Int32(message.count))
            PQfreeCancel(handle)
            finished.store(true, ordering: .releasing)
            wake.signal()
        }
    }
}
