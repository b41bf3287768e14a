import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Serves simulated tenants over HTTP on the loopback interface.
public final class SimulatorServer: Sendable {
    /// The port that clients connect to.
    public let port: Int
    /// What clients use as the service's address, and as the authority's.
    public var url: String { "http://127.0.0.1:\(port)" }
    private let task: Task<Void, any Error>

    private init(port: Int, task: Task<Void, any Error>) {
        self.port = port
        self.task = task
    }

    /// Starts serving and returns once connections are accepted.
    ///
    /// - Parameter port: 0 for any free one.
    public static func start(tenants: [SimulatedTenant], port: Int = 0) async throws -> SimulatorServer {
        var logger = Logger(label: "tenant-simulator")
        logger.logLevel = .error
        let (ports, continuation) = AsyncStream<Int>.makeStream()
        let application = Application(
            responder: SimulatorResponder(tenants: tenants),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port), serverName: nil),
            onServerRunning: { channel in
                continuation.yield(channel.localAddress?.port ?? 0)
                continuation.finish()
            },
            logger: logger)
        let task = Task {
            defer { continuation.finish() }
            try await application.run()
        }
        for await port in ports { return SimulatorServer(port: port, task: task) }
        try await task.value
        throw SimulatorError(message: "The server ended before it accepted connections.")
    }

    /// Closes all connections.
    public func stop() async {
        task.cancel()
        _ = await task.result
    }

    /// Returns when the server has ended.
    public func wait() async throws { try await task.value }
}

/// Why a simulator could not be started or told something.
public struct SimulatorError: Error, CustomStringConvertible {
    public let message: String

    public var description: String { message }
}
