/// A queue of the pipeline. Queues are quorum queues; what is in them can be made again from PostgreSQL (D1).
public enum Queue: String, Sendable, Codable, CaseIterable {
    /// Backups to open, one message a job.
    case backupJobs = "jobs.backup"
    /// Walks to go on with (batons).
    case fetch = "stage.fetch"
    /// Pages to turn into sightings.
    case diff = "stage.diff"
    /// Collections to settle, rounds to seal.
    case persist = "stage.persist"
    /// Downloads to write, one message a job.
    case downloadJobs = "jobs.download"
    /// Restores to begin or to go on with.
    case restoreJobs = "jobs.restore"

    /// The broker's own limit of deliveries: only a net above the ten attempts counted in the message's row.
    public static let deliveryLimit = 30
    /// The queue to which the broker moves what went over its limit.
    public static let deadLetters = "dead-letters"
    /// The exchange through which the broker moves it.
    public static let deadLetterExchange = "dead-letters"
}

/// Attempts after which a message is parked: its job fails and waits for a person.
public let attemptsBeforeParking = 10
