import BackupModel
import Foundation

/// The words of a search, compared with names as people write them: without case and accents.
struct SearchText {
    /// The attributes that have the names.
    static let attributes = ["displayName", "userPrincipalName", "mail"]

    private let words: [String]

    init(_ text: String) {
        words = Self.words(of: text)
    }

    /// The names in which every word begins a word.
    func matches(_ document: ObjectDocument) -> [String] {
        guard !words.isEmpty else { return [] }
        let names = Self.attributes.map { name in
            (name, Self.words(of: document.attributes[name]?.string ?? ""))
        }
        var matched: Set<String> = []
        for word in words {
            let found = names.filter { $0.1.contains { $0.hasPrefix(word) } }
            if found.isEmpty { return [] }
            matched.formUnion(found.map(\.0))
        }
        return matched.sorted().map { "/\($0)" }
    }

    private static func words(of text: String) -> [String] {
        // Most names are plain; what Unicode says of a character costs ten times as much to ask.
        if text.utf8.allSatisfy({ $0 < 0x80 }) {
            return text.utf8.split { !$0.isLetterOrDigit }.map { Substring($0).lowercased() }
        }
        return text.folding(options: [.caseInsensitive, .diacriticInsensitive], locale: nil)
            .split { !$0.isLetter && !$0.isNumber }.map(String.init)
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
}
