import Crypto
import Foundation
import Testing

@testable import Sealing

struct SnapshotSignerTests {
    let signer: SnapshotSigner
    let verifier: SnapshotVerifier
    let statement = SnapshotStatement(
        tenant: Fixtures.tenant, number: 12, collections: [9: Fixtures.digest, 2: Array(repeating: 1, count: 32)],
        previous: Array(repeating: 2, count: 32))

    init() throws {
        signer = try SnapshotSigner(seed: Fixtures.key(5))
        verifier = try SnapshotVerifier(publicKey: signer.publicKey)
    }

    @Test func `A signature holds for its statement`() throws {
        let signature = try signer.sign(statement)
        #expect(signature.count == 64)
        #expect(verifier.isValid(signature, for: statement))
    }

    @Test func `The encoding is fixed`() {
        let digest = String(repeating: "d1", count: 32)
        let expected =
            Array("entra-backup snapshot 1\n".utf8).hex + "6f1c0d4e0f6a4a559a3c51a2b3c4d5e6" + "000000000000000c"
            + "00000002" + "0002" + "00000020" + String(repeating: "01", count: 32) + "0009" + "00000020" + digest
            + "00000020" + String(repeating: "02", count: 32)
        #expect(statement.canonicalBytes.hex == expected)
        #expect(statement.digest == Array(SHA256.hash(data: Fixtures.bytes(hex: expected))))
    }

    @Test func `Any other statement, signature or key does not hold`() throws {
        let signature = try signer.sign(statement)
        var others = [SnapshotStatement](repeating: statement, count: 7)
        others[0].tenant = Fixtures.otherTenant
        others[1].number = 13
        others[2].collections[2]?[0] ^= 1
        others[3].collections[9] = nil
        others[4].collections[10] = Fixtures.digest
        others[5].previous?[31] ^= 1
        others[6].previous = nil
        for other in others {
            #expect(!verifier.isValid(signature, for: other))
            #expect(other.digest != statement.digest)
        }
        for bit in 0..<signature.count * 8 {
            var altered = signature
            altered[bit / 8] ^= 1 << (bit % 8)
            #expect(!verifier.isValid(altered, for: statement))
        }
        #expect(!verifier.isValid([], for: statement))
        let stranger = try SnapshotSigner(seed: Fixtures.key(6))
        #expect(!verifier.isValid(try stranger.sign(statement), for: statement))
    }

    @Test func `Keys of a wrong size are refused`() {
        #expect(keyErrorCode { _ = try SnapshotSigner(seed: SymmetricKey(size: .bits128)) } == .wrongKey)
        #expect(keyErrorCode { _ = try SnapshotVerifier(publicKey: [1, 2, 3]) } == .wrongKey)
        #expect(KeyEncryptionKey(number: 1, key: SymmetricKey(size: .bits128)) == nil)
        #expect(TenantSecret(key: SymmetricKey(size: .bits128)) == nil)
    }
}
