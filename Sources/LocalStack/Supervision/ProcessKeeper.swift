import Logging

/// Keeps one process running: starts it, watches it, starts it again, and says so on the board.
actor ProcessKeeper {
    nonisolated let name: String
    nonisolated let index: Int
    private let target: any KeptProcess
    private let board: StateBoard
    private let logger: Logger
    private let wake = Gate()
    private var child: ChildProcess?
    private var starts = 0
    private var failuresInRow = 0

    /// Pauses before a new start, in seconds; a run of 30 seconds begins the row anew.
    private static let pauses: [Double] = [0.25, 0.5, 1, 2, 5, 10]
    private static let healthyRun: Duration = .seconds(30)

    init(_ name: String, _ index: Int, _ target: any KeptProcess, _ board: StateBoard, _ logger: Logger) {
        self.name = name
        self.index = index
        self.target = target
        self.board = board
        self.logger = logger
    }

    /// Starts it and returns when it is ready.
    func start() async throws {
        starts += 1
        let restarts = starts - 1
        board.entry(name, index) {
            $0.status.state = .starting
            $0.status.restarts = restarts
            $0.status.pid = nil
        }
        let child = try await target.launch()
        self.child = child
        board.entry(name, index) {
            $0.status.pid = child.pid
            $0.startTime = child.identity.startTime
        }
        try await target.awaitReady(child)
        board.entry(name, index) {
            $0.status.state = .running
            $0.failure = nil
        }
    }

    /// Watches it until the task is cancelled; starts it first when that was not done.
    func keep() async {
        while !Task.isCancelled {
            let begin = ContinuousClock.now
            do {
                if child == nil { try await start() }
                try await watch()
            } catch is CancellationError {
                return
            } catch {
                await note(error)
            }
            guard !Task.isCancelled else { return }
            if ContinuousClock.now - begin > Self.healthyRun { failuresInRow = 0 }
            let pause = Self.pauses[min(failuresInRow, Self.pauses.count - 1)]
            failuresInRow += 1
            board.entry(name, index) {
                $0.status.state = .restarting
                $0.status.pid = nil
                $0.startTime = nil
            }
            await wake.wait(for: .seconds(pause))
            child = nil
        }
    }

    /// Ends the pause before a new start, and looks at once whether the process is still there.
    func repair() async {
        if let child, child.hasExited || !child.identity.isLasting {
            board.entry(name, index) {
                if $0.status.pid == child.pid { $0.status.state = .restarting }
            }
        }
        if await !target.isIntact() {
            board.entry(name, index) { if $0.status.state == .running { $0.status.state = .restarting } }
        }
        failuresInRow = 0
        wake.pulse()
    }

    /// Ends it. The task that keeps it must have ended before.
    func stop() async {
        if let child { await target.stop(child) }
        child = nil
        board.entry(name, index) {
            $0.status.state = .stopped
            $0.status.pid = nil
            $0.startTime = nil
        }
    }

    /// Returns when the process has ended, or was ended because its files were taken away.
    private func watch() async throws {
        guard let child else { return }
        while await child.exit(within: .milliseconds(500)) == nil {
            try Task.checkCancellation()
            if await !target.isIntact() {
                logger.warning("files removed under a running process", metadata: ["process": "\(name)"])
                child.killGroup()
            }
        }
        logger.warning(
            "process ended",
            metadata: [
                "process": "\(name)", "index": "\(index)", "pid": "\(child.pid)",
                "status": "\(child.exitStatus?.description ?? "unknown")",
            ])
    }

    private func note(_ error: any Error) async {
        let named = error as? LocalStackError
        logger.error("start failed", metadata: ["process": "\(name)", "index": "\(index)", "error": "\(error)"])
        board.entry(name, index) { $0.failure = named }
        if let child, !child.hasExited { await target.stop(child) }
    }
}
