/// One element of a Graph page in canonical form.
public struct CanonicalItem: Sendable {
    /// The object's id as 16 bytes, when it is a GUID.
    public var key: ObjectKey?
    /// The id when it is not a GUID. Such an id stays among `attributes` as well, since only a keyed hash of it is
    /// stored in clear.
    public var otherID: String?
    /// `@odata.type` as Graph sends it, `#microsoft.graph.user`.
    public var odataType: String?
    /// Why a delta item is no more, nil for an object that is there.
    public var removed: RemovalReason?
    /// The canonical object: RFC 8785 over the attributes that the rules keep.
    public var attributes: [UInt8]
    /// How many attributes `attributes` has, id and `@odata.type` not counted. 0: the item says nothing of attributes
    /// (a delta item with only an id and `members@delta`), so it is no sighting of them.
    public var attributeCount: Int
    /// Where the values of `CanonicalRules.captured` stand in the page, in the order of the page.
    public var captured: [CapturedValue]
    /// The attributes that a search knows by word; nil unless `CanonicalRules.readsWords`.
    public var words: SearchWords?

    /// The id as text, a GUID in lower case; nil when Graph gave none, as for some singletons.
    public var id: String? { key?.description ?? otherID }
}

/// Why a delta item is gone (`@removed.reason`).
/// https://learn.microsoft.com/graph/delta-query-overview
public enum RemovalReason: String, Sendable, Codable {
    /// Soft-deleted: it can be restored. A reason that is not known counts as this one, the lesser claim.
    case changed
    /// Gone for good.
    case deleted
}

/// The raw value of a captured name.
public struct CapturedValue: Sendable, Equatable {
    /// Which of `CanonicalRules.captured`.
    public var index: Int
    /// Where its value stands in the page.
    public var range: Range<Int>
    /// Graph cut the list short: a `...@odata.nextLink` stands beside it. Absence from it means nothing.
    public var isTruncated = false
}

/// The attributes that a search knows by word.
public struct SearchWords: Sendable, Equatable {
    /// Whole, as Graph sends it; nil when the page does not say it. Directory content, as the two others are.
    public var displayName: String?
    /// Found by the words before its `@` alone (D9).
    public var userPrincipalName: String?
    /// Found likewise; nil for users without an address.
    public var mail: String?

    /// All nil for an object without names: it is then found by no word.
    public init(displayName: String? = nil, userPrincipalName: String? = nil, mail: String? = nil) {
        self.displayName = displayName
        self.userPrincipalName = userPrincipalName
        self.mail = mail
    }
}

/// An owned sub-collection in canonical form.
public struct CanonicalChildren: Sendable, Equatable {
    /// The canonical array.
    public var bytes: [UInt8]
    /// How many elements it has.
    public var count: Int

    /// `bytes` are the canonical text of an array, `count` its elements; not checked.
    public init(bytes: [UInt8], count: Int) {
        self.bytes = bytes
        self.count = count
    }
}
