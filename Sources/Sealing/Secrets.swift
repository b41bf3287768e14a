import Crypto
import Foundation

/// A value that holds a secret and so prints only the name of its type: in string interpolation, in `dump`, in a
/// debugger's summary and in a crash report of an assertion.
public protocol Unprintable: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {}

extension Unprintable {
    /// The name of the type, never the value.
    public var description: String { "\(Self.self)(secret)" }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without children.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension [UInt8] {
    /// Overwrites the bytes in a way that the optimizer keeps. Copies made before are not reached.
    mutating func erase() {
        withUnsafeMutableBytes { buffer in
            if let base = buffer.baseAddress { explicit_bzero(base, buffer.count) }
        }
        removeAll()
    }

    mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    mutating func append(_ uuid: UUID) {
        Swift.withUnsafeBytes(of: uuid.uuid) { append(contentsOf: $0) }
    }

    mutating func append(_ key: SymmetricKey) {
        key.withUnsafeBytes { append(contentsOf: $0) }
    }
}

extension SymmetricKey {
    /// Eight bytes by which a key is recognised without being told: HMAC-SHA-256 of a fixed text, cut.
    var fingerprint: [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array("entra-backup key fingerprint 1".utf8), using: self).prefix(8))
    }

    /// A key for one purpose derived from this one (HKDF-SHA-256, RFC 5869).
    func derived(for purpose: String, tenant: UUID) -> SymmetricKey {
        var info = Array(purpose.utf8)
        info.append(tenant)
        return HKDF<SHA256>.deriveKey(inputKeyMaterial: self, info: info, outputByteCount: 32)
    }
}
