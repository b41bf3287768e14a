import Crypto
public import Foundation

/// Makes a tenant's digests: HMAC-SHA-256 (RFC 2104) under keys derived from the tenant's digest key.
///
/// Equal digests mean equal content of one tenant; to whoever lacks the key they tell nothing, not even by guessing
/// the content. Fixed for the tenant's life.
///
/// The keyed state is made once and copied for each digest: 0.8 to 2.4 µs instead of 1.9 to 3.3.
public struct DigestKey: Sendable, Unprintable {
    private let contents: KeyedHash
    private let identifiers: KeyedHash
    private let runs: KeyedHash

    /// The maker of digests for the tenant of the keys.
    public init(_ keys: TenantKeys) {
        contents = KeyedHash(key: keys.digest.derived(for: "entra-backup content digest 1", tenant: keys.tenant))
        identifiers = KeyedHash(key: keys.digest.derived(for: "entra-backup object key 1", tenant: keys.tenant))
        runs = KeyedHash(key: keys.digest.derived(for: "entra-backup sightings 1", tenant: keys.tenant))
    }

    /// The digest of one content.
    ///
    /// - Parameters:
    ///   - type: The number of the object type.
    ///   - id: The object's id, or its ``objectKey(forIdentifier:type:)``.
    ///   - facet: The number of the facet.
    ///   - bytes: The facet in canonical form.
    /// - Returns: 32 bytes.
    public func digest(type: UInt16, id: UUID, facet: UInt16, _ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        digest(type: type, id: id, facet: facet, bytes, Array.init)
    }

    /// The same, lent to `body`.
    public func digest<Result>(
        type: UInt16, id: UUID, facet: UInt16, _ bytes: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        // All parts before the bytes have a fixed length, so that no two contents give the same input.
        withUnsafeBytes(of: (id.uuid, type.bigEndian, facet.bigEndian)) { head in
            contents.code(head, bytes).withUnsafeBytes(body)
        }
    }

    /// The digest of one content, 32 bytes.
    public func digest(type: UInt16, id: UUID, facet: UInt16, _ bytes: [UInt8]) -> [UInt8] {
        bytes.withUnsafeBytes { digest(type: type, id: id, facet: facet, $0) }
    }

    /// The digest of what a page tells of one object, packed: 32 bytes, lent to `body`.
    public func digest<Result>(
        sightings run: UnsafeRawBufferPointer, type: UInt16, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        withUnsafeBytes(of: type.bigEndian) { runs.code($0, run).withUnsafeBytes(body) }
    }

    /// Sixteen bytes in place of an id that is no GUID, such as a domain's or an attribute set's. They are carried as
    /// a UUID, so that they fit where GUIDs do. The identifier is taken as it stands, upper and lower case differ.
    public func objectKey(forIdentifier identifier: String, type: UInt16) -> UUID {
        let code = withUnsafeBytes(of: type.bigEndian) { head in
            Array(identifier.utf8).withUnsafeBytes { identifiers.code(head, $0) }
        }
        return code.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }
}
