/// 32 bytes that stand for a content: HMAC-SHA-256 under the tenant's digest key. Equal digests mean equal content.
public struct Digest: Hashable, Comparable, Sendable {
    let first: ObjectKey
    let second: ObjectKey

    /// From 32 raw bytes; nil for any other number of them.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 32, let first = ObjectKey(bytes: bytes.prefix(16)),
            let second = ObjectKey(bytes: bytes.dropFirst(16))
        else {
            return nil
        }
        self.first = first
        self.second = second
    }

    /// From 64 hexadecimal digits in either case; nil for any other text.
    public init?(_ hex: String) {
        let digits = hex.utf8.compactMap { hexDigit($0) }
        guard digits.count == 64, hex.utf8.count == 64 else { return nil }
        self.init(bytes: stride(from: 0, to: 64, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
    }

    /// The 32 bytes.
    public var bytes: [UInt8] { withBytes { Array($0) } }

    public static func < (left: Self, right: Self) -> Bool {
        left.first == right.first ? left.second < right.second : left.first < right.first
    }
}

extension Digest: CustomStringConvertible, LosslessStringConvertible {
    /// 64 hexadecimal digits in lower case.
    public var description: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

extension Digest: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let digest = Digest(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a digest of 32 bytes")
        }
        self = digest
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
