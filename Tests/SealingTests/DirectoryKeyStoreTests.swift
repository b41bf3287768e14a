import Crypto
import Foundation
import Testing

@testable import Sealing

struct DirectoryKeyStoreTests {
    let folder: ScratchFolder
    let store: DirectoryKeyStore
    let secretFile = "store/tenants/" + Fixtures.tenant.uuidString.lowercased()

    init() throws {
        folder = try ScratchFolder()
        store = DirectoryKeyStore(path: folder.path + "/store")
    }

    @Test func `A new store holds what is needed, for its owner only`() throws {
        try store.create()
        _ = try store.createTenantSecret(for: Fixtures.tenant)
        #expect(try folder.files(in: "store") == ["kek-1", "signing-key", "tenants"])
        #expect(try folder.files(in: "store/tenants") == [Fixtures.tenant.uuidString.lowercased()])
        for name in ["store", "store/tenants"] { #expect(try folder.mode(of: name) == 0o700) }
        for name in ["store/kek-1", "store/signing-key", secretFile] { #expect(try folder.mode(of: name) == 0o600) }
        #expect(try store.keyRing().numbers == [1])
    }

    @Test func `Reading twice gives the same keys`() throws {
        try store.create()
        let secret = try store.createTenantSecret(for: Fixtures.tenant)
        #expect(try store.keyRing().newest.key == store.keyRing().newest.key)
        #expect(try store.snapshotSigner().publicKey == store.snapshotSigner().publicKey)
        #expect(try store.tenantSecret(for: Fixtures.tenant).key == secret.key)
        #expect(try store.createTenantSecret(for: Fixtures.tenant).key == secret.key)
        #expect(try store.createTenantSecret(for: Fixtures.otherTenant).key != secret.key)
    }

    @Test func `Creating never overwrites`() throws {
        try store.create()
        let before = try folder.text(of: "store/kek-1")
        #expect(keyErrorCode { try store.create() } == .keyStoreExists)
        #expect(try folder.text(of: "store/kek-1") == before)

        _ = try store.addKeyEncryptionKey()
        try FileManager.default.removeItem(atPath: store.path + "/kek-1")
        #expect(keyErrorCode { try store.create() } == .keyStoreExists)
        #expect(try store.keyRing().numbers == [2])
    }

    @Test func `An interrupted creation is completed and keeps its signing key`() throws {
        try store.create()
        try FileManager.default.removeItem(atPath: folder.path + "/store/kek-1")
        let signingKey = try folder.text(of: "store/signing-key")
        try store.create()
        #expect(try folder.text(of: "store/signing-key") == signingKey)
        #expect(try store.keyRing().numbers == [1])
    }

    @Test func `Of many that create one secret all get the same`() async throws {
        try store.create()
        let secrets = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<16 {
                group.addTask { [store] in
                    try store.createTenantSecret(for: Fixtures.tenant).key.withUnsafeBytes(Array.init)
                }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(secrets.count == 1)
        #expect(try folder.files(in: "store/tenants").count == 1)
    }

    @Test func `A new key-encryption key wraps from now on, the old one still unwraps`() throws {
        try store.create()
        let secret = try store.createTenantSecret(for: Fixtures.tenant)
        let wrapped = try Fixtures.keys().wrapped(by: store.keyRing().newest, secret: secret)
        let added = try store.addKeyEncryptionKey()
        let ring = try store.keyRing()
        #expect(added.number == 2)
        #expect(ring.numbers == [1, 2])
        #expect(ring.newest.fingerprint == added.fingerprint)
        #expect(ring.newest.fingerprint != ring[1]?.fingerprint)

        let moved = try TenantKeys.rewrapped(wrapped, tenant: Fixtures.tenant, secret: secret, keys: ring)
        try FileManager.default.removeItem(atPath: folder.path + "/store/kek-1")
        let keys = try TenantKeys.unwrap(moved, tenant: Fixtures.tenant, secret: secret, keys: store.keyRing())
        #expect(keys.digest == Fixtures.keys().digest)
    }

    // MARK: - Crypto-shredding

    @Test func `After the secret is destroyed nothing unwraps although the key-encryption key is there`() throws {
        try store.create()
        let secret = try store.createTenantSecret(for: Fixtures.tenant)
        let ring = try store.keyRing()
        let wrapped = try Fixtures.keys().wrapped(by: ring.newest, secret: secret)
        try store.destroyTenantSecret(for: Fixtures.tenant)

        #expect(keyErrorCode { _ = try store.tenantSecret(for: Fixtures.tenant) } == .tenantSecretDestroyed)
        #expect(
            try folder.files(in: "store/tenants") == [Fixtures.tenant.uuidString.lowercased() + ".destroyed"])
        #expect(try store.keyRing().newest.key == ring.newest.key)
        #expect(throws: KeyError.self) {
            try TenantKeys.unwrap(wrapped, tenant: Fixtures.tenant, secret: .generate(), keys: ring)
        }
    }

    @Test func `The bytes are overwritten where they lie`() throws {
        try store.create()
        _ = try store.createTenantSecret(for: Fixtures.tenant)
        let before = try folder.text(of: secretFile)
        // A second name for the same bytes, as an interrupted creation could leave behind.
        try FileManager.default.linkItem(
            atPath: folder.path + "/" + secretFile, toPath: folder.path + "/second-name")
        try store.destroyTenantSecret(for: Fixtures.tenant)
        let after = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/second-name"))
        #expect(after.count == before.utf8.count)
        #expect(after != Data(before.utf8))
        let key = try #require(before.split(separator: "\n").first { $0.hasPrefix("key ") })
        #expect(after.range(of: Data(key.utf8)) == nil)
    }

    @Test func `Destroying can be repeated and finishes an interrupted run`() throws {
        try store.create()
        _ = try store.createTenantSecret(for: Fixtures.tenant)
        // Interrupted after the tombstone.
        try folder.setText("destroyed\n", of: secretFile + ".destroyed")
        #expect(keyErrorCode { _ = try store.tenantSecret(for: Fixtures.tenant) } == .tenantSecretDestroyed)
        for _ in 0..<2 {
            try store.destroyTenantSecret(for: Fixtures.tenant)
            #expect(!FileManager.default.fileExists(atPath: folder.path + "/" + secretFile))
        }
    }

    @Test func `A tenant that comes back gets another secret, which opens nothing of before`() throws {
        try store.create()
        let ring = try store.keyRing()
        let wrapped = try Fixtures.keys().wrapped(
            by: ring.newest, secret: try store.createTenantSecret(for: Fixtures.tenant))
        for number in 1...2 {
            try store.destroyTenantSecret(for: Fixtures.tenant)
            let next = try store.createTenantSecret(for: Fixtures.tenant)
            #expect(try store.tenantSecret(for: Fixtures.tenant).key == next.key)
            #expect(
                keyErrorCode {
                    _ = try TenantKeys.unwrap(wrapped, tenant: Fixtures.tenant, secret: next, keys: ring)
                } == .wrongKey)
            #expect(try folder.files(in: "store/tenants").count == 1 + number)
        }
        // Interrupted after the tombstone: the old secret does not come back.
        let old = try folder.text(of: secretFile)
        try folder.setText("destroyed\n", of: secretFile + ".destroyed")
        _ = try store.createTenantSecret(for: Fixtures.tenant)
        #expect(try folder.text(of: secretFile) != old)
    }

    @Test func `A secret that this store never had cannot be destroyed in it`() throws {
        try store.create()
        #expect(keyErrorCode { try store.destroyTenantSecret(for: Fixtures.tenant) } == .keyMissing)
    }

    // MARK: - Faults

    @Test func `A store that is away is told from a missing key`() throws {
        let nowhere = DirectoryKeyStore(path: folder.path + "/nowhere")
        #expect(keyErrorCode { _ = try nowhere.keyRing() } == .keyStoreMissing)
        #expect(keyErrorCode { _ = try nowhere.snapshotSigner() } == .keyStoreMissing)
        #expect(keyErrorCode { _ = try nowhere.tenantSecret(for: Fixtures.tenant) } == .keyStoreMissing)
        #expect(keyErrorCode { try nowhere.destroyTenantSecret(for: Fixtures.tenant) } == .keyStoreMissing)
        #expect(keyErrorCode { _ = try nowhere.addKeyEncryptionKey() } == .keyStoreMissing)

        try store.create()
        #expect(keyErrorCode { _ = try store.tenantSecret(for: Fixtures.tenant) } == .keyMissing)
        try FileManager.default.removeItem(atPath: store.path + "/signing-key")
        #expect(keyErrorCode { _ = try store.snapshotSigner() } == .keyMissing)
        try FileManager.default.removeItem(atPath: store.path + "/kek-1")
        #expect(keyErrorCode { _ = try store.keyRing() } == .keyMissing)
    }

    @Test func `A file in place of the folder is no store`() throws {
        try folder.setText("", of: "file")
        #expect(keyErrorCode { _ = try DirectoryKeyStore(path: folder.path + "/file").keyRing() } == .keyStoreMissing)
        #expect(throws: KeyError.self) { try DirectoryKeyStore(path: folder.path + "/file").create() }
        #expect(throws: KeyError.self) { try DirectoryKeyStore(path: folder.path + "/no/where").create() }
    }

    @Test(arguments: [0o640, 0o604, 0o644, 0o620, 0o777])
    func `Files and folders that others may use are refused`(mode: Int) throws {
        try store.create()
        _ = try store.createTenantSecret(for: Fixtures.tenant)
        for name in ["store/kek-1", "store/signing-key", secretFile] { try folder.setMode(mode, of: name) }
        #expect(keyErrorCode { _ = try store.keyRing() } == .keyPermissionsTooOpen)
        #expect(keyErrorCode { _ = try store.snapshotSigner() } == .keyPermissionsTooOpen)
        #expect(keyErrorCode { _ = try store.tenantSecret(for: Fixtures.tenant) } == .keyPermissionsTooOpen)
        for name in ["store/kek-1", "store/signing-key", secretFile] { try folder.setMode(0o400, of: name) }
        _ = try store.keyRing()
        try folder.setMode(mode | 0o100, of: "store")
        #expect(keyErrorCode { _ = try store.keyRing() } == .keyPermissionsTooOpen)
    }

    @Test func `Every cut and every altered character of a key file is found`() throws {
        try store.create()
        let text = Array(try folder.text(of: "store/kek-1").utf8)
        let file = KeyFile(kind: .keyEncryptionKey, name: "1")
        _ = try file.decoded(text, path: "kek-1")
        for count in 0..<text.count {
            #expect(throws: KeyError.self) { try file.decoded(Array(text[..<count]), path: "kek-1") }
        }
        for bit in 0..<text.count * 8 {
            var altered = text
            altered[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: KeyError.self) { try file.decoded(altered, path: "kek-1") }
        }
        #expect(throws: KeyError.self) { try file.decoded(text + text, path: "kek-1") }
    }

    @Test func `A wrong file is named for what it is`() throws {
        try store.create()
        _ = try store.addKeyEncryptionKey()
        let first = try folder.text(of: "store/kek-1")
        func code(_ text: String) throws -> KeyError.Code? {
            try folder.setText(text, of: "store/kek-2")
            return keyErrorCode { _ = try store.keyRing() }
        }
        #expect(try code(first) == .wrongKey)
        #expect(try code(folder.text(of: "store/signing-key")) == .wrongKey)
        #expect(try code("") == .keyDamaged)
        #expect(try code("-----BEGIN PRIVATE KEY-----\n") == .keyDamaged)
        #expect(try code(String(first.dropLast(30))) == .keyDamaged)
        #expect(try code(first.replacingOccurrences(of: "key 1\n", with: "key 2\n")) == .keyFormatUnknown)
        #expect(try code(String(repeating: first, count: 50)) == .keyDamaged)
    }

    @Test func `Errors name runbook and hint and hold no key`() throws {
        try store.create()
        let key = try #require(try folder.text(of: "store/kek-1").split(separator: "\n").first { $0.hasPrefix("key ") })
        try folder.setText(String(try folder.text(of: "store/kek-1").dropLast(3)), of: "store/kek-1")
        do {
            _ = try store.keyRing()
            Issue.record("a damaged key was read")
        } catch {
            #expect(error.runbook == "key-wrong")
            #expect("\(error)".hasPrefix("keyDamaged: "))
            #expect("\(error)".hasSuffix(error.hint))
            #expect(!"\(error)".contains(key.dropFirst(4)))
        }
        #expect(KeyError.Code.keyStoreMissing.runbook == "key-store-unavailable")
        #expect(KeyError.Code.wrongKey.runbook == "key-wrong")
        #expect(KeyError.Code.tenantSecretDestroyed.runbook == nil)
    }
}
