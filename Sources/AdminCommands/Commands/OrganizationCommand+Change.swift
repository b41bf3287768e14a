import AccountModel
import ArgumentParser
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

extension OrganizationCommand {
    struct Update: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "update",
            abstract: "Changes name, contact, country or licensing.",
            discussion: """
                The contact's e-mail is what the organization signs in with: after a change the former address no longer \
                signs in. API tokens stay.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var organization: String
        @Option(help: "A new name.") var name: String?
        @Option(name: .customLong("first-name"), help: "Of the contact.") var firstName: String?
        @Option(name: .customLong("last-name"), help: "Of the contact.") var lastName: String?
        @Option(help: "Of the contact, who signs in with it; unique over all organizations.") var email: String?
        @Option(help: "ISO 3166 code.") var country: String?
        @Flag(
            name: .customLong("auto-license"), inversion: .prefixedNo,
            help: "Whether new users take seats by themselves.")
        var autoLicense: Bool?
        @Flag(
            name: .customLong("send-sign-in-email"),
            help: "Tell the contact how to sign in; refused when the partner's notification settings hide the choice.")
        var sendsSignInEmail = false
        @Option(
            name: .customLong("nfr-until"),
            help: "Another last day of an NFR trial, such as 2027-01-31; only the operator.")
        var nfrUntil: String?

        // A partner that could put off the end of its own trials would never come to the paid plan that ends them.
        var access: Access { nfrUntil == nil ? .feature(.manageOrganizations) : .operatorOnly }

        func validate() throws {
            let texts = [name, firstName, lastName, email, country, nfrUntil]
            guard texts.contains(where: { $0 != nil }) || autoLicense != nil || sendsSignInEmail else {
                throw ValidationError("Give what to change, such as --name or --email.")
            }
        }

        func perform(_ output: Output) async throws -> Int32 {
            var edit = OrganizationEdit()
            edit.name = try name.map { try Check.name($0) }
            edit.firstName = try firstName.map { try Check.name($0, "--first-name") }
            edit.lastName = try lastName.map { try Check.name($0, "--last-name") }
            edit.email = try email.map(Check.email)
            edit.country = try country.map(Check.country)
            edit.autoLicense = autoLicense
            edit.nfrEndsAt = try nfrUntil.map { try Check.nfrEnd($0) }
            let wanted = edit
            try await options.withStore { store, configuration in
                let organization = try await store.organization(organization)
                let mail = sendsSignInEmail ? configuration.signInMail : nil
                let changed = try await store.audited("organization.update", organization.id.text) {
                    try await store.updateOrganization(organization.id, wanted, mail: mail)
                }
                if mail != nil { await store.handOverMail(configuration, output) }
                output.show([
                    "organization": changed.after.json, "signInChanged": .bool(changed.movesSignIn),
                ]) { Self.text(changed, tellsContact: mail != nil) }
            }
            return 0
        }

        private static func text(_ changed: OrganizationChange, tellsContact: Bool) -> String {
            var lines = ["Organization \(changed.after.label) was changed."]
            if changed.movesSignIn {
                lines.append(
                    "Sign-in changes with the e-mail: from now on \(changed.after.email) signs in, "
                        + "\(changed.before.email) no longer does. Its API token stays.")
                if !tellsContact { lines.append("Nobody was told: add --send-sign-in-email to have the contact told.") }
            }
            if tellsContact { lines.append("A message to \(changed.after.email) tells how to sign in.") }
            return lines.joined(separator: "\n")
        }
    }

    struct SetPlan: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "set-plan", abstract: "Moves an organization to another plan of its partner.",
            discussion: """
                By itself it goes from Backup to any product, from Archive and from Backup + Entra to Archive + Entra. Every \
                other change takes something away and needs an operator and the number of a support ticket, which goes into \
                the audit log. Data that the new plan no longer covers is kept. A plan with Entra ends an NFR trial.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var organization: String
        @Argument(help: "Id or name; one of the partner's.") var plan: String
        @Option(help: "Number of the support ticket, for what self-service may not.") var ticket: String?

        var access: Access { .feature(.manageOrganizations) }

        func perform(_ output: Output) async throws -> Int32 {
            let ticket = try ticket.map(Check.ticket)
            try await options.withStore { store, _ in
                let organization = try await store.organization(organization)
                let plan = try await store.plan(plan, at: organization.partner)
                let reason = PlanMove.reason(organization.product, plan.product, ticket: ticket)
                let changed = try await store.audited("organization.setPlan", organization.id.text, reason: reason) {
                    try await store.setPlan(organization.id, plan: plan.id, ticket: ticket)
                }
                output.show(["organization": changed.after.json, "changed": .bool(changed.before != changed.after)]) {
                    PlanMove.text(changed, plan)
                }
            }
            return 0
        }
    }

    struct SetSeats: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "set-seats", abstract: "Sets the number of seats bought.",
            discussion: "With auto license, users that appear raise it again at the next backup.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var organization: String
        @Argument(help: "0 to 10000000.") var seats: Int32

        var access: Access { .feature(.manageOrganizations) }

        func perform(_ output: Output) async throws -> Int32 {
            let seats = try Check.seats(seats)
            try await options.withStore { store, _ in
                let organization = try await store.organization(organization)
                let changed = try await store.audited(
                    "organization.setSeats", organization.id.text,
                    reason: "\(organization.seats.map(String.init) ?? "none") to \(seats)"
                ) { try await store.setSeats(organization.id, seats) }
                let users = try await store.countedUsers(organization.id)
                var json = changed.after.jsonObject
                json["users"] = users.map { JSONValue($0) } ?? .null
                output.show(["organization": .object(json)]) { Self.text(changed.after, seats, users) }
            }
            return 0
        }

        private static func text(_ organization: Organization, _ seats: Int32, _ users: Int64?) -> String {
            var lines = ["Organization \(organization.label) has \(seats) seats."]
            if let users, users > Int64(seats) {
                lines.append(
                    organization.autoLicense
                        ? "\(users) users are protected: auto license raises the seats at the next backup."
                        : "\(users) users are protected: \(users - Int64(seats)) more than seats.")
            }
            return lines.joined(separator: "\n")
        }
    }

    struct Transfer: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "transfer",
            abstract: "Moves an organization with its tenants and data to another partner.",
            discussion: """
                Only the operator of the installation may. It takes a plan of the new partner: the one of --plan, or the \
                only one that the new partner offers of the same product. A change that takes something away needs --ticket, \
                as with set-plan. Backups, tenants, the API token and sign-in stay as they are.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var organization: String
        @Argument(help: "The new partner, by id or name.") var partner: String
        @Option(help: "A plan of the new partner, by id or name.") var plan: String?
        @Option(help: "Number of the support ticket, for what self-service may not.") var ticket: String?

        var access: Access { .operatorOnly }

        func perform(_ output: Output) async throws -> Int32 {
            let ticket = try ticket.map(Check.ticket)
            try await options.withStore { store, _ in
                let organization = try await store.organization(organization)
                let partner = try await store.partner(partner)
                var chosen: UUID?
                if let plan { chosen = try await store.plan(plan, at: partner.id).id }
                let named = chosen
                let reason = "to partner \(partner.id.text)" + (ticket.map { ", ticket \($0)" } ?? "")
                let changed = try await store.audited("organization.transfer", organization.id.text, reason: reason) {
                    try await store.transfer(organization.id, to: partner.id, plan: named, ticket: ticket)
                }
                let plan = try await store.plan(changed.after.plan.text)
                output.show(["organization": changed.after.json]) {
                    """
                    Organization \(changed.after.label) belongs to \(partner.name), on the plan \(plan.label).
                    Its tenants, their data, its sign-in and its API token stay as they are.
                    """
                }
            }
            return 0
        }
    }
}

extension OrganizationChange {
    /// Whether somebody else's address signs in from now on.
    var movesSignIn: Bool { before.email.lowercased() != after.email.lowercased() }
}

/// A move to another plan, in words.
enum PlanMove {
    /// As the audit log has it.
    static func reason(_ from: ProductType, _ to: ProductType, ticket: String?) -> String {
        "\(from.rawValue) to \(to.rawValue)" + (ticket.map { ", ticket \($0)" } ?? "")
    }

    static func text(_ changed: OrganizationChange, _ plan: Plan) -> String {
        guard changed.before != changed.after else {
            return "Organization \(changed.after.label) has the plan \(plan.label) already."
        }
        var lines = ["Organization \(changed.after.label) has the plan \(plan.label)."]
        if changed.before.isNFR, !changed.after.isNFR { lines.append("It is no longer NFR: from now on it is billed.") }
        switch (changed.before.includesEntra, changed.after.includesEntra) {
        case (true, false):
            lines.append("Backups of its tenants stop. What was backed up is kept and can be shown and downloaded.")
        case (false, true):
            lines.append("Its tenants are backed up from now on: entra-backup tenant activate TENANT")
        default: break
        }
        return lines.joined(separator: "\n")
    }
}
