import BackupContracts
import BackupModel
import Foundation
import Synchronization
import Testing

@testable import FetchStage

/// 410: a position that Graph no longer knows starts a walk again, and never for ever.
@Suite struct LostPositionTests {
    private static let link = "https://graph.example/next"
    private static let delta = "https://graph.example/delta?before"

    @Test func `an expired delta link turns the walk into a complete one`() async throws {
        let tenant = try GoneTenant("orgContact", from: Self.delta) { target, _ in target == Self.delta ? nil : .end }
        let end = try await tenant.walk()
        #expect(end.outcome == .complete && end.reason == nil)
        #expect(tenant.restarts == 1)
        #expect(tenant.asked.first == Self.delta && tenant.asked.count { $0 == Self.delta } == 1)
        #expect(tenant.asked.dropFirst().first?.hasPrefix("/contacts/delta") == true)
    }

    @Test(arguments: ["orgContact", "namedLocation"])
    func `a collection that is answered with 410 without a position is gone`(type: String) async throws {
        let tenant = try GoneTenant(type) { _, _ in nil }
        let end = try await tenant.walk()
        #expect(tenant.restarts == 0 && tenant.asked.count == 1)
        try expectGivenUp(end, type)
    }

    @Test func `a delta link and then the whole collection answered with 410 end after two requests`() async throws {
        let tenant = try GoneTenant("orgContact", from: Self.delta) { _, _ in nil }
        let end = try await tenant.walk()
        #expect(tenant.restarts == 1 && tenant.asked.count == 2)
        try expectGivenUp(end, "orgContact")
    }

    @Test func `a next link that is lost starts the walk again, so often as allowed`() async throws {
        for lost in 0...3 {
            let tenant = try GoneTenant("namedLocation") { target, asked in
                guard target == Self.link else { return .next(Self.link) }
                return asked <= lost ? nil : .end
            }
            let end = try await tenant.walk()
            #expect(end.outcome == .complete && tenant.restarts == lost)
        }
    }

    @Test(arguments: [nil, Self.delta]) func `a next link that is lost always ends the collection`(position: String?)
        async throws
    {
        let tenant = try GoneTenant("orgContact", from: position) { target, _ in
            target == Self.link ? nil : .next(Self.link)
        }
        let end = try await tenant.walk()
        #expect(tenant.restarts == 3 && tenant.asked.count == 8, "four times a page and its next link")
        #expect(end.reason?.message.contains("4 times") == true)
        try expectGivenUp(end, "orgContact")
    }

    @Test func `a relationship that is gone is noted, and the objects are read`() async throws {
        let tenant = try GoneTenant("domain") { target, _ in target.hasPrefix("/domains/") ? nil : .object }
        let end = try await tenant.walk()
        #expect(end.outcome == .complete && tenant.restarts == 0)
        #expect(end.reason?.message.contains("federationConfiguration: graphRequestRejected") == true)
    }

    @Test func `what a walk reads before its collection is bounded as well`() async throws {
        let tenant = try GoneTenant("user") { target, _ in target.hasPrefix("/applications") ? nil : .end }
        let end = try await tenant.walk()
        #expect(tenant.restarts == 3)
        try expectGivenUp(end, "user")
    }

    @Test(arguments: [FailureCode.permissionMissing, .deltaLinkExpired])
    func `objects below a parent that cannot be read are not taken for gone`(code: FailureCode) async throws {
        let tenant = try GoneTenant("appRoleAssignment", failure: code) { target, _ in
            target.hasPrefix("/servicePrincipals?") ? .parent(holding: 20) : nil
        }
        let end = try await tenant.walk()
        #expect(end.outcome == (code == .permissionMissing ? .refused : .failed), "a cut list is not a whole one")
    }

    @Test func `objects of a listing that cannot be read are not taken for gone`() async throws {
        let tenant = try GoneTenant("deletedItem", failure: .permissionMissing) { target, _ in
            target.contains("microsoft.graph.group") ? nil : .end
        }
        let end = try await tenant.walk()
        #expect(end.outcome == .delta, "absence tells nothing")
        #expect(end.reason?.message.contains("microsoft.graph.group: permissionMissing") == true)
        #expect(tenant.asked.contains { $0.contains("microsoft.graph.administrativeUnit") })
    }

    private func expectGivenUp(_ end: WalkEnd, _ type: String) throws {
        #expect(end.outcome == .failed)
        let reason = try #require(end.reason)
        #expect(reason.disposition == .endCollection && reason.code.rule.runbook == "collection-failed")
        #expect(reason.message.contains(type))
    }
}

/// A tenant that answers some targets with 410, and a store that keeps the walk over its collection.
private final class GoneTenant: DirectoryReader, FetchStore {
    enum Page {
        case next(String), object, end
        case parent(holding: Int)
    }

    private struct State {
        var mode: WalkMode
        var cursor: WalkCursor?
        var ordinal: Int32 = 0
        var restarts = 0
        var asked: [String] = []
        var end: WalkEnd?
    }

    private let type: ObjectType
    private let position: String?
    private let failure: FailureCode
    private let page: @Sendable (_ target: String, _ asked: Int) -> Page?
    private let state: Mutex<State>

    /// - Parameter page: the answer to a target that is asked for the so manieth time; nil for the failure.
    init(
        _ type: String, from position: String? = nil, failure: FailureCode = .deltaLinkExpired,
        page: @escaping @Sendable (String, Int) -> Page?
    ) throws {
        self.failure = failure
        self.type = try #require(Catalogue.current[type])
        self.position = position
        self.page = page
        state = Mutex(State(mode: position == nil ? .complete : .delta))
    }

    var asked: [String] { state.withLock { $0.asked } }
    var restarts: Int { state.withLock { $0.restarts } }
    private var hasEnded: Bool { state.withLock { $0.end != nil } }

    /// Takes message after message, as a worker does, until the walk has ended.
    func walk() async throws -> WalkEnd {
        let message = Message(
            kind: .walkReady, tenant: TenantID(uuid: UUID()), job: JobID(), epoch: 1, type: type.number,
            trace: String(repeating: "0", count: 32))
        let stage = FetchStage(store: self, reader: self)
        for _ in 0..<20 where !hasEnded { _ = try await stage.handle(message, DrainSignal()) }
        return try #require(state.withLock { $0.end }, "the walk goes on for ever")
    }

    private func answer(_ target: String) throws(StageFailure) -> [UInt8] {
        let count = state.withLock { state in
            state.asked.append(target)
            return state.asked.count { $0 == target }
        }
        switch page(target, count) {
        case nil: throw StageFailure(failure, "It could not be read.")
        case .next(let link): return Array(#"{"@odata.nextLink":"\#(link)","value":[]}"#.utf8)
        case .object: return Array(#"{"value":[{"id":"contoso.example"}]}"#.utf8)
        case .parent(let count):
            let below = (0..<count).map { #"{"id":"assignment \#($0)"}"# }.joined(separator: ",")
            return Array(#"{"value":[{"id":"parent","appRoleAssignedTo":[\#(below)]}]}"#.utf8)
        case .end where type.delta: return Array(#"{"@odata.deltaLink":"https://graph.example/d","value":[]}"#.utf8)
        case .end: return Array(#"{"value":[]}"#.utf8)
        }
    }

    // MARK: DirectoryReader

    func permissions(_ connection: DirectoryConnection) async throws(StageFailure) -> Set<String> { [] }

    func read(_ request: DirectoryRequest, _ connection: DirectoryConnection) async throws(StageFailure)
        -> DirectoryAnswer
    { DirectoryAnswer(body: try answer(request.target), requests: 1) }

    func readBatch(_ requests: [DirectoryRequest], _ connection: DirectoryConnection) async throws(StageFailure)
        -> (answers: [BatchItemAnswer], requests: Int)
    {
        let answers = requests.map { request in
            do throws(StageFailure) {
                return BatchItemAnswer.success(try answer(request.target))
            } catch {
                return .failure(error)
            }
        }
        return (answers, 1)
    }

    // MARK: FetchStore

    func opening(_ handling: Message) async throws(StageFailure) -> RoundOpening? { nil }

    func openRound(_ handling: Message, _ collections: [CollectionPlan]) async throws(StageFailure) -> [Message] { [] }

    func walk(_ handling: Message) async throws(StageFailure) -> WalkState? {
        let connection = DirectoryConnection(
            tenant: handling.tenant, clientID: "client", credential: .clientSecret("secret"))
        return state.withLock {
            WalkState(
                connection: connection, type: type.number, mode: $0.mode, ordinal: $0.ordinal, cursor: $0.cursor,
                deltaLink: $0.mode == .delta ? position : nil, incrementalFrom: nil, snapshot: 1)
        }
    }

    func storePage(_ handling: Message, _ walk: WalkState, _ page: FetchedPage?, _ step: WalkStep)
        async throws(StageFailure) -> [Message]
    {
        state.withLock { state in
            switch step {
            case .goesOn(let cursor), .passesBaton(let cursor, _): state.cursor = cursor
            case .ends(let end): state.end = end
            }
            if page != nil { state.ordinal += 1 }
        }
        return []
    }

    func restartWalk(_ handling: Message, _ walk: WalkState, from cursor: WalkCursor)
        async throws(StageFailure) -> [Message]
    {
        state.withLock { state in
            state.mode = .complete
            state.cursor = cursor
            state.ordinal += 1
            state.restarts += 1
        }
        return []
    }

    func failJob(_ handling: Message, _ failure: StageFailure) async throws(StageFailure) -> [Message] { [] }
}
