extension JSONValue {
    /// Reads one JSON text (RFC 8259; a name twice in one object is an error). Arrays keep their order.
    public init(parsing bytes: [UInt8]) throws(JSONSyntaxError) {
        self = try JSONReader.lend(bytes) { (bytes) throws(JSONSyntaxError) in
            try JSONValue(parsing: bytes, 0..<bytes.count)
        }
    }

    /// Reads the JSON text at `range`.
    public init(parsing bytes: UnsafeRawBufferPointer, _ range: Range<Int>) throws(JSONSyntaxError) {
        self = try JSONReader.read(bytes, range) { (reader) throws(JSONSyntaxError) in
            reader.skipSpace()
            let value = try reader.readValue(depth: 0)
            try reader.expectEnd()
            return value
        }
    }

    /// The text of RFC 8785, with integers keeping their digits and arrays their order.
    public var canonicalBytes: [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes, indent: nil)
        return bytes
    }

    /// The same text as a string.
    public var canonicalText: String { String(decoding: canonicalBytes, as: UTF8.self) }

    /// Text for people: two spaces a level, one member or element a line.
    public var prettyText: String {
        var bytes: [UInt8] = []
        write(to: &bytes, indent: 0)
        return String(decoding: bytes, as: UTF8.self)
    }

    private func write(to bytes: inout [UInt8], indent: Int?) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let text): bytes.append(contentsOf: text.utf8)
        case .string(let text): CanonicalString.append(text, to: &bytes)
        case .array(let elements):
            Self.write(elements, to: &bytes, indent: indent, in: (0x5B, 0x5D)) { element, bytes, indent in
                element.write(to: &bytes, indent: indent)
            }
        case .object(let object):
            Self.write(object, to: &bytes, indent: indent, in: (0x7B, 0x7D)) { member, bytes, indent in
                CanonicalString.append(member.name, to: &bytes)
                bytes.append(0x3A)
                if indent != nil { bytes.append(0x20) }
                member.value.write(to: &bytes, indent: indent)
            }
        }
    }

    private static func write<Elements: Collection>(
        _ elements: Elements, to bytes: inout [UInt8], indent: Int?, in brackets: (UInt8, UInt8),
        _ writeElement: (Elements.Element, inout [UInt8], Int?) -> Void
    ) {
        func newLine(_ indent: Int?) {
            guard let indent else { return }
            bytes.append(0x0A)
            bytes.append(contentsOf: repeatElement(0x20, count: 2 * indent))
        }
        bytes.append(brackets.0)
        let inner = indent.map { $0 + 1 }
        for (index, element) in elements.enumerated() {
            if index > 0 { bytes.append(0x2C) }
            newLine(inner)
            writeElement(element, &bytes, inner)
        }
        if !elements.isEmpty { newLine(indent) }
        bytes.append(brackets.1)
    }
}

extension JSONObject {
    /// Reads of the JSON object in `bytes` only the members of the given names. The others are passed over, their
    /// grammar checked: of a large object few members are wanted, and making values of all of them takes most of the
    /// time.
    public init(parsing bytes: [UInt8], names: [String]) throws(JSONSyntaxError) {
        let wanted = names.map { (name: $0, bytes: Array($0.utf8)) }
        self = try JSONReader.lend(bytes) { (bytes) throws(JSONSyntaxError) in
            try JSONReader.read(bytes, 0..<bytes.count) { (reader) throws(JSONSyntaxError) in
                reader.skipSpace()
                guard reader.current == 0x7B else { throw reader.failure(.unexpectedByte) }
                let object = try reader.readObject(only: wanted)
                try reader.expectEnd()
                return object
            }
        }
    }
}

extension JSONReader {
    fileprivate mutating func readObject(only wanted: [(name: String, bytes: [UInt8])]) throws(JSONSyntaxError)
        -> JSONObject
    {
        let start = position
        guard try enter(0, closing: 0x7D) else { return JSONObject() }
        var members: [JSONObject.Member] = []
        repeat {
            try expect(0x22)
            let from = position
            let isPlain = try skipString()
            let name = self.name(among: wanted, from..<position - 1, isPlain: isPlain)
            skipSpace()
            try expect(0x3A)
            skipSpace()
            if let name {
                members.append((name, try readValue(depth: 1)))
            } else {
                try skipValue(depth: 1)
            }
        } while try continues(closing: 0x7D)
        guard let object = JSONObject(unique: members) else {
            throw JSONSyntaxError(offset: start, what: .duplicateKey)
        }
        return object
    }

    /// The wanted name that stands at `range`, where `skipString` has passed over it.
    private func name(
        among wanted: [(name: String, bytes: [UInt8])], _ range: Range<Int>, isPlain: Bool
    ) -> String? {
        let bytes = UnsafeBufferPointer(start: base + range.lowerBound, count: range.count)
        if isPlain { return wanted.first { $0.bytes.elementsEqual(bytes) }?.name }
        let text = text(range, isPlain: false)
        return wanted.first { $0.name.hasSameUnits(as: text) }?.name
    }

    fileprivate mutating func readValue(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        switch current {
        case 0x22: return .string(try readString())
        case 0x7B: return .object(try readObject(depth: depth))
        case 0x5B:
            var elements: [JSONValue] = []
            guard try enter(depth, closing: 0x5D) else { return .array([]) }
            repeat { elements.append(try readValue(depth: depth + 1)) } while try continues(closing: 0x5D)
            return .array(elements)
        case 0x2D, 0x30...0x39:
            let start = position
            _ = try skipNumber()
            guard let text = CanonicalNumber.text(of: text(start..<position, isPlain: true)) else {
                throw JSONSyntaxError(offset: start, what: .numberOutOfRange)
            }
            return .number(text)
        case 0x74:
            try skipLiteral()
            return .bool(true)
        case 0x66:
            try skipLiteral()
            return .bool(false)
        default:
            try skipLiteral()
            return .null
        }
    }

    private mutating func readObject(depth: Int) throws(JSONSyntaxError) -> JSONObject {
        let start = position
        guard try enter(depth, closing: 0x7D) else { return JSONObject() }
        var members: [JSONObject.Member] = []
        repeat {
            guard current == 0x22 else { throw failure(.unexpectedByte) }
            let name = try readString()
            skipSpace()
            try expect(0x3A)
            skipSpace()
            members.append((name, try readValue(depth: depth + 1)))
        } while try continues(closing: 0x7D)
        guard let object = JSONObject(unique: members) else {
            throw JSONSyntaxError(offset: start, what: .duplicateKey)
        }
        return object
    }
}
