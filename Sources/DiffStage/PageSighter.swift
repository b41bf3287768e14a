import BackupContracts
import BackupModel

/// Reads the parts of one page and collects what they tell. Work per object: one pass over its bytes and one HMAC.
struct PageSighter {
    private let type: ObjectType
    private let digester: any TenantDigester
    private let rules: SightingRules
    private var canonicalizer = Canonicalizer()
    private(set) var output = DiffOutput(sightings: SightingList(), contents: [], canonical: [])

    init(type: ObjectType, digester: any TenantDigester) {
        self.type = type
        self.digester = digester
        rules = SightingRules(type)
    }

    mutating func sight(_ parts: PageParts) throws {
        // What is kept of a page is hardly longer than the page.
        output.canonical.reserveCapacity(parts.bodyCount)
        // Objects that were read singly because their listing was cut short: the listing's part of them is void.
        var readSingly: [UInt16: Set<String>] = [:]
        for case .object(let id, let relationship, _, _) in parts.parts {
            readSingly[relationship, default: []].insert(id)
        }
        var slices: [(id: String, relationship: UInt16, bodies: [[UInt8]])] = []
        for part in parts.parts {
            switch part {
            case .list(let relationship, let body):
                try sightList(body, relationship, readSingly[relationship] ?? [])
            case .object(let id, let relationship, let slice, let body):
                if slice > 0, !slices.isEmpty {
                    slices[slices.count - 1].bodies.append(body)
                } else {
                    slices.append((id, relationship, [body]))
                }
            }
        }
        for single in slices { try sightSingle(single.id, single.relationship, single.bodies) }
    }

    // MARK: Listings

    private mutating func sightList(_ body: [UInt8], _ relationship: UInt16, _ readSingly: Set<String>) throws {
        let page = try GraphPage(body)
        if relationship >= PageParts.castBase {
            let cast = Int(relationship - PageParts.castBase)
            try sightObjects(body, page.items, cast: type.castTypes.indices.contains(cast) ? type.castTypes[cast] : nil)
        } else if relationship != 0 {
            guard let own = type.relationships.first(where: { $0.number == relationship }) else { return }
            try sightOwnList(body, page, own, readSingly)
        } else if let nested = type.nested {
            let carrier = SightingRules.carrier(of: nested.property, type)
            for item in page.items {
                let parent = try canonicalizer.canonicalise(body, item, carrier)
                guard let id = parent.id, !readSingly.contains(id) else { continue }
                for captured in parent.captured {
                    try sightObjects(body, try elements(body, captured.range))
                }
            }
        } else {
            try sightObjects(body, page.items)
        }
    }

    private mutating func sightOwnList(
        _ body: [UInt8], _ page: GraphPage, _ relationship: Relationship, _ readSingly: Set<String>
    ) throws {
        let property = relationship.property ?? relationship.name
        let carrier = SightingRules.carrier(of: property, type)
        for item in page.items {
            let parent = try canonicalizer.canonicalise(body, item, carrier)
            guard let id = parent.id, !readSingly.contains(id) else { continue }
            let object = parent.key ?? digester.objectKey(type: type.number, id: id)
            guard let captured = parent.captured.first else {
                sightNone(object, relationship)
                continue
            }
            // As many as an expansion gives at most, and no single read behind it: not the whole, so nothing is said.
            if let limit = relationship.truncatesAt, try elements(body, captured.range).count >= limit { continue }
            try sightWhole(body, captured.range, object, relationship)
        }
    }

    /// The byte ranges of an array's elements.
    private func elements(_ body: [UInt8], _ range: Range<Int>) throws -> [Range<Int>] {
        // An array under `value` is what a page is: the same scanner finds the elements.
        try ArrayElements(body, range).ranges
    }

    private mutating func sightObjects(_ body: [UInt8], _ items: [Range<Int>], cast: String? = nil) throws {
        for item in items {
            var found = try canonicalizer.canonicalise(body, item, rules.main)
            if let cast, found.odataType == nil { found.name(type: cast) }
            guard let object = key(of: found) else { continue }
            if let removed = found.removed {
                output.sightings.append(.removed(object, removed == .deleted ? .hardDeleted : .softDeleted))
                continue
            }
            if found.attributeCount > 0 || !type.delta {
                let digest = add(found.attributes, object, facet: 0, words: found.words)
                output.sightings.append(.attributes(object, digest))
            }
            try sightCaptured(found, body, object)
        }
    }

    private func key(of item: CanonicalItem) -> ObjectKey? {
        if let key = item.key { return key }
        let id = item.otherID ?? (type.shape == .singleton ? type.name : nil)
        return id.map { digester.objectKey(type: type.number, id: $0) }
    }

    // MARK: Relationships

    private mutating func sightCaptured(_ item: CanonicalItem, _ body: [UInt8], _ object: ObjectKey) throws {
        for captured in item.captured {
            switch rules.mainCaptures[captured.index] {
            case .delta(let relationship):
                try sightDelta(body, captured.range, object, relationship)
            case .whole(let relationship):
                // Cut short by Graph: not the whole, so nothing is said.
                if !captured.isTruncated { try sightWhole(body, captured.range, object, relationship) }
            }
        }
        for (index, relationship) in rules.wholes where !item.captured.contains(where: { $0.index == index }) {
            sightNone(object, relationship)
        }
    }

    private mutating func sightDelta(
        _ body: [UInt8], _ range: Range<Int>, _ object: ObjectKey, _ relationship: Relationship
    ) throws {
        for target in try LinkTarget.targets(body, range) {
            let key = target.key ?? digester.objectKey(type: type.number, id: target.id)
            if target.isRemoved {
                output.sightings.append(.unlinked(object, relationship.number, target: key))
            } else {
                // A new manager replaces the old one, whether or not the page says that the old one is gone.
                if relationship.single { output.sightings.append(.linksRead(object, relationship.number)) }
                output.sightings.append(.link(object, relationship.number, target: key))
            }
        }
    }

    private mutating func sightNone(_ object: ObjectKey, _ relationship: Relationship) {
        switch relationship.kind {
        case .link: output.sightings.append(.linksRead(object, relationship.number))
        case .child: output.sightings.append(.noFacet(object, relationship.number))
        }
    }

    private mutating func sightWhole(
        _ body: [UInt8], _ range: Range<Int>, _ object: ObjectKey, _ relationship: Relationship
    ) throws {
        switch relationship.kind {
        case .link:
            sightLinks(try LinkTarget.targets(body, range), object, relationship)
        case .child:
            let children = try canonicalizer.canonicalChildren(body, range, rules.children)
            sightChildren(children, object, relationship)
        }
    }

    private mutating func sightLinks(_ targets: [LinkTarget], _ object: ObjectKey, _ relationship: Relationship) {
        output.sightings.append(.linksRead(object, relationship.number))
        for target in targets where !target.isRemoved {
            let key = target.key ?? digester.objectKey(type: type.number, id: target.id)
            output.sightings.append(.link(object, relationship.number, target: key))
        }
    }

    private mutating func sightChildren(
        _ children: CanonicalChildren, _ object: ObjectKey, _ relationship: Relationship
    ) {
        guard children.count > 0 else { return sightNone(object, relationship) }
        let digest = add(children.bytes, object, facet: relationship.number, words: nil)
        output.sightings.append(.facet(object, relationship.number, digest))
    }

    /// What was read of one object: links or children in one or more slices, or, for a nested type, the objects of one
    /// parent (relationship 0).
    private mutating func sightSingle(_ id: String, _ number: UInt16, _ bodies: [[UInt8]]) throws {
        if number == 0 {
            for body in bodies { try sightObjects(body, try GraphPage(body).items) }
            return
        }
        guard let relationship = type.relationships.first(where: { $0.number == number }) else { return }
        let object = ObjectKey(id) ?? digester.objectKey(type: type.number, id: id)
        if bodies == [[]] { return sightNone(object, relationship) }
        switch relationship.kind {
        case .link:
            var targets: [LinkTarget] = []
            for body in bodies { targets += try LinkTarget.targets(body, try GraphPage(body).items) }
            sightLinks(targets, object, relationship)
        case .child:
            let joined = try JoinedSlices(bodies)
            let children = try canonicalizer.canonicalChildren(joined.body, joined.items, rules.children)
            sightChildren(children, object, relationship)
        }
    }

    private mutating func add(_ bytes: [UInt8], _ object: ObjectKey, facet: UInt16, words: SearchWords?) -> Digest {
        let digest = bytes.withUnsafeBytes {
            digester.digest(type: type.number, object: object, facet: facet, $0)
        }
        let start = output.canonical.count
        output.canonical.append(contentsOf: bytes)
        output.contents.append(
            SeenContent(
                object: object, facet: facet, digest: digest, range: start..<output.canonical.count, words: words))
        return digest
    }
}

/// The slices of one answer as one body, with the items of all of them.
private struct JoinedSlices {
    var body: [UInt8] = []
    var items: [Range<Int>] = []

    init(_ bodies: [[UInt8]]) throws {
        for slice in bodies {
            let start = body.count
            body.append(contentsOf: slice)
            items += try GraphPage(slice).items.map { ($0.lowerBound + start)..<($0.upperBound + start) }
        }
    }
}

extension CanonicalItem {
    /// Adds the type that the path of a cast tells and the answer leaves out. `@` sorts before every letter.
    fileprivate mutating func name(type: String) {
        let member = Array("\"@odata.type\":\"#microsoft.graph.\(type)\"".utf8)
        attributes.insert(contentsOf: attributeCount > 0 || attributes.count > 2 ? member + [0x2C] : member, at: 1)
        attributeCount += 1
    }
}
