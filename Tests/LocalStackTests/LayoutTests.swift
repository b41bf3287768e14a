import Foundation
import Glibc
import Testing

@testable import LocalStack

@Suite struct LayoutTests {
    @Test func `paths become absolute and real`() throws {
        let directory = TestStack.newLayout().root
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        defer { try? Files.removeTree(directory) }
        #expect(symlink(directory, directory + "/link") == 0)
        #expect(LocalStackLayout(directory + "/link/./new/deep/").root == directory + "/new/deep")
        #expect(LocalStackLayout("x").root == FileManager.default.currentDirectoryPath + "/x")
    }

    @Test func `many may make one directory at the same time, also after one was killed`() async throws {
        let layout = TestStack.newLayout()
        defer { try? Files.removeTree(layout.root) }
        let account = try StackAccount.resolve(for: layout)
        try Files.makeDirectory(layout.root, account)
        try Files.write("1", to: layout.versionFile + Files.unfinished + "0", mode: 0o644, account)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 { group.addTask { try await layout.create(for: account) } }
            try await group.waitForAll()
        }
        #expect(try Files.readIfThere(layout.versionFile) == "1\n")
        #expect(Files.names(in: layout.root).filter { $0.contains(Files.unfinished) }.count == 1)
    }

    @Test func `a directory that another process is just making is no foreign one`() async throws {
        let layout = TestStack.newLayout()
        defer { try? Files.removeTree(layout.root) }
        let account = try StackAccount.resolve(for: layout)
        try Files.makeDirectory(layout.root, account)
        for _ in 0..<1000 {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try Files.write("1", to: layout.versionFile, mode: 0o644, account) }
                group.addTask { for _ in 0..<10 { try layout.checkVersion() } }
                try await group.waitForAll()
            }
            unlink(layout.versionFile)
        }
    }

    @Test func `the installation that is asked for is named when it is missing`() throws {
        let postgres = #expect(throws: LocalStackError.self) {
            try Installation.postgres(under: "/nonexistent", path: "")
        }
        #expect(postgres?.hint == "apt install postgresql-15")
        let rabbitmq = #expect(throws: LocalStackError.self) { try Installation.rabbitmq(under: "/nonexistent") }
        #expect(rabbitmq?.hint == "apt install rabbitmq-server")
    }

    @Test func `ports are distinct, kept while free and replaced when taken`() throws {
        let book = PortBook()
        let names = (0..<200).map { "p\($0)" }
        let ports = names.map(book.port)
        #expect(Set(ports).count == 200)
        #expect(names.map(book.port) == ports)
        let squatter = try Listener(ports[7])
        let next = PortBook(remembered: book.all)
        #expect(names.filter { next.port($0) != book.port($0) } == ["p7"])
        withExtendedLifetime(squatter) {}
    }
}

@Suite struct ProcessTests {
    @Test func `the end of a process is told, with code or signal`() async throws {
        let first = try await ChildProcess.spawn(LaunchCommand(executable: "/bin/sh", arguments: ["-c", "exit 7"]))
        #expect(await first.exit()?.code == 7)
        let second = try await ChildProcess.spawn(LaunchCommand(executable: "/bin/sleep", arguments: ["1000"]))
        #expect(await second.exit(within: .milliseconds(20)) == nil)
        #expect(second.identity.isAlive)
        second.signal(SIGTERM)
        #expect(await second.exit()?.signal == SIGTERM)
        #expect(!second.identity.isAlive)
    }

    @Test func `a program that cannot be started is an error`() async throws {
        await #expect(throws: LocalStackError.self) {
            try await ChildProcess.spawn(LaunchCommand(executable: "/nonexistent/program"))
        }
    }

    @Test func `waiting for an end can be cancelled`() async throws {
        let child = try await ChildProcess.spawn(LaunchCommand(executable: "/bin/sleep", arguments: ["1000"]))
        let waiting = Task { await child.exit() }
        waiting.cancel()
        #expect(await waiting.value == nil)
        await child.stop(with: SIGKILL, grace: .seconds(5))
    }

    @Test func `the environment is what was given and nothing else`() async throws {
        let text = try await TestStack.run("/usr/bin/env", [], environment: ["A": "b"])
        #expect(Set(text.split(separator: "\n")) == ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "A=b"])
    }

    @Test func `a start time tells a process from its successor`() throws {
        let own = ProcessTable.own
        #expect(own.isAlive)
        #expect(!ProcessIdentity(pid: own.pid, startTime: own.startTime + 1).isAlive)
    }

    @Test func `a process that was sent SIGKILL no longer counts, from the first moment`() async throws {
        for _ in 0..<200 {
            let child = try await ChildProcess.spawn(LaunchCommand(executable: "/bin/sleep", arguments: ["1000"]))
            #expect(child.identity.isLasting)
            kill(child.pid, SIGKILL)
            #expect(!child.identity.isLasting)
            await child.exit()
        }
    }

    @Test func `a log that has grown is put aside at the next start`() async throws {
        let log = TestStack.newLayout().root + ".log"
        defer {
            unlink(log)
            unlink(log + ".1")
        }
        #expect(FileManager.default.createFile(atPath: log, contents: Data(count: 10_000_001)))
        let child = try await ChildProcess.spawn(LaunchCommand(executable: "/bin/echo", arguments: ["new"], log: log))
        await child.exit()
        #expect(Files.tail(log) == "new\n")
        #expect(Files.exists(log + ".1"))
    }
}
