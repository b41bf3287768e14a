import BackupModel
import Foundation

/// The words of a search, compared with names as people write them: without case and accents.
struct SearchText: Sendable {
    /// The attributes that have the names, sorted.
    static let attributes = ["displayName", "mail", "userPrincipalName"]
    private static let paths = attributes.map { "/\($0)" }

    private let words: [String]

    init(_ text: String) {
        words = Self.words(of: text)
    }

    /// The names in which every word begins a word.
    func matches(_ document: ObjectDocument) -> [String] {
        guard !words.isEmpty else { return [] }
        let names = Self.attributes.map { document.attributes[$0]?.string ?? "" }
        var isMatched = names.map { _ in false }
        for word in words {
            var isFound = false
            for index in names.indices where Self.hasWord(names[index], beginningWith: word) {
                (isMatched[index], isFound) = (true, true)
            }
            if !isFound { return [] }
        }
        return zip(Self.paths, isMatched).filter(\.1).map(\.0)
    }

    // What Unicode says of a character costs a hundred times as much to ask as its byte, and most words are ASCII.
    private static func hasWord(_ name: String, beginningWith word: String) -> Bool {
        var rest = name[...].utf8
        while let start = rest.firstIndex(where: { $0.isLetterOrDigit || $0 >= 0x80 }) {
            rest = rest[start...]
            if rest.beginsWith(word.utf8) { return true }
            rest = rest.drop { $0.isLetterOrDigit || $0 >= 0x80 }
        }
        let isPlain = name.utf8.allSatisfy { $0 < 0x80 }
        return !isPlain && words(of: name).contains { $0.hasPrefix(word) }
    }

    private static func words(of text: String) -> [String] {
        // Folding loads tables of Unicode, for which ASCII has no use.
        if text.utf8.allSatisfy({ $0 < 0x80 }) {
            return text.utf8.split { !$0.isLetterOrDigit }.map { Substring($0).lowercased() }
        }
        return text.folding(options: [.caseInsensitive, .diacriticInsensitive], locale: nil)
            .split { !$0.isLetter && !$0.isNumber }.map(String.init)
    }
}

extension Substring.UTF8View {
    /// Whether these are the letters of `word` in either case, with nothing behind them that could alter the last one.
    fileprivate func beginsWith(_ word: String.UTF8View) -> Bool {
        var place = startIndex
        for byte in word {
            guard place < endIndex, self[place] < 0x80, self[place].lowercased == byte else { return false }
            formIndex(after: &place)
        }
        return place == endIndex || self[place] < 0x80
    }
}

extension UInt8 {
    /// In ASCII.
    fileprivate var isLetterOrDigit: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }

    /// In ASCII.
    fileprivate var lowercased: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }
}
