import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct PartnerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "partner", abstract: "Resellers who look after organizations.",
        subcommands: [Create.self, List.self, Show.self, Update.self])

    struct Create: ChangingCommand {
        static let configuration = CommandConfiguration(commandName: "create", abstract: "Makes a partner.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Option(help: "Name, unique.") var name: String

        var access: Access { .operatorOnly }

        func perform(_ output: Output) async throws -> Int32 {
            let name = try Check.name(name)
            try await options.withStore { store, _ in
                let partner = try await store.audited("partner.create", name) {
                    try await store.createPartner(name: name)
                }
                output.show(["partner": partner.json]) { "Partner \(partner.name) has the id \(partner.id.text)." }
            }
            return 0
        }
    }

    struct List: AdminCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists partners.")
        @OptionGroup var options: GlobalOptions

        var access: Access { .feature(.viewPartner) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let partners = try await store.partners()
                output.show(["items": .array(partners.map(\.json))]) {
                    var table = Table(["name", "created", "id"])
                    for partner in partners {
                        table.add([partner.name, Moment.relative(partner.createdAt), partner.id.text])
                    }
                    return table.text
                }
            }
            return 0
        }
    }

    struct Show: AdminCommand {
        static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows a partner.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name.") var partner: String

        var access: Access { .feature(.viewPartner) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let partner = try await store.partner(partner)
                output.show(["partner": partner.json]) {
                    "\(partner.name)  \(partner.id.text)\(partner.supportMayView ? "  support may view" : "")"
                }
            }
            return 0
        }
    }

    struct Update: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "update", abstract: "Changes what a partner has settled.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var partner: String
        @Option(
            name: .customLong("support-may-view"),
            help: "on or off: whether Support may look at tenants, objects and states; never restore, never secrets.")
        var supportMayView: Switch

        var access: Access { .feature(.grantSupportView) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let id = try await store.partner(partner).id
                let partner = try await store.audited(
                    "partner.supportMayView", id.text, reason: supportMayView.rawValue
                ) {
                    try await store.setSupportMayView(id, supportMayView == .on)
                }
                output.show(["partner": partner.json]) {
                    "Support of \(partner.name) \(partner.supportMayView ? "may" : "may not") look at Entra."
                }
            }
            return 0
        }
    }
}

extension Partner {
    var json: JSONValue {
        [
            "id": .string(id.text), "name": .string(name), "supportMayView": .bool(supportMayView),
            "createdAt": Moment.json(createdAt),
        ]
    }
}
