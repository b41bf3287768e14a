import Crypto
public import Foundation

/// A bearer token of the programming interface: `eb_org_` or `eb_user_`, 43 random characters, 6 of checksum.
///
/// The random part has 256 bits, so that what is stored is a plain SHA-256: there is nothing to guess that a slow hash
/// would protect. The checksum tells a mistyped or cut token from an unknown one without a query, and lets scanners of
/// source code recognise a token without false alarms. `description` is the prefix; only ``text`` is the secret.
public struct AccessToken: Sendable, Hashable, CustomStringConvertible {
    /// Whose token it is; said in the token, so that one is not taken for the other.
    public enum Kind: String, Sendable, CaseIterable {
        case organization = "org"
        case user
    }

    /// Read from the token's own text.
    public let kind: Kind
    /// The token itself: shown once, never stored, never logged.
    public let text: String

    /// The beginning that tells tokens apart in lists: `eb_org_` and six characters.
    public var prefix: String { String(text.prefix(Self.start(of: kind).count + Self.shown)) }

    /// SHA-256 of the token, 32 bytes: what is stored.
    public var hash: Data { Data(SHA256.hash(data: Data(text.utf8))) }

    public var description: String { "\(prefix)…" }

    /// Draws a new one from the system's cryptographic generator.
    public static func make(_ kind: Kind) -> AccessToken {
        var generator = SystemRandomNumberGenerator()
        return make(kind, using: &generator)
    }

    static func make(_ kind: Kind, using generator: inout some RandomNumberGenerator) -> AccessToken {
        var text = start(of: kind)
        for _ in 0..<random { text.append(digits[Int.random(in: 0..<digits.count, using: &generator)]) }
        return AccessToken(kind: kind, text: text + checksum(of: text))
    }

    /// Nil when the text is none: mistyped, cut, with anything before or after it.
    public init?(_ text: String) {
        for kind in Kind.allCases {
            let start = Self.start(of: kind)
            guard text.hasPrefix(start), text.utf8.count == start.utf8.count + Self.random + Self.checked,
                text.utf8.dropFirst(start.utf8.count).allSatisfy(Self.codes.contains),
                text.hasSuffix(Self.checksum(of: text.dropLast(Self.checked)))
            else { continue }
            self.init(kind: kind, text: text)
            return
        }
        return nil
    }

    private init(kind: Kind, text: String) {
        self.kind = kind
        self.text = text
    }

    // MARK: Form

    private static let digits = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    private static let codes = Set(String(digits).utf8)
    /// 62^43 is just above 2^256.
    private static let random = 43
    /// 62^6 is above 2^32.
    private static let checked = 6
    private static let shown = 6

    private static func start(of kind: Kind) -> String { "eb_\(kind.rawValue)_" }

    /// The CRC-32 of what stands before it, in six digits of base 62.
    private static func checksum(of text: some StringProtocol) -> String {
        var rest = Int(crc32(text.utf8))
        var result: [Character] = []
        for _ in 0..<checked {
            result.append(digits[rest % digits.count])
            rest /= digits.count
        }
        return String(result.reversed())
    }

    /// The CRC-32 of Ethernet and ZIP (ISO/IEC/IEEE 8802-3), bit by bit: 60 bytes need no table.
    static func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }
}
