public import BackupContracts
public import BackupModel

/// Settles collections into history and seals rounds (D4).
///
/// A collection is settled in chunks by ranges of object keys, one transaction each, fenced by the number of settled
/// chunks: memory does not grow with the tenant, and a crash repeats at most one chunk.
public struct PersistStage: Sendable {
    let store: any PersistStore
    let catalogue: Catalogue
    let clock: any Clock<Duration>
    /// After this long the rest of a collection is passed on, so that a huge tenant shares the fleet (D3).
    let batonAfter: Duration

    /// `clock` measures ``batonAfter``, from the beginning of each delivery.
    public init(
        store: any PersistStore, catalogue: Catalogue = .current, clock: any Clock<Duration> = ContinuousClock(),
        batonAfter: Duration = .seconds(20)
    ) {
        self.store = store
        self.catalogue = catalogue
        self.clock = clock
        self.batonAfter = batonAfter
    }

    /// Handles a `collectionWalked` or `roundSettled` message.
    public func handle(_ message: Message, _ drain: DrainSignal) async throws(StageFailure) -> [Message] {
        switch message.kind {
        case .roundSettled:
            return try await store.seal(message)
        case .collectionWalked:
            return try await settleCollection(message, drain)
        default:
            throw StageFailure(.stageDefect, "The persister was given a message of kind \(message.kind.rawValue).")
        }
    }

    private func settleCollection(_ message: Message, _ drain: DrainSignal) async throws(StageFailure) -> [Message] {
        let stopwatch = Stopwatch(clock)
        guard var settlement = try await store.settlement(message) else { return [] }
        guard let type = catalogue[settlement.type] else {
            throw StageFailure(.schemaMismatch, "The catalogue of this stage has no type \(settlement.type).")
        }
        var changes = try await changes(message, settlement, type)
        while true {
            let isLast = settlement.settled + 1 >= settlement.chunks
            let passesBaton = !isLast && (stopwatch.elapsed > batonAfter || drain.isDraining)
            if isLast || passesBaton {
                return try await store.settleChunk(message, settlement, changes, passesBaton: passesBaton)
            }
            var ahead = settlement
            ahead.settled += 1
            // Chunks have no object in common: while one is written, the next one is read and compared.
            async let next = chunk(message, ahead, type)
            _ = try await store.settleChunk(message, settlement, changes, passesBaton: false)
            changes = try await next.get()
            settlement = ahead
        }
    }

    private func chunk(_ message: Message, _ settlement: Settlement, _ type: ObjectType)
        async -> Result<VersionChanges, StageFailure>
    {
        do throws(StageFailure) {
            return .success(try await changes(message, settlement, type))
        } catch {
            return .failure(error)
        }
    }

    private func changes(_ message: Message, _ settlement: Settlement, _ type: ObjectType)
        async throws(StageFailure) -> VersionChanges
    {
        guard settlement.settled < settlement.chunks else { return VersionChanges() }
        let range = ObjectKey.range(chunk: Int(settlement.settled), of: Int(settlement.chunks))
        var sightings: [Sighting] = []
        var beginsRun: [Bool] = []
        try await store.sightings(message) { list in
            list.forEach(in: range) {
                sightings.append($0)
                beginsRun.append($1)
            }
        }
        let rules = SettlingRules(
            absenceEnds: settlement.outcome == .complete && type.shape != .incremental,
            deltaRelationships: Set(type.relationships.filter { $0.read == .delta }.map(\.number)))
        let heads =
            rules.absenceEnds
            ? try await store.heads(message, range)
            : try await store.heads(message, WantedHeads(sightings))
        return settle(sightings, beginsRun: beginsRun, versions: heads.versions, links: heads.links, rules)
    }
}

extension WantedHeads {
    /// What settling the sightings can change, where absence tells nothing.
    init(_ sightings: [Sighting]) {
        var objects: Set<ObjectKey> = []
        var linked: Set<ObjectKey> = []
        var links: Set<LinkHead> = []
        for sighting in sightings {
            objects.insert(sighting.object)
            switch sighting {
            case .linksRead(let object, _), .removed(let object, _): linked.insert(object)
            case .link(let object, let relationship, let target), .unlinked(let object, let relationship, let target):
                links.insert(LinkHead(object: object, relationship: relationship, target: target))
            case .attributes, .facet, .noFacet: break
            }
        }
        self.init(
            objects: objects.sorted(), linked: linked.sorted(),
            links: links.filter { !linked.contains($0.object) }.sorted())
    }
}
