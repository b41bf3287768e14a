import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import GraphDirectory
import PostgresStore
import ServiceBootstrap

/// The second credential of a tenant, which restores write with. Backups never use it.
struct WriteAccessCommand: ChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "write-access",
        abstract: "Gives restores a credential that may write, or takes it away.",
        usage: """
            entra-backup tenant write-access TENANT add --client-id ID (--client-secret-file F | \
            --client-certificate-file F)
            entra-backup tenant write-access TENANT remove
            """,
        discussion: """
            Add it when a restore is planned and remove it afterwards. The credential is read from a file, tried, and \
            stored sealed; permissions that it lacks are named. Backups never use it.
            """)

    enum Verb: String, CaseIterable, ExpressibleByArgument {
        case add, remove
    }

    @OptionGroup var options: GlobalOptions
    @OptionGroup var change: ChangeOptions
    @Argument(help: "Id or name.") var tenant: String
    @Argument(help: "add or remove.") var verb: Verb
    @Option(name: .customLong("client-id"), help: "Application (client) id of the app registration that may write.")
    var clientID: String?
    @OptionGroup var credential: CredentialOptions

    func validate() throws {
        switch verb {
        case .add:
            guard clientID != nil else { throw ValidationError("add takes --client-id, and a credential.") }
            try credential.require()
        case .remove:
            guard clientID == nil, credential.isEmpty else { throw ValidationError("remove takes no credential.") }
        }
    }

    var access: Access { .feature(.updateTenantConfig) }

    func perform(_ output: Output) async throws -> Int32 {
        switch verb {
        case .add: try await add(output)
        case .remove: try await remove(output)
        }
        return 0
    }

    private func add(_ output: Output) async throws {
        let clientID = try Check.guid(clientID ?? "", "clientId").text
        let (credential, expiresAt) = try credential.read()
        try await options.withStore { store, configuration in
            let tenant = try await store.tenant(tenant)
            var connection = try await store.directoryConnection(tenant.id)
            connection.clientID = clientID
            connection.credential = credential
            let granted = try await probe(store, configuration, connection, tenant)
            try await store.audited("tenant.writeAccess.add", tenant.id.description, reason: clientID) {
                try await store.setWriteAccess(
                    tenant.id, clientID: clientID, credential, expiresAt: expiresAt)
            }
            let missing = WritePermissions.missing(in: granted)
            let access = try await store.writeAccess(tenant.id)
            output.show(["tenant": tenant.json(access), "missing": .array(missing.map(Self.json))]) {
                var lines = ["Restores of \(tenant.name) write as the application \(clientID)."]
                lines += missing.map { "missing permission \($0.permission): \($0.serves.joined(separator: ", "))" }
                lines.append("Remove it when the restore is done: entra-backup tenant write-access \(tenant.id) remove")
                return lines.joined(separator: "\n")
            }
        }
    }

    private static func json(_ item: (permission: String, serves: [String])) -> JSONValue {
        ["permission": .string(item.permission), "types": .array(item.serves.map { .string($0) })]
    }

    /// The permissions of the token. One without any that writes is refused.
    private func probe(
        _ store: PostgresStore, _ configuration: ServiceConfiguration, _ connection: DirectoryConnection,
        _ tenant: TenantRecord
    ) async throws -> Set<String> {
        let granted = try await store.withGraphReader(configuration) { try await $0.permissions(connection) }
        guard WritePermissions.canWrite(granted) else {
            throw StageFailure(
                .consentMissing,
                "The token of the application \(connection.clientID) holds no permission to write; nothing was stored.")
        }
        return granted
    }

    private func remove(_ output: Output) async throws {
        try await options.withStore { store, _ in
            let tenant = try await store.tenant(tenant)
            let had = try await store.audited("tenant.writeAccess.remove", tenant.id.description) {
                try await store.removeWriteAccess(tenant.id)
            }
            output.show(["tenant": tenant.json(nil), "removed": .bool(had)]) {
                (had ? "" : "There was no credential that may write. ")
                    + "Nothing can be written to \(tenant.name); restores need `tenant write-access add` first."
            }
        }
    }
}

extension TenantRecord {
    /// With the application that restores write as, null when there is none.
    func json(_ access: WriteAccess?) -> JSONValue {
        guard case .object(var object) = json else { return json }
        object["writeAccess"] = access?.json ?? .null
        return .object(object)
    }
}

extension WriteAccess {
    var json: JSONValue {
        [
            "clientId": .string(clientID), "kind": .string(kind), "createdAt": Moment.json(createdAt),
            "expiresAt": Moment.json(expiresAt),
        ]
    }
}
