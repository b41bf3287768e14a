/// One pass over the bytes of one value that writes its canonical form. The caller lends both buffers and makes
/// them large enough (`capacity(for:)`), so that writing needs no checks; reading checks every step.
///
/// Members and elements are written where they come; a container whose pieces turn out to be unordered is put in
/// order through `scratch` when it ends. Sorted input, Graph's usual case, is copied once and never moved.
struct CanonicalPass {
    var reader: JSONReader
    let output: UnsafeMutablePointer<UInt8>
    let scratch: UnsafeMutablePointer<UInt8>
    var length = 0
    /// The pieces of all containers that are open, outermost first.
    var pieces: [OrderedPiece] = []
    /// Names that are not kept, of all objects that are open: they must not repeat either.
    var dropped: [OrderedPiece] = []
    let names: CanonicalNames
    let ordersArrays: Bool
    /// Whether a GUID id and the object's own type stay: both do in an element of a sub-collection.
    let keepsID: Bool
    let keepsType: Bool
    let dropsNulls: Bool
    var item = TopLevel()

    /// What the names of the top level said.
    struct TopLevel {
        var key: ObjectKey?
        var otherID: String?
        var odataType: String?
        var removed: RemovalReason?
        var hasID = false
        var attributeCount = 0
        var captured: [CapturedValue] = []
        /// Names of collections that were cut short.
        var truncated: [String] = []
        var words = SearchWords()
    }

    init(
        _ reader: JSONReader, output: UnsafeMutablePointer<UInt8>, scratch: UnsafeMutablePointer<UInt8>,
        _ rules: CanonicalRules, isChild: Bool
    ) {
        self.reader = reader
        self.output = output
        self.scratch = scratch
        names = rules.names
        ordersArrays = rules.orderedArrays
        keepsID = isChild || rules.idAttribute != "id"
        keepsType = isChild || rules.keepsObjectType
        dropsNulls = rules.dropsNulls && !isChild
    }

    /// Output can outgrow input only by numbers: `1e20,` has five bytes and becomes 22. Words are stored eight bytes
    /// at a time, hence the slack.
    static func capacity(for count: Int) -> Int { 5 * count + 64 }

    // MARK: Values

    /// Writes the value at the cursor. `depth`: containers around it; `annotated`: keeps every `...@odata.type`.
    mutating func writeValue(depth: Int, annotated: Bool) throws(JSONSyntaxError) {
        switch reader.current {
        case 0x22: try writeString()
        case 0x7B: try writeObject(depth: depth, annotated: annotated)
        case 0x5B: try writeArray(depth: depth, annotated: annotated)
        case 0x2D, 0x30...0x39: try writeNumber()
        default:
            let start = reader.position
            try reader.skipLiteral()
            copy(start, reader.position)
        }
    }

    @inline(__always) mutating func put(_ byte: UInt8) {
        output[length] = byte
        length &+= 1
    }

    @inline(__always) mutating func copy(_ start: Int, _ end: Int) {
        (output + length).update(from: reader.base + start, count: end &- start)
        length &+= end &- start
    }

    mutating func writeNumber() throws(JSONSyntaxError) {
        let start = reader.position
        if try reader.skipNumber() {
            if reader.position &- start == 2, reader.base[start] == 0x2D, reader.base[start &+ 1] == 0x30 {
                put(0x30)
            } else {
                copy(start, reader.position)
            }
            return
        }
        guard let text = CanonicalNumber.text(of: reader.text(start..<reader.position, isPlain: true)) else {
            throw JSONSyntaxError(offset: start, what: .numberOutOfRange)
        }
        for byte in text.utf8 { put(byte) }
    }

    mutating func writeArray(depth: Int, annotated: Bool) throws(JSONSyntaxError) {
        let isEmpty = try !reader.enter(depth, closing: 0x5D)
        put(0x5B)
        if isEmpty {
            put(0x5D)
            return
        }
        let start = length
        let first = pieces.count
        var isSorted = true
        repeat {
            let from = length
            try writeValue(depth: depth &+ 1, annotated: annotated)
            if !ordersArrays {
                let piece = element(from, length)
                if isSorted, pieces.count > first, comparePieces(pieces[pieces.count &- 1], piece, in: output) > 0 {
                    isSorted = false
                }
                pieces.append(piece)
            }
            put(0x2C)
        } while try reader.continues(closing: 0x5D)
        output[length &- 1] = 0x5D
        if !isSorted {
            let base = UnsafePointer(output)
            sortTail(of: &pieces, from: first) { comparePieces($0, $1, in: base) < 0 }
            rearrange(from: first, at: start)
        }
        pieces.removeLast(pieces.count &- first)
    }

    private func element(_ start: Int, _ end: Int) -> OrderedPiece {
        OrderedPiece(
            prefix: prefix(of: output, start, count: end &- start), keyStart: start, keyCount: end &- start,
            isPlain: true, start: start, end: end)
    }

    /// Rewrites the pieces from `first` in their present order; the last byte, the closing bracket, stays.
    mutating func rearrange(from first: Int, at start: Int) {
        let count = length &- 1 &- start
        scratch.update(from: output + start, count: count)
        var place = output + start
        for index in first..<pieces.count {
            if index > first {
                place.pointee = 0x2C
                place += 1
            }
            let piece = pieces[index]
            place.update(from: scratch + (piece.start &- start), count: piece.end &- piece.start)
            place += piece.end &- piece.start
        }
    }

    /// The first eight bytes as a big-endian number, shorter texts padded with zeros.
    @inline(__always) func prefix(of base: UnsafePointer<UInt8>, _ start: Int, count: Int) -> UInt64 {
        if count >= 8 {
            return bigEndianWord(base + start)
        }
        var word: UInt64 = 0
        for index in 0..<count { word |= UInt64(base[start &+ index]) << UInt64(56 &- 8 &* index) }
        return word
    }
}
