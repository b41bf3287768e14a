import BackupContracts

/// Tokens of all connections; one request at a time for each, whoever asks.
actor TokenCache {
    private enum Entry {
        case ready(AccessToken)
        case loading(Task<Result<AccessToken, StageFailure>, Never>)
    }

    private let source: TokenSource
    /// By connection, credential included: a new credential must not be judged by the old one's token.
    private var entries: [DirectoryConnection: Entry] = [:]

    init(_ source: TokenSource) {
        self.source = source
    }

    func token(_ connection: DirectoryConnection) async throws(StageFailure) -> AccessToken {
        switch entries[connection] {
        case .ready(let token) where source.time.elapsed() < token.renewAt: return token
        case .loading(let task): return try await task.value.get()
        default: break
        }
        dropStale()
        let task = Task { [source] in await source.fetch(connection) }
        entries[connection] = .loading(task)
        let result = await task.value
        switch result {
        case .success(let token): entries[connection] = .ready(token)
        case .failure: entries[connection] = nil
        }
        return try result.get()
    }

    /// Drops a token that Graph has refused; no effect when another caller has renewed it meanwhile.
    func reject(_ token: AccessToken, _ connection: DirectoryConnection) {
        if case .ready(let held) = entries[connection], held == token { entries[connection] = nil }
    }

    /// Has the next caller ask for a new token: what is granted or withdrawn shows in new tokens only.
    func forget(_ connection: DirectoryConnection) {
        if case .ready = entries[connection] { entries[connection] = nil }
    }

    /// Secrets of tenants that are not read any more do not stay in memory.
    private func dropStale() {
        let now = source.time.elapsed()
        entries = entries.filter { _, entry in
            if case .ready(let token) = entry { return now < token.renewAt }
            return true
        }
    }
}
