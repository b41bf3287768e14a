import BackupContracts
import BackupModel
import Foundation
import LibPQ
import PostgresStore
import Testing

/// What the scheduler publishes for others: rows that were left behind, and no others.
@Suite(.timeLimit(.minutes(5))) struct SweepTests {
    /// Rows whose times are so many seconds before now; `nil` for never.
    private func message(
        _ database: TestDatabase, _ tenant: TenantID, _ kind: MessageKind, created: Double, visible: Double,
        published: Double? = nil, started: Double? = nil
    ) async throws -> Message {
        let new = Message(kind: kind, tenant: tenant, job: JobID(), epoch: 1, trace: "t")
        let message = try await database.twin(of: new)
        try await database.sql(
            """
            UPDATE backup.messages SET created_at = clock_timestamp() - make_interval(secs => $2),
                visible_at = clock_timestamp() - make_interval(secs => $3),
                published_at = clock_timestamp() - make_interval(secs => $4),
                started_at = clock_timestamp() - make_interval(secs => $5)
            WHERE id = $1
            """, [.uuid(message.id), .double(created), .double(visible), .double(published), .double(started)])
        return message
    }

    @Test func `only rows that were left behind are swept, oldest first, and each once`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            // The stage that made it publishes it itself.
            _ = try await message(database, tenant, .walkReady, created: 1, visible: 1)
            let left = try await message(database, tenant, .walkReady, created: 20, visible: 20)
            // A pause that is over: nobody but the scheduler publishes it.
            let paused = try await message(database, tenant, .pageFetched, created: 100, visible: 1)
            _ = try await message(database, tenant, .pageFetched, created: 100, visible: -60)
            _ = try await message(database, tenant, .walkReady, created: 20, visible: 20, published: 19)
            // In hand: its consumer got it although nobody noted that it was published.
            _ = try await message(database, tenant, .walkReady, created: 30, visible: 30, started: 50)
            let abandoned = try await message(database, tenant, .walkReady, created: 99, visible: 99, started: 70)

            #expect(try await database.scheduler.takeUnpublished(limit: 1) == [abandoned])
            let rest = try await database.scheduler.takeUnpublished(limit: 100)
            #expect(Set(rest) == [left, paused])
            #expect(try await database.scheduler.takeUnpublished(limit: 100) == [])
        }
    }

    @Test func `schedulers that sweep at once take different rows and all of them`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            var made: Set<UUID> = []
            for _ in 0..<60 {
                made.insert(try await message(database, tenant, .walkReady, created: 20, visible: 20).id)
            }
            let stores = (0..<4).map { _ in database.another("scheduler", connections: 1) }
            let taken = try await withThrowingTaskGroup(of: [UUID].self) { group in
                for store in stores {
                    group.addTask {
                        var ids: [UUID] = []
                        while true {
                            let some = try await store.takeUnpublished(limit: 7)
                            // Rows that another one holds are passed over, so an empty answer may come too early.
                            let left = try await database.number(
                                "SELECT count(*) FROM backup.messages WHERE published_at IS NULL")
                            if some.isEmpty, left == 0 { return ids }
                            ids += some.map(\.id)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(taken.count == 60 && Set(taken) == made)
        }
    }

    @Test func `published rows that nobody began are published again, of the queue that was asked for`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            func made(_ kind: MessageKind, published: Double?, started: Double? = nil) async throws -> Message {
                try await message(
                    database, tenant, kind, created: 500, visible: 500, published: published, started: started)
            }
            let lost = try await made(.pageFetched, published: 61)
            _ = try await made(.pageFetched, published: 30)
            _ = try await made(.pageFetched, published: nil)
            _ = try await made(.walkReady, published: 61)
            _ = try await made(.pageFetched, published: 400, started: 30)
            let died = try await made(.pageFetched, published: 400, started: 61)
            let scheduler = database.scheduler
            let taken = try await scheduler.takeUnconsumed(.diff, olderThan: .seconds(60), limit: 100)
            #expect(Set(taken) == [lost, died])
            #expect(try await scheduler.takeUnconsumed(.diff, olderThan: .seconds(60), limit: 100) == [])
            // All of a queue that had to be declared anew, however young, but for what is in hand.
            let all = try await scheduler.takeUnconsumed(.diff, olderThan: .zero, limit: 100)
            #expect(all.count == 4)
        }
    }

    @Test func `a confirmed publication is noted for the messages that it names`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let one = try await message(database, tenant, .walkReady, created: 20, visible: 20)
            let two = try await message(database, tenant, .walkReady, created: 20, visible: 20)
            try await database.fetcher.markPublished([one.id, UUID()])
            try await database.fetcher.markPublished([])
            #expect(try await database.scheduler.takeUnpublished(limit: 10) == [two])
        }
    }

    @Test func `the backlog counts what may be worked on, by queue`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            _ = try await message(database, tenant, .walkReady, created: 20, visible: 20)
            _ = try await message(database, tenant, .walkReady, created: 90, visible: 80, published: 70)
            _ = try await message(database, tenant, .walkReady, created: 90, visible: -600)
            _ = try await message(database, tenant, .roundSettled, created: 9, visible: 9, published: 8)
            let backlog = try await database.scheduler.backlog()
            let fetch = try #require(backlog.first { $0.queue == .fetch })
            #expect(fetch.unpublished == 1 && fetch.published == 1 && (80..<600).contains(fetch.oldestAgeSeconds))
            let persist = try #require(backlog.first { $0.queue == .persist })
            #expect(persist.unpublished == 0 && persist.published == 1)
            #expect(backlog.count == 2)
        }
    }

    @Test func `a due tenant gets one job however many schedulers look`() async throws {
        try await TestDatabase.with { database in
            var tenants: Set<TenantID> = []
            for _ in 0..<6 { tenants.insert(try await database.addTenant()) }
            let inactive = try await database.addTenant()
            _ = try await database.admin.deactivate(inactive)
            let busy = try await database.addTenant()
            _ = try await database.admin.startBackup(busy, types: nil, full: false)
            try await database.sql("UPDATE backup.schedule SET next_backup_at = now() - interval '1 s'")
            let stores = (0..<3).map { _ in database.another("scheduler", connections: 1) }
            let started = try await withThrowingTaskGroup(of: [Message].self) { group in
                for store in stores { group.addTask { try await store.startDueBackups(limit: 100) } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(started.count == tenants.count && Set(started.map(\.tenant)) == tenants)
            #expect(try await database.scheduler.startDueBackups(limit: 100) == [])
        }
    }

    @Test func `one scheduler leads until its connection ends`() async throws {
        try await TestDatabase.with { database in
            let first = database.another("scheduler", connections: 1)
            let second = database.another("scheduler", connections: 1)
            #expect(try await first.becomeLeader())
            #expect(try await first.becomeLeader())
            #expect(try await second.becomeLeader() == false)
            await first.close()
            try await eventually { try await second.becomeLeader() }
            #expect(try await second.becomeLeader())
        }
    }
}
