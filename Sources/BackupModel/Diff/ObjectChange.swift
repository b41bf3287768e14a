/// How one object differs between two snapshots, or a snapshot and live.
public struct ObjectChange: Sendable, Hashable {
    /// Raw values are part of the command-line contract.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        case added, updated, deleted
        /// Absent in the first, present in the second and in some snapshot before the first.
        case restored
    }

    /// A changed attribute, or a part of one. Arrays are reported whole, at their own path.
    public struct Attribute: Sendable, Hashable {
        /// From the attributes' root: `/jobTitle`, `/passwordProfile/forceChangePasswordNextSignIn`.
        public var path: JSONPointer
        /// The old value, nil when it was absent, `.null` when Graph said null. JSON shows both as null.
        public var from: JSONValue?
        /// The new value, likewise.
        public var to: JSONValue?

        /// Nothing is checked: a change has two sides that differ.
        public init(path: JSONPointer, from: JSONValue?, to: JSONValue?) {
            self.path = path
            self.from = from
            self.to = to
        }
    }

    /// Links of one relationship that came or went; ids sorted.
    public struct Links: Sendable, Hashable {
        /// The relationship's name in the catalogue of the object's type.
        public var name: String
        /// Ids that are in the second and not in the first.
        public var added: [String]
        /// Ids that are in the first and not in the second, those whose target was deleted among them.
        public var removed: [String]

        /// Not both empty in a diff; the lists are taken as they are given, unsorted too.
        public init(name: String, added: [String], removed: [String]) {
            self.name = name
            self.added = added
            self.removed = removed
        }
    }

    /// A sub-collection that changed, with its whole values; nil when it was never read, which JSON shows as null.
    public struct Children: Sendable, Hashable {
        /// The sub-collection's segment name in Graph, such as `assignments`.
        public var name: String
        /// All elements before; empty when it was read and had none.
        public var from: [JSONValue]?
        /// All elements after, likewise.
        public var to: [JSONValue]?

        /// The elements whole: a change inside one is not told apart.
        public init(name: String, from: [JSONValue]?, to: [JSONValue]?) {
            self.name = name
            self.from = from
            self.to = to
        }
    }

    /// The catalogue's name of the type, `user`.
    public var type: String
    /// As Graph writes it.
    public var id: String
    /// Of the newer document, or the only one; name or id where the object has none.
    public var displayName: String
    /// What happened to the object as a whole.
    public var kind: Kind
    /// By path. Empty, as are the two others, unless `kind` is `updated`.
    public var attributes: [Attribute]
    /// By name.
    public var links: [Links]
    /// By name.
    public var children: [Children]

    /// Lists are taken as they are given: their order is the maker's.
    public init(
        type: String, id: String, displayName: String, kind: Kind, attributes: [Attribute] = [],
        links: [Links] = [], children: [Children] = []
    ) {
        self.type = type
        self.id = id
        self.displayName = displayName
        self.kind = kind
        self.attributes = attributes
        self.links = links
        self.children = children
    }

    /// The item that `diff --json` prints.
    public var json: JSONValue {
        [
            "type": .string(type), "id": .string(id), "displayName": .string(displayName),
            "change": .string(kind.rawValue),
            "attributes": .array(attributes.map(\.json)),
            "links": .array(links.map(\.json)),
            "children": .array(children.map(\.json)),
        ]
    }
}

extension ObjectChange.Attribute {
    /// An element of `attributes` in `diff --json`; what is absent is null there.
    public var json: JSONValue { ["path": .string(path.description), "from": from ?? .null, "to": to ?? .null] }
}

extension ObjectChange.Links {
    /// An element of `links` in `diff --json`.
    public var json: JSONValue {
        [
            "name": .string(name), "added": .array(added.map(JSONValue.string)),
            "removed": .array(removed.map(JSONValue.string)),
        ]
    }
}

extension ObjectChange.Children {
    /// An element of `children` in `diff --json`; what was never read is null there.
    public var json: JSONValue {
        ["name": .string(name), "from": from.map(JSONValue.array) ?? .null, "to": to.map(JSONValue.array) ?? .null]
    }
}

/// How many objects changed, by kind.
public struct ChangeSummary: Sendable, Hashable, Codable {
    /// Objects in the second that were never there before.
    public var added = 0
    /// Objects in both that differ, each once however much of it changed.
    public var updated = 0
    /// Objects that are in the first and not in the second, soft-deleted ones among them.
    public var deleted = 0
    /// Objects in the second alone that some snapshot before the first had.
    public var restored = 0

    /// All four are 0.
    public init() {}

    /// Counts one object.
    public mutating func count(_ kind: ObjectChange.Kind) {
        switch kind {
        case .added: added += 1
        case .updated: updated += 1
        case .deleted: deleted += 1
        case .restored: restored += 1
        }
    }

    /// `summary` of `diff --json`: always all four.
    public var json: JSONValue {
        [
            "added": JSONValue(added), "updated": JSONValue(updated), "deleted": JSONValue(deleted),
            "restored": JSONValue(restored),
        ]
    }
}
