import BackupContracts
import BackupModel
import Foundation
import LibPQ
import PostgresStore
import Testing

/// Listing, showing, retrying and discarding what was parked.
@Suite(.timeLimit(.minutes(5))) struct DeadLetterTests {
    private static let failure = StageFailure(.keyWrong, "The key store is another one.")
    private static let user = ObjectKey(high: 3, low: 4)
    private static let listing = Listing([user: #"{"displayName":"one"}"#])

    @Test func `they are listed newest first, shown by id, and unknown ones have a name`() async throws {
        try await TestDatabase.with { database in
            var ids: [UUID] = []
            for age in [30.0, 10, 20] {
                let (_, walks) = try await database.openRound(try await database.addTenant(), [Types.user])
                let walk = try #require(walks.first)
                #expect(try await database.fetcher.fail(walk, Self.failure, delay: .zero))
                try await database.sql(
                    "UPDATE backup.dead_letters SET parked_at = now() - make_interval(secs => $2) WHERE id = $1",
                    [.uuid(walk.id), .double(age)])
                ids.append(walk.id)
            }
            #expect(try await database.admin.deadLetters(limit: 9).map(\.id) == [ids[1], ids[2], ids[0]])
            #expect(try await database.admin.deadLetters(limit: 1).map(\.id) == [ids[1]])
            #expect(try await database.admin.deadLetterIDs() == [ids[1], ids[2], ids[0]])
            #expect(try await database.admin.deadLetter(ids[0]).kind == .walkReady)
            for operation in ["show", "discard", "retry"] {
                let code = try await failureCode {
                    switch operation {
                    case "show": _ = try await database.admin.deadLetter(UUID())
                    case "discard": _ = try await database.admin.discardDeadLetter(UUID())
                    default: _ = try await database.admin.retryDeadLetter(UUID())
                    }
                }
                #expect(code == "deadLetterNotFound", "\(operation)")
            }
        }
    }

    @Test func `discarding takes away the letter and leaves the job failed`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let (request, walks) = try await database.openRound(tenant, [Types.user])
            let walk = try #require(walks.first)
            #expect(try await database.fetcher.fail(walk, Self.failure, delay: .zero))
            #expect(try await database.admin.discardDeadLetter(walk.id).id == walk.id)
            #expect(try await database.admin.deadLetters(limit: 9) == [])
            #expect(try await database.admin.job(request.job).state == .failed)
            #expect(try await database.messages(of: request.job) == [])
            // The tenant is not stuck.
            try await database.backUp(tenant, [Types.user: Self.listing])
        }
    }

    @Test(arguments: [MessageKind.walkReady, .pageFetched, .collectionWalked, .roundSettled])
    func `a parked job goes on where it stood`(kind: MessageKind) async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let (request, walks) = try await database.openRound(tenant, [Types.user])
            var message = try #require(walks.first)
            while message.kind != kind { message = try await step(database, message) }
            // Attempts were made before.
            _ = try await database.persister.start(message)
            #expect(try await database.fetcher.fail(message, Self.failure, delay: .zero))
            #expect(try await database.admin.job(request.job).parked)

            #expect(try await database.admin.retryDeadLetter(message.id) == [message.id])
            let job = try await database.admin.job(request.job)
            #expect(job.state == .running && !job.parked && job.errorCode == nil && job.finishedAt == nil)
            // Due for the next sweep, with all its attempts.
            #expect(try await database.scheduler.takeUnpublished(limit: 9) == [message])
            #expect(try await database.persister.start(message) == .proceed(attempt: 1))
            while message.kind != .roundSettled { message = try await step(database, message) }
            _ = try await database.persister.seal(message)
            #expect(try await database.listing(tenant, Types.user, at: 1) == Self.listing)
            #expect(try await database.admin.verify(tenant, 1).isSound)
            #expect(try await database.number("SELECT count(*) FROM backup.messages") == 0)
        }
    }

    private func step(_ database: TestDatabase, _ message: Message) async throws -> Message {
        switch message.kind {
        case .walkReady: try await database.fetch(message, items: 1)
        case .pageFetched: try #require(try await database.sight(message, Self.listing).first)
        default: try #require(try await database.settle(message).first)
        }
    }

    @Test func `all letters of a job come back together`() async throws {
        try await TestDatabase.with { database in
            let (request, walks) = try await database.openRound(
                try await database.addTenant(), [Types.user, Types.group])
            for walk in walks { #expect(try await database.fetcher.fail(walk, Self.failure, delay: .zero)) }
            let back = try await database.admin.retryDeadLetter(try #require(walks.first).id)
            #expect(Set(back) == Set(walks.map(\.id)))
            #expect(Set(try await database.messages(of: request.job)) == Set(walks))
        }
    }

    @Test func `steps that were thrown away since the job failed are made again`() async throws {
        try await TestDatabase.with { database in
            let (request, walks) = try await database.openRound(
                try await database.addTenant(), [Types.user, Types.group])
            #expect(try await database.fetcher.fail(walks[0], Self.failure, delay: .zero))
            // A stage meets the other walk, finds that the job has ended, and deletes its row.
            #expect(try await database.fetcher.walk(walks[1]) == nil)
            #expect(try await database.admin.retryDeadLetter(walks[0].id) == [walks[0].id])
            let messages = try await database.messages(of: request.job)
            #expect(Set(messages.map(\.type)) == [Types.user, Types.group] && messages.count == 2)
        }
    }

    @Test func `retrying one whose unit is done does no harm`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let (request, walks) = try await database.openRound(tenant, [Types.user])
            let walk = try #require(walks.first)
            let twins = (
                walk: try await database.twin(of: walk), page: try await database.fetch(walk, items: 1)
            )
            let walked = try #require(try await database.sight(twins.page, Self.listing).first)
            let page = try await database.twin(of: twins.page)
            // Both units are done; their second messages are parked.
            #expect(try await database.fetcher.fail(twins.walk, Self.failure, delay: .zero))
            #expect(try await database.fetcher.fail(page, Self.failure, delay: .zero))
            #expect(try await database.admin.retryDeadLetter(page.id).count == 2)
            #expect(try await database.messages(of: request.job).count == 3)

            #expect(try await database.fetcher.walk(twins.walk) == nil)
            #expect(try await database.differ.page(page) == nil)
            #expect(try await database.messages(of: request.job) == [walked])
            let sealing = try #require(try await database.settle(walked).first)
            _ = try await database.persister.seal(sealing)
            #expect(try await database.listing(tenant, Types.user, at: 1) == Self.listing)
            #expect(try await database.admin.snapshot(tenant, 1).objects == 1)
        }
    }

    @Test func `a retry that cannot be is refused with the reason`() async throws {
        try await TestDatabase.with { database in
            func parked() async throws -> (request: Message, walk: Message) {
                let (request, walks) = try await database.openRound(try await database.addTenant(), [Types.user])
                let walk = try #require(walks.first)
                #expect(try await database.fetcher.fail(walk, Self.failure, delay: .zero))
                return (request, walk)
            }
            func refusal(_ walk: Message) async throws -> String? {
                try await failureCode { _ = try await database.admin.retryDeadLetter(walk.id) }
            }

            let busy = try await parked()
            _ = try await database.admin.startBackup(busy.walk.tenant, types: nil, full: false)
            #expect(try await refusal(busy.walk) == "backupUnderWay")
            #expect(try await database.admin.job(busy.request.job).state == .failed)

            let replaced = try await parked()
            try await database.backUp(replaced.walk.tenant, [Types.user: Self.listing])
            #expect(try await refusal(replaced.walk) == "roundDropped")

            let restarted = try await parked()
            try await database.sql(
                "UPDATE backup.jobs SET epoch = 2 WHERE job_id = $1", [.uuid(restarted.walk.job.uuid)])
            #expect(try await refusal(restarted.walk) == "jobRestarted")

            let cancelled = try await parked()
            try await database.sql(
                "UPDATE backup.jobs SET state = 'cancelled', parked = false WHERE job_id = $1",
                [.uuid(cancelled.walk.job.uuid)])
            #expect(try await refusal(cancelled.walk) == "jobNotParked")

            let gone = try await parked()
            try await database.sql("DELETE FROM backup.jobs WHERE job_id = $1", [.uuid(gone.walk.job.uuid)])
            #expect(try await refusal(gone.walk) == "jobNotFound")
            // None of them was moved.
            #expect(try await database.admin.deadLetters(limit: 9).count == 5)
        }
    }

    @Test func `a job that is started anew leaves no letters and no messages of the old epoch`() async throws {
        try await TestDatabase.with { database in
            let (request, walks) = try await database.openRound(
                try await database.addTenant(), [Types.user, Types.group])
            #expect(try await database.fetcher.fail(walks[0], Self.failure, delay: .zero))
            let job = try await database.admin.retryJob(request.job)
            #expect(job.state == .queued && !job.parked)
            #expect(try await database.admin.deadLetters(limit: 9) == [])
            let messages = try await database.messages(of: request.job)
            #expect(messages.map(\.kind) == [.backupRequested] && messages.map(\.epoch) == [2])
            // What was in the broker still comes: ignored.
            #expect(try await database.fetcher.start(walks[1]) == .alreadyHandled)
        }
    }

    @Test func `a message that is met while its job is taken up again is not thrown away`() async throws {
        try await TestDatabase.with { database in
            let (request, walks) = try await database.openRound(
                try await database.addTenant(), [Types.user, Types.group])
            #expect(try await database.fetcher.fail(walks[0], Self.failure, delay: .zero))
            // A person takes the job up again: its row is held, and nobody else sees the new state yet.
            let person = try await database.server.connect(database: database.name)
            try await person.execute("BEGIN; UPDATE backup.jobs SET state = 'running', parked = false")
            let fetcher = database.fetcher
            async let state = fetcher.walk(walks[1])
            try await eventually { try await database.isWaiting("fetcher") }
            try await person.execute("COMMIT")
            await person.close()
            #expect(try await state?.type == walks[1].type)
            #expect(try await database.messages(of: request.job) == [walks[1]])
        }
    }
}
