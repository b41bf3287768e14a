import AccountModel
import ArgumentParser
import BackupModel
import Foundation
import PostgresStore

/// Tenants, all or those that are looked for.
struct TenantListCommand: AdminCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists tenants.",
        discussion: "Which permissions each has granted is shown by `tenant show`.")
    @OptionGroup var options: GlobalOptions
    @Option(help: "Only those with this text in the name or id.") var search: String?
    @Option(help: "Only those of this partner, by id or name.") var partner: String?
    @Option(help: "Only those of this organization, by id or name.") var organization: String?
    @Option(help: "Only those with this label.") var label: String?
    @Option(help: "At most so many.") var limit: Int?

    func validate() throws {
        try Check.search(search)
        if let limit { try Check.limit(limit) }
    }

    var access: Access { .feature(.viewTenantList) }

    func perform(_ output: Output) async throws -> Int32 {
        let label = try label.map(Check.label)
        try await options.withStore { store, _ in
            var filter = TenantFilter(label: label, search: search, limit: limit.map { $0 + 1 })
            if let partner { filter.partner = try await store.partner(partner).id }
            if let organization { filter.organization = try await store.organization(organization).id }
            let tenants = Limited(try await store.tenants(filter), limit)
            output.show(tenants.document { .object($0.members) }) {
                var table = Table(["name", "state", "schedule", "activated", "labels", "id"])
                for item in tenants.items {
                    table.add([
                        item.name, item.state.rawValue, item.schedule, Moment.relative(item.activatedAt),
                        item.labels.isEmpty ? "-" : item.labels.joined(separator: ","), item.id.description,
                    ])
                }
                return tenants.noted(table.text)
            }
        }
        return 0
    }
}
