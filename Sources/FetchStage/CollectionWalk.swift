import BackupContracts
import BackupModel

/// What follows a step of a walk.
enum WalkNext: Sendable {
    case goesOn(WalkCursor)
    case ends(WalkEnd)

    /// Keeps the later of two positions of an append-only log.
    mutating func remember(_ position: String?, before: String?) {
        let latest = [position, before].compactMap { $0 }.max()
        switch self {
        case .goesOn(var cursor):
            cursor.deltaLink = latest
            self = .goesOn(cursor)
        case .ends(var end):
            end.deltaLink = latest
            self = .ends(end)
        }
    }
}

/// The walk over one collection: decides the next request from the cursor, and the next cursor from the answer.
struct CollectionWalk {
    private(set) var state: WalkState
    private(set) var cursor: WalkCursor
    private let plan: WalkPlan
    private let reader: any DirectoryReader

    init(type: ObjectType, state: WalkState, reader: any DirectoryReader) {
        self.state = state
        self.reader = reader
        plan = WalkPlan(type)
        cursor = state.cursor ?? WalkCursor()
    }

    /// Notes that the page of a step was stored.
    mutating func stored(_ next: WalkCursor, _ page: FetchedPage?) {
        cursor = next
        state.cursor = next
        if page != nil { state.ordinal += 1 }
    }

    /// Reads one page and what belongs to its objects.
    func step() async throws(StageFailure) -> (FetchedPage?, WalkNext) {
        guard cursor.pass < plan.passes.count else { return (nil, .ends(ending(cursor))) }
        let pass = plan.passes[cursor.pass]
        do {
            return try await read(pass)
        } catch let failure where failure.disposition == .endCollection {
            // The objects themselves could not be read: that is the collection's outcome. A relationship that could
            // not be read is noted, and its links stay as they were (D5).
            switch pass {
            case .main(let listing) where listing == 0: throw failure
            case .main(let listing): return skip(noting: plan.type.listPaths[listing], failure)
            case .ownList(let relationship), .perObject(let relationship):
                return skip(noting: relationship.name, failure)
            }
        }
    }

    private func skip(noting name: String, _ failure: StageFailure) -> (FetchedPage?, WalkNext) {
        var next = cursor
        next.notes.append("\(name): \(failure.code.name)")
        next.startPass(cursor.pass + 1)
        return (nil, goesOn(next))
    }

    private func read(_ pass: WalkPass) async throws(StageFailure) -> (FetchedPage?, WalkNext) {
        let granted = try await reader.permissions(state.connection)
        var targets = WalkTargets(
            granted: granted, deltaLink: state.deltaLink, since: state.incrementalFrom.flatMap(Overlap.start),
            extensions: [])
        if case .main = pass, cursor.link == nil, state.deltaLink == nil {
            targets.extensions = try await DirectoryExtensions(reader: reader, connection: state.connection)
                .names(for: plan.type)
        }
        guard let target = cursor.link ?? plan.target(pass, targets) else {
            throw StageFailure(.stageDefect, "The catalogue has no target for a pass of \(plan.type.name).")
        }
        let answer = try await reader.read(request(target, units: plan.units(pass)), state.connection)
        let page = try parse(answer.body)
        let singles = try await readSingles(pass, answer.body, page)
        let relationship: UInt16
        var parts: [PageParts.Part] = []
        switch pass {
        case .main(let listing):
            relationship = plan.type.shape == .casts ? PageParts.castBase + UInt16(listing) : 0
        case .ownList(let own): relationship = own.number
        case .perObject: relationship = .max
        }
        if relationship != .max { parts.append(.list(relationship: relationship, body: answer.body)) }
        parts.append(contentsOf: singles.parts)
        let fetched = FetchedPage(
            content: PageParts(parts: parts).encoded(), items: page.isSingleton ? 1 : page.items.count,
            requests: answer.requests + singles.requests)
        var next = try follow(page, pass, notes: singles.notes)
        if plan.type.shape == .incremental {
            next.remember(newestEntry(answer.body, page) ?? state.incrementalFrom, before: cursor.deltaLink)
        }
        return (fetched, next)
    }

    private func parse(_ body: [UInt8]) throws(StageFailure) -> GraphPage {
        do {
            return try GraphPage(body)
        } catch {
            throw StageFailure(.graphAnswerMalformed, "A page of \(plan.type.name) is not JSON: \(error).")
        }
    }

    private func follow(_ page: GraphPage, _ pass: WalkPass, notes: [String]) throws(StageFailure) -> WalkNext {
        var next = cursor
        for note in notes where !next.notes.contains(note) { next.notes.append(note) }
        if let link = page.nextLink {
            guard next.follow(link) else {
                throw StageFailure(.nextLinkLoops, "A next link of \(plan.type.name) led back to a page already read.")
            }
            return .goesOn(next)
        }
        if case .main = pass, plan.type.delta {
            guard let deltaLink = page.deltaLink else {
                throw StageFailure(
                    .graphAnswerMalformed, "The last page of \(plan.type.name) has neither next nor delta link.")
            }
            next.deltaLink = deltaLink
        }
        next.startPass(cursor.pass + 1)
        return goesOn(next)
    }

    /// For an append-only log the position of the next round is the time of the newest entry, told by Graph's clock.
    private func newestEntry(_ body: [UInt8], _ page: GraphPage) -> String? {
        var newest: String?
        for item in page.items {
            guard let entry = try? JSONValue(parsing: Array(body[item])), let time = entry["activityDateTime"]?.string
            else { continue }
            newest = max(newest ?? time, time)
        }
        return newest
    }

    private func goesOn(_ next: WalkCursor) -> WalkNext {
        next.pass < plan.passes.count ? .goesOn(next) : .ends(ending(next))
    }

    private func ending(_ cursor: WalkCursor) -> WalkEnd {
        var reason: StageFailure?
        if !cursor.notes.isEmpty {
            reason = StageFailure(.permissionMissing, "Not read: \(cursor.notes.joined(separator: ", ")).")
        }
        return WalkEnd(
            outcome: state.mode == .delta ? .delta : .complete, reason: reason, deltaLink: cursor.deltaLink)
    }

    func request(_ target: String, units: Int) -> DirectoryRequest {
        DirectoryRequest(
            target: target, version: plan.type.graphVersion.rawValue,
            scope: ThrottleScope(rawValue: plan.type.throttle.rawValue) ?? .none, units: units,
            headers: plan.type.headers)
    }
}

extension CollectionWalk {
    /// What was read one by one for the objects of a page.
    struct Singles {
        var parts: [PageParts.Part] = []
        var requests = 0
        var notes: [String] = []
    }

    /// One single read.
    private struct Single {
        var id: String
        var relationship: Relationship?
        var target: String
    }

    private func readSingles(_ pass: WalkPass, _ body: [UInt8], _ page: GraphPage) async throws(StageFailure) -> Singles
    {
        var wanted: [Single] = []
        switch pass {
        case .main:
            if let nested = plan.type.nested {
                for (id, count) in try itemCounts(body, page, property: nested.property)
                where count >= nested.truncatesAt {
                    wanted.append(Single(id: id, relationship: nil, target: nested.target(forParent: id)))
                }
            } else if !plan.withMain.isEmpty {
                for (id, _) in try itemCounts(body, page, property: nil) {
                    wanted += plan.withMain.map { Single(id: id, relationship: $0, target: $0.target(for: id)) }
                }
            }
        case .ownList(let relationship):
            guard let limit = relationship.truncatesAt else { break }
            for (id, count) in try itemCounts(body, page, property: relationship.property ?? relationship.name)
            where count >= limit {
                wanted.append(Single(id: id, relationship: relationship, target: relationship.target(for: id)))
            }
        case .perObject(let relationship):
            for (id, _) in try itemCounts(body, page, property: nil) {
                wanted.append(Single(id: id, relationship: relationship, target: relationship.target(for: id)))
            }
        }
        guard !wanted.isEmpty else { return Singles() }
        return try await read(wanted)
    }

    private func read(_ wanted: [Single]) async throws(StageFailure) -> Singles {
        let (answers, requests) = try await reader.readBatch(
            wanted.map { request($0.target, units: 1) }, state.connection)
        var singles = Singles(requests: requests)
        for (single, answer) in zip(wanted, answers) {
            let number = single.relationship?.number ?? 0
            switch answer {
            case .success(let body):
                try await append(body, of: single, number, to: &singles)
            case .notFound:
                // For a single document: there is none. For a list: its object went away between two pages, and the
                // next round tells so.
                guard single.relationship?.single == true else { continue }
                singles.parts.append(.object(id: single.id, relationship: number, slice: 0, body: []))
            case .failure(let failure):
                guard failure.disposition == .endCollection else { throw failure }
                singles.notes.append("\(single.relationship?.name ?? plan.type.name): \(failure.code.name)")
            }
        }
        return singles
    }

    /// Appends an answer and, when it has more pages, those.
    private func append(_ body: [UInt8], of single: Single, _ number: UInt16, to singles: inout Singles)
        async throws(StageFailure)
    {
        var body = body
        var slice: UInt16 = 0
        var loop = WalkCursor()
        while true {
            singles.parts.append(.object(id: single.id, relationship: number, slice: slice, body: body))
            let page = try parse(body)
            guard let link = page.nextLink else { return }
            guard loop.follow(link), slice < .max else {
                throw StageFailure(.nextLinkLoops, "A next link of \(plan.type.name) led back to a page already read.")
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
