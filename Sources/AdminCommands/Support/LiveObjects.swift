import BackupContracts
import BackupModel
import GraphDirectory
import PostgresStore
import ServiceBootstrap

/// Single objects as they are now, read from Microsoft Graph.
struct LiveObjects {
    let store: PostgresStore
    let configuration: ServiceConfiguration

    /// The object in the form in which a snapshot has it; nil when it does not exist.
    func document(_ tenant: TenantID, _ type: ObjectType, _ id: String) async throws -> ObjectDocument? {
        let connection = try await store.directoryConnection(tenant)
        return try await store.withGraphReader(configuration) { reader in
            try await reader.documents(type, [id], parts: nil, connection).first?.value
        }
    }
}
