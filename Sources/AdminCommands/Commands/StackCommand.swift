import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import LocalStack
import Logging
import PostgresStore
import ServiceBootstrap

struct StackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stack", abstract: "Everything on this machine: PostgreSQL, RabbitMQ and the stages.",
        subcommands: [Up.self, Down.self, Status.self, Env.self])

    struct Up: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "up", abstract: "Starts what is missing.",
            discussion: "On a running stack it repairs what is missing and returns when everything is ready.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Option(help: "Copies of the stages: fetcher=2,differ=1,…") var workers: String = ""
        @Flag(help: "Start a simulated tenant too; --simulator=FIXTURE takes it from a fixture file.")
        var simulator = false
        // The parser has no option whose value may be left out; `--simulator=FILE` is rewritten to this one.
        @Option(name: .customLong(SimulatorArgument.option), help: .hidden) var fixture: String?
        @Flag(help: "Return when everything is ready.") var detach = false

        var access: Access { .operatorOnly }

        func perform(_ output: Output) async throws -> Int32 {
            let layout = StackEnvironment.layout(options.dataDirectory)
            let plan = StackPlan(workers: try StackPlan.workers(workers), simulator: try simulatorPlan())
            let client = LocalStackClient(layout: layout, supervisorCommand: command(layout)) { output.progress($0) }
            if isDryRun { return try rehearse(plan, client, output) }
            if try detach || client.isSupervised() {
                try await client.up()
                try StackCommand.showReady(client, output)
                return 0
            }
            let logger = Logger(label: "entra-backup stack") { StreamLogHandler.standardError(label: $0) }
            try await LocalStackSupervisor(layout: layout, plan: plan.plan, logger: logger) { output.progress($0) }
                .run()
            return 0
        }

        private func rehearse(_ plan: StackPlan, _ client: LocalStackClient, _ output: Output) throws -> Int32 {
            let stages = Stage.allCases.map(\.rawValue).filter { plan.workers[$0] != 0 }
            let wanted = ["postgres", "rabbitmq"] + (plan.simulator == nil ? [] : ["simulator"]) + stages
            let running = try StackCommand.running(client)
            let missing = wanted.filter { !running.contains($0) }
            output.show(["started": .array(missing.map { .string($0) })]) {
                missing.isEmpty ? "Everything runs." : "Would start \(missing.joined(separator: ", "))."
            }
            return 0
        }

        private func simulatorPlan() throws -> StackPlan.Simulator? {
            guard let fixture else { return simulator ? .standard : nil }
            let path = URL(fileURLWithPath: fixture).path
            guard FileManager.default.isReadableFile(atPath: path) else {
                throw CommandFailure(
                    1, "fileUnreadable", "The fixture \(fixture) cannot be read.", hint: "Check its path.")
            }
            return .fixture(path)
        }

        private func command(_ layout: LocalStackLayout) -> [String] {
            var command = [StackPlan.programs + "/entra-backup", "stack", "up", "--data-dir", layout.root]
            if !workers.isEmpty { command += ["--workers", workers] }
            if let fixture {
                command.append("--simulator=\(URL(fileURLWithPath: fixture).path)")
            } else if simulator {
                command.append("--simulator")
            }
            return command
        }
    }

    struct Down: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "down", abstract: "Stops everything; data is kept.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions

        var access: Access { .operatorOnly }

        func perform(_ output: Output) async throws -> Int32 {
            let client = LocalStackClient(layout: StackEnvironment.layout(options.dataDirectory)) {
                output.progress($0)
            }
            if isDryRun {
                let running = try StackCommand.running(client)
                output.show(["stopped": .array(running.map { .string($0) })]) {
                    running.isEmpty ? "Nothing runs." : "Would stop \(running.joined(separator: ", "))."
                }
                return 0
            }
            try await client.down()
            output.show(["stopped": true]) { "The stack is down; its data is kept." }
            return 0
        }
    }

    struct Status: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "status", abstract: "Shows every process. Exit 0 when ready, 7 when not.")
        @OptionGroup var options: GlobalOptions

        var access: Access { .operatorOnly }

        func perform(_ output: Output) async throws -> Int32 {
            let client = LocalStackClient(layout: StackEnvironment.layout(options.dataDirectory))
            let status = try client.status()
            let bytes = try JSONEncoder().encode(status)
            output.show(try JSONValue(parsing: [UInt8](bytes))) {
                var table = Table(["process", "copy", "state", "restarts", "pid", "metrics"])
                for process in status.processes {
                    table.add([
                        process.name, String(process.index), process.state.rawValue, String(process.restarts),
                        process.pid.map(String.init) ?? "-", process.metricsUrl ?? "-",
                    ])
                }
                return (status.ready ? "ready\n" : "not ready\n") + table.text
            }
            return status.ready ? 0 : 7
        }
    }

    struct Env: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "env", abstract: "Prints the environment in which commands reach this stack.",
            discussion: "Use it as: eval \"$(entra-backup stack env)\"")
        @OptionGroup var options: GlobalOptions

        var access: Access { .operatorOnly }

        func perform(_ output: Output) async throws -> Int32 {
            let layout = StackEnvironment.layout(options.dataDirectory)
            if let simulator = SimulatorDescription(file: SimulatorDescription.file(layout)) {
                try PrivateFile.write(simulator.secret + "\n", to: SimulatorDescription.secretFile(layout))
            }
            let variables = try StackEnvironment.variables(dataDirectory: layout.root)
            let sorted = variables.sorted { $0.key < $1.key }
            output.show(.object(JSONObject(sorted.map { ($0.key, JSONValue.string($0.value)) }))) {
                sorted.map { "export \($0.key)='\($0.value.replacing("'", with: "'\\''"))'" }.joined(separator: "\n")
            }
            return 0
        }
    }

    /// Names of the processes that run.
    private static func running(_ client: LocalStackClient) throws -> [String] {
        try client.status().processes.filter { $0.state == .running }.map(\.name)
    }

    private static func showReady(_ client: LocalStackClient, _ output: Output) throws {
        let bytes = try JSONEncoder().encode(try client.status())
        output.show(try JSONValue(parsing: [UInt8](bytes))) {
            "The stack is ready. Next: eval \"$(entra-backup stack env)\""
        }
    }
}

/// `--simulator=FIXTURE` as the parser can take it.
enum SimulatorArgument {
    static let option = "simulator-fixture"

    static func rewritten(_ arguments: [String]) -> [String] {
        arguments.flatMap { argument in
            argument.hasPrefix("--simulator=")
                ? ["--\(option)", String(argument.dropFirst("--simulator=".count))] : [argument]
        }
    }
}
