/// A cursor over JSON text: RFC 8259, nothing more. Every step checks the bounds itself, so that no bytes from
/// outside can make it read beyond them. Knows places, not values; `JSONValue` and `CanonicalPass` build on it.
///
/// The pointer is lent: a reader lives inside the closure that lends it.
struct JSONReader {
    /// Levels of nesting; RFC 8259 section 9 lets a parser set a limit. Graph stays below 20.
    static let depthLimit = 128

    let base: UnsafePointer<UInt8>
    let end: Int
    var position: Int

    /// Lends an array's bytes; unlike `withUnsafeBytes` it says what it throws.
    static func lend<Result>(
        _ body: [UInt8], _ work: (UnsafeRawBufferPointer) throws(JSONSyntaxError) -> Result
    ) throws(JSONSyntaxError) -> Result {
        try body.withUnsafeBufferPointer { (bytes) throws(JSONSyntaxError) in try work(UnsafeRawBufferPointer(bytes)) }
    }

    /// Runs `work` on a reader of `range`.
    static func read<Result>(
        _ body: UnsafeRawBufferPointer, _ range: Range<Int>,
        _ work: (inout JSONReader) throws(JSONSyntaxError) -> Result
    ) throws(JSONSyntaxError) -> Result {
        guard range.lowerBound >= 0, range.upperBound <= body.count else {
            throw JSONSyntaxError(offset: range.lowerBound, what: .rangeOutsideBody)
        }
        guard let base = body.baseAddress, !range.isEmpty else {
            throw JSONSyntaxError(offset: range.lowerBound, what: .unexpectedEnd)
        }
        let bytes = base.assumingMemoryBound(to: UInt8.self)
        var reader = JSONReader(base: bytes, end: range.upperBound, position: range.lowerBound)
        return try work(&reader)
    }

    func failure(_ what: JSONSyntaxError.What) -> JSONSyntaxError {
        JSONSyntaxError(offset: position, what: position >= end && what == .unexpectedByte ? .unexpectedEnd : what)
    }

    /// The byte at the cursor, 0 at the end: a zero byte is valid nowhere, so it needs no case of its own.
    @inline(__always) var current: UInt8 { position < end ? base[position] : 0 }

    @inline(__always) mutating func skipSpace() {
        while position < end {
            let byte = base[position]
            if byte > 0x20 || (byte != 0x20 && byte != 0x0A && byte != 0x0D && byte != 0x09) { return }
            position &+= 1
        }
    }

    @inline(__always) mutating func expect(_ byte: UInt8) throws(JSONSyntaxError) {
        guard current == byte else { throw failure(.unexpectedByte) }
        position &+= 1
    }

    /// Only white space may follow a complete text.
    mutating func expectEnd() throws(JSONSyntaxError) {
        skipSpace()
        guard position == end else { throw failure(.trailingBytes) }
    }

    @inline(__always) func load(_ offset: Int) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(base + offset).loadUnaligned(as: UInt64.self))
    }

    /// Marks, by the top bit of each byte, what ends a run of plain characters: the quote, the backslash, a control
    /// character, anything beyond ASCII. Only the lowest mark is exact, and only that one is used.
    @inline(__always) static func special(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quote = word ^ (ones &* 0x22)
        let slash = word ^ (ones &* 0x5C)
        let low = (word &- (ones &* 0x20)) & ~word
        return (((quote &- ones) & ~quote) | ((slash &- ones) & ~slash) | low | word) & (ones &* 0x80)
    }

    /// Moves behind a string; the cursor stands behind its opening quote. True when it is ASCII without escapes,
    /// that is, when its bytes are its characters.
    mutating func skipString() throws(JSONSyntaxError) -> Bool {
        var isPlain = true
        while true {
            while end &- position >= 8 {
                let marks = Self.special(load(position))
                if marks == 0 {
                    position &+= 8
                    continue
                }
                position &+= marks.trailingZeroBitCount >> 3
                break
            }
            let byte = current
            if byte == 0x22 {
                position &+= 1
                return isPlain
            }
            if byte == 0x5C {
                isPlain = false
                _ = try readEscape()
            } else if byte >= 0x80 {
                isPlain = false
                try skipMultibyte()
            } else if byte < 0x20 {
                throw failure(position < end ? .controlCharacter : .unexpectedEnd)
            } else {
                position &+= 1
            }
        }
    }

    /// Moves behind one character of two to four bytes (RFC 3629: no overlong forms, no surrogates).
    mutating func skipMultibyte() throws(JSONSyntaxError) {
        let first = base[position]
        let count: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch first {
        case 0xC2...0xDF: count = 2
        case 0xE0: (count, second) = (3, 0xA0...0xBF)
        case 0xED: (count, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: count = 3
        case 0xF0: (count, second) = (4, 0x90...0xBF)
        case 0xF4: (count, second) = (4, 0x80...0x8F)
        case 0xF1...0xF3: count = 4
        default: throw failure(.invalidUTF8)
        }
        guard end - position >= count, second.contains(base[position + 1]) else { throw failure(.invalidUTF8) }
        var index = 2
        while index < count {
            guard base[position + index] & 0xC0 == 0x80 else { throw failure(.invalidUTF8) }
            index += 1
        }
        position += count
    }

    /// Reads an escape, pairs of surrogates included; the cursor stands on the backslash.
    mutating func readEscape() throws(JSONSyntaxError) -> UInt32 {
        position += 1
        let byte = current
        position += 1
        switch byte {
        case 0x22, 0x5C, 0x2F: return UInt32(byte)
        case 0x62: return 0x08
        case 0x66: return 0x0C
        case 0x6E: return 0x0A
        case 0x72: return 0x0D
        case 0x74: return 0x09
        case 0x75: break
        default:
            position -= 1
            throw failure(position < end ? .invalidEscape : .unexpectedEnd)
        }
        let unit = try readHexUnit()
        guard (0xD800...0xDFFF).contains(unit) else { return unit }
        guard unit < 0xDC00, current == 0x5C, position + 1 < end, base[position + 1] == 0x75 else {
            throw failure(.loneSurrogate)
        }
        position += 2
        let low = try readHexUnit()
        guard (0xDC00...0xDFFF).contains(low) else { throw failure(.loneSurrogate) }
        return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
    }

    private mutating func readHexUnit() throws(JSONSyntaxError) -> UInt32 {
        guard end - position >= 4 else { throw failure(.unexpectedEnd) }
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = hexDigit(base[position]) else { throw failure(.invalidEscape) }
            unit = unit << 4 | UInt32(digit)
            position += 1
        }
        return unit
    }

    /// Moves behind a number. True when it is an integer: no fraction, no exponent.
    @inline(__always) mutating func skipNumber() throws(JSONSyntaxError) -> Bool {
        if current == 0x2D { position &+= 1 }
        if current == 0x30 {
            position &+= 1
        } else {
            try skipDigits()
        }
        let next = current
        guard next == 0x2E || next | 0x20 == 0x65 else { return true }
        if next == 0x2E {
            position &+= 1
            try skipDigits()
        }
        if current | 0x20 == 0x65 {
            position &+= 1
            if current == 0x2B || current == 0x2D { position &+= 1 }
            try skipDigits()
        }
        return false
    }

    @inline(__always) private mutating func skipDigits() throws(JSONSyntaxError) {
        guard current &- 0x30 < 10 else { throw failure(.unexpectedByte) }
        repeat { position &+= 1 } while current &- 0x30 < 10
    }

    /// Moves behind `true`, `false` or `null`.
    @inline(__always) mutating func skipLiteral() throws(JSONSyntaxError) {
        if end &- position >= 4 {
            let word = UInt32(littleEndian: UnsafeRawPointer(base + position).loadUnaligned(as: UInt32.self))
            if word == 0x6C6C_756E || word == 0x6575_7274 {
                position &+= 4
                return
            }
            if word == 0x736C_6166, end &- position >= 5, base[position &+ 4] == 0x65 {
                position &+= 5
                return
            }
        }
        throw failure(.unexpectedByte)
    }

    /// Moves behind a value and checks its grammar, all but repeated names. `depth`: containers around it.
    mutating func skipValue(depth: Int) throws(JSONSyntaxError) {
        switch current {
        case 0x22:
            position &+= 1
            _ = try skipString()
        case 0x7B: try skipObject(depth: depth)
        case 0x5B: try skipArray(depth: depth)
        case 0x2D, 0x30...0x39: _ = try skipNumber()
        default: try skipLiteral()
        }
    }

    private mutating func skipObject(depth: Int) throws(JSONSyntaxError) {
        guard try enter(depth, closing: 0x7D) else { return }
        repeat {
            try expect(0x22)
            _ = try skipString()
            skipSpace()
            try expect(0x3A)
            skipSpace()
            try skipValue(depth: depth + 1)
        } while try continues(closing: 0x7D)
    }

    private mutating func skipArray(depth: Int) throws(JSONSyntaxError) {
        guard try enter(depth, closing: 0x5D) else { return }
        repeat { try skipValue(depth: depth + 1) } while try continues(closing: 0x5D)
    }

    /// Moves into a container; the cursor stands on its bracket. False when it is empty and already left.
    @inline(__always) mutating func enter(_ depth: Int, closing: UInt8) throws(JSONSyntaxError) -> Bool {
        guard depth < Self.depthLimit else { throw failure(.tooDeep) }
        position &+= 1
        skipSpace()
        guard current == closing else { return true }
        position &+= 1
        return false
    }

    /// Behind an element: moves to the next one, or out of the container and answers false.
    @inline(__always) mutating func continues(closing: UInt8) throws(JSONSyntaxError) -> Bool {
        skipSpace()
        let byte = current
        if byte == 0x2C {
            position &+= 1
            skipSpace()
            return true
        }
        guard byte == closing else { throw failure(.unexpectedByte) }
        position &+= 1
        return false
    }
}

/// The value of a hexadecimal digit in either case.
@inline(__always) func hexDigit(_ byte: UInt8) -> UInt8? {
    let digit = byte &- 0x30
    if digit < 10 { return digit }
    let letter = (byte | 0x20) &- 0x61
    return letter < 6 ? letter &+ 10 : nil
}
