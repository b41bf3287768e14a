import BackupModel
import Foundation
import Testing

/// Laws of the canonical form, over random values, and two other parsers as oracles.
@Suite("Canonical: laws") struct CanonicalLawTests {
    @Test func `Neither order, nor white space, nor escapes matter`() throws {
        var generator = JSONTextGenerator(10)
        var canonicalizer = Canonicalizer()
        for _ in 0..<1_000 {
            let object: JSONValue = ["k": generator.value(), "l": generator.value()]
            let one = generator.write(object, shuffles: true)
            let other = generator.write(object, shuffles: true)
            #expect(
                try canonicalizer.canonicalise(one, 0..<one.count, CanonicalRules()).attributes
                    == canonicalizer.canonicalise(other, 0..<other.count, CanonicalRules()).attributes,
                "seed \(SeededNumbers.seed)")
        }
    }

    @Test func `The canonical form of a canonical form is itself`() throws {
        var generator = JSONTextGenerator(11)
        var canonicalizer = Canonicalizer()
        for rules in [CanonicalRules(), CanonicalRules(orderedArrays: true)] {
            for _ in 0..<1_000 {
                let text = generator.write(["k": generator.value(), "l": generator.value()])
                let once = try canonicalizer.canonicalise(text, 0..<text.count, rules).attributes
                let twice = try canonicalizer.canonicalise(once, 0..<once.count, rules).attributes
                #expect(once == twice, "seed \(SeededNumbers.seed)")
            }
        }
    }

    @Test func `With ordered arrays it is what the value parser writes`() throws {
        var generator = JSONTextGenerator(12)
        for _ in 0..<1_000 {
            let value = generator.value()
            #expect(
                try JSONGrammarTests.canonical(generator.write(value)).get() == value.canonicalBytes,
                "seed \(SeededNumbers.seed)")
        }
    }

    @Test func `Different values have different forms`() throws {
        var generator = JSONTextGenerator(13)
        var values: [[UInt8]: JSONValue] = [:]
        for _ in 0..<2_000 {
            let value = generator.value()
            let form = try JSONGrammarTests.canonical(generator.write(value)).get()
            if let known = values[form] { #expect(known == value, "seed \(SeededNumbers.seed)") }
            values[form] = value
        }
        #expect(Set(values.values).count == values.count)
    }

    @Test func `Foundation reads the same out of a text and out of its canonical form`() throws {
        var generator = JSONTextGenerator(14)
        for _ in 0..<800 {
            let value = generator.value()
            guard Self.isClear(value) else { continue }
            let text = generator.write(value)
            let form = try JSONGrammarTests.canonical(text).get()
            let one = try JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)
            let other = try JSONSerialization.jsonObject(with: Data(form), options: .fragmentsAllowed)
            #expect((one as? NSObject) == (other as? NSObject), "seed \(SeededNumbers.seed)")
        }
    }

    /// Whether no object has two names that Foundation takes for one: it compares by canonical equivalence, JSON by code
    /// points, so which of the two members stays depends on their order.
    private static func isClear(_ value: JSONValue) -> Bool {
        if let object = value.object {
            return Set(object.names).count == object.names.count && object.allSatisfy { isClear($0.value) }
        }
        return value.array?.allSatisfy(isClear) ?? true
    }
}

/// Damaged bodies: never a crash, and the three parsers agree on what is JSON.
@Suite("Canonical: damaged input") struct CanonicalDamageTests {
    private let rules = CanonicalRules(
        droppedAttributes: ["x"], captured: ["members"], keepsObjectType: true, readsWords: true)

    private func page(_ generator: inout JSONTextGenerator) -> [UInt8] {
        var items: [JSONValue] = []
        for _ in 0..<3 {
            var object = generator.object(depth: 2).object ?? [:]
            object["id"] = .string(generator.chance(2) ? "ffff7b1a-13b6-477b-8c0c-380905cd99f7" : generator.text())
            object["members"] = [["id": "a", "@odata.type": "#t"]]
            object["@odata.type"] = "#microsoft.graph.user"
            if generator.chance(4) { object["@removed"] = ["reason": "changed"] }
            items.append(.object(object))
        }
        return generator.write(["@odata.nextLink": "n", "@odata.count": 3, "value": .array(items)])
    }

    /// Whether every item can be made canonical; errors of ids and types that are no strings aside.
    private func isCanonicalisable(_ bytes: [UInt8], _ page: GraphPage) -> Bool? {
        var canonicalizer = Canonicalizer()
        for item in page.items {
            do {
                let found = try canonicalizer.canonicalise(bytes, item, rules)
                _ = try canonicalizer.canonicalise(found.attributes, 0..<found.attributes.count, rules)
                for captured in found.captured {
                    _ = try? LinkTarget.targets(bytes, captured.range)
                    _ = try? canonicalizer.canonicalChildren(bytes, captured.range, rules)
                }
            } catch {
                if [.notAnObject, .notAString].contains(error.what) { return nil }
                return false
            }
        }
        return true
    }

    @Test func `Damaged pages never crash and are judged alike`() {
        var generator = JSONTextGenerator(20)
        var counts = (valid: 0, invalid: 0)
        for _ in 0..<8_000 {
            let bytes = generator.damaged(page(&generator))
            let value = try? JSONValue(parsing: bytes)
            let page = try? GraphPage(bytes)
            if value == nil { counts.invalid += 1 } else { counts.valid += 1 }
            if let page, value != nil {
                #expect(isCanonicalisable(bytes, page) != false, "seed \(SeededNumbers.seed)")
            }
            if let page, value == nil, let judgement = isCanonicalisable(bytes, page) {
                // Only repeated names and numbers out of range outside the items, or inside what is dropped, go unseen.
                #expect(!judgement || isOnlyRepeated(bytes), "seed \(SeededNumbers.seed)")
            }
            if page == nil, value?.object != nil {
                #expect(isRefusedByPageAlone(bytes), "seed \(SeededNumbers.seed)")
            }
        }
        #expect(counts.valid > 200 && counts.invalid > 2_000)
    }

    private func isOnlyRepeated(_ bytes: [UInt8]) -> Bool {
        do {
            _ = try JSONValue(parsing: bytes)
            return true
        } catch {
            return error.what == .duplicateKey || error.what == .numberOutOfRange
        }
    }

    private func isRefusedByPageAlone(_ bytes: [UInt8]) -> Bool {
        do {
            _ = try GraphPage(bytes)
            return false
        } catch {
            return error.what == .notAString
        }
    }

    @Test func `Random bytes never crash`() {
        var random = SeededNumbers.run(21)
        var canonicalizer = Canonicalizer()
        let alphabet =
            Array(#"{}[]":,\u0123456789abcdefnulltrue@.-+eE "#.utf8) + [0, 0x1F, 0x7F, 0x80, 0xC3, 0xE2, 0xF0, 0xFF]
        for _ in 0..<20_000 {
            let count = Int.random(in: 0..<40, using: &random)
            let bytes = (0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] }
            _ = try? JSONValue(parsing: bytes)
            _ = try? GraphPage(bytes)
            _ = try? canonicalizer.canonicalise(bytes, 0..<count, rules)
            _ = try? LinkTarget.targets(bytes, 0..<count)
        }
    }
}
