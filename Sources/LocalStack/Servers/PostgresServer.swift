import Glibc

/// A private PostgreSQL cluster on a loopback port.
///
/// `start` makes the cluster when it is not there (checksums, UTF-8, C locale, SCRAM), which takes about two seconds;
/// an existing one starts in a fraction of one and recovers by itself after a kill.
public actor PostgresServer: KeptProcess {
    /// The superuser that `initdb` makes. Its password is in the layout's `postgresPasswordFile`.
    public static let superuser = "postgres"
    static let name = "postgres"

    /// Of the stack whose `postgres/` it serves.
    public nonisolated let layout: LocalStackLayout
    private let ports: PortBook
    private let account: StackAccount
    private var child: ChildProcess?

    /// - Throws: `accountMissing`.
    public init(_ layout: LocalStackLayout, ports: PortBook = PortBook()) throws {
        self.layout = layout
        self.ports = ports
        self.account = try StackAccount.resolve(for: layout)
    }

    /// The loopback port.
    public nonisolated var port: UInt16 { ports.port("postgres") }
    /// The postmaster, nil when it does not run.
    public var pid: Int32? { child.flatMap { $0.hasExited ? nil : $0.pid } }

    /// Starts the server and returns when it accepts connections.
    public func start() async throws {
        guard pid == nil else { return }
        try await awaitReady(launch())
    }

    /// A fast shutdown: transactions are rolled back, a checkpoint is written.
    public func stop() async {
        if let child { await stop(child) }
    }

    /// SIGKILL for the postmaster, as a crash would end it; returns when its backends are gone too.
    public func kill() async {
        child?.signal(SIGKILL)
        await child?.exit()
        await Orphans.endPostgres(layout)
    }

    func launch() async throws -> ChildProcess {
        try await layout.create(for: account)
        let programs = try Installation.postgres()
        // Backends of a postmaster that was killed hold the shared memory for a moment; a new one would refuse.
        await Orphans.endPostgres(layout)
        try await initialise(programs)
        try writeConfiguration()
        // The pid in it may be another process's by now, which PostgreSQL would take for a running server.
        unlink(layout.postgres + "/postmaster.pid")
        let child = try await ChildProcess.spawn(
            LaunchCommand(
                executable: programs + "/postgres",
                arguments: ["-D", layout.postgres, "-c", "config_file=\(layout.config)/postgresql.conf"],
                environment: LaunchCommand.environment(layout, role: Self.name),
                log: layout.logFile(Self.name, 1), account: account, deathSignal: SIGINT))
        self.child = child
        return child
    }

    func awaitReady(_ child: ChildProcess) async throws {
        let answer = try await poll(for: .seconds(120)) { () -> Bool? in
            if child.hasExited { return false }
            // Line 8 is the state (src/include/utils/pidfile.h); recovery can take long after a kill.
            let lines = (try? Files.readIfThere(layout.postgres + "/postmaster.pid"))??
                .split(separator: "\n", omittingEmptySubsequences: false)
            guard let lines, lines.count >= 8, lines[0] == String(child.pid), lines[7].hasPrefix("ready") else {
                return nil
            }
            return true
        }
        guard answer == true else {
            if answer == nil { await stop(child) }
            throw Self.failure(
                answer == nil ? nil : child.exitStatus, log: layout.logFile(Self.name, 1), what: "PostgreSQL")
        }
    }

    func stop(_ child: ChildProcess) async {
        child.signal(SIGINT)
        if await child.exit(within: .seconds(30)) == nil { await child.stop(with: SIGQUIT, grace: .seconds(5)) }
        await Orphans.endPostgres(layout)
    }

    private func initialise(_ programs: String) async throws {
        let fresh = layout.root + "/postgres.new"
        try Files.removeTree(fresh)
        guard !Files.exists(layout.postgres + "/PG_VERSION") else {
            guard Files.exists(layout.postgresPasswordFile) else {
                throw LocalStackError(
                    .secretMissing, "\(layout.postgresPasswordFile) is gone; the database is there.",
                    hint: "Put the file back, or set a new password in PostgreSQL's single-user mode.")
            }
            return
        }
        guard !Files.exists(layout.databaseMark) else {
            throw LocalStackError(
                .databaseMissing, "\(layout.postgres) holds no database, but one was created there before.",
                hint:
                    "Put the directory back from a copy. To begin with an empty one, remove \(layout.databaseMark)."
            )
        }
        _ = try Secrets.ensure(layout.postgresPasswordFile, account)
        let log = layout.logFile("initdb", 1)
        let initdb = try await ChildProcess.spawn(
            LaunchCommand(
                executable: programs + "/initdb",
                arguments: [
                    "-D", fresh, "--data-checksums", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256",
                    "--username=\(Self.superuser)", "--pwfile=\(layout.postgresPasswordFile)", "--no-instructions",
                ],
                environment: LaunchCommand.environment(layout, role: "initdb"),
                log: log, account: account, deathSignal: SIGKILL))
        guard let status = await initdb.exit() else {
            await initdb.stop(with: SIGKILL, grace: .seconds(5))
            throw CancellationError()
        }
        guard status.code == 0 else { throw Self.failure(status, log: log, what: "initdb") }
        // An empty directory may stand there; a cluster appears whole or not at all.
        rmdir(layout.postgres)
        guard rename(fresh, layout.postgres) == 0 else { throw Files.failure("Cannot make \(layout.postgres)") }
        try Files.write("1\n", to: layout.databaseMark, mode: 0o644, account)
    }

    private func writeConfiguration() throws {
        let configuration = PostgresConfiguration(layout: layout, port: port)
        try Files.write(configuration.main, to: layout.config + "/postgresql.conf", mode: 0o600, account)
        try Files.write(PostgresConfiguration.access, to: layout.config + "/pg_hba.conf", mode: 0o600, account)
    }

    private static func failure(_ status: ExitStatus?, log: String, what: String) -> LocalStackError {
        let end = Files.tail(log, bytes: 3000)
        if end.contains("No space left on device") { return .diskFull("\(what) did not start") }
        if end.contains("Address already in use") {
            return LocalStackError(
                .portTaken, "PostgreSQL's port is in use by another program.",
                hint: "Stop and start the stack: it then takes another port.")
        }
        let how = status.map { "ended with \($0)" } ?? "did not become ready in time"
        return LocalStackError(.postgresDoesNotStart, "\(what) \(how).", hint: "Read \(log).")
    }
}
