/// An object as of one snapshot, or live: its attributes, its links, its owned sub-collections.
public struct ObjectDocument: Sendable, Hashable {
    /// Raw values are part of the command-line contract.
    public enum State: String, Sendable, Codable {
        case present, deleted
    }

    /// The catalogue's name of the type, `user`.
    public let type: String
    /// The id as Graph writes it; a singleton that has none is named after its type.
    public let id: String
    /// A deleted document holds what the object was last.
    public var state: State
    /// As Graph names them, in canonical order; without the id.
    public var attributes: JSONObject
    /// The ids at the other end of each relationship, in the order of their code units, each once. A relationship
    /// without targets is absent.
    public private(set) var links: [String: [String]]
    /// Owned sub-collections under Graph's segment names. One that was read and is empty is here as an empty list; one
    /// that was never read is absent: a restore must not take the second for the first.
    public var children: [String: [JSONValue]]

    /// Links are sorted and freed of repeats; `id` is taken out of the attributes.
    public init(
        type: String, id: String, state: State = .present, attributes: JSONObject = [:],
        links: [String: [String]] = [:], children: [String: [JSONValue]] = [:]
    ) {
        self.type = type
        self.id = id
        self.state = state
        self.attributes = attributes
        self.attributes["id"] = nil
        self.links = links.compactMapValues { $0.isEmpty ? nil : $0.inOrderOfUnits() }
        self.children = children
    }

    /// The links of one relationship, none for an empty list.
    public mutating func setLinks(_ name: String, _ ids: some Sequence<String>) {
        let ids = ids.inOrderOfUnits()
        links[name] = ids.isEmpty ? nil : ids
    }

    /// The same document, which has in common with the other what is equal in both: two states of one object differ in
    /// little, and thousands of pairs are held at a time.
    public func sharing(_ other: ObjectDocument?) -> ObjectDocument {
        guard let other else { return self }
        var shared = self
        shared.attributes = attributes.sharing(other.attributes)
        for (name, ids) in links {
            if let others = other.links[name], ids.haveSameUnits(as: others) { shared.links[name] = others }
        }
        for (name, elements) in children where other.children[name] == elements {
            shared.children[name] = other.children[name]
        }
        return shared
    }

    /// What a person calls the object: its displayName, else its name, else its id.
    public var displayName: String {
        for name in ["displayName", "name"] {
            if let text = attributes[name]?.string, !text.isEmpty { return text }
        }
        return id
    }
}

/// Where a document stands in an object's history.
public struct VersionStamp: Sendable, Hashable {
    /// Over the whole document.
    public var digest: Digest
    /// The first snapshot since which attributes, links and sub-collections all are as in the document.
    public var from: SnapshotNumber
    /// The first snapshot that no longer has it; nil while it is current.
    public var to: SnapshotNumber?
    /// When Graph showed it, RFC 3339 in UTC.
    public var seenAt: String

    /// `to` is exclusive; nil stands for an interval that is open.
    public init(digest: Digest, from: SnapshotNumber, to: SnapshotNumber?, seenAt: String) {
        self.digest = digest
        self.from = from
        self.to = to
        self.seenAt = seenAt
    }

    /// `version` of `object show --json`.
    public var json: JSONValue {
        [
            "digest": .string(digest.description), "from": JSONValue(from), "to": to.map { JSONValue($0) } ?? .null,
            "seenAt": .string(seenAt),
        ]
    }
}
