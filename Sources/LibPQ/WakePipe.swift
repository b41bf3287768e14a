import Foundation

/// A pipe polled beside the connection's socket: any thread can end the wait. What happened is not in the pipe; the
/// waiter looks at its task and its cancel request. Signals left over from an earlier wait are therefore harmless.
final class WakePipe: Sendable {
    let readEnd: Int32
    private let writeEnd: Int32

    init() throws(PostgresError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw PostgresError(code: .connectionFailed, message: "No pipe could be opened (errno \(errno)).")
        }
        (readEnd, writeEnd) = (ends[0], ends[1])
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    func signal() {
        var byte: UInt8 = 1
        // A full pipe is signalled already.
        _ = write(writeEnd, &byte, 1)
    }

    func drain() {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            while let base = buffer.baseAddress, read(readEnd, base, buffer.count) == buffer.count {}
        }
    }
}
