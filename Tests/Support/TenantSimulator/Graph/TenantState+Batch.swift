import NIOCore

extension TenantState {
    /// Answers a batch: each item is a request of its own, with its own limits and faults.
    mutating func batch(_ request: GraphRequest, _ caller: Caller) -> GraphResponse {
        do throws(GraphFailure) {
            let items = try batchItems(request)
            statistics.batches += 1
            var answers: [(String, GraphResponse)] = []
            var failed: Set<String> = []
            for item in items {
                let answer: GraphResponse
                if item.dependencies.contains(where: failed.contains) {
                    answer = GraphFailure(
                        status: 424, code: "FailedDependency", message: "A request that this one depends on failed."
                    ).response(requestID: item.id, clientRequestID: nil, time: Timestamp.text(world.now))
                } else {
                    answer = faulty(item.request, caller, transport: false).0
                }
                if answer.status >= 400 { failed.insert(item.id) }
                answers.append((item.id, answer))
            }
            answers.shuffle(using: &random)
            return Self.batchAnswer(answers)
        } catch {
            return error.response(
                requestID: SeededRandom.guid(requests, 3), clientRequestID: request.headers["client-request-id"],
                time: Timestamp.text(world.now))
        }
    }

    private struct BatchItem {
        let id: String
        let request: GraphRequest
        let dependencies: [String]
    }

    private func batchItems(_ request: GraphRequest) throws(GraphFailure) -> [BatchItem] {
        guard let value = try? SimulatedJSON.parse(request.body), let list = value["requests"]?.items else {
            throw .badRequest("Unable to read JSON request payload.", code: "BadRequest")
        }
        guard !list.isEmpty, list.count <= 20 else {
            throw .badRequest(
                "Number of batch request steps exceeds the maximum value of 20.", code: "MaximumValueExceeded")
        }
        var seen: Set<String> = []
        var items: [BatchItem] = []
        for entry in list {
            guard let id = entry["id"]?.text, let method = entry["method"]?.text, let url = entry["url"]?.text else {
                throw .badRequest("The batch request id, method and url are required.", code: "BadRequest")
            }
            guard seen.insert(id.lowercased()).inserted else {
                throw .badRequest("Duplicate request id '\(id)' in the batch.", code: "BadRequest")
            }
            let item = try batchItem(entry, method, url, request)
            items.append(
                BatchItem(id: id, request: item, dependencies: entry["dependsOn"]?.items?.compactMap(\.text) ?? []))
        }
        return items
    }

    private func batchItem(
        _ entry: SimulatedJSON, _ method: String, _ url: String, _ outer: GraphRequest
    ) throws(GraphFailure) -> GraphRequest {
        let target = url.hasPrefix("/") ? url : "/\(url)"
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = GraphRequest.segments(parts[0])
        guard path.first?.lowercased() != "$batch", !["v1.0", "beta"].contains(path.first?.lowercased()) else {
            throw .badRequest(
                "Invalid batch payload: urls are relative to the version, and batches do not nest.", code: "BadRequest")
        }
        var headers: [String: String] = [:]
        for (name, value) in entry["headers"]?.members ?? [] { headers[name.lowercased()] = value.text ?? "" }
        if let agent = outer.headers["user-agent"], headers["user-agent"] == nil { headers["user-agent"] = agent }
        let body = entry["body"]
        if let body, !body.isNull, headers["content-type"] == nil {
            throw .badRequest(
                "The Content-Type header is required for request '\(entry["id"]?.text ?? "")'.", code: "BadRequest")
        }
        var request = outer
        request.method = method.uppercased()
        request.path = path
        request.query = GraphRequest.Query(parts.count > 1 ? parts[1] : "")
        request.headers = headers
        request.body = body?.encoded ?? []
        request.target = target
        request.isBatchItem = true
        return request
    }

    private static func batchAnswer(_ answers: [(String, GraphResponse)]) -> GraphResponse {
        var body = ByteBuffer()
        body.reserveCapacity(answers.reduce(100) { $0 + ($1.1.body?.readableBytes ?? 0) + 300 })
        body.writeString(#"{"responses":["#)
        for (id, answer) in answers {
            body.writeString(#"{"id":"#)
            body.writeJSON(id)
            body.writeString(#","status":\#(answer.status),"headers":{"Cache-Control":"no-cache","#)
            for (name, value) in answer.headers where name != "Content-Type" {
                body.writeJSON(name)
                body.writeInteger(UInt8(ascii: ":"))
                body.writeJSON(value)
                body.writeInteger(UInt8(ascii: ","))
            }
            let isText = answer.headers.contains { $0.0 == "Content-Type" && $0.1 == "text/plain" }
            body.writeString(#""Content-Type":"\#(isText ? "text/plain" : "application/json")"}"#)
            if var content = answer.body {
                body.writeString(#","body":"#)
                if isText { body.writeJSON(String(buffer: content)) } else { body.writeBuffer(&content) }
            }
            body.writeString("},")
        }
        body.closeArray()
        body.writeInteger(UInt8(ascii: "}"))
        return GraphResponse(status: 200, headers: [("x-ms-resource-unit", "0")], body: body)
    }
}
