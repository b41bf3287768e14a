public import BackupContracts
import BackupModel

/// Starts due backups, publishes what was left behind, applies retention, ends trials, hands mail over, and signs how far
/// the audit is.
///
/// Several schedulers may run: an advisory lock chooses the one that does so; but all of them sweep
/// messages, each taking other rows (`SKIP LOCKED`).
public struct ScheduleStage: Sendable {
    let store: any ScheduleStore
    let messages: any MessageStore
    let transport: any MessageTransport
    let mail: any MailTransport
    let limits: ScheduleLimits
    let hooks: StageHooks

    /// `messages` and `store` are two sides of one database; `mail` is used by the leader alone.
    public init(
        store: any ScheduleStore, messages: any MessageStore, transport: any MessageTransport,
        mail: any MailTransport, limits: ScheduleLimits = ScheduleLimits(), hooks: StageHooks = .none
    ) {
        self.store = store
        self.messages = messages
        self.transport = transport
        self.mail = mail
        self.limits = limits
        self.hooks = hooks
    }

    /// One turn: everything that is due now. Call it about once a second.
    public func turn() async throws(StageFailure) -> ScheduleReport {
        var report = ScheduleReport()
        let renewed = try await transport.declareTopology()
        for queue in renewed.sorted(by: { $0.rawValue < $1.rawValue }) {
            // A queue that had to be made anew has lost what it held (D1).
            report.republished += try await republish(queue, olderThan: .zero)
        }
        if try await store.becomeLeader() {
            report.isLeader = true
            report.trialsEnded = try await store.endTrials()
            report.started = try await publish(store.startDueBackups(limit: limits.startsPerTurn))
            report.retained = try await store.applyRetention()
            report.audit = try await store.checkpointAudit()
            do {
                report.mailsHandedOver = try await store.handOverMail(to: mail, limit: limits.mailsPerTurn)
            } catch  where error.code == .mailNotHandedOver {
                report.mailFailure = error
            }
        }
        report.swept = try await publish(store.takeUnpublished(limit: limits.messagesPerTurn))
        for queue in Queue.allCases where !renewed.contains(queue) {
            // While the broker still holds messages of the queue, older rows may just be waiting their turn.
            guard try await transport.readyCount(queue) == 0 else { continue }
            report.republished += try await republish(queue, olderThan: limits.unconsumedAge)
        }
        report.backlog = try await store.backlog()
        report.health = try await store.health()
        return report
    }

    /// Publishes what was never published, and nothing else: cheap enough for several times a second, so that a backup
    /// asked for on the command line begins at once.
    public func sweep() async throws(StageFailure) -> Int {
        // A backlog is not made to wait for the next call; the turn with its other duties is not kept waiting either.
        try await publishAll(atMost: limits.sweepsWithoutPause) { () async throws(StageFailure) in
            try await store.takeUnpublished(limit: limits.messagesPerTurn)
        }
    }

    private func republish(_ queue: Queue, olderThan age: Duration) async throws(StageFailure) -> Int {
        try await publishAll { () async throws(StageFailure) in
            try await store.takeUnconsumed(queue, olderThan: age, limit: limits.messagesPerTurn)
        }
    }

    /// Takes and publishes rows until fewer than `messagesPerTurn` are there.
    private func publishAll(
        atMost times: Int = .max, _ take: () async throws(StageFailure) -> [Message]
    ) async throws(StageFailure) -> Int {
        var total = 0
        for _ in 0..<times {
            let rows = try await take()
            total += try await publish(rows)
            if rows.count < limits.messagesPerTurn { break }
        }
        return total
    }

    private func publish(_ rows: [Message]) async throws(StageFailure) -> Int {
        guard !rows.isEmpty else { return 0 }
        hooks.reach(.beforePublish)
        let confirmed = try await transport.publish(rows)
        hooks.reach(.afterConfirm)
        let ids = zip(rows, confirmed).filter { $0.1 }.map { $0.0.id }
        try await messages.markPublished(ids)
        return ids.count
    }
}

/// How much one turn does, and when a row counts as left behind.
public struct ScheduleLimits: Sendable {
    /// Due backups that begin in one turn; the others stay due for the next.
    public var startsPerTurn: Int
    /// Rows that one statement takes; what is left behind is taken by the next.
    public var messagesPerTurn: Int
    /// Messages of mail handed over in one turn, oldest first.
    public var mailsPerTurn: Int
    /// How often a sweep goes on at once while it finds `messagesPerTurn` rows.
    public var sweepsWithoutPause: Int
    /// Published rows that nobody has begun for this long are published again, when their queue is empty.
    public var unconsumedAge: Duration

    /// `unconsumedAge` counts from the last beginning: a delivery in hand for longer is published a second time.
    public init(
        startsPerTurn: Int = 200, messagesPerTurn: Int = 1_000, sweepsWithoutPause: Int = 10,
        unconsumedAge: Duration = .seconds(60), mailsPerTurn: Int = 50
    ) {
        self.startsPerTurn = startsPerTurn
        self.messagesPerTurn = messagesPerTurn
        self.mailsPerTurn = mailsPerTurn
        self.sweepsWithoutPause = sweepsWithoutPause
        self.unconsumedAge = unconsumedAge
    }
}
