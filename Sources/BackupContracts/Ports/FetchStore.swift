public import BackupModel

/// What the fetcher needs to know to open a round.
public struct RoundOpening: Sendable {
    /// With the credential that reads; a token is asked for before the round is opened.
    public var connection: DirectoryConnection
    /// Types that were asked for by name, or `nil` for all.
    public var types: [String]?
    /// `backup start --full`: every collection is listed completely, delta links or not.
    public var full: Bool
    /// Type numbers whose delta link is current.
    public var typesWithDeltaLink: Set<UInt16>

    /// A delta link counts as current for seven days after the last complete listing of its type (D6).
    public init(connection: DirectoryConnection, types: [String]?, full: Bool, typesWithDeltaLink: Set<UInt16>) {
        self.connection = connection
        self.types = types
        self.full = full
        self.typesWithDeltaLink = typesWithDeltaLink
    }
}

/// How a collection is read in this round.
public enum WalkMode: String, Sendable, Codable {
    /// Complete listing (for delta types: a delta query from its start): absence counts.
    case complete
    /// Delta round from the current delta link.
    case delta
}

/// A collection to open in a round.
public struct CollectionPlan: Sendable, Hashable {
    /// Object type number; a round has at most one collection of it.
    public var type: UInt16
    /// Delta only for types that have it, with a current link, in a round that is not full.
    public var mode: WalkMode

    /// Mode is decided when the round opens; only an expired delta link changes it, to complete.
    public init(type: UInt16, mode: WalkMode) {
        self.type = type
        self.mode = mode
    }
}

/// Where a walk stands: read from its collection's row, written back together with each page (D3).
public struct WalkState: Sendable {
    /// With the credential that reads.
    public var connection: DirectoryConnection
    /// Object type number of the collection.
    public var type: UInt16
    /// As the collection's row has it: complete after a restart.
    public var mode: WalkMode
    /// Pages stored so far: the fence of the next one.
    public var ordinal: Int32
    /// `nil` before the first page.
    public var cursor: WalkCursor?
    /// The delta link to start from, when `mode` is delta and `cursor` is nil.
    public var deltaLink: String?
    /// For append-only logs: the time of the newest entry known, RFC 3339.
    public var incrementalFrom: String?
    /// The number of the round's snapshot; the same on every attempt.
    public var snapshot: SnapshotNumber

    /// Read in one transaction; `deltaLink` and `incrementalFrom` are never both there.
    public init(
        connection: DirectoryConnection, type: UInt16, mode: WalkMode, ordinal: Int32, cursor: WalkCursor?,
        deltaLink: String?, incrementalFrom: String?, snapshot: SnapshotNumber
    ) {
        self.connection = connection
        self.type = type
        self.mode = mode
        self.ordinal = ordinal
        self.cursor = cursor
        self.deltaLink = deltaLink
        self.incrementalFrom = incrementalFrom
        self.snapshot = snapshot
    }
}

/// What a walk leaves when it ends.
public struct WalkEnd: Sendable {
    /// Never `pending`; with any but `complete` and `delta` the walk's pages are dropped (D5).
    public var outcome: CollectionOutcome
    /// Why, when the outcome is not a good one: the failure's name and a sentence.
    public var reason: StageFailure?
    /// Becomes current when the snapshot is sealed.
    public var deltaLink: String?

    /// `reason` stands with a good outcome too, where parts of the collection were not read.
    public init(outcome: CollectionOutcome, reason: StageFailure? = nil, deltaLink: String? = nil) {
        self.outcome = outcome
        self.reason = reason
        self.deltaLink = deltaLink
    }
}

/// What follows the page just read.
public enum WalkStep: Sendable {
    /// More in this delivery.
    case goesOn(WalkCursor)
    /// More, by whoever takes the next message (a baton, D3).
    case passesBaton(WalkCursor, after: Duration?)
    case ends(WalkEnd)
}

/// A page to store.
public struct FetchedPage: Sendable {
    /// ``PageParts`` encoded.
    public var content: [UInt8]
    /// Objects on the page, for progress; one that comes on two pages counts twice.
    public var items: Int
    /// Requests sent for it, repeats and single reads included.
    public var requests: Int

    /// An empty `content` stores no row and takes no ordinal; only its counts are added.
    public init(content: [UInt8], items: Int, requests: Int) {
        self.content = content
        self.items = items
        self.requests = requests
    }
}

/// The fetcher's side of the store.
///
/// Laws. Each method is one transaction; those that take `handling` delete that message's row in it when the delivery
/// is done with, and return the messages that now have rows and must be published. A unit that another worker
/// finished first throws ``FailureCode/unitFenced`` and writes nothing.
public protocol FetchStore: Sendable {
    /// Reads what is needed to open the round of a `backupRequested` message, and marks its job running.
    /// `nil` when the job is cancelled or ended; the message's row is then deleted.
    func opening(_ handling: Message) async throws(StageFailure) -> RoundOpening?

    /// Opens the round: one row a collection, one `walkReady` each.
    func openRound(_ handling: Message, _ collections: [CollectionPlan]) async throws(StageFailure) -> [Message]

    /// The walk of a `walkReady` message; `nil` when it has ended, or its job has: the row is then deleted.
    func walk(_ handling: Message) async throws(StageFailure) -> WalkState?

    /// Stores a page (or none, when the walk ends without one) and what follows it. Fenced by `state.ordinal`.
    func storePage(_ handling: Message, _ state: WalkState, _ page: FetchedPage?, _ step: WalkStep)
        async throws(StageFailure) -> [Message]

    /// Drops what the walk has stored and starts it again with a complete listing (an expired delta link).
    /// - Parameter cursor: where it begins; it tells how often that has been so.
    func restartWalk(_ handling: Message, _ state: WalkState, from cursor: WalkCursor)
        async throws(StageFailure) -> [Message]

    /// Fails the whole job: nothing in it can be read (credentials, consent).
    /// - Returns: a backup that waited for this one.
    func failJob(_ handling: Message, _ failure: StageFailure) async throws(StageFailure) -> [Message]
}
