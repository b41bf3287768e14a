import Crypto
public import Foundation

/// The keys of one tenant, 256 bits each: numbered data keys, which can be rotated, and the digest and search keys,
/// which stay for life, because with another key every digest and every search token would differ.
///
/// The database holds them wrapped (``wrapped(by:secret:)``). Whoever has only the database, or the database and the
/// key-encryption key, or all but the tenant's secret, cannot unwrap them.
public struct TenantKeys: Sendable, Unprintable {
    /// Whose keys they are.
    public let tenant: UUID
    /// The number of the data key that seals from now on. All older ones open.
    public let currentDataKey: UInt16
    let newestDataKey: SymmetricKey
    let dataKeys: [UInt16: SymmetricKey]
    let digest: SymmetricKey
    let search: SymmetricKey

    init?(tenant: UUID, dataKeys: [UInt16: SymmetricKey], digest: SymmetricKey, search: SymmetricKey) {
        guard let current = dataKeys.max(by: { $0.key < $1.key }) else { return nil }
        self.tenant = tenant
        self.dataKeys = dataKeys
        self.digest = digest
        self.search = search
        currentDataKey = current.key
        newestDataKey = current.value
    }

    private init(fresh tenant: UUID) {
        self.tenant = tenant
        currentDataKey = 1
        newestDataKey = SymmetricKey(size: .bits256)
        dataKeys = [1: newestDataKey]
        digest = SymmetricKey(size: .bits256)
        search = SymmetricKey(size: .bits256)
    }

    /// New random keys; the data key has number 1.
    public static func generate(for tenant: UUID) -> TenantKeys { TenantKeys(fresh: tenant) }

    /// These keys and one more data key, which seals from now on. Digests and tokens stay the same.
    ///
    /// Due long before a data key has sealed 2^32 payloads or as many blobs, the limit for random nonces of 96 bits
    /// (NIST SP 800-38D, 8.3); the rows of the tenant's contents tell how far it is.
    /// - Throws: `keyStoreUnwritable` after 65,535 rotations.
    public func addingDataKey() throws(KeyError) -> TenantKeys {
        var keys = dataKeys
        keys[currentDataKey &+ 1] = SymmetricKey(size: .bits256)
        guard currentDataKey < UInt16.max,
            let result = TenantKeys(tenant: tenant, dataKeys: keys, digest: digest, search: search)
        else { throw KeyError(.keyStoreUnwritable, "The numbers of data keys are used up.") }
        return result
    }
}
