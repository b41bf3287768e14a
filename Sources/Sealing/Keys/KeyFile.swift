import Crypto
import Foundation

/// The text in which one key lies in a file. A head line with a version, then the kind and name, so that a file
/// copied to another name is noticed, the key, and a checksum over all lines before, so that a cut or edited file is.
///
///     entra-backup-key 1
///     kind tenant-secret
///     name 6f1c...
///     key base64
///     check first 16 hexadecimal digits of SHA-256
struct KeyFile {
    enum Kind: String {
        case keyEncryptionKey = "key-encryption-key"
        case signingKey = "signing-key"
        case tenantSecret = "tenant-secret"
    }

    static let head = "entra-backup-key "
    static let version = 1

    let kind: Kind
    let name: String

    func encoded(_ key: SymmetricKey) -> [UInt8] {
        var secret = [UInt8]()
        secret.append(key)
        defer { secret.erase() }
        var text = Array("\(Self.head)\(Self.version)\nkind \(kind.rawValue)\nname \(name)\nkey ".utf8)
        text += Data(secret).base64EncodedData()
        text += Array("\n".utf8)
        text += Array("check \(Self.checksum(of: text[...]))\n".utf8)
        return text
    }

    /// Reads what ``encoded(_:)`` wrote. `path` is for messages only.
    func decoded(_ bytes: [UInt8], path: String) throws(KeyError) -> SymmetricKey {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        try checkVersion(lines[0], path: path)
        guard lines.count == 6, lines[5].isEmpty, let check = Self.value("check", lines[4]),
            check == Self.checksum(of: bytes[..<lines[4].startIndex]),
            let kind = Self.value("kind", lines[1]), let name = Self.value("name", lines[2]),
            lines[3].starts(with: Array("key ".utf8)),
            var secret = Data(base64Encoded: Data(lines[3].dropFirst(4))), secret.count == 32
        else { throw KeyError(.keyDamaged, "The key file \(path) is cut short or altered.") }
        defer { secret.resetBytes(in: 0..<secret.count) }
        guard kind == self.kind.rawValue, name == self.name else {
            throw KeyError(
                .wrongKey, "The key file \(path) holds \(kind) \(name) and not \(self.kind.rawValue) \(self.name).")
        }
        return SymmetricKey(data: secret)
    }

    private func checkVersion(_ line: ArraySlice<UInt8>, path: String) throws(KeyError) {
        let text = String(decoding: line, as: UTF8.self)
        guard text.hasPrefix(Self.head), let version = Int(text.dropFirst(Self.head.count)) else {
            throw KeyError(.keyDamaged, "The file \(path) does not begin like a key file.")
        }
        guard version == Self.version else {
            throw KeyError(
                .keyFormatUnknown,
                "The key file \(path) has format \(version); this release reads format \(Self.version).")
        }
    }

    private static func value(_ label: String, _ line: ArraySlice<UInt8>) -> String? {
        let text = String(decoding: line, as: UTF8.self)
        return text.hasPrefix(label + " ") ? String(text.dropFirst(label.count + 1)) : nil
    }

    private static func checksum(of bytes: ArraySlice<UInt8>) -> String {
        SHA256.hash(data: bytes).prefix(8).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }
}
