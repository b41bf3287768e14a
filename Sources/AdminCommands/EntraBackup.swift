public import ArgumentParser
import Foundation
import ServiceBootstrap

/// The command line.
public struct EntraBackup: AsyncParsableCommand {
    /// Name, version and the tree of commands, grouped as the help shows them; the exit codes are repeated in it.
    public static let configuration = CommandConfiguration(
        commandName: "entra-backup",
        abstract: "Backs up Microsoft Entra tenants, shows what changed, and keeps history.",
        discussion: """
            Exit codes: 0 success, 1 failed, 2 usage, 3 finished with warnings, 4 not found, 5 refused, 6 conflict,
            7 a dependency cannot be reached, 130 interrupted.
            """,
        version: buildVersion,
        groupedSubcommands: [
            CommandGroup(
                name: "Machine:",
                subcommands: [
                    StackCommand.self, DoctorCommand.self, MigrateCommand.self, KeyCommand.self,
                    DeadLettersCommand.self, AuditCommand.self,
                ]),
            CommandGroup(
                name: "Accounts:",
                subcommands: [
                    PartnerCommand.self, UserCommand.self, PlanCommand.self, OrganizationCommand.self,
                    TenantCommand.self, BillingCommand.self,
                ]),
            CommandGroup(
                name: "Backups:",
                subcommands: [
                    BackupCommand.self, StatusCommand.self, JobCommand.self, SnapshotCommand.self, ObjectCommand.self,
                    DiffCommand.self,
                    RestoreCommand.self,
                    SecretCommand.self, DownloadCommand.self,
                ]),
        ])

    /// For the argument parser, which fills what it has read.
    public init() {}

    /// Where the command is not known, the parser takes `--json` for the mistake and hides what is wrong.
    private static func clearer(_ error: any Error) -> any Error {
        guard message(for: error).contains("Unknown option '--json'") else { return error }
        do {
            _ = try parseAsRoot(CommandLine.arguments.dropFirst().filter { $0 != "--json" })
            return error
        } catch let other {
            return other
        }
    }

    /// Parses the arguments, runs the command and ends the process with the contract's exit code.
    public static func start() async {
        ExitCodes.answerInterrupts()
        do {
            var command = try parseAsRoot(SimulatorArgument.rewritten(Array(CommandLine.arguments.dropFirst())))
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            ExitCodes.end(0)
        } catch {
            // The parser's own code for usage is 64; the contract's is 2.
            let code = exitCode(for: error).rawValue
            let text =
                code == 0
                ? ExitCodes.appended(to: fullMessage(for: error), arguments: CommandLine.arguments)
                : fullMessage(for: clearer(error))
            if !text.isEmpty {
                let stream = code == 0 ? FileHandle.standardOutput : FileHandle.standardError
                stream.write(Data((text + "\n").utf8))
            }
            ExitCodes.end(code == ExitCode.validationFailure.rawValue ? 2 : code)
        }
    }
}
