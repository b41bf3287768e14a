import BackupModel
import Testing

/// What is JSON and what is not, by RFC 8259: the value parser, the canonical pass and the page scanner must agree.
@Suite("JSON: grammar") struct JSONGrammarTests {
    static let valid = [
        "0", "-0", "1", "-1", "10", "1.5", "1e5", "1E+5", "1e-5", "-0.0", "0e0", "123456789012345678901234567890",
        "\"\"", #""\"\\\/\b\f\n\r\t\u0041""#, #""\ud83d\ude00""#, "\"é漢😀\"", "\"\u{7f}\"", "true", "false",
        "null",
        "[]", "[ ]", "[1,2]", "{}", "{ }", #"{"a":1}"#, #"{"a":{"b":[{}]}}"#, " \t\r\n1 \t\r\n", #"{"":0}"#,
        "[\(String(repeating: "[", count: 125))\(String(repeating: "]", count: 125))]",
    ]

    static let invalid: [(text: String, what: JSONSyntaxError.What)] = [
        ("", .unexpectedEnd), (" ", .unexpectedEnd), ("[", .unexpectedEnd), ("[1", .unexpectedEnd),
        ("[1,", .unexpectedEnd), (#"{"a"#, .unexpectedEnd), (#"{"a""#, .unexpectedEnd), (#"{"a":"#, .unexpectedEnd),
        (#""\"#, .unexpectedEnd), (#""\u12"#, .unexpectedEnd), ("-", .unexpectedEnd), ("1.", .unexpectedEnd),
        ("1e", .unexpectedEnd), ("tru", .unexpectedByte), ("trux", .unexpectedByte), ("falsx", .unexpectedByte),
        ("nul", .unexpectedByte), ("True", .unexpectedByte), ("NaN", .unexpectedByte), ("Infinity", .unexpectedByte),
        ("-Infinity", .unexpectedByte), ("+1", .unexpectedByte), (".5", .unexpectedByte), ("1.x", .unexpectedByte),
        ("1.e5", .unexpectedByte), ("1e+", .unexpectedEnd), ("00.1", .trailingBytes), ("01e-3", .trailingBytes),
        ("01", .trailingBytes), ("-01", .trailingBytes), ("1 2", .trailingBytes), ("{}{}", .trailingBytes),
        ("nullx", .trailingBytes), ("[1,]", .unexpectedByte), ("[,1]", .unexpectedByte), ("[1 2]", .unexpectedByte),
        ("[1}", .unexpectedByte), (#"{"a":1,}"#, .unexpectedByte), ("{,}", .unexpectedByte),
        (#"{a:1}"#, .unexpectedByte),
        (#"{"a" 1}"#, .unexpectedByte), (#"{"a":1 "b":2}"#, .unexpectedByte), (#"{1:2}"#, .unexpectedByte),
        ("'a'", .unexpectedByte), ("/* */1", .unexpectedByte), ("\u{feff}1", .unexpectedByte),
        ("\u{a0}1", .unexpectedByte),
        ("\u{c}1", .unexpectedByte), ("\"\n\"", .controlCharacter), ("\"\u{0}\"", .controlCharacter),
        ("\"abcdefgh\u{1f}\"", .controlCharacter), (#""\x""#, .invalidEscape), (#""\u12g4""#, .invalidEscape),
        (#""\U0041""#, .invalidEscape), (#""\ud800""#, .loneSurrogate), (#""\ud800x""#, .loneSurrogate),
        (#""\ud800\u0041""#, .loneSurrogate), (#""\ud800\ud800""#, .loneSurrogate), (#""\udc00""#, .loneSurrogate),
        (#""\udc00\ud800""#, .loneSurrogate), ("1e400", .numberOutOfRange), ("-1.5e999", .numberOutOfRange),
        (#"{"a":1,"a":1}"#, .duplicateKey), (#"{"a":1,"b":2,"\u0061":3}"#, .duplicateKey),
        (#"{"é":1,"b":2,"\u00e9":3}"#, .duplicateKey), (#"[{"b":[],"a":0,"b":[]}]"#, .duplicateKey),
    ]

    static let invalidUTF8: [[UInt8]] = [
        [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xE0, 0x9F, 0xBF], [0xE2, 0x82], [0xE2, 0x28, 0xA1],
        [0xED, 0xA0, 0x80],
        [0xED, 0xBF, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80],
        [0xF0, 0x9F, 0x98],
        [0xFF], [0xFE],
    ]

    /// The canonical pass over a value: as an attribute of an object.
    static func canonical(_ text: [UInt8]) -> Result<[UInt8], JSONSyntaxError> {
        let body = Array(#"{"k":"#.utf8) + text + Array("}".utf8)
        var canonicalizer = Canonicalizer()
        do {
            let rules = CanonicalRules(orderedArrays: true)
            let item = try canonicalizer.canonicalise(body, 0..<body.count, rules)
            return .success(Array(item.attributes.dropFirst(5).dropLast()))
        } catch {
            return .failure(error)
        }
    }

    @Test(arguments: valid) func `Valid texts are read alike by all three`(_ text: String) throws {
        let bytes = Array(text.utf8)
        let value = try JSONValue(parsing: bytes)
        #expect(try Self.canonical(bytes).get() == value.canonicalBytes)
        let page = Array(#"{"value":["#.utf8) + bytes + Array("]}".utf8)
        let item = try #require(GraphPage(page).items.first)
        #expect(try JSONValue(parsing: Array(page[item])) == value)
    }

    @Test(arguments: invalid) func `Invalid texts are refused by all three`(
        _ text: String, _ what: JSONSyntaxError.What
    ) {
        let bytes = Array(text.utf8)
        #expect { try JSONValue(parsing: bytes) } throws: { ($0 as? JSONSyntaxError)?.what == what }
        #expect(throws: JSONSyntaxError.self) { try Self.canonical(bytes).get() }
        // The page scanner leaves repeated names and the range of numbers to the canonical pass.
        guard what != .duplicateKey, what != .numberOutOfRange else { return }
        let page = Array(#"{"value":["#.utf8) + bytes + Array("]}".utf8)
        if text.allSatisfy(\.isWhitespace) { return }
        #expect(throws: JSONSyntaxError.self) { try GraphPage(page) }
    }

    @Test(arguments: invalidUTF8) func `Bytes that are not UTF-8 are refused`(_ bytes: [UInt8]) {
        for text in [[0x22] + bytes + [0x22], Array("{\"".utf8) + bytes + Array("\":1}".utf8), bytes] {
            #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: text) }
            #expect(throws: JSONSyntaxError.self) { try Self.canonical(text).get() }
        }
    }

    @Test func `Every ASCII character is judged alike at every place of a string`() {
        for place in 0..<20 {
            for byte in UInt8(0)..<0x80 where byte != 0x22 && byte != 0x5C {
                var text = [UInt8](repeating: 0x78, count: 22)
                (text[0], text[21], text[place + 1]) = (0x22, 0x22, byte)
                let value = try? JSONValue(parsing: text)
                let page = try? GraphPage(Array(#"{"value":["#.utf8) + text + Array("]}".utf8))
                let form = try? Self.canonical(text).get()
                if byte < 0x20 {
                    #expect(value == nil && page == nil && form == nil, "byte \(byte) at \(place)")
                } else {
                    #expect(value?.canonicalBytes == text && page != nil && form == text, "byte \(byte) at \(place)")
                }
            }
        }
    }

    @Test func `Nesting ends at 128 levels`() throws {
        func nested(_ count: Int, _ opening: String, _ closing: String) -> [UInt8] {
            Array((String(repeating: opening, count: count) + "1" + String(repeating: closing, count: count)).utf8)
        }
        for (opening, closing) in [("[", "]"), (#"{"a":"#, "}")] {
            _ = try JSONValue(parsing: nested(128, opening, closing))
            #expect { try JSONValue(parsing: nested(129, opening, closing)) } throws: {
                ($0 as? JSONSyntaxError)?.what == .tooDeep
            }
            _ = try Self.canonical(nested(127, opening, closing)).get()
            #expect { try Self.canonical(nested(100_000, opening, closing)).get() } throws: {
                ($0 as? JSONSyntaxError)?.what == .tooDeep
            }
            #expect(throws: JSONSyntaxError.self) { try GraphPage(nested(100_000, #"{"a":"#, "}")) }
        }
    }

    @Test func `An error tells the place and no content`() {
        #expect { try JSONValue(parsing: Array(#"{"secret":"hunter2" x}"#.utf8)) } throws: { error in
            let text = "\(error)"
            return (error as? JSONSyntaxError)?.offset == 20 && text.contains("20") && !text.contains("hunter2")
        }
    }

    @Test func `A range outside the body is refused`() {
        var canonicalizer = Canonicalizer()
        for range in [0..<3, 3..<9, 2..<2] {
            #expect(throws: JSONSyntaxError.self) {
                try canonicalizer.canonicalise(Array("{}".utf8), range, CanonicalRules())
            }
            #expect(throws: JSONSyntaxError.self) { try LinkTarget.targets(Array("{}".utf8), range) }
        }
        #expect(throws: JSONSyntaxError.self) { try GraphPage([]) }
    }
}
