import BackupContracts
import BackupModel
import LibPQ
import PostgresStore
import Testing

/// Whole rounds in any order, with duplicates, fenced workers, restarts, parking and retention between: the snapshot is
/// what was read all the same (D1, D4, D10).
@Suite(.timeLimit(.minutes(5))) struct ChaosTests {
    private struct Stuck: Error {}

    /// One round and what its pages hold: part `n` of a walk is every `parts`-th object.
    private struct Round {
        static let parts = 4
        let database: TestDatabase
        let job: JobID
        let listings: [UInt16: Listing]

        func part(_ number: Int, of type: UInt16) -> Listing {
            let all = listings[type] ?? Listing()
            var part = Listing()
            for (index, object) in all.objects.keys.sorted().enumerated() where index % Self.parts == number {
                part.objects[object] = all.objects[object]
                part.links.formUnion(all.links.filter { $0.object == object })
            }
            return part
        }
    }

    @Test(arguments: [1, 4])
    func `any order of deliveries comes to the same snapshot`(workers: Int) async throws {
        try await TestDatabase.with { database in
            var numbers = SeededNumbers("chaos of \(workers)")
            let tenant = try await database.addTenant()
            let keys = (0..<14).map { _ in numbers.key() }
            var states: [SnapshotNumber: [UInt16: Listing]] = [:]
            var state: [UInt16: Listing] = [:]
            for _ in 0..<4 {
                for type in [Types.user, Types.group] {
                    state[type] = HistoryTests.evolve(state[type] ?? Listing(), keys, &numbers)
                }
                let (job, _) = try await database.admin.startBackup(tenant, types: nil, full: false)
                let round = Round(database: database, job: job.id, listings: state)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<workers {
                        let own = numbers.fork()
                        group.addTask { try await work(on: round, own) }
                    }
                    try await group.waitForAll()
                }
                let number = try await database.admin.snapshot(tenant, nil).number
                states[number] = state
                try await expectSound(database, tenant, states)
            }
            #expect(states.count == 4)
        }
    }

    private func expectSound(
        _ database: TestDatabase, _ tenant: TenantID, _ states: [SnapshotNumber: [UInt16: Listing]]
    ) async throws {
        for number in try await database.admin.snapshots(tenant).map(\.number) {
            let state = try #require(states[number])
            for (type, listing) in state {
                #expect(try await database.listing(tenant, type, at: number) == listing, "\(type) at \(number)")
            }
            let report = try await database.admin.verify(tenant, number)
            #expect(report.damaged == [] && report.signatureIsValid)
        }
        try await database.expectOrderlyIntervals()
        for table in ["messages", "dead_letters", "pages", "collections"] {
            #expect(try await database.number("SELECT count(*) FROM backup.\(table)") == 0, "\(table)")
        }
    }

    /// Delivers messages at random until the job has ended.
    private func work(on round: Round, _ numbers: SeededNumbers) async throws {
        var numbers = numbers
        var seen: [Message] = []
        let database = round.database
        while true {
            let job = try await database.admin.job(round.job)
            if job.state == .succeeded { return }
            if job.parked { try await retry(round) }
            let rows = try await database.messages(of: round.job)
            seen += rows.filter { !seen.contains($0) }
            let isDuplicate = Int.random(in: 0..<6, using: &numbers) == 0
            guard let message = (isDuplicate ? seen : rows).randomElement(using: &numbers) else {
                // Nothing to deliver and not ended, seen twice: whatever another worker did must be visible by now.
                let now = try await database.admin.job(round.job)
                let left = try await database.messages(of: round.job)
                if now.state == .running, !now.parked, left.isEmpty, job.state == .running, !job.parked {
                    throw Stuck()
                }
                continue
            }
            switch Int.random(in: 0..<20, using: &numbers) {
            case 0: _ = try await database.fetcher.fail(message, StageFailure(.keyWrong, "x"), delay: .zero)
            case 1: try await retain(database)
            default: try await deliver(message, round, &numbers)
            }
        }
    }

    private func retry(_ round: Round) async throws {
        for letter in try await round.database.admin.deadLetters(limit: 1) {
            do throws(AccountError) {
                _ = try await round.database.admin.retryDeadLetter(letter.id)
            } catch {
                // Another worker was faster.
                try #require(error.code == "deadLetterNotFound" || error.code == "jobNotParked", "\(error)")
            }
        }
    }

    private func retain(_ database: TestDatabase) async throws {
        try await database.sql(
            """
            UPDATE backup.snapshots SET sealed_at = now() - interval '91 days' WHERE number + 1 < (
                SELECT max(number) FROM backup.snapshots)
            """)
        try await database.sql("UPDATE backup.schedule SET next_retention_at = now()")
        _ = try await database.scheduler.applyRetention()
    }

    private func deliver(_ message: Message, _ round: Round, _ numbers: inout SeededNumbers) async throws {
        let database = round.database
        guard case .proceed = try await database.fetcher.start(message) else { return }
        do {
            switch message.kind {
            case .backupRequested:
                guard try await database.fetcher.opening(message) != nil else { return }
                let plans = round.listings.keys.sorted().map { CollectionPlan(type: $0, mode: .complete) }
                _ = try await database.fetcher.openRound(message, plans)
            case .walkReady: try await walk(message, database, &numbers)
            case .pageFetched:
                guard let input = try await database.differ.page(message) else { return }
                let part = round.part(Int(input.content[0]), of: input.type)
                _ = try await database.differ.storeSightings(message, DiffOutput(part, input))
            case .collectionWalked:
                guard let settlement = try await database.persister.settlement(message) else { return }
                let changes = try await database.changes(message, settlement)
                _ = try await database.persister.settleChunk(
                    message, settlement, changes, passesBaton: Bool.random(using: &numbers))
            case .roundSettled: _ = try await database.persister.seal(message)
            case .downloadRequested, .restoreReady: Issue.record("A backup sends no \(message.kind).")
            }
        } catch let failure as StageFailure {
            try #require(failure.code == .unitFenced || failure.code == .serializationConflict, "\(failure)")
        }
    }

    private func walk(_ message: Message, _ database: TestDatabase, _ numbers: inout SeededNumbers) async throws {
        guard let state = try await database.fetcher.walk(message) else { return }
        let part = state.cursor?.pass ?? 0
        if part > 0, Int.random(in: 0..<8, using: &numbers) == 0 {
            _ = try await database.fetcher.restartWalk(message, state, from: WalkCursor())
            return
        }
        let next = WalkCursor(pass: part + 1)
        let step: WalkStep =
            if part + 1 == Round.parts {
                .ends(WalkEnd(outcome: .complete))
            } else if Bool.random(using: &numbers) {
                .passesBaton(next, after: nil)
            } else {
                .goesOn(next)
            }
        _ = try await database.fetcher.storePage(
            message, state, FetchedPage(content: [UInt8(part)], items: 1, requests: 1), step)
    }
}
