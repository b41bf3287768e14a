public import Logging

/// Runs one stack in front: starts what is missing, keeps it running, and ends it in order.
///
/// One supervisor holds a data directory. When it is killed, the kernel ends what it has started (each child asked for
/// that), and the next supervisor ends what is left all the same before it starts anew.
public actor LocalStackSupervisor {
    /// The stack that it runs; one supervisor at a time.
    public nonisolated let layout: LocalStackLayout
    private let plan: LocalStackPlan
    private let logger: Logger
    private let progress: @Sendable (String) -> Void
    private let handlesSignals: Bool
    private let stopping = Gate()
    private var keepers: [ProcessKeeper] = []
    private var board: StateBoard?

    /// - Parameters:
    ///   - handlesSignals: SIGTERM, SIGINT and SIGHUP end the stack, SIGUSR1 repairs it. Without, a client cannot ask
    ///     for either; for tests within one process.
    ///   - progress: told what is done now, in words for a terminal.
    public init(
        layout: LocalStackLayout, plan: LocalStackPlan, logger: Logger, handlesSignals: Bool = true,
        progress: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.layout = layout
        self.plan = plan
        self.logger = logger
        self.handlesSignals = handlesSignals
        self.progress = progress
    }

    /// Ends the stack as SIGTERM does: `run` returns when everything has ended.
    public nonisolated func requestStop() { stopping.open() }

    /// Runs until it is told to stop (a signal, `requestStop`, or the task's cancellation) and everything has ended.
    ///
    /// - Throws: `alreadyRunning`, `dataDirectoryNewer` and the other reasons why a stack does not start; everything
    ///   that was started is ended before. What fails later is started again and shown in the status.
    public func run() async throws {
        let signals = handlesSignals ? SignalWatch(stop: { self.stopping.open() }, repair: { self.repairSoon() }) : nil
        defer { withExtendedLifetime(signals) {} }
        let account = try StackAccount.resolve(for: layout)
        try await layout.create(for: account)
        let lock = try await StackLock.takeForSupervisor(layout)
        defer { withExtendedLifetime(lock) {} }
        do {
            try await runLocked(account)
        } catch {
            let named = error as? LocalStackError ?? Self.unnamed(error)
            FailureFile.write(named, layout)
            logger.error("stack did not start", metadata: ["error": "\(named)"])
            throw named
        }
    }

    private func runLocked(_ account: StackAccount) async throws {
        FailureFile.remove(layout)
        for directory in [layout.run, layout.config, layout.secrets] {
            Files.removeUnfinished(in: directory)
        }
        let ports = PortBook(remembered: StackState.read(layout)?.ports ?? [:])
        let board = StateBoard(layout, ports: ports, report: progress)
        self.board = board
        board.step("Looking for what an earlier run left")
        let layout = self.layout
        await Orphans.end(layout)
        let work = Task { try await self.work(account, ports, board) }
        let failure: (any Error)? = await withTaskCancellationHandler {
            let watch = Task {
                await stopping.wait()
                work.cancel()
            }
            defer { watch.cancel() }
            do { try await work.value } catch { return error }
            return nil
        } onCancel: {
            work.cancel()
        }
        // Not in this task: it may be cancelled, and the end must be orderly all the same.
        await Task { await self.end(board) }.value
        if let failure, !(failure is CancellationError), !stopping.isOpen { throw failure }
    }

    /// Starts everything, then keeps it running until the task is cancelled.
    private func work(_ account: StackAccount, _ ports: PortBook, _ board: StateBoard) async throws {
        let postgres = try PostgresServer(layout, ports: ports)
        let rabbitmq = try RabbitMQServer(layout, ports: ports)
        let endpoints = LocalStackEndpoints(layout: layout, ports: ports)
        let servers = [
            ProcessKeeper(PostgresServer.name, 1, postgres, board, logger),
            ProcessKeeper(RabbitMQServer.name, 1, rabbitmq, board, logger),
        ]
        keepers = servers
        board.add([
            Self.entry(PostgresServer.name, 1, dataDir: layout.postgres),
            Self.entry(RabbitMQServer.name, 1, dataDir: layout.rabbitmq),
        ])
        board.step("Starting PostgreSQL and RabbitMQ")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for server in servers { group.addTask { try await server.start() } }
            try await group.waitForAll()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for server in servers { group.addTask { await server.keep() } }
            board.step("Preparing")
            try await prepare(endpoints, account)
            board.step("Starting the programs")
            let copies = try await copies(endpoints, account)
            let programs = copies.map { ProcessKeeper($0.program.name, $0.index, $0, board, logger) }
            keepers += programs
            board.add(
                copies.map {
                    Self.entry($0.program.name, $0.index, metricsUrl: $0.metricsURL, dataDir: $0.dataDirectory)
                })
            for program in programs { group.addTask { await program.keep() } }
            board.update { $0.complete = true }
            board.step("Waiting for the programs")
            try await group.waitForAll()
        }
    }

    private func prepare(_ endpoints: LocalStackEndpoints, _ account: StackAccount) async throws {
        do {
            try await plan.prepare(endpoints)
        } catch let error as LocalStackError {
            throw error
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw LocalStackError(
                .prepareFailed, "The preparation before the programs' start failed: \(error)",
                hint: "Correct the cause and start the stack again.")
        }
        for directory in [layout.keys, layout.config, layout.secrets] { try Files.ownAll(under: directory, account) }
    }

    private func copies(_ endpoints: LocalStackEndpoints, _ account: StackAccount) async throws -> [ProgramCopy] {
        let programs = try plan.programs(endpoints)
        for path in Set(programs.map(\.executable)) { try await account.checkExecutable(path) }
        return programs.flatMap { program in
            (0..<max(0, program.copies)).map {
                ProgramCopy(program, index: $0 + 1, endpoints: endpoints, account: account)
            }
        }
    }

    /// Programs, then the broker, then the database; each gets time to finish.
    private func end(_ board: StateBoard) async {
        board.update { $0.complete = false }
        board.step("Stopping the programs")
        let servers = keepers.prefix(2)
        await withTaskGroup(of: Void.self) { group in
            for program in keepers.dropFirst(2) { group.addTask { await program.stop() } }
        }
        board.step("Stopping RabbitMQ and PostgreSQL")
        for server in servers.reversed() { await server.stop() }
        // What was caught between its start and its entry on the board.
        await Orphans.end(layout)
        board.step("Stopped")
    }

    private nonisolated func repairSoon() { Task { await self.repair() } }

    /// Starts at once what waits for its restart.
    public func repair() async {
        for keeper in keepers { await keeper.repair() }
        board?.update { $0.repairs += 1 }
    }

    private static func entry(
        _ name: String, _ index: Int, metricsUrl: String? = nil, dataDir: String? = nil
    ) -> StackState.Entry {
        StackState.Entry(
            status: .init(
                name: name, index: index, pid: nil, state: .starting, restarts: 0, metricsUrl: metricsUrl,
                dataDir: dataDir))
    }

    private static func unnamed(_ error: any Error) -> LocalStackError {
        LocalStackError(.system, "The stack failed: \(error).", hint: "Read the supervisor's log.")
    }
}
