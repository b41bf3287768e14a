public import Crypto
public import Foundation

/// What one entry of an audit chain says, and the entry that it follows.
public struct AuditStatement: Sendable, Hashable {
    /// The chain: a partner's id, or ``operatorChain``.
    public var chain: UUID
    /// From 1, without gaps.
    public var position: Int64
    /// The entry's number over all chains, which the order of lists follows.
    public var number: Int64
    /// Microseconds since 1970.
    public var at: Int64
    /// Who did it: `operator:NAME`, the e-mail of a partner's user, or the program itself.
    public var actor: String
    /// Area and verb, such as `tenant.activate`.
    public var action: String
    /// What it was done to, by id or name; no directory content.
    public var target: String
    /// `allowed` or `refused`.
    public var outcome: String
    /// The reason that was given, or the code of the refusal; nil hashes otherwise than an empty text.
    public var reason: String?

    /// The chain of what is no partner's.
    public static let operatorChain = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    /// What stands for the hash of the entry before the first.
    public static let noHash = [UInt8](repeating: 0, count: 32)

    /// A statement of the given parts.
    public init(
        chain: UUID, position: Int64, number: Int64, at: Int64, actor: String, action: String, target: String,
        outcome: String, reason: String?
    ) {
        self.chain = chain
        self.position = position
        self.number = number
        self.at = at
        self.actor = actor
        self.action = action
        self.target = target
        self.outcome = outcome
        self.reason = reason
    }

    /// SHA-256 over the hash of the entry before and everything that this one says: lengths before everything of
    /// variable length, numbers big-endian. It needs no key, so that an export can be checked by anybody.
    public func hash(after previous: [UInt8]) -> [UInt8] {
        var bytes = Array("entra-backup audit entry 1\n".utf8)
        bytes.append(bigEndian: UInt32(previous.count))
        bytes += previous
        bytes.append(chain)
        for number in [position, number, at] { bytes.append(bigEndian: number) }
        for text in [actor, action, target, outcome] { bytes.append(text) }
        // No text has this length: a missing reason is none that is empty.
        if let reason { bytes.append(reason) } else { bytes.append(bigEndian: UInt32.max) }
        return Array(SHA256.hash(data: bytes))
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ text: String) {
        append(bigEndian: UInt32(text.utf8.count))
        self += text.utf8
    }
}

/// The installation's key for audit chains. The database never sees it: who has only the database can compute the
/// hashes of other entries, and not their seals.
public struct AuditKey: Sendable, Unprintable {
    private let key: SymmetricKey

    /// A key that is derived from the installation's signing key.
    public init(signingKey: SymmetricKey) {
        key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: signingKey, info: Array("entra-backup audit key 1".utf8), outputByteCount: 32)
    }

    /// HMAC-SHA-256 that binds an entry's hash to its place.
    public func seal(_ hash: [UInt8], chain: UUID, position: Int64) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Self.place(hash, chain, position), using: key))
    }

    /// Whether the holder of the key sealed this hash at this place. Takes the same time for every wrong seal.
    public func isGenuine(_ seal: [UInt8], of hash: [UInt8], chain: UUID, position: Int64) -> Bool {
        HMAC<SHA256>.isValidAuthenticationCode(seal, authenticating: Self.place(hash, chain, position), using: key)
    }

    /// ``seal(_:chain:position:)`` for the head of a chain. An entry's own seal does not serve: else the chain could be
    /// cut off at any entry.
    public func sealHead(_ hash: [UInt8], chain: UUID, position: Int64) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Self.place(hash, chain, position, isHead: true), using: key))
    }

    /// ``isGenuine(_:of:chain:position:)`` for the head of a chain.
    public func isGenuineHead(_ seal: [UInt8], of hash: [UInt8], chain: UUID, position: Int64) -> Bool {
        let place = Self.place(hash, chain, position, isHead: true)
        return HMAC<SHA256>.isValidAuthenticationCode(seal, authenticating: place, using: key)
    }

    private static func place(
        _ hash: [UInt8], _ chain: UUID, _ position: Int64, isHead: Bool = false
    ) -> [UInt8] {
        var bytes = Array((isHead ? "entra-backup audit head 1\n" : "entra-backup audit seal 1\n").utf8)
        bytes.append(chain)
        bytes.append(bigEndian: position)
        return bytes + hash
    }
}

/// How far a chain was at a time: what is signed, and kept outside.
public struct AuditCheckpointStatement: Sendable, Hashable {
    /// The chain: a partner's id, or ``AuditStatement/operatorChain``.
    public var chain: UUID
    /// Of the newest entry.
    public var position: Int64
    /// Of the newest entry.
    public var hash: [UInt8]
    /// Microseconds since 1970.
    public var at: Int64

    /// A statement of the given parts.
    public init(chain: UUID, position: Int64, hash: [UInt8], at: Int64) {
        self.chain = chain
        self.position = position
        self.hash = hash
        self.at = at
    }

    /// The one encoding that is signed.
    public var canonicalBytes: [UInt8] {
        var bytes = Array("entra-backup audit checkpoint 1\n".utf8)
        bytes.append(chain)
        bytes.append(bigEndian: position)
        bytes.append(bigEndian: at)
        bytes.append(bigEndian: UInt32(hash.count))
        return bytes + hash
    }
}
