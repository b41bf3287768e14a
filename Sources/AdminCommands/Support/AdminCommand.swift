import ArgumentParser
import BackupModel
import Foundation
import PostgresStore

/// A command with the common flags, whose failures are reported as the contract says.
protocol AdminCommand: AsyncParsableCommand {
    var options: GlobalOptions { get }

    /// Who may run it; checked before it does anything.
    var access: Access { get }

    /// Whether changes are taken back.
    var isDryRun: Bool { get }

    /// Does the work; its result is the exit code.
    func perform(_ output: Output) async throws -> Int32
}

extension AdminCommand {
    var isDryRun: Bool { false }

    /// The command's name in the audit log when it is refused as a whole: `TenantCommand.List`.
    static var auditName: String {
        String(reflecting: Self.self).split(separator: ".").dropFirst().joined(separator: ".")
    }

    func run() async throws {
        let output = Output(options: options)
        do {
            let identity = try await SignIn.identity(for: options, access, command: Self.auditName)
            let code = try await SignIn.$identity.withValue(identity) {
                try await PostgresStore.$isDryRun.withValue(isDryRun) {
                    try await Refusals.audited(Self.auditName, options) { try await perform(output) }
                }
            }
            if isDryRun { output.progress("Dry run: nothing was changed.") }
            if code != 0 { throw ExitCode(code) }
        } catch let code as ExitCode {
            throw code
        } catch let error as ValidationError {
            throw error
        } catch {
            let failure = CommandFailure(error)
            var text = failure.json.prettyText
            if !options.json {
                text = "entra-backup: \(failure.message)\n  \(failure.hint)"
                if let runbook = failure.runbook { text += "\n  Runbook: runbooks/\(runbook).md" }
            }
            Printing.current.errors(text + "\n")
            throw ExitCode(failure.exitCode)
        }
    }
}
