import AccountModel
import ArgumentParser
import BackupModel
import Foundation
import PostgresStore

/// Labels, by which commands about many tenants pick some.
struct TenantLabelCommand: ChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "label", abstract: "Gives a tenant a label, or takes one away.",
        usage: """
            entra-backup tenant label TENANT add LABEL
            entra-backup tenant label TENANT remove LABEL
            """,
        discussion: """
            Labels pick tenants for `backup start`, `diff`, `status` and `tenant list`. A label is a word of 1 to 63 \
            letters, digits, dots, hyphens and underscores. One that the tenant has already is no error.
            """)

    enum Verb: String, CaseIterable, ExpressibleByArgument {
        case add, remove
    }

    @OptionGroup var options: GlobalOptions
    @OptionGroup var change: ChangeOptions
    @Argument(help: "Id or name.") var tenant: String
    @Argument(help: "add or remove.") var verb: Verb
    @Argument(help: "The label.") var label: String

    var access: Access { .feature(.updateTenantConfig) }

    func perform(_ output: Output) async throws -> Int32 {
        let label = try Check.label(label)
        try await options.withStore { store, _ in
            let id = try await store.tenant(tenant).id
            let tenant = try await store.audited("tenant.label", id.description, reason: "\(verb.rawValue) \(label)") {
                try await store.label(id, label, isAdded: verb == .add)
            }
            output.show(["tenant": tenant.json]) {
                let all = tenant.labels.isEmpty ? "no labels" : "the labels \(tenant.labels.joined(separator: ", "))"
                return "Tenant \(tenant.name) has \(all)."
            }
        }
        return 0
    }
}
