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

    public init(_ dataDirectory: String, preferredAccounts: [String] = ["postgres"]) {
        self.root = Self.resolved(dataDirectory)
        self.preferredAccounts = preferredAccounts
    }

    public var postgres: String { root + "/postgres" }
    public var rabbitmq: String { root + "/rabbitmq" }
    public var run: String { root + "/run" }
    public var logs: String { root + "/logs" }
    public var secrets: String { root + "/secrets" }
    public var keys: String { root + "/keys" }
    public var config: String { root + "/config" }
    public var mail: String { root + "/mail" }
    public var versionFile: String { root + "/version" }
    public var lockFile: String { run + "/lock" }
    public var stateFile: String { run + "/state.json" }
    public var failureFile: String { run + "/failure.json" }
    public var socketDirectory: String { run + "/sockets" }
    public var supervisorLog: String { logs + "/supervisor.log" }
    public var postgresPasswordFile: String { secrets + "/postgres-superuser" }
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
