import BackupModel
import Testing

@Suite("Diff") struct DiffTests {
    private func user(_ attributes: JSONObject, links: [String: [String]] = [:], children: [String: [JSONValue]] = [:])
        -> ObjectDocument
    {
        ObjectDocument(type: "user", id: "u", attributes: attributes, links: links, children: children)
    }

    @Test func `Objects are gone into, arrays are reported whole`() throws {
        let old = user([
            "jobTitle": "A", "p": ["x": 1, "y": ["z": [1, 2]], "same": [1]], "gone": 1, "nulled": 1, "a/b": 1,
        ])
        let new = user([
            "jobTitle": "B", "p": ["x": 1, "y": ["z": [1, 3]], "same": [1]], "new": ["k": 1], "nulled": .null, "a/b": 2,
        ])
        let change = try #require(ObjectDiff.between(old, new))
        #expect(change.kind == .updated)
        #expect(
            change.attributes.map(\.path.description) == ["/a~1b", "/gone", "/jobTitle", "/new", "/nulled", "/p/y/z"])
        #expect(
            change.attributes[1...] == [
                .init(path: JSONPointer(["gone"]), from: 1, to: nil),
                .init(path: JSONPointer(["jobTitle"]), from: "A", to: "B"),
                .init(path: JSONPointer(["new"]), from: nil, to: ["k": 1]),
                .init(path: JSONPointer(["nulled"]), from: 1, to: .null),
                .init(path: JSONPointer(["p", "y", "z"]), from: [1, 2], to: [1, 3]),
            ])
    }

    @Test func `Absent and null are different in the model and alike in JSON`() throws {
        let change = try #require(ObjectDiff.between(user([:]), user(["a": .null])))
        #expect(change.attributes == [.init(path: JSONPointer(["a"]), from: nil, to: .null)])
        #expect(change.attributes[0].json == ["path": "/a", "from": .null, "to": .null])
    }

    @Test func `Links and children`() throws {
        let old = user(
            [:], links: ["manager": ["m"], "members": ["a", "b"]], children: ["settings": [1], "same": [2]])
        let new = user(
            [:], links: ["members": ["c", "b"], "owners": ["o"]],
            children: ["rules": [], "settings": [1, 2], "same": [2]])
        let change = try #require(ObjectDiff.between(old, new))
        #expect(
            change.links == [
                .init(name: "manager", added: [], removed: ["m"]), .init(name: "members", added: ["c"], removed: ["a"]),
                .init(name: "owners", added: ["o"], removed: []),
            ])
        #expect(
            change.children == [
                .init(name: "rules", from: nil, to: []), .init(name: "settings", from: [1], to: [1, 2]),
            ])
    }

    @Test func `Coming, going and coming back`() throws {
        let present = user(["displayName": "D", "a": 1], links: ["m": ["x"]], children: ["c": [1]])
        var deleted = present
        deleted.state = .deleted
        let expected: [(ObjectDocument?, ObjectDocument?, Bool, ObjectChange.Kind?)] = [
            (nil, present, false, .added), (nil, present, true, .restored), (deleted, present, false, .restored),
            (present, nil, false, .deleted), (present, deleted, true, .deleted), (nil, nil, true, nil),
            (deleted, deleted, true, nil), (nil, deleted, true, nil), (deleted, nil, true, nil),
            (present, present, true, nil),
        ]
        for (old, new, before, kind) in expected {
            let change = ObjectDiff.between(old, new, wasPresentBefore: before)
            #expect(change?.kind == kind)
            #expect(change?.displayName ?? "D" == "D")
            #expect(change?.attributes.isEmpty ?? true)
            #expect(change?.links.isEmpty ?? true)
            #expect(change?.children.isEmpty ?? true)
        }
    }

    @Test func `The JSON is that of the contract`() throws {
        let change = try #require(
            ObjectDiff.between(
                user(["displayName": "D", "a": 1], children: ["c": [1]]),
                user(["displayName": "D"], links: ["m": ["x"]])))
        #expect(
            change.json.canonicalText
                == #"{"attributes":[{"from":1,"path":"/a","to":null}],"change":"updated","#
                + #""children":[{"from":[1],"name":"c","to":null}],"displayName":"D","id":"u","#
                + #""links":[{"added":["x"],"name":"m","removed":[]}],"type":"user"}"#)
        var summary = ChangeSummary()
        for kind in [ObjectChange.Kind.added, .updated, .updated, .restored] { summary.count(kind) }
        #expect(summary.json == ["added": 1, "updated": 2, "deleted": 0, "restored": 1])
    }

    // MARK: Laws

    private func randomDocument(_ generator: inout JSONTextGenerator) -> ObjectDocument {
        var object = JSONObject()
        for _ in 0..<Int.random(in: 0..<8, using: &generator.random) {
            object[generator.text()] = generator.value(depth: 2)
        }
        var links: [String: [String]] = [:]
        var children: [String: [JSONValue]] = [:]
        for name in ["members", "owners", "manager"] where generator.chance(2) {
            links[name] = (0..<Int.random(in: 0..<5, using: &generator.random)).map { _ in
                generator.pick(["a", "b", "c", "d", "e"])
            }
        }
        for name in ["settings", "rules"] where generator.chance(2) {
            children[name] = (0..<Int.random(in: 0..<3, using: &generator.random)).map { _ in generator.object(depth: 4)
            }
        }
        return user(object, links: links, children: children)
    }

    /// The same document with some places changed, so that most of it stays.
    private func changed(_ document: ObjectDocument, _ generator: inout JSONTextGenerator) -> ObjectDocument {
        var document = document
        func change(_ object: JSONObject) -> JSONObject {
            var object = object
            for (name, value) in object {
                switch (Int.random(in: 0..<6, using: &generator.random), value) {
                case (0, _): object[name] = nil
                case (1, _): object[name] = generator.value(depth: 3)
                case (_, .object(let inner)): object[name] = .object(change(inner))
                default: break
                }
            }
            if generator.chance(2) { object[generator.text()] = generator.value(depth: 3) }
            return object
        }
        document.attributes = change(document.attributes)
        document.attributes["id"] = nil
        if generator.chance(2) { document.setLinks("members", [generator.pick(["a", "x"]), "b"]) }
        if generator.chance(3) { document.setLinks("owners", []) }
        if generator.chance(3) { document.children["rules"] = generator.chance(2) ? nil : [generator.value(depth: 4)] }
        return document
    }

    @Test func `Applying a difference to the old document gives the new one`() throws {
        var generator = JSONTextGenerator(6)
        var updates = 0
        for round in 0..<1_500 {
            let old = randomDocument(&generator)
            let new = round % 3 == 0 ? randomDocument(&generator) : changed(old, &generator)
            #expect(ObjectDiff.between(old, old) == nil)
            guard let change = ObjectDiff.between(old, new) else {
                #expect(old == new, "seed \(SeededNumbers.seed)")
                continue
            }
            updates += 1
            #expect(ObjectDiff.applying(change, to: old) == new, "seed \(SeededNumbers.seed)")
            let back = try #require(ObjectDiff.between(new, old))
            #expect(ObjectDiff.applying(back, to: new) == old, "seed \(SeededNumbers.seed)")
            #expect(back.attributes.map(\.path) == change.attributes.map(\.path))
            #expect(Set(change.attributes.map(\.path)).count == change.attributes.count)
        }
        #expect(updates > 1_000)
    }

    @Test func `The order in which Graph tells things makes no difference`() throws {
        var generator = JSONTextGenerator(7)
        var canonicalizer = Canonicalizer()
        func document(_ text: [UInt8], _ links: [String]) throws -> ObjectDocument {
            let bytes = try canonicalizer.canonicalise(text, 0..<text.count, CanonicalRules()).attributes
            return user(try #require(JSONValue(parsing: bytes).object), links: ["members": links])
        }
        for _ in 0..<300 {
            guard var object = generator.object().object else { continue }
            object["id"] = nil
            let links = (0..<6).map { _ in generator.text() }
            let one = try document(generator.write(.object(object), shuffles: true), links)
            let other = try document(
                generator.write(.object(object), shuffles: true), links.shuffled(using: &generator.random))
            #expect(ObjectDiff.between(one, other) == nil, "seed \(SeededNumbers.seed)")
        }
    }

    @Test func `Links whose ids differ in code points alone are different links`() throws {
        let (composed, decomposed) = ("\u{e9}", "e\u{301}")
        let both = user([:], links: ["members": [composed, decomposed, composed]])
        #expect(both.links["members"]?.map { Array($0.unicodeScalars) } == [["e", "\u{301}"], ["\u{e9}"]])
        #expect(both == user([:], links: ["members": [decomposed, composed]]))

        let one = user([:], links: ["members": [composed]])
        let other = user([:], links: ["members": [decomposed]])
        let change = try #require(ObjectDiff.between(one, other)?.links.first)
        #expect(change.added.map { Array($0.unicodeScalars) } == [["e", "\u{301}"]])
        #expect(change.removed.map { Array($0.unicodeScalars) } == [["\u{e9}"]])
        let applied = ObjectDiff.applying(try #require(ObjectDiff.between(one, other)), to: one)
        #expect(applied.links["members"]?.first?.unicodeScalars.count == 2)
        #expect(other.sharing(one).links["members"]?.first?.unicodeScalars.count == 2)
    }

    @Test func `A deletion changes the state, an addition has no content`() throws {
        let document = user(["a": 1])
        let deletion = try #require(ObjectDiff.between(document, nil))
        #expect(ObjectDiff.applying(deletion, to: document).state == .deleted)
        let addition = try #require(ObjectDiff.between(nil, document))
        #expect(ObjectDiff.applying(addition, to: document) == document)
    }
}
