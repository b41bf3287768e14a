/// The scheduler's side of the store: the only stage that reads the fleet tables across tenants.
public protocol ScheduleStore: Sendable {
    /// Whether this scheduler is the one that starts due jobs and retention; held until the connection ends.
    func becomeLeader() async throws(StageFailure) -> Bool

    /// Makes jobs for the tenants that are due, at most `limit`, and moves their next due time on.
    func startDueBackups(limit: Int) async throws(StageFailure) -> [Message]

    /// Rows that should have been published: never published for five seconds, or visible again after a pause.
    /// They are marked, so that two schedulers do not take the same.
    func takeUnpublished(limit: Int) async throws(StageFailure) -> [Message]

    /// Rows of a queue that were published but that nobody has begun for `age`: the broker may have lost them.
    func takeUnconsumed(_ queue: Queue, olderThan age: Duration, limit: Int) async throws(StageFailure) -> [Message]

    func backlog() async throws(StageFailure) -> [QueueBacklog]

    func health() async throws(StageFailure) -> FleetHealth

    /// Applies the retention of one tenant that is due for it. Returns whether there was one.
    func applyRetention() async throws(StageFailure) -> Bool

    /// Signs how far the audit's chains are that have grown since their last checkpoint of an earlier day, some at a
    /// time. Without a signing key nothing is signed and nothing else is kept from being done.
    func checkpointAudit() async throws(StageFailure) -> AuditCheckpointReport
    /// Ends the trials whose period is over; how many.
    func endTrials() async throws(StageFailure) -> Int

    /// Hands over what waits of mail, oldest first, and forgets what was taken; how many that were. Two that do this at
    /// once take other messages.
    func handOverMail(to transport: any MailTransport, limit: Int) async throws(StageFailure) -> Int
}

/// What a turn did.
public struct ScheduleReport: Sendable {
    public var isLeader = false
    public var started = 0
    public var swept = 0
    public var republished = 0
    public var retained = false
    public var audit = AuditCheckpointReport()
    public var trialsEnded = 0
    public var mailsHandedOver = 0
    /// Why mail was not handed over. Nothing else waits for that.
    public var mailFailure: StageFailure?
    public var backlog: [QueueBacklog] = []
    public var health = FleetHealth()

    public init() {}
}

/// What making checkpoints of the audit came to.
public struct AuditCheckpointReport: Sendable, Hashable {
    public var made = 0
    /// Chains whose head the program did not write: what was forged is not signed.
    public var broken = 0
    /// Chains that could not be signed, because the key store does not answer.
    public var unsigned = 0

    public init() {}
}

/// What the fleet's tables tell of its health, for alerts.
public struct FleetHealth: Sendable, Hashable {
    public var deadLetters = 0
    /// Active tenants whose backup should have begun more than an hour ago.
    public var tenantsOverdue = 0
    public var jobsFailedLastDay = 0
    /// Erasures of organizations that began more than ten minutes ago and have not ended.
    public var erasuresUnfinished = 0

    public init() {}
}
