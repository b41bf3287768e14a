import BackupContracts
import BackupModel

/// How the carrying out of a chunk ended.
enum ChunkEnd {
    /// Every step has its result.
    case done([RestoreResult])
    /// It stopped in the middle; the results of what came to its end before.
    case stopped(StageFailure, [RestoreResult])
}

/// A step on its way.
struct StepRun {
    var step: RestoreStep
    let type: ObjectType
    /// What is still to be sent; nil before it was asked for.
    var queue: [RestoreRequest]?
    /// Its object was made, here or before.
    var isCreated = false
    /// How often the next one was sent without an answer.
    var unanswered = 0
    /// What came instead of the last answer.
    var lastLoss = ""
    /// Its object is there already, Graph says, and was not found: what to tell when that remains so.
    var refusal: (code: String, message: String)?
    /// It may have been executed: look before anything is sent.
    var mustLook = false
    /// It was not found in the recycle bin, and looked for among the objects that are there.
    var hasLooked = false
    var result: RestoreResult?
    var newIDs: [RestoreResult.NewID] = []
    /// Nothing is left to send.
    var isWritten = false

    mutating func end(_ outcome: RestoreResult.Outcome, _ code: String, _ message: String) {
        result = RestoreResult(
            number: step.number, outcome: outcome, message: message, code: code, newIDs: newIDs)
    }
}

/// The steps of one chunk, which need nothing of each other, carried out together.
struct ChunkRun {
    let message: Message
    let chunk: RestoreChunk
    let tools: RestoreTools
    var map: IDMap
    var runs: [StepRun] = []

    init(_ message: Message, _ chunk: RestoreChunk, _ tools: RestoreTools) {
        self.message = message
        self.chunk = chunk
        self.tools = tools
        map = chunk.map
    }

    mutating func execute() async -> ChunkEnd {
        do throws(StageFailure) {
            try prepare()
            while !openRuns.isEmpty {
                try await look()
                try await send()
            }
        } catch {
            // The steps are another worker's, who looks what became of them.
            if error.code == .unitFenced { return .stopped(error, []) }
            // What was answered to the end before is recorded with the failure, not found out once more.
            for index in openRuns where !runs[index].mustLook { _ = nextRequest(index) }
            return .stopped(error, await results())
        }
        return .done(await results())
    }

    private var openRuns: [Int] { runs.indices.filter { runs[$0].result == nil && !runs[$0].isWritten } }

    private mutating func prepare() throws(StageFailure) {
        for step in chunk.steps {
            guard let type = tools.catalogue[step.type] else {
                throw StageFailure(.schemaMismatch, "The catalogue of this stage has no type \(step.type).")
            }
            var run = StepRun(step: step, type: type)
            run.mustLook = chunk.wasStarted || step.looksFirst
            // Another restore was faster: no second object is made, and the rest is written to that one.
            run.isCreated = step.action == .create && chunk.made.contains(step.id.lowercased())
            if chunk.isMissing(step) {
                run.end(.skipped, "referenceMissing", "What it refers to could not be brought back.")
            }
            runs.append(run)
        }
    }

    private var writes: RestoreWrites { RestoreWrites(map, chunk.writer) }

    // MARK: Sending

    /// Sends the next request of every step that has one.
    private mutating func send() async throws(StageFailure) {
        var sent: [DirectoryWrite] = []
        var owners: [(run: Int, request: RestoreRequest)] = []
        for index in openRuns {
            guard let request = nextRequest(index) else { continue }
            sent.append(DirectoryWrite(request))
            owners.append((index, request))
        }
        guard !sent.isEmpty else { return }
        tools.hooks.reach(.beforeWrite)
        let answers = try await tools.writer.write(sent, chunk.writer) {
            [tools, message, chunk] () async throws(StageFailure) in
            try await tools.confirm(message, chunk)
        }
        tools.hooks.reach(.afterWrite)
        var failure: StageFailure?
        var isDenied = false
        for (owner, answer) in zip(owners, answers) {
            switch answer {
            case .done(_, let body): executed(owner.run, owner.request, body)
            case .unknown(let how):
                runs[owner.run].lastLoss = how
                runs[owner.run].mustLook = true
                runs[owner.run].unanswered += 1
            case .rejected(let status, let code, let text)
            where owner.request.wasDone(status: status, code: code, message: text):
                if owner.request.creates { runs[owner.run].refusal = (code, Self.taken(status, code)) }
                executed(owner.run, owner.request, [])
            case .rejected(400, _, _) where !owner.request.instead.isEmpty,
                .rejected(404, _, _) where !owner.request.instead.isEmpty:
                runs[owner.run].queue?.replaceSubrange(..<1, with: owner.request.instead)
            case .rejected(404, _, _) where runs[owner.run].step.action == .undelete && !runs[owner.run].hasLooked:
                // Somebody may have brought it back meanwhile.
                runs[owner.run].mustLook = true
                runs[owner.run].hasLooked = true
            case .rejected(let status, let code, _):
                isDenied = isDenied || status == 401 || (status == 403 && code == "Authorization_RequestDenied")
                runs[owner.run].end(.failed, code, Self.refusal(status, code))
            case .failure(let other): failure = Self.graver(failure, other)
            }
        }
        if isDenied { try await checkAccess() }
        if let failure { throw failure }
    }

    /// Nil, and the step is written or has failed, when there is none.
    private mutating func nextRequest(_ index: Int) -> RestoreRequest? {
        do throws(RestoreRefusal) {
            if runs[index].queue == nil {
                runs[index].queue = try writes.requests(for: runs[index].step, runs[index].type)
                if runs[index].isCreated { runs[index].queue?.removeFirst() }
            }
        } catch {
            runs[index].end(.failed, error.code, error.message)
            return nil
        }
        guard let request = runs[index].queue?.first else {
            runs[index].isWritten = true
            return nil
        }
        guard runs[index].unanswered < tools.limits.sendings else {
            let run = runs[index]
            let lost = (
                "answerLost", "It was sent \(run.unanswered) times without an answer; at last: \(run.lastLoss)."
            )
            let (code, message) = runs[index].refusal ?? lost
            runs[index].end(.failed, code, message)
            return nil
        }
        return request.naming(map[runs[index].step.id])
    }

    private mutating func executed(_ index: Int, _ request: RestoreRequest, _ body: [UInt8]) {
        runs[index].queue?.removeFirst()
        guard request.creates else {
            runs[index].unanswered = 0
            return
        }
        // What follows needs the new ids.
        runs[index].isCreated = true
        runs[index].queue = nil
        guard let answer = try? JSONValue(parsing: body) else {
            // It was there already: which object it is has to be found.
            runs[index].isCreated = false
            runs[index].mustLook = true
            runs[index].unanswered += 1
            return
        }
        runs[index].unanswered = 0
        learn(writes.newIDs(runs[index].step, runs[index].type, answer: answer), index)
    }

    private mutating func learn(_ ids: [RestoreResult.NewID], _ index: Int) {
        for id in ids where !runs[index].newIDs.contains(id) {
            map.add(id.from, id.to)
            runs[index].newIDs.append(id)
        }
    }

    private static func taken(_ status: Int, _ code: String) -> String {
        "Microsoft Graph refused it (\(status) \(code)): another object has a name that has to be unique."
    }

    /// Graph's own text may name what was written: the code is enough, with what it means where a person can help.
    private static func refusal(_ status: Int, _ code: String) -> String {
        let meaning =
            switch code {
            case "Directory_QuotaExceeded":
                ": a quota of the directory is full; delete objects for good or have it raised, then plan again"
            case "Authorization_RequestDenied": ": the write credential may not do this to this object"
            default: ""
            }
        return "Microsoft Graph refused it (\(status) \(code))\(meaning)."
    }

    /// Pauses are told as such only when nothing worse happened.
    private static func graver(_ known: StageFailure?, _ other: StageFailure) -> StageFailure {
        guard let known else { return other }
        if let fenced = [known, other].first(where: { $0.code == .unitFenced }) { return fenced }
        if known.disposition == .park { return known }
        if other.disposition == .park || known.code == .graphThrottled && other.code != .graphThrottled { return other }
        return (other.retryAfter ?? .zero) > (known.retryAfter ?? .zero) ? other : known
    }

    /// Ends the job when the credential has lost a permission: each of its steps would fail alike.
    private mutating func checkAccess() async throws(StageFailure) {
        let held = try await tools.writer.permissions(chunk.writer)
        let needed = Set(runs.compactMap(\.type.restore.permission))
        let missing = needed.subtracting(held).sorted()
        guard !missing.isEmpty else { return }
        for index in runs.indices where runs[index].result?.code == "Authorization_RequestDenied" {
            // It is done again when the permission is back.
            if runs[index].type.restore.permission.map(missing.contains) ?? false { runs[index].result = nil }
        }
        throw StageFailure(
            .writeAccessMissing, "The token lacks the permission \(missing.joined(separator: ", ")).")
    }

    // MARK: Looking

    /// Finds out what of steps that may have been executed is there, and leaves the rest to be sent.
    private mutating func look() async throws(StageFailure) {
        let doubtful = runs.indices.filter { runs[$0].result == nil && runs[$0].mustLook }
        for (_, indices) in Dictionary(grouping: doubtful, by: { runs[$0].type.number }) {
            var created = indices.filter { runs[$0].step.action == .create && !runs[$0].isCreated }
            if !created.isEmpty { try await findCreated(created) }
            created.removeAll { runs[$0].isCreated }
            if !created.isEmpty {
                // What was made a moment ago may not be listed yet: only then would it be made twice.
                await tools.sleep(tools.limits.pause)
                try await findCreated(created)
            }
            try await dropWhatIsThere(indices.filter { runs[$0].step.action != .create })
        }
        for index in doubtful { runs[index].mustLook = false }
    }

    /// Objects that a creation has made already are found by their names; those that the map leads to are others.
    private mutating func findCreated(_ indices: [Int]) async throws(StageFailure) {
        guard let type = indices.first.map({ runs[$0].type }) else { return }
        var taken = try await tools.store.known(message, chunk, type.number)
        taken.formUnion(runs.flatMap(\.newIDs).map { $0.to.lowercased() })
        var search = CreatedSearch(indices.map { runs[$0].step }, type, writes)
        try await tools.reader.find(type, search.keys, chunk.reader) { document in
            if !taken.contains(document.id.lowercased()) { search.see(document) }
        }
        for (place, document) in search.found() {
            let index = indices[place]
            runs[index].isCreated = true
            runs[index].queue = nil
            runs[index].unanswered = 0
            learn(writes.newIDs(runs[index].step, type, found: document), index)
        }
    }

    private mutating func dropWhatIsThere(_ indices: [Int]) async throws(StageFailure) {
        guard !indices.isEmpty else { return }
        let documents = try await documents(indices)
        for index in indices {
            let run = runs[index]
            let found = documents[map[run.step.id].lowercased()]
            do throws(RestoreRefusal) {
                runs[index].queue = nil
                guard let rest = try writes.remaining(run.step, run.type, found) else {
                    runs[index].isWritten = true
                    continue
                }
                runs[index].step = rest
            } catch {
                runs[index].end(.failed, error.code, error.message)
            }
        }
    }

    /// The objects of steps of one type as they are now, by lower-case id.
    private func documents(_ indices: [Int]) async throws(StageFailure) -> [String: ObjectDocument] {
        guard let type = indices.first.map({ runs[$0].type }) else { return [:] }
        let parts = indices.reduce(into: Set<String>()) { $0.formUnion(RestoreWrites.parts(chunk.steps[$1], type)) }
        let ids = Set(indices.map { map[runs[$0].step.id] }).sorted()
        let found = try await tools.reader.documents(type, ids, parts: parts, chunk.reader)
        var documents = Dictionary(found.map { ($0.key.lowercased(), $0.value) }) { first, _ in first }
        for (name, keeper) in RestoreWrites.keepers where parts.contains(name) {
            guard let keeper = tools.catalogue[keeper] else { continue }
            let links = indices.flatMap { chunk.steps[$0].links }.filter { $0.name == name }
            let kept = Set(links.flatMap { $0.added + $0.removed }.map { map[$0] }).sorted()
            let sides = try await tools.reader.documents(
                keeper, kept, parts: [RestoreWrites.keptLinks], chunk.reader)
            for document in documents.values.indices {
                RestoreWrites.addKept(name, by: sides.values, to: &documents.values[document])
            }
        }
        return documents
    }

    // MARK: Results

    /// Reads back what was written, and gives every step that came to its end its result.
    private mutating func results() async -> [RestoreResult] {
        let written = runs.indices.filter { runs[$0].result == nil && runs[$0].isWritten }
        for (_, indices) in Dictionary(grouping: written, by: { runs[$0].type.number }) {
            await readBack(indices)
        }
        return runs.compactMap(\.result)
    }

    /// Graph's copies lag behind a write: what differs is read again a few times before it is told.
    private mutating func readBack(_ indices: [Int]) async {
        var open = indices
        var pause = tools.limits.pause
        for reading in 1...max(1, tools.limits.reads) {
            let documents: [String: ObjectDocument]
            do throws(StageFailure) {
                documents = try await self.documents(open)
            } catch {
                for index in open { end(index, nil, error.code.name) }
                return
            }
            open = open.filter { index in
                let found = documents[map[runs[index].step.id].lowercased()]
                guard let differences = try? writes.shortfall(chunk.steps[index], runs[index].type, found) else {
                    end(index, nil)
                    return false
                }
                guard differences.isEmpty || reading == tools.limits.reads else { return true }
                end(index, differences)
                return false
            }
            if open.isEmpty { return }
            await tools.sleep(pause)
            pause *= 2
        }
        for index in open { end(index, nil) }
    }

    /// `differences`: nil when it could not be read; `reason` then says why.
    private mutating func end(
        _ index: Int, _ differences: [RestoreResult.Difference]?, _ reason: String = "it has no form to compare with"
    ) {
        let run = runs[index]
        var result = RestoreResult(
            number: run.step.number, outcome: .done, verified: differences?.isEmpty ?? false,
            differences: differences ?? [], newIDs: run.newIDs)
        if differences == nil {
            result.code = RestoreResult.notReadBack
            result.message = "It was written, but could not be read back (\(reason))."
        }
        runs[index].result = result
    }
}

extension RestoreChunk {
    /// Whether a step is about an object, or writes one into another, that could not be brought back.
    func isMissing(_ step: RestoreStep) -> Bool {
        guard !missing.isEmpty, step.action != .delete else { return false }
        if missing.contains(step.id.lowercased()) { return step.action != .create && step.action != .undelete }
        let text = String(decoding: step.encoded, as: UTF8.self).lowercased()
        return missing.contains { text.contains($0) }
    }
}
