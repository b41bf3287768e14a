import AsyncHTTPClient
import BackupContracts
import Foundation
import Logging
import NIOHTTP1

/// An access token and what is known of it.
struct AccessToken: Sendable, Hashable {
    let value: String
    /// Application permissions that were consented to.
    let roles: Set<String>
    /// When to ask for the next one, by the reader's clock.
    let renewAt: Duration
}

/// Asks the token endpoint by client credentials; see
/// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>.
struct TokenSource: Sendable {
    let transport: HTTPTransport
    let options: GraphOptions
    let time: GraphTime
    let logger: Logger

    func fetch(_ connection: DirectoryConnection) async -> Result<AccessToken, StageFailure> {
        do {
            return .success(try await ask(connection))
        } catch {
            return .failure(error)
        }
    }

    private func ask(_ connection: DirectoryConnection) async throws(StageFailure) -> AccessToken {
        let endpoints = try GraphEndpoints(connection)
        let url = "\(endpoints.authority.text)/\(connection.tenant)/oauth2/v2.0/token"
        let label = "POST /\(connection.tenant)/oauth2/v2.0/token"
        var decision = RetryDecision(patience: options.patience)
        while true {
            let started = time.elapsed()
            // Made anew for each try: an assertion lives five minutes and is used once.
            let form = try form(connection, endpoints, url)
            let outcome = await transport.send(Self.request(url, form))
            let event = try Self.event(outcome.result, label)
            switch decision.action(for: event, scope: .none, random: time.random()) {
            case .accept:
                guard case .success(let reply) = outcome.result else { continue }
                return try token(reply.body, label, asked: started)
            case .retry(let pause):
                logger.info("The token endpoint is asked again", metadata: ["pause": "\(pause.duration)"])
                if pause.freshConnection { await transport.pool.retire(outcome.generation) }
                try await GraphDirectoryReader.sleep(pause.duration, time)
            case .fail(let code, let pause): throw Self.failure(code, label, outcome.result, pause?.duration)
            case .renewToken:
                throw StageFailure(.credentialsInvalid, "\(label) was refused.")
            }
        }
    }

    private static func request(_ url: String, _ form: String) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        request.headers.add(name: "Accept", value: "application/json")
        request.headers.add(name: "User-Agent", value: GraphDirectoryReader.userAgent)
        request.headers.add(name: "client-request-id", value: UUID().uuidString.lowercased())
        request.body = .bytes(Array(form.utf8))
        return request
    }

    private func form(
        _ connection: DirectoryConnection, _ endpoints: GraphEndpoints, _ url: String
    ) throws(StageFailure) -> String {
        var fields = [
            ("client_id", connection.clientID), ("scope", endpoints.scope), ("grant_type", "client_credentials"),
        ]
        switch connection.credential {
        case .clientSecret(let secret): fields.append(("client_secret", secret))
        case .clientCertificate(let certificate, let privateKey):
            let now = time.unix()
            let assertion = try ClientAssertion(certificate: certificate, privateKey: privateKey, now: now)
            fields.append(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"))
            fields.append(
                ("client_assertion", try assertion.token(audience: url, clientID: connection.clientID, now: now)))
        }
        return fields.map { "\($0.0)=\(Self.formEncoded($0.1))" }.joined(separator: "&")
    }

    private static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

    private static func formEncoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }

    /// Refusals end here, by their AADSTS number; the rest is for the retry rules.
    private static func event(
        _ result: Result<HTTPReply, HTTPProblem>, _ label: String
    ) throws(StageFailure) -> RetryDecision.Event {
        guard case .success(let reply) = result, (400..<500).contains(reply.status), reply.status != 429,
            reply.status != 408
        else { return try GraphDirectoryReader.event(result, label) }
        let refusal = TokenFailure(body: reply.body)
        guard let code = refusal.code else {
            return .answer(status: 503, retryAfter: GraphDirectoryReader.retryAfter(reply.headers), error: nil)
        }
        let what = refusal.label.isEmpty ? "status \(reply.status)" : "status \(reply.status), \(refusal.label)"
        throw StageFailure(code, "\(label) was answered with \(what).")
    }

    private static func failure(
        _ code: FailureCode, _ label: String, _ result: Result<HTTPReply, HTTPProblem>, _ retryAfter: Duration?
    ) -> StageFailure {
        GraphDirectoryReader.failure(code, label, result, error: nil, retryAfter: retryAfter)
    }

    private func token(_ body: [UInt8], _ label: String, asked: Duration) throws(StageFailure) -> AccessToken {
        let members = JSONScan.members(body) ?? []
        guard
            let value = members.first(where: { $0.key == "access_token" }).flatMap({ JSONScan.string(body, $0.value) }),
            let life = members.first(where: { $0.key == "expires_in" }).flatMap({ JSONScan.integer(body, $0.value) }),
            let roles = Self.roles(value)
        else {
            throw StageFailure(.graphAnswerMalformed, "\(label) was answered without a usable access token.")
        }
        guard !roles.isEmpty else {
            throw StageFailure(
                .consentMissing, "The token for the tenant holds no application permission: none was consented to.")
        }
        return AccessToken(value: value, roles: roles, renewAt: asked + .seconds(max(0, life)) * 0.8)
    }

    private struct Payload: Decodable {
        var roles: [String]?
    }

    /// The `roles` claim; `nil` when the token is no JWT. Its signature is for Graph to check.
    private static func roles(_ token: String) -> Set<String>? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let data = Data(base64URL: parts[1]),
            let payload = try? JSONDecoder().decode(Payload.self, from: data)
        else { return nil }
        return Set(payload.roles ?? [])
    }
}
