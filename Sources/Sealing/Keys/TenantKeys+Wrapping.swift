import Crypto
public import Foundation

// Wrapped keys, in the database:
//
//     format 1 (1 byte) | number of the key-encryption key (2) | its fingerprint (8) | fingerprint of the secret (8)
//     nonce (12) | AES-256-GCM of the entries | tag (16)
//     entry: kind (1) | number (2) | key (32)
//
// One message for all keys, so that none can be taken out, put in or swapped. The wrapping key is HKDF-SHA-256 of
// key-encryption key and tenant secret; associated data are the head, a fixed text and the tenant. The fingerprints
// let a wrong key be told from damaged bytes.

private let format: UInt8 = 1
private let headCount = 19
private let entryCount = 35

private enum EntryKind: UInt8 {
    case data = 1
    case digest = 2
    case search = 3
}

extension TenantKeys {
    /// The keys as bytes for the database.
    public func wrapped(by wrapper: KeyEncryptionKey, secret: TenantSecret) throws(KeyError) -> [UInt8] {
        let head = Self.head(wrapper, secret)
        var entries = encodedEntries()
        defer { entries.erase() }
        let key = Self.wrappingKey(wrapper, secret, tenant)
        do {
            let box = try AES.GCM.seal(entries, using: key, authenticating: Self.binding(head, tenant))
            return head + Array(box.nonce) + box.ciphertext + box.tag
        } catch {
            throw KeyError(.keyDamaged, "The tenant's keys could not be wrapped.", cause: error)
        }
    }

    /// The keys of `tenant` out of what ``wrapped(by:secret:)`` made.
    /// - Throws: `keyMissing` if the store lacks the key-encryption key named in the bytes, `wrongKey` if it or the
    ///   tenant's secret is another one, `keyDamaged` if the bytes were altered or are those of another tenant.
    public static func unwrap(
        _ wrapped: [UInt8], tenant: UUID, secret: TenantSecret, keys: KeyRing
    ) throws(KeyError) -> TenantKeys {
        let number = try keyEncryptionKeyNumber(of: wrapped)
        guard let wrapper = keys[number] else {
            throw KeyError(.keyMissing, "The key store lacks key-encryption key \(number).")
        }
        let head = Array(wrapped[..<headCount])
        try checkFingerprints(head, Self.head(wrapper, secret), number: number, tenant: tenant)
        do {
            let box = try AES.GCM.SealedBox(combined: wrapped[headCount...])
            let key = wrappingKey(wrapper, secret, tenant)
            var entries = try Array(AES.GCM.open(box, using: key, authenticating: binding(head, tenant)))
            defer { entries.erase() }
            if let result = TenantKeys(tenant: tenant, entries: entries) { return result }
        } catch {
            throw damaged(tenant, cause: error)
        }
        throw damaged(tenant)
    }

    /// The same keys wrapped by the newest key of the ring: the step of a rotation for each tenant. Bytes that the
    /// newest key has wrapped already are returned as they are.
    public static func rewrapped(
        _ wrapped: [UInt8], tenant: UUID, secret: TenantSecret, keys: KeyRing
    ) throws(KeyError) -> [UInt8] {
        let unwrapped = try unwrap(wrapped, tenant: tenant, secret: secret, keys: keys)
        if try keyEncryptionKeyNumber(of: wrapped) == keys.newest.number { return wrapped }
        return try unwrapped.wrapped(by: keys.newest, secret: secret)
    }

    /// The number of the key-encryption key that wrapped the bytes: when no row names a key any more, its file can go.
    public static func keyEncryptionKeyNumber(of wrapped: [UInt8]) throws(KeyError) -> UInt16 {
        guard let first = wrapped.first, first != 0, wrapped.count >= headCount else {
            throw KeyError(.keyDamaged, "The wrapped keys of a tenant are cut short.")
        }
        guard first == format else {
            throw KeyError(
                .keyFormatUnknown, "Wrapped keys have format \(first); this release reads format \(format).")
        }
        return UInt16(wrapped[1]) << 8 | UInt16(wrapped[2])
    }

    private static func head(_ wrapper: KeyEncryptionKey, _ secret: TenantSecret) -> [UInt8] {
        var head = [format]
        head.append(bigEndian: wrapper.number)
        return head + wrapper.fingerprint + secret.key.fingerprint
    }

    private static func binding(_ head: [UInt8], _ tenant: UUID) -> [UInt8] {
        var binding = head + Array("entra-backup tenant keys".utf8)
        binding.append(tenant)
        return binding
    }

    private static func wrappingKey(
        _ wrapper: KeyEncryptionKey, _ secret: TenantSecret, _ tenant: UUID
    ) -> SymmetricKey {
        var material = [UInt8]()
        material.reserveCapacity(64)
        material.append(wrapper.key)
        material.append(secret.key)
        defer { material.erase() }
        return SymmetricKey(data: material).derived(for: "entra-backup wrapping key 1", tenant: tenant)
    }

    private static func checkFingerprints(
        _ found: [UInt8], _ expected: [UInt8], number: UInt16, tenant: UUID
    ) throws(KeyError) {
        guard found[3..<11] == expected[3..<11] else {
            throw KeyError(.wrongKey, "Key-encryption key \(number) of this store did not wrap the tenant's keys.")
        }
        guard found[11..<19] == expected[11..<19] else {
            throw KeyError(
                .wrongKey, "The secret of tenant \(tenant.uuidString.lowercased()) in this store is another one.")
        }
    }

    private static func damaged(_ tenant: UUID, cause: (any Error)? = nil) -> KeyError {
        let name = tenant.uuidString.lowercased()
        return KeyError(.keyDamaged, "The wrapped keys of tenant \(name) were altered.", cause: cause)
    }

    private func encodedEntries() -> [UInt8] {
        var bytes = [UInt8]()
        bytes.reserveCapacity((dataKeys.count + 2) * entryCount)
        func add(_ kind: EntryKind, _ number: UInt16, _ key: SymmetricKey) {
            bytes.append(kind.rawValue)
            bytes.append(bigEndian: number)
            bytes.append(key)
        }
        for (number, key) in dataKeys.sorted(by: { $0.key < $1.key }) { add(.data, number, key) }
        add(.digest, 0, digest)
        add(.search, 0, search)
        return bytes
    }

    private init?(tenant: UUID, entries: [UInt8]) {
        guard entries.count % entryCount == 0 else { return nil }
        var dataKeys: [UInt16: SymmetricKey] = [:]
        var digest: SymmetricKey?
        var search: SymmetricKey?
        for start in stride(from: 0, to: entries.count, by: entryCount) {
            let key = SymmetricKey(data: entries[start + 3..<start + entryCount])
            switch EntryKind(rawValue: entries[start]) {
            case .data: dataKeys[UInt16(entries[start + 1]) << 8 | UInt16(entries[start + 2])] = key
            case .digest: digest = key
            case .search: search = key
            case nil: return nil
            }
        }
        guard let digest, let search else { return nil }
        self.init(tenant: tenant, dataKeys: dataKeys, digest: digest, search: search)
    }
}
