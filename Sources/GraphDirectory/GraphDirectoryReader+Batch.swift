public import BackupContracts
import BackupModel
import NIOHTTP1

/// A request of a batch with its place among the answers.
private struct BatchItem {
    let index: Int
    let version: String
    /// Path and query without version.
    let url: String
    let request: DirectoryRequest
}

/// Twenty requests at most, of one version and one throttling scope.
private struct BatchChunk {
    let version: String
    let scope: ThrottleScope
    var items: [BatchItem]
}

private typealias ChunkResult = Result<(answers: [(Int, BatchItemAnswer)], requests: Int), StageFailure>

extension GraphDirectoryReader {
    /// See ``DirectoryReader``. What Graph limits to a few requests a second goes one by one. A batch that fails as a
    /// whole ends all; an item's failure is its answer.
    public func readBatch(
        _ requests: [DirectoryRequest], _ connection: DirectoryConnection
    ) async throws(StageFailure) -> (answers: [BatchItemAnswer], requests: Int) {
        let endpoints = try GraphEndpoints(connection)
        var answers = [BatchItemAnswer?](repeating: nil, count: requests.count)
        var batched: [BatchItem] = []
        var single: [BatchItem] = []
        for (index, request) in requests.enumerated() {
            do {
                let (version, path) = try endpoints.resolve(request)
                let item = BatchItem(index: index, version: version, url: path, request: request)
                // Limits of a few requests a second would refuse most of a batch: these are paced one by one.
                let isScarce = request.scope == .conditionalAccess || request.scope == .reports
                if isScarce { single.append(item) } else { batched.append(item) }
            } catch {
                answers[index] = .failure(error)
            }
        }
        var sent = try await readChunks(Self.chunks(batched), connection, endpoints, &answers)
        for item in single { sent += try await readSingle(item, connection, &answers[item.index]) }
        return (answers.map { $0 ?? .failure(Self.unanswered) }, sent)
    }

    private static let unanswered = StageFailure(.graphAnswerMalformed, "An item of a batch was not answered.")

    private static func chunks(_ items: [BatchItem]) -> [BatchChunk] {
        var full: [BatchChunk] = []
        var open: [BatchChunk] = []
        for item in items {
            let scope = item.request.scope
            guard let place = open.firstIndex(where: { $0.version == item.version && $0.scope == scope }) else {
                open.append(BatchChunk(version: item.version, scope: scope, items: [item]))
                continue
            }
            open[place].items.append(item)
            if open[place].items.count == BatchBody.limit { full.append(open.remove(at: place)) }
        }
        return full + open
    }

    /// Sends the chunks, some of them together; the first failure of a whole chunk ends all.
    private func readChunks(
        _ chunks: [BatchChunk], _ connection: DirectoryConnection, _ endpoints: GraphEndpoints,
        _ answers: inout [BatchItemAnswer?]
    ) async throws(StageFailure) -> Int {
        let results = await withTaskGroup(of: ChunkResult.self) { group in
            var waiting = chunks.makeIterator()
            for _ in 0..<options.batchesInFlight {
                guard let chunk = waiting.next() else { break }
                group.addTask { await readChunk(chunk, connection, endpoints) }
            }
            var results: [ChunkResult] = []
            while let result = await group.next() {
                results.append(result)
                if case .failure = result {
                    group.cancelAll()
                    break
                }
                if let chunk = waiting.next() { group.addTask { await readChunk(chunk, connection, endpoints) } }
            }
            return results
        }
        var sent = 0
        for result in results {
            let chunk = try result.get()
            sent += chunk.requests
            for (index, answer) in chunk.answers { answers[index] = answer }
        }
        return sent
    }

    private func readChunk(
        _ chunk: BatchChunk, _ connection: DirectoryConnection, _ endpoints: GraphEndpoints
    ) async -> ChunkResult {
        var run = BatchRun(chunk, options.patience)
        do {
            while !run.pending.isEmpty {
                var effort = GraphEffort(patience: options.patience)
                let reply = try await exchange(Self.call(chunk, run.pending, endpoints), connection, &effort)
                run.requests += effort.requests
                let cost = run.take(BatchBody.answers(reply.body) ?? [], random: time.random)
                if chunk.scope == .identity { await slices.correct(by: cost, connection.tenant, chunk.scope) }
                if run.mustRenewToken { await tokens.reject(reply.token, connection) }
                if let pause = run.throttled {
                    try await prepare(pause, chunk.scope, connection, -1)
                }
                if !run.pending.isEmpty, run.pause > .zero { try await Self.sleep(run.pause, time) }
            }
            return .success((run.answers, run.requests))
        } catch {
            return .failure(error)
        }
    }

    private static func call(
        _ chunk: BatchChunk, _ pending: [BatchItem], _ endpoints: GraphEndpoints
    ) -> GraphCall {
        let items = pending.enumerated().map { place, item in
            BatchBody.Item(id: "\(place + 1)", url: item.url, headers: headers(item.request))
        }
        return GraphCall(
            method: .POST, url: "\(endpoints.graph.text)/\(chunk.version)/$batch",
            label: "POST /\(chunk.version)/$batch",
            headers: [
                "Content-Type": "application/json", "Accept": "application/json", "x-ms-throttle-priority": "Low",
            ],
            body: BatchBody.encode(items), scope: chunk.scope,
            units: pending.reduce(0) { $0 + units($1.request) })
    }

    /// One read outside a batch whose failure is the item's alone where it says something about the item.
    private func readSingle(
        _ item: BatchItem, _ connection: DirectoryConnection, _ answer: inout BatchItemAnswer?
    ) async throws(StageFailure) -> Int {
        do {
            let page = try await read(item.request, connection)
            answer = .success(page.body)
            return page.requests
        } catch  where error.code == .collectionNotFound {
            answer = .notFound
        } catch  where error.disposition == .endCollection || error.code == .graphThrottled {
            answer = .failure(error)
        }
        return 1
    }
}

/// The items of a chunk from the first send to the last answer.
private struct BatchRun {
    private(set) var pending: [BatchItem]
    private(set) var answers: [(Int, BatchItemAnswer)] = []
    var requests = 0
    /// Of the last round: how long to wait before what is pending is sent again.
    private(set) var pause = Duration.zero
    /// Of the last round: what the tenant was asked for as a whole.
    private(set) var throttled: RetryDecision.Pause?
    private(set) var mustRenewToken = false
    private let scope: ThrottleScope
    private var decisions: [Int: RetryDecision]

    init(_ chunk: BatchChunk, _ patience: Duration) {
        pending = chunk.items
        scope = chunk.scope
        decisions = Dictionary(
            uniqueKeysWithValues: chunk.items.map { ($0.index, RetryDecision(patience: patience)) })
    }

    /// Sorts the answers of one round; items without one are sent again.
    /// - Returns: units that the round cost beyond what was expected.
    mutating func take(_ round: [BatchBody.Answer], random: () -> Double) -> Int {
        let byID = Dictionary(round.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let sent = pending
        (pending, pause, throttled, mustRenewToken) = ([], .zero, nil, false)
        var extra = 0
        for (place, item) in sent.enumerated() {
            let answer = byID["\(place + 1)"]
            if let cost = answer?.headers["x-ms-resource-unit"].flatMap({ Int($0) }) {
                extra += cost - GraphDirectoryReader.units(item.request)
            }
            settle(item, answer, random())
        }
        return extra
    }

    private mutating func settle(_ item: BatchItem, _ answer: BatchBody.Answer?, _ random: Double) {
        let event = Self.event(answer)
        var decision = decisions[item.index] ?? RetryDecision(patience: .zero)
        let action = decision.action(for: event, scope: scope, random: random)
        decisions[item.index] = decision
        switch action {
        case .accept: answers.append((item.index, .success(answer?.body ?? [])))
        case .renewToken:
            mustRenewToken = true
            pending.append(item)
        case .retry(let wish):
            pause = max(pause, wish.duration)
            note(wish)
            pending.append(item)
        case .fail(.collectionNotFound, _): answers.append((item.index, .notFound))
        case .fail(let code, let wish):
            if let wish { note(wish) }
            answers.append((item.index, .failure(Self.failure(code, item, answer, event.error, wish?.duration))))
        }
    }

    private mutating func note(_ wish: RetryDecision.Pause) {
        guard wish.wholeTenant else { return }
        throttled = RetryDecision.Pause(
            duration: max(throttled?.duration ?? .zero, wish.duration), wholeTenant: true)
    }

    private static func event(_ answer: BatchBody.Answer?) -> RetryDecision.Event {
        guard let answer else { return .malformed }
        let error = GraphErrorBody(answer.body)
        let retryAfter = answer.headers["retry-after"].flatMap { GraphDirectoryReader.seconds($0) }
        if answer.status != 200 { return .answer(status: answer.status, retryAfter: retryAfter, error: error) }
        if let error { return .answer(status: error.impliedStatus, retryAfter: retryAfter, error: error) }
        guard JSONScan.members(answer.body) != nil else { return .malformed }
        return .answer(status: 200, retryAfter: nil, error: nil)
    }

    private static func failure(
        _ code: FailureCode, _ item: BatchItem, _ answer: BatchBody.Answer?, _ error: GraphErrorBody?,
        _ retryAfter: Duration?
    ) -> StageFailure {
        let label = GraphEndpoints.label("GET", item.version, item.url) + " in a batch"
        guard let answer, code != .graphAnswerMalformed else {
            return StageFailure(code, "\(label) was not answered with complete JSON.", retryAfter: retryAfter)
        }
        return GraphFailure.failure(code, label, status: answer.status, error: error, retryAfter: retryAfter)
    }
}
