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
        subcommands: [Create.self, List.self, Show.self, Delete.self])

    struct Create: ChangingCommand {
        static let configuration = CommandConfiguration(commandName: "create", abstract: "Makes an organization.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Option(help: "Name.") var name: String
        @Option(help: "The partner, by id or name.") var partner: String
        @Option(help: "The plan, by id or name.") var plan: String
        @Option(name: .customLong("first-name"), help: "Of the contact.") var firstName: String
        @Option(name: .customLong("last-name"), help: "Of the contact.") var lastName: String
        @Option(help: "Of the contact; unique over all organizations.") var email: String
        @Option(help: "ISO 3166 code.") var country: String
        @Option(help: "Seats bought.") var seats: Int32?
        @Flag(name: .customLong("auto-license"), help: "New users take seats by themselves.") var autoLicense = false

        var access: Access { .feature(.manageOrganizations) }

        func perform(_ output: Output) async throws -> Int32 {
            let wanted = Organization(
                id: UUID(), partner: UUID(), plan: UUID(), name: try Check.name(name),
                firstName: try Check.name(firstName, "--first-name"), lastName: try Check.name(lastName, "--last-name"),
                email: try Check.email(email), country: try Check.country(country), seats: try checkedSeats(),
                autoLicense: autoLicense, state: .active, createdAt: .now)
            try await options.withStore { store, _ in
                var organization = wanted
                organization.partner = try await store.partner(partner).id
                organization.plan = try await store.plan(plan).id
                let resolved = organization
                let made = try await store.audited(
                    "organization.create", wanted.name, about: resolved.partner
                ) {
                    try await store.createOrganization(resolved)
                }
                output.show(["organization": made.json]) { "Organization \(made.name) has the id \(made.id.text)." }
            }
            return 0
        }

        private func checkedSeats() throws -> Int32? {
            if let seats, !(0...10_000_000).contains(seats) {
                throw Check.invalid("seatsOutOfRange", "\(seats) seats: a number from 0 to 10000000 is expected.")
            }
            return seats
        }
    }

    struct List: AdminCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists organizations.")
        @OptionGroup var options: GlobalOptions

        var access: Access { .feature(.viewOrganizations) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let organizations = try await store.organizations()
                output.show(["items": .array(organizations.map(\.json))]) {
                    var table = Table(["name", "state", "country", "seats", "id"])
                    for item in organizations {
                        table.add([
                            item.name, item.state.rawValue, item.country, item.seats.map(String.init) ?? "-",
                            item.id.text,
                        ])
                    }
                    return table.text
                }
            }
            return 0
        }
    }

    struct Show: AdminCommand {
        static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows an organization.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name.") var organization: String

        var access: Access { .feature(.viewOrganizations) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let found = try await store.organization(organization)
                output.show(["organization": found.json]) { "\(found.name)  \(found.state.rawValue)  \(found.id.text)" }
            }
            return 0
        }
    }
}

extension Organization {
    var json: JSONValue {
        [
            "id": .string(id.text), "name": .string(name), "partner": .string(partner.text), "plan": .string(plan.text),
            "firstName": .string(firstName), "lastName": .string(lastName), "email": .string(email),
            "country": .string(country), "seats": seats.map { JSONValue($0) } ?? .null,
            "autoLicense": .bool(autoLicense), "state": .string(state.rawValue), "createdAt": Moment.json(createdAt),
        ]
    }
}
