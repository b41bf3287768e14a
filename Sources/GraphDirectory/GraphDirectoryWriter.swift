public import BackupContracts
import BackupModel

/// Writes to tenants through Microsoft Graph, with the connections, tokens, budgets and retry rules of a reader.
///
/// Writes go twenty to a `$batch`, several batches at a time; those of conditional access, whose limit is a request a
/// second, go one by one, those of Intune five by five. What Graph refused for the moment is sent again; a write whose
/// answer was lost never is.
public struct GraphDirectoryWriter: DirectoryWriter {
    private let reader: GraphDirectoryReader

    /// - Parameter reader: its ``GraphDirectoryReader/shutdown()`` ends this writer too.
    public init(_ reader: GraphDirectoryReader) {
        self.reader = reader
    }

    /// See ``DirectoryWriter``. Asks for a new token each time: what was granted or withdrawn shows in new ones only.
    public func permissions(_ connection: DirectoryConnection) async throws(StageFailure) -> Set<String> {
        // Asked after a refusal: neither this answer nor what is sent next goes by a token from before.
        await reader.tokens.forget(connection)
        let permissions = try await reader.permissions(connection)
        await reader.tokens.forget(connection)
        return permissions
    }

    /// See ``DirectoryWriter``. Throws only before the first sending, for a connection that is unfit or gets no token.
    public func write(
        _ writes: [DirectoryWrite], _ connection: DirectoryConnection,
        beforeSend: @escaping BeforeSend
    ) async throws(StageFailure) -> [WriteAnswer] {
        guard !writes.isEmpty else { return [] }
        let endpoints = try GraphEndpoints(connection)
        // What is wrong with the credential is said once, before anything is sent.
        _ = try await reader.permissions(connection)
        let lost = WriteAnswer.unknown(how: "the sending ended")
        var answers = writes.map { $0.isOfGraph ? lost : .failure(DirectoryWrite.foreign) }
        let sent = await send(WriteLot.lots(writes), connection, endpoints, beforeSend)
        for (index, answer) in sent { answers[index] = answer }
        if writes.contains(where: \.touchesExtensions) { await reader.extensions.forget(connection.tenant) }
        return answers
    }

    private func send(
        _ lots: [WriteLot], _ connection: DirectoryConnection, _ endpoints: GraphEndpoints,
        _ beforeSend: @escaping BeforeSend
    ) async -> [(Int, WriteAnswer)] {
        await withTaskGroup(of: [(Int, WriteAnswer)].self) { group in
            var waiting = lots.makeIterator()
            for _ in 0..<reader.options.batchesInFlight {
                guard let lot = waiting.next() else { break }
                group.addTask { await send(lot, connection, endpoints, beforeSend) }
            }
            var answers: [(Int, WriteAnswer)] = []
            while let some = await group.next() {
                answers += some
                if let lot = waiting.next() { group.addTask { await send(lot, connection, endpoints, beforeSend) } }
            }
            return answers
        }
    }

    /// Sends a lot until each of its writes has its answer.
    private func send(
        _ lot: WriteLot, _ connection: DirectoryConnection, _ endpoints: GraphEndpoints,
        _ beforeSend: @escaping BeforeSend
    ) async -> [(Int, WriteAnswer)] {
        var run = WriteRun(lot, patience: reader.options.patience)
        do {
            while !run.pending.isEmpty {
                try await draw(&run, connection)
                let token = try await reader.tokens.token(connection)
                let outcome = await reader.sendOnce(lot.call(run.pending, endpoints), token, beforeSend)
                run.take(outcome.result, random: reader.time.random)
                if run.mustRenewToken { await reader.tokens.reject(token, connection) }
                if let pause = run.wish {
                    for scope in run.pausedScopes {
                        try await reader.prepare(pause, scope, connection, outcome.generation)
                    }
                }
                if !run.pending.isEmpty, run.pause > .zero {
                    try await GraphDirectoryReader.sleep(run.pause, reader.time)
                }
            }
        } catch {
            // Only writes that are not under way are pending: none of them was executed.
            run.giveUp(error)
        }
        return run.answers
    }

    /// Waits until the shared budget grants the lot's writes.
    private func draw(_ run: inout WriteRun, _ connection: DirectoryConnection) async throws(StageFailure) {
        for scope in run.lot.budgets {
            while let wait = try await reader.slices.take(run.pending.count, connection.tenant, scope) {
                guard run.spend(wait) else {
                    throw StageFailure(
                        .graphThrottled, "Writes wait for the tenant's share of Microsoft Graph.", retryAfter: wait)
                }
                try await GraphDirectoryReader.sleep(wait, reader.time)
            }
        }
    }
}

extension DirectoryWrite {
    fileprivate static let foreign = StageFailure(
        .stageDefect, "A write must have a path of Microsoft Graph and a version; it was not sent.")

    /// Whether it can be sent at all: a path, no other host's address.
    var isOfGraph: Bool {
        target.hasPrefix("/") && !target.hasPrefix("//") && (version == "v1.0" || version == "beta")
    }

    /// Directory extensions may be others after it.
    fileprivate var touchesExtensions: Bool {
        target.contains("/extensionProperties") || target.hasPrefix("/applications")
            || target.hasPrefix("/directory/deletedItems")
    }
}
