import Foundation

/// A certificate and its key in every form, made by the openssl program, which so is a witness of its own.
struct Certificates {
    let certificate: String
    let pkcs8: String
    let pkcs1: String
    let encrypted: String
    let publicKey: String
    /// SHA-256 of the certificate in lower-case hexadecimal digits.
    let thumbprint: String
    let otherKey: String
    let ellipticKey: String

    static let shared = Result { try Certificates() }

    private init() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "certificates-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let script = """
            set -e
            openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=backup -keyout key.pem -out cert.pem
            openssl pkcs8 -topk8 -nocrypt -in key.pem -out pkcs8.pem
            openssl rsa -in key.pem -traditional -out pkcs1.pem
            openssl pkcs8 -topk8 -passout pass:secret -in key.pem -out encrypted.pem
            openssl x509 -in cert.pem -pubkey -noout > public.pem
            openssl x509 -in cert.pem -outform DER | openssl dgst -sha256 -r > thumbprint
            openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out other.pem
            openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out elliptic.pem
            """
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", script]
        process.currentDirectoryURL = folder
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        func text(_ name: String) throws -> String {
            try String(contentsOf: folder.appending(path: name), encoding: .utf8)
        }
        certificate = try text("cert.pem")
        pkcs8 = try text("pkcs8.pem")
        pkcs1 = try text("pkcs1.pem")
        encrypted = try text("encrypted.pem")
        publicKey = try text("public.pem")
        thumbprint = String(try text("thumbprint").prefix(64))
        otherKey = try text("other.pem")
        ellipticKey = try text("elliptic.pem")
    }
}
