import BackupContracts
import BackupModel

/// The names of directory extensions that single readings select, kept for a while: finding them costs a walk over all
/// applications, and a restore reads its objects back chunk by chunk.
actor ExtensionNames {
    private struct Key: Hashable {
        var tenant: TenantID
        var type: String
    }

    private static let life = Duration.seconds(300)

    private let elapsed: @Sendable () -> Duration
    private var known: [Key: (names: [String], end: Duration)] = [:]
    /// Grows with each forgetting, so that what was read before one is not kept after it.
    private var generation = 0

    init(elapsed: @escaping @Sendable () -> Duration) {
        self.elapsed = elapsed
    }

    func names(
        for type: ObjectType, _ reader: GraphDirectoryReader, _ connection: DirectoryConnection
    ) async throws(StageFailure) -> [String] {
        let key = Key(tenant: connection.tenant, type: type.name)
        if let held = known[key], elapsed() < held.end { return held.names }
        let began = generation
        let names = try await DirectoryExtensions(reader: reader, connection: connection).names(for: type) ?? []
        if began == generation { known[key] = (names, elapsed() + Self.life) }
        return names
    }

    /// A write may have defined an extension, or brought one back.
    func forget(_ tenant: TenantID) {
        generation += 1
        known = known.filter { $0.key.tenant != tenant }
    }
}
