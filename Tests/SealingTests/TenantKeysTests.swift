import Crypto
import Foundation
import Testing

@testable import Sealing

struct TenantKeysTests {
    let wrapper = KeyEncryptionKey.generate(number: 1)
    let secret = TenantSecret.generate()

    private func unwrap(
        _ wrapped: [UInt8], tenant: UUID = Fixtures.tenant, secret: TenantSecret? = nil, keys: [KeyEncryptionKey]? = nil
    ) throws -> TenantKeys {
        try TenantKeys.unwrap(
            wrapped, tenant: tenant, secret: secret ?? self.secret, keys: KeyRing(keys ?? [wrapper]))
    }

    @Test func `Unwrapping gives the same keys`() throws {
        let keys = try Fixtures.keys(dataKeys: 3).addingDataKey()
        let unwrapped = try unwrap(keys.wrapped(by: wrapper, secret: secret))
        #expect(unwrapped.dataKeys == keys.dataKeys)
        #expect(unwrapped.currentDataKey == 4)
        #expect(unwrapped.newestDataKey == keys.dataKeys[4])
        #expect(unwrapped.digest == keys.digest)
        #expect(unwrapped.search == keys.search)
    }

    @Test func `New keys are all different`() {
        let first = TenantKeys.generate(for: Fixtures.tenant)
        let second = TenantKeys.generate(for: Fixtures.tenant)
        let keys = [first, second].flatMap { [$0.newestDataKey, $0.digest, $0.search] }
        #expect(Set(keys.map { $0.withUnsafeBytes(Array.init) }).count == 6)
    }

    @Test func `Every flipped bit and every cut of wrapped keys is found`() throws {
        let wrapped = try Fixtures.keys().wrapped(by: wrapper, secret: secret)
        for bit in 0..<wrapped.count * 8 {
            var altered = wrapped
            altered[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: KeyError.self) { try unwrap(altered) }
        }
        for count in 0..<wrapped.count {
            #expect(throws: KeyError.self) { try unwrap(Array(wrapped[..<count])) }
        }
    }

    @Test func `What is wrong is named`() throws {
        let wrapped = try Fixtures.keys().wrapped(by: wrapper, secret: secret)
        let otherWrapper = KeyEncryptionKey.generate(number: 1)
        let laterWrapper = KeyEncryptionKey.generate(number: 2)
        var newer = wrapped
        newer[0] = 2
        var damaged = wrapped
        damaged[wrapped.count - 1] ^= 1
        #expect(keyErrorCode { _ = try unwrap(wrapped, keys: [otherWrapper]) } == .wrongKey)
        #expect(keyErrorCode { _ = try unwrap(wrapped, keys: [laterWrapper]) } == .keyMissing)
        #expect(keyErrorCode { _ = try unwrap(wrapped, keys: []) } == .keyMissing)
        #expect(keyErrorCode { _ = try unwrap(wrapped, secret: .generate()) } == .wrongKey)
        #expect(keyErrorCode { _ = try unwrap(wrapped, tenant: Fixtures.otherTenant) } == .keyDamaged)
        #expect(keyErrorCode { _ = try unwrap(newer) } == .keyFormatUnknown)
        #expect(keyErrorCode { _ = try unwrap(damaged) } == .keyDamaged)
        #expect(keyErrorCode { _ = try unwrap([]) } == .keyDamaged)
    }

    @Test func `Rotating the data key keeps digests and search tokens`() throws {
        let keys = Fixtures.keys()
        let rotated = try keys.addingDataKey()
        #expect(rotated.currentDataKey == 2)
        #expect(rotated.newestDataKey != keys.newestDataKey)
        let digests = [keys, rotated].map {
            DigestKey($0).digest(type: 1, id: Fixtures.object, facet: 0, Fixtures.user)
        }
        #expect(digests[0] == digests[1])
        let tokens = [keys, rotated].map { SearchKey($0).tokens(displayName: "Anna Lopez") }
        #expect(tokens[0] == tokens[1])
    }

    @Test func `Data keys run out with an error`() throws {
        let last = try #require(
            TenantKeys(
                tenant: Fixtures.tenant, dataKeys: [.max: Fixtures.key(1)], digest: Fixtures.key(2),
                search: Fixtures.key(3)))
        #expect(keyErrorCode { _ = try last.addingDataKey() } == .keyStoreUnwritable)
    }

    @Test func `Rewrapping moves to the newest key-encryption key and changes no tenant key`() throws {
        let newer = KeyEncryptionKey.generate(number: 2)
        let ring = try KeyRing([wrapper, newer])
        let wrapped = try Fixtures.keys().wrapped(by: wrapper, secret: secret)
        let moved = try TenantKeys.rewrapped(wrapped, tenant: Fixtures.tenant, secret: secret, keys: ring)
        #expect(try TenantKeys.keyEncryptionKeyNumber(of: wrapped) == 1)
        #expect(try TenantKeys.keyEncryptionKeyNumber(of: moved) == 2)
        #expect(try unwrap(moved, keys: [newer]).dataKeys == Fixtures.keys().dataKeys)
        #expect(try TenantKeys.rewrapped(moved, tenant: Fixtures.tenant, secret: secret, keys: ring) == moved)
    }

    @Test func `Nothing that holds a secret prints it`() throws {
        let keys = Fixtures.keys()
        let seed = SymmetricKey(data: [UInt8](repeating: 0x77, count: 32))
        let holders: [any Unprintable] = [
            keys, secret, wrapper, try KeyRing([wrapper]), PayloadSealer(keys), DigestKey(keys), SearchKey(keys),
            try SnapshotSigner(seed: seed),
        ]
        for holder in holders {
            var dumped = ""
            dump(holder, to: &dumped)
            for text in ["\(holder)", String(describing: holder), String(reflecting: holder), dumped] {
                #expect(text.contains("(secret)"))
                #expect(text.count < 40, "\(text)")
            }
            #expect(Mirror(reflecting: holder).children.isEmpty)
        }
    }
}
