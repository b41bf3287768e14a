public import BackupModel

/// Keyed functions of one tenant: what a stage may know of its keys.
public protocol TenantDigester: Sendable {
    /// HMAC-SHA-256 under the tenant's digest key over type, id, facet and canonical bytes (D7).
    func digest(type: UInt16, object: ObjectKey, facet: UInt16, _ canonical: UnsafeRawBufferPointer) -> Digest
    /// The digest of one run of sightings, for ``ListingSum``.
    func runDigest(type: UInt16, _ run: UnsafeRawBufferPointer) -> Digest
    /// The key of an object: its GUID, or 16 bytes of HMAC when its id is not one (D8).
    func objectKey(type: UInt16, id: String) -> ObjectKey
}

/// A page to turn into sightings.
public struct DiffInput: Sendable {
    /// The collection's object type number in the catalogue.
    public var type: UInt16
    /// How the page's walk reads: only a complete one has its sightings summed up.
    public var mode: WalkMode
    /// ``PageParts`` encoded.
    public var content: [UInt8]
    /// The tenant's keys as they were when the page was read.
    public var digester: any TenantDigester
    /// Whether it is of the tenant's first snapshot.
    public var isFirst: Bool

    /// `content` is opened and decompressed already; it is in memory once and dropped after parsing.
    public init(type: UInt16, mode: WalkMode, content: [UInt8], digester: any TenantDigester, isFirst: Bool = false) {
        self.type = type
        self.mode = mode
        self.content = content
        self.digester = digester
        self.isFirst = isFirst
    }
}

/// A content seen on a page; stored when the tenant does not have its digest yet.
public struct SeenContent: Sendable {
    /// Whose content it is.
    public var object: ObjectKey
    /// 0 for the attributes, else the number of the owned sub-collection's relationship.
    public var facet: UInt16
    /// Of the canonical bytes: equal digests mean equal content (D7).
    public var digest: Digest
    /// Where the canonical bytes stand in ``DiffOutput/canonical``.
    public var range: Range<Int>
    /// The names under which the object is found (D9): tokens are made of them when the content is new.
    public var words: SearchWords?

    /// `words` only with attributes, facet 0; a page may hold the same digest more than once.
    public init(object: ObjectKey, facet: UInt16, digest: Digest, range: Range<Int>, words: SearchWords?) {
        self.object = object
        self.facet = facet
        self.digest = digest
        self.range = range
        self.words = words
    }
}

/// What a page comes to.
public struct DiffOutput: Sendable {
    /// In the order of the page; the last one of an object and facet wins.
    public var sightings: SightingList
    /// One for every attributes or facet sighting, whether the tenant has the content or not.
    public var contents: [SeenContent]
    /// Canonical bytes of all contents, one after the other.
    public var canonical: [UInt8]
    /// What the page adds to the sum of a complete listing.
    public var listing: ListingSum?
    /// Whether the contents are likely to be new, all of them: then nobody looks which ones are. Those that are not are
    /// sealed in vain.
    public var areNew = false

    /// Made by the differ alone; `listing` is added by ``sum(_:)``.
    public init(
        sightings: SightingList, contents: [SeenContent], canonical: [UInt8], listing: ListingSum? = nil
    ) {
        self.sightings = sightings
        self.contents = contents
        self.canonical = canonical
        self.listing = listing
    }

    /// Sums the sightings up, when they are of a complete listing.
    public mutating func sum(_ input: DiffInput) {
        guard input.mode == .complete else { return }
        listing = ListingSum(sightings) { input.digester.runDigest(type: input.type, $0) }
    }
}

/// The differ's side of the store. The laws of ``FetchStore`` hold.
public protocol DiffStore: Sendable {
    /// The page of a `pageFetched` message; `nil` when it was dropped or already sighted: the row is then deleted.
    func page(_ handling: Message) async throws(StageFailure) -> DiffInput?

    /// Ends the page's collection as failed: what Graph sent cannot be read. Its pages are dropped and its objects stay
    /// as they were (D5).
    func failCollection(_ handling: Message, _ failure: StageFailure) async throws(StageFailure) -> [Message]

    /// Stores sightings and the contents that are new, counts the page as done, and returns what follows: the
    /// collection's settlement when this was its last page, a baton that waited for this page (D14).
    func storeSightings(_ handling: Message, _ output: DiffOutput) async throws(StageFailure) -> [Message]
}
