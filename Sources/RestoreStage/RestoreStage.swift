public import BackupContracts
public import BackupModel

/// Carries out restore plans chunk by chunk (D11).
///
/// ```
/// chunk ─► begin (committed) ─► look, where it was begun before ─► writes ─► read back ─► finish (committed) ─► chunk …
/// ```
/// A crash anywhere leaves the steps begun: whoever takes them up looks what is there before anything is sent again.
public struct RestoreStage: Sendable {
    let store: any RestoreStore
    let tools: RestoreTools
    let clock: any Clock<Duration>
    let limits: RestoreLimits

    /// `clock` measures deliveries and is what readings back wait with; `hooks` are for tests.
    public init(
        store: any RestoreStore, writer: any DirectoryWriter, reader: any ObjectReader,
        catalogue: Catalogue = .current, clock: any Clock<Duration> = ContinuousClock(),
        limits: RestoreLimits = RestoreLimits(), hooks: StageHooks = .none
    ) {
        self.store = store
        self.clock = clock
        self.limits = limits
        tools = RestoreTools(
            store: store, writer: writer, reader: reader, catalogue: catalogue, limits: limits, hooks: hooks,
            clock: clock, sleep: { try? await clock.sleep(for: $0) })
    }

    /// Handles a `restoreReady` message.
    public func handle(_ message: Message, _ drain: DrainSignal) async throws(StageFailure) -> [Message] {
        guard message.kind == .restoreReady else {
            throw StageFailure(.stageDefect, "The restorer was given a message of kind \(message.kind.rawValue).")
        }
        let stopwatch = Stopwatch(clock)
        while true {
            let chunk: RestoreChunk?
            do throws(StageFailure) {
                chunk = try await store.chunk(message, limit: limits.steps)
            } catch  where [.writeAccessMissing, .credentialsInvalid].contains(error.code) {
                return try await store.failJob(message, error)
            }
            guard let chunk else { return [] }
            try await store.begin(message, chunk)
            var run = ChunkRun(message, chunk, tools)
            let end = await run.execute()
            tools.hooks.reach(.beforeRecord)
            switch end {
            case .done(let results):
                let passesBaton = stopwatch.elapsed > limits.time || drain.isDraining
                switch try await store.finish(message, chunk, results, passesBaton: passesBaton) {
                case .goesOn: continue
                case .ends(let messages): return messages
                }
            case .stopped(let failure, let results):
                return try await stop(message, chunk, results, failure)
            }
        }
    }

    /// What a failure in the middle of a chunk means for the job. What was done is recorded in any case.
    private func stop(_ message: Message, _ chunk: RestoreChunk, _ results: [RestoreResult], _ failure: StageFailure)
        async throws(StageFailure) -> [Message]
    {
        // Others have the steps, and what there is to record.
        guard failure.code != .unitFenced else { throw failure }
        let isThrottled = failure.code == .graphThrottled
        guard isThrottled || chunk.isLast || failure.disposition == .park || !results.isEmpty else { throw failure }
        let pause = max(failure.retryAfter ?? .seconds(10), .seconds(1))
        let following = try await store.pause(message, chunk, results, after: pause)
        guard failure.disposition == .park,
            let baton = following.first(where: { $0.kind == .restoreReady && $0.job == message.job })
        else { return following }
        return try await store.failJob(baton, failure)
    }
}

/// How much of a restore one delivery does, and how patiently results are read back.
public struct RestoreLimits: Sendable {
    /// Steps of a chunk.
    public var steps: Int
    /// After this long the rest is passed on.
    public var time: Duration
    /// How often an object is read that does not show what was written: Graph's copies lag behind.
    public var reads: Int
    /// Pause before the second reading; it doubles with each.
    public var pause: Duration
    /// How often a write is sent whose answer was lost and which has left no trace.
    public var sendings: Int
    /// An answer to whose the steps are that took longer is asked for again, so many times in all.
    public var confirmation: (time: Duration, times: Int) = (.seconds(1), 5)

    /// The defaults read back for 15 seconds at most, beside the time of the readings.
    public init(
        steps: Int = 200, time: Duration = .seconds(20), reads: Int = 5, pause: Duration = .seconds(1),
        sendings: Int = 6
    ) {
        self.steps = steps
        self.time = time
        self.reads = reads
        self.pause = pause
        self.sendings = sendings
    }
}

/// What a chunk is carried out with.
struct RestoreTools: Sendable {
    let store: any RestoreStore
    let writer: any DirectoryWriter
    let reader: any ObjectReader
    let catalogue: Catalogue
    let limits: RestoreLimits
    let hooks: StageHooks
    let clock: any Clock<Duration>
    let sleep: @Sendable (Duration) async -> Void

    /// Ends a worker whose steps others have begun.
    ///
    /// An answer that was long in coming says what was so: a process that was stopped while it asked finds it waiting
    /// when it wakes.
    func confirm(_ message: Message, _ chunk: RestoreChunk) async throws(StageFailure) {
        for _ in 0..<limits.confirmation.times {
            let stopwatch = Stopwatch(clock)
            try await store.confirm(message, chunk)
            if stopwatch.elapsed <= limits.confirmation.time { return }
        }
        throw StageFailure(.databaseUnreachable, "The database takes too long to say whose the steps are.")
    }
}
