/// An object's id as 16 bytes: a GUID, or the keyed hash that stands for an id that is none. Ordered by its bytes, as
/// PostgreSQL orders `uuid` and `bytea`.
public struct ObjectKey: Hashable, Comparable, Sendable {
    /// The first and the last eight bytes, big-endian.
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// From 16 raw bytes; nil for any other number of them.
    public init?(bytes: some Sequence<UInt8>) {
        // Byte by byte through a generic iterator it would take longer than comparing and storing the key.
        let whole = bytes.withContiguousStorageIfAvailable { bytes in
            bytes.count == 16 ? ObjectKey(loading: UnsafeRawBufferPointer(bytes), at: 0) : nil
        }
        if let whole {
            guard let whole else { return nil }
            self = whole
            return
        }
        var (high, low): (UInt64, UInt64) = (0, 0)
        var count = 0
        for byte in bytes {
            if count < 8 { high = high << 8 | UInt64(byte) } else { low = low << 8 | UInt64(byte) }
            count += 1
        }
        guard count == 16 else { return nil }
        self.init(high: high, low: low)
    }

    /// From a GUID in its usual form, `8-4-4-4-12` hexadecimal digits in either case; nil for any other text.
    public init?(_ text: String) {
        var text = text
        guard let key = text.withUTF8({ ObjectKey($0) }) else { return nil }
        self = key
    }

    init?(_ text: UnsafeBufferPointer<UInt8>) {
        guard text.count == 36 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for index in 0..<36 {
            let byte = text[index]
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == 0x2D else { return nil }
                continue
            }
            guard let digit = hexDigit(byte) else { return nil }
            if index < 18 { words.0 = words.0 << 4 | UInt64(digit) } else { words.1 = words.1 << 4 | UInt64(digit) }
        }
        self.init(high: words.0, low: words.1)
    }

    /// The 16 bytes.
    public var bytes: [UInt8] { withBytes { Array($0) } }

    public static func < (left: Self, right: Self) -> Bool {
        left.high == right.high ? left.low < right.low : left.high < right.high
    }
}

extension ObjectKey: CustomStringConvertible, LosslessStringConvertible {
    /// The GUID in lower case.
    public var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var place = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    buffer[place] = 0x2D
                    place += 1
                }
                let word = digit < 16 ? high : low
                let value = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (digit & 15))) & 15
                buffer[place] = value < 10 ? 0x30 + value : 0x57 + value
                place += 1
            }
            return place
        }
    }
}

extension ObjectKey: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let key = ObjectKey(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a GUID")
        }
        self = key
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
