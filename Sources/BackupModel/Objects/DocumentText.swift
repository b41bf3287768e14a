/// A document whose contents are texts as the store has them: what is only handed on is not parsed.
public struct DocumentText: Sendable {
    /// A relationship: its name in the catalogue, and what it leads to.
    public typealias Links = (name: String, targets: [ObjectKey])
    /// A sub-collection: the canonical text of its list, or of the one document that it is.
    public typealias Children = (name: String, text: [UInt8])

    /// The catalogue's name of the type.
    public let type: String
    /// The id as Graph writes it.
    public let id: String
    /// The id may be among them.
    public let attributes: CanonicalObject
    /// Where it is.
    private let idMember: CanonicalObject.Member?
    /// In canonical order of names; the keys ascending, each once. A relationship without targets is absent.
    public let links: [Links]
    /// In canonical order of names.
    public let children: [Children]

    /// - Parameter id: given the id that stands among the attributes, if one does, the one that the document has.
    public init(
        type: String, attributes: CanonicalObject, links: [Links] = [], children: [Children] = [],
        id: (String?) -> String
    ) throws(JSONSyntaxError) {
        self.type = type
        self.attributes = attributes
        idMember = try attributes.member("id")
        self.id = id(idMember.flatMap { attributes.string(at: $0.value) })
        self.links = links.sorted { $0.name.precedesInUnits($1.name) }
        self.children = children.sorted { $0.name.precedesInUnits($1.name) }
    }

    /// The document with its contents parsed.
    public func parsed() throws(JSONSyntaxError) -> ObjectDocument {
        guard let attributes = try JSONValue(parsing: attributes.bytes).object else {
            throw JSONSyntaxError(offset: 0, what: .notAnObject)
        }
        var children: [String: [JSONValue]] = [:]
        for child in self.children {
            let value = try JSONValue(parsing: child.text)
            children[child.name] = value.array ?? [value]
        }
        let links = links.map { ($0.name, $0.targets.map(\.description)) }
        return ObjectDocument(
            type: type, id: id, attributes: attributes, links: Dictionary(links) { first, _ in first },
            children: children)
    }

    /// All attributes but the id, in order.
    public func attributeMembers() throws(JSONSyntaxError) -> [CanonicalObject.Member] {
        try attributes.members().filter { $0.name != idMember?.name }
    }

    /// Whether one of the ids stands somewhere in the attributes or sub-collections. Nothing is parsed, so that it may
    /// be the document's own id; where this is false no value names any of them.
    public func mayName(_ ids: Set<ObjectKey>) -> Bool {
        Self.holds(attributes.bytes, ids) || children.contains { Self.holds($0.text, ids) }
    }

    private static func holds(_ text: [UInt8], _ ids: Set<ObjectKey>) -> Bool {
        text.withUnsafeBufferPointer { bytes in
            var start = 0
            while start + 36 <= bytes.count {
                if bytes[start + 8] == 0x2D, bytes[start + 13] == 0x2D,
                    let key = ObjectKey(UnsafeBufferPointer(rebasing: bytes[start..<start + 36]))
                {
                    if ids.contains(key) { return true }
                    start += 36
                } else {
                    start += 1
                }
            }
            return false
        }
    }

    // MARK: Writing

    /// Appends the document as ``ObjectDocument/json(snapshot:version:reason:)`` has it, in canonical form.
    public func appendJSON(snapshot: SnapshotNumber, version: VersionStamp, to bytes: inout [UInt8]) {
        bytes += #"{"attributes":"#.utf8
        attributes.append(without: idMember, to: &bytes)
        bytes += #","children":"#.utf8
        appendChildren(to: &bytes)
        bytes += #","id":"#.utf8
        CanonicalString.append(id, to: &bytes)
        bytes += #","links":"#.utf8
        appendLinks(to: &bytes)
        bytes += #","snapshot":"#.utf8
        bytes += String(snapshot).utf8
        bytes += #","state":"present","type":"#.utf8
        CanonicalString.append(type, to: &bytes)
        bytes += #","version":{"digest":""#.utf8
        version.digest.withBytes { Self.append(hexadecimal: $0, to: &bytes) }
        bytes += #"","from":"#.utf8
        bytes += String(version.from).utf8
        bytes += #","seenAt":"#.utf8
        CanonicalString.append(version.seenAt, to: &bytes)
        bytes += #","to":"#.utf8
        bytes += (version.to.map { String($0) } ?? "null").utf8
        bytes += "}}".utf8
    }

    /// Appends the links as one canonical object.
    public func appendLinks(to bytes: inout [UInt8]) {
        Self.appendObject(links, to: &bytes) { link, bytes in
            CanonicalString.append(link.name, to: &bytes)
            bytes += ":[".utf8
            for (index, target) in link.targets.enumerated() {
                bytes += (index == 0 ? "\"" : ",\"").utf8
                bytes += target.description.utf8
                bytes.append(0x22)
            }
            bytes.append(0x5D)
        }
    }

    /// Appends the sub-collections as one canonical object, each a list.
    public func appendChildren(to bytes: inout [UInt8]) {
        Self.appendObject(children, to: &bytes) { child, bytes in
            CanonicalString.append(child.name, to: &bytes)
            bytes.append(0x3A)
            let isList = child.text.first == 0x5B
            if !isList { bytes.append(0x5B) }
            bytes += child.text
            if !isList { bytes.append(0x5D) }
        }
    }

    private static func appendObject<Part>(
        _ parts: [Part], to bytes: inout [UInt8], _ append: (Part, inout [UInt8]) -> Void
    ) {
        bytes.append(0x7B)
        for (index, part) in parts.enumerated() {
            if index > 0 { bytes.append(0x2C) }
            append(part, &bytes)
        }
        bytes.append(0x7D)
    }

    private static func append(hexadecimal raw: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
        for byte in raw {
            bytes.append(digit(byte >> 4))
            bytes.append(digit(byte & 15))
        }
    }
}
