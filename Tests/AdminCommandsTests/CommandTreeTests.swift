import ArgumentParser
import Testing

@testable import AdminCommands

/// What holds for every command.
@Suite struct CommandTreeTests {
    private struct Leaf {
        var path: String
        var command: any ParsableCommand.Type
    }

    private static func leaves(_ command: any ParsableCommand.Type, _ path: [String]) -> [Leaf] {
        let children = command.configuration.subcommands
        guard !children.isEmpty else { return [Leaf(path: path.joined(separator: " "), command: command)] }
        return children.flatMap { child in
            // Where none is given the parser makes one out of the type's name, which takes some 150 µs for each.
            leaves(child, path + [child.configuration.commandName ?? "no name given for \(child)"])
        }
    }

    private static let all = leaves(EntraBackup.self, [])

    @Test func `every command takes the common flags and says what it does`() {
        #expect(Self.all.count > 40)
        for leaf in Self.all {
            #expect(!leaf.path.contains("no name given"), "\(leaf.path)")
            #expect(leaf.command is any AdminCommand.Type, "\(leaf.path)")
            #expect(!leaf.command.configuration.abstract.isEmpty, "\(leaf.path)")
            let help = leaf.command.helpMessage(columns: 100)
            for flag in ["--json", "--quiet", "--no-color", "--no-input", "--config", "--data-dir"] {
                #expect(help.contains(flag), "\(leaf.path) \(flag)")
            }
        }
    }

    @Test(arguments: [(["--name", "A"], false), (["--nfr-until", "2027-01-31"], true)])
    func `only the operator puts off the end of a trial`(options: [String], isOperatorOnly: Bool) throws {
        let parsed = try EntraBackup.parseAsRoot(["organization", "update", "Kunde"] + options)
        let command = try #require(parsed as? any AdminCommand)
        if case .operatorOnly = command.access { #expect(isOperatorOnly) } else { #expect(!isOperatorOnly) }
    }

    @Test func `every command that changes something can be rehearsed`() {
        // Those that only read; a plan is itself the rehearsal, and what is fetched is only copied.
        let others: Set<String> = [
            "list", "show", "types", "history", "search", "verify", "diff", "doctor", "status", "env", "plan", "fetch",
            "export",
            "billing",
        ]
        for leaf in Self.all {
            let last = leaf.path.split(separator: " ").last.map(String.init) ?? ""
            guard !others.contains(last) else { continue }
            #expect(leaf.command is any ChangingCommand.Type, "\(leaf.path)")
            #expect(leaf.command.helpMessage(columns: 100).contains("--dry-run"), "\(leaf.path)")
        }
    }

    @Test func `help ends with the exit codes, once, and nothing else does`() {
        let help = "USAGE: entra-backup tenant show <tenant>"
        #expect(ExitCodes.appended(to: help, arguments: ["tenant", "show", "--help"]).contains("5 refused"))
        #expect(ExitCodes.appended(to: help, arguments: ["help", "tenant"]).contains("5 refused"))
        #expect(ExitCodes.appended(to: "1.0", arguments: ["--version"]) == "1.0")
        #expect(
            ExitCodes.appended(to: "complete -F", arguments: ["--generate-completion-script", "bash"]) == "complete -F")
        let root = EntraBackup.helpMessage(columns: 100)
        #expect(ExitCodes.appended(to: root, arguments: ["--help"]) == root)
    }

    @Test func `a fixture of the simulator may be given with the flag`() {
        #expect(SimulatorArgument.rewritten(["stack", "up", "--simulator"]) == ["stack", "up", "--simulator"])
        #expect(
            SimulatorArgument.rewritten(["stack", "up", "--simulator=a=b.json"])
                == ["stack", "up", "--simulator-fixture", "a=b.json"])
    }

    @Test(arguments: [
        (["backup", "start"], false), (["backup", "start", "T"], true), (["backup", "start", "--all-tenants"], true),
        (["backup", "start", "T", "--all-tenants"], false), (["backup", "start", "--partner", "P"], true),
        (["backup", "start", "--partner", "P", "--all-tenants"], false), (["key", "rotate"], false),
        (["backup", "start", "--label", "gold"], true),
        (["backup", "start", "--label", "gold", "--partner", "P"], true),
        (["backup", "start", "--label", "gold", "--all-tenants"], false), (["status"], true),
        (["status", "restore", "--label", "gold"], true), (["status", "--csv"], true),
        (["status", "--csv", "--json"], false), (["billing"], false),
        (["billing", "--month", "2026-03", "--csv"], true),
        (["billing", "--month", "2026-03", "--csv", "--json"], false), (["status", "--all-tenants"], true),
        (["status", "--all-tenants", "--label", "gold"], false), (["diff", "T", "--since", "24h"], true),
        (["diff", "--all-tenants", "--since", "yesterday"], true),
        (["diff", "T", "--since", "24h", "--to", "3"], false),
        (["diff", "T", "--from", "24h", "--to", "live"], true), (["diff", "T", "--from", "7d", "--to", "today"], true),
        (["diff", "T", "--from", "live", "--to", "live"], false), (["diff", "T", "--from", "1"], false),
        (["key", "rotate", "--kek"], true), (["key", "rotate", "T", "--kek"], false),
        (["diff", "T", "--from", "1", "--to", "2", "--id", "x"], false),
        (["diff", "T", "--from", "1", "--to", "2", "--id", "x", "--type", "user"], true),
        (["object", "search", "T"], false), (["object", "search", "T", "--where", "jobTitle eq 'a b'"], true),
        (["object", "search", "T", "--where", "jobTitle like a"], false), (["job", "list", "--limit", "0"], false),
    ])
    func `arguments that contradict each other are refused before anything is done`(
        arguments: [String], isValid: Bool
    ) {
        let parsed = try? EntraBackup.parseAsRoot(arguments)
        #expect((parsed != nil) == isValid, "\(arguments)")
    }
}
