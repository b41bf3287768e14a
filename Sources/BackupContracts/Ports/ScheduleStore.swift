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

    /// What is on its way in each queue; a queue without rows that may be worked on is left out.
    func backlog() async throws(StageFailure) -> [QueueBacklog]

    /// Counts over the whole fleet, for alerts; names no tenant.
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
    /// Whether this scheduler holds the leader's lock; without it all that follows from leading stays 0.
    public var isLeader = false
    /// Backups begun because they were due and whose message the broker has confirmed.
    public var started = 0
    /// Messages published that had been left behind, confirmed ones alone.
    public var swept = 0
    /// Messages published a second time, since the broker may have lost them; confirmed ones alone.
    public var republished = 0
    /// Whether a tenant was due for its retention, with something to remove or not.
    public var retained = false
    /// Checkpoints of the audit in this turn.
    public var audit = AuditCheckpointReport()
    /// Trials of organizations whose period is over and that were ended.
    public var trialsEnded = 0
    /// Messages of mail that the transport took.
    public var mailsHandedOver = 0
    /// Why mail was not handed over. Nothing else waits for that.
    public var mailFailure: StageFailure?
    /// Queues with rows to work on, measured at the end of the turn.
    public var backlog: [QueueBacklog] = []
    /// Measured at the end of the turn.
    public var health = FleetHealth()

    /// Nothing done, not leading.
    public init() {}
}

/// What making checkpoints of the audit came to.
public struct AuditCheckpointReport: Sendable, Hashable {
    /// Chains that got a signed checkpoint.
    public var made = 0
    /// Chains whose head the program did not write: what was forged is not signed.
    public var broken = 0
    /// Chains that could not be signed, because the key store does not answer.
    public var unsigned = 0

    /// No chain was due.
    public init() {}
}

/// What the fleet's tables tell of its health, for alerts.
public struct FleetHealth: Sendable, Hashable {
    /// Messages parked and neither retried nor discarded; each stands for a failed job, or for an undecodable body.
    public var deadLetters = 0
    /// Active tenants that are covered, and whose backup should have begun more than an hour ago, or whose last good one
    /// (without one: their activation) is older than two of their intervals.
    public var tenantsOverdue = 0
    /// Jobs of every kind that were made in the last 24 hours and have failed.
    public var jobsFailedLastDay = 0
    /// Erasures of organizations that began more than ten minutes ago and have not ended.
    public var erasuresUnfinished = 0

    /// Nothing wrong.
    public init() {}
}
