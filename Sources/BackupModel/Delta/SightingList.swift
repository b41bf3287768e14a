/// The sightings of one page, packed: what a differ leaves on the page's row for the persister (D4).
///
/// A record is one byte of kind, the object's 16 bytes, then by kind: 32 bytes of digest, 16 of target, 2 of
/// relationship (little endian), 1 of reason. Order is the page's order and counts: the last sighting wins.
public struct SightingList: Sendable, Hashable {
    /// The packed records.
    public private(set) var bytes: [UInt8]
    /// Records, not objects: one object may have many.
    public private(set) var count: Int

    /// No sightings, as of a page without items.
    public init() {
        bytes = []
        count = 0
    }

    /// Reads a packed list.
    /// - Throws: ``PackedDataError`` when the bytes are not whole records.
    public init(packed: [UInt8]) throws(PackedDataError) {
        bytes = packed
        count = try Self.check(packed)
    }

    /// Adds it behind all others, so that it wins over them. Costs 18 to 51 bytes, by kind.
    public mutating func append(_ sighting: Sighting) {
        count += 1
        switch sighting {
        case .attributes(let object, let digest):
            begin(1, object)
            digest.append(to: &bytes)
        case .removed(let object, let reason):
            begin(2, object)
            bytes.append(reason.rawValue)
        case .facet(let object, let facet, let digest):
            begin(3, object)
            append(facet)
            digest.append(to: &bytes)
        case .noFacet(let object, let facet):
            begin(4, object)
            append(facet)
        case .link(let object, let relationship, let target):
            begin(5, object)
            append(relationship)
            target.append(to: &bytes)
        case .unlinked(let object, let relationship, let target):
            begin(6, object)
            append(relationship)
            target.append(to: &bytes)
        case .linksRead(let object, let relationship):
            begin(7, object)
            append(relationship)
        }
    }

    private mutating func begin(_ kind: UInt8, _ object: ObjectKey) {
        bytes.append(kind)
        object.append(to: &bytes)
    }

    private mutating func append(_ number: UInt16) {
        bytes.append(UInt8(truncatingIfNeeded: number))
        bytes.append(UInt8(truncatingIfNeeded: number >> 8))
    }

    /// Calls `body` with each sighting, in order. Cost: linear, no allocation.
    public func forEach(_ body: (Sighting) -> Void) {
        bytes.withUnsafeBytes { raw in
            var position = 0
            while position < raw.count, let tail = Self.tail(of: raw[position]) {
                if let found = Self.record(raw, position) { body(found) }
                position += 17 + tail
            }
        }
    }

    /// The same for the sightings of objects in a range alone; the others cost a comparison each. `body` also gets
    /// whether the sighting begins a run.
    public func forEach(in range: ClosedRange<ObjectKey>, _ body: (Sighting, _ beginsRun: Bool) -> Void) {
        bytes.withUnsafeBytes { raw in
            var position = 0
            var last: ObjectKey?
            while position < raw.count, let tail = Self.tail(of: raw[position]) {
                let object = ObjectKey(loading: raw, at: position + 1)
                if range.contains(object), let found = Self.record(raw, position) { body(found, object != last) }
                last = object
                position += 17 + tail
            }
        }
    }

    /// Calls `body` with the packed records of each run: those that tell of the same object, one after the other.
    public func forEachRun(_ body: (UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeBytes { raw in
            var position = 0
            var start = 0
            var last: ObjectKey?
            while position < raw.count, let tail = Self.tail(of: raw[position]) {
                let object = ObjectKey(loading: raw, at: position + 1)
                if let last, object != last {
                    body(UnsafeRawBufferPointer(rebasing: raw[start..<position]))
                    start = position
                }
                last = object
                position += 17 + tail
            }
            if position > start { body(UnsafeRawBufferPointer(rebasing: raw[start..<position])) }
        }
    }

    /// The sizes of what follows the object, by kind.
    private static func tail(of kind: UInt8) -> Int? {
        switch kind {
        case 1: 32
        case 2: 1
        case 3: 34
        case 4, 7: 2
        case 5, 6: 18
        default: nil
        }
    }

    /// Counts the records, all of which have to be whole: reading them cannot fail afterwards.
    private static func check(_ bytes: [UInt8]) throws(PackedDataError) -> Int {
        var position = 0
        var records = 0
        while position < bytes.count {
            guard let tail = tail(of: bytes[position]), position + 17 + tail <= bytes.count,
                bytes[position] != 2 || EndReason(rawValue: bytes[position + 17]) != nil
            else { throw PackedDataError(what: "sighting list", offset: position) }
            records += 1
            position += 17 + tail
        }
        return records
    }

    private static func record(_ raw: UnsafeRawBufferPointer, _ position: Int) -> Sighting? {
        let object = ObjectKey(loading: raw, at: position + 1)
        let at = position + 17
        func number() -> UInt16 { UInt16(raw[at]) | UInt16(raw[at + 1]) << 8 }
        switch raw[position] {
        case 1: return .attributes(object, Digest(loading: raw, at: at))
        case 2: return EndReason(rawValue: raw[at]).map { .removed(object, $0) }
        case 3: return .facet(object, number(), Digest(loading: raw, at: at + 2))
        case 4: return .noFacet(object, number())
        case 5: return .link(object, number(), target: ObjectKey(loading: raw, at: at + 2))
        case 6: return .unlinked(object, number(), target: ObjectKey(loading: raw, at: at + 2))
        default: return .linksRead(object, number())
        }
    }
}

/// Bytes that this system packed came back different.
public struct PackedDataError: Error, Sendable, Hashable {
    /// What was read: `page` or `sighting list`.
    public var what: String
    /// Bytes from the start to the record that is not whole or of no known kind.
    public var offset: Int

    /// Holds nothing of the bytes themselves: they may be directory content.
    public init(what: String, offset: Int) {
        self.what = what
        self.offset = offset
    }
}
