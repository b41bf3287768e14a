/// What kept the stack from doing what was asked.
///
/// Every error says what happened, what to do next and which runbook goes further. It never holds a secret.
public struct LocalStackError: Error, Sendable, Codable, Equatable {
    /// The kinds of failure; the raw value is the name that scripts and runbooks use.
    public enum Code: String, Sendable, Codable, CaseIterable {
        /// Another supervisor holds the data directory's lock.
        case alreadyRunning
        /// The data directory was written by a newer version of the program.
        case dataDirectoryNewer
        /// The directory holds files that are not a stack's.
        case notADataDirectory
        /// The directory's path holds a character that one of the servers does not take.
        case pathNotSupported
        /// The account that runs the servers cannot reach or write the data directory.
        case dataDirectoryNotAccessible
        /// Started by root, and no unprivileged account is there to run the servers.
        case accountMissing
        /// The database was created before, and its files are gone.
        case databaseMissing
        /// A password file is gone while the server that it belongs to is still there.
        case secretMissing
        /// A program that the stack needs is not installed or may not be executed.
        case executableMissing
        /// A port that the stack needs is in use by someone else.
        case portTaken
        /// No space is left on the data directory's file system.
        case diskFull
        case postgresDoesNotStart
        case rabbitMQDoesNotStart
        case programDoesNotStart
        /// The hook between the servers' and the programs' start failed.
        case prepareFailed
        /// The supervisor ended without naming a reason.
        case supervisorDied
        /// The supervisor runs, but not everything became ready in time.
        case notReady
        /// Something did not stop in time.
        case notStopped
        /// A system call failed in a way that has no name of its own.
        case system
    }

    /// Decides the exit code and, unless one is named, the runbook.
    public let code: Code
    /// What happened and why.
    public let message: String
    /// What to do next.
    public let hint: String
    /// The runbook's name, without folder and suffix.
    public let runbook: String
    /// The process that holds the lock, for `alreadyRunning`.
    public let pid: Int32?

    /// Without `runbook` the one of the code is taken. No argument may hold a secret: all are shown and stored.
    public init(_ code: Code, _ message: String, hint: String, runbook: String? = nil, pid: Int32? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.runbook = runbook ?? code.runbook
        self.pid = pid
    }
}

extension LocalStackError: CustomStringConvertible {
    public var description: String { "\(code.rawValue): \(message) \(hint)" }
}

extension LocalStackError.Code {
    fileprivate var runbook: String {
        switch self {
        case .dataDirectoryNewer: "data-directory-newer"
        case .diskFull: "disk-full"
        case .databaseMissing, .secretMissing: "database-missing"
        default: "stack-does-not-start"
        }
    }
}

extension LocalStackError {
    static func system(_ what: String, _ number: Int32) -> LocalStackError {
        let reason = SystemCall.text(number)
        if number == SystemCall.noSpace {
            return diskFull(what)
        }
        return LocalStackError(
            .system, "\(what): \(reason).", hint: "Check permissions and the file system, then try again.")
    }

    static func diskFull(_ what: String) -> LocalStackError {
        LocalStackError(
            .diskFull, "\(what): no space is left on the file system.",
            hint: "Free space on the file system of the data directory, then run the command again; nothing is lost.")
    }

    static func alreadyRunning(_ pid: Int32?, _ root: String) -> LocalStackError {
        let holder = pid.map { "process \($0)" } ?? "another process"
        return LocalStackError(
            .alreadyRunning, "A supervisor already runs on \(root): \(holder).",
            hint: "Use the running stack, stop it first, or choose another data directory.", pid: pid)
    }
}
