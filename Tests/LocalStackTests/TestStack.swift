import Foundation
import Glibc
import Logging
import Testing

@testable import LocalStack

/// A stack in a directory of its own, run by real supervisor processes.
///
/// The supervisor is this very test program, started again so that it runs only `supervisorProcess`.
struct TestStack: Sendable {
    static let planVariable = "LOCAL_STACK_TEST_PLAN"
    static let directoryVariable = "LOCAL_STACK_TEST_DIRECTORY"

    let layout: LocalStackLayout
    let plan: String

    init(plan: String = "sleepers", layout: LocalStackLayout = TestStack.newLayout()) {
        self.layout = layout
        self.plan = plan
    }

    static func newLayout() -> LocalStackLayout {
        LocalStackLayout("/tmp/local-stack-test-\(UUID().uuidString.prefix(8))")
    }

    var client: LocalStackClient { client(plan) }

    func client(_ plan: String) -> LocalStackClient {
        LocalStackClient(
            layout: layout,
            supervisorCommand: [
                "/usr/bin/env", "\(Self.planVariable)=\(plan)", "\(Self.directoryVariable)=\(layout.root)",
                "/proc/\(getpid())/exe", "--testing-library", "swift-testing", "--filter", "supervisorProcess",
            ])
    }

    /// Runs the body, then takes the stack down whatever happened, and removes its directory.
    func use(_ body: (TestStack) async throws -> Void) async throws {
        do {
            try await body(self)
        } catch {
            for log in Files.names(in: layout.logs).sorted() {
                FileHandle.standardError.write(
                    Data("--- \(log)\n\(Files.tail(layout.logs + "/" + log, bytes: 1500))\n".utf8))
            }
            try? await client.down()
            throw error
        }
        try await client.down()
        #expect(processes.isEmpty)
        try Files.removeTree(layout.root)
    }

    /// Every process that has to do with the data directory: by mark, by database, or by its command line.
    var processes: [String] {
        let marked = ProcessTable.marked(layout).map { "\($0.process.pid) \($0.role)" }
        let postgres = ProcessTable.postgresProcesses(layout).map { "\($0.pid) postgres" }
        let named = Files.names(in: "/proc").filter { Int32($0) != nil && Int32($0) != getpid() }.filter { pid in
            let bytes = try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(pid)/cmdline"))
            return bytes.map { String(decoding: $0, as: UTF8.self).contains(layout.root) } ?? false
        }
        return marked + postgres + named
    }

    func process(_ name: String, _ index: Int = 1) throws -> LocalStackStatus.Process {
        let processes = try client.status().processes
        return try #require(processes.first { $0.name == name && $0.index == index })
    }

    func pid(_ name: String, _ index: Int = 1) throws -> Int32 { try #require(try process(name, index).pid) }

    /// The supervisor's own entry of the state file.
    func supervisor() throws -> ProcessIdentity { try #require(StackState.read(layout)).supervisor }

    /// Waits for the condition; a recorded issue when it does not come true in a minute.
    func until(_ what: Comment, _ condition: () async throws -> Bool) async throws {
        let met = try await poll(for: .seconds(60), every: .milliseconds(50)) { try await condition() ? true : nil }
        try #require(met == true, what)
    }

    /// One statement through psql, its single value.
    func sql(_ statement: String) async throws -> String {
        let endpoints = try #require(client.endpoints())
        return try await Self.sql(statement, endpoints.postgres)
    }

    static func sql(_ statement: String, _ postgres: LocalStackEndpoints.Postgres) async throws -> String {
        let password = try String(contentsOfFile: postgres.passwordFile, encoding: .utf8).trimmed
        return try await run(
            Installation.postgres() + "/psql",
            [
                "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", postgres.host, "-p", "\(postgres.port)",
                "-U", postgres.superuser, "-d", "postgres", "-c", statement,
            ],
            environment: ["PGPASSWORD": password, "PGCONNECT_TIMEOUT": "10"])
    }

    static func run(_ program: String, _ arguments: [String], environment: [String: String] = [:]) async throws
        -> String
    {
        let output = "/tmp/local-stack-test-\(UUID().uuidString)"
        defer { unlink(output) }
        var command = LaunchCommand(executable: program, arguments: arguments, log: output)
        command.environment.merge(environment) { $1 }
        let status = try #require(await ChildProcess.spawn(command).exit(within: .seconds(60)))
        let text = Files.tail(output, bytes: 100_000).trimmed
        try #require(status.code == 0, "\(program): \(status) \(text)")
        return text
    }

    func login() async throws -> AMQPProbe.Outcome {
        let broker = try #require(client.endpoints()).rabbitmq
        let password = try String(contentsOfFile: broker.passwordFile, encoding: .utf8).trimmed
        return await offload {
            AMQPProbe.login(
                port: broker.port, user: broker.user, password: password, virtualHost: broker.virtualHost)
        }
    }
}

/// The plans that the supervisor processes run, by name.
enum TestPlan {
    static func named(_ name: String) -> LocalStackPlan {
        let sleeper = SupervisedProgram(
            name: "sleeper", executable: "/bin/sh", arguments: ["-c", "echo copy {index} on {port}; exec sleep 1000"],
            copies: 2, metricsPath: "/metrics", dataDirectory: "/data/{index}")
        switch name {
        case "missing":
            let ghost = SupervisedProgram(name: "ghost", executable: "/nonexistent/ghost")
            return LocalStackPlan(programs: { _ in [ghost] })
        case "unprepared":
            return LocalStackPlan(prepare: { _ in throw Unprepared() })
        case "crashing":
            return LocalStackPlan(programs: { _ in
                [
                    SupervisedProgram(
                        name: "crasher", executable: "/bin/sh", arguments: ["-c", "exit 3"],
                        readinessPath: "/health")
                ]
            })
        case "stubborn":
            // Ignores SIGTERM, and has a child that the supervisor does not know.
            return LocalStackPlan(programs: { _ in
                [
                    SupervisedProgram(
                        name: "stubborn", executable: "/bin/sh",
                        arguments: ["-c", "trap '' TERM; sleep 1000 & while :; do sleep 1000; done"])
                ]
            })
        default:
            return LocalStackPlan(
                programs: { _ in [sleeper] },
                prepare: { endpoints in
                    try "key".write(
                        toFile: endpoints.layout.keys + "/made-by-prepare", atomically: true, encoding: .utf8)
                })
        }
    }

    struct Unprepared: Error, CustomStringConvertible {
        var description: String { "the schema is not there" }
    }
}

/// Not a test of its own: what the supervisor processes run.
@Test(.enabled(if: ProcessInfo.processInfo.environment[TestStack.planVariable] != nil, "started by other tests"))
func supervisorProcess() async throws {
    let environment = ProcessInfo.processInfo.environment
    let directory = try #require(environment[TestStack.directoryVariable])
    let plan = try #require(environment[TestStack.planVariable])
    var logger = Logger(label: "supervisor", factory: { StreamLogHandler.standardError(label: $0) })
    logger.logLevel = .debug
    try await LocalStackSupervisor(
        layout: LocalStackLayout(directory), plan: TestPlan.named(plan), logger: logger
    ).run()
}
