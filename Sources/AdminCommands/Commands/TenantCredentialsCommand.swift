import AccountModel
import ArgumentParser
import BackupModel
import Foundation
import PostgresStore

/// The credentials of a tenant: how they stand, and a new one for reading.
struct TenantCredentialsCommand: ChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "credentials",
        abstract: "Shows how a tenant's credentials stand, or replaces the one for reading.",
        usage: """
            entra-backup tenant credentials TENANT
            entra-backup tenant credentials TENANT [--client-id ID] (--client-secret-file F | \
            --client-certificate-file F)
            """,
        discussion: """
            Without a file it shows each credential: valid, expiring in N days, expired, rejected, consent missing, or not \
            checked yet. The end of a client secret cannot be read from it: --expires tells it when it is replaced.
            """)
    @OptionGroup var options: GlobalOptions
    @OptionGroup var change: ChangeOptions
    @Argument(help: "Id or name.") var tenant: String
    @Option(name: .customLong("client-id"), help: "A new application (client) id.") var clientID: String?
    @OptionGroup var credential: CredentialOptions
    @Option(help: "The day on which the client secret ends, such as 2027-01-31.") var expires: String?

    var access: Access { .feature(credential.isEmpty ? .viewTenantConfig : .updateTenantConfig) }

    func validate() throws {
        if clientID != nil || expires != nil || !credential.isEmpty { try credential.require() }
        if expires != nil, credential.secretFile == nil {
            throw ValidationError("--expires goes with --client-secret-file: a certificate tells its end itself.")
        }
    }

    func perform(_ output: Output) async throws -> Int32 {
        if credential.isEmpty { try await show(output) } else { try await replace(output) }
        return 0
    }

    private func show(_ output: Output) async throws {
        try await options.withStore { store, _ in
            let tenant = try await store.tenant(tenant)
            let credentials = try await store.credentials(tenant.id)
            output.show(["items": .array(credentials.map { $0.json() })]) {
                var table = Table(["for", "kind", "application", "status", "ends"])
                for item in credentials {
                    let ends = item.expiresAt.map { Moment.relative($0) } ?? "not known"
                    table.add([
                        item.purpose == "read" ? "backups" : "restores", item.kind, item.clientID, item.text(), ends,
                    ])
                }
                return ([table.text] + credentials.compactMap { $0.nextStep(tenant) }).joined(separator: "\n")
            }
        }
    }

    private func replace(_ output: Output) async throws {
        let (credential, readEnd) = try credential.read()
        let expiresAt = try expires.map(Check.credentialEnd) ?? readEnd
        let clientID = try clientID.map { try Check.guid($0, "clientId").text }
        try await options.withStore { store, _ in
            let tenant = try await store.tenant(tenant)
            try await store.audited("tenant.credentials", tenant.id.description) {
                try await store.setCredential(tenant.id, clientID: clientID, credential, expiresAt: expiresAt)
            }
            output.show(["tenant": try await store.tenant(tenant.id.description).json]) {
                "The credential of \(tenant.name) was replaced. Check it: entra-backup tenant activate \(tenant.id)"
            }
        }
    }
}

extension Check {
    /// The end of a day, UTC.
    static func credentialEnd(_ text: String) throws -> Date {
        guard text.count == 10, let day = try? Date(text, strategy: .iso8601.year().month().day()) else {
            throw invalid("expiresMalformed", "--expires \(text): a day is expected, such as 2027-01-31.")
        }
        return day.addingTimeInterval(86_400)
    }
}
