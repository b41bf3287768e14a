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
    let plan: WalkPlan
    let reader: any DirectoryReader

    init(type: ObjectType, state: WalkState, reader: any DirectoryReader) {
        self.state = state
        self.reader = reader
        plan = WalkPlan(type)
        cursor = state.cursor ?? WalkCursor()
    }

    /// Notes that the page of a step was stored; one without content has no row and no ordinal.
    mutating func stored(_ next: WalkCursor, _ page: FetchedPage?) {
        go(to: next)
        if let page, !page.content.isEmpty { state.ordinal += 1 }
    }

    /// Goes on behind a step that is not stored yet.
    mutating func go(to next: WalkCursor) {
        cursor = next
        state.cursor = next
    }

    /// Reads one page and what belongs to its objects.
    func step() async throws(StageFailure) -> (FetchedPage?, WalkNext) {
        if let rest = cursor.rest, !rest.isEmpty { return try await readRest(rest) }
        guard cursor.pass < plan.passes.count else { return (nil, .ends(ending(cursor))) }
        let pass = plan.passes[cursor.pass]
        do {
            return try await read(pass)
        } catch let failure where failure.disposition == .endCollection {
            // The objects themselves could not be read: that is the collection's outcome. One of several listings, or a
            // relationship, that could not be read is noted, and its objects and links stay as they were (D5).
            switch pass {
            case .main(let listing) where listing == 0: throw failure
            case .main(let listing): return skip(noting: plan.type.listPaths[listing], failure, isListing: true)
            case .ownList(let relationship), .perObject(let relationship):
                return skip(noting: relationship.name, failure)
            }
        }
    }

    private func skip(
        noting name: String, _ failure: StageFailure, isListing: Bool = false
    ) -> (FetchedPage?, WalkNext) {
        var next = cursor
        if isListing { next.lacksListing = true }
        next.notes.append("\(name): \(failure.code.name)")
        next.startPass(cursor.pass + 1)
        return (nil, goesOn(next))
    }

    private func read(_ pass: WalkPass) async throws(StageFailure) -> (FetchedPage?, WalkNext) {
        let granted = try await reader.permissions(state.connection)
        var targets = WalkTargets(
            granted: granted, deltaLink: nil, since: state.incrementalFrom.flatMap(Overlap.start), extensions: [])
        var extensions = cursor.extensions
        if case .main = pass, cursor.link == nil {
            extensions = try await selectedExtensions()
            targets.deltaLink = state.deltaLink.map { DeltaPosition($0).link }
            targets.extensions = extensions ?? []
        }
        guard let target = cursor.link ?? plan.target(pass, targets) else {
            throw StageFailure(.stageDefect, "The catalogue has no target for a pass of \(plan.type.name).")
        }
        let answer: DirectoryAnswer
        do {
            answer = try await reader.read(request(target, units: plan.units(pass)), state.connection)
        } catch {
            throw (cursor.link ?? targets.deltaLink) == nil ? withoutPosition(error) : error
        }
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
        var next = try follow(page, pass, singles, extensions)
        if plan.type.shape == .incremental {
            next.remember(newestEntry(answer.body, page) ?? state.incrementalFrom, before: cursor.deltaLink)
        }
        return (fetched, next)
    }

    /// The names of directory extensions that the walk selects; nil when that is not known.
    ///
    /// A delta link selects what its first request did: where extensions were defined or taken away since, the
    /// collection is read completely.
    private func selectedExtensions() async throws(StageFailure) -> [String]? {
        let names = try await DirectoryExtensions(reader: reader, connection: state.connection).names(for: plan.type)
        guard let before = state.deltaLink.map(DeltaPosition.init) else { return names }
        guard let names, let selected = before.extensions else { return before.extensions }
        guard names == selected else {
            throw StageFailure(
                .deltaLinkExpired, "The directory extensions of \(plan.type.name) are others than at the last reading.")
        }
        return names
    }

    func parse(_ body: [UInt8]) throws(StageFailure) -> GraphPage {
        do {
            return try GraphPage(body)
        } catch {
            throw StageFailure(.graphAnswerMalformed, "A page of \(plan.type.name) is not JSON: \(error).")
        }
    }

    private func follow(
        _ page: GraphPage, _ pass: WalkPass, _ singles: Singles, _ extensions: [String]?
    ) throws(StageFailure) -> WalkNext {
        var next = cursor
        next.add(singles)
        next.extensions = extensions
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
            next.deltaLink = DeltaPosition(link: deltaLink, extensions: extensions).text
            next.extensions = nil
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

    func goesOn(_ next: WalkCursor) -> WalkNext {
        let isMore = next.pass < plan.passes.count || next.rest?.isEmpty == false
        return isMore ? .goesOn(next) : .ends(ending(next))
    }

    private func ending(_ cursor: WalkCursor) -> WalkEnd {
        var reason: StageFailure?
        if !cursor.notes.isEmpty {
            reason = StageFailure(.permissionMissing, "Not read: \(cursor.notes.joined(separator: ", ")).")
        }
        // Without all listings absence tells nothing, as in a delta.
        let isWhole = state.mode == .complete && cursor.lacksListing != true
        return WalkEnd(outcome: isWhole ? .complete : .delta, reason: reason, deltaLink: cursor.deltaLink)
    }

    func request(_ target: String, units: Int) -> DirectoryRequest {
        DirectoryRequest(target, of: plan.type, units: units)
    }
}
