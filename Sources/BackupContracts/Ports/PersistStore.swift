public import BackupModel

/// A collection to settle.
public struct Settlement: Sendable {
    /// Object type number of the collection.
    public var type: UInt16
    /// How it was read, as the walk ended: a delta that fell back to a listing is complete.
    public var mode: WalkMode
    /// With any but `complete` and `delta` nothing is settled, and the objects stay as they were (D5).
    public var outcome: CollectionOutcome
    /// The snapshot that the round will seal; versions begin and end with this number.
    public var snapshot: SnapshotNumber
    /// The next chunk: the fence.
    public var settled: Int32
    /// Chunks in all; none when there is nothing to compare: the collection was not read, or a complete listing says
    /// what the one before it said, and its objects are as that one left them.
    public var chunks: Int32

    /// Made by the store; `chunks` is fixed when the collection is first looked at, whoever goes on with it.
    public init(
        type: UInt16, mode: WalkMode, outcome: CollectionOutcome, snapshot: SnapshotNumber, settled: Int32,
        chunks: Int32
    ) {
        self.type = type
        self.mode = mode
        self.outcome = outcome
        self.snapshot = snapshot
        self.settled = settled
        self.chunks = chunks
    }
}

/// The current version of a facet, before this round.
public struct VersionHead: Sendable, Hashable {
    /// Whose facet it is.
    public var object: ObjectKey
    /// 0 for the attributes, else the number of the owned sub-collection's relationship.
    public var facet: UInt16
    /// Equal to that of a sighting when nothing changed (D7).
    public var digest: Digest

    /// Also what a facet becomes: a version that begins has the same three parts.
    public init(object: ObjectKey, facet: UInt16, digest: Digest) {
        self.object = object
        self.facet = facet
        self.digest = digest
    }
}

/// A link that is current before this round.
public struct LinkHead: Sendable, Hashable, Comparable {
    /// The object that has the link; the other side is never stored.
    public var object: ObjectKey
    /// Number of the relationship in the catalogue of the object's type.
    public var relationship: UInt16
    /// May be of another type, and may be no object that is backed up.
    public var target: ObjectKey

    /// Stands for a link that is there before the round, and for one that begins or ends with it.
    public init(object: ObjectKey, relationship: UInt16, target: ObjectKey) {
        self.object = object
        self.relationship = relationship
        self.target = target
    }

    public static func < (a: LinkHead, b: LinkHead) -> Bool {
        if a.object != b.object { return a.object < b.object }
        if a.relationship != b.relationship { return a.relationship < b.relationship }
        return a.target < b.target
    }
}

/// What a delta round has to know of the state before it: no more than what it can change, so that one new member of a
/// large group does not bring all the others into memory.
public struct WantedHeads: Sendable, Hashable {
    /// Objects whose facets are asked for.
    public var objects: [ObjectKey]
    /// Those of them whose links are asked for, all of them.
    public var linked: [ObjectKey]
    /// Single links, of other objects.
    public var links: [LinkHead]

    /// Each list sorted, no key twice; `links` has none of an object in `linked`.
    public init(objects: [ObjectKey], linked: [ObjectKey], links: [LinkHead]) {
        self.objects = objects
        self.linked = linked
        self.links = links
    }
}

/// A facet that ends without a successor.
public struct EndedFacet: Sendable, Hashable {
    /// Whose facet it is.
    public var object: ObjectKey
    /// 0 for the attributes, whose end is the object's end: its other facets and its links end with them.
    public var facet: UInt16
    /// Stored with the version that ends; a facet that an object no longer has is `missing`.
    public var reason: EndReason

    /// Is written only where the facet has a current version.
    public init(object: ObjectKey, facet: UInt16, reason: EndReason) {
        self.object = object
        self.facet = facet
        self.reason = reason
    }
}

/// What a settled chunk writes.
public struct VersionChanges: Sendable, Hashable {
    /// Facets that begin a version; an older one of the same facet, if there is one, ends.
    public var begun: [VersionHead] = []
    /// Whether none of the objects had a version before, as in a first backup: no older one has to be looked for.
    public var areAllNew = false
    /// Facets that end and have no successor, those of objects that are gone among them.
    public var ended: [EndedFacet] = []
    /// Links that are there now and were not before.
    public var begunLinks: [LinkHead] = []
    /// Links that were there before and are no longer, all those of ended objects among them.
    public var endedLinks: [LinkHead] = []
    /// Objects that came, changed and went, for the snapshot's counts.
    public var added = 0
    /// Objects that were there before and have another facet or link now, each counted once.
    public var updated = 0
    /// Objects that were there before and are gone, for whatever reason.
    public var deleted = 0
    /// Whether the same sightings in another order of pages could come to something else.
    public var dependsOnOrder = false

    /// Nothing changes.
    public init() {}

    /// Whether the collection's state stays as it is; then its digest is not computed anew.
    public var isEmpty: Bool { begun.isEmpty && ended.isEmpty && begunLinks.isEmpty && endedLinks.isEmpty }
}

/// The persister's side of the store. The laws of ``FetchStore`` hold.
public protocol PersistStore: Sendable {
    /// The collection of a `collectionWalked` message; `nil` when it is settled or its job ended: the row is deleted.
    func settlement(_ handling: Message) async throws(StageFailure) -> Settlement?

    /// Calls `body` with the sighting list of each page of the collection, in the order of their ordinals.
    func sightings(_ handling: Message, _ body: (SightingList) -> Void) async throws(StageFailure)

    /// The heads of all objects in the range, sorted by object and facet, and their links, sorted.
    func heads(_ handling: Message, _ range: ClosedRange<ObjectKey>) async throws(StageFailure)
        -> (versions: [VersionHead], links: [LinkHead])

    /// The heads that are asked for, sorted (delta rounds).
    func heads(_ handling: Message, _ wanted: WantedHeads) async throws(StageFailure)
        -> (versions: [VersionHead], links: [LinkHead])

    /// Writes a chunk, fenced by `settlement.settled`. With `passesBaton` the rest of the collection goes to a new
    /// message. After the last chunk the collection's digest is taken, and its last collection returns `roundSettled`.
    func settleChunk(
        _ handling: Message, _ settlement: Settlement, _ changes: VersionChanges, passesBaton: Bool
    ) async throws(StageFailure) -> [Message]

    /// Seals the round of a `roundSettled` message: snapshot row, signature, delta links, job state; drops the
    /// round's pages. Does nothing when the job ended.
    /// - Returns: a backup that waited for this one.
    func seal(_ handling: Message) async throws(StageFailure) -> [Message]
}
