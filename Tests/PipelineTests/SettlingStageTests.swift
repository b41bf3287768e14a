import BackupContracts
import BackupModel
import Foundation
import Synchronization
import Testing

@testable import PersistStage

/// How a collection is settled chunk by chunk.
@Suite(.timeLimit(.minutes(1))) struct SettlingStageTests {
    @Test func `a chunk is read while the one before is written`() async throws {
        let store = FakeChunks(4, awaitsNextChunk: true)
        let following = try await PersistStage(store: store).handle(store.message, DrainSignal())
        #expect(following.map(\.kind) == [.roundSettled])
        #expect(store.written.map(\.chunk) == [0, 1, 2, 3])
        #expect(store.written.map(\.objects) == [1, 1, 1, 1], "each chunk's own object")
        #expect(store.written.allSatisfy { !$0.passesBaton })
    }

    @Test func `what was read ahead of a chunk that is refused is not written`() async throws {
        let store = FakeChunks(4, awaitsNextChunk: true, refusing: 1)
        let failure = await #expect(throws: StageFailure.self) {
            try await PersistStage(store: store).handle(store.message, DrainSignal())
        }
        #expect(failure?.code == .unitFenced)
        #expect(store.written.map(\.chunk) == [0])
    }

    @Test func `a chunk that cannot be read fails when the one before is written`() async throws {
        let store = FakeChunks(4, failing: 2)
        let failure = await #expect(throws: StageFailure.self) {
            try await PersistStage(store: store).handle(store.message, DrainSignal())
        }
        #expect(failure?.code == .storedDataDamaged)
        #expect(store.written.map(\.chunk) == [0, 1])
    }

    @Test func `a stage that drains writes the chunk in hand and passes the rest on`() async throws {
        let store = FakeChunks(4)
        let drain = DrainSignal()
        drain.drain()
        _ = try await PersistStage(store: store).handle(store.message, drain)
        #expect(store.written.map(\.chunk) == [0])
        #expect(store.written.map(\.passesBaton) == [true])
        #expect(store.read == 1, "nothing is read that is not written")
    }
}

/// A collection whose chunks hold one new object each.
private final class FakeChunks: PersistStore {
    struct Written: Sendable {
        var chunk: Int32
        var objects: Int
        var passesBaton: Bool
    }

    private struct State {
        var read = 0
        var written: [Written] = []
    }

    let message = Message(
        kind: .collectionWalked, tenant: TenantID(uuid: UUID()), job: JobID(), epoch: 1,
        type: Catalogue.current.types.first { $0.shape == .collection }?.number,
        trace: String(repeating: "0", count: 32))
    private let chunks: Int32
    private let awaitsNextChunk: Bool
    private let refusing: Int32?
    private let failing: Int?
    private let state = Mutex(State())

    var read: Int { state.withLock { $0.read } }
    var written: [Written] { state.withLock { $0.written } }

    /// - Parameters:
    ///   - awaitsNextChunk: a chunk that is not the last is written when the heads of the one behind it were asked for.
    ///   - refusing: the chunk that somebody else has written.
    ///   - failing: the chunk that cannot be read.
    init(_ chunks: Int32, awaitsNextChunk: Bool = false, refusing: Int32? = nil, failing: Int? = nil) {
        self.chunks = chunks
        self.awaitsNextChunk = awaitsNextChunk
        self.refusing = refusing
        self.failing = failing
    }

    func settlement(_ handling: Message) async throws(StageFailure) -> Settlement? {
        Settlement(
            type: handling.type ?? 0, mode: .complete, outcome: .complete, snapshot: 1, settled: 0, chunks: chunks)
    }

    func sightings(_ handling: Message, _ body: (SightingList) -> Void) async throws(StageFailure) {
        var list = SightingList()
        guard let digest = Digest(bytes: Array(repeating: 7, count: 32)) else { return }
        for chunk in 0..<Int(chunks) {
            let first = ObjectKey.range(chunk: chunk, of: Int(chunks)).lowerBound
            list.append(.attributes(first, digest))
        }
        body(list)
    }

    func heads(_ handling: Message, _ range: ClosedRange<ObjectKey>) async throws(StageFailure)
        -> (versions: [VersionHead], links: [LinkHead])
    {
        let place = state.withLock { state in
            state.read += 1
            return state.read - 1
        }
        if place == failing { throw StageFailure(.storedDataDamaged, "It cannot be read.") }
        return ([], [])
    }

    func heads(_ handling: Message, _ wanted: WantedHeads) async throws(StageFailure)
        -> (versions: [VersionHead], links: [LinkHead])
    { ([], []) }

    func settleChunk(
        _ handling: Message, _ settlement: Settlement, _ changes: VersionChanges, passesBaton: Bool
    ) async throws(StageFailure) -> [Message] {
        let isLast = settlement.settled + 1 == chunks
        if awaitsNextChunk, !isLast {
            while read <= Int(settlement.settled) + 1 { await Task.yield() }
        }
        if settlement.settled == refusing { throw StageFailure(.unitFenced, "Another worker was faster.") }
        state.withLock {
            $0.written.append(
                Written(chunk: settlement.settled, objects: changes.added, passesBaton: passesBaton))
        }
        return isLast ? [handling.following(.roundSettled)] : []
    }

    func seal(_ handling: Message) async throws(StageFailure) -> [Message] { [] }
}
