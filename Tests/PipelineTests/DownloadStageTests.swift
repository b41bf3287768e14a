import BackupContracts
import BackupModel
import DownloadStage
import Foundation
import Synchronization
import Testing

/// Writing archives: members, the manifest, pieces, and what is begun anew.
@Suite struct DownloadStageTests {
    private static let tenant = TenantID(uuid: UUID())
    private static let manager = ObjectKey(high: 1, low: 2)

    private func message() -> Message {
        Message(kind: .downloadRequested, tenant: Self.tenant, job: JobID(), epoch: 1, trace: "t")
    }

    private func stage(_ store: MemoryStore) -> DownloadStage {
        DownloadStage(store: store, makeHash: { CountingHash() }, makeArchive: { _ in PlainArchive() })
    }

    private func user(_ id: Int, _ attributes: JSONObject = ["displayName": "U"]) -> ObjectDocument {
        ObjectDocument(
            type: "user", id: "id-\(id)", attributes: attributes, links: ["manager": [Self.manager.description]],
            children: [:])
    }

    @Test func `each type with objects has a member, and the manifest comes last and names them`() async throws {
        let store = MemoryStore([
            "user": [user(1), user(2)], "group": [ObjectDocument(type: "group", id: "g", attributes: [:])],
        ])
        #expect(try await stage(store).handle(message(), DrainSignal()) == [])
        let members = PlainArchive.members(of: store.archive)
        #expect(members.map(\.name) == ["user.jsonl", "group.jsonl", "manifest.json"])
        let lines = members[0].content.split(separator: 0x0A)
        let read = try lines.map { try JSONValue(parsing: Array($0)) }
        #expect(read.map { $0["id"]?.string } == ["id-1", "id-2"])
        #expect(read.compactMap(ObjectDocument.init(json:)) == [user(1), user(2)])
        #expect(read[0]["snapshot"]?.int == 7)

        let json = try JSONValue(parsing: members[2].content)
        let manifest = try #require(ArchiveManifest(json: json))
        #expect(manifest.snapshot == 7 && manifest.tenant == Self.tenant && manifest.signature == "5167")
        #expect(manifest.counts == ["user": 2, "group": 1])
        #expect(manifest.members["user.jsonl"]?.lines == 2)
        #expect(manifest.members["user.jsonl"]?.sha256 == hexadecimal(PlainArchive.hash(members[0].content)))
        #expect(manifest.mark == "mark of \(manifest.markedBytes.count)")
        let result = try #require(store.state.withLock { $0.result })
        #expect(result.objects == 3 && result.bytes == Int64(store.archive.count) && result.pieces == 1)
        #expect(result.sha256 == CountingHash.of(store.archive))
    }

    @Test func `types outside the order are not read, and nothing is written for a job that has ended`() async throws {
        let store = MemoryStore(["user": [user(1)], "group": [ObjectDocument(type: "group", id: "g")]])
        store.state.withLock { $0.order?.types = ["group"] }
        _ = try await stage(store).handle(message(), DrainSignal())
        #expect(PlainArchive.members(of: store.archive).map(\.name) == ["group.jsonl", "manifest.json"])
        let ended = MemoryStore(["user": [user(1)]])
        ended.state.withLock { $0.order = nil }
        #expect(try await stage(ended).handle(message(), DrainSignal()) == [])
        #expect(ended.archive.isEmpty && ended.state.withLock { $0.result == nil })
    }

    @Test func `pieces have one size but for the last, and are stored while objects are still read`() async throws {
        let text = String(repeating: "x", count: 2_000)
        let store = MemoryStore(["user": (0..<2_000).map { user($0, ["displayName": .string(text)]) }])
        _ = try await stage(store).handle(message(), DrainSignal())
        let pieces = store.state.withLock { $0.pieces }
        #expect(pieces.count == 5)
        #expect(pieces.dropLast().allSatisfy { $0.count == DownloadOrder.pieceSize })
        // Objects that were written when each piece was stored: it grows with the pieces.
        let objects = store.state.withLock { $0.objects }
        #expect(objects == objects.sorted() && Set(objects.dropLast()).count >= 3 && objects[0] < 1_000)
        #expect(PlainArchive.members(of: store.archive).first?.content.split(separator: 0x0A).count == 2_000)
    }

    @Test func `a fence, a stage that stops and a foreign message end the attempt`() async throws {
        let text = String(repeating: "x", count: 2_000)
        func store() -> MemoryStore {
            MemoryStore(["user": (0..<2_000).map { user($0, ["displayName": .string(text)]) }])
        }
        let fenced = store()
        fenced.state.withLock { $0.fencedFrom = 2 }
        let failure = await #expect(throws: StageFailure.self) {
            try await stage(fenced).handle(message(), DrainSignal())
        }
        #expect(failure?.code == .unitFenced)
        #expect(fenced.state.withLock { $0.pieces.count == 2 && $0.result == nil })

        let drain = DrainSignal()
        drain.drain()
        let stopped = await #expect(throws: StageFailure.self) { try await stage(store()).handle(message(), drain) }
        #expect(stopped?.code == .unitFenced)

        var foreign = message()
        foreign.kind = .walkReady
        let defect = await #expect(throws: StageFailure.self) {
            try await stage(store()).handle(foreign, DrainSignal())
        }
        #expect(defect?.code == .stageDefect)
    }

    @Test func `cells of CSV are quoted, defused and complete`() async throws {
        let attributes: JSONObject = [
            "displayName": "=HYPERLINK(\"http://x\")", "jobTitle": "a,b", "city": "line\r\nbreak",
            "country": "\tx", "department": "-1+1", "businessPhones": ["+49 1"], "mobilePhone": "+49",
            "accountEnabled": true, "mail": "@me", "notInCatalogue": ["deep": 1],
        ]
        let store = MemoryStore(["user": [user(1, attributes), user(2)]])
        store.state.withLock { $0.order?.format = .csv }
        _ = try await stage(store).handle(message(), DrainSignal())
        let member = try #require(PlainArchive.members(of: store.archive).first)
        #expect(member.name == "user.csv")
        let rows = Self.rows(String(decoding: member.content, as: UTF8.self))
        #expect(rows.count == 3 && rows.allSatisfy { $0.count == rows[0].count })
        let cells = Dictionary(zip(rows[0], rows[1])) { first, _ in first }
        #expect(cells["displayName"] == "'=HYPERLINK(\"http://x\")")
        #expect(cells["jobTitle"] == "a,b" && cells["city"] == "line\r\nbreak" && cells["country"] == "'\tx")
        #expect(cells["department"] == "'-1+1" && cells["mobilePhone"] == "'+49" && cells["mail"] == "'@me")
        #expect(cells["businessPhones"] == "[\"+49 1\"]" && cells["accountEnabled"] == "true")
        #expect(cells["otherAttributes"] == "{\"notInCatalogue\":{\"deep\":1}}")
        #expect(cells["id"] == "id-1" && cells["children"] == "")
        #expect(cells["links"] == "{\"manager\":[\"\(Self.manager)\"]}")
        #expect(Set(rows[0]).isSuperset(of: try #require(Catalogue.current["user"]).attributes))
    }

    /// RFC 4180, read in the plainest way.
    private static func rows(_ text: String) -> [[String]] {
        var (rows, row, cell, quoted): ([[String]], [String], [UInt8], Bool) = ([], [], [], false)
        let bytes = Array(text.utf8)
        var at = 0
        while at < bytes.count {
            let byte = bytes[at]
            switch (byte, quoted) {
            case (0x22, true) where at + 1 < bytes.count && bytes[at + 1] == 0x22:
                cell.append(0x22)
                at += 1
            case (0x22, _): quoted.toggle()
            case (0x2C, false), (0x0A, false):
                if byte == 0x0A, cell.last == 0x0D { cell.removeLast() }
                row.append(String(decoding: cell, as: UTF8.self))
                cell = []
                if byte == 0x0A {
                    rows.append(row)
                    row = []
                }
            default: cell.append(byte)
            }
            at += 1
        }
        return rows
    }
}

extension ObjectDocument {
    /// As the store has it: the id among the attributes.
    fileprivate var text: DocumentText? {
        var attributes = attributes
        attributes["id"] = .string(id)
        return try? DocumentText(
            type: type, attributes: CanonicalObject(JSONValue.object(attributes).canonicalBytes),
            links: links.map { ($0, $1.compactMap { ObjectKey($0) }) },
            children: children.map { ($0, JSONValue.array($1).canonicalBytes) }, id: { $0 ?? "none" })
    }
}

/// A store of documents that keeps what it is given.
private final class MemoryStore: DownloadStore {
    struct State {
        var order: DownloadOrder?
        var pieces: [[UInt8]] = []
        var objects: [Int64] = []
        var fencedFrom = Int32.max
        var result: DownloadResult?
    }

    let documents: [String: [ObjectDocument]]
    let state: Mutex<State>

    init(_ documents: [String: [ObjectDocument]]) {
        self.documents = documents
        state = Mutex(
            State(
                order: DownloadOrder(
                    snapshot: 7, format: .json, types: nil, ids: nil, signature: "5167", sealedAt: 0, attempt: 1)))
    }

    var archive: [UInt8] { state.withLock { Array($0.pieces.joined()) } }

    func order(_ message: Message) async throws(StageFailure) -> DownloadOrder? { state.withLock { $0.order } }

    func documents(
        _ message: Message, _ order: DownloadOrder, _ type: ObjectType,
        _ body: (DocumentText, VersionStamp) async throws(StageFailure) -> Void
    ) async throws(StageFailure) {
        guard let digest = Digest(bytes: Array(0..<32)) else { return }
        for document in (documents[type.name] ?? []).compactMap(\.text) {
            try await body(document, VersionStamp(digest: digest, from: 1, to: nil, seenAt: "2025-01-01T00:00:00Z"))
        }
    }

    func storePiece(
        _ message: Message, _ order: DownloadOrder, ordinal: Int32, _ bytes: [UInt8], objects: Int64
    ) async throws(StageFailure) {
        let isNext = state.withLock { state in
            guard ordinal == state.pieces.count, ordinal < state.fencedFrom else { return false }
            state.pieces.append(bytes)
            state.objects.append(objects)
            return true
        }
        guard isNext else { throw StageFailure(.unitFenced, "fenced") }
    }

    func mark(_ message: Message, _ bytes: [UInt8]) async throws(StageFailure) -> String { "mark of \(bytes.count)" }

    func finish(_ message: Message, _ order: DownloadOrder, _ result: DownloadResult) async throws(StageFailure) {
        state.withLock { $0.result = result }
    }
}

/// An archive of names and contents, each with its length before it.
private final class PlainArchive: ArchiveWriting {
    private var output: [UInt8] = []
    private var member: (name: String, content: [UInt8]) = ("", [])

    func begin(_ member: String) { self.member = (member, []) }

    func write(_ bytes: [UInt8]) {
        member.content += bytes
        // What would be compressed comes out while the member is written.
        output += Self.part(member.name, bytes)
    }

    func end() -> [UInt8] { Self.hash(member.content) }

    func close() {}

    var outputCount: Int { output.count }

    func takeOutput() -> [UInt8] {
        defer { output = [] }
        return output
    }

    static func hash(_ bytes: [UInt8]) -> [UInt8] { CountingHash.of(bytes) }

    private static func part(_ name: String, _ bytes: [UInt8]) -> [UInt8] {
        Array("\(name) \(bytes.count)\n".utf8) + bytes
    }

    /// The members of the archive, their parts put together.
    static func members(of archive: [UInt8]) -> [(name: String, content: [UInt8])] {
        var members: [(name: String, content: [UInt8])] = []
        var rest = archive[...]
        while let end = rest.firstIndex(of: 0x0A) {
            let head = String(decoding: rest[..<end], as: UTF8.self).split(separator: " ")
            let count = Int(head[1]) ?? 0
            let content = rest[(end + 1)..<(end + 1 + count)]
            if members.last?.name == String(head[0]) {
                members[members.count - 1].content += content
            } else {
                members.append((String(head[0]), Array(content)))
            }
            rest = rest[(end + 1 + count)...]
        }
        return members
    }
}

/// Stands for SHA-256: order and values count.
private struct CountingHash: ArchiveHashing {
    private var sum: UInt64 = 14_695_981_039_346_656_037

    mutating func update(_ bytes: [UInt8]) { for byte in bytes { sum = (sum ^ UInt64(byte)) &* 1_099_511_628_211 } }

    func finalize() -> [UInt8] { withUnsafeBytes(of: sum) { Array($0) } }

    static func of(_ bytes: [UInt8]) -> [UInt8] {
        var hash = CountingHash()
        hash.update(bytes)
        return hash.finalize()
    }
}
