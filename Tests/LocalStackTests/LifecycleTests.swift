import Foundation
import Glibc
import Logging
import Testing

@testable import LocalStack

extension StackTests {
    @Suite struct Lifecycle {
        @Test func `up, down and up again find everything as it was`() async throws {
            try await TestStack().use { stack in
                let begin = ContinuousClock.now
                try await stack.client.up()
                print("first up: \(ContinuousClock.now - begin)")
                let status = try stack.client.status()
                #expect(status.ready)
                #expect(status.dataDir == stack.layout.root)
                #expect(
                    status.processes.map { "\($0.name) \($0.index)" }
                        == ["postgres 1", "rabbitmq 1", "sleeper 1", "sleeper 2"])
                #expect(status.processes.allSatisfy { $0.state == .running && $0.restarts == 0 })
                _ = try await stack.sql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)")
                #expect(try await stack.login() == .ready)
                let ports = try #require(StackState.read(stack.layout)).ports

                try await stack.client.down()
                #expect(stack.processes.isEmpty)
                let stopped = try stack.client.status()
                #expect(!stopped.ready)
                #expect(stopped.processes.allSatisfy { $0.state == .stopped && $0.pid == nil })
                try await stack.client.down()

                let again = ContinuousClock.now
                try await stack.client.up()
                print("warm up: \(ContinuousClock.now - again)")
                #expect(try await stack.sql("SELECT n FROM kept") == "42")
                #expect(try await stack.login() == .ready)
                #expect(try #require(StackState.read(stack.layout)).ports == ports)
                let down = ContinuousClock.now
                try await stack.client.down()
                print("down: \(ContinuousClock.now - down)")
            }
        }

        @Test func `a second supervisor is refused and disturbs nothing`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                let holder = try stack.supervisor().pid
                let before = try stack.client.status()
                let second = LocalStackSupervisor(
                    layout: stack.layout, plan: LocalStackPlan(), logger: Logger(label: "second"), handlesSignals: false
                )
                let error = await #expect(throws: LocalStackError.self) { try await second.run() }
                #expect(error?.code == .alreadyRunning)
                #expect(error?.pid == holder)
                #expect(try stack.client.status() == before)
            }
        }

        @Test func `two clients that start at once end up with one supervisor`() async throws {
            try await TestStack().use { stack in
                async let first: Void = stack.client.up()
                async let second: Void = stack.client.up()
                _ = try await (first, second)
                #expect(try stack.client.status().ready)
                #expect(ProcessTable.marked(stack.layout).filter { $0.role == "sleeper" }.count == 2)
            }
        }

        @Test func `up on a running stack changes nothing`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                let before = try stack.client.status()
                try await stack.client.up()
                #expect(try stack.client.status() == before)
            }
        }

        @Test func `a stop during the start leaves nothing behind`() async throws {
            try await TestStack().use { stack in
                for after in ["Starting PostgreSQL and RabbitMQ", "Preparing", "Starting the programs"] {
                    let up = Task { try await stack.client.up() }
                    try await stack.until("reaches \(after)") {
                        let state = StackState.read(stack.layout)
                        return state?.supervisor.isAlive == true && (state?.step == after || state?.complete == true)
                    }
                    try await stack.client.down()
                    #expect(stack.processes.isEmpty)
                    _ = await up.result
                }
            }
        }

        @Test func `down waits for a program that ignores SIGTERM and takes its children with it`() async throws {
            let stack = TestStack(plan: "stubborn")
            try await stack.use { stack in
                try await stack.client.up()
                #expect(ProcessTable.marked(stack.layout).filter { $0.role == "stubborn" }.count == 3)
                try await stack.client.down()
                #expect(stack.processes.isEmpty)
            }
        }

        @Test func `the status has the documented keys`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                let data = try JSONEncoder().encode(stack.client.status())
                let document = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
                #expect(Set(document.keys) == ["ready", "dataDir", "processes"])
                let processes = try #require(document["processes"] as? [[String: Any]])
                let keys: Set = ["name", "index", "pid", "state", "restarts", "metricsUrl", "dataDir"]
                #expect(processes.allSatisfy { Set($0.keys) == keys })
                #expect(processes[0]["dataDir"] as? String == stack.layout.postgres)
                #expect(processes[1]["dataDir"] as? String == stack.layout.rabbitmq)
                #expect(processes[0]["metricsUrl"] is NSNull)
                let port = try #require(stack.client.endpoints()).port(of: "sleeper", copy: 2)
                #expect(processes[3]["metricsUrl"] as? String == "http://127.0.0.1:\(port)/metrics")
                #expect(processes[3]["dataDir"] as? String == "/data/2")
                #expect(Files.tail(stack.layout.logFile("sleeper", 2)) == "copy 2 on \(port)\n")
            }
        }
    }
}

/// Everything that runs servers, one after the other.
@Suite(
    .serialized, .timeLimit(.minutes(5)),
    .disabled(if: ProcessInfo.processInfo.environment[TestStack.planVariable] != nil))
enum StackTests {}
