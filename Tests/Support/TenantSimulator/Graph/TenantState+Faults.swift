import NIOCore

/// What the HTTP side does with an answer.
enum Transport: Sendable, Equatable {
    case normal, cut, reset
    case slow(pause: Int)
}

extension TenantState {
    /// Answers a request, unless a fault strikes.
    ///
    /// - Parameter transport: whether faults of the connection can happen; they cannot to an item of a batch.
    mutating func faulty(_ request: GraphRequest, _ caller: Caller, transport: Bool) -> (GraphResponse, Transport) {
        guard !faults.isEmpty, let effect = faults.strike(request, (try? Route.find(request.path))?.type) else {
            return (answer(request, caller), .normal)
        }
        return struck(effect, request, caller, transport: transport)
    }

    /// Answers with a fault's effect; a batch is answered as a whole.
    mutating func struck(
        _ effect: FaultRule.Effect, _ request: GraphRequest, _ caller: Caller, transport: Bool = true
    ) -> (GraphResponse, Transport) {
        statistics.faults += 1
        if let failure = Self.failure(effect, request, caller) {
            requests += 1
            if let route = try? Route.find(request.path) { statistics.note(request, route) }
            let answer = failure.response(
                requestID: SeededRandom.guid(requests, 5), clientRequestID: request.headers["client-request-id"],
                time: Timestamp.text(world.now))
            statistics.noteAnswer(answer)
            return (answer, .normal)
        }
        let isBatch = request.path.first?.lowercased() == "$batch"
        var answer = isBatch ? batch(request, caller) : answer(request, caller)
        switch effect {
        case .cutBody where transport: return (answer, .cut)
        case .reset where transport: return (answer, .reset)
        case .slowBody(let pause) where transport: return (answer, .slow(pause: pause))
        case .lostAnswer:
            let lost = GraphFailure(status: 504, code: "GatewayTimeout", message: "The gateway timed out.")
            return (
                lost.response(
                    requestID: SeededRandom.guid(requests, 5), clientRequestID: request.headers["client-request-id"],
                    time: Timestamp.text(world.now)), .normal
            )
        case .malformedBody:
            if var body = answer.body, body.readableBytes > 0 {
                body.moveWriterIndex(to: body.writerIndex - 1)
                body.writeString("oops")
                answer.body = body
            }
        default: Self.change(&answer, effect, request)
        }
        return (answer, .normal)
    }

    private static func failure(_ effect: FaultRule.Effect, _ request: GraphRequest, _ caller: Caller) -> GraphFailure?
    {
        switch effect {
        case .status(429, let seconds): return Throttle.refusal(after: seconds.map(Double.init), caller)
        case .status(let status, let seconds):
            let codes = [
                500: "InternalServerError", 502: "BadGateway", 503: "ServiceUnavailable", 504: "GatewayTimeout",
            ]
            return GraphFailure(
                status: status, code: codes[status] ?? "UnknownError", message: "The service is not available.",
                headers: seconds.map { [("Retry-After", String($0))] } ?? [])
        case .expiredToken:
            return GraphFailure(
                status: 401, code: "InvalidAuthenticationToken",
                message: "Lifetime validation failed, the token is expired.")
        case .gone:
            let path = request.target.prefix { $0 != "?" }
            return GraphFailure(
                status: 410, code: "Directory_ResyncRequired", message: "Resync required.",
                headers: [("Location", "\(request.base)/\(request.version.rawValue)\(path)?$deltatoken=")])
        case .syncStateNotFound: return .expiredDeltaToken
        case .forbidden: return .denied
        default: return nil
        }
    }

    /// Changes a page after it was made.
    private static func change(_ answer: inout GraphResponse, _ effect: FaultRule.Effect, _ request: GraphRequest) {
        guard let buffer = answer.body, var value = try? SimulatedJSON.parse(Array(buffer.readableBytesView)),
            let items = value["value"]?.items
        else { return }
        let own = "\(request.base)/\(request.version.rawValue)\(request.target)"
        switch effect {
        case .foreignNextLink:
            guard let next = value["@odata.nextLink"]?.text else { return }
            value["@odata.nextLink"] = .string("https://graph.attacker.example" + next.dropFirst(request.base.count))
        case .loopingNextLink:
            value["@odata.nextLink"] = .string(own)
            value["@odata.deltaLink"] = nil
        case .emptyPage:
            value["value"] = .array([])
            value["@odata.nextLink"] = .string(own)
            value["@odata.deltaLink"] = nil
        case .duplicateItems: value["value"] = .array(items + items)
        default: return
        }
        answer.body = ByteBuffer(bytes: value.encoded)
    }
}
