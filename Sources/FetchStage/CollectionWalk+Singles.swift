import BackupContracts
import BackupModel

extension CollectionWalk {
    /// Bytes of answers to single reads after which the rest is left to the next step: what a step holds, and what a
    /// page weighs, does not grow with the tenant.
    private static let singlesBytes = 1 << 20

    /// How many single reads are sent together: one batch to learn how long answers are, then as many as fit.
    private static func singlesAtOnce(after count: Int, _ bytes: Int) -> Int {
        guard count > 0 else { return 20 }
        return min(400, max(20, (singlesBytes - bytes) / max(1, bytes / count)))
    }

    /// What was read one by one for the objects of a page.
    struct Singles {
        var parts: [PageParts.Part] = []
        var bytes = 0
        var requests = 0
        var notes: [String] = []
        /// Left to the next step.
        var rest: [SingleRead] = []
    }

    /// Goes on with what was too much for the page before.
    func readRest(_ rest: [SingleRead]) async throws(StageFailure) -> (FetchedPage?, WalkNext) {
        var next = cursor
        next.rest = nil
        let singles: Singles
        do {
            singles = try await read(rest)
        } catch let failure where failure.disposition == .endCollection && rest[0].relationship != 0 {
            next.notes.append("\(plan.type.name): \(failure.code.name)")
            return (nil, goesOn(next))
        }
        next.pauses = 0
        next.add(singles)
        let page = FetchedPage(
            content: PageParts(parts: singles.parts).encoded(), items: 0, requests: singles.requests)
        return (page, goesOn(next))
    }

    func readSingles(_ pass: WalkPass, _ body: [UInt8], _ page: GraphPage) async throws(StageFailure) -> Singles {
        var wanted: [SingleRead] = []
        switch pass {
        case .main:
            if let nested = plan.type.nested {
                for (id, count) in try itemCounts(body, page, property: nested.property)
                where count >= nested.truncatesAt {
                    wanted.append(SingleRead(id: id, relationship: 0))
                }
            } else if !plan.withMain.isEmpty {
                for (id, _) in try itemCounts(body, page, property: nil) {
                    wanted += plan.withMain.map { SingleRead(id: id, relationship: $0.number) }
                }
            }
        case .ownList(let relationship):
            guard let limit = relationship.truncatesAt else { break }
            for (id, count) in try itemCounts(body, page, property: relationship.property ?? relationship.name)
            where count >= limit {
                wanted.append(SingleRead(id: id, relationship: relationship.number))
            }
        case .perObject(let relationship):
            for (id, _) in try itemCounts(body, page, property: nil) {
                wanted.append(SingleRead(id: id, relationship: relationship.number))
            }
        }
        return try await read(wanted)
    }

    private func read(_ wanted: [SingleRead]) async throws(StageFailure) -> Singles {
        var singles = Singles()
        var position = 0
        while position < wanted.count, singles.bytes < Self.singlesBytes {
            let count = Self.singlesAtOnce(after: position, singles.bytes)
            let group = wanted[position..<min(position + count, wanted.count)]
            var requests: [DirectoryRequest] = []
            for single in group { requests.append(request(try target(of: single), units: 1)) }
            let (answers, sent) = try await reader.readBatch(requests, state.connection)
            singles.requests += sent
            for (single, answer) in zip(group, answers) { try await take(answer, of: single, &singles) }
            position += group.count
        }
        singles.rest += wanted[position...]
        return singles
    }

    private func target(of single: SingleRead) throws(StageFailure) -> String {
        if let link = single.link { return link }
        let target =
            single.relationship == 0
            ? plan.type.nested?.target(forParent: single.id)
            : relationship(single.relationship)?.target(for: single.id)
        guard let target else {
            throw StageFailure(.schemaMismatch, "The catalogue of this stage has no such part of \(plan.type.name).")
        }
        return target
    }

    private func relationship(_ number: UInt16) -> Relationship? {
        plan.type.relationships.first { $0.number == number }
    }

    private func take(_ answer: BatchItemAnswer, of single: SingleRead, _ singles: inout Singles)
        async throws(StageFailure)
    {
        let relationship = relationship(single.relationship)
        switch answer {
        case .success(let body):
            try await append(body, of: single, to: &singles)
        case .notFound:
            // For a single document: there is none. For a list: its object went away between two pages, and the
            // next round tells so.
            guard relationship?.single == true else { return }
            singles.parts.append(.object(id: single.id, relationship: single.relationship, slice: 0, body: []))
        case .failure(let answered):
            let failure = single.link == nil ? withoutPosition(answered) : answered
            // Without its objects below one parent a collection is not read to its end: they would count as deleted.
            guard failure.disposition == .endCollection, single.relationship != 0 else { throw failure }
            singles.notes.append("\(relationship?.name ?? plan.type.name): \(failure.code.name)")
        }
    }

    /// Appends an answer and, when it has more pages, those.
    private func append(_ body: [UInt8], of single: SingleRead, to singles: inout Singles) async throws(StageFailure) {
        var single = single
        var body = body
        var slice: UInt16 = 0
        while true {
            singles.parts.append(
                .object(id: single.id, relationship: single.relationship, slice: slice, body: body))
            singles.bytes += body.count
            let page = try parse(body)
            guard let link = page.nextLink else { return }
            guard single.follow(link), slice < .max else {
                throw StageFailure(.nextLinkLoops, "A next link of \(plan.type.name) led back to a page already read.")
            }
            // Objects below a parent stand each for itself; a relationship is told by all its slices together.
            if single.relationship == 0, singles.bytes >= Self.singlesBytes {
                singles.rest.append(single)
                return
            }
            let answer = try await reader.read(request(link, units: 1), state.connection)
            singles.requests += answer.requests
            body = answer.body
            slice += 1
        }
    }

    /// The ids of a page's objects, with the number of elements of a property; parsed slowly, since these pages hold
    /// little else than ids.
    private func itemCounts(_ body: [UInt8], _ page: GraphPage, property: String?)
        throws(StageFailure) -> [(id: String, count: Int)]
    {
        var found: [(String, Int)] = []
        found.reserveCapacity(page.items.count)
        for item in page.items {
            do {
                let value = try JSONValue(parsing: Array(body[item]))
                guard let id = value[plan.type.idAttribute]?.string ?? (page.isSingleton ? plan.type.name : nil)
                else { continue }
                found.append((id, property.flatMap { value[$0]?.array?.count } ?? 0))
            } catch {
                throw StageFailure(.graphAnswerMalformed, "A page of \(plan.type.name) is not JSON: \(error).")
            }
        }
        return found
    }
}

extension WalkCursor {
    /// Keeps what single reads noted and left over.
    mutating func add(_ singles: CollectionWalk.Singles) {
        for note in singles.notes where !notes.contains(note) { notes.append(note) }
        rest = singles.rest.isEmpty ? nil : singles.rest
    }
}
