import BackupContracts
import BackupModel
import Foundation
import NIOHTTP1
import Testing

@testable import GraphDirectory

struct ReadTests {
    static let page = #"{"value":[{"id":"1","big":12345678901234567890}]}"#

    @Test func `A page comes as it was sent, with the headers of a backup`() async throws {
        try await Bench.with(graph: { _, _ in .answer(200, ["request-id": "r"], Self.page) }).run { bench in
            let answer = try await bench.read("/users?$top=999&$filter=a eq 'b c'")
            #expect(String(decoding: answer.body, as: UTF8.self) == Self.page)
            #expect(answer.requests == 1)
            let request = try #require(bench.graphRequests.first)
            #expect(request.uri == "/v1.0/users?$top=999&$filter=a%20eq%20'b%20c'")
            #expect(request.header("User-Agent") == "entra-backup/1")
            #expect(request.header("x-ms-throttle-priority") == "Low")
            #expect(request.header("Prefer") == "include-unknown-enum-members")
            #expect(request.header("Authorization")?.hasPrefix("Bearer ") == true)
            #expect(UUID(uuidString: request.header("client-request-id") ?? "") != nil)
        }
    }

    @Test func `A request's own headers go with every page, and never in place of ours`() async throws {
        try await Bench.with(graph: { request, count in
            let host = request.header("Host") ?? ""
            return count < 2
                ? .answer(200, ["x-next": "http://\(host)/v1.0/users?$skiptoken=\(count)"], Self.page)
                : .answer(200, Self.page)
        }).run { bench in
            var target = "/users"
            for number in 0..<3 {
                let request = DirectoryRequest(
                    target: target, version: "v1.0", scope: .identity,
                    headers: [
                        "consistencylevel": "eventual", "Prefer": "return=minimal", "authorization": "Bearer stolen",
                    ])
                _ = try await bench.reader.read(request, bench.connection)
                target = "\(bench.server.url)/v1.0/users?$skiptoken=\(number)"
            }
            let requests = bench.graphRequests
            #expect(requests.map(\.uri) == ["/v1.0/users", "/v1.0/users?$skiptoken=0", "/v1.0/users?$skiptoken=1"])
            for request in requests {
                #expect(request.header("ConsistencyLevel") == "eventual")
                #expect(request.header("Prefer") == "include-unknown-enum-members, return=minimal")
                #expect(request.headers["Authorization"].count == 1)
                #expect(request.header("Authorization") != "Bearer stolen")
            }
            #expect(Set(requests.compactMap { $0.header("client-request-id") }).count == 3)
            #expect(bench.tokenRequests.count == 1)
        }
    }

    @Test func `A next link to another host is refused and no token leaves`() async throws {
        try await ScriptedServer.with({ _ in .answer(200, Self.page) }).run { other in
            try await Bench.with(graph: { _, _ in .answer(200, Self.page) }).run { bench in
                for link in ["\(other.url)/v1.0/users", "http://localhost:\(bench.server.port)/v1.0/users"] {
                    #expect(await bench.failure(link)?.code == .nextLinkForeign)
                }
                let batch = try await bench.reader.readBatch(
                    [Bench.request("\(other.url)/v1.0/users")], bench.connection)
                guard case .failure(let failure) = batch.answers[0] else { throw Unexpected() }
                #expect(failure.code == .nextLinkForeign)
                #expect(bench.server.all.isEmpty)
                #expect(other.all.isEmpty)
            }
        }
    }

    @Test func `A redirect is not followed`() async throws {
        try await ScriptedServer.with({ _ in .answer(200, Self.page) }).run { other in
            try await Bench.with(graph: { _, _ in .answer(302, ["Location": other.url], "") }).run { bench in
                #expect(await bench.failure()?.code == .graphRequestRejected)
                #expect(other.all.isEmpty)
            }
        }
    }

    @Test(arguments: [
        (410, Bench.error("Gone"), FailureCode.deltaLinkExpired),
        (400, Bench.error("BadRequest", inner: "syncStateNotFound"), .deltaLinkExpired),
        (400, Bench.error("SyncStateNotFound"), .deltaLinkExpired),
        (400, Bench.error("Request_BadRequest"), .graphRequestRejected),
        (403, Bench.error("Authorization_RequestDenied"), .permissionMissing),
        (403, Bench.error("AadPremiumLicenseRequired"), .licenceMissing),
        (404, Bench.error("Request_ResourceNotFound"), .collectionNotFound), (404, "<html>", .collectionNotFound),
    ])
    func `Refusals are named after one request`(status: Int, body: String, code: FailureCode) async throws {
        try await Bench.with(graph: { _, _ in .answer(status, body) }).run { bench in
            let failure = await bench.failure("/users/delta?$deltatoken=sEcReT&$filter=displayName eq 'Ada'")
            #expect(failure?.code == code)
            #expect(failure?.message.contains("GET /v1.0/users/delta") == true)
            #expect(failure?.message.contains("status \(status)") == true)
            #expect(failure?.message.contains("sEcReT") == false)
            #expect(failure?.message.contains("Ada") == false)
            #expect(bench.graphRequests.count == 1)
        }
    }

    @Test func `Intune that is not there is a missing licence`() async throws {
        let body = Bench.error("BadRequest", "Request not applicable to target tenant.")
        try await Bench.with(graph: { _, _ in .answer(400, body) }).run { bench in
            #expect(await bench.failure("/deviceManagement/x", scope: .intune)?.code == .licenceMissing)
            #expect(await bench.failure("/users", scope: .identity)?.code == .graphRequestRejected)
        }
    }

    @Test(arguments: [
        (Bench.error("UnknownError"), FailureCode.graphServerError),
        (Bench.error("x", inner: "syncStateNotFound"), .deltaLinkExpired),
        (Bench.error("Authorization_RequestDenied"), .permissionMissing),
    ])
    func `An error that comes with 200 is an error`(body: String, code: FailureCode) async throws {
        try await Bench.with(graph: { _, _ in .answer(200, body) }).run { bench in
            #expect(await bench.failure()?.code == code)
        }
    }

    @Test(arguments: ["", " ", "null", "<html>proxy</html>", #"{"value":[{"id":"1"}"#, #"{"value":["#])
    func `A body that is not whole JSON fails after two repeats`(body: String) async throws {
        try await Bench.with(graph: { _, _ in .answer(200, body) }).run { bench in
            #expect(await bench.failure()?.code == .graphAnswerMalformed)
            #expect(bench.graphRequests.count == 3)
        }
    }

    @Test func `A body that is cut is read again`() async throws {
        try await Bench.with(graph: { _, count in
            count == 0 ? .cut(200, Self.page) : .answer(200, Self.page)
        }).run { bench in
            let answer = try await bench.read()
            #expect(String(decoding: answer.body, as: UTF8.self) == Self.page)
            #expect(answer.requests == 2)
        }
        try await Bench.with(graph: { _, _ in .cut(200, Self.page) }).run { bench in
            #expect(await bench.failure()?.code == .graphAnswerMalformed)
        }
    }

    @Test func `A body beyond the limit is refused`() async throws {
        let options = GraphOptions(bodyLimit: 1000)
        let long = #"{"value":[""# + String(repeating: "x", count: 2000) + #""]}"#
        try await Bench.with(options: options, graph: { _, _ in .answer(200, long) }).run { bench in
            #expect(await bench.failure()?.code == .graphAnswerMalformed)
            #expect(bench.graphRequests.count == 1)
        }
    }

    @Test func `An error whose body is cut keeps its status`() async throws {
        try await Bench.with(graph: { _, _ in .cut(403, "{") }).run { bench in
            #expect(await bench.failure()?.code == .permissionMissing)
        }
    }

    @Test func `A lost connection is tried again, a lost service named`() async throws {
        try await Bench.with(graph: { _, count in count == 0 ? .reset : .answer(200, Self.page) }).run { bench in
            let answer = try await bench.read()
            #expect(answer.requests == 2)
        }
        try await Bench.with(graph: { _, _ in .reset }).run { bench in
            #expect(await bench.failure()?.code == .graphUnreachable)
            #expect(bench.graphRequests.count == 4)
            #expect(bench.clock.sleeps == [1, 2, 4].map { .seconds($0) })
        }
    }

    @Test func `A service that never answers is given up`() async throws {
        let options = GraphOptions(requestTimeout: .seconds(1))
        try await Bench.with(options: options, graph: { _, _ in .silence }).run { bench in
            let failure = await bench.failure()
            #expect(failure?.code == .graphUnreachable)
            #expect(failure?.message.contains("time-out") == true)
        }
    }

    @Test func `A port where nobody listens is unreachable`() async throws {
        try await Bench.with(graph: { _, _ in .reset }).run { bench in
            var connection = bench.connection
            connection.authorityURL = "http://127.0.0.1:1"
            let failure = await #expect(throws: StageFailure.self) { try await bench.reader.permissions(connection) }
            #expect(failure?.code == .graphUnreachable)
        }
    }

    @Test func `A service without TLS where TLS is due is unreachable`() async throws {
        try await Bench.with(graph: { _, _ in .answer(200, Self.page) }).run { bench in
            var connection = bench.connection
            connection.graphURL = "https://127.0.0.1:\(bench.server.port)"
            let failure = await #expect(throws: StageFailure.self) {
                try await bench.reader.read(Bench.request(), connection)
            }
            #expect(failure?.code == .graphUnreachable)
            #expect(bench.graphRequests.isEmpty)
        }
    }

    @Test func `A 503 is repeated on a new connection`() async throws {
        try await Bench.with(graph: { _, count in
            count == 1 ? .answer(503, Bench.error("ServiceUnavailable")) : .answer(200, Self.page)
        }).run { bench in
            _ = try await bench.read()
            _ = try await bench.read()
            _ = try await bench.read()
            let connections = bench.graphRequests.map(\.connection)
            #expect(connections.count == 4)
            #expect(connections[0] == connections[1])
            #expect(connections[2] != connections[1])
            #expect(connections[3] == connections[2])
        }
    }

    @Test func `Server errors are repeated, and other requests of the old connections end in peace`() async throws {
        try await Bench.with(graph: { request, _ in
            request.uri.contains("bad") ? .answer(503, "") : .answer(200, Self.page)
        }).run { bench in
            await withTaskGroup(of: Bool.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        let target = number % 4 == 0 ? "/bad" : "/users"
                        let answer = try? await bench.reader.read(Bench.request(target), bench.connection)
                        return (answer != nil) == (target == "/users")
                    }
                }
                for await isRight in group { #expect(isRight) }
            }
        }
    }

    @Test func `A reader that was shut down says so`() async throws {
        try await Bench.with(graph: { _, _ in .answer(200, Self.page) }).run { bench in
            await bench.reader.shutdown()
            #expect(await bench.failure()?.code == .graphUnreachable)
        }
    }

    @Test func `A probe tells permissions and organization`() async throws {
        let body = #"{"value":[{"id":"x","displayName":"Contoso"}]}"#
        try await Bench.with(graph: { _, _ in .answer(200, body) }).run { bench in
            let probe = try await bench.reader.probe(bench.connection)
            #expect(probe == GraphProbe(permissions: ["User.Read.All"], organizationName: "Contoso"))
        }
        let denied = Bench.error("Authorization_RequestDenied")
        try await Bench.with(graph: { _, _ in .answer(403, denied) }).run { bench in
            let probe = try await bench.reader.probe(bench.connection)
            #expect(probe.organizationName == nil)
        }
    }
}

struct Unexpected: Error {}
