import BackupContracts
import BackupModel
import Logging
import Testing

@testable import GraphDirectory

struct ThrottleTests {
    static let page = #"{"value":[]}"#

    @Test func `A 429 is waited for as long as it asks, and the whole tenant is told`() async throws {
        try await Bench.with(graph: { _, count in
            count == 0 ? .answer(429, ["Retry-After": "7"], Bench.error("TooManyRequests")) : .answer(200, Self.page)
        }).run { bench in
            let answer = try await bench.read()
            #expect(answer.requests == 2)
            #expect(bench.clock.sleeps == [.seconds(7)])
            #expect(bench.budget.pauses == [TestBudget.Pause(duration: .seconds(7), scope: .identity)])
            // What had been drawn is given up: another reader may have seen more.
            #expect(bench.budget.draws.count == 2)
        }
    }

    @Test func `A 429 without Retry-After is answered by growing pauses`() async throws {
        try await Bench.with(graph: { _, count in
            count < 3 ? .answer(429, Bench.error("TooManyRequests")) : .answer(200, Self.page)
        }).run { bench in
            _ = try await bench.read()
            #expect(bench.clock.sleeps == [1, 2, 4].map { .seconds($0) })
        }
    }

    @Test func `A long Retry-After is handed on, not waited for`() async throws {
        try await Bench.with(graph: { _, _ in .answer(429, ["Retry-After": "120"], "") }).run { bench in
            let failure = await bench.failure()
            #expect(failure?.code == .graphThrottled)
            #expect(failure?.retryAfter == .seconds(120))
            #expect(bench.clock.sleeps.isEmpty)
            #expect(bench.budget.pauses.map(\.duration) == [.seconds(120)])
            // A second reader of the tenant asks nothing meanwhile.
            #expect(await bench.failure("/groups")?.code == .graphThrottled)
            #expect(bench.graphRequests.count == 1)
        }
    }

    @Test func `Endless 429 ends with the patience`() async throws {
        try await Bench.with(graph: { _, _ in .answer(429, ["Retry-After": "10"], "") }).run { bench in
            let failure = await bench.failure()
            #expect(failure?.code == .graphThrottled)
            #expect(failure?.retryAfter == .seconds(10))
            #expect(bench.clock.sleeps == [.seconds(10), .seconds(10), .seconds(10)])
        }
    }

    @Test func `Conditional access is asked once a second`() async throws {
        try await Bench.with(
            budget: { TestBudget($0, units: 1, per: .seconds(1)) }, graph: { _, _ in .answer(200, Self.page) }
        ).run { bench in
            for _ in 0..<4 {
                _ = try await bench.read("/identity/conditionalAccess/policies", scope: .conditionalAccess)
            }
            #expect(bench.budget.grants == [0, 1, 2, 3].map { .seconds($0) })
            #expect(bench.budget.draws.allSatisfy { $0.units == 1 && $0.scope == .conditionalAccess })
            // In a batch too, although it was asked for as one.
            let requests = (0..<3).map { _ in Bench.request("/identity/x", scope: .conditionalAccess) }
            let batch = try await bench.reader.readBatch(requests, bench.connection)
            #expect(batch.requests == 3)
            #expect(bench.budget.grants == (0..<7).map { .seconds($0) })
        }
    }

    @Test func `One draw serves many requests, and true costs are made up for`() async throws {
        try await Bench.with(graph: { _, count in
            .answer(200, ["x-ms-resource-unit": count == 0 ? "100" : "5"], Self.page)
        }).run { bench in
            let request = DirectoryRequest(target: "/users", version: "v1.0", scope: .identity, units: 5)
            for _ in 0..<16 { _ = try await bench.reader.read(request, bench.connection) }
            // 100 and 15 times 5 are 175, one slice.
            #expect(bench.budget.draws.map(\.units) == [175])
            _ = try await bench.reader.read(request, bench.connection)
            #expect(bench.budget.draws.map(\.units) == [175, 175])
        }
    }

    @Test func `Debts are drawn with the next slice`() async throws {
        try await Bench.with(graph: { _, count in
            .answer(200, ["x-ms-resource-unit": count == 0 ? "400" : "1"], Self.page)
        }).run { bench in
            _ = try await bench.read()
            _ = try await bench.read()
            #expect(bench.budget.draws.map(\.units) == [175, 226])
        }
    }

    @Test func `Limits that count requests are drawn by requests`() async throws {
        try await Bench.with(graph: { _, _ in .answer(200, ["x-ms-resource-unit": "9"], Self.page) }).run { bench in
            let request = DirectoryRequest(target: "/auditLogs/x", version: "v1.0", scope: .reports, units: 3)
            for _ in 0..<2 { _ = try await bench.reader.read(request, bench.connection) }
            #expect(bench.budget.draws.map(\.units) == [1, 1])
        }
    }

    @Test func `What is not counted draws nothing`() async throws {
        try await Bench.with(graph: { _, _ in .answer(200, Self.page) }).run { bench in
            _ = try await bench.read("/x", scope: .none)
            #expect(bench.budget.draws.isEmpty)
        }
    }

    @Test func `A slice ends with its window`() async throws {
        try await Bench.with(graph: { _, _ in .answer(200, Self.page) }).run { bench in
            _ = try await bench.read()
            bench.clock.advance(.seconds(11))
            _ = try await bench.read()
            #expect(bench.budget.draws.count == 2)
        }
    }

    @Test func `Two readers stay together within the quota`() async throws {
        try await Bench.with(
            budget: { TestBudget($0, units: 3, per: .seconds(1)) }, graph: { _, _ in .answer(200, Self.page) }
        ).run { bench in
            let other = GraphDirectoryReader(
                budget: bench.budget, clock: bench.clock,
                logger: Logger(label: "other", factory: { _ in SwiftLogNoOpLogHandler() }))
            for _ in 0..<6 {
                _ = try await bench.read("/x", scope: .reports)
                _ = try await other.read(Bench.request("/x", scope: .reports), bench.connection)
            }
            await other.shutdown()
            let grants = bench.budget.grants
            #expect(grants.count == 12)
            for start in grants { #expect(grants.filter { $0 >= start && $0 < start + .seconds(1) }.count <= 3) }
        }
    }

    @Test func `A budget that is spent for longer than the patience is throttling`() async throws {
        try await Bench.with(
            budget: { TestBudget($0, units: 1, per: .seconds(60)) }, graph: { _, _ in .answer(200, Self.page) }
        ).run { bench in
            _ = try await bench.read("/x", scope: .reports)
            let failure = await bench.failure("/x", scope: .reports)
            #expect(failure?.code == .graphThrottled)
            #expect(failure?.retryAfter == .seconds(60))
            #expect(bench.graphRequests.count == 1)
        }
    }
}
