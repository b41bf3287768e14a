import FoundationEssentials
import Glibc

/// Starts, stops and looks at a stack from another process.
public struct LocalStackClient: Sendable {
    /// The stack that it starts, stops and looks at; need not exist yet.
    public let layout: LocalStackLayout
    /// The supervisor's program and its arguments; it must end up in `LocalStackSupervisor.run()` on the same layout.
    private let supervisorCommand: [String]
    private let progress: @Sendable (String) -> Void

    /// - Parameter progress: told each step, in words for a terminal.
    public init(
        layout: LocalStackLayout, supervisorCommand: [String] = [],
        progress: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.layout = layout
        self.supervisorCommand = supervisorCommand
        self.progress = progress
    }

    /// Whether a supervisor runs on the data directory.
    public func isSupervised() throws -> Bool {
        try layout.checkVersion()
        guard Files.exists(layout.lockFile) else { return false }
        return try StackLock.take(layout) == nil
    }

    /// Returns when everything is ready.
    ///
    /// Where a supervisor runs, it is asked to start at once what is missing; otherwise one is started that outlives
    /// this process, its output in `logs/supervisor.log`.
    /// - Throws: the supervisor's own reason when it did not start; `notReady`, naming the processes, when the time is
    ///   over or one of them ends again and again. What runs is left running then.
    public func up(timeout: Duration = .seconds(180)) async throws {
        let end = ContinuousClock.now + timeout
        try layout.checkVersion()
        let account = try StackAccount.resolve(for: layout)
        try await layout.create(for: account)
        var child: ChildProcess?
        if try isSupervised() { try await requestRepair(until: end) }
        var step = ""
        let ready = try await poll(for: end - .now, every: .milliseconds(25)) { () -> Bool? in
            let state = current()
            if let state, state.step != step {
                step = state.step
                progress(step)
            }
            if let state, state.ready, live(state).allSatisfy({ $0.state == .running }) { return true }
            if let state { try checkEndlessRestarts(state) }
            // One that was ending is followed by ours. Ours may lose against another client's: that one is waited for.
            if child == nil, try !isSupervised() { child = try await startSupervisor() }
            if let child, child.hasExited, try !isSupervised() { return false }
            return nil
        }
        switch ready {
        case true: return
        case false:
            throw FailureFile.read(layout)
                ?? LocalStackError(
                    .supervisorDied, "The supervisor ended before the stack was ready.",
                    hint: "Read \(layout.supervisorLog).")
        default: throw notReady("in time")
        }
    }

    /// Ends the supervisor and everything that it runs, and what an earlier one has left; does nothing when there is
    /// nothing.
    /// - Throws: `notStopped` when it takes longer than the time given.
    public func down(timeout: Duration = .seconds(120)) async throws {
        try layout.checkVersion()
        guard Files.exists(layout.run) else { return }
        var asked: ProcessIdentity?
        let lock = try await poll(for: timeout, every: .milliseconds(25)) { () -> StackLock? in
            if let lock = try StackLock.take(layout) { return lock }
            if let supervisor = supervisor(), supervisor != asked {
                progress("Stopping the stack")
                kill(supervisor.pid, SIGTERM)
                asked = supervisor
            }
            return nil
        }
        guard let lock else {
            throw LocalStackError(
                .notStopped, "The stack did not stop in time.",
                hint: "Look which process is left (stack status), end it, then run the command again.")
        }
        await Orphans.end(layout)
        withExtendedLifetime(lock) {}
    }

    /// The stack's state now; what the state file says is checked against the processes.
    public func status() throws -> LocalStackStatus {
        try layout.checkVersion()
        guard let state = StackState.read(layout) else {
            return LocalStackStatus(ready: false, dataDir: layout.root, processes: [])
        }
        let supervised = try isSupervised() && supervisor() != nil
        var processes = live(state)
        if !supervised {
            for at in processes.indices {
                processes[at].state = .stopped
                processes[at].pid = nil
            }
        }
        let ready = supervised && state.complete && processes.allSatisfy { $0.state == .running }
        return LocalStackStatus(ready: ready, dataDir: layout.root, processes: processes)
    }

    /// How the servers are reached, with the ports of the last start; nil before the first.
    public func endpoints() -> LocalStackEndpoints? {
        StackState.read(layout).map { LocalStackEndpoints(layout: layout, ports: PortBook(inUse: $0.ports)) }
    }

    // MARK: - Parts

    /// The state of the supervisor that lives; nil for what a dead one wrote.
    private func current() -> StackState? {
        guard let state = StackState.read(layout), state.supervisor.isAlive, state.bootID == ProcessTable.bootID else {
            return nil
        }
        return state
    }

    private func supervisor() -> ProcessIdentity? { current()?.supervisor }

    private func live(_ state: StackState) -> [LocalStackStatus.Process] {
        state.processes.map { entry in
            var process = entry.status
            if process.state == .running || process.state == .starting, let pid = process.pid,
                !ProcessIdentity(pid: pid, startTime: entry.startTime ?? 0).isLasting
            {
                process.state = .restarting
                process.pid = nil
            }
            return process
        }
    }

    /// The supervisor counts a repair when it has looked at everything, so what it says afterwards is no old news.
    private func requestRepair(until end: ContinuousClock.Instant) async throws {
        progress("Looking after the running stack")
        var before: (supervisor: ProcessIdentity, repairs: Int)?
        let done = try await poll(for: end - .now, every: .milliseconds(25)) { () -> Bool? in
            guard let state = current() else { return try isSupervised() ? nil : true }
            guard let asked = before, asked.supervisor == state.supervisor else {
                before = (state.supervisor, state.repairs)
                kill(state.supervisor.pid, SignalWatch.repairSignal)
                return nil
            }
            return state.repairs > asked.repairs ? true : nil
        }
        guard done == true else { throw notReady("in time") }
    }

    private func startSupervisor() async throws -> ChildProcess {
        guard let executable = supervisorCommand.first else {
            throw LocalStackError(
                .executableMissing, "No supervisor program was named.", hint: "Start the supervisor in front instead.")
        }
        FailureFile.remove(layout)
        progress("Starting the supervisor")
        return try await ChildProcess.spawn(
            LaunchCommand(
                executable: executable, arguments: Array(supervisorCommand.dropFirst()),
                environment: ownEnvironment(), workingDirectory: FileManager.default.currentDirectoryPath,
                log: layout.supervisorLog))
    }

    /// The supervisor's configuration may be in the environment. It must not carry the mark of a stack's process,
    /// else it would be taken for one.
    private func ownEnvironment() -> [String: String] {
        var all = ProcessInfo.processInfo.environment
        all[LaunchCommand.marker] = nil
        all[LaunchCommand.role] = nil
        return all
    }

    private func checkEndlessRestarts(_ state: StackState) throws {
        let hopeless = state.processes.filter { $0.status.state != .running && $0.status.restarts >= 4 }
        guard let first = hopeless.first else { return }
        throw first.failure
            ?? notReady("because \(first.status.name) ends again and again")
    }

    private func notReady(_ why: String) -> LocalStackError {
        let missing = current()?.processes.filter { $0.status.state != .running }.map(\.status) ?? []
        let logs = missing.map { layout.logFile($0.name, $0.index) }
        return LocalStackError(
            .notReady,
            "The stack did not become ready \(why). Not running: "
                + (missing.isEmpty
                    ? "the supervisor" : missing.map { "\($0.name) \($0.index)" }.joined(separator: ", "))
                + ".",
            hint: "Read \(logs.first ?? layout.supervisorLog).")
    }
}
