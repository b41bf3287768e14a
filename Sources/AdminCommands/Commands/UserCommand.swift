import AccountModel
import ArgumentParser
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct UserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "Staff of partners: roles and tokens.",
        subcommands: [
            Create.self, List.self, Show.self, SetRole.self, Disable.self, Enable.self, Token.self,
        ])

    struct Create: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Makes a user.",
            discussion: "A user signs in with a token: entra-backup user token EMAIL.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Option(help: "The partner, by id or name.") var partner: String
        @Option(help: "Unique over all partners.") var email: String
        @Option(help: "Of the person.") var name: String
        @Option(help: "owner, super-admin, admin, support or finance.") var role: Role

        var access: Access { .feature(.manageStaff) }

        func perform(_ output: Output) async throws -> Int32 {
            let name = try Check.name(name)
            let email = try Check.email(email)
            try await options.withStore { store, _ in
                let partner = try await store.partner(partner)
                let user = try await store.audited("user.create", email, reason: role.rawValue) {
                    try await store.createUser(email: email, name: name, role: role, partner: partner.id)
                }
                output.show(["user": user.json]) {
                    "\(name) is \(role.rawValue) at \(partner.name). Sign-in needs a token: entra-backup user token \(email)"
                }
            }
            return 0
        }
    }

    struct List: AdminCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists users.")
        @OptionGroup var options: GlobalOptions
        @Option(help: "Of this partner only, by id or name.") var partner: String?

        var access: Access { .feature(.viewStaff) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                var partnerID: UUID?
                if let partner { partnerID = try await store.partner(partner).id }
                let users = try await store.users(of: partnerID)
                output.show(["items": .array(users.map(\.json))]) {
                    var table = Table(["e-mail", "name", "role", "state", "token", "last used"])
                    for user in users {
                        table.add([
                            user.user.email, user.user.name, user.user.role.rawValue,
                            user.user.isDisabled ? "disabled" : "active", user.tokenPrefix.map { "\($0)…" } ?? "-",
                            Moment.relative(user.tokenUsedAt),
                        ])
                    }
                    return table.text
                }
            }
            return 0
        }
    }

    struct Show: AdminCommand {
        static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows a user.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "E-mail address.") var email: String

        var access: Access { .feature(.viewStaff) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let user = try await store.user(email)
                output.show(["user": user.json]) { user.humanText }
            }
            return 0
        }
    }

    struct SetRole: ChangingCommand {
        static let configuration = CommandConfiguration(commandName: "set-role", abstract: "Gives a user another role.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "E-mail address.") var email: String
        @Argument(help: "owner, super-admin, admin, support or finance.") var role: Role

        var access: Access { .feature(.manageStaff) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let user = try await store.audited("user.setRole", email, reason: role.rawValue) {
                    try await store.setRole(email, role)
                }
                output.show(["user": user.json]) { "\(user.user.name) is \(role.rawValue) now." }
            }
            return 0
        }
    }

    struct Disable: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "disable", abstract: "Ends a user's sign-in, and the token.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "E-mail address.") var email: String

        var access: Access { .feature(.manageStaff) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let user = try await store.audited("user.disable", email) { try await store.disableUser(email) }
                output.show(["user": user.json]) { "\(user.user.name) can no longer sign in." }
            }
            return 0
        }
    }

    struct Enable: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "enable", abstract: "Lets a disabled user sign in again, with a new token.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "E-mail address.") var email: String

        var access: Access { .feature(.manageStaff) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let user = try await store.audited("user.enable", email) { try await store.enableUser(email) }
                output.show(["user": user.json]) {
                    "\(user.user.name) may sign in again. Make a token: entra-backup user token \(email)"
                }
            }
            return 0
        }
    }

    struct Token: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "token", abstract: "Makes a user's token, shown this once; the old one ends.",
            discussion: "Everyone may make the own one anew; that of others needs the right to manage staff.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "E-mail address.") var email: String
        @Option(name: .customLong("expires-in-days"), help: "From 1 to 3650; never without it.") var days: Int?

        var access: Access { .anyone }

        func validate() throws {
            if let days, !(1...3650).contains(days) { throw ValidationError("--expires-in-days: from 1 to 3650.") }
        }

        func perform(_ output: Output) async throws -> Int32 {
            let token = AccessToken.make(.user)
            let expiresAt = days.map { Date.now.addingTimeInterval(Double($0) * 86_400) }
            try await options.withStore { store, _ in
                let user = try await store.audited("user.token", email) {
                    try requireRight(store.identity)
                    return try await store.setToken(
                        email, hash: Array(token.hash), prefix: token.prefix, expiresAt: expiresAt)
                }
                output.show(["token": .string(token.text), "expiresAt": Moment.json(expiresAt)]) { token.text }
                output.progress("This is shown once. Sign in: entra-backup … --as \(user.user.email) --token-file FILE")
            }
            return 0
        }

        private func requireRight(_ identity: Identity) throws {
            if case .staff(let user, _) = identity, user.email.lowercased() == email.lowercased() { return }
            if let refusal = Access.feature(.manageStaff).refusal(of: identity) { throw refusal }
        }
    }
}

extension StaffRecord {
    var json: JSONValue {
        [
            "id": .string(user.id.text), "partner": .string(user.partner.text), "email": .string(user.email),
            "name": .string(user.name), "role": .string(user.role.rawValue), "disabled": .bool(user.isDisabled),
            "createdAt": Moment.json(user.createdAt),
            "token": tokenPrefix.map {
                [
                    "prefix": .string($0), "createdAt": Moment.json(tokenCreatedAt),
                    "expiresAt": Moment.json(tokenExpiresAt), "lastUsedAt": Moment.json(tokenUsedAt),
                ]
            } ?? .null,
        ]
    }

    var humanText: String {
        """
        e-mail  \(user.email)
        name    \(user.name)
        role    \(user.role.rawValue)
        state   \(user.isDisabled ? "disabled" : "active")
        token   \(tokenPrefix.map { "\($0)…, last used \(Moment.relative(tokenUsedAt))" } ?? "none")
        """
    }
}
