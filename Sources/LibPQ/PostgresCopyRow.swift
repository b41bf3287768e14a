public import Foundation

/// One row of a binary COPY, field by field in the order of the statement's columns. Types must be exactly the
/// columns': COPY converts nothing.
///
/// See <https://www.postgresql.org/docs/15/sql-copy.html>, *Binary Format*.
public struct PostgresCopyRow: Sendable {
    var fields = BinaryFields()
    private var rowStart = 0

    /// Appends NULL.
    public mutating func appendNull() { fields.appendNull() }
    /// Appends a `smallint`, or NULL.
    public mutating func append(int16 value: Int16?) {
        if let value { fields.append(integer: value) } else { appendNull() }
    }
    /// Appends an `integer`, or NULL.
    public mutating func append(int32 value: Int32?) {
        if let value { fields.append(integer: value) } else { appendNull() }
    }
    /// Appends a `bigint`, or NULL.
    public mutating func append(int64 value: Int64?) {
        if let value { fields.append(integer: value) } else { appendNull() }
    }
    /// Appends a `boolean`, or NULL.
    public mutating func append(bool value: Bool?) {
        if let value { fields.append(bool: value) } else { appendNull() }
    }
    /// Appends a `double precision`, or NULL.
    public mutating func append(double value: Double?) {
        if let value { fields.append(double: value) } else { appendNull() }
    }
    /// Appends a `text`, `varchar` or `json`, or NULL. Its length on the wire is that of its UTF-8 bytes.
    public mutating func append(text value: String?) {
        if let value { fields.append(text: value) } else { appendNull() }
    }
    /// Appends a `jsonb`, as its text, or NULL.
    public mutating func append(jsonb value: String?) {
        if let value { fields.append(text: value, prefix: 1) } else { appendNull() }
    }
    /// Appends a `bytea`, or NULL.
    public mutating func append(bytes value: [UInt8]?) {
        if let value { value.withUnsafeBytes { fields.append(raw: $0) } } else { appendNull() }
    }
    /// Appends a `bytea` from borrowed memory, copied at once.
    public mutating func append(bytes value: UnsafeRawBufferPointer) { fields.append(raw: value) }
    /// Appends a `uuid`, or NULL.
    public mutating func append(uuid value: UUID?) {
        if let value { fields.append(uuid: value) } else { appendNull() }
    }
    /// Appends a `uuid` from its 16 bytes in borrowed memory, copied at once.
    public mutating func append(uuidBytes value: UnsafeRawBufferPointer) { fields.append(uuidBytes: value) }
    /// Appends a `timestamptz`, or NULL.
    public mutating func append(timestamp value: PostgresTimestamp?) {
        if let value { fields.append(timestamp: value) } else { appendNull() }
    }
    /// Appends an array.
    public mutating func append(array value: PostgresArray) {
        if let failure = value.fields.failure { return fields.fail(failure) }
        let length = value.count == 0 ? 12 : 20 + value.byteCount
        guard length <= Int32.max else { return fields.fail("an array is longer than 2 GB") }
        fields.appendInteger(Int32(truncatingIfNeeded: length))
        fields.count += 1
        value.write(to: &fields.bytes)
    }

    /// The format's signature, flags and empty extension.
    static let header: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0] + [UInt8](repeating: 0, count: 8)
    /// The format's end: a row of -1 fields.
    static let trailer: [UInt8] = [0xFF, 0xFF]

    mutating func beginRow(columns: Int) {
        rowStart = fields.count
        fields.appendInteger(Int16(truncatingIfNeeded: columns))
    }

    /// Checks the row that was just appended.
    func endRow(columns: Int, row: Int) throws(PostgresError) {
        if let failure = fields.failure {
            throw PostgresError(code: .encodingFailed, message: "Row \(row) cannot be sent: \(failure).")
        }
        guard fields.count - rowStart == columns else {
            throw PostgresError(
                code: .encodingFailed,
                message: "Row \(row) has \(fields.count - rowStart) fields; the statement has \(columns) columns.")
        }
    }

    /// Takes the bytes and keeps the memory.
    mutating func removeAll() {
        fields.bytes.removeAll(keepingCapacity: true)
    }
}

/// What a COPY sent.
public struct PostgresCopySummary: Sendable, Equatable {
    /// Rows that the server stored.
    public let rows: Int
    /// Bytes of COPY data.
    public let bytes: Int
}
