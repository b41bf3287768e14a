import BackupModel
import Foundation
import PostgresStore

/// The file of checkpoints that is kept outside of the database.
enum AuditCheckpointFile {
    private static let format = "entra-backup audit checkpoint 1"

    static func document(_ checkpoints: [AuditCheckpoint], _ publicKey: [UInt8]) -> JSONValue {
        [
            "format": .string(format), "publicKey": .string(hexadecimal(publicKey)),
            "checkpoints": .array(
                checkpoints.map {
                    [
                        "partner": $0.partner.map { .string($0.text) } ?? .null, "position": JSONValue($0.position),
                        "hash": .string(hexadecimal($0.hash)),
                        "at": Moment.json(Date(timeIntervalSince1970: Double($0.at) / 1_000_000)),
                        "atMicroseconds": JSONValue($0.at), "signature": .string(hexadecimal($0.signature)),
                    ]
                }),
        ]
    }

    static func read(_ path: String) throws -> [AuditCheckpoint] {
        let text = try TextFile.read(path, hint: "Give the file that audit export wrote beside its output.")
        guard let document = try? JSONValue(parsing: Array(text.utf8)), document["format"]?.string == format,
            let items = document["checkpoints"]?.array
        else { throw notACheckpoint(path) }
        return try items.map { item in
            guard let checkpoint = AuditCheckpoint(item) else { throw notACheckpoint(path) }
            return checkpoint
        }
    }

    private static func notACheckpoint(_ path: String) -> CommandFailure {
        CommandFailure(
            1, "checkpointMalformed", "The file \(path) holds no checkpoints of the audit.",
            hint: "Give the file that audit export wrote beside its output.")
    }
}

extension AuditCheckpoint {
    fileprivate init?(_ json: JSONValue) {
        guard let position = json["position"]?.int, let at = json["atMicroseconds"]?.int,
            let hash = json["hash"]?.string.flatMap(bytes(hexadecimal:)),
            let signature = json["signature"]?.string.flatMap(bytes(hexadecimal:))
        else { return nil }
        var partner: UUID?
        if let text = json["partner"]?.string {
            guard let id = UUID(uuidString: text) else { return nil }
            partner = id
        }
        self.init(partner: partner, position: Int64(position), hash: hash, at: Int64(at), signature: signature)
    }
}

/// The bytes of pairs of hexadecimal digits.
private func bytes(hexadecimal text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
        guard let byte = UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16) else {
            return nil
        }
        bytes.append(byte)
    }
    return bytes
}
