import Crypto
import Foundation
import Testing

@testable import Sealing

struct DigestKeyTests {
    let key = DigestKey(Fixtures.keys())

    private func digest(
        type: UInt16 = 7, id: UUID = Fixtures.object, facet: UInt16 = 2, _ bytes: [UInt8] = Fixtures.user
    ) -> [UInt8] {
        key.digest(type: type, id: id, facet: facet, bytes)
    }

    @Test func `Digests are those of an independent implementation`() {
        // Python: hkdf = HMAC(HMAC(0^32, key), info + 01); HMAC(hkdf, id + type + facet + bytes).
        #expect(digest([]).hex == "6def947e77039bbdb8e2908e30aa1ef8a7825de82152f8eaf3878eaa985c9ede")
        #expect(digest().hex == "166b95960c4f0f43c33173aa62063742db607afaf2dd0d57c1c342d106fef3f0")
        let object = key.objectKey(forIdentifier: "example.com", type: 3)
        #expect(object.uuidString.lowercased() == "28c6a921-c180-6370-bad3-6fc50822be2e")
    }

    @Test func `The keyed hash is HMAC-SHA-256, whatever the lengths`() {
        for keyCount in [0, 1, 31, 32, 63, 64, 65, 200] {
            let key = SymmetricKey(data: (0..<keyCount).map { UInt8(truncatingIfNeeded: 7 &* $0 &+ 3) })
            let hash = KeyedHash(key: key)
            for count in [0, 1, 30, 55, 56, 63, 64, 65, 119, 120, 1_000] {
                let head = (0..<count % 33).map { UInt8($0) }
                let body = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
                let code = head.withUnsafeBytes { head in body.withUnsafeBytes { hash.code(head, $0) } }
                let expected = HMAC<SHA256>.authenticationCode(for: head + body, using: key)
                #expect(Array(code) == Array(expected), "\(keyCount) \(count)")
            }
        }
    }

    @Test func `A digest depends on every part`() {
        let digests = [
            digest(), digest(type: 8), digest(id: Fixtures.tenant), digest(facet: 3), digest(Fixtures.user + [0]),
            digest([]), digest(type: 2, facet: 7),
            DigestKey(Fixtures.keys(for: Fixtures.otherTenant))
                .digest(type: 7, id: Fixtures.object, facet: 2, Fixtures.user),
            DigestKey(.generate(for: Fixtures.tenant)).digest(type: 7, id: Fixtures.object, facet: 2, Fixtures.user),
        ]
        #expect(Set(digests).count == digests.count)
        #expect(digests.allSatisfy { $0.count == 32 })
        #expect(digest() == digests[0])
    }

    @Test func `An object key depends on identifier and type`() {
        let keys = [
            key.objectKey(forIdentifier: "example.com", type: 3), key.objectKey(forIdentifier: "example.com", type: 4),
            key.objectKey(forIdentifier: "Example.com", type: 3), key.objectKey(forIdentifier: "", type: 3),
            DigestKey(.generate(for: Fixtures.tenant)).objectKey(forIdentifier: "example.com", type: 3),
        ]
        #expect(Set(keys).count == keys.count)
        #expect(key.objectKey(forIdentifier: "example.com", type: 3) == keys[0])
    }

    @Test func `Many tasks may use one key`() async {
        let expected = digest()
        let digests = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<32 {
                group.addTask { [key] in
                    (0..<200).allSatisfy { _ in
                        key.digest(type: 7, id: Fixtures.object, facet: 2, Fixtures.user) == expected
                    }
                }
            }
            return await group.reduce(true) { $0 && $1 }
        }
        #expect(digests)
    }
}
