import BackupContracts
import BackupModel
import Foundation
import Testing

@testable import GraphDirectory

/// Single objects against scripted answers; against the simulator see ``LiveObjectTests``.
struct ObjectTests {
    private static let group = "11111111-1111-1111-1111-111111111111"
    private static let members = (1...5).map { "22222222-2222-2222-2222-00000000000\($0)" }

    private static func page(_ ids: ArraySlice<String>, next: String?) -> String {
        let link = next.map { #""@odata.nextLink":"\#($0)","# } ?? ""
        return "{\(link)\"value\":[\(ids.map { #"{"id":"\#($0)"}"# }.joined(separator: ","))]}"
    }

    private static func type(_ name: String) throws -> ObjectType { try #require(Catalogue.current[name]) }

    @Test func `A relationship is read with all its pages`() async throws {
        let script: Bench.Script = { request, count in
            guard request.method == "POST" else { return .answer(200, Self.page(Self.members[3...], next: nil)) }
            let host = request.header("Host") ?? ""
            let batch = BatchTests.script { item in
                item.url.contains("/members")
                    ? (
                        200, "",
                        Self.page(
                            Self.members[..<3], next: "http://\(host)/v1.0/groups/\(Self.group)/members?$skiptoken=2")
                    )
                    : (200, "", #"{"id":"\#(Self.group)","displayName":"G"}"#)
            }
            return batch(request, count)
        }
        let roles: Bench.Script = { _, count in .answer(200, Bench.jwt(count, roles: ["Group.Read.All"])) }
        try await Bench.with(token: roles, graph: script).run { bench in
            let found = try await bench.reader.documents(
                try Self.type("group"), [Self.group], parts: ["members"], bench.connection)
            #expect(found[Self.group]?.links == ["members": Self.members])
            let asked = try bench.graphRequests.filter { $0.method == "POST" }.map { try BatchTests.asked($0)[0].url }
            #expect(asked.last?.hasSuffix("/members?$select=id&$top=999") == true)
        }
    }

    @Test func `A next link to another host is not followed`() async throws {
        let script = BatchTests.script { item in
            item.url.contains("/members")
                ? (200, "", Self.page(Self.members[..<3], next: "http://localhost:1/v1.0/x"))
                : (200, "", #"{"id":"\#(Self.group)"}"#)
        }
        let roles: Bench.Script = { _, count in .answer(200, Bench.jwt(count, roles: ["Group.Read.All"])) }
        try await Bench.with(token: roles, graph: script).run { bench in
            let failure = await #expect(throws: StageFailure.self) {
                try await bench.reader.documents(
                    try Self.type("group"), [Self.group], parts: ["members"], bench.connection)
            }
            #expect(failure?.code == .nextLinkForeign)
        }
    }

    @Test func `What is not there is left out, what cannot be read fails`() async throws {
        let script = BatchTests.script { item in
            if item.url.hasPrefix("/domains/a") { return (200, "", #"{"id":"a.example","isDefault":true}"#) }
            return item.url.hasPrefix("/domains/b")
                ? (404, "", Bench.error("Request_ResourceNotFound"))
                : (403, "", Bench.error("Authorization_RequestDenied"))
        }
        try await Bench.with(graph: script).run { bench in
            let type = try Self.type("domain")
            let found = try await bench.reader.documents(
                type, ["a.example", "b.example"], parts: [], bench.connection)
            #expect(found.keys.sorted() == ["a.example"])
            #expect(found["a.example"]?.attributes["isDefault"] == .bool(true))
            let failure = await #expect(throws: StageFailure.self) {
                try await bench.reader.documents(type, ["c.example"], parts: [], bench.connection)
            }
            #expect(failure?.code == .permissionMissing)
        }
    }

    @Test func `Names of directory extensions are looked up once, and again after applications were written`()
        async throws
    {
        let script: Bench.Script = { request, count in
            guard request.method == "POST" else {
                return .answer(
                    200,
                    #"{"value":[{"id":"x","extensionProperties":[{"name":"extension_a_b","targetObjects":["User"]}]}]}"#
                )
            }
            return BatchTests.script { _ in (200, "", #"{"id":"\#(Self.group)","extension_a_b":"c"}"#) }(request, count)
        }
        try await Bench.with(graph: script).run { bench in
            func look() async throws -> Int {
                let found = try await bench.reader.documents(
                    try Self.type("user"), [Self.group], parts: [], bench.connection)
                #expect(found[Self.group]?.attributes["extension_a_b"] == .string("c"))
                return bench.graphRequests.filter { $0.uri.hasPrefix("/v1.0/applications") }.count
            }
            #expect(try await look() == 1)
            #expect(try await look() == 1)
            let url = try BatchTests.asked(try #require(bench.graphRequests.last))[0].url
            #expect(url.contains("extension_a_b"))
            let write = DirectoryWrite(
                method: .post, target: "/applications/1/extensionProperties", version: "v1.0", scope: .identity)
            _ = try await GraphDirectoryWriter(bench.reader).write([write], bench.connection)
            #expect(try await look() == 2)
            bench.clock.advance(.seconds(301))
            #expect(try await look() == 3)
        }
    }
}
