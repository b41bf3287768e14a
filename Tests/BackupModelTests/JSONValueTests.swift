import BackupModel
import Foundation
import Testing

@Suite("JSON: values") struct JSONValueTests {
    @Test func `Members are in canonical order and found by name`() {
        let value: JSONValue = ["b": 1, "a": [true, .null, "x"], "c": ["d": 2.5.json]]
        #expect(value.canonicalText == #"{"a":[true,null,"x"],"b":1,"c":{"d":2.5}}"#)
        #expect(value["a"]?[2]?.string == "x")
        #expect(value["b"]?.int == 1)
        #expect(value["c"]?["d"]?.double == 2.5)
        #expect(value["a"]?[0]?.bool == true)
        #expect(value["a"]?[1]?.isNull == true)
        #expect(value["a"]?[3] == nil)
        #expect(value["z"] == nil)
    }

    @Test func `Setting, replacing and taking away members`() {
        var object: JSONObject = ["b": 1]
        object["a"] = 2
        object["c"] = .null
        object["b"] = 3
        #expect(JSONValue.object(object).canonicalText == #"{"a":2,"b":3,"c":null}"#)
        object["b"] = nil
        object["z"] = nil
        #expect(object.names == ["a", "c"])
        #expect(object["c"] == .null)
    }

    @Test func `Equality is by code units`() {
        let composed: JSONValue = "é"
        let decomposed: JSONValue = "e\u{301}"
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        let object: JSONObject = ["é": 1, "e\u{301}": 2]
        #expect(object.count == 2)
        #expect(object["é"] == 1)
        #expect(object["e\u{301}"] == 2)
        #expect(JSONValue.object(["é": 1]) != .object(["e\u{301}": 1]))
    }

    @Test func `Some members of an object are those of the whole`() throws {
        var generator = JSONTextGenerator(5)
        for _ in 0..<2_000 {
            guard case .object(let object) = generator.object() else { continue }
            let bytes = generator.write(.object(object))
            let names = object.names.filter { _ in generator.chance(2) } + ["never there"]
            var wanted = JSONObject()
            for name in names { wanted[name] = object[name] }
            #expect(try JSONObject(parsing: bytes, names: names) == wanted)
        }
        let text = #" {"\u00e9":1, "b":{"a":[2]}, "a":"x"} "#
        #expect(try JSONObject(parsing: Array(text.utf8), names: ["a", "é"]) == ["a": "x", "é": 1])
        let wrong = [
            #"[]"#, #"{"a":1,"a":2}"#, #"{"a":1,"b":[1}"#, #"{"b":tru}"#, #"{"a":1}x"#, #"{"b":1,}"#, #"{"b""#, "",
        ]
        for text in wrong {
            #expect(throws: JSONSyntaxError.self, "\(text)") {
                try JSONObject(parsing: Array(text.utf8), names: ["a"])
            }
        }
    }

    @Test func `Members stand in the order of UTF-16 units`() {
        let scalars: [Unicode.Scalar] = [
            "a", "b", "\u{7F}", "é", "\u{D7FF}", "\u{E000}", "\u{FFFD}", "😀", "\u{10FFFF}",
        ]
        var texts = [""]
        for _ in 0..<3 { texts += texts.flatMap { text in scalars.map { text + String($0) } } }
        let unique = Set(texts.map { Array($0.utf16) })
        let object = JSONObject(texts.map { ($0, JSONValue.null) })
        #expect(object.names.map { Array($0.utf16) } == unique.sorted { $0.lexicographicallyPrecedes($1) })
    }

    @Test func `Text for people`() {
        let value: JSONValue = ["a": [1, [:], []], "b": "x\ny"]
        #expect(value.prettyText == "{\n  \"a\": [\n    1,\n    {},\n    []\n  ],\n  \"b\": \"x\\ny\"\n}")
    }

    @Test func `Every value reads back from its texts`() throws {
        var generator = JSONTextGenerator(3)
        for _ in 0..<2_000 {
            let value = generator.value()
            #expect(try JSONValue(parsing: value.canonicalBytes) == value, "seed \(SeededNumbers.seed)")
            #expect(try JSONValue(parsing: generator.write(value)) == value, "seed \(SeededNumbers.seed)")
            #expect(try JSONValue(parsing: Array(value.prettyText.utf8)) == value, "seed \(SeededNumbers.seed)")
        }
    }
}

extension Double {
    fileprivate var json: JSONValue { JSONValue(self) }
}

@Suite("JSON: ids and digests") struct JSONIdentifierTests {
    @Test func `At each place of a GUID exactly the digits count, in either case`() throws {
        let guid = Array("01234567-89ab-cdef-0123-456789abcdef".utf8)
        for place in guid.indices {
            for byte in UInt8.min...127 {
                var text = guid
                text[place] = byte
                let digit = Int(String(UnicodeScalar(byte)), radix: 16)
                let key = ObjectKey(String(decoding: text, as: UTF8.self))
                if guid[place] == 0x2D {
                    #expect((key != nil) == (byte == 0x2D))
                } else if let digit {
                    let nibbles = try #require(key).bytes.flatMap { [Int($0 >> 4), Int($0 & 15)] }
                    #expect(nibbles[text[..<place].count { $0 != 0x2D }] == digit)
                } else {
                    #expect(key == nil, "\(byte) at \(place)")
                }
            }
        }
        #expect(ObjectKey("012345é-89ab-cdef-0123-456789abcdef") == nil, "36 bytes, but no digits")
    }

    @Test func `A GUID is 16 bytes and prints in lower case`() throws {
        let key = try #require(ObjectKey("FFFF7B1A-13b6-477b-8C0C-380905cd99f7"))
        #expect(key.description == "ffff7b1a-13b6-477b-8c0c-380905cd99f7")
        #expect(
            key.bytes == [
                0xFF, 0xFF, 0x7B, 0x1A, 0x13, 0xB6, 0x47, 0x7B, 0x8C, 0x0C, 0x38, 0x09, 0x05, 0xCD, 0x99, 0xF7,
            ])
        #expect(ObjectKey(bytes: key.bytes) == key)
        #expect(try JSONDecoder().decode([ObjectKey].self, from: JSONEncoder().encode([key])) == [key])
    }

    @Test(arguments: [
        "", "ffff7b1a13b6477b8c0c380905cd99f7", "ffff7b1a-13b6-477b-8c0c-380905cd99f",
        "gfff7b1a-13b6-477b-8c0c-380905cd99f7",
        "ffff7b1a-13b6-477b-8c0c-380905cd99f77", "ffff7b1a_13b6-477b-8c0c-380905cd99f7",
        "{fff7b1a-13b6-477b-8c0c-380905cd99f7",
        "ffff7b1a-13b6-477b-8c0c-380905cd99é",
    ])
    func `Other texts are no GUID`(_ text: String) {
        #expect(ObjectKey(text) == nil)
        #expect(TenantID(text) == nil)
    }

    @Test func `Keys are ordered by their bytes`() {
        var random = SeededNumbers.run(4)
        let keys = (0..<200).map { _ in ObjectKey(high: random.next() >> 60, low: random.next()) }.sorted()
        for (left, right) in zip(keys, keys.dropFirst()) {
            #expect(!right.bytes.lexicographicallyPrecedes(left.bytes))
            #expect(left.description <= right.description)
        }
        #expect(ObjectKey(bytes: [UInt8](repeating: 0, count: 15)) == nil)
        #expect(ObjectKey(bytes: [UInt8](repeating: 0, count: 17)) == nil)
    }

    @Test func `A digest is 32 bytes and 64 digits`() throws {
        let bytes = (0..<32).map { UInt8($0 * 7 & 255) }
        let digest = try #require(Digest(bytes: bytes))
        #expect(digest.bytes == bytes)
        #expect(Digest(digest.description) == digest)
        #expect(digest.description.prefix(8) == "00070e15")
        #expect(Digest(bytes: bytes.dropLast()) == nil)
        #expect(Digest(bytes: bytes + [0]) == nil)
        #expect(Digest("00") == nil)
        #expect(Digest(String(repeating: "zz", count: 32)) == nil)
        #expect(try JSONDecoder().decode([Digest].self, from: JSONEncoder().encode([digest])) == [digest])
    }

    @Test func `Ids of tenants and jobs are lower case and do not mix`() throws {
        let tenant = try #require(TenantID("FFFF7B1A-13B6-477B-8C0C-380905CD99F7"))
        #expect(tenant.description == "ffff7b1a-13b6-477b-8c0c-380905cd99f7")
        #expect(try JSONDecoder().decode([TenantID].self, from: JSONEncoder().encode([tenant])) == [tenant])
        #expect(JobID() != JobID())
        #expect(JobID(JobID().description) != nil)
    }
}
