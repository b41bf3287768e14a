// Keys and digests as they stand in packed data: big-endian bytes, read and written without allocation.

extension ObjectKey {
    /// All bytes zero; no GUID of Entra.
    public static let zero = ObjectKey(high: 0, low: 0)

    /// The 16 bytes at `offset`, which must lie within `raw`.
    public init(loading raw: UnsafeRawBufferPointer, at offset: Int) {
        self.init(
            high: UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)),
            low: UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)))
    }

    /// Appends the 16 bytes.
    public func append(to bytes: inout [UInt8]) {
        withBytes { bytes.append(contentsOf: $0) }
    }

    /// Lends the 16 bytes.
    @inline(__always) public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { body($0) }
    }
}

extension Digest {
    /// The 32 bytes at `offset`, which must lie within `raw`.
    public init(loading raw: UnsafeRawBufferPointer, at offset: Int) {
        self.init(
            first: ObjectKey(loading: raw, at: offset), second: ObjectKey(loading: raw, at: offset + 16))
    }

    init(first: ObjectKey, second: ObjectKey) {
        self.first = first
        self.second = second
    }

    /// Appends the 32 bytes.
    public func append(to bytes: inout [UInt8]) {
        first.append(to: &bytes)
        second.append(to: &bytes)
    }

    /// Lends the 32 bytes.
    @inline(__always) public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: (first.high.bigEndian, first.low.bigEndian, second.high.bigEndian, second.low.bigEndian)) {
            body($0)
        }
    }
}
