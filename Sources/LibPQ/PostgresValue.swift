public import Foundation

/// A statement's parameter: a value, or a NULL that knows its type. Sent in binary, never as part of the text.
public struct PostgresValue: Sendable {
    enum Storage: Sendable {
        case null
        case bool(Bool)
        case int16(Int16)
        case int32(Int32)
        case int64(Int64)
        case text(String)
        case jsonb(String)
        case bytes([UInt8])
        case uuid(UUID)
        case timestamp(PostgresTimestamp)
        case array(PostgresArray)
    }

    /// The type told to the server.
    public let type: PostgresType
    let storage: Storage

    private init(_ type: PostgresType, _ storage: Storage?) {
        self.type = type
        self.storage = storage ?? .null
    }

    /// NULL of a type the server infers. A typed NULL (`.text(nil)`) keeps one prepared statement for both cases.
    public static let null = PostgresValue(.inferred, nil)

    /// A `boolean`.
    public static func bool(_ value: Bool?) -> PostgresValue { PostgresValue(.bool, value.map { .bool($0) }) }
    /// A `smallint`.
    public static func int16(_ value: Int16?) -> PostgresValue { PostgresValue(.int16, value.map { .int16($0) }) }
    /// An `integer`.
    public static func int32(_ value: Int32?) -> PostgresValue { PostgresValue(.int32, value.map { .int32($0) }) }
    /// A `bigint`.
    public static func int64(_ value: Int64?) -> PostgresValue { PostgresValue(.int64, value.map { .int64($0) }) }
    /// A `double precision`.
    public static func double(_ value: Double?) -> PostgresValue {
        PostgresValue(.double, value.map { .int64(Int64(bitPattern: $0.bitPattern)) })
    }
    /// A `text`.
    public static func text(_ value: String?) -> PostgresValue { PostgresValue(.text, value.map { .text($0) }) }
    /// A `json`, as its text.
    public static func json(_ value: String?) -> PostgresValue { PostgresValue(.json, value.map { .text($0) }) }
    /// A `jsonb`, as its text.
    public static func jsonb(_ value: String?) -> PostgresValue { PostgresValue(.jsonb, value.map { .jsonb($0) }) }
    /// A `bytea`.
    public static func bytea(_ value: [UInt8]?) -> PostgresValue { PostgresValue(.bytea, value.map { .bytes($0) }) }
    /// A `uuid`.
    public static func uuid(_ value: UUID?) -> PostgresValue { PostgresValue(.uuid, value.map { .uuid($0) }) }
    /// A `timestamptz`.
    public static func timestamptz(_ value: PostgresTimestamp?) -> PostgresValue {
        PostgresValue(.timestamptz, value.map { .timestamp($0) })
    }
    /// A `timestamptz` from a date, rounded to the nearest microsecond.
    public static func timestamptz(date: Date?) -> PostgresValue { timestamptz(date.map { PostgresTimestamp($0) }) }
    /// A `timestamptz` from microseconds since 1970.
    public static func timestamptz(microsecondsSince1970 value: Int64?) -> PostgresValue {
        timestamptz(value.map { PostgresTimestamp(microsecondsSince1970: $0) })
    }
    /// An array.
    public static func array(_ value: PostgresArray) -> PostgresValue {
        PostgresValue(value.elementType.array ?? .inferred, .array(value))
    }
    /// A `smallint[]`.
    public static func int16Array(_ values: [Int16]) -> PostgresValue {
        array(.int16, values) { $0.append(int16: $1) }
    }
    /// An `integer[]`.
    public static func int32Array(_ values: [Int32]) -> PostgresValue {
        array(.int32, values) { $0.append(int32: $1) }
    }
    /// A `bigint[]`.
    public static func int64Array(_ values: [Int64]) -> PostgresValue {
        array(.int64, values) { $0.append(int64: $1) }
    }
    /// A `text[]`.
    public static func textArray(_ values: [String]) -> PostgresValue {
        array(.text, values) { $0.append(text: $1) }
    }
    /// A `uuid[]`.
    public static func uuidArray(_ values: [UUID]) -> PostgresValue {
        array(.uuid, values) { $0.append(uuid: $1) }
    }
    /// A `bytea[]`.
    public static func byteaArray(_ values: [[UInt8]]) -> PostgresValue {
        array(.bytea, values) { $0.append(bytes: $1) }
    }

    private static func array<Element>(
        _ type: PostgresType, _ values: [Element], _ append: (inout PostgresArray, Element) -> Void
    ) -> PostgresValue {
        var array = PostgresArray(type, capacity: values.count)
        for value in values { append(&array, value) }
        return .array(array)
    }
}
