public import Foundation

/// A Swift type that a result's value can be read as. Conforming types: `Bool`, `Int16`, `Int32`, `Int64`, `Double`,
/// `String`, `UUID`, `PostgresTimestamp`, `[UInt8]` (bytea), arrays of these, and optionals of all (NULL).
public protocol PostgresDecodable {
    /// Whether a value of this server type can be read as this Swift type without loss.
    static func accepts(_ type: PostgresType) -> Bool
    /// Reads the value's binary form; `nil` when the bytes are none.
    static func decode(_ bytes: UnsafeRawBufferPointer, _ type: PostgresType) -> Self?
    /// What NULL becomes; `nil` when NULL is an error.
    static var null: Self? { get }
    /// Whether an array of this server type can be read.
    static func acceptsArray(_ type: PostgresType) -> Bool
    /// Reads an array's binary form.
    static func decodeArray(_ bytes: UnsafeRawBufferPointer, _ type: PostgresType) -> [Self]?
}

extension PostgresDecodable {
    /// NULL is an error.
    public static var null: Self? { nil }

    /// An array whose elements are accepted.
    public static func acceptsArray(_ type: PostgresType) -> Bool { type.element.map { accepts($0) } ?? false }

    /// An array, element by element.
    public static func decodeArray(_ bytes: UnsafeRawBufferPointer, _ type: PostgresType) -> [Self]? {
        guard var reader = BinaryArrayReader(bytes) else { return nil }
        var values: [Self] = []
        values.reserveCapacity(reader.count)
        let element = reader.elementType
        guard accepts(element) || reader.count == 0 else { return nil }
        for _ in 0..<reader.count {
            guard let field = reader.next() else { return nil }
            guard let value = field.map({ decode($0, element) }) ?? null else { return nil }
            values.append(value)
        }
        return reader.isAtEnd ? values : nil
    }
}

/// Reads the binary form of a one-dimensional array. Every length is checked: the bytes come from a network.
struct BinaryArrayReader {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0
    let count: Int
    let elementType: PostgresType

    init?(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        guard let dimensions = bytes.integer(Int32.self, at: 0), (0...1).contains(dimensions),
            let element = bytes.integer(UInt32.self, at: 8)
        else { return nil }
        elementType = PostgresType(rawValue: element)
        if dimensions == 0 {
            count = 0
            offset = 12
            return
        }
        // Each element has a length of 4 bytes at least: a greater count is a lie, and must not size an allocation.
        guard let length = bytes.integer(Int32.self, at: 12), length >= 0, Int(length) <= (bytes.count - 20) / 4 else {
            return nil
        }
        count = Int(length)
        offset = 20
    }

    var isAtEnd: Bool { offset == bytes.count }

    /// The next element: `nil` = malformed, `.some(nil)` = NULL.
    mutating func next() -> UnsafeRawBufferPointer?? {
        guard let length = bytes.integer(Int32.self, at: offset), length >= -1 else { return nil }
        offset += 4
        if length == -1 { return .some(nil) }
        guard Int(length) <= bytes.count - offset else { return nil }
        defer { offset += Int(length) }
        return .some(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + Int(length)]))
    }
}

extension UnsafeRawBufferPointer {
    func integer<Value: FixedWidthInteger & BitwiseCopyable>(_: Value.Type, at offset: Int) -> Value? {
        guard offset >= 0, count - offset >= MemoryLayout<Value>.size else { return nil }
        return Value(bigEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    func wholeInteger<Value: FixedWidthInteger & BitwiseCopyable>(_: Value.Type) -> Value? {
        count == MemoryLayout<Value>.size ? integer(Value.self, at: 0) : nil
    }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    /// What the wrapped type accepts.
    public static func accepts(_ type: PostgresType) -> Bool { Wrapped.accepts(type) }
    /// The wrapped type's value.
    public static func decode(_ bytes: UnsafeRawBufferPointer, _ type: PostgresType) -> Wrapped?? {
        Wrapped.decode(bytes, type).map { .some($0) }
    }
    /// NULL is `nil`.
    public static var null: Wrapped?? { .some(nil) }
    /// What the wrapped type accepts; an array of optionals is an array whose elements may be NULL.
    public static func acceptsArray(_ type: PostgresType) -> Bool { Wrapped.acceptsArray(type) }
}

extension Array: PostgresDecodable where Element: PostgresDecodable {
    /// An array whose elements are accepted.
    public static func accepts(_ type: PostgresType) -> Bool { Element.acceptsArray(type) }
    /// An array, element by element.
    public static func decode(_ bytes: UnsafeRawBufferPointer, _ type: PostgresType) -> [Element]? {
        Element.decodeArray(bytes, type)
    }
    /// Arrays of arrays are read of `bytea[]` alone.
    public static func acceptsArray(_ type: PostgresType) -> Bool {
        Element.self == UInt8.self && type.element == .bytea
    }
}

extension UInt8: PostgresDecodable {
    /// Nothing: a byte alone is no value. The conformance makes `[UInt8]` the reading of `bytea`.
    public static func accepts(_ type: PostgresType) -> Bool { false }
    /// Nothing; see ``accepts(_:)``.
    public static func decode(_ bytes: UnsafeRawBufferPointer, _ type: PostgresType) -> UInt8? { nil }
    /// `bytea`.
    public static func acceptsArray(_ type: PostgresType) -> Bool { type == .bytea }
    /// The bytes.
    public static func decodeArray(_ bytes: UnsafeRawBufferPointer, _ type: PostgresType) -> [UInt8]? { [UInt8](bytes) }
}

extension Bool: PostgresDecodable {
    /// `boolean`
    public static func accepts(_ type: PostgresType) -> Bool { type == .bool }
    /// One byte, 0 or 1.
    public static func decode(_ bytes: UnsafeRawBufferPointer, _ type: PostgresType) -> Bool? {
        bytes.wholeInteger(UInt8.self).flatMap { $0 > 1 ? nil : $0 == 1 }
    }
}

extension Int16: PostgresDecodable {
    /// `smallint`
    public static func accepts(_ type: PostgresType) -> Bool { type == .int16 }
    /// Two bytes.
    public static func decode(_ bytes: UnsafeRawBufferPointer, _ type: PostgresType) -> Int16? {
        bytes.wholeInteger(Int16.self)
    }
}

extension Int32: PostgresDecodable {
    /// `integer`, `smallint`
    public static func accepts(_ type: PostgresType) -> Bool { type == .int32 || type == .int16 }
    /// Four or two bytes.
    public static func decode(_ bytes: UnsafeRawBufferPointer, _ type: PostgresType) -> Int32? {
        type == .int16 ? bytes.wholeInteger(Int16.self).map { Int32($0) } : bytes.wholeInteger(Int32.self)
    }
}

extension Int64: PostgresDecodable {
    /// `bigint`, `integer`, `smallint`
    public static func accepts(_ type: PostgresType) -> Bool { type == .int64 || type == .int32 || type == .int16 }
    /// Eight, four or two bytes.
    public static func decode(_ bytes: UnsafeRawBufferPointer, _ type: PostgresType) -> Int64? {
        switch type {
        case .int16: bytes.wholeInteger(Int16.self).map { Int64($0) }
        case .int32: bytes.wholeInteger(Int32.self).map { Int64($0) }
        default: bytes.wholeInteger(Int64.self)
        }
    }
}

extension Double: PostgresDecodable {
    /// `double precision`, `real`
    public static func accepts(_ type: PostgresType) -> Bool { type == .double || type == .float }
    /// Eight or four bytes.
    public static func decode(_ bytes: UnsafeRawBufferPointer, _ type: PostgresType) -> Double? {
        type == .float
            ? bytes.wholeInteger(UInt32.self).map { Double(Float(bitPattern: $0)) }
            : bytes.wholeInteger(UInt64.self).map { Double(bitPattern: $0) }
    }
}

extension String: PostgresDecodable {
    /// The character types, `name`, `json`, `jsonb` and `xml`. Cast enumerations to `text` in the statement.
    public static func accepts(_ type: PostgresType) -> Bool {
        switch type {
        case .text, .varchar, .bpchar, .name, .unknown, .json, .jsonb, .xml: true
        default: false
        }
    }
    /// UTF-8; anything else is no text.
    public static func decode(_ bytes: UnsafeRawBufferPointer, _ type: PostgresType) -> String? {
        guard type == .jsonb else { return String(validating: bytes, as: UTF8.self) }
        guard bytes.first == 1 else { return nil }
        return String(validating: bytes.dropFirst(), as: UTF8.self)
    }
}

extension UUID: PostgresDecodable {
    /// `uuid`
    public static func accepts(_ type: PostgresType) -> Bool { type == .uuid }
    /// Sixteen bytes.
    public static func decode(_ bytes: UnsafeRawBufferPointer, _ type: PostgresType) -> UUID? {
        bytes.count == 16 ? UUID(uuid: bytes.loadUnaligned(as: uuid_t.self)) : nil
    }
}

extension PostgresTimestamp: PostgresDecodable {
    /// `timestamptz`
    public static func accepts(_ type: PostgresType) -> Bool { type == .timestamptz }
    /// Eight bytes.
    public static func decode(_ bytes: UnsafeRawBufferPointer, _ type: PostgresType) -> PostgresTimestamp? {
        bytes.wholeInteger(Int64.self).flatMap { PostgresTimestamp(wire: $0) }
    }
}
