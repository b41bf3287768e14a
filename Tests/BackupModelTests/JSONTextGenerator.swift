import BackupModel
import Foundation

/// Seeded random numbers (SplitMix64): one seed, one sequence, on every machine.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// The seed of this run, printed; `ENTRA_BACKUP_SEED` repeats an earlier one.
    static let seed: UInt64 = {
        let given = ProcessInfo.processInfo.environment["ENTRA_BACKUP_SEED"].flatMap(UInt64.init)
        let seed = given ?? UInt64.random(in: 0..<1 << 32)
        print("seed: \(seed) (set ENTRA_BACKUP_SEED to repeat)")
        return seed
    }()

    static func run(_ salt: UInt64) -> SeededNumbers { SeededNumbers(seed ^ salt &* 0x1000_0001) }
}

/// Makes random JSON values, and many texts for one value: members in any order, white space, escapes that need not be.
struct JSONTextGenerator {
    var random: SeededNumbers

    init(_ salt: UInt64) {
        random = .run(salt)
    }

    mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &random)]
    }

    // MARK: Values

    mutating func value(depth: Int = 0) -> JSONValue {
        switch Int.random(in: 0..<(depth > 4 ? 7 : 11), using: &random) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &random))
        case 2, 3: return number()
        case 4...6: return .string(text())
        case 7, 8: return .array((0..<Int.random(in: 0..<6, using: &random)).map { _ in value(depth: depth + 1) })
        default: return object(depth: depth)
        }
    }

    mutating func object(depth: Int = 0) -> JSONValue {
        var object = JSONObject()
        for _ in 0..<Int.random(in: 0..<(chance(12) ? 90 : 9), using: &random) {
            object[text(isName: true)] = value(depth: depth + 1)
        }
        return .object(object)
    }

    mutating func number() -> JSONValue {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return JSONValue(Int.random(in: -20...20, using: &random))
        case 1: return JSONValue(Int64.random(in: .min ... .max, using: &random))
        case 2: return JSONValue(Double.random(in: -1000...1000, using: &random))
        case 3:
            return JSONValue(
                Double(Int.random(in: -9...9, using: &random))
                    * pow(10, Double.random(in: -8...25, using: &random).rounded()))
        default: return JSONValue(Double(bitPattern: random.next()))
        }
    }

    /// Characters of every length in UTF-8 and UTF-16, those that must be escaped, combining ones; never an `@`.
    private static let alphabet: [Unicode.Scalar] = Array(
        "abBzZ019_-./ \"\\\n\t\u{8}\u{c}\r\u{0}\u{1f}\u{7f}\u{80}éèe\u{301}ßЖ漢字€\u{fb33}\u{ffff}😀𐍈\u{10ffff}"
            .unicodeScalars)

    mutating func text(isName: Bool = false) -> String {
        if chance(3) { return pick(["id", "displayName", "value", "mail", "x", "members", "a", "b", "aa", "ab"]) }
        let onlyLetters = Bool.random(using: &random)
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0..<(chance(8) ? 40 : 12), using: &random) {
            let scalar = pick(Self.alphabet)
            text.append(onlyLetters && !scalar.properties.isAlphabetic ? "k" : scalar)
        }
        return String(text)
    }

    // MARK: Texts

    /// One of the many texts of a value. `shuffles`: arrays too come in any order.
    mutating func write(_ value: JSONValue, shuffles: Bool = false) -> [UInt8] {
        var bytes: [UInt8] = []
        write(value, shuffles, to: &bytes)
        return bytes
    }

    private mutating func write(_ value: JSONValue, _ shuffles: Bool, to bytes: inout [UInt8]) {
        space(&bytes)
        switch value {
        case .array(let elements):
            list(shuffles ? elements.shuffled(using: &random) : elements, 0x5B, 0x5D, &bytes) {
                generator, element, bytes in
                generator.write(element, shuffles, to: &bytes)
            }
        case .object(let object):
            list(object.shuffled(using: &random), 0x7B, 0x7D, &bytes) { generator, member, bytes in
                generator.space(&bytes)
                generator.write(member.name, to: &bytes)
                generator.space(&bytes)
                bytes.append(0x3A)
                generator.write(member.value, shuffles, to: &bytes)
            }
        case .string(let text): write(text, to: &bytes)
        default: bytes += value.canonicalBytes
        }
        space(&bytes)
    }

    private mutating func list<Element>(
        _ elements: [Element], _ opening: UInt8, _ closing: UInt8, _ bytes: inout [UInt8],
        _ writeElement: (inout JSONTextGenerator, Element, inout [UInt8]) -> Void
    ) {
        bytes.append(opening)
        for (index, element) in elements.enumerated() {
            if index > 0 { bytes.append(0x2C) }
            writeElement(&self, element, &bytes)
        }
        if elements.isEmpty { space(&bytes) }
        bytes.append(closing)
    }

    private mutating func space(_ bytes: inout [UInt8]) {
        if chance(6) { bytes += pick([" ", "\n", "\t", "\r\n", "   "]).utf8 }
    }

    private mutating func write(_ text: String, to bytes: inout [UInt8]) {
        let escapesMuch = chance(4)
        bytes.append(0x22)
        for scalar in text.unicodeScalars {
            let isNeeded = scalar.value < 0x20 || scalar == "\"" || scalar == "\\"
            if isNeeded || (escapesMuch && chance(2)) {
                for unit in String(scalar).utf16 {
                    let hex = String(unit, radix: 16, uppercase: Bool.random(using: &random))
                    bytes += ("\\u" + String(repeating: "0", count: 4 - hex.count) + hex).utf8
                }
            } else if scalar == "/", chance(2) {
                bytes += "\\/".utf8
            } else {
                bytes += String(scalar).utf8
            }
        }
        bytes.append(0x22)
    }

    // MARK: Damage

    /// The same bytes with one to four places changed, doubled, taken away or filled with what a parser may stumble on.
    mutating func damaged(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(bytes[place], at: place)
            case 3: bytes.removeSubrange(place...)
            case 4: bytes.insert(contentsOf: pick(Self.stumbling).utf8, at: place)
            default:
                let other = Int.random(in: 0..<bytes.count, using: &random)
                bytes.insert(contentsOf: Array(bytes[min(place, other)..<max(place, other)].prefix(60)), at: place)
            }
        }
        return bytes
    }

    private static let stumbling = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "\\udc00", "\\u0000", "-", "0", "01", "1.", "1e",
        "1e400",
        ".5", "+1", "null", "nul", "NaN", "Infinity", "true", "\u{feff}", "\u{0}", "//", "'", "\"id\":",
        "\"@odata.type\":\"x\",",
    ]
}
