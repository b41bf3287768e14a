import Crypto

/// SHA-256 over bytes that come in pieces.
public struct ContentHash: Sendable {
    private var hash = SHA256()

    /// Of no bytes yet.
    public init() {}

    /// Takes the next piece: how the bytes are cut makes no difference.
    public mutating func update(_ bytes: [UInt8]) { hash.update(data: bytes) }

    /// The 32 bytes.
    public func finalize() -> [UInt8] { Array(hash.finalize()) }
}
