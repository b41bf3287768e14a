import BackupContracts
import BackupModel
import Foundation
import Synchronization
import Testing

@testable import GraphDirectory

struct BatchTests {
    struct Asked: Decodable {
        struct Item: Decodable {
            var id: String
            var method: String
            var url: String
            var headers: [String: String]
        }
        var requests: [Item]
    }

    static func asked(_ request: ScriptedServer.Seen) throws -> [Asked.Item] {
        try JSONDecoder().decode(Asked.self, from: Data(request.body)).requests
    }

    /// Answers a batch item by item, in an order that is not the request's.
    static func script(
        _ item: @escaping @Sendable (Asked.Item) -> (status: Int, headers: String, body: String)?
    ) -> Bench.Script {
        { request, _ in
            let parts = ((try? asked(request)) ?? []).reversed().compactMap { asked -> String? in
                guard let answer = item(asked) else { return nil }
                return #"{"id":"\#(asked.id)","headers":{\#(answer.headers)},"body":\#(answer.body),"#
                    + #""status":\#(answer.status)}"#
            }
            return .answer(200, #"{"responses":[\#(parts.joined(separator: ", "))]}"#)
        }
    }

    static func requests(_ count: Int, version: String = "v1.0") -> [DirectoryRequest] {
        (0..<count).map { Bench.request("/users/\($0)", version: version) }
    }

    static func text(_ answer: BatchItemAnswer) -> String {
        switch answer {
        case .success(let body): String(decoding: body, as: UTF8.self)
        case .notFound: "not found"
        case .failure(let failure): failure.code.name
        }
    }

    static func body(_ url: String) -> String { #"{"url":"\#(url)"}"# }

    @Test func `Answers come in the order of the requests, twenty a batch, versions apart`() async throws {
        let script = Self.script { item in (200, "", Self.body(item.url)) }
        try await Bench.with(graph: script).run { bench in
            var requests = Self.requests(45)
            requests.insert(Bench.request("/beta-thing", version: "beta"), at: 7)
            let batch = try await bench.reader.readBatch(requests, bench.connection)
            #expect(batch.answers.map(Self.text) == requests.map { Self.body($0.target) })
            #expect(batch.requests == 4)
            let sent = try bench.graphRequests.map { ($0.uri, try Self.asked($0)) }
            #expect(sent.map(\.0).sorted() == ["/beta/$batch", "/v1.0/$batch", "/v1.0/$batch", "/v1.0/$batch"])
            for (_, items) in sent {
                #expect(items.map(\.id) == (1...items.count).map { "\($0)" })
                #expect(items.count <= 20)
                #expect(items.allSatisfy { $0.method == "GET" && $0.headers["Prefer"] != nil })
            }
            #expect(bench.graphRequests.allSatisfy { $0.header("Content-Type") == "application/json" })
        }
    }

    @Test func `An item has its own headers`() async throws {
        try await Bench.with(graph: Self.script { _ in (200, "", "{}") }).run { bench in
            var requests = Self.requests(2)
            requests[1].headers = ["ConsistencyLevel": "eventual"]
            _ = try await bench.reader.readBatch(requests, bench.connection)
            let items = try Self.asked(try #require(bench.graphRequests.first))
            #expect(items.map { $0.headers["ConsistencyLevel"] } == [nil, "eventual"])
            #expect(items.allSatisfy { $0.headers["Authorization"] == nil })
        }
    }

    @Test func `Bodies keep every byte`() async throws {
        let body = #"{ "big":123456789012345678901234567890, "f":1.10, "e":1E+2,"s":"\u00e9\/\"}" ,"a":[ ] }"#
        try await Bench.with(graph: Self.script { _ in (200, "", body) }).run { bench in
            let batch = try await bench.reader.readBatch(Self.requests(1), bench.connection)
            #expect(Self.text(batch.answers[0]) == body)
        }
    }

    @Test func `Each item has its own outcome`() async throws {
        let script = Self.script { item in
            switch item.url {
            case "/users/1": (404, "", Bench.error("Request_ResourceNotFound"))
            case "/users/2": (403, "", Bench.error("Authorization_RequestDenied"))
            case "/users/3": (410, "", Bench.error("Gone"))
            case "/users/4": (400, "", Bench.error("Request_BadRequest"))
            case "/users/5": (200, "", Bench.error("Authorization_RequestDenied"))
            case "/users/6": (500, "", "null")
            case "/users/7": (200, "", "null")
            default: (200, "", "{}")
            }
        }
        try await Bench.with(graph: script).run { bench in
            let batch = try await bench.reader.readBatch(Self.requests(9), bench.connection)
            #expect(
                batch.answers.map(Self.text) == [
                    "{}", "not found", "permissionMissing", "deltaLinkExpired", "graphRequestRejected",
                    "permissionMissing", "graphServerError", "graphAnswerMalformed", "{}",
                ])
            // The failed ones alone are sent again.
            #expect(try bench.graphRequests.map { try Self.asked($0).count } == [9, 2, 2, 1])
        }
    }

    @Test func `Throttled items are sent again after the longest pause`() async throws {
        let seen = Mutex<[String: Int]>([:])
        let script = Self.script { item in
            let count = seen.withLock { seen in
                seen[item.url, default: 0] += 1
                return seen[item.url] ?? 0
            }
            return switch (item.url, count) {
            case ("/users/1", 1): (429, #""Retry-After":"3""#, Bench.error("TooManyRequests"))
            case ("/users/4", 1): (429, #""retry-after":"8""#, Bench.error("TooManyRequests"))
            case ("/users/5", 1): (503, "", Bench.error("ServiceUnavailable"))
            default: (200, "", Self.body(item.url))
            }
        }
        try await Bench.with(graph: script).run { bench in
            let batch = try await bench.reader.readBatch(Self.requests(6), bench.connection)
            #expect(batch.answers.map(Self.text) == (0..<6).map { Self.body("/users/\($0)") })
            #expect(batch.requests == 2)
            #expect(bench.clock.sleeps == [.seconds(8)])
            #expect(bench.budget.pauses == [TestBudget.Pause(duration: .seconds(8), scope: .identity)])
            #expect(try Self.asked(bench.graphRequests[1]).map(\.url) == ["/users/1", "/users/4", "/users/5"])
        }
    }

    @Test func `An item that is throttled for long fails alone`() async throws {
        let script = Self.script { item in
            item.url == "/users/1" ? (429, #""Retry-After":"90""#, "{}") : (200, "", "{}")
        }
        try await Bench.with(graph: script).run { bench in
            let batch = try await bench.reader.readBatch(Self.requests(2), bench.connection)
            #expect(batch.answers.map(Self.text) == ["{}", "graphThrottled"])
            guard case .failure(let failure) = batch.answers[1] else { throw Unexpected() }
            #expect(failure.retryAfter == .seconds(90))
            #expect(bench.budget.pauses.map(\.duration) == [.seconds(90)])
            #expect(bench.clock.sleeps.isEmpty)
        }
    }

    @Test func `An item without an answer is asked for again, then given up`() async throws {
        let script = Self.script { $0.url == "/users/1" ? nil : (200, "", "{}") }
        try await Bench.with(graph: script).run { bench in
            let batch = try await bench.reader.readBatch(Self.requests(3), bench.connection)
            #expect(batch.answers.map(Self.text) == ["{}", "graphAnswerMalformed", "{}"])
            #expect(batch.requests == 3)
        }
    }

    @Test func `A token that ends within a batch is renewed`() async throws {
        let refused = Mutex(true)
        let script = Self.script { item in
            let isFirst = refused.withLock { refused in
                defer { if item.url == "/users/0" { refused = false } }
                return refused
            }
            return item.url == "/users/0" && isFirst
                ? (401, "", Bench.error("InvalidAuthenticationToken")) : (200, "", "{}")
        }
        try await Bench.with(graph: script).run { bench in
            let batch = try await bench.reader.readBatch(Self.requests(2), bench.connection)
            #expect(batch.answers.map(Self.text) == ["{}", "{}"])
            #expect(bench.tokenRequests.count == 2)
        }
    }

    @Test func `A batch that fails as a whole fails the call`() async throws {
        try await Bench.with(graph: { _, _ in .answer(403, Bench.error("Authorization_RequestDenied")) }).run { bench in
            let failure = await #expect(throws: StageFailure.self) {
                try await bench.reader.readBatch(Self.requests(200), bench.connection)
            }
            #expect(failure?.code == .permissionMissing)
            #expect(failure?.message.contains("POST /v1.0/$batch") == true)
        }
    }

    @Test func `An answer that is no batch is malformed for every item`() async throws {
        try await Bench.with(graph: { _, _ in .answer(200, #"{"value":[]}"#) }).run { bench in
            let batch = try await bench.reader.readBatch(Self.requests(2), bench.connection)
            #expect(batch.answers.map(Self.text) == ["graphAnswerMalformed", "graphAnswerMalformed"])
        }
    }

    @Test func `Absolute links of this Graph become relative`() async throws {
        try await Bench.with(graph: Self.script { (200, "", Self.body($0.url)) }).run { bench in
            let link = "\(bench.server.url)/beta/groups/1/members?$skiptoken=x"
            let batch = try await bench.reader.readBatch([Bench.request(link)], bench.connection)
            #expect(Self.text(batch.answers[0]) == Self.body("/groups/1/members?$skiptoken=x"))
            #expect(bench.graphRequests.first?.uri == "/beta/$batch")
        }
    }

    @Test func `The items' units are drawn together and set right by their true cost`() async throws {
        try await Bench.with(graph: Self.script { _ in (200, #""x-ms-resource-unit":"10""#, "{}") }).run { bench in
            let requests = (0..<20).map {
                DirectoryRequest(target: "/users/\($0)/x", version: "v1.0", scope: .identity, units: 3)
            }
            _ = try await bench.reader.readBatch(requests, bench.connection)
            _ = try await bench.read()
            // 175 drawn, 200 spent, 1 wanted.
            #expect(bench.budget.draws.map(\.units) == [175, 175])
            let held = bench.budget.draws.count
            for _ in 0..<149 { _ = try await bench.read() }
            #expect(bench.budget.draws.count == held)
            _ = try await bench.read()
            #expect(bench.budget.draws.count == held + 1)
        }
    }

    @Test func `No request, no batch`() async throws {
        try await Bench.with(graph: Self.script { _ in (200, "", "{}") }).run { bench in
            let batch = try await bench.reader.readBatch([], bench.connection)
            #expect(batch.answers.isEmpty && batch.requests == 0)
            #expect(bench.server.all.isEmpty)
        }
    }
}
