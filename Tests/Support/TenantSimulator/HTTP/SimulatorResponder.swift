import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The request's connection, for faults that break it.
struct SimulatorContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}

/// Answers every request: tokens, the directory service, and the control interface.
struct SimulatorResponder: HTTPResponder {
    typealias Context = SimulatorContext

    private let tenants: [String: SimulatedTenant]
    private let control: ControlInterface
    /// Signs tokens; made anew with every server, so that tokens do not outlive it.
    private let key: UInt64
    private let cache = TokenCache()
    private static let largestBody = 16 << 20

    init(tenants: [SimulatedTenant]) {
        self.tenants = Dictionary(tenants.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        control = ControlInterface(tenants: tenants)
        var random = SystemRandomNumberGenerator()
        key = random.next()
    }

    func respond(to request: Request, context: SimulatorContext) async throws -> Response {
        let path = request.head.path ?? "/"
        let body = try await request.body.collect(upTo: Self.largestBody)
        if path.hasPrefix("/_control") {
            return await control.respond(request.method.rawValue, path, Array(body.readableBytesView))
        }
        let parts = path.split(separator: "?", maxSplits: 1)
        if parts.first?.hasSuffix("/oauth2/v2.0/token") ?? false {
            return response(token(String(parts[0]), request, body), .normal, context)
        }
        let (answer, transport) = graph(path, request, body)
        if transport == .reset { return try await reset(context) }
        return response(answer, transport, context)
    }

    private func reset(_ context: SimulatorContext) async throws -> Response {
        // A linger time of zero makes closing a reset.
        if let options = context.channel as? any SocketOptionProvider {
            try? await options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        }
        try? await context.channel.close().get()
        throw SimulatorError(message: "The connection was reset on purpose.")
    }

    // MARK: Tokens

    private func token(_ path: String, _ request: Request, _ body: ByteBuffer) -> GraphResponse {
        let segments = path.split(separator: "/")
        let name = segments.count >= 4 ? String(segments[segments.count - 4]) : ""
        guard let tenant = tenants[name] else {
            return TenantState.tokenError(
                400, "invalid_request", 90_002,
                "Tenant '\(name)' not found. Check to make sure you have the correct tenant ID.")
        }
        let form = GraphRequest.Query(String(buffer: body)).values
        return tenant.state.withLock { $0.token(form, basic: basic(request), now: now(), key: key) }
    }

    private func basic(_ request: Request) -> (String, String)? {
        guard let header = request.headers[.authorization], header.hasPrefix("Basic "),
            let bytes = Base64.decode(header.dropFirst(6))
        else { return nil }
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        return (PercentEncoding.decode(parts[0]), PercentEncoding.decode(parts[1]))
    }

    private func now() -> Int { time(nil) }

    // MARK: The directory service

    private func graph(_ path: String, _ request: Request, _ body: ByteBuffer) -> (GraphResponse, Transport) {
        guard let request = graphRequest(path, request, body) else {
            return (
                failure(.badRequest("Invalid version: the path begins with /v1.0 or /beta.", code: "BadRequest")),
                .normal
            )
        }
        guard let header = request.headers["authorization"], header.lowercased().hasPrefix("bearer "),
            let token = cache.token(String(header.dropFirst(7)), key: key), let tenant = tenants[token.tenantID]
        else { return (failure(Self.unauthorized("Access token is empty or its signature is not valid.")), .normal) }
        guard token.expiry > now() else {
            return (failure(Self.unauthorized("Lifetime validation failed, the token is expired.")), .normal)
        }
        let caller = Caller(applicationID: token.applicationID, granted: token.roles)
        return tenant.state.withLock { state in
            if state.settings.recordsRequests {
                state.statistics.recorded.append((request.method, path, request.body))
            }
            guard request.path.first?.lowercased() == "$batch" else {
                return state.faulty(request, caller, transport: true)
            }
            if !state.faults.isEmpty, let effect = state.faults.strikeBatch(request) {
                return state.struck(effect, request, caller)
            }
            return (state.batch(request, caller), .normal)
        }
    }

    private static func unauthorized(_ message: String) -> GraphFailure {
        GraphFailure(
            status: 401, code: "InvalidAuthenticationToken", message: message,
            headers: [
                (
                    "WWW-Authenticate",
                    "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\""
                )
            ])
    }

    private func failure(_ failure: GraphFailure) -> GraphResponse {
        failure.response(requestID: SeededRandom.guid(key, 1), clientRequestID: nil, time: Timestamp.text(now()))
    }

    private func graphRequest(_ path: String, _ request: Request, _ body: ByteBuffer) -> GraphRequest? {
        let trimmed = path.dropFirst()
        guard let slash = trimmed.firstIndex(of: "/"),
            let version = GraphRequest.Version(rawValue: String(trimmed[..<slash]))
        else { return nil }
        let target = String(trimmed[slash...])
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        return GraphRequest(
            method: request.method.rawValue, version: version, path: GraphRequest.segments(parts[0]),
            query: GraphRequest.Query(parts.count > 1 ? parts[1] : ""), headers: headers,
            body: Array(body.readableBytesView), base: "http://\(request.head.authority ?? "127.0.0.1")", target: target
        )
    }

    // MARK: Answers

    private func response(_ answer: GraphResponse, _ transport: Transport, _ context: SimulatorContext) -> Response {
        var headers = HTTPFields()
        for (name, value) in answer.headers {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        if answer.body != nil, headers[.contentType] == nil {
            headers[.contentType] =
                "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
        }
        let status = HTTPResponse.Status(code: answer.status)
        guard let body = answer.body else { return Response(status: status, headers: headers) }
        switch transport {
        case .normal, .reset: return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: body))
        case .cut: return Response(status: status, headers: headers, body: cut(body, context))
        case .slow(let pause): return Response(status: status, headers: headers, body: slow(body, pause))
        }
    }

    private func cut(_ body: ByteBuffer, _ context: SimulatorContext) -> ResponseBody {
        let channel = context.channel
        return ResponseBody(contentLength: body.readableBytes) { writer in
            if let half = body.getSlice(at: body.readerIndex, length: body.readableBytes / 2) {
                try await writer.write(half)
            }
            try? await channel.close().get()
            throw SimulatorError(message: "The body was cut on purpose.")
        }
    }

    private func slow(_ body: ByteBuffer, _ pause: Int) -> ResponseBody {
        ResponseBody(contentLength: body.readableBytes) { writer in
            var rest = body
            while rest.readableBytes > 0 {
                guard let piece = rest.readSlice(length: min(rest.readableBytes, max(1, body.readableBytes / 16)))
                else { break }
                try await writer.write(piece)
                try await Task.sleep(for: .milliseconds(pause))
            }
            try await writer.finish(nil)
        }
    }
}

/// Parsed tokens, so that each is read once.
private final class TokenCache: Sendable {
    private let known = Mutex<[String: AccessToken]>([:])

    func token(_ text: String, key: UInt64) -> AccessToken? {
        if let token = known.withLock({ $0[text] }) { return token }
        guard let token = AccessToken(text, key: key) else { return nil }
        known.withLock { known in
            if known.count > 2_000 { known = [:] }
            known[text] = token
        }
        return token
    }
}
