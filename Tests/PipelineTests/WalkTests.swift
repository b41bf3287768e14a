import BackupContracts
import BackupModel
import Foundation
import Synchronization
import Testing

@testable import FetchStage

/// Walks: which pages are stored together, and where a walk goes on when one of them cannot be read.
@Suite(.timeLimit(.minutes(1))) struct WalkTests {
    @Test func `small pages are stored together, with the cursor behind the last of them`() async throws {
        let tenant = try FakePages(sizes: Array(repeating: 1_000, count: 8))
        let stored = try await tenant.walk(WalkLimits(smallPage: 2_500))
        #expect(stored.map(\.page.items) == [3, 3, 2])
        #expect(stored.map(\.page.requests) == [3, 3, 2])
        #expect(stored.map(\.ordinal) == [0, 1, 2])
        #expect(try stored.flatMap { try ids($0.page) } == tenant.ids)
        #expect(stored.map(\.link) == ["/3", "/6", nil])
    }

    @Test func `a page that is not small is stored alone`() async throws {
        let tenant = try FakePages(sizes: [5_000, 5_000, 100, 100, 5_000, 100])
        let stored = try await tenant.walk(WalkLimits(smallPage: 5_000))
        #expect(stored.map(\.page.items) == [1, 1, 3, 1], "what comes with small pages may itself be large")
        #expect(try stored.flatMap { try ids($0.page) } == tenant.ids)
    }

    @Test func `a delivery does as many pages as before, however they are stored`() async throws {
        let tenant = try FakePages(sizes: Array(repeating: 100, count: 12))
        let stored = try await tenant.walk(WalkLimits(pages: 5))
        #expect(stored.map(\.page.items) == [5, 5, 2])
        #expect(stored.map(\.passesBaton) == [true, true, false])
        #expect(try stored.flatMap { try ids($0.page) } == tenant.ids)
    }

    @Test func `what was read before a failure is stored, and the walk goes on at the page that failed`() async throws {
        let throttled = StageFailure(.graphThrottled, "Wait.", retryAfter: .seconds(30))
        let tenant = try FakePages(sizes: Array(repeating: 100, count: 6), failing: [2: throttled])
        let stored = try await tenant.walk(WalkLimits())
        #expect(stored.map(\.page.items) == [2, 0, 4], "then the pause, then the rest")
        #expect(stored.map(\.link) == ["/2", "/2", nil])
        #expect(stored.map(\.passesBaton) == [false, true, false])
        #expect(stored.map(\.ordinal) == [0, 1, 1])
        #expect(try stored.flatMap { try ids($0.page) } == tenant.ids)
    }

    @Test func `a failure that ends the collection ends it behind what was read`() async throws {
        let failed = StageFailure(.nextLinkLoops, "It led back.")
        let tenant = try FakePages(sizes: Array(repeating: 100, count: 6), failing: [4: failed])
        let stored = try await tenant.walk(WalkLimits())
        #expect(stored.map(\.page.items) == [4, 0])
        #expect(stored.last?.outcome == .failed)
    }

    @Test func `a page is read while the one before is stored`() async throws {
        let tenant = try FakePages(sizes: Array(repeating: 5_000, count: 4), awaitsNextPage: true)
        let stored = try await tenant.walk(WalkLimits(smallPage: 5_000))
        #expect(stored.map(\.page.items) == [1, 1, 1, 1])
        #expect(stored.map(\.ordinal) == [0, 1, 2, 3])
        #expect(try stored.flatMap { try ids($0.page) } == tenant.ids)
    }

    @Test func `what was read ahead of a page that is refused is not stored`() async throws {
        let tenant = try FakePages(sizes: Array(repeating: 5_000, count: 4), awaitsNextPage: true, refusing: 1)
        let failure = await #expect(throws: StageFailure.self) {
            try await tenant.walk(WalkLimits(smallPage: 5_000))
        }
        #expect(failure?.code == .unitFenced)
        #expect(tenant.stored.map(\.ordinal) == [0])
        #expect(tenant.asked == [0, 1, 2])
    }

    @Test func `no page is read that this delivery will not store`() async throws {
        let tenant = try FakePages(sizes: Array(repeating: 5_000, count: 4), refusing: 1)
        await #expect(throws: StageFailure.self) {
            try await tenant.walk(WalkLimits(pages: 2, smallPage: 5_000))
        }
        #expect(tenant.asked == [0, 1])
    }

    private func ids(_ page: FetchedPage) throws -> [String] {
        try PageParts(decoding: page.content).parts.flatMap { part in
            guard case .list(_, let body) = part else { return [String]() }
            return try GraphPage(body).items.map {
                try JSONValue(parsing: Array(body[$0]))["id"]?.string ?? ""
            }
        }
    }
}

/// Pages of one object each, of given sizes; some fail when they are asked for the first time.
private final class FakePages: DirectoryReader, FetchStore {
    struct Stored: Sendable {
        var ordinal: Int32
        var page: FetchedPage
        var link: String?
        var passesBaton = false
        var outcome: CollectionOutcome?
    }

    private struct State {
        var failing: [Int: StageFailure]
        var cursor: WalkCursor?
        var ordinal: Int32 = 0
        var hasEnded = false
        var stored: [Stored] = []
        var asked: [Int] = []
    }

    let ids: [String]
    private let bodies: [[UInt8]]
    private let type: ObjectType
    private let awaitsNextPage: Bool
    private let refusing: Int32?
    private let state: Mutex<State>

    var stored: [Stored] { state.withLock { $0.stored } }
    var asked: [Int] { state.withLock { $0.asked } }

    /// - Parameters:
    ///   - awaitsNextPage: a page that is not the last is stored when the page behind it has been asked for.
    ///   - refusing: the ordinal that somebody else has stored.
    init(
        sizes: [Int], failing: [Int: StageFailure] = [:], awaitsNextPage: Bool = false, refusing: Int32? = nil
    ) throws {
        self.awaitsNextPage = awaitsNextPage
        self.refusing = refusing
        type = try #require(
            Catalogue.current.types.first {
                $0.shape == .collection && !$0.delta && WalkPlan($0).passes.count == 1
            })
        ids = sizes.indices.map { "00000000-0000-0000-0000-\(String(100_000_000_000 + $0))" }
        bodies = zip(ids, sizes).enumerated().map { place, object in
            let filler = String(repeating: "x", count: object.1)
            let link = place + 1 < sizes.count ? #""@odata.nextLink":"/\#(place + 1)","# : ""
            return Array(#"{\#(link)"value":[{"id":"\#(object.0)","displayName":"\#(filler)"}]}"#.utf8)
        }
        state = Mutex(State(failing: failing))
    }

    /// Walks until the walk has ended, as a worker does that takes each message. Returns what was stored.
    func walk(_ limits: WalkLimits) async throws -> [Stored] {
        let message = Message(
            kind: .walkReady, tenant: TenantID(uuid: UUID()), job: JobID(), epoch: 1, type: type.number,
            trace: String(repeating: "0", count: 32))
        let stage = FetchStage(store: self, reader: self, limits: limits)
        for _ in bodies where !state.withLock({ $0.hasEnded }) { _ = try await stage.handle(message, DrainSignal()) }
        #expect(state.withLock { $0.hasEnded })
        return state.withLock { $0.stored }
    }

    // MARK: DirectoryReader

    func permissions(_ connection: DirectoryConnection) async throws(StageFailure) -> Set<String> { [] }

    func read(_ request: DirectoryRequest, _ connection: DirectoryConnection) async throws(StageFailure)
        -> DirectoryAnswer
    {
        let place = Int(request.target.dropFirst()) ?? 0
        let failure = state.withLock { state in
            state.asked.append(place)
            return state.failing.removeValue(forKey: place)
        }
        if let failure { throw failure }
        return DirectoryAnswer(body: bodies[place], requests: 1)
    }

    func readBatch(_ requests: [DirectoryRequest], _ connection: DirectoryConnection) async throws(StageFailure)
        -> (answers: [BatchItemAnswer], requests: Int)
    { ([], 0) }

    // MARK: FetchStore

    func opening(_ handling: Message) async throws(StageFailure) -> RoundOpening? { nil }

    func openRound(_ handling: Message, _ collections: [CollectionPlan]) async throws(StageFailure) -> [Message] { [] }

    func walk(_ handling: Message) async throws(StageFailure) -> WalkState? {
        let connection = DirectoryConnection(
            tenant: handling.tenant, clientID: "client", credential: .clientSecret("secret"))
        return state.withLock {
            WalkState(
                connection: connection, type: type.number, mode: .complete, ordinal: $0.ordinal, cursor: $0.cursor,
                deltaLink: nil, incrementalFrom: nil, snapshot: 1)
        }
    }

    func storePage(_ handling: Message, _ walk: WalkState, _ page: FetchedPage?, _ step: WalkStep)
        async throws(StageFailure) -> [Message]
    {
        if awaitsNextPage, case .goesOn(let cursor) = step, let next = cursor.link?.dropFirst() {
            while !asked.contains(Int(next) ?? 0) { await Task.yield() }
        }
        if walk.ordinal == refusing { throw StageFailure(.unitFenced, "Another worker was faster.") }
        state.withLock { state in
            var stored = Stored(
                ordinal: walk.ordinal, page: page ?? FetchedPage(content: [], items: 0, requests: 0))
            switch step {
            case .goesOn(let cursor): state.cursor = cursor
            case .passesBaton(let cursor, _):
                state.cursor = cursor
                stored.passesBaton = true
            case .ends(let end):
                stored.outcome = end.outcome
                state.hasEnded = true
            }
            stored.link = state.hasEnded ? nil : state.cursor?.link
            if page != nil { state.ordinal += 1 }
            state.stored.append(stored)
        }
        return []
    }

    func restartWalk(_ handling: Message, _ state: WalkState, from cursor: WalkCursor)
        async throws(StageFailure) -> [Message]
    { [] }

    func failJob(_ handling: Message, _ failure: StageFailure) async throws(StageFailure) -> [Message] { [] }
}
