import Foundation
import Testing

@testable import AccountModel

@Suite struct AccessTokenTests {
    // Made with Python's zlib and hashlib.
    private let organization = "eb_org_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg4FAaCm"
    private let user = "eb_user_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg33ZDNQ"

    @Test func `the CRC-32 is that of ZIP`() {
        #expect(AccessToken.crc32("123456789".utf8) == 0xCBF4_3926)
        #expect(AccessToken.crc32("".utf8) == 0)
    }

    @Test func `tokens made elsewhere by the same rule are read`() throws {
        let token = try #require(AccessToken(organization))
        #expect(token.kind == .organization)
        #expect(token.text == organization)
        #expect(token.prefix == "eb_org_012345")
        let hash = token.hash.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        #expect(hash == "c8fdd92eeae4772e6676385174dcb2011e67eb3ab8d708285de6f8598ea0fe98")
        #expect(AccessToken(user)?.kind == .user)
        #expect(AccessToken(user)?.prefix == "eb_user_012345")
    }

    @Test func `a description shows no more than the prefix`() throws {
        let token = try #require(AccessToken(user))
        #expect("\(token)" == "eb_user_012345…")
    }

    @Test func `each wrong character is noticed`() {
        for index in user.indices {
            for other in ["0", "z", "_", " ", "é"] where other != String(user[index]) {
                var text = user
                text.replaceSubrange(index...index, with: other)
                #expect(AccessToken(text) == nil, "\(text)")
            }
        }
    }

    @Test func `two neighbours that changed places are noticed`() {
        let characters = Array(user)
        for index in characters.indices.dropLast() where characters[index] != characters[index + 1] {
            var swapped = characters
            swapped.swapAt(index, index + 1)
            #expect(AccessToken(String(swapped)) == nil, "\(index)")
        }
    }

    @Test func `what is cut, padded or empty is no token`() {
        for length in 0..<user.count { #expect(AccessToken(String(user.prefix(length))) == nil) }
        for text in [user + "0", user + "\n", " " + user, user + user, String(user.dropFirst(3))] {
            #expect(AccessToken(text) == nil, "\(text)")
        }
    }

    @Test(arguments: AccessToken.Kind.allCases) func `new ones are read back, and no two are alike`(
        kind: AccessToken.Kind
    ) {
        var seen: Set<String> = []
        for _ in 0..<1_000 {
            let token = AccessToken.make(kind)
            #expect(AccessToken(token.text) == token)
            #expect(token.kind == kind)
            #expect(token.hash.count == 32)
            seen.insert(token.text)
        }
        #expect(seen.count == 1_000)
    }

    @Test func `each digit of the random part comes up about as often as the others`() {
        let seed = UInt64(ProcessInfo.processInfo.environment["ENTRA_BACKUP_SEED"] ?? "") ?? 2026
        print("seed \(seed)")
        var generator = Sequenced(state: seed)
        var counts: [Character: Int] = [:]
        for _ in 0..<2_000 {
            let random = AccessToken.make(.user, using: &generator).text.dropFirst(8).dropLast(6)
            for character in random { counts[character, default: 0] += 1 }
        }
        // 86,000 draws of 62: 1,387 each, with a standard deviation of 37.
        #expect(counts.count == 62)
        #expect(counts.values.allSatisfy { (1_387 - 250...1_387 + 250).contains($0) }, "\(counts)")
    }
}

/// SplitMix64.
private struct Sequenced: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
