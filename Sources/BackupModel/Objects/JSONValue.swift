/// A JSON value in memory, for what is off the hot path: documents, diffs, plans, command output.
///
/// Strings and names are equal when their characters' code units are: Swift's `String` takes a composed and a
/// decomposed "é" for the same, a backup must not.
public enum JSONValue: Sendable {
    case null
    case bool(Bool)
    /// The number's canonical text: `JSONValue(number:)` makes it.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// A number as RFC 8785 prints it, an integer with all its digits; nil when `text` is not a JSON number or no
    /// double can hold it.
    public init?(number text: String) {
        guard let value = try? JSONValue(parsing: Array(text.utf8)), case .number = value else { return nil }
        self = value
    }

    /// A finite number; null for the others, which JSON does not have.
    public init(_ value: Double) {
        self = CanonicalNumber.text(value).map(JSONValue.number) ?? .null
    }

    /// All digits are kept, beyond 2^53 too (D7).
    public init(_ value: some BinaryInteger) {
        self = .number(String(value))
    }

    /// A text, or null for none.
    public init(_ text: String?) {
        self = text.map(JSONValue.string) ?? .null
    }

    /// The member of that name; nil when there is none or this is no object.
    public subscript(_ name: String) -> JSONValue? {
        if case .object(let object) = self { object[name] } else { nil }
    }

    /// The element at that index; nil when there is none or this is no array.
    public subscript(_ index: Int) -> JSONValue? {
        if case .array(let elements) = self, elements.indices.contains(index) { elements[index] } else { nil }
    }

    /// Nil for any other kind of value, `null` among them.
    public var string: String? { if case .string(let text) = self { text } else { nil } }
    /// Nil for any other kind of value; a text or number is never taken for one.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// Nil for other kinds, for fractions, exponents, and integers beyond 64 bits.
    public var int: Int? { if case .number(let text) = self { Int(text) } else { nil } }
    /// The nearest double; nil for other kinds.
    public var double: Double? { if case .number(let text) = self { Double(text) } else { nil } }
    /// Nil for any other kind of value.
    public var array: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
    /// Nil for any other kind of value.
    public var object: JSONObject? { if case .object(let object) = self { object } else { nil } }
    /// Graph said null, as opposed to saying nothing.
    public var isNull: Bool { if case .null = self { true } else { false } }
}

extension JSONValue: Hashable {
    public static func == (left: Self, right: Self) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let one), .bool(let other)): one == other
        case (.number(let one), .number(let other)): one.hasSameUnits(as: other)
        case (.string(let one), .string(let other)): one.hasSameUnits(as: other)
        case (.array(let one), .array(let other)): one == other
        case (.object(let one), .object(let other)): one == other
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let value): hasher.combine(value)
        case .number(let text): hasher.combineUnits(of: text)
        case .string(let text): hasher.combineUnits(of: text)
        case .array(let elements): hasher.combine(elements)
        case .object(let object): hasher.combine(object)
        }
    }
}

// No nil literal: `value["name"] == nil` would ask for null instead of absence.
extension JSONValue: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByStringLiteral,
    ExpressibleByStringInterpolation, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// `true` or `false` in source code.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// An integer in source code.
    public init(integerLiteral value: Int) { self.init(value) }
    /// A text in source code.
    public init(stringLiteral value: String) { self = .string(value) }
    /// Elements in source code, their order kept.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// Of names that repeat the last counts.
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(JSONObject(elements)) }
}

extension String {
    func hasSameUnits(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }

    /// Whether this comes before `other` in the order of RFC 8785.
    func precedesInUnits(_ other: String) -> Bool {
        let byBytes = utf8.withContiguousStorageIfAvailable { one in
            other.utf8.withContiguousStorageIfAvailable { two in Self.precedes(one, two) } ?? nil
        }
        return (byBytes ?? nil) ?? utf16.lexicographicallyPrecedes(other.utf16)
    }

    /// The order of bytes, which is that of UTF-16 but where a character of two units meets one from U+E000 on: `nil`.
    private static func precedes(_ one: UnsafeBufferPointer<UInt8>, _ two: UnsafeBufferPointer<UInt8>) -> Bool? {
        let common = Swift.min(one.count, two.count)
        var place = 0
        while place < common, one[place] == two[place] { place &+= 1 }
        guard place < common else { return one.count < two.count }
        return Swift.max(one[place], two[place]) < 0xEE ? one[place] < two[place] : nil
    }
}

// Swift's own equality and order of texts go by canonical equivalence: two ids that are written with different code
// points would be one, and which of them stays would depend on the order in which Graph tells them.
extension Sequence<String> {
    /// In the order of RFC 8785, each once.
    func inOrderOfUnits() -> [String] {
        var texts = Array(self)
        if zip(texts, texts.dropFirst()).allSatisfy({ $0.precedesInUnits($1) }) { return texts }
        texts.sort { $0.precedesInUnits($1) }
        return texts.indices.compactMap {
            $0 > 0 && texts[$0].hasSameUnits(as: texts[$0 - 1]) ? nil : texts[$0]
        }
    }
}

extension [String] {
    func haveSameUnits(as others: [String]) -> Bool { elementsEqual(others) { $0.hasSameUnits(as: $1) } }

    /// Those that are not in `others`; both in the order of RFC 8785, each once.
    func subtractingInUnits(_ others: [String]) -> [String] {
        var rest = others[...]
        return filter { text in
            rest = rest.drop { $0.precedesInUnits(text) }
            return !(rest.first.map { $0.hasSameUnits(as: text) } ?? false)
        }
    }
}

extension Hasher {
    mutating func combineUnits(of text: String) {
        combine(text.utf8.count)
        for byte in text.utf8 { combine(byte) }
    }
}
