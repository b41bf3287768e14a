import BackupModel
import Testing

@Suite("Restore storage") struct RestoreJSONTests {
    @Test func `Steps, results, options, conflicts and to-dos survive storage`() throws {
        var make = RestoreMaker(SeededNumbers.run(31))
        for _ in 0..<300 {
            let step = make.step()
            #expect(try RestoreStep(decoding: step.encoded) == step, "seed \(SeededNumbers.seed)")
            let result = make.result()
            #expect(try RestoreResult(decoding: result.encoded) == result, "seed \(SeededNumbers.seed)")
            let options = make.options()
            #expect(try RestoreOptions(decoding: options.encoded) == options, "seed \(SeededNumbers.seed)")
            let conflicts = make.list { $0.conflict() }
            #expect(try [RestoreConflict](decoding: conflicts.encoded) == conflicts, "seed \(SeededNumbers.seed)")
            let todos = make.list { $0.todo() }
            #expect(try [RestoreTodo](decoding: todos.encoded) == todos, "seed \(SeededNumbers.seed)")
        }
    }

    @Test func `Nothing and null are two things in storage and one in print`() throws {
        let path = JSONPointer(["a"])
        let step = RestoreStep(
            wave: 1, action: .update, type: "user", id: "u", displayName: "U",
            attributes: [
                ObjectChange.Attribute(path: path, from: nil, to: .null),
                ObjectChange.Attribute(path: path, from: .null, to: nil),
            ], children: [ObjectChange.Children(name: "c", from: nil, to: [])], reason: "r")
        let back = try RestoreStep(decoding: step.encoded)
        #expect(back.attributes[0].from == nil && back.attributes[0].to == .null)
        #expect(back.attributes[1].from == .null && back.attributes[1].to == nil)
        #expect(back.children[0].from == nil && back.children[0].to == [])
        #expect(step.json["writes"]?[0] == ["path": "/a", "from": .null, "to": .null])
    }

    @Test func `Stored bytes that are damaged are refused by name`() {
        var make = RestoreMaker(SeededNumbers.run(32))
        let bytes = make.step().encoded
        #expect(throws: RestoreDecodingError(what: "RestoreStep")) {
            try RestoreStep(decoding: Array(bytes.dropLast()))
        }
        #expect(throws: RestoreDecodingError.self) { try RestoreResult(decoding: bytes) }
        #expect(throws: RestoreDecodingError.self) { try [RestoreTodo](decoding: Array("[1]".utf8)) }
    }

    @Test func `The plan prints as the contract says`() throws {
        let tenant = try #require(TenantID("11111111-1111-1111-1111-111111111111"))
        var step = RestoreStep(
            number: 1, wave: 1, action: .link, type: "group", id: "g", displayName: "G",
            links: [ObjectChange.Links(name: "members", added: ["u"], removed: [])], reason: "why", cost: 3)
        step.attributes = [ObjectChange.Attribute(path: JSONPointer(["x"]), from: 1, to: 2)]
        let plan = RestorePlan(
            tenant: tenant, source: tenant, snapshot: 4, liveSnapshot: 5, options: RestoreOptions(), steps: [step],
            conflicts: [RestoreConflict(code: "c", type: "t", id: "i", message: "m", hint: "h")],
            todos: [RestoreTodo(code: "c", type: "t", id: "i", message: "m")])
        let json = plan.json
        let first = try #require(json["steps"]?[0])
        #expect(first["n"] == 1 && first["action"] == "link" && first["cost"] == 3 && first["reason"] == "why")
        #expect(first["writes"] == [["path": "/x", "from": 1, "to": 2]])
        #expect(first["links"] == [["name": "members", "added": ["u"], "removed": []]])
        #expect(json["conflicts"] == [["code": "c", "type": "t", "id": "i", "message": "m", "hint": "h"]])
        #expect(json["todos"] == [["code": "c", "type": "t", "id": "i", "message": "m"]])
        #expect(json["requests"] == 3)
        let result = RestoreResult(
            number: 1, outcome: .done, verified: true,
            differences: [RestoreResult.Difference(path: "/x", expected: 1, found: nil)])
        #expect(result.json["n"] == 1 && result.json["outcome"] == "done" && result.json["verified"] == true)
        #expect(result.json["differences"] == [["path": "/x", "expected": 1, "found": .null]])
        #expect(RestoreResult.NewID(type: "user", from: "a", to: "b").json == ["type": "user", "from": "a", "to": "b"])
    }
}

/// Random parts of plans.
struct RestoreMaker {
    var random: SeededNumbers

    init(_ random: SeededNumbers) {
        self.random = random
    }

    mutating func text() -> String {
        let pieces = ["a", "ü", "\u{65}\u{301}", "\"", "\\", "/", "~", "\u{0}", "\u{1F600}", "", "id"]
        return (0..<Int.random(in: 0..<4, using: &random)).map { _ in
            pieces.randomElement(using: &random) ?? ""
        }.joined()
    }

    mutating func list<T>(_ make: (inout RestoreMaker) -> T) -> [T] {
        (0..<Int.random(in: 0..<4, using: &random)).map { _ in make(&self) }
    }

    mutating func maybe<T>(_ make: (inout RestoreMaker) -> T) -> T? {
        Bool.random(using: &random) ? make(&self) : nil
    }

    mutating func value(_ depth: Int = 0) -> JSONValue {
        switch Int.random(in: 0..<(depth < 3 ? 6 : 4), using: &random) {
        case 0: .null
        case 1: .bool(Bool.random(using: &random))
        case 2: JSONValue(Int.random(in: -9...9_000_000_000, using: &random))
        case 3: .string(text())
        case 4: .array(list { $0.value(depth + 1) })
        default: .object(object(depth + 1))
        }
    }

    mutating func object(_ depth: Int = 0) -> JSONObject { JSONObject(list { ($0.text(), $0.value(depth)) }) }

    mutating func document() -> ObjectDocument {
        ObjectDocument(
            type: text(), id: text(), attributes: object(),
            links: Dictionary(list { ($0.text(), $0.list { $0.text() }) }, uniquingKeysWith: { $1 }),
            children: Dictionary(list { ($0.text(), $0.list { $0.value() }) }, uniquingKeysWith: { $1 }))
    }

    mutating func step() -> RestoreStep {
        RestoreStep(
            number: Int.random(in: 0...9999, using: &random), wave: Int.random(in: 1...40, using: &random),
            action: RestoreStep.Action.allCases.randomElement(using: &random) ?? .create, type: text(), id: text(),
            displayName: text(),
            attributes: list { make in
                let tokens = make.list { $0.text() }
                return ObjectChange.Attribute(
                    path: JSONPointer(tokens), from: make.maybe { $0.value() }, to: make.maybe { $0.value() })
            },
            links: list { make in
                ObjectChange.Links(name: make.text(), added: make.list { $0.text() }, removed: make.list { $0.text() })
            },
            children: list { make in
                ObjectChange.Children(
                    name: make.text(), from: make.maybe { $0.list { $0.value() } },
                    to: make.maybe { $0.list { $0.value() } })
            },
            document: maybe { $0.document() }, reason: text(), cost: Int.random(in: 0...99, using: &random))
    }

    mutating func conflict() -> RestoreConflict {
        RestoreConflict(code: text(), type: text(), id: text(), message: text(), hint: text())
    }

    mutating func todo() -> RestoreTodo { RestoreTodo(code: text(), type: text(), id: text(), message: text()) }

    mutating func result() -> RestoreResult {
        RestoreResult(
            number: Int.random(in: 0...9999, using: &random),
            outcome: RestoreResult.Outcome.allCases.randomElement(using: &random) ?? .done,
            verified: Bool.random(using: &random),
            differences: list { make in
                RestoreResult.Difference(
                    path: make.text(), expected: make.maybe { $0.value() }, found: make.maybe { $0.value() })
            },
            message: text(), code: maybe { $0.text() },
            newIDs: list { RestoreResult.NewID(type: $0.text(), from: $0.text(), to: $0.text()) },
            todos: list { $0.todo() })
    }

    mutating func options() -> RestoreOptions {
        func set(_ make: inout RestoreMaker) -> Set<String>? { make.maybe { Set($0.list { $0.text() }) } }
        return RestoreOptions(
            types: set(&self), ids: set(&self), attributes: set(&self), links: set(&self),
            attributesMode: RestoreOptions.AttributesMode.allCases.randomElement(using: &random) ?? .merge,
            linksMode: RestoreOptions.LinksMode.allCases.randomElement(using: &random) ?? .merge,
            newObjects: RestoreOptions.NewObjects.allCases.randomElement(using: &random) ?? .keep,
            withReferences: Bool.random(using: &random),
            domains: Dictionary(list { ($0.text(), $0.text()) }, uniquingKeysWith: { $1 }),
            breakGlass: maybe { $0.text() })
    }
}
