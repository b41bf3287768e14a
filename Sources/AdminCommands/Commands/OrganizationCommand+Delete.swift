import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

extension OrganizationCommand {
    struct Delete: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "delete",
            abstract: "Erases an organization with its tenants and everything that was backed up of them.",
            discussion: """
                This cannot be taken back. Its jobs are cancelled, then the keys of its tenants are destroyed, so that no \
                copy of the database can be opened any more, then every row is deleted. Cut short, it goes on when it is \
                called again. What it did is printed and kept in the audit log. Copies of the key store have the keys \
                still: destroy them as well.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var organization: String
        @Option(help: "The organization's name, typed again.") var confirm: String?

        var access: Access { .feature(.deleteOrganization) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let organization = try await store.organization(organization)
                if isDryRun {
                    try await rehearse(organization, store, output)
                    return
                }
                try confirmed(organization)
                let certificate = try await store.erase(
                    organization,
                    begun: store.note("organization.delete", organization.id.text, reason: "begun"),
                    ended: { certificate in
                        store.note(
                            "organization.delete", organization.id.text, about: organization.partner,
                            reason: certificate.json(organization).canonicalText)
                    }, progress: output.progress)
                output.show(["certificate": certificate.json(organization)]) { certificate.text(organization) }
            }
            return 0
        }

        /// The name is typed, or nothing is done.
        private func confirmed(_ organization: Organization) throws {
            var typed = confirm
            if typed == nil, !options.noInput, isatty(STDIN_FILENO) == 1 {
                let question = "Everything of \(organization.name) will be erased for ever. Type its name to go on: "
                FileHandle.standardError.write(Data(question.utf8))
                typed = readLine()
            }
            guard let typed else {
                throw CommandFailure(
                    2, "confirmationMissing", "Nothing was deleted: the name of the organization was not typed.",
                    hint: "Add --confirm with the organization's name.")
            }
            guard typed == organization.name else {
                throw CommandFailure(
                    2, "confirmationWrong",
                    "Nothing was deleted: \"\(typed.prefix(200))\" is not the organization's name.",
                    hint: "Type the name as `entra-backup organization show \(organization.id.text)` has it.")
            }
        }

        private func rehearse(_ organization: Organization, _ store: PostgresStore, _ output: Output) async throws {
            let tenants = try await store.tenants().filter { $0.organization == organization.id }
            let rows = try await store.erasableRows(organization)
            output.show([
                "organization": .string(organization.id.text),
                "tenants": .array(tenants.map { .string($0.id.description) }), "rows": rows.json,
            ]) {
                var lines = ["Would erase \(organization.name) with \(tenants.count) tenants:"]
                lines += tenants.map { "  \($0.name)  \($0.id)" }
                lines.append(rows.table)
                return lines.joined(separator: "\n")
            }
        }
    }
}

extension [String: Int64] {
    fileprivate var json: JSONValue {
        .object(JSONObject(sorted { $0.key < $1.key }.map { ($0.key, JSONValue($0.value)) }))
    }

    fileprivate var table: String {
        var table = Table(["table", "rows"])
        for (name, count) in sorted(by: { $0.key < $1.key }) { table.add([name, String(count)]) }
        return table.text
    }
}

extension ErasureCertificate {
    fileprivate func json(_ organization: Organization) -> JSONValue {
        [
            "organization": .string(organization.id.text), "partner": .string(partner.text),
            "tenants": .array(tenants.map { .string($0.description) }), "startedAt": Moment.json(startedAt),
            "jobsCancelled": JSONValue(jobsCancelled), "keysDestroyed": JSONValue(keysDestroyed), "rows": rows.json,
        ]
    }

    fileprivate func text(_ organization: Organization) -> String {
        """
        Certificate of erasure
        organization    \(organization.name)  \(organization.id.text)
        tenants         \(tenants.map(\.description).joined(separator: ", "))
        begun           \(Moment.text(startedAt))
        jobs cancelled  \(jobsCancelled)
        keys destroyed  \(keysDestroyed)
        \(rows.table)
        It is kept in the audit log: entra-backup audit list --target \(organization.id.text)
        Copies of the key store from before still have the keys: destroy them as well.
        """
    }
}
