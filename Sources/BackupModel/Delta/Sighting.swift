/// Why an object ended. Raw values are stored.
public enum EndReason: UInt8, Sendable, Codable, CaseIterable {
    /// `@removed.reason` was `changed`: it is in the recycle bin and can be restored.
    case softDeleted = 1
    /// `@removed.reason` was `deleted`: it is gone.
    case hardDeleted = 2
    /// A complete listing did not have it.
    case missing = 3

    /// The word in the command-line contract.
    public var name: String {
        switch self {
        case .softDeleted: "softDeleted"
        case .hardDeleted: "hardDeleted"
        case .missing: "missing"
        }
    }
}

/// One thing that a page tells of an object (D4).
///
/// A **facet** is what one kind of request tells: facet 0 are the attributes; a relationship of kind child is a facet
/// under its own number.
public enum Sighting: Sendable, Hashable {
    /// The object is there, with these attributes.
    case attributes(ObjectKey, Digest)
    case removed(ObjectKey, EndReason)
    /// An owned sub-collection was read and has this content.
    case facet(ObjectKey, UInt16, Digest)
    /// An owned sub-collection was read and is empty.
    case noFacet(ObjectKey, UInt16)
    case link(ObjectKey, UInt16, target: ObjectKey)
    case unlinked(ObjectKey, UInt16, target: ObjectKey)
    /// All links of this relationship follow: those that are not sighted after this are gone.
    case linksRead(ObjectKey, UInt16)

    /// Whose sighting it is; for a link the object that has it, not its target.
    public var object: ObjectKey {
        switch self {
        case .attributes(let object, _), .removed(let object, _), .facet(let object, _, _),
            .noFacet(let object, _), .link(let object, _, _), .unlinked(let object, _, _), .linksRead(let object, _):
            object
        }
    }
}
