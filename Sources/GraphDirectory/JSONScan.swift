import Foundation

/// Finds the parts of a JSON text by their places, so that bytes can be handed on exactly as they came.
///
/// It checks that strings end, that nesting is balanced and that nothing follows: enough to tell a cut or foreign body
/// from an answer. Grammar below the level that is looked at is the differ's affair.
struct JSONScan {
    typealias Member = (key: String, value: Range<Int>)

    private let bytes: UnsafeBufferPointer<UInt8>
    private var position: Int
    private let end: Int

    /// The members of the object that fills `range`; `nil` when it is not one.
    static func members(_ bytes: [UInt8], _ range: Range<Int>? = nil) -> [Member]? {
        bytes.withUnsafeBufferPointer { buffer in
            var scan = JSONScan(buffer, range ?? 0..<buffer.count)
            var found: [Member] = []
            let isWhole = scan.list(open: 0x7B, close: 0x7D) { scan in
                guard let key = scan.stringRange(), let name = string(bytes, key), scan.skipByte(0x3A),
                    let value = scan.value()
                else { return false }
                found.append((name, value))
                return true
            }
            return isWhole ? found : nil
        }
    }

    /// The elements of the array that fills `range`; `nil` when it is not one.
    static func elements(_ bytes: [UInt8], _ range: Range<Int>) -> [Range<Int>]? {
        bytes.withUnsafeBufferPointer { buffer in
            var scan = JSONScan(buffer, range)
            var found: [Range<Int>] = []
            let isWhole = scan.list(open: 0x5B, close: 0x5D) { scan in
                guard let value = scan.value() else { return false }
                found.append(value)
                return true
            }
            return isWhole ? found : nil
        }
    }

    /// The string in `range`, quotes included there; `nil` when it is not a string.
    static func string(_ bytes: [UInt8], _ range: Range<Int>) -> String? {
        guard range.count >= 2, bytes[range.lowerBound] == 0x22 else { return nil }
        let inside = bytes[range.lowerBound + 1..<range.upperBound - 1]
        if !inside.contains(0x5C) { return String(validating: inside, as: UTF8.self) }
        return try? JSONDecoder().decode(String.self, from: Data(bytes[range]))
    }

    /// The integer in `range`, also when it is written as a string.
    static func integer(_ bytes: [UInt8], _ range: Range<Int>) -> Int? {
        if let text = string(bytes, range) { return Int(text) }
        return String(validating: bytes[range], as: UTF8.self).flatMap { Int($0) }
    }

    private init(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    private mutating func skipSpace() {
        while position < end, bytes[position] == 0x20 || (0x09...0x0D).contains(bytes[position]) { position += 1 }
    }

    private mutating func skipByte(_ byte: UInt8) -> Bool {
        skipSpace()
        guard position < end, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func list(open: UInt8, close: UInt8, _ item: (inout JSONScan) -> Bool) -> Bool {
        guard skipByte(open) else { return false }
        if !skipByte(close) {
            repeat {
                guard item(&self) else { return false }
            } while skipByte(0x2C)
            guard skipByte(close) else { return false }
        }
        skipSpace()
        return position == end
    }

    private mutating func stringRange() -> Range<Int>? {
        skipSpace()
        let start = position
        guard position < end, bytes[position] == 0x22 else { return nil }
        return skipString() ? start..<position : nil
    }

    /// The cursor stands on the opening quote.
    private mutating func skipString() -> Bool {
        position += 1
        while position < end {
            // Most of a page is strings: eight bytes at a time, as long as none of them is a quote or a backslash.
            while end &- position >= 8 {
                let marks = Self.ends(
                    in: UnsafeRawBufferPointer(bytes).loadUnaligned(fromByteOffset: position, as: UInt64.self))
                position &+= marks == 0 ? 8 : marks.trailingZeroBitCount >> 3
                if marks != 0 { break }
            }
            guard position < end else { return false }
            switch bytes[position] {
            case 0x22:
                position += 1
                return true
            case 0x5C: position += 2
            default: position += 1
            }
        }
        return false
    }

    /// The top bit of each byte that is a quote or a backslash; only the lowest one is exact. The first byte in memory
    /// is the lowest one of the word.
    private static func ends(in bytes: UInt64) -> UInt64 {
        let word = UInt64(littleEndian: bytes)
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quote = word ^ (ones &* 0x22)
        let slash = word ^ (ones &* 0x5C)
        return (((quote &- ones) & ~quote) | ((slash &- ones) & ~slash)) & (ones &* 0x80)
    }

    private mutating func value() -> Range<Int>? {
        skipSpace()
        guard position < end else { return nil }
        let start = position
        switch bytes[position] {
        case 0x22: return skipString() ? start..<position : nil
        case 0x7B, 0x5B: return skipNested() ? start..<position : nil
        default:
            while position < end, isScalar(bytes[position]) { position += 1 }
            return position > start ? start..<position : nil
        }
    }

    /// Letters, digits, sign and point: what numbers, `true`, `false` and `null` are made of.
    private func isScalar(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E: true
        default: false
        }
    }

    private mutating func skipNested() -> Bool {
        var depth = 0
        while position < end {
            switch bytes[position] {
            case 0x22:
                guard skipString() else { return false }
                continue
            case 0x7B, 0x5B: depth += 1
            case 0x7D, 0x5D:
                depth -= 1
                if depth == 0 {
                    position += 1
                    return true
                }
            default: break
            }
            position += 1
        }
        return false
    }
}
