import BackupContracts
import BackupModel
import Foundation
import GraphDirectory
import PostgresStore

/// Reads secrets of one kind from Graph, one request each; each is an entry in the tenant's audit log.
struct SecretReader {
    let kind: DeviceSecret.Kind
    let type: ObjectType
    let secrets: ObjectType.Secrets
    let reader: GraphDirectoryReader
    let connection: DirectoryConnection

    init(_ kind: DeviceSecret.Kind, _ reader: GraphDirectoryReader, _ connection: DirectoryConnection) throws {
        guard let type = Catalogue.current[kind.typeName], let secrets = type.secrets else {
            throw StageFailure(.schemaMismatch, "The catalogue has no secrets of \(kind.typeName).")
        }
        self.kind = kind
        self.type = type
        self.secrets = secrets
        self.reader = reader
        self.connection = connection
    }

    /// The secret; nil when Graph has none under that id.
    func read(_ id: UUID) async throws(StageFailure) -> DeviceSecret? {
        let request = DirectoryRequest(secrets.target(for: id.text), of: type)
        let body: [UInt8]
        do {
            body = try await reader.read(request, connection).body
        } catch {
            if error.code == .collectionNotFound { return nil }
            throw error
        }
        guard let answer = try? JSONValue(parsing: body) else {
            throw StageFailure(.graphAnswerMalformed, "The secret of \(type.name) \(id.text) came in no JSON.")
        }
        return DeviceSecret(kind, answer: answer)
    }

    /// What is said when the application may not read these secrets.
    var refused: CommandFailure {
        CommandFailure(
            5, "permissionMissing", "The application may not read the secrets of \(type.name).",
            hint: "Grant it \(secrets.permission) and consent to it.", runbook: "permission-missing")
    }
}
