import Crypto
import Foundation

/// What PostgreSQL keeps of a password, made here so that no statement has the password: one that fails is logged.
///
/// See <https://www.rfc-editor.org/rfc/rfc5803> and <https://www.postgresql.org/docs/15/catalog-pg-authid.html>.
enum ScramVerifier {
    /// With one iteration, not the usual 4,096: nobody guesses a random number, and whoever signs in would take 1.5 ms
    /// for them each time.
    ///
    /// - Parameter password: of ASCII, so that it needs no preparation (SASLprep), and random: at least 128 bits.
    static func text(of password: String) -> String {
        let salt = SymmetricKey(size: .bits128).withUnsafeBytes { Data($0) }
        // One iteration of PBKDF2: the salt and the number of its only block.
        let salted = mac(salt + [0, 0, 0, 1], SymmetricKey(data: Data(password.utf8)))
        let key = SymmetricKey(data: salted)
        let stored = Data(SHA256.hash(data: mac(Data("Client Key".utf8), key)))
        let server = mac(Data("Server Key".utf8), key)
        let parts = [salt, stored, server].map { $0.base64EncodedString() }
        return "SCRAM-SHA-256$1:\(parts[0])$\(parts[1]):\(parts[2])"
    }

    private static func mac(_ message: Data, _ key: SymmetricKey) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: message, using: key))
    }
}
