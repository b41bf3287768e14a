import BackupContracts
import BackupModel
import LibPQ
import PostgresStore
import Testing

/// Units that several workers have in hand: one of them counts (D10).
@Suite(.timeLimit(.minutes(5))) struct FencingTests {
    private static let workers = 6
    private static let listing = Listing(
        [ObjectKey(high: 1, low: 1): #"{"displayName":"a"}"#, ObjectKey(high: 2, low: 2): #"{"displayName":"b"}"#],
        links: [LinkHead(object: ObjectKey(high: 1, low: 1), relationship: 1, target: ObjectKey(high: 2, low: 2))])

    /// Runs the body as several workers at once. Returns what one was answered; all others were fenced.
    private func race(_ body: @escaping @Sendable () async throws -> [Message]) async throws -> [Message] {
        let answers = try await withThrowingTaskGroup(of: Result<[Message], StageFailure>.self) { group in
            for _ in 0..<Self.workers {
                group.addTask {
                    do {
                        return .success(try await body())
                    } catch let failure as StageFailure {
                        return .failure(failure)
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let won = answers.compactMap { try? $0.get() }
        let codes = answers.compactMap { if case .failure(let failure) = $0 { failure.code.name } else { nil } }
        #expect(won.count == 1)
        #expect(codes == Array(repeating: "unitFenced", count: Self.workers - 1))
        return won.first ?? []
    }

    @Test func `a whole round in which every unit is done by all workers at once`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let (job, _) = try await database.admin.startBackup(tenant, types: nil, full: false)
            let request = try #require(try await database.messages(of: job.id).first)
            _ = try await database.fetcher.opening(request)
            let plan = [CollectionPlan(type: Types.group, mode: .complete)]
            let walks = try await race { try await database.fetcher.openRound(request, plan) }
            let walk = try #require(walks.first)

            let begin = try #require(try await database.fetcher.walk(walk))
            let pages = try await race {
                try await database.fetcher.storePage(walk, begin, .test(items: 1), .goesOn(WalkCursor()))
            }
            let middle = try #require(try await database.fetcher.walk(walk))
            let last = try await race {
                try await database.fetcher.storePage(
                    walk, middle, .test(items: 1), .ends(WalkEnd(outcome: .complete, deltaLink: "https://d")))
            }
            #expect(try await database.number("SELECT count(*) FROM backup.pages") == 2)
            #expect(try await database.messages(of: job.id).map(\.page) == [0, 1])

            let page = try #require(pages.first)
            let input = try #require(try await database.differ.page(page))
            let output = DiffOutput(Self.listing, input)
            #expect(try await race { try await database.differ.storeSightings(page, output) } == [])
            let lastPage = try #require(last.first)
            let walked = try await race { try await database.differ.storeSightings(lastPage, output) }
            let counts = try await database.sql("SELECT done, sightings, pages, items FROM backup.collections")
                .onlyRow()
            #expect(try counts.int32("done") == 2 && counts.int64("sightings") == 6)
            #expect(try counts.int32("pages") == 2 && counts.int64("items") == 2)

            let collection = try #require(walked.first)
            let settlement = try #require(try await database.persister.settlement(collection))
            let changes = try await database.changes(collection, settlement)
            let settled = try await race {
                try await database.persister.settleChunk(collection, settlement, changes, passesBaton: false)
            }
            #expect(settled.map(\.kind) == [.roundSettled])
            #expect(try await database.number("SELECT count(*) FROM backup.object_versions") == 2)
            #expect(try await database.number("SELECT count(*) FROM backup.link_versions") == 1)

            let sealing = try #require(settled.first)
            #expect(try await race { try await database.persister.seal(sealing) } == [])
            let snapshot = try await database.admin.snapshot(tenant, nil)
            #expect(snapshot.number == 1 && snapshot.objects == 2 && snapshot.added == 2)
            #expect(try await database.admin.snapshots(tenant).count == 1)
            #expect(try await database.number("SELECT count(*) FROM backup.messages") == 0)
            #expect(try await database.admin.job(job.id).state == .succeeded)
            #expect(try await database.listing(tenant, Types.group, at: 1) == Self.listing)
        }
    }

    @Test func `a unit that two messages ask for is done once`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let (request, walks) = try await database.openRound(tenant, [Types.group])
            #expect(try await database.fetcher.opening(try await database.twin(of: request)) == nil)

            let walk = try #require(walks.first)
            let secondWalk = try await database.twin(of: walk)
            let state = try #require(try await database.fetcher.walk(secondWalk))
            let page = try await database.fetch(walk)
            let late = try await failureCode {
                _ = try await database.fetcher.storePage(secondWalk, state, .test(items: 1), .goesOn(WalkCursor()))
            }
            #expect(late == "unitFenced")
            #expect(try await database.fetcher.walk(secondWalk) == nil)

            let secondPage = try await database.twin(of: page)
            let input = try #require(try await database.differ.page(secondPage))
            let walked = try #require(try await database.sight(page, Self.listing).first)
            // Another message, but the page is sighted: consumed, not counted.
            #expect(try await database.differ.storeSightings(secondPage, DiffOutput(Self.listing, input)) == [])
            #expect(try await database.number("SELECT done FROM backup.collections") == 1)

            let secondWalked = try await database.twin(of: walked)
            let settlement = try #require(try await database.persister.settlement(secondWalked))
            let changes = try await database.changes(secondWalked, settlement)
            let sealing = try #require(try await database.settle(walked).first)
            let fenced = try await failureCode {
                _ = try await database.persister.settleChunk(secondWalked, settlement, changes, passesBaton: false)
            }
            #expect(fenced == "unitFenced")
            #expect(try await database.persister.settlement(secondWalked) == nil)

            let secondSealing = try await database.twin(of: sealing)
            _ = try await database.persister.seal(sealing)
            #expect(try await database.persister.seal(secondSealing) == [])
            #expect(try await database.admin.snapshots(tenant).map(\.number) == [1])
            #expect(try await database.number("SELECT count(*) FROM backup.messages") == 0)
            #expect(try await database.listing(tenant, Types.group, at: 1) == Self.listing)
        }
    }

    @Test func `chunks are settled in turn, a zombie of an earlier one is fenced, another worker goes on`()
        async throws
    {
        try await TestDatabase.with { database in
            var numbers = SeededNumbers("chunks")
            let tenant = try await database.addTenant()
            var listing = Listing()
            for number in 0..<40 { listing.objects[numbers.key()] = #"{"displayName":"\#(number)"}"# }
            let (_, walks) = try await database.openRound(tenant, [Types.user])
            let page = try await database.fetch(try #require(walks.first))
            let walked = try #require(try await database.sight(page, listing).first)
            // As many as make several chunks.
            try await database.sql("UPDATE backup.collections SET sightings = 1000000")
            let first = try #require(try await database.persister.settlement(walked))
            #expect(first.chunks > 2 && first.settled == 0)
            let changes = try await database.changes(walked, first)
            let baton = try #require(
                try await database.persister.settleChunk(walked, first, changes, passesBaton: true).first)
            #expect(baton.kind == .collectionWalked && baton.id != walked.id)
            let zombie = try await failureCode {
                _ = try await database.persister.settleChunk(walked, first, changes, passesBaton: true)
            }
            #expect(zombie == "unitFenced")
            let second = try #require(try await database.persister.settlement(baton))
            #expect(second.settled == 1 && second.chunks == first.chunks)
            let sealing = try #require(try await database.settle(baton).first)
            _ = try await database.persister.seal(sealing)
            #expect(try await database.listing(tenant, Types.user, at: 1) == listing)
            #expect(try await database.admin.snapshot(tenant, 1).added == 40)
        }
    }

    @Test(arguments: ["cancelled", "restarted"])
    func `workers of a job that was stopped write nothing`(how: String) async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let (request, walks) = try await database.openRound(tenant, [Types.user, Types.group])
            let walk = walks[0]
            let state = try #require(try await database.fetcher.walk(walk))
            let page = try await database.fetch(walks[1])
            let input = try #require(try await database.differ.page(page))
            _ = try await database.admin.cancelJob(request.job)
            if how == "restarted" {
                #expect(try await database.admin.retryJob(request.job).state == .queued)
                let again = try #require(try await database.messages(of: request.job).first)
                #expect(again.epoch == 2)
                _ = try await database.fetcher.opening(again)
                _ = try await database.fetcher.openRound(again, [CollectionPlan(type: Types.user, mode: .complete)])
            }
            let before = try await database.texts("SELECT c FROM backup.collections c")
            let fetched = try await failureCode {
                _ = try await database.fetcher.storePage(walk, state, .test(items: 1), .goesOn(WalkCursor()))
            }
            #expect(fetched == "unitFenced")
            let sighted = try await failureCode {
                _ = try await database.differ.storeSightings(page, DiffOutput(Self.listing, input))
            }
            #expect(sighted == "unitFenced")
            #expect(try await database.texts("SELECT c FROM backup.collections c") == before)
            #expect(try await database.number("SELECT count(*) FROM backup.pages") == 0)
            #expect(try await database.number("SELECT count(*) FROM backup.contents") == 0)
        }
    }

    @Test func `workers of a job that was parked stand still until it goes on`() async throws {
        try await TestDatabase.with { database in
            let (_, walks) = try await database.openRound(try await database.addTenant(), [Types.user, Types.group])
            func park() async throws {
                let failure = StageFailure(.keyWrong, "The key store is another one.")
                #expect(try await database.fetcher.fail(walks[0], failure, delay: .zero))
            }
            let state = try #require(try await database.fetcher.walk(walks[1]))
            let end = WalkStep.ends(WalkEnd(outcome: .complete))
            try await park()
            let fetched = try await failureCode {
                _ = try await database.fetcher.storePage(walks[1], state, .test(items: 2), end)
            }
            #expect(fetched == "unitFenced")
            _ = try await database.admin.retryDeadLetter(walks[0].id)
            let pages = try await database.fetcher.storePage(walks[1], state, .test(items: 2), end)
            let page = try #require(pages.first)
            let walked = try #require(try await database.sight(page, Self.listing).first)
            let settlement = try #require(try await database.persister.settlement(walked))
            let changes = try await database.changes(walked, settlement)
            try await park()
            let settled = try await failureCode {
                _ = try await database.persister.settleChunk(walked, settlement, changes, passesBaton: false)
            }
            #expect(settled == "unitFenced")
            #expect(try await database.number("SELECT count(*) FROM backup.object_versions") == 0)
            _ = try await database.admin.retryDeadLetter(walks[0].id)
            #expect(try await database.settle(walked) == [])
            #expect(try await database.number("SELECT count(*) FROM backup.object_versions") == 2)
        }
    }

    @Test func `a worker that dies before its commit leaves the unit to another`() async throws {
        try await TestDatabase.with { database in
            let (_, walks) = try await database.openRound(try await database.addTenant(), [Types.user])
            let walk = try #require(walks.first)
            let state = try #require(try await database.fetcher.walk(walk))
            // The server ends the session at the commit, as it does when the worker's machine goes away.
            try await database.endSessionsAtCommit(of: "pages", by: "entra_backup_fetcher")
            let died = try await failureCode {
                _ = try await database.fetcher.storePage(
                    walk, state, .test(items: 1), .ends(WalkEnd(outcome: .complete)))
            }
            #expect(died == "databaseUnreachable")
            #expect(try await database.number("SELECT count(*) FROM backup.pages") == 0)
            #expect(try await database.messages(of: walk.job) == [walk])
            try await database.sql("DROP FUNCTION public.end_session CASCADE")
            _ = try await database.fetch(walk)
            #expect(try await database.number("SELECT count(*) FROM backup.pages") == 1)
        }
    }

    @Test func `a job is cancelled although its workers hold what the cancelling needs`() async throws {
        try await TestDatabase.with { database in
            let (request, walks) = try await database.openRound(try await database.addTenant(), [Types.user])
            let walk = try #require(walks.first)
            // As a fetcher stores its last page: first the collection's row, then the message's.
            let worker = try await database.server.connect(database: database.name)
            try await worker.execute("BEGIN; UPDATE backup.collections SET ordinal = ordinal + 1")
            let admin = database.admin
            let cancelling = Task { try await admin.cancelJob(request.job).state }
            try await eventually { try await database.isWaiting("operator") }
            // Now each waits for the other, and the server ends one of the two: here the one that waits longer.
            _ = try? await worker.query("DELETE FROM backup.messages WHERE id = $1", [.uuid(walk.id)])
            try? await worker.execute("COMMIT")
            await worker.close()
            #expect(try await cancelling.value == .cancelled)
            #expect(try await database.number("SELECT count(*) FROM backup.collections") == 0)
            #expect(try await database.messages(of: request.job) == [])
        }
    }

    @Test func `a page of a walk that was started again meanwhile is fenced`() async throws {
        try await TestDatabase.with { database in
            let (_, walks) = try await database.openRound(try await database.addTenant(), [Types.user])
            let walk = try #require(walks.first)
            let twin = try await database.twin(of: walk)
            let begin = try #require(try await database.fetcher.walk(walk))
            _ = try await database.fetcher.storePage(walk, begin, .test(items: 1), .goesOn(WalkCursor(pass: 1)))
            // Two workers stand at the second page; one finds that the delta link has expired.
            let late = try #require(try await database.fetcher.walk(twin))
            let state = try #require(try await database.fetcher.walk(walk))
            let begins = WalkCursor().startingAgain
            let again = try #require(
                try await database.fetcher.restartWalk(walk, state, from: begins).first)
            for step in [WalkStep.goesOn(WalkCursor(pass: 2)), .ends(WalkEnd(outcome: .delta, deltaLink: "https://d"))]
            {
                let code = try await failureCode {
                    _ = try await database.fetcher.storePage(twin, late, .test(items: 1), step)
                }
                #expect(code == "unitFenced")
            }
            let code = try await failureCode {
                _ = try await database.fetcher.restartWalk(twin, late, from: begins)
            }
            #expect(code == "unitFenced")
            let anew = try #require(try await database.fetcher.walk(again))
            #expect(anew.cursor == begins && anew.mode == .complete)
            #expect(try await database.number("SELECT count(*) FROM backup.pages") == 0)
            let page = try await database.fetch(again)
            #expect(try await database.sight(page, Self.listing).map(\.kind) == [.collectionWalked])
        }
    }
}
