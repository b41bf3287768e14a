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
        subcommands: [Create.self, List.self, Show.self, Archive.self])

    struct Create: ChangingCommand {
        static let configuration = CommandConfiguration(commandName: "create", abstract: "Makes a plan.")
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
            try await options.withStore { store, _ in
                let partner = try await store.partner(partner)
                let plan = try await store.audited("plan.create", name, about: partner.id) {
                    try await store.createPlan(
                        name: name, product: product, currency: currency, periodicity: periodicity, partner: partner.id)
                }
                output.show(["plan": plan.json]) { "Plan \(plan.label) has the id \(plan.id.text)." }
            }
            return 0
        }
    }

    struct List: AdminCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists plans.")
        @OptionGroup var options: GlobalOptions

        var access: Access { .feature(.viewPlans) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let plans = try await store.plans()
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
                output.show(["plan": plan.json]) { "\(plan.label)  \(plan.product.rawValue)  \(plan.id.text)" }
            }
            return 0
        }
    }

    struct Archive: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "archive", abstract: "Takes a plan out of the offer.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var plan: String

        var access: Access { .feature(.managePlans) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let id = try await store.plan(plan).id
                let plan = try await store.audited("plan.archive", id.text) { try await store.archivePlan(id) }
                output.show(["plan": plan.json]) { "Plan \(plan.label) is archived." }
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
}
