import AsyncHTTPClient
import BackupContracts
import BackupModel
import Foundation
import Logging
import NIOHTTP1

/// One request to Graph, ready to be sent any number of times.
struct GraphCall: Sendable {
    var method: HTTPMethod
    var url: String
    /// The request in messages.
    var label: String
    var headers: [String: String]
    var body: [UInt8]?
    var scope: ThrottleScope
    var units: Int
}

/// What one read has cost so far.
struct GraphEffort: Sendable {
    var decision: RetryDecision
    var requests = 0

    init(patience: Duration) {
        decision = RetryDecision(patience: patience)
    }
}

/// A complete answer, and the token that brought it.
struct GraphReply: Sendable {
    var body: [UInt8]
    var token: AccessToken
}

extension GraphDirectoryReader {
    /// Sends `call` until it is answered or given up.
    func exchange(
        _ call: GraphCall, _ connection: DirectoryConnection, _ effort: inout GraphEffort
    ) async throws(StageFailure) -> GraphReply {
        while true {
            try await draw(call, connection, &effort.decision)
            let token = try await tokens.token(connection)
            let outcome = await sendOnce(call, token)
            effort.requests += 1
            await correct(call, connection, outcome)
            let event = try Self.event(outcome.result, call.label)
            switch effort.decision.action(for: event, scope: call.scope, random: time.random()) {
            case .accept:
                guard case .success(let reply) = outcome.result else { continue }
                return GraphReply(body: reply.body, token: token)
            case .renewToken: await tokens.reject(token, connection)
            case .retry(let pause):
                try await prepare(pause, call.scope, connection, outcome.generation)
                try await Self.sleep(pause.duration, time)
            case .fail(let code, let pause):
                if let pause { try await prepare(pause, call.scope, connection, outcome.generation) }
                throw Self.failure(code, call.label, outcome.result, error: event.error, retryAfter: pause?.duration)
            }
        }
    }

    /// One try, logged and counted.
    func sendOnce(
        _ call: GraphCall, _ token: AccessToken, _ beforeSend: BeforeSend? = nil
    ) async -> HTTPTransport.Outcome {
        let requestID = UUID().uuidString.lowercased()
        var request = Self.request(call, token, requestID)
        if let body = call.body, let beforeSend {
            let guarded = GuardedBody(bytes: body, beforeSend: beforeSend)
            request.body = .stream(guarded, length: .known(Int64(body.count)))
        } else {
            // It is complete with its head, which nothing can keep back.
            do throws(StageFailure) {
                try await beforeSend?()
            } catch {
                return HTTPTransport.Outcome(result: .failure(.heldBack(error)), generation: -1)
            }
        }
        let outcome = await transport.send(request)
        log(call, requestID, outcome)
        if case .success(let reply) = outcome.result {
            let units = reply.headers.first(name: "x-ms-resource-unit").flatMap { Int($0) } ?? call.units
            observe(GraphObservation(status: reply.status, units: units))
        }
        return outcome
    }

    private static func request(_ call: GraphCall, _ token: AccessToken, _ requestID: String) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: call.url)
        request.method = call.method
        if let body = call.body { request.body = .bytes(body) }
        for (name, value) in call.headers { request.headers.replaceOrAdd(name: name, value: value) }
        request.headers.replaceOrAdd(name: "Authorization", value: "Bearer \(token.value)")
        request.headers.replaceOrAdd(name: "client-request-id", value: requestID)
        request.headers.replaceOrAdd(name: "User-Agent", value: userAgent)
        return request
    }

    /// Waits until the shared budget grants the call's units.
    private func draw(
        _ call: GraphCall, _ connection: DirectoryConnection, _ decision: inout RetryDecision
    ) async throws(StageFailure) {
        while let wait = try await slices.take(call.units, connection.tenant, call.scope) {
            guard decision.spend(wait) else {
                throw StageFailure(
                    .graphThrottled, "\(call.label) waits for the tenant's share of Microsoft Graph.", retryAfter: wait)
            }
            try await Self.sleep(wait, time)
        }
    }

    private func correct(
        _ call: GraphCall, _ connection: DirectoryConnection, _ outcome: HTTPTransport.Outcome
    ) async {
        guard call.scope == .identity, case .success(let reply) = outcome.result,
            let cost = reply.headers.first(name: "x-ms-resource-unit").flatMap({ Int($0) })
        else { return }
        await slices.correct(by: cost - call.units, connection.tenant, call.scope)
    }

    /// What has to happen before a pause, whether it is waited for here or left to the next attempt.
    func prepare(
        _ pause: RetryDecision.Pause, _ scope: ThrottleScope, _ connection: DirectoryConnection, _ generation: Int
    ) async throws(StageFailure) {
        if pause.freshConnection { await transport.pool.retire(generation) }
        if pause.wholeTenant { try await slices.pause(pause.duration, connection.tenant, scope) }
    }

    static func sleep(_ duration: Duration, _ time: GraphTime) async throws(StageFailure) {
        do {
            try await time.sleep(duration)
        } catch {
            throw cancelled
        }
    }

    private static let cancelled = StageFailure(.graphUnreachable, "The read was cancelled.")

    /// What a try means to the retry rules; what no repeat can mend is thrown.
    static func event(
        _ result: Result<HTTPReply, HTTPProblem>, _ label: String
    ) throws(StageFailure) -> RetryDecision.Event {
        switch result {
        case .failure(.notSent), .failure(.unreachable): return .unreachable
        case .failure(.cut): return .cut
        case .failure(.tooLong):
            throw StageFailure(.graphAnswerMalformed, "\(label) was answered with more bytes than the limit allows.")
        case .failure(.cancelled): throw cancelled
        case .failure(.heldBack(let failure)): throw failure
        case .failure(.shutDown):
            throw StageFailure(.graphUnreachable, "\(label) was not sent: the reader has been shut down.")
        case .success(let reply) where reply.status == 200:
            guard let members = JSONScan.members(reply.body) else { return .malformed }
            guard let error = GraphErrorBody(reply.body, members: members) else {
                return .answer(status: 200, retryAfter: nil, error: nil)
            }
            return .answer(status: error.impliedStatus, retryAfter: retryAfter(reply.headers), error: error)
        case .success(let reply):
            return .answer(
                status: reply.status, retryAfter: retryAfter(reply.headers), error: GraphErrorBody(reply.body))
        }
    }

    /// Seconds; Graph does not send the form with a date.
    static func retryAfter(_ headers: HTTPHeaders) -> Duration? {
        headers.first(name: "Retry-After").flatMap { seconds($0) }
    }

    /// At most a day: a number out of all measure must not end in arithmetic overflow.
    static func seconds(_ text: String) -> Duration? {
        guard let value = Double(text), value >= 0 else { return nil }
        return .milliseconds(Int(min(value, 86_400) * 1000))
    }

    static func failure(
        _ code: FailureCode, _ label: String, _ result: Result<HTTPReply, HTTPProblem>, error: GraphErrorBody?,
        retryAfter: Duration?
    ) -> StageFailure {
        switch result {
        case .failure(.notSent(let why)), .failure(.unreachable(let why)):
            StageFailure(code, "\(label) got no answer: \(why).", retryAfter: retryAfter)
        case .failure(.cut(let why)):
            StageFailure(code, "The answer to \(label) was cut: \(why).", retryAfter: retryAfter)
        case .success(let reply) where code == .graphAnswerMalformed:
            StageFailure(
                code, "The answer to \(label) (\(reply.body.count) bytes) is not complete JSON.", retryAfter: retryAfter
            )
        case .success(let reply):
            GraphFailure.failure(code, label, status: reply.status, error: error, retryAfter: retryAfter)
        case .failure: StageFailure(code, "\(label) failed.", retryAfter: retryAfter)
        }
    }

    private func log(_ call: GraphCall, _ requestID: String, _ outcome: HTTPTransport.Outcome) {
        var metadata: Logger.Metadata = ["request": "\(call.label)", "client-request-id": "\(requestID)"]
        var level = Logger.Level.debug
        switch outcome.result {
        case .success(let reply):
            metadata["status"] = "\(reply.status)"
            metadata["request-id"] = reply.headers.first(name: "request-id").map { "\($0)" }
            if reply.status != 200 { level = .info }
        case .failure(let problem):
            metadata["problem"] = "\(problem)"
            level = .info
        }
        logger.log(level: level, "Microsoft Graph was asked", metadata: metadata)
    }
}

extension RetryDecision.Event {
    var error: GraphErrorBody? {
        if case .answer(_, _, let error) = self { error } else { nil }
    }
}
