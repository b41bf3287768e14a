/// Something that a keeper starts, watches and starts again.
protocol KeptProcess: Sendable {
    /// Starts it and returns at once.
    func launch() async throws -> ChildProcess
    /// Returns when it serves; throws a named error when it ended or took too long.
    func awaitReady(_ child: ChildProcess) async throws
    /// Ends it in good order, by force when it does not follow.
    func stop(_ child: ChildProcess) async
    /// False when it still runs but its files were taken away under it: it must be started again.
    func isIntact() async -> Bool
}

extension KeptProcess {
    func isIntact() async -> Bool { true }
}
