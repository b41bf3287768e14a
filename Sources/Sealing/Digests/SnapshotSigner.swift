public import Crypto
public import Foundation

/// What a snapshot's signature says: which snapshot of which tenant holds collections with which digests, after
/// which snapshot. No times, so that the same state gives the same bytes.
public struct SnapshotStatement: Sendable, Hashable {
    /// The tenant.
    public var tenant: UUID
    /// The snapshot's number.
    public var number: Int64
    /// The digest of each collection by the number of its type.
    public var collections: [UInt16: [UInt8]]
    /// The ``digest`` of the snapshot before; nil for the first.
    public var previous: [UInt8]?

    /// A statement of the given parts.
    public init(tenant: UUID, number: Int64, collections: [UInt16: [UInt8]], previous: [UInt8]?) {
        self.tenant = tenant
        self.number = number
        self.collections = collections
        self.previous = previous
    }

    /// The one encoding that is digested and signed: collections by type, lengths before everything of variable
    /// length, numbers big-endian.
    public var canonicalBytes: [UInt8] {
        var bytes = Array("entra-backup snapshot 1\n".utf8)
        bytes.append(tenant)
        bytes.append(bigEndian: number)
        bytes.append(bigEndian: UInt32(collections.count))
        for (type, digest) in collections.sorted(by: { $0.key < $1.key }) {
            bytes.append(bigEndian: type)
            bytes.append(bigEndian: UInt32(digest.count))
            bytes += digest
        }
        bytes.append(bigEndian: UInt32(previous?.count ?? 0))
        bytes += previous ?? []
        return bytes
    }

    /// SHA-256 of the canonical bytes, which the next snapshot names. It needs no key: the collection digests in it
    /// have one.
    public var digest: [UInt8] { Array(SHA256.hash(data: canonicalBytes)) }
}

/// Signs snapshots and checkpoints of the audit with the installation's Ed25519 key (RFC 8032).
public struct SnapshotSigner: Sendable, Unprintable {
    private let key: Curve25519.Signing.PrivateKey

    /// A signer with the private key of 32 bytes.
    /// - Throws: `wrongKey` for another size.
    public init(seed: SymmetricKey) throws(KeyError) {
        do {
            key = try seed.withUnsafeBytes { try Curve25519.Signing.PrivateKey(rawRepresentation: $0) }
        } catch {
            throw KeyError(.wrongKey, "The signing key is no Ed25519 key.", cause: error)
        }
    }

    /// The public key, 32 bytes: what a verifier needs.
    public var publicKey: [UInt8] { Array(key.publicKey.rawRepresentation) }

    /// The signature over the canonical bytes of a statement, 64 bytes. Signing twice may give two signatures.
    public func sign(_ statement: SnapshotStatement) throws(KeyError) -> [UInt8] {
        try sign(statement.canonicalBytes)
    }

    /// The signature over the canonical bytes of a checkpoint, 64 bytes.
    public func sign(_ checkpoint: AuditCheckpointStatement) throws(KeyError) -> [UInt8] {
        try sign(checkpoint.canonicalBytes)
    }

    private func sign(_ bytes: [UInt8]) throws(KeyError) -> [UInt8] {
        do {
            return try Array(key.signature(for: bytes))
        } catch {
            throw KeyError(.wrongKey, "The signing key cannot sign.", cause: error)
        }
    }
}

/// Checks the signatures of snapshots and checkpoints. Needs the public key only.
public struct SnapshotVerifier: Sendable {
    private let key: Curve25519.Signing.PublicKey

    /// A verifier with a public key of 32 bytes.
    /// - Throws: `wrongKey` if the bytes are no key.
    public init(publicKey: [UInt8]) throws(KeyError) {
        do {
            key = try Curve25519.Signing.PublicKey(rawRepresentation: publicKey)
        } catch {
            throw KeyError(.wrongKey, "These bytes are no Ed25519 public key.", cause: error)
        }
    }

    /// Whether the signature was made by the holder of the private key over exactly this statement.
    public func isValid(_ signature: [UInt8], for statement: SnapshotStatement) -> Bool {
        key.isValidSignature(signature, for: statement.canonicalBytes)
    }

    /// Whether the signature was made by the holder of the private key over exactly this checkpoint.
    public func isValid(_ signature: [UInt8], for checkpoint: AuditCheckpointStatement) -> Bool {
        key.isValidSignature(signature, for: checkpoint.canonicalBytes)
    }
}
