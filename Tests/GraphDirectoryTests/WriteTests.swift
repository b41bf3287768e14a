import BackupContracts
import BackupModel
import Foundation
import Synchronization
import Testing

@testable import GraphDirectory

struct WriteTests {
    static func patch(_ path: String, scope: ThrottleScope = .identity, version: String = "v1.0") -> DirectoryWrite {
        DirectoryWrite(
            method: .patch, target: path, version: version, scope: scope, body: Array(#"{"city":"Köln"}"#.utf8))
    }

    static func patches(_ count: Int) -> [DirectoryWrite] { (0..<count).map { patch("/users/\($0)") } }

    static func text(_ answer: WriteAnswer) -> String {
        switch answer {
        case .done(let status, let body): "done \(status) \(String(decoding: body, as: UTF8.self))"
        case .rejected(let status, let code, let message): "rejected \(status) \(code) \(message)"
        case .unknown: "unknown"
        case .failure(let failure): failure.code.name
        }
    }

    static func urls(_ bench: Bench) throws -> [[String]] {
        try bench.graphRequests.map { try BatchTests.asked($0).map(\.url) }
    }

    /// Writes and tells the answers as texts.
    static func write(_ writes: [DirectoryWrite], _ bench: Bench) async throws -> [String] {
        try await GraphDirectoryWriter(bench.reader).write(writes, bench.connection).map(text)
    }

    /// How often something was asked for.
    final class Counter: Sendable {
        private let counts = Mutex<[String: Int]>([:])

        func next(_ name: String) -> Int {
            counts.withLock { counts in
                counts[name, default: 0] += 1
                return counts[name] ?? 0
            }
        }
    }

    @Test func `Answers come in the order of the writes, twenty a batch, versions apart`() async throws {
        try await Bench.with(graph: BatchTests.script { (200, "", BatchTests.body($0.url)) }).run { bench in
            var writes = Self.patches(65)
            writes.insert(Self.patch("/beta-thing", version: "beta"), at: 7)
            let answers = try await Self.write(writes, bench)
            #expect(answers == writes.map { "done 200 " + BatchTests.body($0.target) })
            let paths = bench.graphRequests.map(\.uri).sorted()
            #expect(paths == ["/beta/$batch"] + [String](repeating: "/v1.0/$batch", count: 4))
            #expect(try Self.urls(bench).map(\.count).sorted() == [1, 5, 20, 20, 20])
        }
    }

    @Test func `A write goes as it was given, with minimal answers where no id is needed`() async throws {
        try await Bench.with(graph: BatchTests.script { _ in (204, "", "null") }).run { bench in
            let writes = [
                Self.patch("/users/1"),
                DirectoryWrite(
                    method: .post, target: "/groups", version: "v1.0", scope: .identity,
                    headers: ["authorization": "Bearer stolen"], body: Array(#"{"n":12345678901234567890}"#.utf8)),
                DirectoryWrite(method: .put, target: "/x", version: "v1.0", scope: .identity, body: Array("{}".utf8)),
                DirectoryWrite(method: .delete, target: "/users/ü", version: "v1.0", scope: .identity),
            ]
            let answers = try await Self.write(writes, bench)
            #expect(answers == [String](repeating: "done 204 ", count: 4))
            let request = try #require(bench.graphRequests.first)
            let items = try BatchTests.asked(request)
            #expect(items.map(\.method) == ["PATCH", "POST", "PUT", "DELETE"])
            #expect(items.map { $0.headers["Prefer"] } == ["return=minimal", nil, "return=minimal", nil])
            #expect(items.map { $0.headers["Content-Type"] != nil } == [true, true, true, false])
            #expect(items.allSatisfy { item in !item.headers.keys.contains { $0.lowercased() == "authorization" } })
            #expect(items[3].url == "/users/%C3%BC")
            #expect(request.text.contains(#""body":{"n":12345678901234567890}}"#))
            // People wait for a restore: it does not stand back.
            #expect(request.header("x-ms-throttle-priority") == nil)
        }
    }

    @Test func `Throttled writes alone are sent again after the longest pause, which holds for the tenant`()
        async throws
    {
        let counter = Counter()
        let script = BatchTests.script { item in
            switch (item.url, counter.next(item.url)) {
            case ("/users/1", 1): (429, #""Retry-After":"3""#, Bench.error("TooManyRequests"))
            case ("/users/4", 1): (429, #""Retry-After":"8""#, Bench.error("TooManyRequests"))
            default: (204, "", "null")
            }
        }
        try await Bench.with(graph: script).run { bench in
            let answers = try await Self.write(Self.patches(6), bench)
            #expect(answers == [String](repeating: "done 204 ", count: 6))
            #expect(bench.clock.sleeps == [.seconds(8)])
            #expect(
                bench.budget.pauses
                    == [ThrottleScope.identityWrites, .identity].map {
                        TestBudget.Pause(duration: .seconds(8), scope: $0)
                    })
            #expect(try Self.urls(bench)[1] == ["/users/1", "/users/4"])
        }
    }

    @Test func `The limit of writes holds up writes alone`() async throws {
        let counter = Counter()
        let headers = #""Retry-After":"5","x-ms-throttle-information":"WriteLimitExceeded""#
        let script = BatchTests.script { item in
            counter.next(item.url) == 1 ? (429, headers, Bench.error("TooManyRequests")) : (204, "", "null")
        }
        try await Bench.with(graph: script).run { bench in
            let answers = try await Self.write(Self.patches(1), bench)
            #expect(answers == ["done 204 "])
            #expect(bench.budget.pauses == [TestBudget.Pause(duration: .seconds(5), scope: .identityWrites)])
        }
    }

    @Test func `A pause beyond patience fails what was not executed, and says how long`() async throws {
        let script = BatchTests.script { item in
            item.url == "/users/1" ? (429, #""Retry-After":"90""#, "{}") : (204, "", "null")
        }
        try await Bench.with(graph: script).run { bench in
            let answers = try await GraphDirectoryWriter(bench.reader).write(Self.patches(2), bench.connection)
            #expect(answers.map(Self.text) == ["done 204 ", "graphThrottled"])
            guard case .failure(let failure) = answers[1] else { throw Unexpected() }
            #expect(failure.retryAfter == .seconds(90))
            #expect(bench.clock.sleeps.isEmpty)
        }
    }

    @Test func `A refused batch is sent again on a new connection`() async throws {
        let done = BatchTests.script { _ in (204, "", "null") }
        let script: Bench.Script = { request, count in
            count == 0 ? .answer(503, Bench.error("ServiceUnavailable")) : done(request, count)
        }
        try await Bench.with(graph: script).run { bench in
            let answers = try await Self.write(Self.patches(2), bench)
            #expect(answers == ["done 204 ", "done 204 "])
            #expect(bench.graphRequests.count == 2)
            #expect(Set(bench.graphRequests.map(\.connection)).count == 2)
        }
    }

    static let lost: [ScriptedServer.Reply] = [
        .cut(200, #"{"responses":[{"id":"1","status":204}"#), .reset, .answer(200, "<html>"), .answer(200, "{}"),
        .answer(202, ""), .answer(500, ""), .answer(502, "<html>"), .answer(504, Bench.error("GatewayTimeout")),
    ]

    @Test(arguments: lost.indices)
    func `Of a batch whose answer was lost nothing is known, and nothing is sent again`(index: Int) async throws {
        try await Bench.with(graph: { _, _ in Self.lost[index] }).run { bench in
            let answers = try await Self.write(Self.patches(3), bench)
            #expect(answers == ["unknown", "unknown", "unknown"])
            #expect(bench.graphRequests.count == 1)
        }
    }

    @Test func `A write without an answer in the batch is unknown alone`() async throws {
        let script = BatchTests.script { $0.url == "/users/1" ? nil : (204, "", "null") }
        try await Bench.with(graph: script).run { bench in
            let answers = try await Self.write(Self.patches(3), bench)
            #expect(answers == ["done 204 ", "unknown", "done 204 "])
            #expect(bench.graphRequests.count == 1)
        }
    }

    @Test func `Each write has its own outcome`() async throws {
        let script = BatchTests.script { item in
            switch item.url {
            case "/users/0": (400, "", Bench.error("Request_BadRequest", "no such name", inner: "PropertyUnknown"))
            case "/users/1": (403, "", Bench.error("Authorization_RequestDenied"))
            case "/users/2": (404, "", Bench.error("Request_ResourceNotFound"))
            case "/users/3": (409, "", Bench.error("ObjectConflict"))
            case "/users/4": (500, "", Bench.error("InternalServerError"))
            case "/users/5": (502, "", "null")
            case "/users/6": (504, "", "null")
            case "/users/7": (408, "", "null")
            case "/users/8": (200, "", Bench.error("Request_BadRequest"))
            default: (201, "", #"{"id":"7"}"#)
            }
        }
        try await Bench.with(graph: script).run { bench in
            let answers = try await Self.write(Self.patches(10), bench)
            #expect(
                answers == [
                    "rejected 400 PropertyUnknown no such name", "rejected 403 Authorization_RequestDenied m",
                    "rejected 404 Request_ResourceNotFound m", "rejected 409 ObjectConflict m", "unknown", "unknown",
                    "unknown", "unknown", "rejected 400 Request_BadRequest m", #"done 201 {"id":"7"}"#,
                ])
            #expect(bench.graphRequests.count == 1)
        }
    }

    @Test func `A write that met another is sent again after a while`() async throws {
        let counter = Counter()
        let script = BatchTests.script { item in
            counter.next(item.url) < 3 ? (409, "", Bench.error("Directory_ConcurrencyViolation")) : (204, "", "null")
        }
        try await Bench.with(graph: script).run { bench in
            let answers = try await Self.write(Self.patches(1), bench)
            #expect(answers == ["done 204 "])
            #expect(bench.clock.sleeps == [.seconds(1), .seconds(2)])
            #expect(bench.budget.pauses.isEmpty)
        }
    }

    @Test func `A token that ends within a batch is renewed once, and only what was refused is sent again`()
        async throws
    {
        let counter = Counter()
        let script = BatchTests.script { item in
            item.url == "/users/2" || (item.url == "/users/1" && counter.next(item.url) == 1)
                ? (401, "", Bench.error("InvalidAuthenticationToken")) : (204, "", "null")
        }
        try await Bench.with(graph: script).run { bench in
            let answers = try await Self.write(Self.patches(3), bench)
            #expect(
                answers == ["done 204 ", "done 204 ", "credentialsInvalid"])
            #expect(try Self.urls(bench) == [["/users/0", "/users/1", "/users/2"], ["/users/1", "/users/2"]])
            #expect(bench.tokenRequests.count == 2)
            let tokens = Set(bench.graphRequests.map { $0.header("Authorization") })
            #expect(tokens.count == 2)
        }
    }

    @Test func `Conditional access is written one by one`() async throws {
        let script: Bench.Script = { request, _ in
            switch request.uri {
            case "/v1.0/a": .answer(201, #"{"id":"1"}"#)
            case "/v1.0/b": .cut(201, #"{"id":"#)
            case "/v1.0/c": .answer(400, Bench.error("1007"))
            default: .reset
            }
        }
        try await Bench.with(graph: script).run { bench in
            let writes = ["/a", "/b", "/c", "/d"].map {
                DirectoryWrite(
                    method: .post, target: $0, version: "v1.0", scope: .conditionalAccess, body: Array("{}".utf8))
            }
            let answers = try await Self.write(writes, bench)
            #expect(
                answers == [#"done 201 {"id":"1"}"#, "unknown", "rejected 400 1007 m", "unknown"])
            #expect(bench.graphRequests.allSatisfy { $0.method == "POST" && $0.text == "{}" })
            #expect(bench.graphRequests.count == 4)
            #expect(bench.budget.draws.map(\.scope) == [ThrottleScope](repeating: .conditionalAccess, count: 4))
        }
    }

    @Test func `Another host's address is no write`() async throws {
        try await Bench.with(graph: BatchTests.script { _ in (204, "", "null") }).run { bench in
            let writes = ["https://evil.example/v1.0/users/1", "//evil.example/x", "/users/1"].map { Self.patch($0) }
            let answers = try await Self.write(writes, bench)
            #expect(answers == ["stageDefect", "stageDefect", "done 204 "])
            #expect(try Self.urls(bench) == [["/users/1"]])
        }
    }

    @Test func `Writes draw from the budgets of writes and of requests`() async throws {
        try await Bench.with(graph: BatchTests.script { _ in (204, "", "null") }).run { bench in
            _ = try await Self.write(Self.patches(20), bench)
            #expect(
                bench.budget.draws == [
                    TestBudget.Draw(units: 20, scope: .identityWrites), TestBudget.Draw(units: 175, scope: .identity),
                ])
            let intune = (0..<7).map { Self.patch("/deviceManagement/x/\($0)", scope: .intune, version: "beta") }
            _ = try await Self.write(intune, bench)
            #expect(try Self.urls(bench).map(\.count).sorted() == [2, 5, 20])
            #expect(bench.budget.draws.filter { $0.scope == .intuneWrites }.map(\.units).sorted() == [5, 5])
        }
    }

    @Test func `What waits too long for its share was not sent`() async throws {
        let budget: (TestClock) -> TestBudget = { TestBudget($0, units: 40, per: .seconds(100)) }
        try await Bench.with(budget: budget, graph: BatchTests.script { _ in (204, "", "null") }).run { bench in
            let writes = (0..<60).map {
                DirectoryWrite(method: .delete, target: "/x/\($0)", version: "v1.0", scope: .conditionalAccess)
            }
            let answers = try await Self.write(writes, bench)
            #expect(answers.filter { $0 == "graphThrottled" }.count == 20)
            #expect(bench.graphRequests.count == 40)
        }
    }

    @Test func `Without a connection nothing was executed`() async throws {
        try await Bench.with(graph: { _, _ in .reset }).run { bench in
            var connection = bench.connection
            // The port that is never given out.
            connection.graphURL = "http://127.0.0.1:1"
            let answers = try await GraphDirectoryWriter(bench.reader).write(Self.patches(2), connection)
            #expect(answers.map(Self.text) == ["graphUnreachable", "graphUnreachable"])
            #expect(bench.clock.sleeps.count == 3)
        }
    }

    @Test func `A credential that is refused fails the call before anything is sent`() async throws {
        let refusal = #"{"error":"invalid_client","error_codes":[7000215]}"#
        try await Bench.with(token: { _, _ in .answer(401, refusal) }, graph: { _, _ in .reset }).run { bench in
            let failure = await #expect(throws: StageFailure.self) {
                try await GraphDirectoryWriter(bench.reader).write(Self.patches(1), bench.connection)
            }
            #expect(failure?.code == .credentialsInvalid)
            #expect(bench.graphRequests.isEmpty)
        }
    }

    @Test func `Nothing to write, nothing sent`() async throws {
        try await Bench.with(graph: { _, _ in .reset }).run { bench in
            let answers = try await Self.write([], bench)
            #expect(answers.isEmpty)
            #expect(bench.server.all.isEmpty)
        }
    }
}
