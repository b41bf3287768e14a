// Signal sources are safe to cancel from any thread, but are not marked Sendable on Linux.
@preconcurrency import Dispatch
import Glibc

/// Turns the supervisor's signals into gates. Once made, the signals no longer end the process.
final class SignalWatch: Sendable {
    /// The signal by which a client asks for a repair.
    static let repairSignal = SIGUSR1

    private let sources: [any DispatchSourceSignal]

    /// - Parameters:
    ///   - stop: called for SIGTERM, SIGINT and SIGHUP.
    ///   - repair: called for SIGUSR1.
    init(stop: @escaping @Sendable () -> Void, repair: @escaping @Sendable () -> Void) {
        let handlers: [(Int32, @Sendable () -> Void)] = [
            (SIGTERM, stop), (SIGINT, stop), (SIGHUP, stop), (Self.repairSignal, repair),
        ]
        sources = handlers.map { number, handler in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { handler() }
            source.resume()
            return source
        }
    }

    deinit {
        for source in sources { source.cancel() }
    }
}
