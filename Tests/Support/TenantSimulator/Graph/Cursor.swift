/// The opaque part of next and delta links: fields, scrambled so that clients cannot live on reading them.
struct Cursor {
    var fields: [String]

    init(_ fields: [String]) { self.fields = fields }

    init?(_ token: String) {
        guard let bytes = Base64.decode(token), bytes.count > 4 else { return nil }
        let plain = Self.scramble(Array(bytes.dropFirst(4)), salt: bytes[0])
        guard Self.check(plain) == Array(bytes[1..<4]) else { return nil }
        fields = String(decoding: plain, as: UTF8.self).split(separator: "|", omittingEmptySubsequences: false).map(
            String.init)
    }

    var token: String {
        let plain = Array(fields.joined(separator: "|").utf8)
        let check = Self.check(plain)
        let salt = check[0] ^ 0x5A
        return Base64.encodeURL([salt] + check + Self.scramble(plain, salt: salt))
    }

    func integer(_ position: Int) -> Int? { fields.indices.contains(position) ? Int(fields[position]) : nil }

    private static func scramble(_ bytes: [UInt8], salt: UInt8) -> [UInt8] {
        var random = SeededRandom(seed: UInt64(salt) &+ 0xC0DE)
        return bytes.map { $0 ^ UInt8(truncatingIfNeeded: random.next()) }
    }

    private static func check(_ bytes: [UInt8]) -> [UInt8] {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = SeededRandom.mix(hash)
        return (0..<3).map { UInt8(truncatingIfNeeded: hash >> UInt64(8 * $0)) }
    }
}
