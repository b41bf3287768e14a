/// One stage of the pipeline: a program that consumes its queues and writes its results.
///
/// The raw value is the name in logs, metrics, database roles and `job show`; it never changes.
public enum Stage: String, Sendable, Codable, CaseIterable {
    /// Starts due jobs, publishes messages that were left behind, applies retention.
    case scheduler
    /// Reads the tenant through Microsoft Graph, page by page.
    case fetcher
    /// Turns a page into sightings and new contents.
    case differ
    /// Settles collections into history and seals the snapshot.
    case persister
    /// Writes the archives of downloads.
    case downloader
    /// Carries out restore plans through Microsoft Graph.
    case restorer

    /// The name of the program that runs this stage.
    public var program: String { "entra-backup-\(rawValue)" }

    /// The queues that this stage consumes, in the order in which it prefers them.
    public var queues: [Queue] {
        switch self {
        case .scheduler: []
        case .fetcher: [.backupJobs, .fetch]
        case .differ: [.diff]
        case .persister: [.persist]
        case .downloader: [.downloadJobs]
        case .restorer: [.restoreJobs]
        }
    }
}
