import FoundationEssentials
import Glibc

/// Where everything of one stack lies. All of it is under one directory.
///
/// | path | holds | lost when removed |
/// |---|---|---|
/// | `postgres/` | the database cluster | everything |
/// | `rabbitmq/` | the broker's data and its home | nothing that the database does not know |
/// | `secrets/` | passwords and the Erlang cookie, mode 0600 | access to the database |
/// | `keys/` | the caller's keys | the caller's business |
/// | `mail/` | messages that wait to be sent | what was not sent yet |
/// | `config/` | written at each start, but for `postgresql.local.conf` | local settings |
/// | `run/` | lock, state, sockets | remembered ports |
/// | `logs/` | one file a process and one before it | logs |
public struct LocalStackLayout: Sendable, Hashable {
    /// The layout version that this code writes. Directories with a greater one are refused.
    public static let currentVersion = 1

    /// The data directory: absolute, symbolic links resolved as far as it exists.
    public let root: String
    /// The accounts that run the servers when root starts the stack in a directory that root owns or that is new:
    /// the first one that exists is taken.
    public let preferredAccounts: [String]

    /// Makes nothing and looks at no content; a relative path is taken from the current directory.
    public init(_ dataDirectory: String, preferredAccounts: [String] = ["postgres"]) {
        self.root = Self.resolved(dataDirectory)
        self.preferredAccounts = preferredAccounts
    }

    /// The database cluster, with everything that counts.
    public var postgres: String { root + "/postgres" }
    /// The broker's data and home; may be removed while the node does not run (D1).
    public var rabbitmq: String { root + "/rabbitmq" }
    /// Belongs to the supervisor that runs; only the remembered ports outlive it.
    public var run: String { root + "/run" }
    /// Output of each process; no secret and no directory content.
    public var logs: String { root + "/logs" }
    /// Mode 0700, each file 0600.
    public var secrets: String { root + "/secrets" }
    /// The caller's; made empty and given to the stack's account.
    public var keys: String { root + "/keys" }
    /// Made anew at each start, but for `postgresql.local.conf` and the mark of a created database.
    public var config: String { root + "/config" }
    /// Where mail leaves the system; whatever sends it takes the files away.
    public var mail: String { root + "/mail" }
    /// One line: the layout version that wrote the directory.
    public var versionFile: String { root + "/version" }
    /// Locked while a supervisor runs; its content, the holder's pid, is only to be shown.
    public var lockFile: String { run + "/lock" }
    /// What the supervisor says of its processes and ports; true only while that supervisor lives.
    public var stateFile: String { run + "/state.json" }
    /// Why the last supervisor ended, when it did not start; a new start removes it.
    public var failureFile: String { run + "/failure.json" }
    /// Of PostgreSQL's Unix socket; unused when its path is longer than the system allows.
    public var socketDirectory: String { run + "/sockets" }
    /// Output of a supervisor that a client has started; one in front writes to its terminal.
    public var supervisorLog: String { logs + "/supervisor.log" }
    /// One line, the superuser's password; made with the cluster. When it is gone the start ends with `secretMissing`.
    public var postgresPasswordFile: String { secrets + "/postgres-superuser" }
    /// One line, the password of ``RabbitMQServer/user``; made anew when it is missing.
    public var rabbitmqPasswordFile: String { secrets + "/rabbitmq-user" }
    var cookieFile: String { secrets + "/erlang-cookie" }
    /// Says that the database was created once, so that an empty `postgres/` is noticed instead of filled anew.
    var databaseMark: String { config + "/database-created" }

    /// The log of one process; copies count from 1.
    public func logFile(_ name: String, _ index: Int) -> String { logs + "/\(name)-\(index).log" }

    var directories: [String] { [root, rabbitmq, run, socketDirectory, logs, secrets, keys, config, mail] }

    /// Makes the directories that are missing and hands them to the account.
    ///
    /// Refuses a directory of a newer version (`dataDirectoryNewer`), one that holds foreign files
    /// (`notADataDirectory`) and one that the account cannot reach (`dataDirectoryNotAccessible`).
    func create(for account: StackAccount) async throws {
        try checkVersion()
        for directory in directories {
            try Files.makeDirectory(directory, account)
        }
        if !Files.exists(versionFile) {
            try Files.write("\(Self.currentVersion)\n", to: versionFile, mode: 0o644, account)
        }
        try await account.checkAccess(to: root)
    }

    /// Throws `dataDirectoryNewer`, `notADataDirectory` or `pathNotSupported`; an absent or empty directory is fine.
    public func checkVersion() throws {
        // RabbitMQ 3.10 hands the path to a shell between single quotes and to Erlang's file names as Latin-1.
        let refused: Set<Unicode.Scalar> = ["'", "\"", "\\"]
        guard root.unicodeScalars.allSatisfy({ (" "..."~").contains($0) && !refused.contains($0) }) else {
            throw LocalStackError(
                .pathNotSupported,
                "The path of the data directory holds a quote, a backslash or a character outside ASCII.",
                hint: "Name another directory: RabbitMQ does not start there.")
        }
        if let text = try Files.readIfThere(versionFile) {
            let version = Int(text.trimmed)
            guard let version, version >= 1 else {
                throw LocalStackError(
                    .notADataDirectory, "\(versionFile) does not hold a layout version.",
                    hint: "Name the right directory, or write 1 into that file if it was damaged.")
            }
            guard version <= Self.currentVersion else {
                throw LocalStackError(
                    .dataDirectoryNewer,
                    "\(root) has layout version \(version); this program knows up to \(Self.currentVersion).",
                    hint: "Use the program version that wrote it, or a newer one. Nothing was changed.")
            }
            return
        }
        // "version" too: another process may have made the directory since it was looked for above.
        let known = Set(directories.map { $0.lastComponent }).union(["postgres", "postgres.new", "version"])
        let foreign = Files.names(in: root).filter {
            !known.contains($0) && !$0.hasPrefix("version" + Files.unfinished)
        }.sorted()
        guard foreign.isEmpty else {
            throw LocalStackError(
                .notADataDirectory,
                "\(root) is not a data directory: it holds \(foreign.prefix(3).joined(separator: ", ")).",
                hint: "Name an empty or a new directory.")
        }
    }

    private static func resolved(_ path: String) -> String {
        let absolute = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        var missing: [Substring] = []
        var parts = absolute.split(separator: "/").filter { $0 != "." }
        while true {
            let prefix = "/" + parts.joined(separator: "/")
            if let real = realpath(prefix, nil) {
                defer { free(real) }
                let base = String(cString: real)
                return ([base == "/" ? "" : base] + missing.reversed().map(String.init)).joined(separator: "/")
            }
            guard let last = parts.popLast() else { return absolute }
            missing.append(last)
        }
    }
}

extension String {
    /// What follows the last slash.
    var lastComponent: String { split(separator: "/").last.map(String.init) ?? self }

    /// Without white space at both ends.
    var trimmed: String {
        let start = drop(while: \.isWhitespace)
        return String(start.reversed().drop(while: \.isWhitespace).reversed())
    }
}
