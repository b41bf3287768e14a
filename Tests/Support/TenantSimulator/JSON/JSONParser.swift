/// What is wrong with a JSON text and where.
public struct JSONError: Error, CustomStringConvertible {
    public let message: String
    /// Bytes from the start.
    public let offset: Int

    public var description: String { "\(message) at byte \(offset)" }
}

/// A strict JSON reader (RFC 8259) for requests, fixtures and policy exports; nesting is bounded.
struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private static let deepest = 256

    static func parse(_ bytes: [UInt8]) throws(JSONError) -> SimulatedJSON {
        var outcome: Result<SimulatedJSON, JSONError> = .success(.null)
        bytes.withUnsafeBufferPointer { buffer in
            var parser = JSONParser(bytes: buffer)
            do throws(JSONError) {
                let value = try parser.value(depth: 0)
                parser.skipSpace()
                guard parser.position == buffer.count else { throw parser.error("text after the value") }
                outcome = .success(value)
            } catch {
                outcome = .failure(error)
            }
        }
        return try outcome.get()
    }

    private init(bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
        // A byte order mark is common in exports.
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { position = 3 }
    }

    private func error(_ message: String) -> JSONError { JSONError(message: message, offset: position) }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    }

    private mutating func value(depth: Int) throws(JSONError) -> SimulatedJSON {
        guard depth < Self.deepest else { throw error("nesting is too deep") }
        skipSpace()
        guard position < bytes.count else { throw error("the text ends early") }
        switch bytes[position] {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ word: StaticString, _ value: SimulatedJSON) throws(JSONError) -> SimulatedJSON {
        guard position + word.utf8CodeUnitCount <= bytes.count else { throw error("the text ends early") }
        for offset in 0..<word.utf8CodeUnitCount where bytes[position + offset] != word.utf8Start[offset] {
            throw error("unknown word")
        }
        position += word.utf8CodeUnitCount
        return value
    }

    private mutating func number() throws(JSONError) -> SimulatedJSON {
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
                UInt8(ascii: "e"), UInt8(ascii: "E"):
                position += 1
                continue
            default: break
            }
            break
        }
        let digits = String(decoding: bytes[start..<position], as: UTF8.self)
        guard !digits.isEmpty, Double(digits) != nil else { throw error("not a value") }
        return .number(digits)
    }

    private mutating func object(depth: Int) throws(JSONError) -> SimulatedJSON {
        position += 1
        var members: [(String, SimulatedJSON)] = []
        skipSpace()
        if try take(UInt8(ascii: "}")) { return .object([]) }
        while true {
            skipSpace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw error("no member name") }
            let name = try string()
            skipSpace()
            guard try take(UInt8(ascii: ":")) else { throw error("no colon") }
            members.append((name, try value(depth: depth + 1)))
            skipSpace()
            if try take(UInt8(ascii: ",")) { continue }
            if try take(UInt8(ascii: "}")) { return .object(members) }
            throw error("object is not closed")
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> SimulatedJSON {
        position += 1
        var items: [SimulatedJSON] = []
        skipSpace()
        if try take(UInt8(ascii: "]")) { return .array([]) }
        while true {
            items.append(try value(depth: depth + 1))
            skipSpace()
            if try take(UInt8(ascii: ",")) { continue }
            if try take(UInt8(ascii: "]")) { return .array(items) }
            throw error("array is not closed")
        }
    }

    private mutating func take(_ byte: UInt8) throws(JSONError) -> Bool {
        guard position < bytes.count else { throw error("the text ends early") }
        guard bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func string() throws(JSONError) -> String {
        position += 1
        var units: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: units, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &units)
            case 0..<0x20: throw error("control character in a string")
            default: units.append(byte)
            }
        }
        throw error("string is not closed")
    }

    private mutating func escape(into units: inout [UInt8]) throws(JSONError) {
        guard position < bytes.count else { throw error("the text ends early") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "n"): units.append(0x0A)
        case UInt8(ascii: "r"): units.append(0x0D)
        case UInt8(ascii: "t"): units.append(0x09)
        case UInt8(ascii: "b"): units.append(0x08)
        case UInt8(ascii: "f"): units.append(0x0C)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): units.append(byte)
        case UInt8(ascii: "u"): units.append(contentsOf: Array(String(try scalar()).utf8))
        default: throw error("unknown escape")
        }
    }

    private mutating func scalar() throws(JSONError) -> Unicode.Scalar {
        let first = try hex()
        if (0xD800..<0xDC00).contains(first), position + 1 < bytes.count,
            bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
        {
            position += 2
            let second = try hex()
            guard (0xDC00..<0xE000).contains(second) else { return "\u{FFFD}" }
            return Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)) ?? "\u{FFFD}"
        }
        return Unicode.Scalar(first) ?? "\u{FFFD}"
    }

    private mutating func hex() throws(JSONError) -> UInt32 {
        guard position + 4 <= bytes.count,
            let unit = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
        else { throw error("not a \\u escape") }
        position += 4
        return unit
    }
}

extension SimulatedJSON {
    /// Reads one JSON text.
    public static func parse(_ bytes: [UInt8]) throws(JSONError) -> SimulatedJSON { try JSONParser.parse(bytes) }

    /// Reads one JSON text.
    public static func parse(_ text: String) throws(JSONError) -> SimulatedJSON {
        try JSONParser.parse(Array(text.utf8))
    }
}
