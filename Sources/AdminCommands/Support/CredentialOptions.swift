import ArgumentParser
import BackupContracts
import Foundation
import GraphDirectory

/// Where a credential is read from.
struct CredentialOptions: ParsableArguments {
    @Option(name: .customLong("client-secret-file"), help: "File with the client secret; - for standard input.")
    var secretFile: String?

    @Option(
        name: .customLong("client-certificate-file"),
        help: "PEM file with the certificate and its unencrypted RSA key; - for standard input.")
    var certificateFile: String?

    var isEmpty: Bool { secretFile == nil && certificateFile == nil }

    /// Exactly one of them is there.
    func require() throws {
        guard (secretFile == nil) != (certificateFile == nil) else {
            throw ValidationError("Give either --client-secret-file or --client-certificate-file.")
        }
    }

    /// The credential, and when it expires where that can be read from it.
    func read() throws -> (DirectoryCredential, expiresAt: Date?) {
        if let secretFile { return (.clientSecret(try SecretFile.read(secretFile)), nil) }
        let path = certificateFile ?? "-"
        let pem = try SecretFile.read(path)
        do {
            let expiresAt = try ClientCertificate(pem: pem, now: .now).expiresAt
            return (.clientCertificate(certificate: pem, privateKey: pem), expiresAt)
        } catch {
            throw CommandFailure(
                1, error.code.name, "The file \(path) cannot be used: \(error.message)",
                hint: "Put a certificate that is valid and its RSA key, not encrypted, into one PEM file.",
                runbook: "credentials-invalid")
        }
    }
}
