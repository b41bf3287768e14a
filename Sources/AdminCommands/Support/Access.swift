import AccountModel

/// Who may run a command.
enum Access: Sendable {
    /// What is about the machine or the fleet, not about a partner.
    case operatorOnly
    /// What touches no account, or only what everybody who is signed in has.
    case anyone
    /// Everybody who has all of these.
    case features(Set<Feature>)

    static func feature(_ feature: Feature) -> Access { .features([feature]) }

    /// Jobs of every kind, and what their states tell.
    static let jobStates: Access = .features([.viewBackupStatus, .viewRestoreStatus, .viewDownloadStatus])

    /// Jobs of every kind, to stop them or to go on with them.
    static let jobChanges: Access = .features([.executeBackup, .executeDownload, .restoreObject])
}
