/// A value in an AMQP field table: a header of a message or an argument of a queue.
///
/// The types are those of RabbitMQ's dialect: <https://www.rabbitmq.com/amqp-0-9-1-errata#section_3>.
public enum FieldValue: Sendable, Equatable {
    /// UTF-8 text.
    case string(String)
    /// Any of the signed and unsigned integer types. Unsigned values above `Int64.max` arrive as `Int64.max`.
    case integer(Int64)
    /// A truth value.
    case boolean(Bool)
    /// Either floating-point type.
    case double(Double)
    /// Seconds since 1970.
    case timestamp(UInt64)
    /// Bytes without a meaning of their own.
    case bytes([UInt8])
    /// A nested table.
    case table([String: FieldValue])
    /// A list.
    case array([FieldValue])
    /// No value; also stands for a decimal and for what is nested too deeply.
    case null

    /// The text, when this is a string.
    public var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The number, when this is an integer.
    public var integerValue: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }
}

extension FieldValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    /// Makes a string value.
    public init(stringLiteral value: String) { self = .string(value) }
    /// Makes an integer value.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// Makes a truth value.
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
}

extension FieldValue {
    /// The room this value takes in a frame, in bytes, with its type octet.
    var encodedBytes: Int {
        switch self {
        case .string(let text): 5 + text.utf8.count
        case .bytes(let bytes): 5 + bytes.count
        case .integer, .double, .timestamp: 9
        case .boolean: 2
        case .null: 1
        case .table(let fields): 1 + FieldValue.encodedBytes(of: fields)
        case .array(let items): 5 + items.reduce(0) { $0 + $1.encodedBytes }
        }
    }

    static func encodedBytes(of fields: [String: FieldValue]) -> Int {
        fields.reduce(4) { $0 + 1 + $1.key.utf8.count + $1.value.encodedBytes }
    }

    /// Whether every key, at every level, fits the one-byte length of the protocol.
    static func keysAreShort(_ fields: [String: FieldValue]) -> Bool {
        fields.allSatisfy { $0.key.utf8.count <= 255 && $0.value.keysAreShort }
    }

    private var keysAreShort: Bool {
        switch self {
        case .table(let fields): FieldValue.keysAreShort(fields)
        case .array(let items): items.allSatisfy(\.keysAreShort)
        default: true
        }
    }
}
