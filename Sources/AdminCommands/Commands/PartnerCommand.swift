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
                    """
                    \(partner.name)  \(partner.id.text)
                    sign-in e-mails  \(partner.offersSignInEmail ? "offered" : "hidden")
                    support          \(partner.supportMayView ? "may look at Entra" : "may not look at Entra")
                    """
                }
            }
            return 0
        }
    }

    struct Update: ChangingCommand {
        /// Whether who makes an organization is offered a sign-in e-mail.
        enum Offer: String, CaseIterable, ExpressibleByArgument {
            case offered, hidden
        }

        static let configuration = CommandConfiguration(
            commandName: "update",
            abstract: "Changes a partner's name and what it has settled.",
            discussion: """
                With --sign-in-email hidden, --send-sign-in-email is refused for the partner's organizations. What Support \
                may see is for an owner to say.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var partner: String
        @Option(help: "A new name, unique.") var name: String?
        @Option(name: .customLong("sign-in-email"), help: "offered or hidden: the choice of a sign-in e-mail.")
        var signInEmail: Offer?
        @Option(
            name: .customLong("support-may-view"),
            help: "on or off: whether Support may look at tenants, objects and states; never restore, never secrets.")
        var supportMayView: Switch?

        var access: Access {
            var needed: Set<Feature> = []
            if name != nil || signInEmail != nil { needed.insert(.managePartnerSettings) }
            if supportMayView != nil { needed.insert(.grantSupportView) }
            return .features(needed)
        }

        func validate() throws {
            guard name != nil || signInEmail != nil || supportMayView != nil else {
                throw ValidationError("Give what to change: --name, --sign-in-email or --support-may-view.")
            }
        }

        func perform(_ output: Output) async throws -> Int32 {
            let name = try name.map { try Check.name($0) }
            try await options.withStore { store, _ in
                var partner = try await store.partner(partner)
                let id = partner.id
                if name != nil || signInEmail != nil {
                    partner = try await store.audited(
                        "partner.update", id.text, reason: signInEmail.map { "sign-in e-mails \($0.rawValue)" }
                    ) {
                        try await store.updatePartner(
                            id, name: name, offersSignInEmail: signInEmail.map { $0 == .offered })
                    }
                }
                if let supportMayView {
                    partner = try await store.audited(
                        "partner.supportMayView", id.text, reason: supportMayView.rawValue
                    ) { try await store.setSupportMayView(id, supportMayView == .on) }
                }
                let changed = partner
                output.show(["partner": changed.json]) {
                    "Support of \(changed.name) \(changed.supportMayView ? "may" : "may not") look at Entra; sign-in "
                        + "e-mails are \(changed.offersSignInEmail ? "offered" : "hidden")."
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
            "createdAt": Moment.json(createdAt), "signInEmail": .string(offersSignInEmail ? "offered" : "hidden"),
        ]
    }
}
