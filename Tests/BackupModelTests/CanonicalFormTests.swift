import BackupModel
import Testing

func canonicalItem(_ text: String, _ rules: CanonicalRules = CanonicalRules()) throws -> CanonicalItem {
    var canonicalizer = Canonicalizer()
    let body = Array(text.utf8)
    return try canonicalizer.canonicalise(body, 0..<body.count, rules)
}

func canonicalText(_ text: String, _ rules: CanonicalRules = CanonicalRules()) throws -> String {
    String(decoding: try canonicalItem(text, rules).attributes, as: UTF8.self)
}

@Suite("Canonical: form") struct CanonicalFormTests {
    let ordered = CanonicalRules(orderedArrays: true)

    @Test func `The example of RFC 8785 section 3.2.2`() throws {
        let text = #"""
            {
              "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
              "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
              "literals": [null, true, false]
            }
            """#
        let expected =
            #"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#
            + #""string":"€$\u000f\nA'B\"\\\\\"/"}"#
        #expect(try canonicalText(text, ordered) == expected)
    }

    @Test func `Names are sorted by UTF-16 units as in RFC 8785 section 3.2.3`() throws {
        let text = #"""
            {
              "\u20ac": "Euro Sign",
              "\r": "Carriage Return",
              "\ufb33": "Hebrew Letter Dalet With Dagesh",
              "1": "One",
              "\ud83d\ude00": "Emoji: Grinning Face",
              "\u0080": "Control",
              "\u00f6": "Latin Small Letter O With Diaeresis"
            }
            """#
        let value = try JSONValue(parsing: try canonicalItem(text).attributes)
        #expect(value.object?.names == ["\r", "1", "\u{80}", "ö", "€", "😀", "\u{fb33}"])
        let inOrder = try #require(value.object).compactMap(\.value.string)
        #expect(
            inOrder == [
                "Carriage Return", "One", "Control", "Latin Small Letter O With Diaeresis", "Euro Sign",
                "Emoji: Grinning Face", "Hebrew Letter Dalet With Dagesh",
            ])
        #expect(try canonicalItem(text).attributes == value.canonicalBytes)
    }

    @Test func `Names that share a beginning are sorted to their end`() throws {
        #expect(
            try canonicalText(
                #"{"abcdefghij":1,"abcdefgh":2,"abcdefghi":3,"abcdefgha":4,"abc":5,"":6,"B":7,"aé":8,"a\u00e8":9}"#)
                == #"{"":6,"B":7,"abc":5,"abcdefgh":2,"abcdefgha":4,"abcdefghi":3,"abcdefghij":1,"aè":9,"aé":8}"#)
    }

    @Test func `Arrays are sets, sorted by canonical bytes, unless the rules order them`() throws {
        let text = #"{"a":["b","a","b",2,10,{"y":1,"x":[3,1]},{"x":[1,3],"y":1},[],null,"ab"]}"#
        #expect(
            try canonicalText(text)
                == #"{"a":["a","ab","b","b",10,2,[],null,{"x":[1,3],"y":1},{"x":[1,3],"y":1}]}"#)
        #expect(
            try canonicalText(text, ordered)
                == #"{"a":["b","a","b",2,10,{"x":[3,1],"y":1},{"x":[1,3],"y":1},[],null,"ab"]}"#)
    }

    @Test func `Large containers are sorted as small ones`() throws {
        let names = (0..<500).map { "n\($0)" }
        var random = SeededNumbers.run(2)
        let members = names.shuffled(using: &random).map { "\"\($0)\":[\($0.dropFirst()),0]" }.joined(separator: ",")
        let expected = names.sorted().map { name -> String in
            let elements = ["0", String(name.dropFirst())].sorted()
            return "\"\(name)\":[\(elements.joined(separator: ","))]"
        }
        #expect(try canonicalText("{\(members)}") == "{\(expected.joined(separator: ","))}")
        let numbers = (100..<900).map(String.init)
        let array = numbers.shuffled(using: &random).joined(separator: ",")
        #expect(try canonicalText("{\"a\":[\(array)]}") == "{\"a\":[\(numbers.joined(separator: ","))]}")
    }

    @Test func `Strings have the fewest escapes`() throws {
        #expect(
            try canonicalText(#"{"a":"\u0000\u001f\u007f\b\f\n\r\t\"\\\/\u00e9\u00E9é\ud83d\ude00<>&'"}"#)
                == "{\"a\":\"\\u0000\\u001f\u{7f}\\b\\f\\n\\r\\t\\\"\\\\/ééé😀<>&'\"}")
        // Every length around the eight bytes that are looked at together.
        for count in 0..<40 {
            for tail in ["", "é", "\\\"", "\\\\", "\\u0001", "😀"] {
                let text = String(repeating: "x", count: count) + tail
                #expect(try canonicalText("{\"a\":\"\(text)\",\"\(text)\":1}").contains("\"a\":\"\(text)\""))
            }
        }
    }

    @Test func `Composed and decomposed characters stay different`() throws {
        #expect(try canonicalItem(#"{"a":"é"}"#).attributes != canonicalItem("{\"a\":\"e\u{301}\"}").attributes)
        #expect(try canonicalItem("{\"é\":1,\"e\u{301}\":2}").attributeCount == 2)
    }
}
