import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct OrganizationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "organization", abstract: "Customers of a partner.",
        discussion: """
            What the state of an organization does:
              active        sign-in is on, scheduled backups go on, data is kept
              suspended     sign-in is off, scheduled backups go on, data is kept
              unsubscribed  sign-in is off, scheduled backups stop, data is kept
              deleted       sign-in is off, scheduled backups stop, data is erased
            Tenants are backed up while the plan includes Entra, or while the organization is NFR (not for resale).
            """,
        subcommands: [
            Create.self, List.self, Show.self, Update.self, SetPlan.self, SetSeats.self, Suspend.self, Resume.self,
            Unsubscribe.self, Delete.self, Transfer.self, Features.self, Token.self,
        ])

    struct Create: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Makes an organization.",
            discussion: """
                --nfr makes a partner's own trial on a Backup or Archive plan: Entra is on and nothing is billed for \
                \(NFRPeriod.standardDays) days, or until the day of --nfr-until. It keeps Entra after that only by moving to \
                a paid plan that includes it (set-plan).
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Option(help: "Name.") var name: String
        @Option(help: "The partner, by id or name.") var partner: String
        @Option(help: "The plan, by id or name; one of the partner's.") var plan: String
        @Option(name: .customLong("first-name"), help: "Of the contact.") var firstName: String
        @Option(name: .customLong("last-name"), help: "Of the contact.") var lastName: String
        @Option(help: "Of the contact, who signs in with it; unique over all organizations.") var email: String
        @Option(help: "ISO 3166 code.") var country: String
        @Option(help: "Seats bought.") var seats: Int32?
        @Flag(name: .customLong("auto-license"), help: "New users take seats by themselves.") var autoLicense = false
        @Flag(
            name: .customLong("send-sign-in-email"),
            help: "Tell the contact how to sign in; refused when the partner's notification settings hide the choice.")
        var sendsSignInEmail = false
        @Flag(help: "Not for resale: a trial with Entra that is not billed.") var nfr = false
        @Option(name: .customLong("nfr-until"), help: "The last day of the trial, such as 2027-01-31.")
        var nfrUntil: String?

        func validate() throws {
            if nfrUntil != nil, !nfr { throw ValidationError("--nfr-until goes with --nfr.") }
        }

        var access: Access { .feature(.manageOrganizations) }

        func perform(_ output: Output) async throws -> Int32 {
            let wanted = Organization(
                id: UUID(), partner: UUID(), plan: UUID(), name: try Check.name(name),
                firstName: try Check.name(firstName, "--first-name"), lastName: try Check.name(lastName, "--last-name"),
                email: try Check.email(email), country: try Check.country(country), seats: try seats.map(Check.seats),
                autoLicense: autoLicense, state: .active, createdAt: .now,
                nfrEndsAt: nfr ? try nfrUntil.map { try Check.nfrEnd($0) } ?? NFRPeriod.standardEnd(from: .now) : nil)
            try await options.withStore { store, configuration in
                var organization = wanted
                organization.partner = try await store.partner(partner).id
                organization.plan = try await store.plan(plan, at: organization.partner).id
                let resolved = organization
                let mail = sendsSignInEmail ? configuration.signInMail : nil
                let made = try await store.audited("organization.create", wanted.name, about: resolved.partner) {
                    try await store.createOrganization(resolved, mail: mail)
                }
                if mail != nil { await store.handOverMail(configuration, output) }
                output.show(["organization": made.json]) { Self.text(made, tellsContact: mail != nil) }
            }
            return 0
        }

        private static func text(_ made: Organization, tellsContact: Bool) -> String {
            var lines = ["Organization \(made.label) has the id \(made.id.text)."]
            if tellsContact { lines.append("A message to \(made.email) tells how to sign in.") }
            if let end = made.nfrText { lines.append("It is \(end).") }
            lines.append(
                made.includesEntra
                    ? "Next: entra-backup tenant add --organization \(made.id.text) --tenant-id GUID --client-id ID …"
                    : "Its plan is \(made.product.title): tenants are not backed up before a plan includes Entra.")
            return lines.joined(separator: "\n")
        }
    }

    struct List: AdminCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists organizations.")
        @OptionGroup var options: GlobalOptions
        @Option(help: "Only organizations of this partner, by id or name.") var partner: String?
        @Option(help: "Only those with this text in the name or the contact's e-mail address.") var search: String?
        @Option(help: "At most so many.") var limit: Int?

        func validate() throws {
            try Check.search(search)
            if let limit { try Check.limit(limit) }
        }

        var access: Access { .feature(.viewOrganizations) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                var owner: UUID?
                if let partner { owner = try await store.partner(partner).id }
                let found = try await store.organizations(of: owner, search: search, limit: limit.map { $0 + 1 })
                let organizations = Limited(found, limit)
                output.show(organizations.document(\.json)) {
                    var table = Table(["name", "state", "product", "country", "seats", "id"])
                    for item in organizations.items {
                        table.add([
                            item.label, item.state.rawValue, item.product.rawValue, item.country,
                            item.seats.map(String.init) ?? "-", item.id.text,
                        ])
                    }
                    return organizations.noted(table.text)
                }
            }
            return 0
        }
    }

    struct Show: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Shows an organization: what its state and plan do, its tenants, how their credentials stand.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name.") var organization: String

        var access: Access { .feature(.viewOrganizations) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let page = try await OrganizationPage(store, try await store.organization(organization))
                output.show(["organization": page.json]) { page.text }
            }
            return 0
        }
    }
}

extension ServiceConfiguration {
    /// The sender of sign-in e-mails, and what they name.
    var signInMail: SignInMailSettings { SignInMailSettings(from: mailFrom, signInURL: signInURL) }
}
