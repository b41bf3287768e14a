public import Foundation

/// A one-dimensional array parameter, built element by element in the server's binary form.
///
/// Made for `INSERT … SELECT … FROM unnest($1::uuid[], $2::bytea[])` with a thousand rows a statement: each append
/// writes into one buffer and allocates nothing once the capacity is reserved. An element of another type than the
/// array's, or one that cannot be written, makes the statement that uses the array fail with `encodingFailed`.
/// Format: `array_recv` in the server; <https://www.postgresql.org/docs/15/arrays.html>.
public struct PostgresArray: Sendable {
    /// The type of the elements.
    public let elementType: PostgresType
    var fields = BinaryFields()

    /// Creates an empty array. `capacity` is a number of elements, `elementSize` their expected bytes (16 for `uuid`,
    /// guessed when nil); both only save reallocations.
    public init(_ elementType: PostgresType, capacity: Int = 0, elementSize: Int? = nil) {
        self.elementType = elementType
        fields.bytes.reserveCapacity(capacity * (4 + (elementSize ?? Self.typicalSize(elementType))))
        if elementType.array == nil { fields.fail("no array type is known for \(elementType)") }
    }

    private static func typicalSize(_ type: PostgresType) -> Int {
        switch type {
        case .bool: 1
        case .int16: 2
        case .int32: 4
        case .int64, .double, .timestamptz: 8
        case .uuid: 16
        default: 32
        }
    }

    /// The number of elements.
    public var count: Int { fields.count }
    /// The elements' size in bytes, lengths included.
    public var byteCount: Int { fields.bytes.count }

    /// Removes the elements and keeps the memory, for the next statement.
    public mutating func removeAll() {
        fields.bytes.removeAll(keepingCapacity: true)
        fields = BinaryFields(bytes: fields.bytes)
    }

    /// Appends NULL.
    public mutating func appendNull() { fields.appendNull() }

    /// Appends a `smallint`, or NULL.
    public mutating func append(int16 value: Int16?) {
        if let value { check(.int16) { $0.append(integer: value) } } else { appendNull() }
    }

    /// Appends an `integer`, or NULL.
    public mutating func append(int32 value: Int32?) {
        if let value { check(.int32) { $0.append(integer: value) } } else { appendNull() }
    }

    /// Appends a `bigint`, or NULL.
    public mutating func append(int64 value: Int64?) {
        if let value { check(.int64) { $0.append(integer: value) } } else { appendNull() }
    }

    /// Appends a `boolean`, or NULL.
    public mutating func append(bool value: Bool?) {
        if let value { check(.bool) { $0.append(bool: value) } } else { appendNull() }
    }

    /// Appends a `double precision`, or NULL.
    public mutating func append(double value: Double?) {
        if let value { check(.double) { $0.append(double: value) } } else { appendNull() }
    }

    /// Appends a text (arrays of `text`, `json` or `jsonb`), or NULL.
    public mutating func append(text value: String?) {
        guard let value else { return appendNull() }
        switch elementType {
        case .text, .json, .varchar: fields.append(text: value)
        case .jsonb: fields.append(text: value, prefix: 1)
        default: mismatch(.text)
        }
    }

    /// Appends a `bytea`, or NULL.
    public mutating func append(bytes value: [UInt8]?) {
        if let value { value.withUnsafeBytes { append(bytes: $0) } } else { appendNull() }
    }

    /// Appends a `bytea` from borrowed memory, copied at once.
    public mutating func append(bytes value: UnsafeRawBufferPointer) {
        check(.bytea) { $0.append(raw: value) }
    }

    /// Appends a `uuid`, or NULL.
    public mutating func append(uuid value: UUID?) {
        if let value { check(.uuid) { $0.append(uuid: value) } } else { appendNull() }
    }

    /// Appends a `uuid` from its 16 bytes in borrowed memory, copied at once.
    public mutating func append(uuidBytes value: UnsafeRawBufferPointer) {
        check(.uuid) { $0.append(uuidBytes: value) }
    }

    /// Appends a `timestamptz`, or NULL.
    public mutating func append(timestamp value: PostgresTimestamp?) {
        if let value { check(.timestamptz) { $0.append(timestamp: value) } } else { appendNull() }
    }

    /// Appends a `timestamptz` by its microseconds since 1970.
    public mutating func append(microsecondsSince1970 value: Int64) {
        append(timestamp: PostgresTimestamp(microsecondsSince1970: value))
    }

    @inline(__always)
    private mutating func check(_ type: PostgresType, _ append: (inout BinaryFields) -> Void) {
        if type.rawValue == elementType.rawValue { append(&fields) } else { mismatch(type) }
    }

    private mutating func mismatch(_ type: PostgresType) {
        fields.fail("an element of \(type) was appended to an array of \(elementType)")
    }

    /// Writes the array as a parameter's value: dimensions, NULL flag, element type, length, lower bound, elements.
    func write(to bytes: inout [UInt8]) {
        func append(_ value: Int32) { withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) } }
        append(count == 0 ? 0 : 1)
        append(fields.nullCount == 0 ? 0 : 1)
        append(Int32(bitPattern: elementType.rawValue))
        if count == 0 { return }
        append(Int32(truncatingIfNeeded: count))
        append(1)
        bytes.append(contentsOf: fields.bytes)
    }
}
