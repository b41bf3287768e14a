/// The text of one JSON object in canonical form (RFC 8785), and where its members lie in it: what is only handed on
/// need not be parsed.
public struct CanonicalObject: Sendable, Hashable {
    /// Places of one member in ``bytes``.
    public struct Member: Sendable, Hashable {
        /// The name without its quotes, escapes as they stand.
        public let name: Range<Int>
        /// The name is ASCII without escapes: its bytes are its characters.
        public let isPlain: Bool
        /// The whole text of the value, with its quotes, brackets or braces.
        public let value: Range<Int>

        /// From the name's opening quote to the end of the value.
        var whole: Range<Int> { name.lowerBound - 1..<value.upperBound }
    }

    /// As it was given; UTF-8.
    public let bytes: [UInt8]

    /// - Parameter bytes: canonical text, which is not made so here; nothing is assumed of it that could be unsafe.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The member of that ASCII name; what follows its place in the order of names is not looked at.
    public func member(_ name: String) throws(JSONSyntaxError) -> Member? {
        var found: Member?
        try each { (reader, member) in
            switch reader.compare(member, name.utf8) {
            case .before: return true
            case .same: found = member
            case .behind: break
            }
            return false
        }
        return found
    }

    /// All members, in order.
    public func members() throws(JSONSyntaxError) -> [Member] {
        var found: [Member] = []
        found.reserveCapacity(64)
        try each { (_, member) in
            found.append(member)
            return true
        }
        return found
    }

    /// The value at a place as a text; nil when it is none.
    public func string(at place: Range<Int>) -> String? {
        guard bytes.indices.contains(place.lowerBound), bytes[place.lowerBound] == 0x22 else { return nil }
        return (try? JSONValue(parsing: Array(bytes[place])))?.string
    }

    /// The text under that ASCII name; nil when there is none.
    public func text(_ name: String) -> String? {
        guard let member = try? member(name) else { return nil }
        return string(at: member.value)
    }

    /// Appends the object without one of its members.
    func append(without member: Member?, to target: inout [UInt8]) {
        guard let member else {
            target += bytes
            return
        }
        var (start, end) = (member.whole.lowerBound, member.whole.upperBound)
        // One comma goes with it.
        if bytes[end] == 0x2C { end += 1 } else if bytes[start - 1] == 0x2C { start -= 1 }
        target += bytes[..<start]
        target += bytes[end...]
    }

    /// Calls `body` with each member until it answers false.
    private func each(_ body: (JSONReader, Member) -> Bool) throws(JSONSyntaxError) {
        try JSONReader.lend(bytes) { (bytes) throws(JSONSyntaxError) in
            try JSONReader.read(bytes, 0..<bytes.count) { (reader) throws(JSONSyntaxError) in
                guard reader.current == 0x7B else { throw reader.failure(.notAnObject) }
                guard try reader.enter(0, closing: 0x7D) else { return try reader.expectEnd() }
                repeat {
                    let name = try reader.readRawName()
                    let start = reader.position
                    try reader.skipValue(depth: 1)
                    let member = Member(name: name.range, isPlain: name.isPlain, value: start..<reader.position)
                    guard body(reader, member) else { return }
                } while try reader.continues(closing: 0x7D)
                try reader.expectEnd()
            }
        }
    }
}

extension JSONReader {
    fileprivate enum Place { case before, same, behind }

    /// Where a member stands to an ASCII name in the order of names.
    fileprivate func compare(_ member: CanonicalObject.Member, _ wanted: String.UTF8View) -> Place {
        // Nothing can be said of a name with escapes but that it is another: canonical text escapes only what it must.
        guard member.isPlain else { return .before }
        let name = UnsafeBufferPointer(start: base + member.name.lowerBound, count: member.name.count)
        if name.elementsEqual(wanted) { return .same }
        return name.lexicographicallyPrecedes(wanted) ? .before : .behind
    }
}
