import Glibc
import Synchronization

/// A private RabbitMQ node on loopback ports, with an epmd of its own.
///
/// The Erlang machine is started directly: the packaged scripts and the conversion of `rabbitmq.conf` take more than
/// three of the 4.5 seconds that a start takes with them. Users come from a definitions file that the node reads at
/// each start, so no control command is needed, and a node whose data was wiped comes up with its user.
/// Started without plugins; feature flags and the node's name are as in a fresh installation.
public actor RabbitMQServer: KeptProcess {
    /// The only user; its password is in the layout's `rabbitmqPasswordFile`.
    public static let user = "stack"
    /// The only one, with all rights for ``user``.
    public static let virtualHost = "/"
    static let name = "rabbitmq"
    static let role = "rabbitmq"

    /// Of the stack whose `rabbitmq/` it serves.
    public nonisolated let layout: LocalStackLayout
    private let ports: PortBook
    private let account: StackAccount
    private var child: ChildProcess?
    private var epmd: ChildProcess?
    /// The file whose absence shows that the data directory was wiped, with its inode when the node was started.
    private var mark: UInt64?
    /// Whether the node that runs has finished its start.
    private var isReady = false

    /// - Throws: `accountMissing`.
    public init(_ layout: LocalStackLayout, ports: PortBook = PortBook()) throws {
        self.layout = layout
        self.ports = ports
        self.account = try StackAccount.resolve(for: layout)
    }

    /// The AMQP port on loopback.
    public nonisolated var port: UInt16 { ports.port("rabbitmq") }
    /// The node's process, nil when it does not run.
    public var pid: Int32? { child.flatMap { $0.hasExited ? nil : $0.pid } }

    /// Starts the node and returns when the user can log in.
    public func start() async throws {
        guard pid == nil else { return }
        try await awaitReady(launch())
    }

    /// Ends the node in good order, and its epmd.
    public func stop() async {
        if let child { await stop(child) }
    }

    /// SIGKILL, as a crash would end it.
    public func kill() async {
        child?.signal(SIGKILL)
        await child?.exit()
        await endEpmd()
    }

    /// Removes everything that the node has stored. Must not run.
    public func wipe() throws {
        try Files.removeTree(layout.rabbitmq)
    }

    func launch() async throws -> ChildProcess {
        try await layout.create(for: account)
        await endEpmd()
        let configuration = RabbitMQConfiguration(layout: layout, ports: ports, home: try Installation.rabbitmq())
        let epmdProgram = try Installation.erlang("epmd")
        let erl = try Installation.erlang("erl")
        if try Files.readIfThere(RabbitMQConfiguration.mark(layout))?.trimmed != layout.rabbitmq {
            // No mark: new, or wiped, perhaps in part. Half a data directory is worse than none. The mark of another
            // path: copied or moved, and quorum queues keep absolute paths, so that they would not start, or would
            // write into the directory that was copied.
            try wipe()
        }
        try configuration.write(account)
        mark = markInode
        let log = layout.logFile(Self.name, 1)
        let environment = LaunchCommand.environment(layout, role: Self.role, configuration.environment)
        let epmd = try await ChildProcess.spawn(
            LaunchCommand(
                executable: epmdProgram, arguments: ["-port", "\(configuration.epmdPort)", "-address", "127.0.0.1"],
                environment: environment, log: log, account: account, deathSignal: SIGTERM))
        self.epmd = epmd
        let epmdPort = configuration.epmdPort
        let listens = try await poll(for: .seconds(10), every: .milliseconds(5)) { () -> Bool? in
            if epmd.hasExited { return false }
            return LoopbackSocket(port: epmdPort) == nil ? nil : true
        }
        guard listens == true else { throw failure(nil, what: "epmd") }
        let child = try await ChildProcess.spawn(
            LaunchCommand(
                executable: erl, arguments: configuration.arguments, environment: environment,
                workingDirectory: layout.rabbitmq, log: log, account: account, deathSignal: SIGTERM))
        self.child = child
        isReady = false
        return child
    }

    func awaitReady(_ child: ChildProcess) async throws {
        let password = try Secrets.ensure(layout.rabbitmqPasswordFile, account)
        let port = self.port
        let answer = try await poll(for: .seconds(120)) { () -> Bool? in
            // Files removed during the start: what comes up on the rest of them must not be used.
            if child.hasExited || mark != markInode { return false }
            let outcome = await offload {
                AMQPProbe.login(port: port, user: Self.user, password: password, virtualHost: Self.virtualHost)
            }
            return outcome == .ready ? true : nil
        }
        guard answer == true else {
            let status = child.exitStatus
            await stop(child)
            throw failure(answer == nil ? nil : status, what: "RabbitMQ")
        }
        isReady = true
    }

    func stop(_ child: ChildProcess) async {
        // During its start a node does not follow SIGTERM; it has confirmed nothing yet that a kill could lose.
        await child.stop(with: SIGTERM, grace: isReady ? .seconds(20) : .seconds(1))
        await endEpmd()
    }

    func isIntact() async -> Bool { mark == nil || markInode == mark }

    /// Ends our epmd, and one that the node has started in its place: it would outlive the node.
    private func endEpmd() async {
        await epmd?.stop(with: SIGTERM, grace: .seconds(5))
        epmd = nil
        await Orphans.endMarked(layout, grace: .seconds(5)) { $0 == Self.role }
    }

    private var markInode: UInt64? {
        var status = stat()
        return stat(RabbitMQConfiguration.mark(layout), &status) == 0 ? UInt64(status.st_ino) : nil
    }

    private func failure(_ status: ExitStatus?, what: String) -> LocalStackError {
        let log = layout.logFile(Self.name, 1)
        let end = Files.tail(log, bytes: 3000)
        if end.contains("enospc") { return .diskFull("\(what) did not start") }
        if end.contains("eaddrinuse") || end.contains("Address already in use") {
            return LocalStackError(
                .portTaken, "One of RabbitMQ's ports is in use by another program.",
                hint: "Stop and start the stack: it then takes another port.")
        }
        let how = status.map { "ended with \($0)" } ?? "did not become ready in time"
        return LocalStackError(.rabbitMQDoesNotStart, "\(what) \(how).", hint: "Read \(log).")
    }
}
