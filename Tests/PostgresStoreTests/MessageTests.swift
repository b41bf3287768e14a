import BackupContracts
import BackupModel
import LibPQ
import PostgresStore
import Testing

/// The laws of `MessageStore`: attempts, pauses, parking.
@Suite(.timeLimit(.minutes(5))) struct MessageTests {
    /// A queued job with its message.
    private func request(_ database: TestDatabase) async throws -> Message {
        let tenant = try await database.addTenant()
        let (job, _) = try await database.admin.startBackup(tenant, types: nil, full: false)
        return try #require(try await database.messages(of: job.id).first)
    }

    private func attempts(_ database: TestDatabase, _ message: Message) async throws -> Int64 {
        try await database.number("SELECT attempts FROM backup.messages WHERE id = $1", [.uuid(message.id)])
    }

    @Test func `starting counts attempts and parks after the last one`() async throws {
        try await TestDatabase.with { database in
            let message = try await request(database)
            for attempt in 1...attemptsBeforeParking {
                #expect(try await database.fetcher.start(message) == .proceed(attempt: attempt))
            }
            #expect(try await database.fetcher.start(message) == .parked)
            #expect(try await database.fetcher.start(message) == .alreadyHandled)

            let letter = try await database.admin.deadLetter(message.id)
            #expect(letter.errorCode == "attemptsExhausted")
            #expect(letter.attempts == Int32(attemptsBeforeParking))
            #expect(letter.queue == "jobs.backup" && letter.kind == .backupRequested)
            #expect(letter.tenant == message.tenant && letter.job == message.job)
            let job = try await database.admin.job(message.job)
            #expect(job.state == .failed && job.parked && job.errorCode == "attemptsExhausted")
            #expect(job.finishedAt != nil)
        }
    }

    @Test func `a job whose attempts are used up tells the last error`() async throws {
        try await TestDatabase.with { database in
            for tells in [true, false] {
                let message = try await request(database)
                _ = try await database.fetcher.start(message)
                if tells {
                    let failure = StageFailure(.graphUnreachable, "The connection was refused.")
                    #expect(try await database.fetcher.fail(message, failure, delay: .zero) == false)
                }
                for _ in 1..<attemptsBeforeParking { _ = try await database.fetcher.start(message) }
                #expect(try await database.fetcher.start(message) == .parked)
                let said = try await database.admin.job(message.job).errorMessage ?? ""
                #expect(said.contains("graphUnreachable: The connection was refused.") == tells, "\(said)")
                #expect(said.contains("workers died") != tells, "\(said)")
            }
        }
    }

    @Test func `of many that start at once each counts an attempt, and one parks`() async throws {
        try await TestDatabase.with { database in
            let message = try await request(database)
            let answers = try await withThrowingTaskGroup(of: MessageStart.self) { group in
                for _ in 0..<16 { group.addTask { try await database.fetcher.start(message) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let counted = answers.compactMap { if case .proceed(let attempt) = $0 { attempt } else { nil } }
            #expect(counted.sorted() == Array(1...attemptsBeforeParking))
            #expect(answers.filter { $0 == .parked }.count == 1)
            #expect(try await database.number("SELECT count(*) FROM backup.dead_letters") == 1)
        }
    }

    @Test func `a message without a row was handled before`() async throws {
        try await TestDatabase.with { database in
            var message = try await request(database)
            message.id = JobID().uuid
            #expect(try await database.fetcher.start(message) == .alreadyHandled)
            #expect(try await database.fetcher.fail(message, StageFailure(.graphThrottled, "x"), delay: .zero) == false)
            #expect(try await database.admin.deadLetters(limit: 9) == [])
            #expect(try await database.admin.job(message.job).state == .queued)
        }
    }

    @Test func `a failed attempt is seen again after its delay and not before`() async throws {
        try await TestDatabase.with { database in
            let message = try await request(database)
            let scheduler = database.scheduler
            #expect(try await scheduler.takeUnpublished(limit: 10) == [message])
            #expect(try await database.fetcher.start(message) == .proceed(attempt: 1))
            let failure = StageFailure(.graphThrottled, "Graph asked for a pause.")
            #expect(try await database.fetcher.fail(message, failure, delay: .seconds(600)) == false)

            let row = try await database.sql(
                """
                SELECT published_at IS NULL AND started_at IS NULL AS again, last_error,
                    visible_at BETWEEN clock_timestamp() + interval '590 s' AND clock_timestamp() + interval '600 s' AS due
                FROM backup.messages WHERE id = $1
                """, [.uuid(message.id)]
            ).onlyRow()
            #expect(try row.bool("again") && row.bool("due"))
            #expect(try row.text("last_error") == "graphThrottled: Graph asked for a pause.")
            #expect(try await scheduler.takeUnpublished(limit: 10) == [])
            // Ten minutes later.
            try await database.sql("UPDATE backup.messages SET visible_at = visible_at - interval '600 s'")
            #expect(try await scheduler.takeUnpublished(limit: 10) == [message])
            #expect(try await database.fetcher.start(message) == .proceed(attempt: 2))
        }
    }

    @Test func `the last failed attempt parks, with the error that it failed with`() async throws {
        try await TestDatabase.with { database in
            let message = try await request(database)
            let failure = StageFailure(.graphServerError, "Graph answered 500.")
            for attempt in 1...attemptsBeforeParking {
                #expect(try await database.fetcher.start(message) == .proceed(attempt: attempt))
                #expect(
                    try await database.fetcher.fail(message, failure, delay: .zero)
                        == (attempt == attemptsBeforeParking))
            }
            let letter = try await database.admin.deadLetter(message.id)
            #expect(letter.errorCode == "graphServerError")
            #expect(letter.errorMessage == "graphServerError: Graph answered 500.")
            #expect(try await database.fetcher.start(message) == .alreadyHandled)
        }
    }

    @Test func `a failure that only a person can mend parks at once, once, and lets the waiting job begin`()
        async throws
    {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let (request, walks) = try await database.openRound(tenant, [Types.user, Types.group])
            // A full one is queued behind the one that runs.
            let (waiting, joined) = try await database.admin.startBackup(tenant, types: nil, full: true)
            #expect(!joined && waiting.waitingFor == request.job)
            #expect(try await database.messages(of: waiting.id) == [])

            let failure = StageFailure(.consentMissing, "An administrator has not consented.")
            let walk = try #require(walks.first)
            #expect(try await database.fetcher.fail(walk, failure, delay: .seconds(1)))
            #expect(try await database.fetcher.fail(walk, failure, delay: .seconds(1)) == false)
            let letter = try await database.admin.deadLetter(walk.id)
            #expect(letter.errorCode == "consentMissing" && letter.errorMessage == failure.message)
            #expect(failure.code.rule.hint.isEmpty == false)
            let job = try await database.admin.job(request.job)
            #expect(job.state == .failed && job.parked && job.errorCode == "consentMissing")
            #expect(job.errorMessage == failure.message)

            #expect(try await database.messages(of: waiting.id).map(\.kind) == [.backupRequested])
            // Another message of the failed job finds that there is nothing to do.
            let other = try #require(walks.last)
            #expect(try await database.fetcher.walk(other) == nil)
            #expect(try await database.fetcher.start(other) == .alreadyHandled)
        }
    }

    @Test func `a body that is no message is put aside, shortened, and fails no job`() async throws {
        try await TestDatabase.with { database in
            let message = try await request(database)
            let body = Array("{\"kind\":\"page.fetched.v9\",\0".utf8) + [UInt8](repeating: 0xFF, count: 9_000)
            try await database.differ.parkUndecodable(body, queue: .diff)
            let letter = try #require(try await database.admin.deadLetters(limit: 9).first)
            #expect(letter.errorCode == "messageUndecodable" && letter.queue == "stage.diff")
            #expect(letter.kind == nil && letter.tenant == nil && letter.job == nil)
            #expect(letter.body.hasPrefix("{\"kind\":\"page.fetched.v9\",") && letter.body.count <= 4_096)
            #expect(try await database.admin.job(message.job).state == .queued)
            await #expect(throws: AccountError.self) { _ = try await database.admin.retryDeadLetter(letter.id) }
        }
    }

    @Test func `what is parked and what is on its way holds no directory content`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let secret = "Ludwigshafen"
            let user = ObjectKey(high: 7, low: 7)
            let listing = Listing([user: #"{"displayName":"\#(secret)"}"#])
            let (_, walks) = try await database.openRound(tenant, [Types.user, Types.group])
            let page = try await database.fetch(try #require(walks.first))
            let walked = try #require(try await database.sight(page, listing).first)
            let damaged = StageFailure(.storedDataDamaged, "The sightings of page 0 are damaged.")
            #expect(try await database.persister.fail(walked, damaged, delay: .zero))
            for table in ["messages", "dead_letters", "jobs", "collections", "pages", "contents", "delta_links"] {
                let text = try await database.texts("SELECT t FROM backup.\(table) t").joined()
                #expect(table == "delta_links" || !text.isEmpty, "\(table) is empty")
                // Bytes are printed in hexadecimal digits: looked for in both forms.
                let hex = secret.utf8.map { String($0, radix: 16) }.joined()
                #expect(!text.contains(secret) && !text.contains(hex), "\(table)")
                #expect(!text.contains("graph.example"), "\(table)")
            }
        }
    }
}
