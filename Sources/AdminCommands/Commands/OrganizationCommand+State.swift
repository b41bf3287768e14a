import AccountModel
import ArgumentParser
import BackupModel
import Foundation
import PostgresStore

extension OrganizationCommand {
    struct Suspend: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "suspend",
            abstract: "Turns sign-in off; backups go on and data is kept.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var organization: String

        var access: Access { .feature(.manageOrganizations) }

        func perform(_ output: Output) async throws -> Int32 {
            try await StateChange(options: options, organization: organization, to: .suspended, action: "suspend")
                .perform(output) { "Undo: entra-backup organization resume \($0)" }
        }
    }

    struct Resume: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "resume",
            abstract: "Makes an organization active again: sign-in is on, backups go on.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var organization: String

        var access: Access { .feature(.manageOrganizations) }

        func perform(_ output: Output) async throws -> Int32 {
            try await StateChange(options: options, organization: organization, to: .active, action: "resume")
                .perform(output) { _ in "Backups that are due begin by themselves." }
        }
    }

    struct Unsubscribe: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "unsubscribe",
            abstract: "Turns sign-in off and stops backups; data is kept.",
            discussion: "A backup that runs is finished. What was backed up can still be shown and downloaded.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var organization: String

        var access: Access { .feature(.manageOrganizations) }

        func perform(_ output: Output) async throws -> Int32 {
            try await StateChange(
                options: options, organization: organization, to: .unsubscribed, action: "unsubscribe"
            )
            .perform(output) {
                """
                Undo: entra-backup organization resume \($0)
                Erase its data for good: entra-backup organization delete \($0) --confirm NAME
                """
            }
        }
    }
}

/// Brings an organization into a state and says what that does.
private struct StateChange {
    let options: GlobalOptions
    let organization: String
    let to: SubscriptionState
    let action: String

    func perform(_ output: Output, _ next: (_ id: String) -> String) async throws -> Int32 {
        try await options.withStore { store, _ in
            let organization = try await store.organization(organization)
            let id = organization.id
            let changed = try await store.audited(
                "organization.\(action)", id.text, reason: "\(organization.state.rawValue) to \(to.rawValue)"
            ) { try await store.setState(id, to) }
            output.show(["organization": changed.after.json, "changed": .bool(changed.before != changed.after)]) {
                let already = changed.before == changed.after ? " already" : ""
                return """
                    Organization \(changed.after.label) is \(to.rawValue)\(already): \(to.summary).
                    \(next(id.text))
                    """
            }
        }
        return 0
    }
}
