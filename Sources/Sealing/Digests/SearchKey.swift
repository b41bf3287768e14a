import Crypto
import Foundation

/// Makes a tenant's search tokens: numbers in place of words, under the tenant's search key.
///
/// For each word (``SearchWords``) one token of the whole word and one of its first three letters, which finds the
/// words that begin like the text searched for. Tokens of different words may be equal, with 32 bits rarely: what
/// they find are candidates that have to be opened and checked.
public struct SearchKey: Sendable, Unprintable {
    private enum Domain: UInt8 {
        case exact = 1
        case beginning = 2
    }

    private let hash: KeyedHash

    /// The maker of tokens for the tenant of the keys.
    public init(_ keys: TenantKeys) {
        hash = KeyedHash(key: keys.search.derived(for: "entra-backup search token 1", tenant: keys.tenant))
    }

    /// The tokens under which an object is found, each once, in ascending order; none for an object without a name.
    public func tokens(displayName: String?, userPrincipalName: String? = nil, mail: String? = nil) -> [Int32] {
        var words = SearchWords.words(in: displayName ?? "")
        for address in [userPrincipalName, mail] {
            guard let address else { continue }
            words += SearchWords.words(in: SearchWords.localPart(of: address))
        }
        var tokens: [Int32] = []
        tokens.reserveCapacity(2 * words.count)
        for (place, word) in words.enumerated() where !words[..<place].contains(word) {
            tokens.append(token(.exact, word))
            if let beginning = SearchWords.beginning(of: word) { tokens.append(token(.beginning, beginning)) }
        }
        tokens.sort()
        return tokens.indices.filter { $0 == 0 || tokens[$0] != tokens[$0 - 1] }.map { tokens[$0] }
    }

    /// What to look for, given what somebody typed.
    ///
    /// - Parameters:
    ///   - text: Names or addresses. Of an address only the local part counts.
    ///   - beginnings: Whether a word also finds longer words that begin with it. Needs three letters; a shorter
    ///     word finds itself only.
    /// - Returns: One token for each word, all of which have to be found. Empty if the text holds no word, which finds
    ///   nothing.
    public func queryTokens(_ text: String, beginnings: Bool = true) -> [Int32] {
        let parts = text.split(whereSeparator: \.isWhitespace).map { SearchWords.localPart(of: String($0)) }
        return SearchWords.words(in: parts.joined(separator: " ")).map { word in
            if beginnings, let beginning = SearchWords.beginning(of: word) { return token(.beginning, beginning) }
            return token(.exact, word)
        }
    }

    private func token(_ domain: Domain, _ word: String) -> Int32 {
        var word = word
        return withUnsafeBytes(of: domain.rawValue) { head in
            word.withUTF8 { bytes in
                hash.code(head, UnsafeRawBufferPointer(bytes)).withUnsafeBytes {
                    Int32(bigEndian: $0.loadUnaligned(as: Int32.self))
                }
            }
        }
    }
}
