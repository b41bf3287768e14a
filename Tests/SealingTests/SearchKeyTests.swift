import Foundation
import Testing

@testable import Sealing

struct SearchKeyTests {
    let key = SearchKey(Fixtures.keys())

    /// Whether an object with these names is a candidate for the text.
    private func finds(
        _ text: String, displayName: String? = nil, userPrincipalName: String? = nil, beginnings: Bool = true
    ) -> Bool {
        let tokens = key.tokens(displayName: displayName, userPrincipalName: userPrincipalName)
        let query = key.queryTokens(text, beginnings: beginnings)
        return !query.isEmpty && query.allSatisfy(tokens.contains)
    }

    @Test(arguments: [
        ("Anna Lopez", ["anna", "lopez"]),
        ("Müller-Lüdenscheidt, Jörg", ["muller", "ludenscheidt", "jorg"]),
        ("JOSÉ  Núñez", ["jose", "nunez"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("O'Brien d’Arc", ["o", "brien", "d", "arc"]),
        ("Łukasz Żółć Æsir Ørsted", ["lukasz", "zolc", "aesir", "orsted"]),
        ("İstanbul ısı", ["istanbul", "isi"]),
        ("Ｆｕｌｌ ﬁt №5", ["full", "fit", "no5"]),
        ("ΟΔΥΣΣΕΥΣ οδυσσεύς", ["οδυσσευσ", "οδυσσευσ"]),
        ("山田太郎", ["山田太郎"]),
        ("김민수", ["김민수"]),
        ("Нина Йорк", ["нина", "иорк"]),
        ("ガス", ["カス"]),
        ("SG_App-42 (EMEA)", ["sg", "app", "42", "emea"]),
        ("e\u{301}cole", ["ecole"]),
        ("👩‍💻 dev", ["dev"]),
        ("", []), (" - ' _ ", []), ("\u{301}", []),
    ])
    func `Names are cut into words as readers take them`(text: String, words: [String]) {
        #expect(SearchWords.words(in: text) == words)
    }

    /// Cuts text without the short ways for ASCII and for Latin letters.
    private func slowWords(_ text: String) -> [String] {
        // A letter of another script, which both ways know.
        SearchWords.words(in: text + " 山").dropLast()
    }

    @Test func `Plain text is cut as the same text beside a letter that is not plain`() {
        for first in UInt8(0)..<128 {
            for second in UInt8(0)..<128 {
                let text = "Ab" + String(decoding: [first, 0x5A, second], as: UTF8.self) + "9"
                #expect(SearchWords.words(in: text) == slowWords(text), "\(first) \(second)")
            }
        }
    }

    @Test func `Latin letters are folded one by one as they are together`() throws {
        let letters = try (UInt32(0x20)..<0x180).map { try #require(Unicode.Scalar($0)) }
        for first in letters where first.value >= 0x80 {
            var text = String.UnicodeScalarView()
            for second in letters { text.append(contentsOf: [first, second, " "]) }
            #expect(SearchWords.words(in: String(text)) == slowWords(String(text)), "\(first.value)")
        }
    }

    @Test(arguments: [
        ("anna.lopez@example.com", "anna.lopez"), ("anna", "anna"), ("@", ""), ("", ""),
        ("anna_example.com#EXT#@contoso.example", "anna"), ("a_b_example.com#ext#@contoso.example", "a_b"),
        ("#EXT#@contoso.example", ""), ("a#b@example.com", "a#b"),
    ])
    func `Of an address only the local part counts`(address: String, local: String) {
        #expect(SearchWords.localPart(of: address) == local)
    }

    @Test(arguments: [("an", nil), ("ann", "ann"), ("anna", "ann"), ("山田太郎", "山田太"), ("김민", nil), ("", nil)])
    func `A beginning is three letters`(word: String, beginning: String?) {
        #expect(SearchWords.beginning(of: word) == beginning)
    }

    @Test func `Tokens are those of an independent implementation`() {
        #expect(key.tokens(displayName: "Änne Li") == [-1794882668, -1521144705, -354420305])
    }

    @Test func `Tokens are unique and sorted, one or two for each word`() {
        let tokens = key.tokens(
            displayName: "Anna Lopez", userPrincipalName: "anna.lopez@example.com", mail: "ANNA.LOPEZ@example.com")
        #expect(tokens.count == 4)
        #expect(tokens == tokens.sorted())
        #expect(key.tokens(displayName: "Li").count == 1)
        #expect(key.tokens(displayName: nil).isEmpty)
        #expect(key.tokens(displayName: "'").isEmpty)
        #expect(tokens == key.tokens(displayName: "lópez ANNA"))
    }

    @Test func `Whole words and beginnings are different tokens`() {
        #expect(key.tokens(displayName: "ann").count == 2)
        #expect(!finds("ann", displayName: "Anna", beginnings: false))
        #expect(finds("ann", displayName: "Anna"))
    }

    @Test func `A search finds what a reader expects`() {
        #expect(finds("lopez", displayName: "Anna Lopez"))
        #expect(finds("LÓPEZ anna", displayName: "Anna Lopez"))
        #expect(finds("lop", displayName: "Anna Lopez"))
        #expect(finds("o'brien", displayName: "Pat O'Brien"))
        #expect(finds("jorg mul", displayName: "Müller, Jörg"))
        #expect(finds("anna.lopez@example.com", userPrincipalName: "anna.lopez@example.com"))
        #expect(finds("anna.lopez@example.com", userPrincipalName: "anna.lopez_example.com#EXT#@contoso.example"))
        #expect(finds("山田太郎", displayName: "山田太郎"))
        #expect(finds("li", displayName: "Li Wei"))
        #expect(!finds("li", displayName: "Lisa"))
        #expect(!finds("lopez bob", displayName: "Anna Lopez"))
        #expect(!finds("example", userPrincipalName: "anna.lopez@example.com"))
        #expect(!finds("", displayName: "Anna Lopez"))
        #expect(!finds("...", displayName: "Anna Lopez"))
    }

    @Test func `Tenants have different tokens`() {
        let other = SearchKey(Fixtures.keys(for: Fixtures.otherTenant)).tokens(displayName: "Anna Lopez")
        #expect(Set(other).isDisjoint(with: key.tokens(displayName: "Anna Lopez")))
    }
}
