import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "What a partner sells: product, currency, periodicity.",
        discussion: """
            A plan is what an organization is billed by. Plans whose product includes Entra have the label [Entra] in \
            lists: the Entra tenants of their organizations are backed up.
            """,
        subcommands: [Create.self, List.self, Show.self, Update.self, Archive.self])

    struct Create: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Makes a plan.",
            discussion: """
                backup-entra and archive-entra are refused (exit 5) where the installation does not offer them: setting \
                plans.entra.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Option(help: "Name, unique at the partner.") var name: String
        @Option(help: "backup, archive, backup-entra or archive-entra.") var product: ProductType
        @Option(help: "ISO 4217 code.") var currency: String
        @Option(help: "monthly or yearly.") var periodicity: Periodicity
        @Option(help: "The partner, by id or name.") var partner: String

        var access: Access { .feature(.managePlans) }

        func perform(_ output: Output) async throws -> Int32 {
            let name = try Check.name(name)
            let currency = try Check.currency(currency)
            try await options.withStore { store, configuration in
                let partner = try await store.partner(partner)
                let plan = try await store.audited("plan.create", name, about: partner.id) {
                    try PlanCommand.requireOffer(product, configuration)
                    return try await store.createPlan(
                        name: name, product: product, currency: currency, periodicity: periodicity, partner: partner.id)
                }
                output.show(["plan": plan.json]) {
                    """
                    Plan \(plan.label) has the id \(plan.id.text).
                    Next: entra-backup organization create --plan \(plan.id.text) --partner \(partner.id.text) --name N …
                    """
                }
            }
            return 0
        }
    }

    /// Refuses a product with Entra where the installation does not offer it.
    fileprivate static func requireOffer(_ product: ProductType, _ configuration: ServiceConfiguration) throws {
        guard product.includesEntra, !configuration.offersEntra else { return }
        throw CommandFailure(
            5, "entraNotOffered", "\(product.title) is not offered: plans with Entra are switched off here.",
            hint: "Ask who runs this installation to switch them on: plans.entra: true, or ENTRA_BACKUP_PLANS_ENTRA.")
    }

    struct List: AdminCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists plans.")
        @OptionGroup var options: GlobalOptions
        @Option(help: "Only plans of this partner, by id or name.") var partner: String?

        var access: Access { .feature(.viewPlans) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                var owner: UUID?
                if let partner { owner = try await store.partner(partner).id }
                let plans = try await store.plans(of: owner)
                output.show(["items": .array(plans.map(\.json))]) {
                    var table = Table(["name", "product", "currency", "periodicity", "state", "id"])
                    for plan in plans {
                        table.add([
                            plan.label, plan.product.rawValue, plan.currency, plan.periodicity.rawValue,
                            plan.archivedAt == nil ? "offered" : "archived", plan.id.text,
                        ])
                    }
                    return table.text
                }
            }
            return 0
        }
    }

    struct Show: AdminCommand {
        static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows a plan.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name.") var plan: String

        var access: Access { .feature(.viewPlans) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let plan = try await store.plan(plan)
                let use = try await store.planUse(plan.id)
                output.show(["plan": plan.json(organizations: use)]) {
                    """
                    \(plan.label)  \(plan.id.text)
                    product        \(plan.product.title)
                    billed         \(plan.periodicity.rawValue), in \(plan.currency)
                    state          \(plan.archivedAt == nil ? "offered" : "archived")
                    organizations  \(use)
                    """
                }
            }
            return 0
        }
    }

    struct Update: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "update",
            abstract: "Changes a plan.",
            discussion: """
                A plan that organizations have keeps its currency and periodicity, and cannot lose Entra: what they have \
                agreed to does not change beneath them.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var plan: String
        @Option(help: "A new name, unique at the partner.") var name: String?
        @Option(help: "backup, archive, backup-entra or archive-entra.") var product: ProductType?
        @Option(help: "ISO 4217 code.") var currency: String?
        @Option(help: "monthly or yearly.") var periodicity: Periodicity?

        var access: Access { .feature(.managePlans) }

        func validate() throws {
            guard name != nil || product != nil || currency != nil || periodicity != nil else {
                throw ValidationError("Give what to change: --name, --product, --currency or --periodicity.")
            }
        }

        func perform(_ output: Output) async throws -> Int32 {
            let edit = PlanEdit(
                name: try name.map { try Check.name($0) }, product: product,
                currency: try currency.map(Check.currency), periodicity: periodicity)
            try await options.withStore { store, configuration in
                let id = try await store.plan(plan).id
                let plan = try await store.audited("plan.update", id.text) {
                    if let product { try PlanCommand.requireOffer(product, configuration) }
                    return try await store.updatePlan(id, edit)
                }
                output.show(["plan": plan.json]) {
                    "Plan \(plan.label) is \(plan.product.title), billed \(plan.periodicity.rawValue) in \(plan.currency)."
                }
            }
            return 0
        }
    }

    struct Archive: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "archive",
            abstract: "Takes a plan out of the offer; organizations that have it keep it.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var plan: String

        var access: Access { .feature(.managePlans) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let id = try await store.plan(plan).id
                let plan = try await store.audited("plan.archive", id.text) { try await store.archivePlan(id) }
                let use = try await store.planUse(id)
                output.show(["plan": plan.json(organizations: use)]) {
                    "Plan \(plan.label) is archived: nobody can take it any more. Organizations that keep it: \(use)."
                }
            }
            return 0
        }
    }
}

extension Plan {
    /// The name with the label of plans that include Entra.
    var label: String { product.includesEntra ? "\(name) [Entra]" : name }

    var json: JSONValue {
        [
            "id": .string(id.text), "name": .string(name), "partner": .string(partner.text),
            "product": .string(product.rawValue), "currency": .string(currency),
            "periodicity": .string(periodicity.rawValue), "entra": .bool(product.includesEntra),
            "createdAt": Moment.json(createdAt), "archivedAt": Moment.json(archivedAt),
        ]
    }

    /// With the number of organizations that have it.
    func json(organizations: Int) -> JSONValue {
        guard case .object(var object) = json else { return json }
        object["organizations"] = JSONValue(organizations)
        return .object(object)
    }
}
