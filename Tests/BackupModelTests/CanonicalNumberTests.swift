import BackupModel
import Testing

/// RFC 8785 appendix B and the border cases of ECMAScript's Number::toString.
@Suite("Canonical: numbers") struct CanonicalNumberTests {
    static let doubles: [(bits: UInt64, text: String)] = [
        (0x0000_0000_0000_0000, "0"), (0x8000_0000_0000_0000, "0"), (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"), (0x7FEF_FFFF_FFFF_FFFF, "1.7976931348623157e+308"),
        (0xFFEF_FFFF_FFFF_FFFF, "-1.7976931348623157e+308"), (0x4340_0000_0000_0000, "9007199254740992"),
        (0xC340_0000_0000_0000, "-9007199254740992"), (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44B5_2D02_C7E1_4AF5, "9.999999999999997e+22"), (0x44B5_2D02_C7E1_4AF6, "1e+23"),
        (0x44B5_2D02_C7E1_4AF7, "1.0000000000000001e+23"), (0x444B_1AE4_D6E2_EF4E, "999999999999999700000"),
        (0x444B_1AE4_D6E2_EF4F, "999999999999999900000"), (0x444B_1AE4_D6E2_EF50, "1e+21"),
        (0x3EB0_C6F7_A0B5_ED8C, "9.999999999999997e-7"), (0x3EB0_C6F7_A0B5_ED8D, "0.000001"),
        (0x41B3_DE43_5555_5553, "333333333.3333332"), (0x41B3_DE43_5555_5554, "333333333.33333325"),
        (0x41B3_DE43_5555_5555, "333333333.3333333"), (0x41B3_DE43_5555_5556, "333333333.3333334"),
        (0x41B3_DE43_5555_5557, "333333333.33333343"), (0xBECB_F647_612F_3696, "-0.0000033333333333333333"),
        (0x4314_3FF3_C1CB_0959, "1424953923781206.2"),
    ]

    @Test(arguments: doubles) func `Doubles print as in RFC 8785`(_ bits: UInt64, _ text: String) {
        #expect(JSONValue(Double(bitPattern: bits)).canonicalText == text)
    }

    static let texts: [(number: String, canonical: String)] = [
        ("-0", "0"), ("-0.0", "0"), ("0.0", "0"), ("0e5", "0"), ("-0e-5", "0"), ("1.0", "1"), ("10.50", "10.5"),
        ("1e2", "100"),
        ("1E+2", "100"), ("1e20", "100000000000000000000"), ("1e21", "1e+21"), ("123e-2", "1.23"), ("1e-6", "0.000001"),
        ("1e-7", "1e-7"), ("1.5e-7", "1.5e-7"), ("0.0000001", "1e-7"), ("4.35", "4.35"), ("0.1", "0.1"),
        ("1e23", "1e+23"),
        ("1e-400", "0"), ("-1e-400", "0"), ("5e-324", "5e-324"), ("2e-324", "0"), ("100", "100"), ("-7", "-7"),
        // Integers keep their digits where RFC 8785 would round them.
        ("9007199254740993", "9007199254740993"), ("-9223372036854775808", "-9223372036854775808"),
        ("18446744073709551616", "18446744073709551616"), ("100000000000000000000000", "100000000000000000000000"),
        ("9007199254740993.0", "9007199254740992"),
    ]

    @Test(arguments: texts) func `Numbers are brought into one form`(_ number: String, _ canonical: String) throws {
        #expect(JSONValue(number: number)?.canonicalText == canonical)
        #expect(try JSONGrammarTests.canonical(Array(number.utf8)).get() == Array(canonical.utf8))
        #expect(JSONValue(number: canonical)?.canonicalText == canonical)
    }

    @Test func `What is no number makes none`() {
        for text in ["", "x", "01", "1.", "\"1\"", "1e400", "NaN", " "] { #expect(JSONValue(number: text) == nil) }
        #expect(JSONValue(Double.nan) == .null)
        #expect(JSONValue(Double.infinity) == .null)
    }

    @Test func `Every finite double reads back as itself`() throws {
        var random = SeededNumbers.run(1)
        for _ in 0..<8_000 {
            let double = Double(bitPattern: random.next())
            guard double.isFinite else { continue }
            let text = JSONValue(double).canonicalText
            #expect(Double(text) == double, "\(double) as \(text), seed \(SeededNumbers.seed)")
            #expect(JSONValue(number: text)?.canonicalText == text)
        }
    }
}
