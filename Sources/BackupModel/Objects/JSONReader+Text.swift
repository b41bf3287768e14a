/// Strings out of places: what the hot path does not need.
extension JSONReader {
    /// Reads a string; the cursor stands on its opening quote.
    mutating func readString() throws(JSONSyntaxError) -> String {
        guard current == 0x22 else { throw failure(.notAString) }
        position += 1
        let start = position
        let isPlain = try skipString()
        return text(start..<position - 1, isPlain: isPlain)
    }

    /// The text of a string's inside that `skipString` has passed over.
    func text(_ range: Range<Int>, isPlain: Bool) -> String {
        if isPlain {
            return String(
                decoding: UnsafeBufferPointer(start: base + range.lowerBound, count: range.count), as: UTF8.self)
        }
        return String(decoding: unescaped(range), as: UTF8.self)
    }

    /// The UTF-8 bytes of a string's inside that `skipString` has passed over.
    func unescaped(_ range: Range<Int>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        var reader = self
        reader.position = range.lowerBound
        while reader.position < range.upperBound {
            let byte = base[reader.position]
            guard byte == 0x5C else {
                bytes.append(byte)
                reader.position += 1
                continue
            }
            // The escapes were checked on the way here; without that this would end the text early, not crash.
            guard let code = try? reader.readEscape(), let scalar = Unicode.Scalar(code) else { break }
            bytes.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
        }
        return bytes
    }
}
