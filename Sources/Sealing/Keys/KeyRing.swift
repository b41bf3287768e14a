public import Crypto

/// A key that wraps tenant keys. Numbers count up from 1; several are kept during a rotation.
public struct KeyEncryptionKey: Sendable, Unprintable {
    /// The number, named in whatever the key has wrapped.
    public let number: UInt16
    let key: SymmetricKey

    /// A key of 256 bits from elsewhere, as a key management service would hand it out; nil for another size.
    public init?(number: UInt16, key: SymmetricKey) {
        guard key.bitCount == 256 else { return nil }
        self.number = number
        self.key = key
    }

    private init(fresh number: UInt16) {
        self.number = number
        key = SymmetricKey(size: .bits256)
    }

    /// A new random key.
    public static func generate(number: UInt16) -> KeyEncryptionKey { KeyEncryptionKey(fresh: number) }

    /// Eight bytes by which operators can compare keys of two machines. They tell nothing of the key.
    public var fingerprint: [UInt8] { key.fingerprint }
}

/// All key-encryption keys of an installation.
public struct KeyRing: Sendable, Unprintable {
    /// The key with the highest number, which wraps from now on.
    public let newest: KeyEncryptionKey
    private let keys: [UInt16: KeyEncryptionKey]

    /// A ring of the given keys.
    /// - Throws: `keyMissing` if there is none.
    public init(_ keys: [KeyEncryptionKey]) throws(KeyError) {
        guard let newest = keys.max(by: { $0.number < $1.number }) else {
            throw KeyError(.keyMissing, "The key store holds no key-encryption key.")
        }
        self.newest = newest
        self.keys = Dictionary(keys.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The numbers at hand, lowest first.
    public var numbers: [UInt16] { keys.keys.sorted() }

    /// The key of the given number.
    public subscript(number: UInt16) -> KeyEncryptionKey? { keys[number] }
}

/// A tenant's own secret. Its keys can be unwrapped only with it, so that destroying it destroys the backups.
public struct TenantSecret: Sendable, Unprintable {
    let key: SymmetricKey

    /// A secret of 256 bits from elsewhere; nil for another size.
    public init?(key: SymmetricKey) {
        guard key.bitCount == 256 else { return nil }
        self.key = key
    }

    private init() { key = SymmetricKey(size: .bits256) }

    /// A new random secret.
    public static func generate() -> TenantSecret { TenantSecret() }
}
