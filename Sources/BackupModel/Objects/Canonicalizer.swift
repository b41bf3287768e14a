/// Turns elements of Graph pages into canonical form (RFC 8785, with integers keeping their digits and arrays sorted
/// as sets), one pass over the bytes each. Keep one per task: it reuses its buffers, whose size is ten times that of
/// the largest item so far.
public struct Canonicalizer: Sendable {
    private var output: [UInt8] = []
    private var scratch: [UInt8] = []
    private var pieces: [OrderedPiece] = []
    private var dropped: [OrderedPiece] = []

    /// With empty buffers.
    public init() {}

    /// The canonical form of the object at `item` of a page, a range from `GraphPage.items`.
    ///
    /// Kept are all names but annotations, what `rules` drop or capture, and an id that is a GUID.
    public mutating func canonicalise(
        _ body: [UInt8], _ item: Range<Int>, _ rules: CanonicalRules
    ) throws(JSONSyntaxError) -> CanonicalItem {
        try JSONReader.lend(body) { (bytes) throws(JSONSyntaxError) in try canonicalise(bytes, item, rules) }
    }

    /// The same on lent bytes.
    public mutating func canonicalise(
        _ body: UnsafeRawBufferPointer, _ item: Range<Int>, _ rules: CanonicalRules
    ) throws(JSONSyntaxError) -> CanonicalItem {
        let (bytes, top) = try run(body, item, rules, isChild: false) { (pass) throws(JSONSyntaxError) in
            try pass.writeTopLevel()
            return pass.item
        }
        var captured = top.captured
        for (place, value) in captured.enumerated() where top.truncated.contains(rules.captured[value.index]) {
            captured[place].isTruncated = true
        }
        return CanonicalItem(
            key: top.key, otherID: top.otherID, odataType: top.odataType, removed: top.removed, attributes: bytes,
            attributeCount: top.attributeCount, captured: captured, words: rules.readsWords ? top.words : nil)
    }

    /// The canonical form of an owned sub-collection: the captured array at `range`, a single object (one element) or
    /// null (none). Each element keeps its id and type; `rules` drop names of the elements; the elements are a set
    /// unless the rules order arrays.
    public mutating func canonicalChildren(
        _ body: [UInt8], _ range: Range<Int>, _ rules: CanonicalRules
    ) throws(JSONSyntaxError) -> CanonicalChildren {
        try JSONReader.lend(body) { (bytes) throws(JSONSyntaxError) in
            let items = try JSONReader.read(bytes, range) { (reader) throws(JSONSyntaxError) in
                try reader.elements()
            }
            return Self.join(try canonicalElements(bytes, items, rules), rules)
        }
    }

    /// The same for a sub-collection that was listed by itself: the ranges of its elements (`GraphPage.items`).
    public mutating func canonicalChildren(
        _ body: [UInt8], _ items: [Range<Int>], _ rules: CanonicalRules
    ) throws(JSONSyntaxError) -> CanonicalChildren {
        try JSONReader.lend(body) { (bytes) throws(JSONSyntaxError) in
            Self.join(try canonicalElements(bytes, items, rules), rules)
        }
    }

    private mutating func canonicalElements(
        _ body: UnsafeRawBufferPointer, _ items: [Range<Int>], _ rules: CanonicalRules
    ) throws(JSONSyntaxError) -> [[UInt8]] {
        var elements: [[UInt8]] = []
        elements.reserveCapacity(items.count)
        for item in items {
            let (bytes, _) = try run(body, item, rules, isChild: true) { (pass) throws(JSONSyntaxError) in
                try pass.writeTopLevel()
            }
            elements.append(bytes)
        }
        return elements
    }

    private static func join(_ elements: [[UInt8]], _ rules: CanonicalRules) -> CanonicalChildren {
        let ordered = rules.orderedArrays ? elements : elements.sorted { $0.lexicographicallyPrecedes($1) }
        var bytes: [UInt8] = [0x5B]
        bytes.reserveCapacity(ordered.reduce(2) { $0 + $1.count + 1 })
        for (index, element) in ordered.enumerated() {
            if index > 0 { bytes.append(0x2C) }
            bytes.append(contentsOf: element)
        }
        bytes.append(0x5D)
        return CanonicalChildren(bytes: bytes, count: ordered.count)
    }

    /// Lends the buffers to one pass over `range`, which must hold one value and white space.
    private mutating func run<Result>(
        _ body: UnsafeRawBufferPointer, _ range: Range<Int>, _ rules: CanonicalRules, isChild: Bool,
        _ work: (inout CanonicalPass) throws(JSONSyntaxError) -> Result
    ) throws(JSONSyntaxError) -> ([UInt8], Result) {
        try JSONReader.read(body, range) { (reader) throws(JSONSyntaxError) in
            reserve(CanonicalPass.capacity(for: range.count))
            return try output.withUnsafeMutableBufferPointer { (output) throws(JSONSyntaxError) in
                try scratch.withUnsafeMutableBufferPointer { (scratch) throws(JSONSyntaxError) in
                    guard let out = output.baseAddress, let spare = scratch.baseAddress else {
                        throw reader.failure(.unexpectedEnd)
                    }
                    var pass = CanonicalPass(reader, output: out, scratch: spare, rules, isChild: isChild)
                    swap(&pass.pieces, &pieces)
                    swap(&pass.dropped, &dropped)
                    defer {
                        swap(&pass.pieces, &pieces)
                        swap(&pass.dropped, &dropped)
                        pieces.removeAll(keepingCapacity: true)
                        dropped.removeAll(keepingCapacity: true)
                    }
                    let result = try work(&pass)
                    try pass.reader.expectEnd()
                    return (Array(UnsafeBufferPointer(start: out, count: pass.length)), result)
                }
            }
        }
    }

    private mutating func reserve(_ count: Int) {
        guard output.count < count else { return }
        output = [UInt8](repeating: 0, count: count)
        scratch = [UInt8](repeating: 0, count: count)
    }
}
