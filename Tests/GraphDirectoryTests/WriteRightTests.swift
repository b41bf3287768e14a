import BackupContracts
import BackupModel
import Synchronization
import Testing

@testable import GraphDirectory

/// Whoever loses the right to write while its writes wait sends nothing more.
struct WriteRightTests {
    private static let lost = StageFailure(.unitFenced, "taken over")

    /// Writes; before each sending it is noted how many requests came before, and `isLost` says whether the right is lost.
    private static func write(
        _ writes: [DirectoryWrite], _ bench: Bench, to connection: DirectoryConnection? = nil,
        isLost: @escaping @Sendable () -> Bool
    ) async throws -> (answers: [String], asked: [Int]) {
        let asked = Asked()
        let answers = try await GraphDirectoryWriter(bench.reader).write(writes, connection ?? bench.connection) {
            () async throws(StageFailure) in
            asked.note(bench.graphRequests.count)
            if isLost() { throw lost }
        }
        return (answers.map(WriteTests.text), asked.all)
    }

    private final class Asked: Sendable {
        private let counts = Mutex<[Int]>([])

        var all: [Int] { counts.withLock(\.self) }

        func note(_ count: Int) { counts.withLock { $0.append(count) } }
    }

    private static let done: Bench.Script = BatchTests.script { _ in (204, "", "null") }

    /// Refuses the first request as a whole, or each write of it, for the moment.
    private static func refusing(_ status: Int, inBatch: Bool) -> Bench.Script {
        let items = BatchTests.script { _ in (status, #""Retry-After":"3""#, Bench.error("Refused")) }
        return { request, count in
            guard count == 0 else { return done(request, count) }
            return inBatch ? items(request, count) : .answer(status, Bench.error("Refused"))
        }
    }

    private static let refusals = [429, 503, 401].flatMap { [($0, true), ($0, false)] }

    @Test(arguments: refusals)
    func `Each sending is asked for, and what lost the right in a pause is not sent again`(
        status: Int, inBatch: Bool
    ) async throws {
        for isLost in [false, true] {
            try await Bench.with(graph: Self.refusing(status, inBatch: inBatch)).run { bench in
                let (answers, asked) = try await Self.write(WriteTests.patches(3), bench) {
                    isLost && !bench.graphRequests.isEmpty
                }
                #expect(answers == [String](repeating: isLost ? "unitFenced" : "done 204 ", count: 3))
                #expect(asked == [0, 1])
                #expect(bench.graphRequests.count == (isLost ? 1 : 2))
            }
        }
    }

    @Test func `What lost the right while it waited for its share is not sent`() async throws {
        let budget: (TestClock) -> TestBudget = { TestBudget($0, units: 20, per: .seconds(5)) }
        try await Bench.with(budget: budget, graph: { _, _ in .answer(204, "") }).run { bench in
            let writes = (0..<25).map {
                DirectoryWrite(method: .delete, target: "/x/\($0)", version: "v1.0", scope: .conditionalAccess)
            }
            let (answers, _) = try await Self.write(writes, bench) { !bench.clock.sleeps.isEmpty }
            #expect(answers.count { $0 == "unitFenced" } >= 5)
            #expect(answers.count { $0 == "done 204 " } == bench.graphRequests.count)
        }
    }

    @Test func `Each lot of writes is asked for by itself`() async throws {
        try await Bench.with(graph: Self.done).run { bench in
            let (answers, asked) = try await Self.write(WriteTests.patches(200), bench) { false }
            #expect(answers == [String](repeating: "done 204 ", count: 200))
            #expect(asked.count == 10)
        }
    }

    @Test func `Nothing is asked before there is a connection`() async throws {
        try await Bench.with(graph: Self.done).run { bench in
            var connection = bench.connection
            // The port that is never given out.
            connection.graphURL = "http://127.0.0.1:1"
            let (answers, asked) = try await Self.write(WriteTests.patches(2), bench, to: connection) { true }
            #expect(answers == ["graphUnreachable", "graphUnreachable"] && asked == [])
        }
    }

    @Test func `Without the right nothing is sent`() async throws {
        try await Bench.with(graph: Self.done).run { bench in
            let (answers, _) = try await Self.write(WriteTests.patches(45), bench) { true }
            #expect(answers == [String](repeating: "unitFenced", count: 45))
            #expect(bench.graphRequests.isEmpty)
        }
    }
}
