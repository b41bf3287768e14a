import Hummingbird
public import Logging
public import StageRuntime

/// Serves `/metrics`, `/livez` and `/readyz`.
///
/// `livez` depends on nothing: a restart mends no database. `readyz` asks `isReady`, so that a stage whose database or
/// broker is away is taken out without being restarted.
public struct HealthServer: Sendable {
    let host: String
    let port: Int
    let metrics: StageMetrics
    let isReady: @Sendable () async -> Bool
    let logger: Logger

    /// - Parameter isReady: asked at each `/readyz`; false is answered with 503.
    public init(
        host: String, port: Int, metrics: StageMetrics, logger: Logger, isReady: @escaping @Sendable () async -> Bool
    ) {
        self.host = host
        self.port = port
        self.metrics = metrics
        self.logger = logger
        self.isReady = isReady
    }

    /// Serves until the task is cancelled.
    public func run() async throws {
        let router = Router()
        router.get("metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.rendered())))
        }
        router.get("livez") { _, _ in "ok\n" }
        router.get("readyz") { _, _ in
            await isReady() ? Response(status: .ok) : Response(status: .serviceUnavailable)
        }
        var quiet = logger
        quiet.logLevel = .error
        let application = Application(
            router: router, configuration: .init(address: .hostname(host, port: port)), logger: quiet)
        try await application.run()
    }
}
