import Crypto
public import Foundation

/// A key store that is a folder of key files, on one machine or on a secret volume that a fleet shares.
///
///     kek-1, kek-2 ...            key-encryption keys; the highest number wraps
///     signing-key                 Ed25519
///     audit-begun                 the audit's chains have begun: entries without a seal are forged
///     tenants/<id>                a tenant's secret
///     tenants/<id>.destroyed      left behind when the secret was destroyed; with -1, -2 … when there is another since
///
/// Files have mode 0600 and folders 0700; more is refused. Every call reads the disk, nothing is kept in memory, and
/// a call takes a few system calls. Reading needs no lock, and of two writers of one name one wins.
/// The folder has to be copied to a safe place: without it every backup is lost.
public struct DirectoryKeyStore: KeyStore {
    /// The folder.
    public let path: String

    /// A store in the given folder, which need not be there yet.
    public init(path: String) {
        self.path = path
    }

    // MARK: - Setting up and rotating

    /// Creates the folder, the signing key and the first key-encryption key.
    ///
    /// A run that was interrupted is completed by the next one: the key-encryption key is written last.
    /// - Throws: `keyStoreExists` if a key-encryption key is there; nothing is overwritten.
    public func create() throws(KeyError) {
        try SecretFile.createFolder(path)
        try SecretFile.checkFolder(path)
        try SecretFile.createFolder("\(path)/tenants")
        guard try keyNumbers().isEmpty else { throw exists() }
        let signing = KeyFile(kind: .signingKey, name: "ed25519")
        let seed = Curve25519.Signing.PrivateKey().rawRepresentation
        _ = try write(signing, "signing-key", SymmetricKey(data: seed))
        guard try write(KeyEncryptionKey.generate(number: 1)) else { throw exists() }
    }

    /// Adds a key-encryption key, which wraps from now on. Tenant keys wrapped before stay readable while the older
    /// files are there; ``TenantKeys/rewrapped(_:tenant:secret:keys:)`` moves them to the new key.
    public func addKeyEncryptionKey() throws(KeyError) -> KeyEncryptionKey {
        let newest = try keyRing().newest.number
        guard newest < UInt16.max else {
            throw KeyError(.keyStoreUnwritable, "\(path) has used up the numbers of key-encryption keys.")
        }
        let key = KeyEncryptionKey.generate(number: newest + 1)
        guard try write(key) else {
            throw KeyError(.keyStoreExists, "Somebody else has just added key-encryption key \(key.number).")
        }
        return key
    }

    // MARK: - Reading

    /// All files `kek-*`. One that cannot be read fails the call: a ring without it could wrap with an older key.
    public func keyRing() throws(KeyError) -> KeyRing {
        var keys: [KeyEncryptionKey] = []
        for number in try keyNumbers() {
            let file = KeyFile(kind: .keyEncryptionKey, name: "\(number)")
            if let key = try read(file, "kek-\(number)"), let wrapper = KeyEncryptionKey(number: number, key: key) {
                keys.append(wrapper)
            }
        }
        return try KeyRing(keys)
    }

    /// The signer with the key in `signing-key`.
    public func snapshotSigner() throws(KeyError) -> SnapshotSigner {
        try SnapshotSigner(seed: try signingKey())
    }

    private func signingKey() throws(KeyError) -> SymmetricKey {
        try SecretFile.checkFolder(path)
        guard let key = try read(KeyFile(kind: .signingKey, name: "ed25519"), "signing-key") else {
            throw KeyError(.keyMissing, "There is no signing key at \(path)/signing-key.")
        }
        return key
    }

    // MARK: - Audit

    /// Derived from the key in `signing-key`.
    public func auditKey() throws(KeyError) -> AuditKey { AuditKey(signingKey: try signingKey()) }

    /// Whether `audit-begun` is there.
    public func hasBegunAudit() throws(KeyError) -> Bool {
        try SecretFile.checkFolder(path)
        return try SecretFile.read("\(path)/audit-begun") != nil
    }

    /// Writes `audit-begun`.
    public func beginAudit() throws(KeyError) {
        try SecretFile.checkFolder(path)
        let text = "The audit's chains have begun. Keep this file.\n"
        _ = try SecretFile.create("\(path)/audit-begun", bytes: Array(text.utf8))
    }

    // MARK: - Tenant secrets

    /// The secret in `tenants/<id>`.
    public func tenantSecret(for tenant: UUID) throws(KeyError) -> TenantSecret {
        guard let secret = try findTenantSecret(for: tenant) else { throw missing(tenant) }
        return secret
    }

    /// The secret in `tenants/<id>`, written first if there is none. A tombstone that is there is given a number.
    public func createTenantSecret(for tenant: UUID) throws(KeyError) -> TenantSecret {
        do {
            if let secret = try findTenantSecret(for: tenant) { return secret }
        } catch {
            guard error.code == .tenantSecretDestroyed else { throw error }
            // Destroying may have been interrupted: what it left must not be found without its tombstone.
            try destroyTenantSecret(for: tenant)
            try SecretFile.moveAside("\(path)/\(tenantFile(tenant).path).destroyed")
        }
        try SecretFile.createFolder("\(path)/tenants")
        let file = tenantFile(tenant)
        _ = try write(file.key, file.path, TenantSecret.generate().key)
        // Read back rather than returned: another process may have been first.
        return try tenantSecret(for: tenant)
    }

    /// Writes a tombstone, overwrites the secret and removes it, in this order, so that an interrupted run has
    /// either done nothing or can be repeated to its end.
    ///
    /// Copies of the key store keep the secret: they have to be destroyed as well.
    public func destroyTenantSecret(for tenant: UUID) throws(KeyError) {
        try SecretFile.checkFolder(path)
        let name = "\(path)/\(tenantFile(tenant).path)"
        let destroyed = access("\(name).destroyed", F_OK) == 0
        guard destroyed || access(name, F_OK) == 0 else { throw missing(tenant) }
        if !destroyed {
            let text = "The secret of this tenant was destroyed on purpose. Keep this file.\n"
            _ = try SecretFile.create("\(name).destroyed", bytes: Array(text.utf8))
        }
        try SecretFile.destroy(name)
    }

    private func findTenantSecret(for tenant: UUID) throws(KeyError) -> TenantSecret? {
        try SecretFile.checkFolder(path)
        let file = tenantFile(tenant)
        guard try SecretFile.read("\(path)/\(file.path).destroyed") == nil else {
            throw KeyError(.tenantSecretDestroyed, "The secret of tenant \(file.key.name) was destroyed.")
        }
        return try read(file.key, file.path).flatMap(TenantSecret.init(key:))
    }

    // MARK: - Files

    private func tenantFile(_ tenant: UUID) -> (key: KeyFile, path: String) {
        let name = tenant.uuidString.lowercased()
        return (KeyFile(kind: .tenantSecret, name: name), "tenants/\(name)")
    }

    private func read(_ file: KeyFile, _ name: String) throws(KeyError) -> SymmetricKey? {
        guard var bytes = try SecretFile.read("\(path)/\(name)") else { return nil }
        defer { bytes.erase() }
        return try file.decoded(bytes, path: "\(path)/\(name)")
    }

    private func write(_ key: KeyEncryptionKey) throws(KeyError) -> Bool {
        let file = KeyFile(kind: .keyEncryptionKey, name: "\(key.number)")
        return try write(file, "kek-\(key.number)", key.key)
    }

    /// False, and nothing changed, if the file is there.
    private func write(_ file: KeyFile, _ name: String, _ key: SymmetricKey) throws(KeyError) -> Bool {
        var bytes = file.encoded(key)
        defer { bytes.erase() }
        return try SecretFile.create("\(path)/\(name)", bytes: bytes)
    }

    private func keyNumbers() throws(KeyError) -> [UInt16] {
        try SecretFile.checkFolder(path)
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path).compactMap { name in
                name.hasPrefix("kek-") ? UInt16(name.dropFirst(4)) : nil
            }
        } catch {
            throw KeyError(.keyStoreUnreadable, "\(path) cannot be listed.", cause: error)
        }
    }

    private func exists() -> KeyError {
        KeyError(.keyStoreExists, "There is a key store at \(path).")
    }

    private func missing(_ tenant: UUID) -> KeyError {
        KeyError(.keyMissing, "The key store at \(path) has no secret of tenant \(tenant.uuidString.lowercased()).")
    }
}
