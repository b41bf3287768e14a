import Foundation

/// Cuts names into words that compare equal when a reader takes them for the same: `José`, `JOSE` and `jose`.
enum SearchWords {
    /// The words of a text in their order: runs of letters and numbers, in lower case, without marks, in Unicode's
    /// compatibility form (NFKD, then put together again, so that a Hangul syllable stays one letter).
    static func words(in text: String) -> [String] {
        // Most names are plain; asking Unicode about every letter takes ten times as long.
        if isASCII(text) { return text.utf8.split { !isLetterOrDigit($0) }.map { Substring($0).lowercased() } }
        return (latin(text) ?? folded(text)).unicodeScalars.split { !isPartOfWord($0) }.map { String($0) }
    }

    /// The first three letters of a word; nil if it has fewer.
    static func beginning(of word: String) -> String? {
        let scalars = word.unicodeScalars
        guard let end = scalars.index(scalars.startIndex, offsetBy: 3, limitedBy: scalars.endIndex) else { return nil }
        return String(scalars[..<end])
    }

    /// What stands before the `@`. A guest's `anna_contoso.com#EXT#@fabrikam.com` counts as `anna@contoso.com`.
    static func localPart(of address: String) -> String {
        let local = Substring(address.utf8.prefix { $0 != UInt8(ascii: "@") })
        guard local.utf8.contains(UInt8(ascii: "#")), let guest = local.range(of: "#EXT#", options: .caseInsensitive)
        else { return String(local) }
        let original = local[..<guest.lowerBound]
        return String(original[..<(original.lastIndex(of: "_") ?? original.endIndex)])
    }

    private static func isASCII(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 < 0x80 }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }

    /// What Latin letters up to U+017F fold to, each by itself: none of them joins with what stands beside it.
    private static let latinLetters = (UInt32(0)..<0x180).map { value in
        Unicode.Scalar(value).map { folded(String($0)) } ?? ""
    }

    /// The folded text; `nil` when it holds a letter of another script, or a mark of its own.
    private static func latin(_ text: String) -> String? {
        var result = ""
        for scalar in text.unicodeScalars {
            guard scalar.value < latinLetters.count else { return nil }
            result += latinLetters[Int(scalar.value)]
        }
        return result
    }

    private static func folded(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in text.decomposedStringWithCompatibilityMapping.lowercased().unicodeScalars {
            switch scalar.properties.generalCategory {
            case .nonspacingMark, .spacingMark, .enclosingMark: continue
            default: append(scalar, to: &scalars)
            }
        }
        return String(scalars).precomposedStringWithCanonicalMapping
    }

    /// Letters that Unicode does not decompose although readers take them for a plain letter or two.
    private static func append(_ scalar: Unicode.Scalar, to scalars: inout String.UnicodeScalarView) {
        switch scalar {
        case "ß": scalars.append(contentsOf: "ss".unicodeScalars)
        case "æ": scalars.append(contentsOf: "ae".unicodeScalars)
        case "œ": scalars.append(contentsOf: "oe".unicodeScalars)
        case "ø": scalars.append("o")
        case "ł": scalars.append("l")
        case "đ", "ð": scalars.append("d")
        case "ı": scalars.append("i")
        case "ς": scalars.append("σ")
        default: scalars.append(scalar)
        }
    }

    private static func isPartOfWord(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar) }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
            .decimalNumber, .letterNumber, .otherNumber:
            return true
        default: return false
        }
    }
}
