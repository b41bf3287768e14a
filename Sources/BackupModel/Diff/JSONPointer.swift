/// A place inside a JSON value. https://www.rfc-editor.org/rfc/rfc6901
public struct JSONPointer: Sendable, Hashable {
    /// The names and indices on the way, unescaped; none for the whole value.
    public let tokens: [String]

    /// Tokens as names are, not escaped; none for the whole value.
    public init(_ tokens: [String] = []) {
        self.tokens = tokens
    }

    /// From its text, `/a~1b/0`; nil when it does not begin with a slash or a `~` is followed by neither 0 nor 1.
    public init?(_ text: String) {
        guard !text.utf8.isEmpty else {
            self.init()
            return
        }
        let parts = text.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
        guard parts.first?.isEmpty == true else { return nil }
        var tokens: [String] = []
        for part in parts.dropFirst() {
            guard let token = Self.unescape(part) else { return nil }
            tokens.append(token)
        }
        self.init(tokens)
    }

    private static func unescape(_ part: Substring.UTF8View) -> String? {
        var bytes: [UInt8] = []
        var rest = part[...]
        while let byte = rest.popFirst() {
            guard byte == 0x7E else {
                bytes.append(byte)
                continue
            }
            switch rest.popFirst() {
            case 0x30: bytes.append(0x7E)
            case 0x31: bytes.append(0x2F)
            default: return nil
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// One level deeper.
    public func appending(_ token: String) -> JSONPointer { JSONPointer(tokens + [token]) }

    /// The value at this place, nil when there is none. `-`, the place behind an array's end, has no value.
    public func resolve(in value: JSONValue) -> JSONValue? {
        var value = value
        for token in tokens {
            let next: JSONValue?
            switch value {
            case .object(let object): next = object[token]
            case .array: next = Self.index(token).flatMap { value[$0] }
            default: next = nil
            }
            guard let next else { return nil }
            value = next
        }
        return value
    }

    /// An array index: digits without a leading zero.
    private static func index(_ token: String) -> Int? {
        guard token.utf8.allSatisfy({ $0 &- 0x30 < 10 }), token.utf8.count == 1 || token.utf8.first != 0x30 else {
            return nil
        }
        return Int(token)
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.tokens.count == right.tokens.count && zip(left.tokens, right.tokens).allSatisfy { $0.hasSameUnits(as: $1) }
    }

    public func hash(into hasher: inout Hasher) {
        for token in tokens { hasher.combineUnits(of: token) }
    }
}

extension JSONPointer: CustomStringConvertible, LosslessStringConvertible {
    public var description: String {
        var bytes: [UInt8] = []
        for token in tokens {
            bytes.append(0x2F)
            for byte in token.utf8 {
                switch byte {
                case 0x7E: bytes.append(contentsOf: [0x7E, 0x30])
                case 0x2F: bytes.append(contentsOf: [0x7E, 0x31])
                default: bytes.append(byte)
                }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
