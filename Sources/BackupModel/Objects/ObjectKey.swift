/// An object's id as 16 bytes: a GUID, or the keyed hash that stands for an id that is none. Ordered by its bytes, as
/// PostgreSQL orders `uuid` and `bytea`.
public struct ObjectKey: Hashable, Comparable, Sendable {
    /// The first and the last eight bytes, big-endian.
    public let high: UInt64
    /// The last eight bytes, big-endian.
    public let low: UInt64

    /// The two halves of the 16 bytes.
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
        guard text.count == 36, text[8] == 0x2D, text[13] == 0x2D, text[18] == 0x2D, text[23] == 0x2D else {
            return nil
        }
        // Two ids a link and one an object: digit by digit it would be a large part of reading a page of them.
        let raw = UnsafeRawBufferPointer(text)
        func digits(_ first: Int, _ second: Int) -> UInt64 {
            let left = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: first, as: UInt32.self))
            let right = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: second, as: UInt32.self))
            return UInt64(right) << 32 | UInt64(left)
        }
        guard let first = eightHexDigits(digits(0, 4)), let second = eightHexDigits(digits(9, 14)),
            let third = eightHexDigits(digits(19, 24)), let fourth = eightHexDigits(digits(28, 32))
        else { return nil }
        self.init(high: UInt64(first) << 32 | UInt64(second), low: UInt64(third) << 32 | UInt64(fourth))
    }

    /// The 16 bytes.
    public var bytes: [UInt8] { withBytes { Array($0) } }

    public static func < (left: Self, right: Self) -> Bool {
        left.high == right.high ? left.low < right.low : left.high < right.high
    }
}

/// The value of eight hexadecimal digits in either case, the first one in the lowest byte; nil for any other bytes.
private func eightHexDigits(_ text: UInt64) -> UInt32? {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let letters = text >> 6 & ones
    var values = (text & 0x0F0F_0F0F_0F0F_0F0F) + 9 * letters
    guard values & 0xF0F0_F0F0_F0F0_F0F0 == 0 else { return nil }
    // Back to text: what does not come out as it came in was no digit. A letter counts in lower case.
    let tens = (values + 6 * ones) >> 4 & ones
    guard values + 0x30 * ones + 0x27 * tens == text | letters << 5 else { return nil }
    values = (values << 4 | values >> 8) & 0x00FF_00FF_00FF_00FF
    values = (values | values >> 8) & 0x0000_FFFF_0000_FFFF
    return UInt32(truncatingIfNeeded: values | values >> 16).byteSwapped
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
