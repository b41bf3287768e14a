import BackupContracts
import BackupModel
import Foundation
import Sealing

extension OpenedKeys {
    private func context(_ type: UInt16) -> [UInt8] {
        [UInt8(truncatingIfNeeded: type >> 8), UInt8(truncatingIfNeeded: type)]
    }

    func seal(
        _ bytes: [UInt8], _ purpose: String, _ type: UInt16, kind: PayloadKind = .directory
    ) throws(StageFailure) -> [UInt8] {
        do {
            return try sealer.sealBlob(bytes, purpose: purpose, context: context(type), kind: kind)
        } catch {
            throw StageFailure(sealed: error, "A \(purpose) could not be sealed")
        }
    }

    func open(_ bytes: [UInt8], _ purpose: String, _ type: UInt16) throws(StageFailure) -> [UInt8] {
        do {
            return try sealer.openBlob(bytes, purpose: purpose, context: context(type))
        } catch {
            throw StageFailure(sealed: error, "A \(purpose) of type \(type) could not be opened")
        }
    }

    func sealCursor(_ cursor: WalkCursor, _ type: UInt16) throws(StageFailure) -> [UInt8] {
        // A struct of strings and integers always encodes.
        let json = (try? JSONEncoder().encode(cursor)).map { [UInt8]($0) } ?? []
        return try seal(json, "cursor", type)
    }

    /// `nil` when the cursor is not readable: the walk then begins again, which costs time and loses nothing.
    func openCursor(_ sealed: [UInt8], _ type: UInt16) -> WalkCursor? {
        guard let json = try? open(sealed, "cursor", type) else { return nil }
        return try? JSONDecoder().decode(WalkCursor.self, from: Data(json))
    }

    func openLink(_ sealed: [UInt8], _ type: UInt16) throws(StageFailure) -> String {
        String(decoding: try open(sealed, "delta link", type), as: UTF8.self)
    }
}

/// A tenant's credential as stored: JSON, sealed under the tenant's data key.
enum SealedCredential {
    private struct Stored: Codable {
        var secret: String?
        var certificate: String?
        var privateKey: String?
    }

    static func seal(_ credential: DirectoryCredential, _ keys: OpenedKeys) throws(StageFailure) -> [UInt8] {
        let stored =
            switch credential {
            case .clientSecret(let secret): Stored(secret: secret)
            case .clientCertificate(let certificate, let privateKey):
                Stored(certificate: certificate, privateKey: privateKey)
            }
        let json = (try? JSONEncoder().encode(stored)).map { [UInt8]($0) } ?? []
        return try keys.seal(json, "credential", 0)
    }

    static func open(_ sealed: [UInt8], _ keys: OpenedKeys) throws(StageFailure) -> DirectoryCredential {
        let json = try keys.open(sealed, "credential", 0)
        guard let stored = try? JSONDecoder().decode(Stored.self, from: Data(json)) else {
            throw StageFailure(.storedDataDamaged, "A stored credential is not as this version writes it.")
        }
        if let secret = stored.secret { return .clientSecret(secret) }
        return .clientCertificate(certificate: stored.certificate ?? "", privateKey: stored.privateKey ?? "")
    }
}
