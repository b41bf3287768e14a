/// One end of a relationship as Graph lists it: a member, an owner, a manager.
public struct LinkTarget: Sendable, Hashable {
    /// The target's id as 16 bytes, when it is a GUID.
    public var key: ObjectKey?
    /// The id when it is not a GUID.
    public var otherID: String?
    /// `#microsoft.graph.user`, when the list says it.
    public var odataType: String?
    /// A delta item's `@removed`: the link is no more, whether or not the target still is.
    public var isRemoved: Bool

    /// One of `key` and `otherID` is given, never both.
    public init(key: ObjectKey?, otherID: String? = nil, odataType: String? = nil, isRemoved: Bool = false) {
        self.key = key
        self.otherID = otherID
        self.odataType = odataType
        self.isRemoved = isRemoved
    }

    /// The id as text, a GUID in lower case.
    public var id: String { key?.description ?? otherID ?? "" }

    /// The targets in the value at `range`: an array of objects with ids (`owners`, `members@delta`), one such object
    /// (`manager`), or null for none. An element without an id is an error: it would be a link that silently ends.
    public static func targets(_ body: [UInt8], _ range: Range<Int>) throws(JSONSyntaxError) -> [LinkTarget] {
        try JSONReader.lend(body) { (bytes) throws(JSONSyntaxError) in try targets(bytes, range) }
    }

    /// The same for elements that are a whole page of their own (`GraphPage.items`).
    public static func targets(_ body: [UInt8], _ items: [Range<Int>]) throws(JSONSyntaxError) -> [LinkTarget] {
        try JSONReader.lend(body) { (bytes) throws(JSONSyntaxError) in
            var found: [LinkTarget] = []
            found.reserveCapacity(items.count)
            for item in items { found.append(contentsOf: try targets(bytes, item)) }
            return found
        }
    }

    /// The same on lent bytes.
    public static func targets(
        _ body: UnsafeRawBufferPointer, _ range: Range<Int>
    ) throws(JSONSyntaxError) -> [LinkTarget] {
        try JSONReader.read(body, range) { (reader) throws(JSONSyntaxError) in
            var found: [LinkTarget] = []
            reader.skipSpace()
            switch reader.current {
            case 0x5B:
                if try reader.enter(0, closing: 0x5D) {
                    repeat {
                        found.append(try reader.readLinkTarget(lastType: found.last?.odataType))
                    } while try reader.continues(closing: 0x5D)
                }
            case 0x7B: found.append(try reader.readLinkTarget(lastType: nil))
            default: try reader.skipNull()
            }
            try reader.expectEnd()
            return found
        }
    }
}

extension JSONReader {
    /// Reads one target. `lastType`: most lists hold one type, so its text is taken again instead of made again.
    fileprivate mutating func readLinkTarget(lastType: String?) throws(JSONSyntaxError) -> LinkTarget {
        guard current == 0x7B else { throw failure(.notAnObject) }
        let start = position
        var target = LinkTarget(key: nil)
        var seen = (id: false, type: false, removed: false)
        if try enter(1, closing: 0x7D) {
            repeat {
                let name = try readRawName()
                if matches(name, "id") {
                    try once(&seen.id)
                    (target.key, target.otherID) = try readID()
                } else if matches(name, "@odata.type") {
                    try once(&seen.type)
                    target.odataType = try readString(like: lastType)
                } else {
                    if matches(name, "@removed") {
                        try once(&seen.removed)
                        target.isRemoved = true
                    }
                    try skipValue(depth: 2)
                }
            } while try continues(closing: 0x7D)
        }
        guard target.key != nil || target.otherID != nil else {
            throw JSONSyntaxError(offset: start, what: .missingID)
        }
        return target
    }

    private func once(_ seen: inout Bool) throws(JSONSyntaxError) {
        guard !seen else { throw failure(.duplicateKey) }
        seen = true
    }

    /// Reads a string; the same instance as `known` when it is the same text.
    mutating func readString(like known: String?) throws(JSONSyntaxError) -> String {
        guard current == 0x22 else { throw failure(.notAString) }
        position += 1
        let start = position
        let isPlain = try skipString()
        let range = start..<position - 1
        if isPlain, let known, known.utf8.count == range.count,
            known.utf8.elementsEqual(UnsafeBufferPointer(start: base + start, count: range.count))
        {
            return known
        }
        return text(range, isPlain: isPlain)
    }
}
