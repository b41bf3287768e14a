import BackupContracts
import Crypto
import CryptoExtras
import Foundation
import NIOSSL

/// The signed statement by which a certificate proves the application; see
/// <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>.
struct ClientAssertion {
    private let thumbprint: String
    private let key: _RSA.Signing.PrivateKey

    private static let lifetime = 300

    /// - Parameter now: seconds since 1970.
    init(certificate: String, privateKey: String, now: Double) throws(StageFailure) {
        let parsed = try Self.certificate(certificate)
        key = try Self.key(privateKey)
        guard let der = try? parsed.toDERBytes(), let spki = try? parsed.extractPublicKey().toSPKIBytes() else {
            throw Self.invalid("The certificate cannot be read.")
        }
        guard spki == Array(key.publicKey.derRepresentation) else {
            throw Self.invalid("The private key does not belong to the certificate.")
        }
        let end = Int(parsed.notValidAfter)
        guard Double(end) > now else {
            let day = Date(timeIntervalSince1970: Double(end)).formatted(.iso8601.year().month().day())
            throw StageFailure(.credentialsExpired, "The certificate of the application expired on \(day).")
        }
        thumbprint = Data(SHA256.hash(data: der)).base64URL
    }

    private struct Header: Encodable {
        let alg = "PS256"
        let typ = "JWT"
        let thumbprint: String

        enum CodingKeys: String, CodingKey {
            case alg, typ
            case thumbprint = "x5t#S256"
        }
    }

    private struct Claims: Encodable {
        let aud, iss, sub, jti: String
        let nbf, iat, exp: Int
    }

    /// - Parameter audience: the token endpoint that it is sent to.
    func token(audience: String, clientID: String, now: Double) throws(StageFailure) -> String {
        let start = Int(now)
        let claims = Claims(
            aud: audience, iss: clientID, sub: clientID, jti: UUID().uuidString.lowercased(), nbf: start, iat: start,
            exp: start + Self.lifetime)
        do {
            let encoder = JSONEncoder()
            let header = try encoder.encode(Header(thumbprint: thumbprint)).base64URL
            let signed = "\(header).\(try encoder.encode(claims).base64URL)"
            let signature = try key.signature(for: Data(signed.utf8), padding: .PSS)
            return "\(signed).\(signature.rawRepresentation.base64URL)"
        } catch {
            throw Self.invalid("The private key cannot sign.")
        }
    }

    private static func certificate(_ pem: String) throws(StageFailure) -> NIOSSLCertificate {
        guard pem.contains("-----BEGIN CERTIFICATE-----") else {
            throw invalid("The certificate is not in PEM form (-----BEGIN CERTIFICATE-----).")
        }
        guard let first = try? NIOSSLCertificate.fromPEMBytes(Array(pem.utf8)).first else {
            throw invalid("The certificate's PEM text is damaged.")
        }
        return first
    }

    private static func key(_ pem: String) throws(StageFailure) -> _RSA.Signing.PrivateKey {
        guard pem.contains("PRIVATE KEY-----") else {
            throw invalid("The private key is not in PEM form (-----BEGIN PRIVATE KEY-----).")
        }
        if pem.contains("ENCRYPTED") {
            throw invalid("The private key is protected by a passphrase: give it without one.")
        }
        guard let key = try? _RSA.Signing.PrivateKey(pemRepresentation: pem) else {
            throw invalid("The private key is not an RSA key of at least 2048 bits (PKCS#8 or PKCS#1).")
        }
        return key
    }

    private static func invalid(_ message: String) -> StageFailure {
        StageFailure(.credentialsInvalid, message)
    }
}

extension Data {
    /// RFC 4648 section 5, without padding.
    var base64URL: String {
        base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    init?(base64URL text: some StringProtocol) {
        let plain = String(text).replacing("-", with: "+").replacing("_", with: "/")
        self.init(base64Encoded: plain + String(repeating: "=", count: (4 - plain.count % 4) % 4))
    }
}
