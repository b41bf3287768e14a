import BackupContracts
import BackupModel
import Foundation
import Synchronization

@testable import RestoreStage

/// One chunk, held as PostgreSQL holds it.
final class FakeRestoreStore: RestoreStore {
    private struct State {
        var begins: Int32 = 0
        var results: [RestoreResult] = []
        var pauses: [Duration] = []
        var failure: StageFailure?
        var dies = false
        var isOvertaken = false
        var afterConfirming: (@Sendable () -> Void)?
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

    /// What happens before each answer that the steps are still the worker's has come.
    func afterConfirming(_ event: @escaping @Sendable () -> Void) { state.withLock { $0.afterConfirming = event } }

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
        state.withLock(\.afterConfirming)?()
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
final class FakeTenant: DirectoryWriter, ObjectReader {
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
        /// What happens in the pause that Graph asks for when one write was sent.
        var pause: (@Sendable () -> Void)?
        /// A second group of one name is refused.
        var namesAreUnique = false
        /// The answer of every so many-th write that is executed is lost.
        var losesEvery = 0
        var loses = false
        var losesBefore = false
        /// It goes on like that.
        var losesAll = false

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

    func write(
        _ writes: [DirectoryWrite], _ connection: DirectoryConnection,
        beforeSend: @escaping BeforeSend
    ) async throws(StageFailure) -> [WriteAnswer] {
        var answers: [WriteAnswer] = []
        // Any order will do: the last comes first.
        for (earlier, write) in writes.reversed().enumerated() {
            if earlier == 1 { state.withLock(\.behaviour.pause)?() }
            do throws(StageFailure) {
                try await beforeSend()
                answers.append(state.withLock { Self.answer(write, &$0) })
            } catch {
                answers.append(.failure(error))
            }
        }
        return answers.reversed()
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
            state.behaviour.losesBefore = state.behaviour.losesAll
            return .unknown(how: "504 gatewayTimeout")
        }
        state.writes += 1
        let answer = execute(write, &state)
        if state.behaviour.losesEvery > 0, state.writes % state.behaviour.losesEvery == 0 {
            return .unknown(how: "504 gatewayTimeout")
        }
        if state.behaviour.loses {
            state.behaviour.loses = false
            return .unknown(how: "504 gatewayTimeout")
        }
        return answer
    }

    private static func execute(_ write: DirectoryWrite, _ state: inout State) -> WriteAnswer {
        let path = write.target.split(separator: "/").map(String.init)
        let body = (try? JSONValue(parsing: write.body ?? Array("{}".utf8)))?.object ?? [:]
        if write.method == .post, path == ["groups"] {
            let isTaken = state.objects.values.contains { $0.attributes["displayName"] == body["displayName"] }
            if state.behaviour.namesAreUnique, isTaken {
                return .rejected(
                    status: 400, code: "Request_BadRequest",
                    message: "Another object with the same value for property mailNickname already exists.")
            }
            let id = UUID().uuidString.lowercased()
            let made = ObjectDocument(type: "group", id: id, attributes: body)
            state.objects[id] = made
            var answer = body
            answer["id"] = .string(id)
            return .done(status: 201, body: JSONValue.object(answer).canonicalBytes)
        }
        if write.method == .post, path.count == 5, path[4] == "$ref", var unit = state.objects[path[2]] {
            let member = body["@odata.id"]?.string?.split(separator: "/").last.map(String.init) ?? ""
            unit.setLinks(path[3], (unit.links[path[3]] ?? []) + [member])
            state.objects[path[2]] = unit
            return .done(status: 204, body: [])
        }
        if write.method == .post, path.count == 4, path[2] == "tokenLifetimePolicies" {
            let id = body["@odata.id"]?.string?.split(separator: "/").last.map(String.init) ?? ""
            let old = state.objects[id]?.links["appliesTo"] ?? []
            guard !old.contains(path[1]) else {
                return .rejected(status: 400, code: "Request_BadRequest", message: "It does already exist.")
            }
            state.objects[id]?.setLinks("appliesTo", old + [path[1]])
            return .done(status: 204, body: [])
        }
        if write.method == .post, path.count == 3, path[2] == "assignLicense" {
            let gone = body["removeLicenses"]?.array ?? []
            let old = state.objects[path[1]]?.attributes["assignedLicenses"]?.array ?? []
            state.objects[path[1]]?.attributes["assignedLicenses"] = .array(
                old.filter { licence in !gone.contains { $0 == licence["skuId"] } })
            return .done(status: 200, body: Array("{}".utf8))
        }
        // As Graph does not say: whether one that is there is refused. Here it is made twice.
        if write.method == .post, path.count == 4, var unit = state.objects[path[2]] {
            var element = body
            element["id"] = .string(UUID().uuidString)
            unit.children[path[3], default: []].append(.object(element))
            state.objects[path[2]] = unit
            return .done(status: 201, body: JSONValue.object(element).canonicalBytes)
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

    func find(
        _ type: ObjectType, _ keys: [[String: JSONValue]], _ connection: DirectoryConnection,
        _ body: (ObjectDocument) -> Void
    ) async throws(StageFailure) {
        let objects = state.withLock { state in
            let isOld = state.behaviour.oldLists > 0
            if isOld { state.behaviour.oldLists -= 1 }
            return isOld ? before : state.objects
        }
        for object in objects.values where object.type == type.name { body(object) }
    }
}

/// A clock that goes when it is told to; nobody sleeps on it.
final class HandClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private let time = Mutex(Duration.zero)

    var now: Instant { Instant(offset: time.withLock(\.self)) }
    var minimumResolution: Duration { .nanoseconds(1) }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {}
    func advance(_ duration: Duration) { time.withLock { $0 += duration } }
}
