import Foundation
import Glibc
import Testing

@testable import LocalStack

extension StackTests {
    @Suite struct Refusals {
        @Test func `a data directory of a newer version is left alone`() async throws {
            try await TestStack().use { stack in
                try FileManager.default.createDirectory(atPath: stack.layout.root, withIntermediateDirectories: false)
                try "2\n".write(toFile: stack.layout.versionFile, atomically: true, encoding: .utf8)
                let error = await #expect(throws: LocalStackError.self) { try await stack.client.up() }
                #expect(error?.code == .dataDirectoryNewer)
                #expect(error?.runbook == "data-directory-newer")
                #expect(throws: LocalStackError.self) { try stack.client.status() }
                #expect(Files.names(in: stack.layout.root) == ["version"])
                try "1\n".write(toFile: stack.layout.versionFile, atomically: true, encoding: .utf8)
            }
        }

        @Test func `a directory with foreign files is left alone`() async throws {
            let stack = TestStack()
            try FileManager.default.createDirectory(atPath: stack.layout.root, withIntermediateDirectories: false)
            try "x".write(toFile: stack.layout.root + "/letter.txt", atomically: true, encoding: .utf8)
            let error = await #expect(throws: LocalStackError.self) { try await stack.client.up() }
            #expect(error?.code == .notADataDirectory)
            #expect(Files.names(in: stack.layout.root) == ["letter.txt"])
            try Files.removeTree(stack.layout.root)
        }

        @Test(arguments: ["'", "\"", "\\", "ü", "\n"])
        func `a path that RabbitMQ does not take is named`(character: String) async throws {
            let stack = TestStack(layout: LocalStackLayout(TestStack.newLayout().root + character))
            let error = await #expect(throws: LocalStackError.self) { try await stack.client.up() }
            #expect(error?.code == .pathNotSupported)
            #expect(!Files.exists(stack.layout.root))
        }

        @Test func `a program that does not exist is named and everything ends`() async throws {
            try await TestStack(plan: "missing").use { stack in
                let error = await #expect(throws: LocalStackError.self) { try await stack.client.up() }
                #expect(error?.code == .executableMissing)
                #expect(error?.message.contains("/nonexistent/ghost") == true)
                try await stack.until("the supervisor has ended") { try !stack.client.isSupervised() }
                #expect(stack.processes.isEmpty)
            }
        }

        @Test func `a failed preparation is told and everything ends`() async throws {
            try await TestStack(plan: "unprepared").use { stack in
                let error = await #expect(throws: LocalStackError.self) { try await stack.client.up() }
                #expect(error?.code == .prepareFailed)
                #expect(error?.message.contains("the schema is not there") == true)
                #expect(stack.processes.isEmpty)
                try await stack.client("sleepers").up()
                #expect(try stack.client.status().ready)
            }
        }

        @Test func `a program that ends again and again is named and the rest stays up`() async throws {
            try await TestStack(plan: "crashing").use { stack in
                let error = await #expect(throws: LocalStackError.self) { try await stack.client.up() }
                #expect(error?.code == .programDoesNotStart)
                #expect(error?.hint.contains("crasher-1.log") == true)
                let status = try stack.client.status()
                #expect(!status.ready)
                #expect(try stack.process("postgres").state == .running)
            }
        }

        @Test func `a port that someone else took in between is replaced`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                let before = try #require(StackState.read(stack.layout)).ports
                try await stack.client.down()
                let names = ["postgres", "rabbitmq", "rabbitmq-epmd", "rabbitmq-distribution", "sleeper-1"]
                let squatters = try names.map { try Listener(try #require(before[$0])) }
                try await stack.client.up()
                let after = try #require(StackState.read(stack.layout)).ports
                for name in names { #expect(before[name] != after[name]) }
                #expect(before["sleeper-2"] == after["sleeper-2"])
                #expect(try await stack.sql("SELECT 1") == "1")
                #expect(try await stack.login() == .ready)
                withExtendedLifetime(squatters) {}
            }
        }

        @Test func `a database that vanished is not replaced by an empty one`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                try await stack.client.down()
                try Files.removeTree(stack.layout.postgres)
                let error = await #expect(throws: LocalStackError.self) { try await stack.client.up() }
                #expect(error?.code == .databaseMissing)
            }
        }

        @Test func `a lost password file is named`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                try await stack.client.down()
                unlink(stack.layout.postgresPasswordFile)
                let error = await #expect(throws: LocalStackError.self) { try await stack.client.up() }
                #expect(error?.code == .secretMissing)
            }
        }

        @Test(.enabled(if: geteuid() == 0, "only root changes the account"))
        func `a closed parent directory is named`() async throws {
            let parent = TestStack.newLayout().root
            try FileManager.default.createDirectory(
                atPath: parent, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
            let stack = TestStack(layout: LocalStackLayout(parent + "/data"))
            let error = await #expect(throws: LocalStackError.self) { try await stack.client.up() }
            #expect(error?.code == .dataDirectoryNotAccessible)
            #expect(error?.message.contains(parent + " is closed") == true)
            try Files.removeTree(parent)
        }
    }
}

/// Someone who listens on a port.
final class Listener: Sendable {
    private let descriptor: Int32

    init(_ port: UInt16) throws {
        let socket = LoopbackSocket.make()
        descriptor = socket
        var yes: Int32 = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        try #require(LoopbackSocket.withAddress(port) { bind(socket, $0, $1) } == 0)
        try #require(listen(socket, 1) == 0)
    }

    deinit { close(descriptor) }
}
