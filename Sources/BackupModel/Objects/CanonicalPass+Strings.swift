/// Strings with the fewest escapes (RFC 8785 section 3.2.2.2).
extension CanonicalPass {
    /// Writes the string at the cursor. Runs of plain characters are copied eight bytes at a time while they are
    /// looked at; the output has room for what a whole word writes beyond its run.
    @inline(__always) mutating func writeString() throws(JSONSyntaxError) {
        reader.position &+= 1
        put(0x22)
        while true {
            copyRun()
            let byte = reader.current
            if byte == 0x22 {
                reader.position &+= 1
                put(0x22)
                return
            }
            try writeUnusual(byte)
        }
    }

    @inline(__always) private mutating func copyRun() {
        var from = reader.position
        var to = length
        let last = reader.end &- 8
        while from <= last {
            let word = reader.load(from)
            UnsafeMutableRawPointer(output + to).storeBytes(of: word.littleEndian, as: UInt64.self)
            let marks = JSONReader.special(word)
            let run = marks == 0 ? 8 : marks.trailingZeroBitCount >> 3
            from &+= run
            to &+= run
            if marks != 0 { break }
        }
        reader.position = from
        length = to
    }

    private mutating func writeUnusual(_ byte: UInt8) throws(JSONSyntaxError) {
        if byte == 0x5C {
            write(scalar: try reader.readEscape())
        } else if byte >= 0x80 {
            let start = reader.position
            try reader.skipMultibyte()
            copy(start, reader.position)
        } else if byte < 0x20 {
            throw reader.failure(reader.position < reader.end ? .controlCharacter : .unexpectedEnd)
        } else {
            put(byte)
            reader.position &+= 1
        }
    }

    private mutating func write(scalar: UInt32) {
        if scalar < 0x80 {
            CanonicalString.escape(UInt8(truncatingIfNeeded: scalar)) { put($0) }
        } else if scalar < 0x800 {
            put(UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6))
            put(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
        } else {
            if scalar < 0x10000 {
                put(UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12))
            } else {
                put(UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18))
                put(UInt8(truncatingIfNeeded: 0x80 | scalar >> 12 & 0x3F))
            }
            put(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3F))
            put(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
        }
    }
}

/// The escapes that RFC 8785 section 3.2.2.2 leaves: the short ones, and `\u00xx` in lower case for other control
/// characters.
enum CanonicalString {
    @inline(__always) static func escape(_ byte: UInt8, _ put: (UInt8) -> Void) {
        let short: UInt8
        switch byte {
        case 0x22, 0x5C: short = byte
        case 0x08: short = 0x62
        case 0x09: short = 0x74
        case 0x0A: short = 0x6E
        case 0x0C: short = 0x66
        case 0x0D: short = 0x72
        case 0..<0x20:
            for digit in "\\u00".utf8 { put(digit) }
            put(0x30 + byte >> 4)
            put(byte & 15 < 10 ? 0x30 + byte & 15 : 0x57 + byte & 15)
            return
        default:
            put(byte)
            return
        }
        put(0x5C)
        put(short)
    }

    /// Appends `text` in quotes.
    static func append(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(0x22)
        for byte in text.utf8 { escape(byte) { bytes.append($0) } }
        bytes.append(0x22)
    }
}
