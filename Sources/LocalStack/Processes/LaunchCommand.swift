import Glibc

/// A program and how it is started.
struct LaunchCommand: Sendable {
    var executable: String
    var arguments: [String] = []
    /// The whole environment: nothing is inherited.
    var environment: [String: String] = ["PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"]
    var workingDirectory = "/"
    /// Where standard output and error go; nil is /dev/null.
    var log: String?
    /// The account to become; nil leaves the user as it is.
    var account: StackAccount?
    /// The signal that the kernel sends to the program when the thread that started it ends; nil for none.
    var deathSignal: Int32?

    /// The name of the environment variable that marks every process of a stack with its data directory.
    static let marker = "LOCAL_STACK_DIRECTORY"
    /// The name of the environment variable that says which server a process belongs to.
    static let role = "LOCAL_STACK_ROLE"

    /// `setpriv` changes user and sets the death signal, then becomes the program: the pid stays.
    var argumentVector: [String] {
        var words: [String] = []
        if let account, account.switches {
            words += ["--reuid", String(account.uid), "--regid", String(account.gid), "--clear-groups"]
        }
        if let deathSignal { words += ["--pdeathsig", Self.name(of: deathSignal)] }
        guard !words.isEmpty else { return [executable] + arguments }
        return ["/usr/bin/setpriv"] + words + ["--", executable] + arguments
    }

    private static func name(of signal: Int32) -> String {
        switch signal {
        case SIGINT: "INT"
        case SIGTERM: "TERM"
        default: "KILL"
        }
    }

    /// The environment that marks a process as one of the stack's.
    static func environment(_ layout: LocalStackLayout, role: String, _ more: [String: String] = [:]) -> [String:
        String]
    {
        var all = ["PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": layout.run]
        all.merge(more) { $1 }
        all[marker] = layout.root
        all[Self.role] = role
        return all
    }
}
