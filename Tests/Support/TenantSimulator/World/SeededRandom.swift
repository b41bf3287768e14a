/// SplitMix64: the same seed gives the same tenant on every machine and Swift version.
struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed &+ 0x9E37_79B9_7F4A_7C15 }

    /// A generator of its own for one purpose, so that adding draws elsewhere does not change it.
    init(seed: UInt64, purpose: StaticString) {
        var mixed = seed
        for offset in 0..<purpose.utf8CodeUnitCount {
            mixed = (mixed ^ UInt64(purpose.utf8Start[offset])) &* 0x100_0000_01B3
        }
        self.init(seed: mixed)
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0 when `bound` is not positive.
    mutating func below(_ bound: Int) -> Int {
        bound > 0 ? Int(next() % UInt64(bound)) : 0
    }

    mutating func range(_ bounds: ClosedRange<Int>) -> Int { bounds.lowerBound + below(bounds.count) }

    mutating func chance(_ share: Double) -> Bool { Double(next() >> 11) * 0x1p-53 < share }

    mutating func pick<Element>(_ list: [Element]) -> Element { list[below(list.count)] }

    /// A version 4 GUID in lower case.
    mutating func guid() -> String { Self.guid(next(), next()) }

    static func guid(_ high: UInt64, _ low: UInt64) -> String {
        let high = (high & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000
        let low = (low & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
        return String(unsafeUninitializedCapacity: 36) { out in
            var position = 0
            for nibble in 0..<32 {
                if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
                    out[position] = UInt8(ascii: "-")
                    position += 1
                }
                let word = nibble < 16 ? high : low
                let value = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (nibble & 15))) & 15
                out[position] = value < 10 ? 0x30 + value : 0x57 + value
                position += 1
            }
            return 36
        }
    }

    mutating func digits(_ count: Int) -> String {
        String(unsafeUninitializedCapacity: count) { out in
            for position in 0..<count { out[position] = 0x30 + UInt8(next() % 10) }
            return count
        }
    }

    mutating func base64(bytes: Int) -> String {
        Base64.encode((0..<bytes).map { _ in UInt8(truncatingIfNeeded: next()) })
    }
}

/// RFC 4648 encodings; the library does without Foundation to stay small.
enum Base64 {
    private static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let urlSafe = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    static func encode(_ bytes: [UInt8]) -> String { encode(bytes, alphabet: standard, padded: true) }

    static func encodeURL(_ bytes: [UInt8]) -> String { encode(bytes, alphabet: urlSafe, padded: false) }

    private static func encode(_ bytes: [UInt8], alphabet: [UInt8], padded: Bool) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count * 4 / 3 + 4)
        var position = 0
        while position < bytes.count {
            let left = bytes.count - position
            let one = UInt32(bytes[position]) << 16
            let two = left > 1 ? UInt32(bytes[position + 1]) << 8 : 0
            let three = left > 2 ? UInt32(bytes[position + 2]) : 0
            let group = one | two | three
            for index in 0..<min(4, left + 1) { out.append(alphabet[Int(group >> UInt32(18 - 6 * index)) & 63]) }
            if padded, left < 3 { out.append(contentsOf: repeatElement(UInt8(ascii: "="), count: 3 - left)) }
            position += 3
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Reads both alphabets, padding optional; nil when another character occurs.
    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var out: [UInt8] = []
        var group: UInt32 = 0
        var bits = 0
        for unit in text.utf8 where unit != UInt8(ascii: "=") {
            guard let value = value(of: unit) else { return nil }
            group = (group << 6) | value
            bits += 6
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
            }
        }
        return out
    }

    private static func value(of unit: UInt8) -> UInt32? {
        switch unit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(unit - 65)
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(unit - 71)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(unit) + 4
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
