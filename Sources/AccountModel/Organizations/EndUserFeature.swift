/// What people of an organization may do by themselves with its backups. Partner staff is not bound by it.
public enum EndUserFeature: String, Sendable, CaseIterable {
    /// See objects as they were in each snapshot, search them.
    case viewObjects = "view-objects"
    /// See what changed between two snapshots, and who changed it.
    case compare
    /// Take a snapshot's archive away.
    case download
    /// Write an earlier state back to the tenant.
    case restore
    /// Get a summary of backups by e-mail.
    case reports

    /// Before anybody has switched it. What takes data away or changes the tenant is switched on knowingly.
    public var isOnByDefault: Bool {
        switch self {
        case .viewObjects, .compare, .reports: true
        case .download, .restore: false
        }
    }

    /// One line for people.
    public var summary: String {
        switch self {
        case .viewObjects: "see and search objects as they were"
        case .compare: "see what changed, and who changed it"
        case .download: "download archives of snapshots"
        case .restore: "restore objects"
        case .reports: "get a summary of backups by e-mail"
        }
    }
}
