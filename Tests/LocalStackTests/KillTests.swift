import Foundation
import Glibc
import Testing

@testable import LocalStack

extension StackTests {
    @Suite struct Kills {
        @Test func `a supervisor that was killed is followed by the next one`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                _ = try await stack.sql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
                let before = try stack.supervisor()
                kill(before.pid, SIGKILL)
                try await stack.until("the supervisor ends") { !before.isAlive }
                #expect(try stack.client.status().ready == false)
                try await stack.client.up()
                #expect(try stack.client.status().ready)
                #expect(try stack.supervisor() != before)
                #expect(try await stack.sql("SELECT n FROM kept") == "7")
                #expect(ProcessTable.marked(stack.layout).filter { $0.role == "sleeper" }.count == 2)
            }
        }

        @Test func `supervisors killed at any moment of a start are survived`() async throws {
            let seed = UInt64.random(in: 0..<UInt64.max)
            print("seed \(seed)")
            var generator = SeededGenerator(state: seed)
            try await TestStack().use { stack in
                for _ in 0..<8 {
                    let up = Task { try await stack.client.up() }
                    let delay = Int.random(in: 0..<2500, using: &generator)
                    let begin = ContinuousClock.now
                    try await stack.until("the moment comes") { ContinuousClock.now - begin > .milliseconds(delay) }
                    if let state = StackState.read(stack.layout), state.supervisor.isAlive {
                        kill(state.supervisor.pid, SIGKILL)
                    }
                    _ = await up.result
                }
                try await stack.client.up()
                #expect(try stack.client.status().ready)
                #expect(try await stack.sql("SELECT 1") == "1")
            }
        }

        @Test func `down after the supervisor was killed ends what is left`() async throws {
            let stack = TestStack(plan: "stubborn")
            try await stack.use { stack in
                try await stack.client.up()
                let supervisor = try stack.supervisor()
                kill(supervisor.pid, SIGKILL)
                try await stack.until("the supervisor ends") { !supervisor.isAlive }
                // The program ignores the signal that the kernel sends it.
                #expect(!stack.processes.isEmpty)
                try await stack.client.down()
                #expect(stack.processes.isEmpty)
            }
        }

        @Test(arguments: ["postgres", "rabbitmq", "sleeper"])
        func `a process that is killed is started again and counted`(name: String) async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                _ = try await stack.sql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
                let others = try stack.client.status().processes.filter { $0.name != name || $0.index != 1 }
                for round in 1...2 {
                    kill(try stack.pid(name), SIGKILL)
                    try await stack.client.up()
                    let process = try stack.process(name)
                    #expect(process.restarts == round)
                    #expect(process.state == .running)
                }
                #expect(try stack.client.status().processes.filter { $0.name != name || $0.index != 1 } == others)
                #expect(try await stack.sql("SELECT n FROM kept") == "7")
                #expect(try await stack.login() == .ready)
            }
        }

        @Test func `a program is started again without being asked`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                let before = try stack.pid("sleeper", 2)
                kill(before, SIGKILL)
                try await stack.until("it runs again") {
                    let process = try stack.process("sleeper", 2)
                    return process.state == .running && process.pid != before
                }
                #expect(try stack.process("sleeper", 2).restarts == 1)
                #expect(try stack.client.status().ready)
            }
        }

        @Test func `a broker whose directory was wiped comes up empty with its user`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                let directory = try #require(try stack.process("rabbitmq").dataDir)
                // Removed after the kill, so that the removal and the restart overlap.
                kill(try stack.pid("rabbitmq"), SIGKILL)
                _ = try await TestStack.run("/bin/rm", ["-rf", directory])
                // Until its supervisor has seen it end, it counts as ready.
                try await stack.until("its end is noticed") {
                    let process = try stack.process("rabbitmq")
                    return process.state != .running || process.restarts >= 1
                }
                try await stack.client.up()
                #expect(try await stack.login() == .ready)
                #expect(try stack.process("rabbitmq").restarts >= 1)

                // Removed under the running broker.
                let before = try stack.pid("rabbitmq")
                _ = try await TestStack.run("/bin/sh", ["-c", "rm -rf \(directory)/*"])
                try await stack.client.up()
                #expect(try stack.pid("rabbitmq") != before)
                #expect(try await stack.login() == .ready)
                #expect(Files.exists(directory + "/mnesia/rabbit@localhost/schema.DAT"))
            }
        }

        @Test func `a broker that is wiped while it is down comes up empty with its user`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                try await stack.client.down()
                try Files.removeTree(stack.layout.rabbitmq)
                try await stack.client.up()
                #expect(try await stack.login() == .ready)
            }
        }

        @Test func `a recycled pid in a stale postmaster file does no harm`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                let account = try StackAccount.resolve(for: stack.layout)
                let bystander = try await ChildProcess.spawn(
                    LaunchCommand(executable: "/bin/sleep", arguments: ["1000"], account: account, deathSignal: SIGKILL)
                )
                try await stack.client.down()
                try Files.write(
                    "\(bystander.pid)\n\(stack.layout.postgres)\n0\n1\n\n127.0.0.1\n0 0\nready\n",
                    to: stack.layout.postgres + "/postmaster.pid", mode: 0o600, account)
                try await stack.client.up()
                #expect(try await stack.sql("SELECT 1") == "1")
                #expect(!bystander.hasExited)
                await bystander.stop(with: SIGKILL, grace: .seconds(5))
            }
        }
    }
}

/// SplitMix64 (https://prng.di.unimi.it/splitmix64.c).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
