/// The states of a job (D10). Raw values are part of the command-line contract.
public enum JobState: String, Sendable, Codable, CaseIterable {
    case queued, running, succeeded, succeededWithWarnings, failed, cancelled

    /// Whether the job has come to its end.
    public var isFinal: Bool { self != .queued && self != .running }
}

/// What kind of work a job is.
public enum JobKind: String, Sendable, Codable, CaseIterable {
    case backup, download, restore
}

/// How the walk of a collection ended, or stands.
public enum CollectionOutcome: String, Sendable, Codable, CaseIterable {
    /// Still being read.
    case pending
    /// A complete listing was read to its end: absence counts.
    case complete
    /// A delta round was read to its end, or all but one of several listings: only what was read changed.
    case delta
    /// The tenant does not have it or the application may not read it; objects stay as they were.
    case refused
    /// Reading it failed or was given up; objects stay as they were.
    case failed
    /// Not asked for in this round.
    case notRead

    /// Whether the name is that of an outcome that read the collection to its end.
    public static func isRead(_ name: String) -> Bool {
        [.complete, .delta].contains(CollectionOutcome(rawValue: name))
    }
}
