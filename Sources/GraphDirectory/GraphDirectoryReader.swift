public import BackupContracts
import BackupModel
public import Foundation
public import Logging
import NIOHTTP1

/// Reads tenants through Microsoft Graph: tokens, throttling, retries and the shape of answers are taken care of here.
///
/// One reader serves all tenants of a process: it holds one HTTP client, one cache of tokens and the slices drawn from
/// the shared budget. Copies share them. ``shutdown()`` must be called before the last copy goes.
public struct GraphDirectoryReader: DirectoryReader {
    let options: GraphOptions
    let time: GraphTime
    let transport: HTTPTransport
    let tokens: TokenCache
    let slices: BudgetSlices
    let extensions: ExtensionNames
    let logger: Logger
    let observe: @Sendable (GraphObservation) -> Void

    static let userAgent = "entra-backup/1"

    /// - Parameters:
    ///   - budget: the quota that all readers of all processes share.
    ///   - clock: what pauses are waited for with.
    ///   - unixTime: seconds since 1970, for certificates and assertions.
    ///   - observe: is told of every answered request, for metrics.
    ///   - random: numbers in 0..<1, for the jitter of pauses.
    public init(
        budget: any ResourceBudget, options: GraphOptions = GraphOptions(),
        clock: any Clock<Duration> = ContinuousClock(),
        unixTime: @escaping @Sendable () -> Double = { Date().timeIntervalSince1970 },
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) },
        observe: @escaping @Sendable (GraphObservation) -> Void = { _ in }, logger: Logger
    ) {
        self.options = options
        self.logger = logger
        self.observe = observe
        time = GraphTime(clock: clock, unix: unixTime, random: random)
        transport = HTTPTransport(pool: HTTPPool(options), options: options)
        tokens = TokenCache(TokenSource(transport: transport, options: options, time: time, logger: logger))
        slices = BudgetSlices(budget, elapsed: time.elapsed)
        extensions = ExtensionNames(elapsed: time.elapsed)
    }

    /// Closes all connections; reads that are under way, and later ones, fail as ``FailureCode/graphUnreachable``.
    public func shutdown() async {
        await transport.pool.shutdown()
    }

    /// See ``DirectoryReader``. Of the token in hand, which serves for four fifths of its life; else of a new one.
    public func permissions(_ connection: DirectoryConnection) async throws(StageFailure) -> Set<String> {
        try await tokens.token(connection).roles
    }

    /// See ``DirectoryReader``. A link of another host throws ``FailureCode/nextLinkForeign`` before anything is sent.
    public func read(
        _ request: DirectoryRequest, _ connection: DirectoryConnection
    ) async throws(StageFailure) -> DirectoryAnswer {
        let endpoints = try GraphEndpoints(connection)
        let (version, path) = try endpoints.resolve(request)
        let call = GraphCall(
            method: .GET, url: "\(endpoints.graph.text)/\(version)\(path)",
            label: GraphEndpoints.label("GET", version, path), headers: Self.headers(request),
            scope: request.scope, units: Self.units(request))
        var effort = GraphEffort(patience: options.patience)
        let reply = try await exchange(call, connection, &effort)
        return DirectoryAnswer(body: reply.body, requests: effort.requests)
    }

    /// The request's own headers and those that every read has, also inside a batch.
    static func headers(_ request: DirectoryRequest) -> [String: String] {
        var headers = ["Accept": "application/json"]
        // Low is throttled first: a backup must not be in the way of people.
        headers["x-ms-throttle-priority"] = "Low"
        // Else unknown members of an enumeration come as `unknownFutureValue`, and the backup has lost them.
        var preferences = ["include-unknown-enum-members"]
        for (name, value) in request.headers {
            switch name.lowercased() {
            case "prefer": preferences.append(value)
            case "authorization", "host", "client-request-id": continue
            default: headers[headers.keys.first { $0.lowercased() == name.lowercased() } ?? name] = value
            }
        }
        headers["Prefer"] = preferences.joined(separator: ", ")
        return headers
    }

    /// Only the identity limit counts units; the others count requests.
    static func units(_ request: DirectoryRequest) -> Int {
        request.scope == .identity ? max(1, request.units) : 1
    }
}

/// One request that Microsoft Graph has answered.
public struct GraphObservation: Sendable, Hashable {
    /// HTTP status.
    public var status: Int
    /// Resource units that Graph counted, or that were expected where it does not say.
    public var units: Int
}

/// What a new tenant answers.
public struct GraphProbe: Sendable, Hashable {
    /// Application permissions in the token.
    public var permissions: Set<String>
    /// The organization's display name; `nil` when no permission lets it be read. Directory content: not for logs.
    public var organizationName: String?
}

extension GraphDirectoryReader {
    /// Asks for a token and for the organization: whether credential, consent, cloud and tenant fit together.
    ///
    /// Costs two or three requests. Fails with the same codes as a backup would.
    public func probe(_ connection: DirectoryConnection) async throws(StageFailure) -> GraphProbe {
        let permissions = try await permissions(connection)
        let request = DirectoryRequest(
            target: "/organization?$select=id,displayName", version: "v1.0", scope: .identity, units: 1)
        do {
            let answer = try await read(request, connection)
            return GraphProbe(permissions: permissions, organizationName: Self.organizationName(answer.body))
        } catch  where error.code == .permissionMissing {
            return GraphProbe(permissions: permissions, organizationName: nil)
        }
    }

    private struct Organizations: Decodable {
        struct Entry: Decodable {
            var displayName: String?
        }
        var value: [Entry]
    }

    private static func organizationName(_ body: [UInt8]) -> String? {
        (try? JSONDecoder().decode(Organizations.self, from: Data(body)))?.value.first?.displayName
    }
}
