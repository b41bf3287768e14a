/// How one object differs between two snapshots, or a snapshot and live.
public struct ObjectChange: Sendable, Hashable {
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

        public init(path: JSONPointer, from: JSONValue?, to: JSONValue?) {
            self.path = path
            self.from = from
            self.to = to
        }
    }

    /// Links of one relationship that came or went; ids sorted.
    public struct Links: Sendable, Hashable {
        public var name: String
        public var added: [String]
        public var removed: [String]

        public init(name: String, added: [String], removed: [String]) {
            self.name = name
            self.added = added
            self.removed = removed
        }
    }

    /// A sub-collection that changed, with its whole values; nil when it was never read, which JSON shows as null.
    public struct Children: Sendable, Hashable {
        public var name: String
        public var from: [JSONValue]?
        public var to: [JSONValue]?

        public init(name: String, from: [JSONValue]?, to: [JSONValue]?) {
            self.name = name
            self.from = from
            self.to = to
        }
    }

    public var type: String
    public var id: String
    public var displayName: String
    public var kind: Kind
    /// By path. Empty, as are the two others, unless `kind` is `updated`.
    public var attributes: [Attribute]
    /// By name.
    public var links: [Links]
    /// By name.
    public var children: [Children]

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
    public var json: JSONValue { ["path": .string(path.description), "from": from ?? .null, "to": to ?? .null] }
}

extension ObjectChange.Links {
    public var json: JSONValue {
        [
            "name": .string(name), "added": .array(added.map(JSONValue.string)),
            "removed": .array(removed.map(JSONValue.string)),
        ]
    }
}

extension ObjectChange.Children {
    public var json: JSONValue {
        ["name": .string(name), "from": from.map(JSONValue.array) ?? .null, "to": to.map(JSONValue.array) ?? .null]
    }
}

/// How many objects changed, by kind.
public struct ChangeSummary: Sendable, Hashable, Codable {
    public var added = 0
    public var updated = 0
    public var deleted = 0
    public var restored = 0

    public init() {}

    public mutating func count(_ kind: ObjectChange.Kind) {
        switch kind {
        case .added: added += 1
        case .updated: updated += 1
        case .deleted: deleted += 1
        case .restored: restored += 1
        }
    }

    public var json: JSONValue {
        [
            "added": JSONValue(added), "updated": JSONValue(updated), "deleted": JSONValue(deleted),
            "restored": JSONValue(restored),
        ]
    }
}
