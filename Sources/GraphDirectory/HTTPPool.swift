import AsyncHTTPClient
import NIOCore

/// The HTTP client that all requests share, in generations.
///
/// A 503 must be repeated on a new connection, and the client's own pool would hand out the old one again. So the pool
/// as a whole is replaced, and the old one shut down once its last request has ended.
actor HTTPPool {
    struct Lease: Sendable {
        let client: HTTPClient
        let generation: Int
    }

    private struct Generation {
        let client: HTTPClient
        var inFlight = 0
    }

    private let options: GraphOptions
    private var generations: [Int: Generation] = [:]
    private var current = 0
    private var isShutDown = false

    init(_ options: GraphOptions) {
        self.options = options
    }

    /// `nil` once the pool has been shut down. Every lease must be given back.
    func lease() -> Lease? {
        guard !isShutDown else { return nil }
        var generation = generations[current] ?? Generation(client: Self.client(options))
        generation.inFlight += 1
        generations[current] = generation
        return Lease(client: generation.client, generation: current)
    }

    func giveBack(_ lease: Lease) async {
        generations[lease.generation]?.inFlight -= 1
        await close(lease.generation)
    }

    /// New leases get new connections; those who were slower to see the same fault change nothing.
    func retire(_ generation: Int) async {
        guard generation == current else { return }
        current += 1
        await close(generation)
    }

    func shutdown() async {
        isShutDown = true
        let clients = generations.values.map(\.client)
        generations = [:]
        for client in clients { try? await client.shutdown() }
    }

    private func close(_ number: Int) async {
        guard number != current, let generation = generations[number], generation.inFlight <= 0 else { return }
        generations[number] = nil
        // Nothing is under way any more; what closing says about idle connections helps nobody.
        try? await generation.client.shutdown()
    }

    private static func client(_ options: GraphOptions) -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        // A redirect could carry the token to another host.
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(10)
        configuration.timeout.read = TimeAmount(options.requestTimeout)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = options.connectionsPerHost
        // Repeats are decided in one place, RetryDecision.
        configuration.connectionPool.retryConnectionEstablishment = false
        // HTTP/2 would put all pages through one connection with a 64 KiB window, and one bad front end behind all.
        configuration.httpVersion = .http1Only
        return HTTPClient(configuration: configuration)
    }
}
