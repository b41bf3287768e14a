import BackupContracts
import BackupModel
import Foundation
import Synchronization
import Testing

@testable import FetchStage

/// Directory extensions are read from the first round on that knows them: a delta link selects what its first request
/// did.
@Suite struct ExtensionWalkTests {
    private let first = "extension_0123456789abcdef0123456789abcdef_first"
    private let second = "extension_0123456789abcdef0123456789abcdef_second"

    @Test func `a complete walk selects them and leaves a position that tells so`() async throws {
        let tenant = try ExtensionTenant(extensions: [first])
        let end = try await tenant.walk(from: nil)
        #expect(end == "https://graph.example/delta?token#extensions=\(first)")
        #expect(tenant.asked.contains { $0.hasPrefix("/users/delta?$select=") && $0.contains(first) })
    }

    @Test func `the same extensions go on from the link, which is sent as Graph gave it`() async throws {
        let tenant = try ExtensionTenant(extensions: [first])
        let end = try await tenant.walk(from: "https://graph.example/delta?before#extensions=\(first)")
        #expect(tenant.asked.contains("https://graph.example/delta?before"))
        #expect(end == "https://graph.example/delta?token#extensions=\(first)")
    }

    @Test(arguments: [["first", "second"], []]) func `others than before are read completely`(now: [String])
        async throws
    {
        let names = now.map { $0 == "first" ? first : second }
        let tenant = try ExtensionTenant(extensions: names)
        await #expect(throws: StageFailure.self) {
            try await tenant.walk(from: "https://graph.example/delta?before#extensions=\(first)")
        }
        #expect(!tenant.asked.contains { $0.contains("delta") }, "nothing is read with the old selection")
    }

    @Test func `a tenant whose applications cannot be read, or a position from before, goes on as it is`() async throws
    {
        let unreadable = try ExtensionTenant(extensions: nil)
        let kept = "https://graph.example/delta?before#extensions=\(first)"
        #expect(
            try await unreadable.walk(from: kept) == "https://graph.example/delta?token#extensions=\(first)")
        let old = try ExtensionTenant(extensions: [first])
        #expect(try await old.walk(from: "https://graph.example/delta?before") == "https://graph.example/delta?token")
    }
}

/// Answers with one empty page of users, and with applications that define extensions; nil refuses them.
private final class ExtensionTenant: DirectoryReader {
    private let extensions: [String]?
    private let type: ObjectType
    private let requests = Mutex<[String]>([])

    init(extensions: [String]?) throws {
        self.extensions = extensions
        type = try #require(Catalogue.current["user"])
    }

    var asked: [String] { requests.withLock { $0 } }

    /// The position that the main pass leaves.
    func walk(from position: String?) async throws -> String? {
        let connection = DirectoryConnection(
            tenant: TenantID(uuid: UUID()), clientID: "client", credential: .clientSecret("secret"))
        let state = WalkState(
            connection: connection, type: type.number, mode: position == nil ? .complete : .delta, ordinal: 0,
            cursor: nil, deltaLink: position, incrementalFrom: nil, snapshot: 1)
        switch try await CollectionWalk(type: type, state: state, reader: self).step().1 {
        case .goesOn(let cursor): return cursor.deltaLink
        case .ends(let end): return end.deltaLink
        }
    }

    func permissions(_ connection: DirectoryConnection) async throws(StageFailure) -> Set<String> { [] }

    func read(_ request: DirectoryRequest, _ connection: DirectoryConnection) async throws(StageFailure)
        -> DirectoryAnswer
    {
        requests.withLock { $0.append(request.target) }
        guard request.target.hasPrefix("/applications") else {
            let page = #"{"@odata.deltaLink":"https://graph.example/delta?token","value":[]}"#
            return DirectoryAnswer(body: Array(page.utf8), requests: 1)
        }
        guard let extensions else { throw StageFailure(.permissionMissing, "Not these.") }
        let defined = extensions.map { #"{"name":"\#($0)","targetObjects":["User"]}"# }.joined(separator: ",")
        let page = #"{"value":[{"id":"a","extensionProperties":[\#(defined)]}]}"#
        return DirectoryAnswer(body: Array(page.utf8), requests: 1)
    }

    func readBatch(_ requests: [DirectoryRequest], _ connection: DirectoryConnection) async throws(StageFailure)
        -> (answers: [BatchItemAnswer], requests: Int)
    { ([], 0) }
}
