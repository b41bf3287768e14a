/// Numbers as RFC 8785 section 3.2.2.3 prints them, that is, as ECMAScript does, except that an integer keeps its
/// digits: doubles would spoil those above 2^53.
enum CanonicalNumber {
    /// The canonical text of a double, nil when it is not finite.
    static func text(_ value: Double) -> String? {
        guard value.isFinite else { return nil }
        guard value != 0 else { return "0" }
        let (digits, point) = decimal(value.magnitude)
        return (value < 0 ? "-" : "") + layOut(digits, point: point)
    }

    /// The canonical text of a JSON number, nil when a double cannot hold it.
    static func text(of number: some StringProtocol) -> String? {
        let isInteger = !number.utf8.contains { $0 == 0x2E || $0 | 0x20 == 0x65 }
        if isInteger { return number == "-0" ? "0" : String(number) }
        return Double(number).flatMap(text)
    }

    /// The shortest digits that read back as the same double, and where the decimal point stands: 0.`digits` x
    /// 10^`point`. Swift's description has the same digits as ECMAScript, in another layout.
    private static func decimal(_ value: Double) -> (digits: [UInt8], point: Int) {
        let parts = value.description.utf8.split(separator: 0x65)
        let exponent = parts.count > 1 ? Int(String(decoding: parts[1], as: UTF8.self)) ?? 0 : 0
        var digits: [UInt8] = []
        var point: Int?
        for byte in parts[0] {
            if byte == 0x2E { point = digits.count } else { digits.append(byte) }
        }
        let leading = digits.prefix { $0 == 0x30 }.count
        let place = (point ?? digits.count) + exponent - leading
        digits.removeFirst(leading)
        while digits.last == 0x30 { digits.removeLast() }
        return (digits, place)
    }

    /// ECMA-262, Number::toString, steps 6 to 10; `point` is its n, the number of digits its k.
    private static func layOut(_ digits: [UInt8], point: Int) -> String {
        func text(_ part: some Sequence<UInt8>) -> String { String(decoding: Array(part), as: UTF8.self) }
        let count = digits.count
        if count <= point, point <= 21 { return text(digits) + String(repeating: "0", count: point - count) }
        if 0 < point, point <= 21 { return text(digits[..<point]) + "." + text(digits[point...]) }
        if -6 < point, point <= 0 { return "0." + String(repeating: "0", count: -point) + text(digits) }
        let exponent = (point > 0 ? "e+" : "e-") + String((point - 1).magnitude)
        return count == 1 ? text(digits) + exponent : text(digits[..<1]) + "." + text(digits[1...]) + exponent
    }
}
