import Foundation

/// Fields in the form that binary arrays, COPY rows and (without the length) parameters share: a 32-bit length, -1 for
/// NULL, then the bytes. Appends into one buffer; nothing is allocated per field.
struct BinaryFields: Sendable {
    var bytes: [UInt8] = []
    var count = 0
    var nullCount = 0
    /// The first field that could not be written, told when the buffer is used: appends then need no `try`.
    private(set) var failure: String?

    mutating func fail(_ message: String) {
        if failure == nil { failure = message }
    }

    @inline(__always)
    mutating func appendInteger(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    @inline(__always)
    private mutating func begin(_ length: Int) {
        appendInteger(Int32(truncatingIfNeeded: length))
        count += 1
    }

    mutating func appendNull() {
        begin(-1)
        nullCount += 1
    }

    mutating func append(integer value: some FixedWidthInteger) {
        begin(MemoryLayout.size(ofValue: value))
        appendInteger(value)
    }

    mutating func append(double: Double) {
        append(integer: double.bitPattern)
    }

    mutating func append(bool: Bool) {
        begin(1)
        bytes.append(bool ? 1 : 0)
    }

    mutating func append(text: String, prefix: UInt8? = nil) {
        let length = text.utf8.count + (prefix == nil ? 0 : 1)
        guard length <= Int32.max else { return fail("a text is longer than 2 GB") }
        begin(length)
        if let prefix { bytes.append(prefix) }
        bytes.append(contentsOf: text.utf8)
    }

    mutating func append(raw: UnsafeRawBufferPointer) {
        guard raw.count <= Int32.max else { return fail("a byte string is longer than 2 GB") }
        begin(raw.count)
        bytes.append(contentsOf: raw)
    }

    mutating func append(uuid: UUID) {
        withUnsafeBytes(of: uuid.uuid) { append(raw: $0) }
    }

    mutating func append(uuidBytes: UnsafeRawBufferPointer) {
        guard uuidBytes.count == 16 else { return fail("a UUID has 16 bytes, not \(uuidBytes.count)") }
        append(raw: uuidBytes)
    }

    mutating func append(timestamp: PostgresTimestamp) {
        guard let wire = timestamp.wire else { return fail("a timestamp is out of the server's range") }
        append(integer: wire)
    }
}
