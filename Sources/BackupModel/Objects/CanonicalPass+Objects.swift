/// Objects: which names are kept, and in which order.
extension CanonicalPass {
    /// A name as it stands in the input.
    struct Name {
        let start: Int
        let end: Int
        let isPlain: Bool
        let hasAt: Bool
    }

    /// Writes an object below the top level: all but annotations.
    mutating func writeObject(depth: Int, annotated: Bool) throws(JSONSyntaxError) {
        let isEmpty = try !reader.enter(depth, closing: 0x7D)
        put(0x7B)
        if isEmpty {
            put(0x7D)
            return
        }
        var frame = Frame(start: length, first: pieces.count, firstDropped: dropped.count)
        repeat {
            let name = try readName()
            if name.hasAt, !keepsAnnotated(name, annotated) {
                dropped.append(piece(name, length, length))
                try reader.skipValue(depth: depth &+ 1)
            } else {
                try writeMember(name, &frame, depth: depth, annotated: annotated)
            }
        } while try reader.continues(closing: 0x7D)
        try close(frame)
    }

    /// Writes the top-level object: annotations, dropped and captured names out, and what they say into `item`.
    mutating func writeTopLevel() throws(JSONSyntaxError) {
        reader.skipSpace()
        guard reader.current == 0x7B else { throw reader.failure(.notAnObject) }
        let isEmpty = try !reader.enter(0, closing: 0x7D)
        put(0x7B)
        if isEmpty {
            put(0x7D)
            return
        }
        var frame = Frame(start: length, first: pieces.count, firstDropped: dropped.count)
        repeat {
            let name = try readName()
            let action = action(of: name)
            if dropsNulls, reader.current == 0x6E, try keeps(name, action) {
                dropped.append(piece(name, length, length))
                try reader.skipValue(depth: 1)
                item.attributeCount &+= 1
            } else if try keeps(name, action) {
                let start = reader.position
                try writeMember(name, &frame, depth: 0, annotated: action == .keepAnnotated)
                if action != .id, action != .objectType { item.attributeCount &+= 1 }
                if case .word(let index) = action { try readWord(index, start) }
            } else {
                dropped.append(piece(name, length, length))
                try skipDropped(name, action)
            }
        } while try reader.continues(closing: 0x7D)
        try close(frame)
    }

    /// An object that is open: where its first member stands, and which pieces are its own.
    struct Frame {
        let start: Int
        let first: Int
        let firstDropped: Int
        var isSorted = true
    }

    @inline(__always) private mutating func writeMember(
        _ name: Name, _ frame: inout Frame, depth: Int, annotated: Bool
    ) throws(JSONSyntaxError) {
        let start = length
        put(0x22)
        writeName(name)
        put(0x3A)
        try writeValue(depth: depth &+ 1, annotated: annotated)
        let piece = piece(name, start, length)
        put(0x2C)
        if frame.isSorted, pieces.count > frame.first {
            frame.isSorted = MemberOrder(reader: reader).compare(pieces[pieces.count &- 1], piece) < 0
        }
        pieces.append(piece)
    }

    @inline(__always) private func piece(_ name: Name, _ start: Int, _ end: Int) -> OrderedPiece {
        OrderedPiece(
            prefix: prefix(of: reader.base, name.start, count: name.end &- name.start), keyStart: name.start,
            keyCount: name.end &- name.start, isPlain: name.isPlain, start: start, end: end)
    }

    /// Ends an object: its bracket, its order, and the check that no name stands in it twice.
    private mutating func close(_ frame: Frame) throws(JSONSyntaxError) {
        if pieces.count == frame.first {
            put(0x7D)
        } else {
            output[length &- 1] = 0x7D
        }
        let order = MemberOrder(reader: reader)
        if !frame.isSorted {
            sortTail(of: &pieces, from: frame.first) { order.compare($0, $1) < 0 }
            try refuseRepeated(pieces, from: frame.first, order)
            rearrange(from: frame.first, at: frame.start)
        }
        pieces.removeLast(pieces.count &- frame.first)
        if dropped.count > frame.firstDropped {
            if dropped.count > frame.firstDropped &+ 1 {
                sortTail(of: &dropped, from: frame.firstDropped) { order.compare($0, $1) < 0 }
                try refuseRepeated(dropped, from: frame.firstDropped, order)
            }
            dropped.removeLast(dropped.count &- frame.firstDropped)
        }
    }

    private func refuseRepeated(
        _ sorted: [OrderedPiece], from first: Int, _ order: MemberOrder
    ) throws(JSONSyntaxError) {
        var index = first &+ 1
        while index < sorted.count {
            if order.compare(sorted[index &- 1], sorted[index]) == 0 {
                throw JSONSyntaxError(offset: sorted[index].keyStart, what: .duplicateKey)
            }
            index &+= 1
        }
    }

    // MARK: Names

    /// Reads a name and its colon.
    @inline(__always) private mutating func readName() throws(JSONSyntaxError) -> Name {
        try reader.expect(0x22)
        let start = reader.position
        let isPlain = try reader.skipString()
        let end = reader.position &- 1
        var hasAt = !isPlain
        var index = start
        while index < end, !hasAt {
            hasAt = reader.base[index] == 0x40
            index &+= 1
        }
        reader.skipSpace()
        try reader.expect(0x3A)
        reader.skipSpace()
        return Name(start: start, end: end, isPlain: isPlain, hasAt: hasAt)
    }

    /// Writes a name and its closing quote.
    @inline(__always) private mutating func writeName(_ name: Name) {
        if name.isPlain {
            copy(name.start, name.end &+ 1)
            return
        }
        for byte in reader.unescaped(name.start..<name.end) { CanonicalString.escape(byte) { put($0) } }
        put(0x22)
    }

    private func bytes(of name: Name) -> [UInt8] {
        name.isPlain
            ? Array(UnsafeBufferPointer(start: reader.base + name.start, count: name.end - name.start))
            : reader.unescaped(name.start..<name.end)
    }

    @inline(__always) private func action(of name: Name) -> CanonicalAction {
        if name.isPlain {
            return names.action(UnsafeBufferPointer(start: reader.base + name.start, count: name.end &- name.start))
        }
        return reader.unescaped(name.start..<name.end).withUnsafeBufferPointer { names.action($0) }
    }

    private func isAnnotation(_ name: Name) -> Bool { ODataName.isAnnotation(bytes(of: name)) }

    /// Below the top level an annotation is kept when it tells a type: `@odata.type` always, `x@odata.type` where
    /// the rules say so.
    private func keepsAnnotated(_ name: Name, _ annotated: Bool) -> Bool {
        let bytes = bytes(of: name)
        guard ODataName.isAnnotation(bytes) else { return true }
        return ODataName.isType(bytes, ofProperty: annotated)
    }

    // MARK: Top level

    /// Whether a top-level name stays; the cursor stands on its value.
    @inline(__always) private mutating func keeps(
        _ name: Name, _ action: CanonicalAction
    ) throws(JSONSyntaxError) -> Bool {
        switch action {
        case .keep: !name.hasAt || !isAnnotation(name)
        case .keepAnnotated, .word: true
        case .id: try isKeptID()
        case .objectType: try isKeptType()
        case .drop, .capture, .removed: false
        }
    }

    /// Whether the id at the cursor stays among the attributes: a GUID does not, the object's key says it.
    private mutating func isKeptID() throws(JSONSyntaxError) -> Bool {
        // One may be kept and the other not, so this name is checked for repetition here.
        guard !item.hasID else { throw reader.failure(.duplicateKey) }
        item.hasID = true
        if reader.current == 0x6E { return keepsID }
        let start = reader.position
        (item.key, item.otherID) = try reader.readID()
        reader.position = start
        return keepsID || item.key == nil
    }

    private mutating func isKeptType() throws(JSONSyntaxError) -> Bool {
        let start = reader.position
        item.odataType = try reader.readString()
        reader.position = start
        return keepsType
    }

    private mutating func readWord(_ index: Int, _ start: Int) throws(JSONSyntaxError) {
        guard reader.base[start] == 0x22 else { return }
        var words = reader
        words.position = start
        let text = try words.readString()
        switch index {
        case 0: item.words.displayName = text
        case 1: item.words.userPrincipalName = text
        default: item.words.mail = text
        }
    }

    private mutating func skipDropped(_ name: Name, _ action: CanonicalAction) throws(JSONSyntaxError) {
        let start = reader.position
        try reader.skipValue(depth: 1)
        switch action {
        case .capture(let index):
            item.captured.append(CapturedValue(index: index, range: start..<reader.position))
        case .removed:
            var value = reader
            value.position = start
            item.removed = try value.readRemoval()
        default:
            if name.hasAt, let owner = ODataName.truncated(bytes(of: name)) { item.truncated.append(owner) }
        }
    }
}
