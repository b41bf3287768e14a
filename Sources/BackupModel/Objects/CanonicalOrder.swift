/// A stretch of canonical output with the text that orders it: an object's member or an array's element.
struct OrderedPiece {
    /// The first eight bytes of the ordering text, big-endian, padded with zeros.
    let prefix: UInt64
    /// Where the ordering text stands: a member's name in the input, an element in the output.
    let keyStart: Int
    let keyCount: Int
    /// A name without escapes and beyond ASCII nothing: its bytes order as its UTF-16 units do.
    let isPlain: Bool
    /// Where the piece stands in the output.
    let start: Int
    let end: Int
}

/// The order of RFC 8785 section 3.2.3: names by the UTF-16 units of their characters, escapes undone.
struct MemberOrder {
    let reader: JSONReader

    /// -1, 0 or 1.
    @inline(__always) func compare(_ left: OrderedPiece, _ right: OrderedPiece) -> Int {
        guard left.isPlain, right.isPlain else { return compareUnits(left, right) }
        return comparePieces(left, right, in: reader.base)
    }

    private func compareUnits(_ left: OrderedPiece, _ right: OrderedPiece) -> Int {
        let leftUnits = Array(text(left).utf16)
        let rightUnits = Array(text(right).utf16)
        if leftUnits == rightUnits { return 0 }
        return leftUnits.lexicographicallyPrecedes(rightUnits) ? -1 : 1
    }

    private func text(_ piece: OrderedPiece) -> String {
        reader.text(piece.keyStart..<piece.keyStart + piece.keyCount, isPlain: piece.isPlain)
    }
}

/// The order of two pieces by the bytes of their ordering texts: -1, 0 or 1. Eight bytes at a time; the last eight
/// overlap with those before, which were equal.
@inline(__always) func comparePieces(
    _ left: OrderedPiece, _ right: OrderedPiece, in base: UnsafePointer<UInt8>
) -> Int {
    if left.prefix != right.prefix { return left.prefix < right.prefix ? -1 : 1 }
    let common = min(left.keyCount, right.keyCount)
    var index = 8
    while index < common {
        let place = min(index, common &- 8)
        let one = bigEndianWord(base + (left.keyStart &+ place))
        let other = bigEndianWord(base + (right.keyStart &+ place))
        if one != other { return one < other ? -1 : 1 }
        index &+= 8
    }
    return left.keyCount == right.keyCount ? 0 : left.keyCount < right.keyCount ? -1 : 1
}

@inline(__always) func bigEndianWord(_ bytes: UnsafePointer<UInt8>) -> UInt64 {
    UInt64(bigEndian: UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self))
}

/// Sorts `pieces[first...]` in place. Graph's lists are nearly sorted, which insertion does in one go; what turns out
/// to be in no order at all is left to the library.
@inline(__always) func sortTail(
    of pieces: inout [OrderedPiece], from first: Int, _ precedes: (OrderedPiece, OrderedPiece) -> Bool
) {
    pieces.withUnsafeMutableBufferPointer { buffer in
        var moves = 12 * (buffer.count - first)
        var next = first + 1
        while next < buffer.count, moves >= 0 {
            let piece = buffer[next]
            var hole = next
            while hole > first, precedes(piece, buffer[hole - 1]) {
                buffer[hole] = buffer[hole - 1]
                hole -= 1
            }
            buffer[hole] = piece
            moves -= next - hole
            next += 1
        }
        if next < buffer.count {
            var tail = UnsafeMutableBufferPointer(rebasing: buffer[first...])
            tail.sort(by: precedes)
        }
    }
}
