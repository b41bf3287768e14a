import BackupContracts
import BackupModel

/// Turns answers about single objects into documents in the form that a snapshot has.
struct ObjectReading {
    let type: ObjectType
    /// Relationships that are read by themselves.
    let apart: [Relationship]
    /// Relationships that come with the object, in the order of the rules' captures.
    private let within: [Relationship]
    private let wanted: Set<String>?
    private let rules: CanonicalRules
    private let children: CanonicalRules

    /// - Parameters:
    ///   - parts: names of the relationships to read; nil for all that a backup reads.
    ///   - granted: the token's permissions.
    init(type: ObjectType, parts: Set<String>?, granted: Set<String>) {
        self.type = type
        wanted = parts
        let backedUp = type.relationships.filter(\.isBackedUp)
        within = backedUp.filter { $0.read == .inline && !$0.ownList }
        apart = backedUp.filter { relationship in
            (relationship.read != .inline || relationship.ownList) && parts?.contains(relationship.name) ?? true
                && relationship.permission.map { Catalogue.isGranted($0, by: granted) } ?? true
        }
        let isWithin = Set(within.map(\.number))
        let others = type.relationships.filter { !isWithin.contains($0.number) }.map(\.name)
        // What lists do not give a backup does not have, so that one object's fuller answer is cut down to it.
        let unlisted = type.readSingly + type.notReturnedInCollections
        rules = CanonicalRules(
            idAttribute: type.idAttribute, droppedAttributes: Set(type.volatile + others + unlisted),
            captured: within.map { $0.property ?? $0.name }, keepsObjectType: type.derivesTypes,
            orderedArrays: type.orderedArrays, dropsNulls: type.delta)
        children = CanonicalRules(keepsObjectType: true, orderedArrays: type.orderedArrays)
    }

    /// Whether the object can have the relationship; some are read of the objects that a filter finds alone.
    func has(_ relationship: Relationship, _ document: ObjectDocument?) -> Bool {
        guard relationship.listFilter == Self.unifiedGroups else { return true }
        return document?.attributes["groupTypes"]?.array?.contains { $0.string == "Unified" } ?? false
    }

    /// The one such filter that the catalogue has.
    private static let unifiedGroups = "groupTypes/any(c:c eq 'Unified')"

    // MARK: Objects

    /// The document of an answer that is one object.
    func document(_ body: [UInt8]) throws(StageFailure) -> ObjectDocument? {
        let page = try GraphDirectoryReader.page(body, type)
        // Few objects are wrapped in `value`; the scanner shows those as the one item as well.
        guard page.isSingleton || page.items.count == 1, let item = page.items.first else { return nil }
        return try document(body, item, cast: nil)
    }

    /// Hands on the documents of a page of the type's list.
    ///
    /// - Parameter listing: which of the type's lists it is.
    /// - Returns: ids of parents whose objects are to be read by themselves, for a nested type.
    func objects(
        _ body: [UInt8], _ page: GraphPage, listing: Int, _ hand: (ObjectDocument) -> Void
    ) throws(StageFailure) -> [String] {
        guard let nested = type.nested else {
            let cast = type.castTypes.indices.contains(listing) ? type.castTypes[listing] : nil
            try objects(body, items: page.items, cast: cast, hand)
            return []
        }
        let carrier = CanonicalRules(captured: [nested.property])
        var cut: [String] = []
        for parent in page.items {
            let (id, items) = try carried(body, parent, carrier)
            if let id, items.count >= nested.truncatesAt {
                cut.append(id)
            } else {
                try objects(body, items: items, hand)
            }
        }
        return cut
    }

    /// Hands on the documents of items that are objects of the type.
    func objects(
        _ body: [UInt8], items: [Range<Int>], cast: String? = nil, _ hand: (ObjectDocument) -> Void
    ) throws(StageFailure) {
        for item in items { if let document = try document(body, item, cast: cast) { hand(document) } }
    }

    private func carried(
        _ body: [UInt8], _ parent: Range<Int>, _ carrier: CanonicalRules
    ) throws(StageFailure) -> (id: String?, items: [Range<Int>]) {
        do {
            var canonicalizer = Canonicalizer()
            let found = try canonicalizer.canonicalise(body, parent, carrier)
            let items = try found.captured.first.map { try ArrayElements(body, $0.range).ranges }
            return (found.id, items ?? [])
        } catch {
            throw GraphDirectoryReader.malformed(type, error)
        }
    }

    /// - Parameter cast: the type that the path tells and the answer leaves out.
    private func document(
        _ body: [UInt8], _ item: Range<Int>, cast: String?
    ) throws(StageFailure) -> ObjectDocument? {
        do {
            var canonicalizer = Canonicalizer()
            let found = try canonicalizer.canonicalise(body, item, rules)
            var attributes = try JSONValue(parsing: found.attributes).object ?? [:]
            guard let id = found.id ?? (type.shape == .singleton ? type.name : nil), found.removed == nil else {
                return nil
            }
            if let cast, found.odataType == nil {
                attributes["@odata.type"] = .string("#microsoft.graph.\(cast)")
            }
            var document = ObjectDocument(type: type.name, id: id, attributes: attributes)
            for captured in found.captured {
                let relationship = within[captured.index]
                guard wanted?.contains(relationship.name) ?? true else { continue }
                switch relationship.kind {
                case .link:
                    document.setLinks(relationship.name, try LinkTarget.targets(body, captured.range).map(\.id))
                case .child:
                    let children = try canonicalizer.canonicalChildren(body, captured.range, children)
                    try setChildren(relationship, children, &document)
                }
            }
            return document
        } catch {
            throw GraphDirectoryReader.malformed(type, error)
        }
    }

    // MARK: Relationships

    /// Adds what the pages of a relationship's own path tell.
    func add(
        _ relationship: Relationship, _ bodies: [[UInt8]], to document: inout ObjectDocument
    ) throws(StageFailure) {
        do {
            switch relationship.kind {
            case .link:
                var ids: [String] = []
                for body in bodies { ids += try LinkTarget.targets(body, try GraphPage(body).items).map(\.id) }
                document.setLinks(relationship.name, ids)
            case .child:
                var joined: [UInt8] = []
                var items: [Range<Int>] = []
                for body in bodies {
                    let start = joined.count
                    joined += body
                    items += try GraphPage(body).items.map { ($0.lowerBound + start)..<($0.upperBound + start) }
                }
                var canonicalizer = Canonicalizer()
                try setChildren(
                    relationship, try canonicalizer.canonicalChildren(joined, items, children), &document)
            }
        } catch {
            throw GraphDirectoryReader.malformed(type, error)
        }
    }

    /// Adds what an answer with the relationship expanded tells; false when it was cut short.
    func add(
        _ relationship: Relationship, expandedIn body: [UInt8], to document: inout ObjectDocument
    ) throws(StageFailure) -> Bool {
        let page = try GraphDirectoryReader.page(body, type)
        guard let item = page.items.first else { return true }
        do {
            var canonicalizer = Canonicalizer()
            let carrier = CanonicalRules(
                idAttribute: type.idAttribute, captured: [relationship.property ?? relationship.name])
            guard let captured = try canonicalizer.canonicalise(body, item, carrier).captured.first else {
                return true
            }
            let count = try ArrayElements(body, captured.range).ranges.count
            guard !captured.isTruncated, count < relationship.truncatesAt ?? .max else { return false }
            switch relationship.kind {
            case .link: document.setLinks(relationship.name, try LinkTarget.targets(body, captured.range).map(\.id))
            case .child:
                let found = try canonicalizer.canonicalChildren(body, captured.range, children)
                try setChildren(relationship, found, &document)
            }
            return true
        } catch {
            throw GraphDirectoryReader.malformed(type, error)
        }
    }

    /// A sub-collection without elements is left out, as in a snapshot.
    private func setChildren(
        _ relationship: Relationship, _ found: CanonicalChildren, _ document: inout ObjectDocument
    ) throws {
        guard found.count > 0 else { return }
        let value = try JSONValue(parsing: found.bytes)
        document.children[relationship.name] = value.array ?? [value]
    }
}
