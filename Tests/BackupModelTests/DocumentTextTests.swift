import BackupModel
import Testing

/// Documents that are handed on without being parsed give the very bytes that parsed ones give.
@Suite("Document text") struct DocumentTextTests {
    private func text(_ document: ObjectDocument, attributes: JSONObject) throws -> DocumentText {
        try DocumentText(
            type: document.type, attributes: CanonicalObject(JSONValue.object(attributes).canonicalBytes),
            links: document.links.map { ($0, $1.compactMap { ObjectKey($0) }) },
            children: document.children.map { ($0, JSONValue.array($1).canonicalBytes) }, id: { $0 ?? document.id })
    }

    @Test func `any document is written as its parsed form is, and parses to it`() throws {
        let digest = try #require(Digest(bytes: Array(32..<64)))
        let stamp = VersionStamp(digest: digest, from: 3, to: 9, seenAt: "2026-01-02T03:04:05.678Z")
        var generator = JSONTextGenerator(77)
        for round in 0..<600 {
            var attributes = generator.object().object ?? [:]
            // The id at the beginning, the end, in the middle, alone, or not there; names near it.
            for name in ["a", "i", "ic", "idd", "ie", "z", "\u{10FFFF}", "é", "\"", "\\"] where generator.chance(3) {
                attributes[name] = generator.value(depth: 4)
            }
            attributes["id"] = nil
            let document = ObjectDocument(
                type: "user", id: "id \(round) \"é\"", attributes: attributes,
                links: Dictionary(
                    (0..<round % 4).map { part in
                        ("link\(part)", (0..<part + 1).map { ObjectKey(high: 7, low: UInt64($0 * 31)).description })
                    }, uniquingKeysWith: { first, _ in first }),
                children: Dictionary(
                    (0..<round % 3).map { part in ("child\(part)", (0..<part).map { _ in generator.value() }) },
                    uniquingKeysWith: { first, _ in first }))
            if round % 5 > 0 { attributes["id"] = .string(document.id) }
            let text = try text(document, attributes: attributes)
            #expect(text.id == document.id)
            var written: [UInt8] = []
            text.appendJSON(snapshot: 12, version: stamp, to: &written)
            #expect(
                String(decoding: written, as: UTF8.self)
                    == document.json(snapshot: 12, version: stamp).canonicalText)
            #expect(try text.parsed() == document)
            let names = try text.attributeMembers().map { member in
                try JSONValue(parsing: [0x22] + text.attributes.bytes[member.name] + [0x22]).string
            }
            #expect(names == document.attributes.names)
        }
    }

    @Test func `a member is found by its name, and only that one`() throws {
        let object = CanonicalObject(Array(#"{"\"":0,"a":{"id":"inner"},"id":"x\n","idd":1,"z":null}"#.utf8))
        #expect(object.text("id") == "x\n")
        #expect(object.text("idd") == nil && object.text("i") == nil && object.text("zz") == nil)
        #expect(try object.member("idd").map { object.bytes[$0.value] } == Array("1".utf8)[...])
        #expect(try object.member("ide") == nil && object.member("zz") == nil && object.member("") == nil)
        #expect(try object.members().count == 5)
        #expect(try CanonicalObject(Array("{}".utf8)).member("id") == nil)
    }

    @Test(arguments: ["", "[]", "null", "{", #"{"a""#, #"{"a":}"#, #"{"a":1,}"#, #"{"a":tru}"#, #"{"a":1}x"#])
    func `a text that is no object is an error, nothing worse`(_ text: String) {
        let object = CanonicalObject(Array(text.utf8))
        #expect(throws: JSONSyntaxError.self) { try object.members() }
        #expect(throws: JSONSyntaxError.self) { try object.member("zz") }
        #expect(object.text("zz") == nil)
        #expect(throws: JSONSyntaxError.self) {
            try DocumentText(type: "user", attributes: object, id: { $0 ?? "zz" }).parsed()
        }
    }

    @Test func `an id is found wherever it stands, and no other`() throws {
        let ids = (1...3).map { ObjectKey(high: 0xABCD_EF00_1122_3344, low: UInt64($0)) }
        let text = try DocumentText(
            type: "group",
            attributes: CanonicalObject(Array(#"{"rule":"x-\#(ids[0].description.uppercased())-y"}"#.utf8)),
            links: [("members", [ids[2]])], children: [("settings", Array(#"[{"a":["api://\#(ids[1])/b"]}]"#.utf8))],
            id: { _ in "g" })
        #expect(text.mayName([ids[0]]) && text.mayName([ids[1]]) && text.mayName(Set(ids)))
        // Links are no values.
        #expect(!text.mayName([ids[2]]) && !text.mayName([]))
        #expect(try text.parsed().children["settings"]?.first?.guids == [ids[1].description])
    }

    @Test func `a document that shares with another is the same document`() throws {
        var generator = JSONTextGenerator(78)
        for _ in 0..<300 {
            var (one, other) = (generator.object().object ?? [:], generator.object().object ?? [:])
            // Mostly alike, as two states of one object are.
            for (name, value) in one where !generator.chance(4) { other[name] = value }
            if generator.chance(5) { one = other }
            let ids = ["a", "b"]
            let left = ObjectDocument(
                type: "user", id: "u", attributes: one, links: ["x": ids, "y": ids], children: ["c": [1], "d": [2]])
            let right = ObjectDocument(
                type: "user", id: "u", attributes: other, links: ["x": ids, "z": ids], children: ["c": [1], "d": [3]])
            #expect(left.sharing(right) == left && right.sharing(left) == right && left.sharing(nil) == left)
        }
    }

    @Test func `one document instead of a list is written as a list of one`() throws {
        let text = try DocumentText(
            type: "user", attributes: CanonicalObject(Array("{}".utf8)),
            children: [("photo", Array(#"{"width":1}"#.utf8)), ("licenses", Array("[]".utf8))], id: { _ in "u" })
        var children: [UInt8] = []
        text.appendChildren(to: &children)
        #expect(String(decoding: children, as: UTF8.self) == #"{"licenses":[],"photo":[{"width":1}]}"#)
        #expect(try text.parsed().children == ["photo": [["width": 1]], "licenses": []])
    }
}
