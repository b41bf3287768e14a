import BackupContracts
import BackupModel
import Foundation
import Logging
import Synchronization
import Testing

@testable import GraphDirectory

/// A reader, the server that it reads from, and what they share.
struct Bench {
    typealias Script = @Sendable (ScriptedServer.Seen, Int) -> ScriptedServer.Reply

    let server: ScriptedServer
    let reader: GraphDirectoryReader
    let clock: TestClock
    let budget: TestBudget
    let connection: DirectoryConnection

    /// Requests for tokens.
    var tokenRequests: [ScriptedServer.Seen] { server.all.filter(Self.isToken) }
    /// All other requests.
    var graphRequests: [ScriptedServer.Seen] { server.all.filter { !Self.isToken($0) } }

    static let tenant = "6d8f2c1e-4b7a-4f0e-9c3d-2a1b5e7f9041"
    static let client = "0b6a1f52-8d3c-4e97-a1b4-c5d6e7f80912"

    /// - Parameters:
    ///   - token: answers the token endpoint; it is told how many requests came before.
    ///   - graph: answers everything else, likewise.
    static func with(
        token: @escaping Script = { _, count in .answer(200, jwt(count)) },
        budget: @escaping (TestClock) -> TestBudget = { TestBudget($0) }, options: GraphOptions = GraphOptions(),
        credential: DirectoryCredential = .clientSecret("s3cret+/&= ü"),
        unixTime: Double = Date().timeIntervalSince1970, graph: @escaping Script
    ) -> Setup {
        Setup(
            token: token, budget: budget, options: options, credential: credential, unixTime: unixTime, graph: graph)
    }

    struct Setup {
        let token: Script
        let budget: (TestClock) -> TestBudget
        let options: GraphOptions
        let credential: DirectoryCredential
        let unixTime: Double
        let graph: Script

        /// Runs `work` beside a server of its own, which is closed whatever happens.
        func run<Result>(_ work: (Bench) async throws -> Result) async throws -> Result {
            let counts = Mutex((token: 0, graph: 0))
            let (token, graph) = (token, graph)
            let script: ScriptedServer.Script = { request in
                let isToken = Bench.isToken(request)
                let earlier = counts.withLock { counts in
                    defer { if isToken { counts.token += 1 } else { counts.graph += 1 } }
                    return isToken ? counts.token : counts.graph
                }
                return isToken ? token(request, earlier) : graph(request, earlier)
            }
            return try await ScriptedServer.with(script).run { server in
                let bench = try bench(server)
                let result: Swift.Result<Result, any Error>
                do {
                    result = .success(try await work(bench))
                } catch {
                    result = .failure(error)
                }
                await bench.reader.shutdown()
                return try result.get()
            }
        }

        private func bench(_ server: ScriptedServer) throws -> Bench {
            let (clock, unixTime) = (TestClock(), unixTime)
            let connection = DirectoryConnection(
                tenant: try #require(TenantID(Bench.tenant)), clientID: Bench.client, credential: credential,
                graphURL: server.url, authorityURL: server.url)
            let budget = budget(clock)
            let reader = GraphDirectoryReader(
                budget: budget, options: options, clock: clock, unixTime: { unixTime }, random: { 0.5 },
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            return Bench(server: server, reader: reader, clock: clock, budget: budget, connection: connection)
        }
    }

    /// Reads `target` and returns the failure.
    func failure(
        _ target: String = "/users", scope: ThrottleScope = .identity,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async -> StageFailure? {
        await #expect(throws: StageFailure.self, sourceLocation: sourceLocation) {
            try await reader.read(Self.request(target, scope: scope), connection)
        }
    }

    func read(_ target: String = "/users", scope: ThrottleScope = .identity) async throws -> DirectoryAnswer {
        try await reader.read(Self.request(target, scope: scope), connection)
    }

    static func request(
        _ target: String = "/users", scope: ThrottleScope = .identity, version: String = "v1.0"
    ) -> DirectoryRequest {
        DirectoryRequest(target: target, version: version, scope: scope)
    }

    /// The token endpoint's answer with the `count`-th token.
    static func jwt(_ count: Int, roles: [String]? = ["User.Read.All"], life: Int = 3600) -> String {
        let claim = roles.map { #","roles":["# + $0.map { "\"\($0)\"" }.joined(separator: ",") + "]" } ?? ""
        let parts = [#"{"alg":"none"}"#, #"{"nonce":\#(count)\#(claim)}"#, "signature"]
        let token = parts.map { Data($0.utf8).base64URL }.joined(separator: ".")
        return #"{"token_type":"Bearer","expires_in":\#(life),"access_token":"\#(token)"}"#
    }

    static func error(_ code: String, _ message: String = "m", inner: String? = nil) -> String {
        let innerError = inner.map { #","innerError":{"code":"\#($0)","request-id":"r"}"# } ?? ""
        return #"{"error":{"code":"\#(code)","message":"\#(message)"\#(innerError)}}"#
    }

    private static func isToken(_ request: ScriptedServer.Seen) -> Bool { request.uri.hasSuffix("/token") }
}
