public import BackupContracts
public import Foundation
import NIOSSL

/// A certificate with its private key, by which an application proves who it is.
public struct ClientCertificate: Sendable, Hashable {
    /// The end of the certificate's validity.
    public let expiresAt: Date

    /// Checks what is to be stored, without asking anyone.
    ///
    /// - Parameter pem: the certificate first, and its unencrypted RSA key.
    /// - Throws: `credentialsInvalid` when one of them is missing, damaged or does not belong to the other,
    ///   `credentialsExpired` when its time is over.
    public init(pem: String, now: Date) throws(StageFailure) {
        _ = try ClientAssertion(certificate: pem, privateKey: pem, now: now.timeIntervalSince1970)
        guard let parsed = try? NIOSSLCertificate.fromPEMBytes(Array(pem.utf8)).first else {
            throw StageFailure(.credentialsInvalid, "The certificate's PEM text is damaged.")
        }
        expiresAt = Date(timeIntervalSince1970: Double(parsed.notValidAfter))
    }
}
