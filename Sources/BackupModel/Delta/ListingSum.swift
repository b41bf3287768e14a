/// What a complete listing says, in 32 bytes: the sum of the keyed digests of its runs, modulo 2^256. A **run** is what
/// a page tells of one object in a row (``SightingList/forEachRun(_:)``).
///
/// A sum does not depend on the order of the pages, nor on which page an object is on. The digests are HMACs under the
/// tenant's key, so two listings have the same sum when they are of the same runs, each as often in both, and by no
/// chance that matters otherwise.
public struct ListingSum: Sendable, Hashable {
    /// Little-endian words of 64 bits.
    private var words: [UInt64]

    /// The sum of nothing.
    public init() { words = [0, 0, 0, 0] }

    /// From 32 stored bytes; nil for any other number of them.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        words = bytes.withUnsafeBytes { raw in
            (0..<4).map { UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)) }
        }
    }

    /// The sum of a page.
    public init(_ page: SightingList, digest: (UnsafeRawBufferPointer) -> Digest) {
        self.init()
        page.forEachRun { add(digest($0)) }
    }

    /// The 32 bytes.
    public var bytes: [UInt8] { words.flatMap { word in withUnsafeBytes(of: word.littleEndian) { Array($0) } } }

    /// Adds one run.
    public mutating func add(_ digest: Digest) {
        digest.withBytes { raw in
            add { UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)) }
        }
    }

    /// Adds all runs of another page.
    public mutating func add(_ other: ListingSum) { add { other.words[$0] } }

    private mutating func add(_ summand: (Int) -> UInt64) {
        var carry = false
        for place in 0..<4 {
            let (first, over) = words[place].addingReportingOverflow(summand(place))
            let (second, overAgain) = first.addingReportingOverflow(carry ? 1 : 0)
            words[place] = second
            carry = over || overAgain
        }
    }
}
