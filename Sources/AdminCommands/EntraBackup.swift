public import ArgumentParser
import ServiceBootstrap

/// The command line.
public struct EntraBackup: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "entra-backup",
        abstract: "Backs up Microsoft Entra tenants, shows what changed, and keeps history.",
        discussion: """
            Exit codes: 0 success, 1 failed, 2 usage, 3 finished with warnings, 4 not found, 5 refused, 6 conflict,
            7 a dependency cannot be reached, 130 interrupted.
            """,
        version: buildVersion,
        groupedSubcommands: [
            CommandGroup(name: "Machine:", subcommands: [StackCommand.self, MigrateCommand.self]),
            CommandGroup(
                name: "Accounts:",
                subcommands: [PartnerCommand.self, PlanCommand.self, OrganizationCommand.self, TenantCommand.self]),
            CommandGroup(name: "Backups:", subcommands: [BackupCommand.self, JobCommand.self]),
        ])

    public init() {}

    /// Parses the arguments, runs the command and ends the process with the contract's exit code.
    public static func start() async {
        await main()
    }
}
