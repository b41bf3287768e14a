import Crypto

/// HMAC-SHA-256 (RFC 2104) of which the keyed state is made once and copied for each code.
///
/// Crypto's `HMAC` takes data as collections of regions, which for some hundred bytes costs as much as hashing them;
/// here the bytes go to the hash directly.
struct KeyedHash: Sendable {
    /// The hash after the key's block, xor 0x36.
    private let inner: SHA256
    /// The hash after the key's block, xor 0x5c.
    private let outer: SHA256

    init(key: SymmetricKey) {
        var block = [UInt8](repeating: 0, count: SHA256.blockByteCount)
        defer { block.erase() }
        key.withUnsafeBytes { bytes in
            // A longer key stands for its hash.
            if bytes.count > block.count {
                SHA256.hash(data: bytes).withUnsafeBytes { hash in
                    block.withUnsafeMutableBytes { $0.copyBytes(from: hash) }
                }
            } else {
                block.withUnsafeMutableBytes { $0.copyBytes(from: bytes) }
            }
        }
        inner = Self.state(block, 0x36)
        outer = Self.state(block, 0x5C)
    }

    private static func state(_ block: [UInt8], _ pad: UInt8) -> SHA256 {
        var padded = block.map { $0 ^ pad }
        defer { padded.erase() }
        var hash = SHA256()
        padded.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return hash
    }

    /// The code of `head` followed by `body`.
    func code(_ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) -> SHA256Digest {
        var hash = inner
        hash.update(bufferPointer: head)
        hash.update(bufferPointer: body)
        var whole = outer
        hash.finalize().withUnsafeBytes { whole.update(bufferPointer: $0) }
        return whole.finalize()
    }
}
