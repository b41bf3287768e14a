/// The few shapes that Graph uses around objects.
extension JSONReader {
    /// The place of a name's characters, escapes as they stand.
    struct RawName {
        let range: Range<Int>
        let isPlain: Bool
    }

    /// Reads a name and its colon.
    mutating func readRawName() throws(JSONSyntaxError) -> RawName {
        try expect(0x22)
        let start = position
        let isPlain = try skipString()
        let name = RawName(range: start..<position - 1, isPlain: isPlain)
        skipSpace()
        try expect(0x3A)
        skipSpace()
        return name
    }

    /// Whether a name is the ASCII text `text`, however it is written.
    func matches(_ name: RawName, _ text: StaticString) -> Bool {
        let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard name.isPlain else { return unescaped(name.range).elementsEqual(wanted) }
        return wanted.elementsEqual(UnsafeBufferPointer(start: base + name.range.lowerBound, count: name.range.count))
    }

    /// Reads an id: a key when it is a GUID, its text when it is not.
    mutating func readID() throws(JSONSyntaxError) -> (key: ObjectKey?, otherID: String?) {
        guard current == 0x22 else { throw failure(.notAString) }
        position += 1
        let start = position
        let isPlain = try skipString()
        let range = start..<position - 1
        if isPlain, let key = ObjectKey(UnsafeBufferPointer(start: base + start, count: range.count)) {
            return (key, nil)
        }
        return (nil, text(range, isPlain: isPlain))
    }

    mutating func skipNull() throws(JSONSyntaxError) {
        guard current == 0x6E else { throw failure(.notAnObject) }
        try skipLiteral()
    }

    /// The places of an array's elements; an object is one, null is none. The text must end there.
    mutating func elements() throws(JSONSyntaxError) -> [Range<Int>] {
        skipSpace()
        var found: [Range<Int>] = []
        switch current {
        case 0x5B: try readElements(depth: 0) { found.append($0) }
        case 0x7B:
            let start = position
            try skipValue(depth: 0)
            found.append(start..<position)
        default: try skipNull()
        }
        try expectEnd()
        return found
    }

    /// Passes over the array at the cursor and gives the place of each element.
    mutating func readElements(depth: Int, _ give: (Range<Int>) -> Void) throws(JSONSyntaxError) {
        guard try enter(depth, closing: 0x5D) else { return }
        repeat {
            let start = position
            try skipValue(depth: depth + 1)
            give(start..<position)
        } while try continues(closing: 0x5D)
    }

    /// The reason in the value of `@removed`; the cursor stands on it.
    mutating func readRemoval() throws(JSONSyntaxError) -> RemovalReason {
        guard current == 0x7B else { throw failure(.notAnObject) }
        var reason = RemovalReason.changed
        guard try enter(1, closing: 0x7D) else { return reason }
        repeat {
            let name = try readRawName()
            if matches(name, "reason"), current == 0x22 {
                reason = RemovalReason(rawValue: try readString()) ?? .changed
            } else {
                try skipValue(depth: 2)
            }
        } while try continues(closing: 0x7D)
        return reason
    }
}
