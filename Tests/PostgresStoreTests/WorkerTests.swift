import BackupContracts
import BackupModel
import LibPQ
import Logging
import PostgresStore
import StageRuntime
import Synchronization
import Testing

/// The consuming loop over the real store: what a delivery leaves in the database, however its handling ends.
@Suite(.timeLimit(.minutes(5))) struct WorkerTests {
    /// Stands where the broker stands, and confirms or not.
    private final class Outbox: MessageTransport {
        private let published = Mutex<[Message]>([])
        let confirms: Bool
        let delivery: Delivery?

        /// - Parameter delivery: what a consumer of its queue gets, once.
        init(confirms: Bool, delivers delivery: Delivery? = nil) {
            self.confirms = confirms
            self.delivery = delivery
        }

        var messages: [Message] { published.withLock { $0 } }

        func publish(_ messages: [Message]) async throws(StageFailure) -> [Bool] {
            published.withLock { $0 += messages }
            return messages.map { _ in confirms }
        }

        func consume(_ queue: Queue, concurrency: Int, _ handle: @escaping @Sendable (Delivery) async -> Void) async {
            if let delivery, delivery.queue == queue { await handle(delivery) }
        }

        func declareTopology() async throws(StageFailure) -> Set<Queue> { [] }
        func readyCount(_ queue: Queue) async throws(StageFailure) -> Int? { 0 }
    }

    /// Deliveries that were acknowledged.
    private final class Acknowledged: Sendable {
        private let count = Mutex(0)
        var number: Int { count.withLock { $0 } }

        func delivery(of body: [UInt8], _ queue: Queue) -> Delivery {
            Delivery(queue: queue, body: body) { () async throws(StageFailure) in self.count.withLock { $0 += 1 } }
        }
    }

    private func worker(
        _ store: PostgresStore, _ outbox: Outbox, renewal: Duration = .seconds(20),
        _ handler: @escaping MessageHandler
    ) -> StageWorker {
        StageWorker(
            stage: .fetcher, messages: store, transport: outbox,
            metrics: StageMetrics(stage: .fetcher) { 0 }, drain: DrainSignal(), pauses: RetryPauses { 0 },
            renewal: renewal,
            logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() }, handler: handler)
    }

    private func page(_ database: TestDatabase) async throws -> (walk: Message, state: WalkState) {
        let (_, walks) = try await database.openRound(try await database.addTenant(), [Types.user])
        let walk = try #require(walks.first)
        return (walk, try #require(try await database.fetcher.walk(walk)))
    }

    @Test(arguments: [true, false])
    func `what follows is noted as published when the broker confirms, else left to the sweep`(confirms: Bool)
        async throws
    {
        try await TestDatabase.with { database in
            let (walk, state) = try await page(database)
            let store = database.fetcher
            let outbox = Outbox(confirms: confirms)
            let acknowledged = Acknowledged()
            let worker = worker(store, outbox) { (message, _) async throws(StageFailure) in
                try await store.storePage(message, state, .test(items: 1), .ends(WalkEnd(outcome: .complete)))
            }
            // The broker delivers it twice.
            for _ in 0..<2 { await worker.handle(acknowledged.delivery(of: walk.encoded(), .fetch)) }
            #expect(acknowledged.number == 2)
            #expect(outbox.messages.map(\.kind) == [.pageFetched])
            #expect(try await database.messages(of: walk.job) == outbox.messages)
            try await database.sql("UPDATE backup.messages SET visible_at = visible_at - interval '6 s'")
            #expect(try await database.scheduler.takeUnpublished(limit: 9) == (confirms ? [] : outbox.messages))
        }
    }

    @Test func `a handler that always fails is tried ten times, then its message is parked`() async throws {
        try await TestDatabase.with { database in
            let (walk, _) = try await page(database)
            let acknowledged = Acknowledged()
            let worker = worker(database.fetcher, Outbox(confirms: true)) { (_, _) async throws(StageFailure) in
                throw StageFailure(.graphServerError, "Graph answered 500.")
            }
            for delivery in 1...(attemptsBeforeParking + 2) {
                await worker.handle(acknowledged.delivery(of: walk.encoded(), .fetch))
                #expect(acknowledged.number == delivery)
                let left = try await database.messages(of: walk.job)
                #expect(left == (delivery < attemptsBeforeParking ? [walk] : []))
            }
            let letter = try await database.admin.deadLetter(walk.id)
            #expect(letter.attempts == Int32(attemptsBeforeParking) && letter.errorCode == "graphServerError")
            #expect(try await database.admin.job(walk.job).parked)
        }
    }

    @Test func `a fenced unit costs an attempt and nothing else`() async throws {
        try await TestDatabase.with { database in
            let (walk, state) = try await page(database)
            let twin = try await database.twin(of: walk)
            let store = database.fetcher
            _ = try await database.fetch(walk)
            let before = try await database.messages(of: walk.job)
            let outbox = Outbox(confirms: true)
            let worker = worker(store, outbox) { (message, _) async throws(StageFailure) in
                try await store.storePage(message, state, .test(items: 1), .goesOn(WalkCursor()))
            }
            await worker.handle(Acknowledged().delivery(of: twin.encoded(), .fetch))
            #expect(outbox.messages == [])
            #expect(try await database.messages(of: walk.job) == before)
            #expect(try await database.number("SELECT count(*) FROM backup.pages") == 1)
            #expect(try await database.number("SELECT count(*) FROM backup.dead_letters") == 0)
        }
    }

    @Test func `what is long in hand does not count as left behind, and what has failed is nobody's`() async throws {
        try await TestDatabase.with { database in
            let (walk, _) = try await page(database)
            let isFresh = "SELECT count(*) FROM backup.messages WHERE started_at > clock_timestamp() - interval '60 s'"
            let began = Mutex(false)
            let outbox = Outbox(confirms: true, delivers: Acknowledged().delivery(of: walk.encoded(), .fetch))
            let worker = worker(database.fetcher, outbox, renewal: .milliseconds(5)) {
                (_, _) async throws(StageFailure) in
                do {
                    for _ in 0..<2 {
                        try await database.sql("UPDATE backup.messages SET started_at = now() - interval '100 s'")
                        try await eventually { try await database.number(isFresh) == 1 }
                    }
                    began.withLock { $0 = true }
                } catch {
                    Issue.record(error)
                }
                throw StageFailure(.graphServerError, "Graph answered 500.")
            }
            await worker.run(concurrency: 1)
            #expect(began.withLock { $0 })
            try await database.fetcher.renew([walk.id])
            #expect(try await database.number("SELECT count(*) FROM backup.messages WHERE started_at IS NULL") == 1)
        }
    }

    @Test func `a body that cannot be decoded is put aside and acknowledged`() async throws {
        try await TestDatabase.with { database async throws in
            let acknowledged = Acknowledged()
            let worker = worker(database.fetcher, Outbox(confirms: true)) { (_, _) async throws(StageFailure) in [] }
            await worker.handle(acknowledged.delivery(of: Array("no message".utf8), .fetch))
            #expect(acknowledged.number == 1)
            #expect(try await database.admin.deadLetters(limit: 9).map(\.errorCode) == ["messageUndecodable"])
        }
    }
}
