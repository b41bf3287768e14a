import Foundation

/// The parameters of one statement in one buffer, and the C arrays libpq wants.
///
/// Pointers are made only inside ``withPointers(_:)`` and end with it: libpq copies the values before it returns.
struct ParameterBuffer {
    private var bytes: [UInt8] = []
    private var ranges: [Range<Int>?] = []
    private(set) var types: [UInt32] = []

    private static let keptCapacity = 1 << 18

    /// Gives back a buffer that held a large value. To be called after the statement: a connection at rest would else
    /// keep as much memory as its largest statement took.
    mutating func trim() {
        if bytes.capacity > Self.keptCapacity { bytes = [] }
    }

    mutating func encode(_ parameters: [PostgresValue]) throws(PostgresError) {
        bytes.removeAll(keepingCapacity: true)
        // At once: growing step by step takes up to three times as much memory.
        bytes.reserveCapacity(parameters.reduce(0) { $0 + Self.size(of: $1.storage) })
        ranges.removeAll(keepingCapacity: true)
        types.removeAll(keepingCapacity: true)
        for (index, parameter) in parameters.enumerated() {
            types.append(parameter.type.rawValue)
            let start = bytes.count
            let isNull = try write(parameter.storage, index)
            guard bytes.count - start <= Int32.max else { throw Self.failure(index, "longer than 2 GB") }
            ranges.append(isNull ? nil : start..<bytes.count)
        }
    }

    /// The bytes that a value takes, for long values; about as many for the others.
    private static func size(of storage: PostgresValue.Storage) -> Int {
        switch storage {
        case .bytes(let value): value.count
        case .array(let value): value.byteCount + 20
        case .text(let value), .jsonb(let value): value.utf8.count + 1
        default: 16
        }
    }

    /// Appends the value's bytes and tells whether it is NULL.
    private mutating func write(_ storage: PostgresValue.Storage, _ index: Int) throws(PostgresError) -> Bool {
        switch storage {
        case .null: return true
        case .bool(let value): bytes.append(value ? 1 : 0)
        case .int16(let value): append(value)
        case .int32(let value): append(value)
        case .int64(let value): append(value)
        case .text(let value): bytes.append(contentsOf: value.utf8)
        case .jsonb(let value):
            // The format's version byte.
            bytes.append(1)
            bytes.append(contentsOf: value.utf8)
        case .bytes(let value): bytes.append(contentsOf: value)
        case .uuid(let value): withUnsafeBytes(of: value.uuid) { bytes.append(contentsOf: $0) }
        case .timestamp(let value):
            guard let wire = value.wire else { throw Self.failure(index, "a timestamp out of the server's range") }
            append(wire)
        case .array(let value):
            if let failure = value.fields.failure { throw Self.failure(index, failure) }
            value.write(to: &bytes)
        }
        return false
    }

    private mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    private static func failure(_ index: Int, _ reason: String) -> PostgresError {
        PostgresError(code: .encodingFailed, message: "Parameter $\(index + 1) cannot be sent: \(reason).")
    }

    struct Pointers {
        let count: Int32
        let types: UnsafePointer<UInt32>?
        let values: UnsafePointer<UnsafePointer<CChar>?>?
        let lengths: UnsafePointer<Int32>?
        let formats: UnsafePointer<Int32>?
    }

    func withPointers(_ body: (Pointers) -> Int32) -> Int32 {
        let lengths = ranges.map { Int32(truncatingIfNeeded: $0?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: ranges.count)
        return bytes.withUnsafeBytes { buffer in
            // An empty buffer has no address, but an empty text still needs one, or it would be sent as NULL.
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1) { empty in
                empty.initialize(repeating: 0)
                let values: [UnsafePointer<CChar>?] = ranges.map { range in
                    guard let range else { return nil }
                    return buffer.baseAddress?.advanced(by: range.lowerBound).assumingMemoryBound(to: CChar.self)
                        ?? UnsafePointer(empty.baseAddress)
                }
                return types.withUnsafeBufferPointer { types in
                    values.withUnsafeBufferPointer { values in
                        lengths.withUnsafeBufferPointer { lengths in
                            formats.withUnsafeBufferPointer { formats in
                                body(
                                    Pointers(
                                        count: Int32(truncatingIfNeeded: values.count), types: types.baseAddress,
                                        values: values.baseAddress, lengths: lengths.baseAddress,
                                        formats: formats.baseAddress))
                            }
                        }
                    }
                }
            }
        }
    }
}
