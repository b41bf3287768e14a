import Foundation
import Testing

@testable import Sealing

/// Bytes that another implementation made (Python's cryptography and hashlib, the zstd program), from the layouts in
/// the sources. A failure means that bytes in existing databases no longer open.
struct FirstFormatTests {
    let sealer = PayloadSealer(Fixtures.keys())

    static let short = Array(#"{"id":"x"}"#.utf8)

    static let payloads: [(encoding: UInt8, plain: [UInt8], hex: String)] = [
        (
            0, short,
            """
            010000010000000a000102030405060708090a0b9887b4bfb59a2d109c6473f12b5af43aeecfca6ba5a867a92144
            """
        ),
        (
            1, Fixtures.user,
            """
            01010001000001d0000102030405060708090a0bcb10f226f7700f25b719b408c2eaa1be2b4532d2bf6fd58e6536942ac6ab
            7bc5b725b215d3767facbaec5eaca37a07a38a8b8cf18db42af6406162cb441bf4d63956fc2d392fd59d26a6829eacc25d44
            fe49bec160c7d17da6c8d9ac7ea8f11db803e5e82372fc6d5764b2a197b3905ca522f0903894c17b3e8cc6c8ea22dd917c3a
            902c29042ea47c90323234490664f35566cbcbecc9a6c0b3319deb59394287b55e77491c586a887f44e31f602c62c98b33e0
            9acc3e8e742de70bb566b1d537972c2c03bec6b3f0a6b0871fd2e93f4ef41e93e29ee84630574adeaff918ff6049dd9a39f3
            f408b90138d0cc6878dc56287042ebefa3ccaa1eb39273a9943e6bdbf991adbad3ca3f95e9117c19121627baf85169ad4b5f
            03757ca15dc75e227bbb87862938c22293b0d46a089345cf9453a81cd0718b31b25bbbdc3e39898f5bf281
            """
        ),
        (
            2, Fixtures.user,
            """
            01020001000001d0000102030405060708090a0bcb10f226f6a2df686b1d42093fdcbabc5021e0d3a90bc0549c9f2270aa39
            b74b9855c3782f57746924db4af469e6e53a783416472e85a818f14d275bd7f8d7e2717c82687cfdc4302cd3747120c2577d
            cdead47e864b50d908a36702c4c68ea5e9875f808db6c6c85a5e0e19375b166a70b791f8e965f682d649a9e730579b68032f
            5003b007385758467bac3aee3bd90b340654e0ea9aa50c7149cad742bfc771ba15d1193f54964fbdd3dbedeb22dc1d2f16d6
            f0
            """
        ),
        (
            3, Fixtures.user,
            """
            01030001000001d0000102030405060708090a0bcb10f226f6a3df68131e42c975e8041676d97849747c0a3fdbf86d6cd297
            d73d086e9e1e8a6df11eac0056d5591ce94b87a18b064355ba1a24d5b29be80b4c0f84a01f3922cf675f2f9afb3ad3f35dff
            d53f749c3c8415cb85edd1ac3eb41fd0b4c386dae51386d5e252bfcac88ccc0ce0e404f70ac626df5314c1cbdb93ee5a4a0e
            23f99567f0f3f615b9904ade5bd3c28d6c244abddf3e6d16828c1f852af81d4a1ebbf7334e5389acac177a21630f5d77a77d
            3e9e38774215f8928252cf22ba18c9665701dd8a01536485b7e58d0fca55e678bd89cba3606e0d0032d3e4b9375b32c1c845
            73a6fe053c9298cf1666cbbd80a4ae9531ce42be1db327df91bf82284c91f86e16b1c4c8891d25901dbc
            """
        ),
    ]

    @Test(arguments: payloads)
    func `Payloads of format 1 open`(encoding: UInt8, plain: [UInt8], hex: String) throws {
        let sealed = Fixtures.bytes(hex: hex)
        #expect(sealed[1] == encoding)
        #expect(try sealer.open(sealed, type: 7, digest: Fixtures.digest) == plain)
    }

    @Test func `Blobs of format 1 open`() throws {
        let sealed = Fixtures.bytes(
            hex: """
                010000010000000a000102030405060708090a0b783fc60f00fdc0f7e246b703af472f1d35dff34d23f8d56909c3
                """)
        #expect(try sealer.openBlob(sealed, purpose: "page", context: [1, 2]) == Self.short)
    }

    @Test func `Wrapped keys of format 1 unwrap`() throws {
        let wrapped = Fixtures.bytes(
            hex: """
                0100074f10e05a2470b455c6b93f526e70ccbb000102030405060708090a0b0dba215f544b285ac01026f71650739591a2c8
                b04b7a2d995ed6ffe86f541aa16ca37e0c5bac720b06e5559e5cd6c11b7011d5d3edcdb0d810705964e65cc1dbf076fe5ef9
                0ff7d1732ebcd1a4a4155ce076670b32fd2501cb7a5c808b2d126e293dc1b7e9ffe45d1ba8c96c1124d927d4e5f9ba7ef703
                c76631c16f58e9ba9145f7ae703459cebf74580aae645a6a6b3161f972b3cf7c1f02d39eed
                """)
        let wrapper = try #require(KeyEncryptionKey(number: 7, key: Fixtures.key(0x10)))
        let secret = try #require(TenantSecret(key: Fixtures.key(0x20)))
        let keys = try TenantKeys.unwrap(wrapped, tenant: Fixtures.tenant, secret: secret, keys: KeyRing([wrapper]))
        let expected = Fixtures.keys(dataKeys: 2)
        #expect(keys.dataKeys == expected.dataKeys)
        #expect(keys.digest == expected.digest)
        #expect(keys.search == expected.search)
    }

    @Test func `Key files of format 1 are read`() throws {
        let text = """
            entra-backup-key 1
            kind key-encryption-key
            name 7
            key EBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8=
            check 46d20ac976cecbe7

            """
        let file = KeyFile(kind: .keyEncryptionKey, name: "7")
        #expect(try file.decoded(Array(text.utf8), path: "kek-7") == Fixtures.key(0x10))
        #expect(file.encoded(Fixtures.key(0x10)) == Array(text.utf8))
    }

    @Test func `Signatures of format 1 hold`() throws {
        let signer = try SnapshotSigner(seed: Fixtures.key(5))
        #expect(
            signer.publicKey.hex == "c99e2b37de93002df68326a785493cd4aa487d1a45fa2117aa105048923bf781")
        let statement = SnapshotStatement(
            tenant: Fixtures.tenant, number: 12, collections: [9: Fixtures.digest, 2: Array(repeating: 1, count: 32)],
            previous: Array(repeating: 2, count: 32))
        let signature = Fixtures.bytes(
            hex: """
                548a2efab34e26e332aac127481a1a0b600c46da4808dbe8ec668dcb40263c4fe1c5f8520d5c7e10c41b0145fe64e6c4d1f7
                048870f7ce2c662b19f648dfcc0c
                """)
        #expect(try SnapshotVerifier(publicKey: signer.publicKey).isValid(signature, for: statement))
    }
}
