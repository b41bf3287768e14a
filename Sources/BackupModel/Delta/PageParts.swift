/// What one step of a walk fetched, as stored on a page's row (D2): the body of a listing and, with it, what was read
/// singly of its objects. Bodies are Graph's own bytes.
public struct PageParts: Sendable, Hashable {
    /// One body of Graph, and what was asked for with it.
    public enum Part: Sendable, Hashable {
        /// Body of the main list (relationship 0), of a relationship's own listing, or, for a type with casts, of the
        /// cast whose index follows ``castBase``.
        case list(relationship: UInt16, body: [UInt8])
        /// Body of a single read; several parts of one object and relationship are slices of one answer. An empty body
        /// means that there is none (404 on a single document).
        case object(id: String, relationship: UInt16, slice: UInt16, body: [UInt8])
    }

    /// Relationship numbers from here on mean listings of casts.
    public static let castBase: UInt16 = 0xF000

    /// In the order of reading, which counts: the last sighting of a thing wins. Slices of one answer stand together.
    public var parts: [Part]

    /// Nothing is checked; ``castBase`` and up only for the listings of a type with casts.
    public init(parts: [Part] = []) { self.parts = parts }

    /// Bytes of all bodies.
    public var bodyCount: Int { parts.reduce(0) { $0 + $1.bodyCount } }

    /// Packs the parts: kind, relationship, slice, id length, body length, id, body; numbers little endian.
    public func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(parts.reduce(0) { $0 + 64 + $1.bodyCount })
        for part in parts {
            switch part {
            case .list(let relationship, let body):
                Self.pack(1, relationship, 0, "", body, into: &bytes)
            case .object(let id, let relationship, let slice, let body):
                Self.pack(2, relationship, slice, id, body, into: &bytes)
            }
        }
        return bytes
    }

    private static func pack(
        _ kind: UInt8, _ relationship: UInt16, _ slice: UInt16, _ id: String, _ body: [UInt8], into bytes: inout [UInt8]
    ) {
        bytes.append(kind)
        append(UInt64(relationship), 2, to: &bytes)
        append(UInt64(slice), 2, to: &bytes)
        append(UInt64(id.utf8.count), 4, to: &bytes)
        append(UInt64(body.count), 8, to: &bytes)
        bytes.append(contentsOf: id.utf8)
        bytes.append(contentsOf: body)
    }

    private static func append(_ number: UInt64, _ width: Int, to bytes: inout [UInt8]) {
        for shift in 0..<width { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * UInt64(shift)))) }
    }

    private static func number(_ bytes: [UInt8], _ offset: Int, _ width: Int) -> UInt64 {
        (0..<width).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * UInt64($1)) }
    }

    /// Unpacks ``encoded()``. A page of one listing, as most are, is not copied when it is handed over.
    public init(decoding bytes: consuming [UInt8]) throws(PackedDataError) {
        parts = []
        var position = 0
        while position < bytes.count {
            guard position + 17 <= bytes.count else { throw PackedDataError(what: "page", offset: position) }
            let relationship = UInt16(Self.number(bytes, position + 1, 2))
            let slice = UInt16(Self.number(bytes, position + 3, 2))
            let idCount = Int(Self.number(bytes, position + 5, 4))
            let bodyCount = Self.number(bytes, position + 9, 8)
            let start = position + 17
            guard bodyCount <= UInt64(bytes.count), start + idCount + Int(bodyCount) <= bytes.count else {
                throw PackedDataError(what: "page", offset: position)
            }
            let end = start + idCount + Int(bodyCount)
            let id = String(decoding: bytes[start..<(start + idCount)], as: UTF8.self)
            let kind = bytes[position]
            let body: [UInt8]
            if position == 0, end == bytes.count {
                bytes.removeFirst(start + idCount)
                body = bytes
                bytes = []
            } else {
                body = Array(bytes[(start + idCount)..<end])
            }
            switch kind {
            case 1: parts.append(.list(relationship: relationship, body: body))
            case 2: parts.append(.object(id: id, relationship: relationship, slice: slice, body: body))
            default: throw PackedDataError(what: "page", offset: position)
            }
            position = end
        }
    }
}

extension PageParts.Part {
    var bodyCount: Int {
        switch self {
        case .list(_, let body): body.count
        case .object(_, _, _, let body): body.count
        }
    }
}
