public import BackupContracts
public import BackupModel

/// Opens rounds and walks collections page by page (D3).
public struct FetchStage: Sendable {
    let store: any FetchStore
    let reader: any DirectoryReader
    let catalogue: Catalogue
    let clock: any Clock<Duration>
    let limits: WalkLimits

    /// `clock` measures how long a delivery works; pauses within a read are the reader's matter.
    public init(
        store: any FetchStore, reader: any DirectoryReader, catalogue: Catalogue = .current,
        clock: any Clock<Duration> = ContinuousClock(), limits: WalkLimits = WalkLimits()
    ) {
        self.store = store
        self.reader = reader
        self.catalogue = catalogue
        self.clock = clock
        self.limits = limits
    }

    /// Handles a `backupRequested` or `walkReady` message.
    public func handle(_ message: Message, _ drain: DrainSignal) async throws(StageFailure) -> [Message] {
        switch message.kind {
        case .backupRequested: return try await open(message)
        case .walkReady: return try await walk(message, drain)
        default:
            throw StageFailure(.stageDefect, "The fetcher was given a message of kind \(message.kind.rawValue).")
        }
    }

    private func open(_ message: Message) async throws(StageFailure) -> [Message] {
        guard let opening = try await store.opening(message) else { return [] }
        do {
            // One token before anything else: what is wrong with the credential is said of the job, not of 47 walks.
            _ = try await reader.permissions(opening.connection)
        } catch let failure where failure.disposition == .park {
            return try await store.failJob(message, failure)
        }
        let wanted = opening.types.map(Set.init)
        let plans = catalogue.types.filter { wanted?.contains($0.name) ?? true }.map { type in
            let isDelta = type.delta && !opening.full && opening.typesWithDeltaLink.contains(type.number)
            return CollectionPlan(type: type.number, mode: isDelta ? .delta : .complete)
        }
        return try await store.openRound(message, plans)
    }

    private func walk(_ message: Message, _ drain: DrainSignal) async throws(StageFailure) -> [Message] {
        guard let state = try await store.walk(message) else { return [] }
        guard let type = catalogue[state.type] else {
            throw StageFailure(.schemaMismatch, "The catalogue of this stage has no type \(state.type).")
        }
        var walk = CollectionWalk(type: type, state: state, reader: reader)
        let stopwatch = Stopwatch(clock)
        let isOver: @Sendable (Int) -> Bool = { [limits] pages in
            pages >= limits.pages || stopwatch.elapsed > limits.time || drain.isDraining
        }
        var pages = 0
        var following: [Message] = []
        var reading = await walk.gather(limits, until: isOver)
        while true {
            let gathered: GatheredPages
            do throws(StageFailure) {
                gathered = try reading.get()
            } catch {
                return following + (try await end(message, walk, error))
            }
            pages += gathered.steps
            guard gathered.failure == nil, !isOver(pages), case .goesOn(let cursor) = gathered.next else {
                return following + (try await finish(message, walk, gathered))
            }
            var ahead = walk
            ahead.stored(cursor, gathered.page)
            // Graph answers while the database stores; what was read ahead of a page that is refused is dropped.
            async let next = ahead.gather(limits) { [pages] steps in isOver(pages + steps) }
            following += try await store.storePage(message, walk.state, gathered.page, .goesOn(cursor))
            reading = await next
            walk = ahead
        }
    }

    /// Stores the last pages of a delivery; with a failure at hand it decides what follows.
    private func finish(_ message: Message, _ walk: CollectionWalk, _ gathered: GatheredPages)
        async throws(StageFailure) -> [Message]
    {
        switch gathered.next {
        case .ends(let end):
            return try await store.storePage(message, walk.state, gathered.page, .ends(end))
        case .goesOn(let cursor):
            guard let failure = gathered.failure else {
                return try await store.storePage(
                    message, walk.state, gathered.page, .passesBaton(cursor, after: nil))
            }
            let following = try await store.storePage(message, walk.state, gathered.page, .goesOn(cursor))
            var walk = walk
            walk.stored(cursor, gathered.page)
            return following + (try await end(message, walk, failure))
        }
    }

    /// What a failure of a step means for the walk: the rest is decided by the failure's disposition.
    private func end(_ message: Message, _ walk: CollectionWalk, _ failure: StageFailure)
        async throws(StageFailure) -> [Message]
    {
        switch failure.disposition {
        case .restartRound:
            guard walk.restarts < limits.restarts else {
                let end = WalkEnd(outcome: .failed, reason: walk.lostTooOften(failure))
                return try await store.storePage(message, walk.state, nil, .ends(end))
            }
            return try await store.restartWalk(message, walk.state, from: walk.cursor.startingAgain)
        case .endCollection:
            let outcome: CollectionOutcome =
                [.permissionMissing, .licenceMissing, .collectionNotFound].contains(failure.code) ? .refused : .failed
            let end = WalkEnd(outcome: outcome, reason: failure)
            return try await store.storePage(message, walk.state, nil, .ends(end))
        case .park:
            return try await store.failJob(message, failure)
        case .retryNow, .retryLater:
            guard failure.code == .graphThrottled || failure.code == .graphServerError else { throw failure }
            var cursor = walk.cursor
            cursor.pauses += 1
            if cursor.pauses > limits.pausesInARow {
                let end = WalkEnd(outcome: .failed, reason: failure)
                return try await store.storePage(message, walk.state, nil, .ends(end))
            }
            // A pause is no failed attempt: the walk goes on by itself when it is over.
            let pause = max(failure.retryAfter ?? .seconds(10), .seconds(1))
            return try await store.storePage(message, walk.state, nil, .passesBaton(cursor, after: pause))
        }
    }
}

/// How much of a walk one delivery does.
public struct WalkLimits: Sendable {
    /// Pages.
    public var pages: Int
    /// Once over, the rest of the walk is passed on, when the page in hand is stored.
    public var time: Duration
    /// Pauses that Graph may ask for without a page between them before the collection is given up.
    public var pausesInARow: Int
    /// Times that a walk starts again in one round, because its position was lost, before the collection is given up:
    /// one is for a delta link that has expired, the others for next links of long listings.
    public var restarts: Int
    /// Pages smaller than this are stored together, up to as many bytes: each one that is stored costs a transaction
    /// of the fetcher and three of the differ, whatever its size.
    public var smallPage: Int

    /// The defaults are those of D3, far below the broker's time-out for consumers.
    public init(
        pages: Int = 20, time: Duration = .seconds(20), pausesInARow: Int = 60, restarts: Int = 3,
        smallPage: Int = 640 << 10
    ) {
        self.pages = pages
        self.time = time
        self.pausesInARow = pausesInARow
        self.restarts = restarts
        self.smallPage = smallPage
    }
}
