import AccountModel
import ArgumentParser
import BackupModel
import Foundation
import PostgresStore

extension OrganizationCommand {
    struct Features: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "features", abstract: "Shows or switches what people of an organization may do by themselves.",
            discussion: "Features: "
                + EndUserFeature.allCases.map { "\($0.rawValue) (\($0.summary))" }.joined(separator: ", ") + ".")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var organization: String
        @Argument(help: "NAME=on or NAME=off; none to show them all.") var settings: [String] = []

        var access: Access { .feature(settings.isEmpty ? .viewOrganizations : .manageOrganizations) }

        func perform(_ output: Output) async throws -> Int32 {
            let wanted = try Self.parse(settings)
            try await options.withStore { store, _ in
                var organization = try await store.organization(organization)
                if !wanted.isEmpty {
                    let id = organization.id
                    organization = try await store.audited(
                        "organization.features", id.text, reason: settings.joined(separator: " ")
                    ) { try await store.switchFeatures(id, wanted) }
                }
                output.show(["items": .array(organization.featuresJSON)]) {
                    var table = Table(["feature", "state", "people of \(organization.name) may"])
                    for item in EndUserFeature.allCases {
                        table.add([item.rawValue, organization.allows(item) ? "on" : "off", item.summary])
                    }
                    return table.text
                }
            }
            return 0
        }

        static func parse(_ settings: [String]) throws -> [EndUserFeature: Bool] {
            var wanted: [EndUserFeature: Bool] = [:]
            for setting in settings {
                let parts = setting.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
                guard parts.count == 2, let isOn = ["on": true, "off": false][parts[1]] else {
                    throw Check.invalid("featureMalformed", "\(setting): NAME=on or NAME=off is expected.")
                }
                guard let feature = EndUserFeature(rawValue: parts[0]) else {
                    let names = EndUserFeature.allCases.map(\.rawValue).joined(separator: ", ")
                    throw Check.invalid("featureUnknown", "There is no feature \(parts[0]); features are \(names).")
                }
                wanted[feature] = isOn
            }
            return wanted
        }
    }

    struct Token: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "token", abstract: "Shows, makes or tries the API token of an organization.",
            discussion: """
                A token is shown once, when it is made; only its hash is kept. --rotate makes a new one, and the one before \
                ends at once. --check-file tells whether a token would be let in now: exit 5 when not.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var organization: String
        @Flag(help: "Make a new token; the one before ends at once.") var rotate = false
        @Option(name: .customLong("check-file"), help: "File with a token to try; - for standard input.")
        var checkFile: String?

        var access: Access { .feature(.manageOrganizationToken) }

        func validate() throws {
            if rotate, checkFile != nil { throw ValidationError("Give either --rotate or --check-file.") }
        }

        func perform(_ output: Output) async throws -> Int32 {
            let given = try checkFile.map(Self.read)
            try await options.withStore { store, _ in
                let organization = try await store.organization(organization)
                if let given {
                    try await check(given, organization, store, output)
                } else if rotate {
                    try await make(organization, store, output)
                } else {
                    try await show(organization, store, output)
                }
            }
            return 0
        }

        private static func read(_ file: String) throws -> AccessToken {
            guard let token = AccessToken(try SecretFile.read(file)), token.kind == .organization else {
                throw CommandFailure(
                    1, "tokenMalformed",
                    "\(file == "-" ? "Standard input" : "The file \(file)") holds no token of an "
                        + "organization: it is mistyped, cut, or of another kind.",
                    hint: "A token begins with eb_org_ and is used whole.")
            }
            return token
        }

        private func show(_ organization: Organization, _ store: PostgresStore, _ output: Output) async throws {
            let token = try await store.organizationToken(organization.id)
            output.show(token.json(text: nil)) {
                guard let token else {
                    return "\(organization.name) has no token. Make one: "
                        + "entra-backup organization token \(organization.id.text) --rotate"
                }
                return """
                    \(token.prefix)…  made \(Moment.relative(token.createdAt)), last used \(Moment.relative(token.lastUsedAt))
                    It cannot be shown again. Make a new one: entra-backup organization token \(organization.id.text) --rotate
                    """
            }
        }

        private func make(_ organization: Organization, _ store: PostgresStore, _ output: Output) async throws {
            let token = try await store.audited("organization.token", organization.id.text, reason: "rotate") {
                try await store.rotateToken(organization.id)
            }
            // What a rehearsal has made opens nothing.
            let text = isDryRun ? nil : token.text
            let kept = try await store.organizationToken(organization.id)
            output.show(kept.json(text: text)) {
                guard let text else { return "A new token would be made, and the one before would end." }
                output.progress("Keep it now: it is not shown again. A token that was there before has ended.")
                return text
            }
        }

        private func check(
            _ token: AccessToken, _ organization: Organization, _ store: PostgresStore, _ output: Output
        ) async throws {
            let found = try await store.audited("organization.signIn", organization.id.text, reason: token.prefix) {
                try await store.signIn(token, to: organization.id)
            }
            output.show(["organization": found.json]) { "The token \(token.prefix)… is let in: \(found.label)." }
        }
    }
}

extension OrganizationToken? {
    /// - Parameter text: the token itself, when it was just made.
    func json(text: String?) -> JSONValue {
        [
            "token": text.map { .string($0) } ?? .null, "prefix": self.map { .string($0.prefix) } ?? .null,
            "createdAt": Moment.json(self?.createdAt), "lastUsedAt": Moment.json(self?.lastUsedAt),
        ]
    }
}
