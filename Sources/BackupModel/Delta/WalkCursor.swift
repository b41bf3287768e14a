/// Where a walk goes on: which pass over the collection, from which link, and what it has to remember.
///
/// Next links are opaque and stored whole (<https://learn.microsoft.com/graph/paging>).
public struct WalkCursor: Sendable, Hashable, Codable {
    /// Index into the passes of the type.
    public var pass: Int
    /// The next link; `nil` at the start of a pass.
    public var link: String?
    /// The delta link of the main pass, once it has ended and other passes follow.
    public var deltaLink: String?
    /// What could not be read in passed steps, without failing the collection: relationship name and failure name.
    public var notes: [String]
    /// Pauses that Graph asked for in a row, without a page between them.
    public var pauses: Int
    /// What is still to be read singly of the objects of pages that are stored, when it was too much for one page.
    public var rest: [SingleRead]?
    /// The names of directory extensions that the main pass selects, until it has ended.
    public var extensions: [String]?
    /// Whether one of the listings that make up the collection could not be read; `nil` for no.
    public var lacksListing: Bool?
    /// How often the walk has started again in this round because its position was lost; `nil` for never.
    public var restarts: Int?
    var loop: LinkLoopDetector

    /// At the start of a pass, with nothing noted; 0 is the walk's beginning.
    public init(pass: Int = 0) {
        self.pass = pass
        notes = []
        pauses = 0
        loop = LinkLoopDetector()
    }

    /// Where the walk begins when it starts again, once more than before.
    public var startingAgain: WalkCursor {
        var cursor = WalkCursor()
        cursor.restarts = (restarts ?? 0) + 1
        return cursor
    }

    /// Goes to `link` within the pass.
    /// - Returns: `false` when the link leads back to a page of this pass.
    public mutating func follow(_ link: String) -> Bool {
        self.link = link
        pauses = 0
        return loop.visit(link)
    }

    /// Goes to the start of another pass. The links of the pass before are forgotten, notes and delta link stay.
    public mutating func startPass(_ pass: Int) {
        self.pass = pass
        link = nil
        pauses = 0
        loop = LinkLoopDetector()
    }
}

/// One object's relationship, or the objects below it, to be read by a request of its own.
public struct SingleRead: Sendable, Hashable, Codable {
    /// As Graph writes it, since it goes into the request's path.
    public var id: String
    /// Relationship number; 0 for the objects below a parent.
    public var relationship: UInt16
    /// Where the answer goes on; `nil` at its beginning.
    public private(set) var link: String?
    private var loop = LinkLoopDetector()

    /// At the beginning of the answer.
    public init(id: String, relationship: UInt16) {
        self.id = id
        self.relationship = relationship
    }

    /// Goes to `link` within the answer.
    /// - Returns: `false` when the link leads back to a part already read.
    public mutating func follow(_ link: String) -> Bool {
        self.link = link
        return loop.visit(link)
    }
}

/// Finds a cycle in a chain of links with two hashes of memory (Brent's algorithm): a loop of length n is found at
/// the latest after 3 n further steps.
struct LinkLoopDetector: Sendable, Hashable, Codable {
    private var anchor: UInt64 = 0
    private var steps = 0
    private var limit = 1

    /// - Returns: `false` when the link is the one at the anchor.
    mutating func visit(_ link: String) -> Bool {
        // FNV-1a: stable over processes, which Swift's own hash is not.
        let hash = link.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        if steps > 0 && hash == anchor { return false }
        if steps == 0 || steps == limit {
            anchor = hash
            limit = steps == 0 ? 1 : limit * 2
            steps = 0
        }
        steps += 1
        return true
    }
}
