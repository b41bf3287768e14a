import BackupContracts
import BackupModel
import Foundation
import Synchronization
import Testing

@testable import RestoreStage

/// The restorer against a tenant in memory that refuses, loses answers and lags behind.
@Suite(.timeLimit(.minutes(1))) struct RestoreStageTests {
    private static let group = "0a000000-0000-0000-0000-000000000001"
    private static let user = "0b000000-0000-0000-0000-000000000002"

    private static func update(_ number: Int, _ id: String = user, to title: String = "Engineer") -> RestoreStep {
        RestoreStep(
            number: number, wave: 1, action: .update, type: "user", id: id, displayName: "u",
            attributes: [.init(path: JSONPointer(["jobTitle"]), from: "Clerk", to: .string(title))], reason: "differs")
    }

    private static func creation(_ number: Int = 1) -> RestoreStep {
        let document = ObjectDocument(
            type: "group", id: group,
            attributes: [
                "displayName": "Sales", "mailNickname": "sales", "mailEnabled": false, "securityEnabled": true,
            ])
        return RestoreStep(
            number: number, wave: 1, action: .create, type: "group", id: group, displayName: "Sales",
            document: document, reason: "gone")
    }

    /// A user who is there, with the title of before.
    private static func tenant() -> FakeTenant {
        FakeTenant([ObjectDocument(type: "user", id: user, attributes: ["jobTitle": "Clerk"])])
    }

    private func run(_ store: FakeRestoreStore, _ tenant: FakeTenant) async throws -> [RestoreResult] {
        let limits = RestoreLimits(pause: .zero)
        let stage = RestoreStage(store: store, writer: tenant, reader: tenant, limits: limits)
        _ = try await stage.handle(.restore, DrainSignal())
        return store.results
    }

    @Test func `what was written is read back and is as it should be`() async throws {
        let tenant = Self.tenant()
        let results = try await run(FakeRestoreStore([Self.update(1)]), tenant)
        #expect(results == [RestoreResult(number: 1, outcome: .done, verified: true)])
        #expect(tenant[Self.user]?.attributes["jobTitle"] == "Engineer")
    }

    @Test func `a created object is known by its new id`() async throws {
        let tenant = Self.tenant()
        let results = try await run(FakeRestoreStore([Self.creation()]), tenant)
        let new = try #require(tenant.ids(of: "group").first)
        #expect(results.first?.newIDs == [.init(type: "group", from: Self.group, to: new)])
        #expect(results.first?.verified == true)
    }

    @Test func `a creation whose answer was lost makes one object`() async throws {
        for wasExecuted in [true, false] {
            let tenant = Self.tenant()
            tenant.plan { $0.lose(executed: wasExecuted) }
            let results = try await run(FakeRestoreStore([Self.creation()]), tenant)
            #expect(tenant.ids(of: "group").count == 1)
            #expect(results.first?.newIDs.map(\.to) == tenant.ids(of: "group"))
            #expect(results.first?.verified == true)
        }
    }

    @Test func `a created object that is not listed at once is not made a second time`() async throws {
        let tenant = Self.tenant()
        tenant.plan {
            $0.lose(executed: true)
            $0.oldLists = 1
        }
        let results = try await run(FakeRestoreStore([Self.creation()]), tenant)
        #expect(tenant.ids(of: "group").count == 1 && tenant.writes == 1)
        #expect(results.first?.newIDs.map(\.to) == tenant.ids(of: "group"))
    }

    @Test func `an object that another restore has made meanwhile is not made again`() async throws {
        let made = UUID().uuidString.lowercased()
        let document = try #require(Self.creation().document)
        let tenant = FakeTenant([ObjectDocument(type: "group", id: made, attributes: document.attributes)])
        let store = FakeRestoreStore([Self.creation()], made: [Self.group: made])
        let results = try await run(store, tenant)
        #expect(tenant.ids(of: "group") == [made] && tenant.writes == 0)
        #expect(results == [RestoreResult(number: 1, outcome: .done, verified: true)])
    }

    @Test func `an object that has left the recycle bin is done when it is there, and has failed when it is gone`()
        async throws
    {
        func undeletion(_ id: String) -> RestoreStep {
            RestoreStep(
                number: 1, wave: 1, action: .undelete, type: "user", id: id, displayName: "u",
                document: ObjectDocument(type: "user", id: id, attributes: ["jobTitle": "Clerk"]), reason: "deleted")
        }
        let there = try await run(FakeRestoreStore([undeletion(Self.user)]), Self.tenant())
        #expect(there == [RestoreResult(number: 1, outcome: .done, verified: true)])
        let gone = try await run(FakeRestoreStore([undeletion(Self.group)]), Self.tenant())
        #expect(gone.map(\.outcome) == [.failed] && gone.map(\.code) == ["Request_ResourceNotFound"])
    }

    @Test func `a restorer that died between the writes and their record makes nothing twice`() async throws {
        let tenant = Self.tenant()
        let store = FakeRestoreStore([Self.creation(1), Self.update(2)])
        store.dies = true
        await #expect(throws: StageFailure.self) { _ = try await run(store, tenant) }
        #expect(store.results == [] && tenant.ids(of: "group").count == 1)
        let sent = tenant.writes
        let results = try await run(store, tenant)
        #expect(tenant.ids(of: "group").count == 1)
        #expect(results.map(\.outcome) == [.done, .done])
        #expect(results[0].newIDs.map(\.to) == tenant.ids(of: "group"))
        #expect(tenant.writes == sent, "what was there was sent again")
    }

    @Test func `two objects of one name that a dead restorer made are not taken for each other`() async throws {
        for _ in 0..<8 {
            let tenant = Self.tenant()
            let store = FakeRestoreStore([1, 2].map { Self.twin($0) })
            store.dies = true
            await #expect(throws: StageFailure.self) { _ = try await run(store, tenant) }
            let results = try await run(store, tenant)
            #expect(tenant.ids(of: "group").count == 2)
            #expect(
                results.map { tenant[$0.newIDs.first?.to ?? ""]?.attributes["description"] } == ["twin 1", "twin 2"])
        }
    }

    private static func twin(_ number: Int) -> RestoreStep {
        var step = creation(number)
        step.id = "0a000000-0000-0000-0000-00000000001\(number)"
        var attributes = step.document?.attributes ?? [:]
        attributes["description"] = .string("twin \(number)")
        step.document = ObjectDocument(type: "group", id: step.id, attributes: attributes)
        return step
    }

    @Test func `a restorer that slept while another began its steps sends nothing`() async throws {
        let tenant = Self.tenant()
        let store = FakeRestoreStore([Self.creation(1), Self.update(2)])
        store.overtake()
        await #expect {
            _ = try await run(store, tenant)
        } throws: { ($0 as? StageFailure)?.code == .unitFenced }
        #expect(tenant.writes == 0)
    }

    @Test func `an object of the same name that was there before is not taken for the created one`() async throws {
        let twin = UUID().uuidString.lowercased()
        let tenant = FakeTenant([
            ObjectDocument(
                type: "group", id: twin, attributes: ["displayName": "Sales", "mailNickname": "sales"])
        ])
        tenant.plan { $0.lose(executed: true) }
        let store = FakeRestoreStore([Self.creation()], known: [twin])
        let results = try await run(store, tenant)
        #expect(tenant.ids(of: "group").count == 2)
        #expect(results.first?.newIDs.first.map(\.to) != twin)
    }

    @Test func `a refused step fails with its code, and the others are done`() async throws {
        let tenant = Self.tenant()
        let results = try await run(FakeRestoreStore([Self.update(1, "gone"), Self.update(2)]), tenant)
        #expect(results.map(\.outcome).sorted { $0.rawValue < $1.rawValue } == [.done, .failed])
        #expect(results.first { $0.number == 1 }?.code == "Request_ResourceNotFound")
    }

    @Test func `what refers to an object that could not be brought back is skipped`() async throws {
        let link = RestoreStep(
            number: 1, wave: 1, action: .link, type: "group", id: Self.group, displayName: "g",
            links: [.init(name: "members", added: [Self.user], removed: [])], reason: "differs")
        let tenant = Self.tenant()
        let results = try await run(FakeRestoreStore([link], missing: [Self.user]), tenant)
        #expect(results.map(\.code) == ["referenceMissing"] && results.map(\.outcome) == [.skipped])
        #expect(tenant.writes == 0)
    }

    @Test func `a copy that lags behind is read again, and a real difference is told`() async throws {
        let lagging = Self.tenant()
        lagging.plan { $0.oldReadings = 3 }
        #expect(try await run(FakeRestoreStore([Self.update(1)]), lagging).first?.verified == true)

        let deaf = Self.tenant()
        deaf.plan { $0.oldReadings = .max }
        let result = try #require(try await run(FakeRestoreStore([Self.update(1)]), deaf).first)
        #expect(result.outcome == .done && !result.verified)
        #expect(result.differences == [.init(path: "/jobTitle", expected: "Engineer", found: "Clerk")])
    }

    @Test func `what was written and cannot be read back is told as such`() async throws {
        let tenant = Self.tenant()
        tenant.plan { $0.readFailure = StageFailure(.graphUnreachable, "no answer") }
        let result = try #require(try await run(FakeRestoreStore([Self.update(1)]), tenant).first)
        #expect(result.outcome == .done && !result.verified && result.differences.isEmpty)
        #expect(result.code == RestoreResult.notReadBack)
        #expect(result.message.contains(FailureCode.graphUnreachable.name))
        #expect(tenant[Self.user]?.attributes["jobTitle"] == "Engineer")
    }

    @Test func `a pause that Graph asks for puts off what was not done`() async throws {
        let tenant = Self.tenant()
        tenant.plan { $0.failure = StageFailure(.graphThrottled, "busy", retryAfter: .seconds(77)) }
        let store = FakeRestoreStore([Self.update(1)])
        #expect(try await run(store, tenant) == [])
        #expect(store.pauses == [.seconds(77)])
        #expect(try await run(store, tenant).map(\.outcome) == [.done])
    }

    @Test func `what was done beside a step that failed for the moment is recorded`() async throws {
        let tenant = Self.tenant()
        tenant.plan { $0.failure = StageFailure(.graphServerError, "down") }
        let store = FakeRestoreStore([Self.update(1, "other"), Self.update(2)])
        #expect(try await run(store, tenant).map(\.number) == [2])
        #expect(store.pauses.count == 1)
    }

    @Test func `a permission that is lost on the way ends the job`() async throws {
        let tenant = Self.tenant()
        tenant.plan { $0.permissions = [] }
        let store = FakeRestoreStore([Self.update(1)])
        #expect(try await run(store, tenant) == [])
        #expect(store.failure?.code == .writeAccessMissing)
    }
}

extension Message {
    fileprivate static let restore = Message(
        kind: .restoreReady, tenant: TenantID(uuid: UUID()), job: JobID(), epoch: 1, trace: "t")
}

/// One chunk, held as PostgreSQL holds it.
private final class FakeRestoreStore: RestoreStore {
    private struct State {
        var begins: Int32 = 0
        var results: [RestoreResult] = []
        var pauses: [Duration] = []
        var failure: StageFailure?
        var dies = false
        var isOvertaken = false
    }

    private let state = Mutex(State())
    private let steps: [RestoreStep]
    private let missing: Set<String>
    private let known: Set<String>
    private let made: [String: String]

    init(
        _ steps: [RestoreStep], missing: Set<String> = [], known: Set<String> = [], made: [String: String] = [:]
    ) {
        self.made = made
        self.steps = steps
        self.missing = missing
        self.known = known
    }

    var results: [RestoreResult] { state.withLock { $0.results.sorted { $0.number < $1.number } } }
    var pauses: [Duration] { state.withLock(\.pauses) }
    var failure: StageFailure? { state.withLock(\.failure) }
    /// The next result is lost with its process.
    var dies: Bool {
        get { state.withLock(\.dies) }
        set { state.withLock { $0.dies = newValue } }
    }

    /// Another worker has begun the steps.
    func overtake() { state.withLock { $0.isOvertaken = true } }

    func chunk(_ message: Message, limit: Int) async throws(StageFailure) -> RestoreChunk? {
        let access = DirectoryConnection(tenant: message.tenant, clientID: "c", credential: .clientSecret("s"))
        return state.withLock { state in
            let open = steps.filter { step in !state.results.contains { $0.number == step.number } }
            guard !open.isEmpty else { return nil }
            return RestoreChunk(
                plan: UUID(), position: Int32(state.results.count), begins: state.begins, steps: open,
                wasStarted: state.begins > 0, map: IDMap(made), missing: missing, made: Set(made.keys),
                reader: access, writer: access)
        }
    }

    func known(_ message: Message, _ chunk: RestoreChunk, _ type: UInt16) async throws(StageFailure) -> Set<String> {
        known
    }

    func begin(_ message: Message, _ chunk: RestoreChunk) async throws(StageFailure) {
        state.withLock { $0.begins += 1 }
    }

    func confirm(_ message: Message, _ chunk: RestoreChunk) async throws(StageFailure) {
        guard state.withLock({ $0.begins == chunk.begins + 1 && !$0.isOvertaken }) else {
            throw StageFailure(.unitFenced, "overtaken")
        }
    }

    func finish(_ message: Message, _ chunk: RestoreChunk, _ results: [RestoreResult], passesBaton: Bool)
        async throws(StageFailure) -> RestoreNext
    {
        if dies {
            dies = false
            throw StageFailure(.databaseUnreachable, "killed")
        }
        state.withLock { $0.results += results }
        return .ends([])
    }

    func pause(_ message: Message, _ chunk: RestoreChunk, _ results: [RestoreResult], after pause: Duration)
        async throws(StageFailure) -> [Message]
    {
        state.withLock {
            $0.results += results
            $0.pauses.append(pause)
        }
        return [message.following(.restoreReady)]
    }

    func failJob(_ message: Message, _ failure: StageFailure) async throws(StageFailure) -> [Message] {
        state.withLock { $0.failure = failure }
        return []
    }
}

/// Users and groups that are created, patched and read.
private final class FakeTenant: DirectoryWriter, ObjectReader {
    struct Behaviour {
        var permissions: Set<String> = Set(
            Catalogue.current.types.compactMap(\.restore.permission))
        /// The next write gets this answer.
        var failure: StageFailure?
        /// Readings that show the state before all writes.
        var oldReadings = 0
        /// Lists likewise.
        var oldLists = 0
        /// Every reading gets this answer.
        var readFailure: StageFailure?
        var loses = false
        var losesBefore = false

        mutating func lose(executed: Bool) {
            loses = executed
            losesBefore = !executed
        }
    }

    private struct State {
        var behaviour = Behaviour()
        var objects: [String: ObjectDocument] = [:]
        var writes = 0
    }

    private let state: Mutex<State>
    private let before: [String: ObjectDocument]

    init(_ objects: [ObjectDocument]) {
        before = Dictionary(objects.map { ($0.id, $0) }) { first, _ in first }
        state = Mutex(State(objects: before))
    }

    subscript(_ id: String) -> ObjectDocument? { state.withLock { $0.objects[id] } }
    var writes: Int { state.withLock(\.writes) }

    func ids(of type: String) -> [String] {
        state.withLock { $0.objects.values.filter { $0.type == type }.map(\.id).sorted() }
    }

    func plan(_ change: (inout Behaviour) -> Void) { state.withLock { change(&$0.behaviour) } }

    func permissions(_ connection: DirectoryConnection) async throws(StageFailure) -> Set<String> {
        state.withLock(\.behaviour.permissions)
    }

    func write(_ writes: [DirectoryWrite], _ connection: DirectoryConnection) async throws(StageFailure)
        -> [WriteAnswer]
    {
        state.withLock { state in writes.map { Self.answer($0, &state) } }
    }

    private static func answer(_ write: DirectoryWrite, _ state: inout State) -> WriteAnswer {
        if let failure = state.behaviour.failure {
            state.behaviour.failure = nil
            return .failure(failure)
        }
        if state.behaviour.permissions.isEmpty {
            return .rejected(status: 403, code: "Authorization_RequestDenied", message: "")
        }
        if state.behaviour.losesBefore {
            state.behaviour.losesBefore = false
            return .unknown
        }
        state.writes += 1
        let answer = execute(write, &state)
        if state.behaviour.loses {
            state.behaviour.loses = false
            return .unknown
        }
        return answer
    }

    private static func execute(_ write: DirectoryWrite, _ state: inout State) -> WriteAnswer {
        let path = write.target.split(separator: "/").map(String.init)
        let body = (try? JSONValue(parsing: write.body ?? Array("{}".utf8)))?.object ?? [:]
        if write.method == .post, path == ["groups"] {
            let id = UUID().uuidString.lowercased()
            let made = ObjectDocument(type: "group", id: id, attributes: body)
            state.objects[id] = made
            var answer = body
            answer["id"] = .string(id)
            return .done(status: 201, body: JSONValue.object(answer).canonicalBytes)
        }
        guard write.method == .patch, path.count == 2, var object = state.objects[path[1]] else {
            return .rejected(status: 404, code: "Request_ResourceNotFound", message: "")
        }
        for member in body { object.attributes[member.name] = member.value }
        state.objects[path[1]] = object
        return .done(status: 204, body: [])
    }

    func documents(
        _ type: ObjectType, _ ids: [String], parts: Set<String>?, _ connection: DirectoryConnection
    ) async throws(StageFailure) -> [String: ObjectDocument] {
        if let failure = state.withLock(\.behaviour.readFailure) { throw failure }
        return state.withLock { state in
            let isOld = state.behaviour.oldReadings > 0
            if isOld { state.behaviour.oldReadings -= 1 }
            return (isOld ? before : state.objects).filter { ids.contains($0.key) && $0.value.type == type.name }
        }
    }

    func list(
        _ type: ObjectType, _ connection: DirectoryConnection, _ body: (ObjectDocument) -> Void
    ) async throws(StageFailure) {
        let objects = state.withLock { state in
            let isOld = state.behaviour.oldLists > 0
            if isOld { state.behaviour.oldLists -= 1 }
            return isOld ? before : state.objects
        }
        for object in objects.values where object.type == type.name { body(object) }
    }
}
