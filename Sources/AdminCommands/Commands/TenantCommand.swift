import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import GraphDirectory
import PostgresStore
import ServiceBootstrap

struct TenantCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenant", abstract: "Entra tenants of organizations.",
        subcommands: [
            Add.self, Activate.self, Deactivate.self, TenantListCommand.self, Show.self,
            TenantCredentialsCommand.self, WriteAccessCommand.self, TenantConfigCommand.self, TenantLabelCommand.self,
        ])

    struct Add: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "add", abstract: "Adds a tenant.",
            discussion: "The credential is read from a file and stored sealed. Nothing is contacted before `activate`.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Option(help: "The organization, by id or name.") var organization: String
        @Option(name: .customLong("tenant-id"), help: "The tenant's GUID.") var tenantID: String
        @Option(name: .customLong("client-id"), help: "Application (client) id of the app registration.")
        var clientID: String
        @OptionGroup var credential: CredentialOptions
        @Option(help: "Name; the id when it is left out.") var name: String?
        @Option(name: .customLong("graph-url"), help: "Scheme and host of Microsoft Graph, without version.")
        var graphURL: String?
        @Option(name: .customLong("authority-url"), help: "Scheme and host of the token endpoint, without tenant.")
        var authorityURL: String?
        @Option(help: "global, us-gov, us-gov-dod or china.") var cloud: Cloud = .global
        @Option(name: .customLong("label"), help: "A word to pick tenants by; may be repeated.")
        var labels: [String] = []

        func validate() throws { try credential.require() }

        var access: Access { .feature(.activateTenant) }

        func perform(_ output: Output) async throws -> Int32 {
            let id = TenantID(uuid: try Check.guid(tenantID, "tenantId"))
            let clientID = try Check.guid(clientID, "clientId").text
            let (credential, expiresAt) = try credential.read()
            let graphURL = try graphURL.map { try Check.serviceURL($0, "graph-url") }
            let authorityURL = try authorityURL.map { try Check.serviceURL($0, "authority-url") }
            let name = try Check.name(name ?? id.description)
            let labels = try Set(labels.map(Check.label)).sorted()
            try await options.withStore { store, _ in
                let organization = try await store.organization(organization)
                guard organization.state != .deleted else { throw AccountError(.state(.deleted), of: organization) }
                let record = TenantRecord(
                    id: id, organization: organization.id, name: name, clientID: clientID, cloud: cloud,
                    graphURL: graphURL, authorityURL: authorityURL, labels: labels)
                let tenant = try await store.audited("tenant.add", id.description, about: organization.id) {
                    try await store.addTenant(record, credential, expiresAt: expiresAt)
                }
                output.show(["tenant": tenant.json]) {
                    "Tenant \(tenant.name) was added. Next: entra-backup tenant activate \(tenant.id) --wait"
                }
            }
            return 0
        }
    }

    struct Activate: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "activate", abstract: "Checks credential and permissions, then starts the first backup.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var tenant: String
        @Flag(help: "Wait until the backup has ended.") var wait = false

        var access: Access { .feature(.activateTenant) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, configuration in
                let tenant = try await store.tenant(tenant)
                let permissions = try await store.audited("tenant.activate", tenant.id.description) {
                    // Nobody is asked for a token for what is not backed up.
                    try await store.requireCoverage(tenant.id)
                    let held = try await granted(store, configuration, tenant)
                    _ = try await store.activate(tenant.id, permissions: held.sorted())
                    return held
                }
                let missing = Catalogue.current.types.filter { !$0.isGranted(by: permissions) }
                for type in missing where !options.json {
                    output.progress("missing permission \(type.permission ?? ""): \(type.name) is not backed up")
                }
                let started = try await store.startBackup(tenant.id, types: tenant.types, full: false)
                return try await JobWatch(store: store, output: output).report(started, wait: wait) {
                    "Tenant \(tenant.name) is active; its first backup is job \(started.job.id)."
                }
            }
        }

        /// The permissions that the token holds. One without any means that nobody consented.
        private func granted(_ store: PostgresStore, _ configuration: ServiceConfiguration, _ tenant: TenantRecord)
            async throws
            -> Set<String>
        {
            do {
                let connection = try await store.directoryConnection(tenant.id)
                let granted = try await store.withGraphReader(configuration) { reader in
                    try await reader.probe(connection).permissions
                }
                guard Catalogue.current.types.contains(where: { $0.permission != nil && $0.isGranted(by: granted) })
                else {
                    throw StageFailure(
                        .consentMissing,
                        "The token of the application \(tenant.clientID) holds no permission to read what is backed up."
                    )
                }
                return granted
            } catch let failure as StageFailure {
                let reason =
                    switch failure.code {
                    case .credentialsInvalid: "Microsoft Entra ID does not accept the credential: "
                    case .credentialsExpired: "The credential has expired: "
                    case .tenantUnknown: "Microsoft Entra ID does not know the tenant: "
                    case .graphUnreachable: "Microsoft Entra ID or Graph cannot be reached: "
                    default: ""
                    }
                throw StageFailure(
                    failure.code, "The tenant \(tenant.name) was not activated. \(reason)\(failure.message)")
            }
        }
    }

    struct Deactivate: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "deactivate", abstract: "Stops a tenant's backups; data is kept.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var tenant: String

        var access: Access { .feature(.updateTenantConfig) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let id = try await store.tenant(tenant).id
                let tenant = try await store.audited("tenant.deactivate", id.description) {
                    try await store.deactivate(id)
                }
                output.show(["tenant": tenant.json]) { "Tenant \(tenant.name) is inactive; its backups stop." }
            }
            return 0
        }
    }

    struct Show: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Shows a tenant, and each permission as granted or missing.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name.") var tenant: String

        var access: Access { .feature(.viewTenantDetail) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let tenant = try await store.tenant(tenant)
                let access = try await store.writeAccess(tenant.id)
                output.show(["tenant": tenant.json(access)]) {
                    let writes = access.map { "as the application \($0.clientID)" } ?? "not possible"
                    return "\(tenant.humanText)\nrestores   \(writes)"
                }
            }
            return 0
        }
    }
}

extension Check {
    /// Scheme and host; plain http for loopback addresses only, since a token goes there.
    static func serviceURL(_ text: String, _ what: String) throws -> String {
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty, parts.user == nil,
            parts.path.isEmpty || parts.path == "/", parts.query == nil
        else {
            throw invalid(
                "urlMalformed", "--\(what) \(text): scheme and host are expected, such as https://graph.microsoft.com.")
        }
        let isLoopback = ["127.0.0.1", "localhost", "[::1]", "::1"].contains(host)
        guard parts.scheme == "https" || (parts.scheme == "http" && isLoopback) else {
            throw invalid("urlNotSecure", "--\(what) \(text): https is needed for all but loopback addresses.")
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }
}

extension TenantRecord {
    /// Each permission that a backup uses, and whether the token held it.
    var permissionStates: [(permission: String, granted: Bool, types: [String])] {
        var types: [String: [String]] = [:]
        for type in Catalogue.current.types {
            if let permission = type.permission { types[permission, default: []].append(type.name) }
        }
        return types.sorted { $0.key < $1.key }.map {
            ($0.key, Catalogue.isGranted($0.key, by: Set(permissions)), $0.value)
        }
    }

    var json: JSONValue {
        var object = members
        object["permissions"] = .array(
            permissionStates.map {
                [
                    "permission": .string($0.permission), "granted": .bool($0.granted),
                    "types": .array($0.types.map { .string($0) }),
                ]
            })
        return .object(object)
    }

    /// What a list has of a tenant: all but the permissions, which would be most of it.
    var members: JSONObject {
        [
            "id": .string(id.description), "name": .string(name), "organization": .string(organization.text),
            "clientId": .string(clientID), "cloud": .string(cloud.rawValue),
            "graphUrl": graphURL.map { .string($0) } ?? .null,
            "authorityUrl": authorityURL.map { .string($0) } ?? .null, "state": .string(state.rawValue),
            "schedule": .string(schedule), "types": types.map { .array($0.map { .string($0) }) } ?? .null,
            "retention": .string(retention), "labels": .array(labels.map { .string($0) }),
            "createdAt": Moment.json(createdAt),
            "activatedAt": Moment.json(activatedAt), "permissionsAt": Moment.json(permissionsAt),
        ]
    }

    var humanText: String {
        var lines = [
            "\(name)  \(id)", "state      \(state.rawValue)", "schedule   \(schedule)", "retention  \(retention)",
            "labels     \(labels.isEmpty ? "none" : labels.joined(separator: ", "))",
            "checked    \(Moment.relative(permissionsAt))",
        ]
        guard permissionsAt != nil else { return lines.joined(separator: "\n") }
        var table = Table(["permission", "state", "types"])
        for item in permissionStates {
            table.add([item.permission, item.granted ? "granted" : "missing", item.types.joined(separator: ", ")])
        }
        lines.append(table.text)
        return lines.joined(separator: "\n")
    }
}
