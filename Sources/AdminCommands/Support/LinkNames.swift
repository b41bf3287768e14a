import BackupModel
import PostgresStore

/// What the other sides of links are called.
struct LinkNames {
    private var names: [String: String] = [:]

    /// Above this many, ids have to do: nobody reads that far, and each name is a document to open.
    private static let limit = 5_000

    /// The types that links lead to, those that most lead to first.
    private static let types = [
        "user", "group", "servicePrincipal", "device", "application", "administrativeUnit", "orgContact",
        "directoryRole", "unifiedRoleDefinition", "claimsMappingPolicy", "homeRealmDiscoveryPolicy",
        "tokenIssuancePolicy", "tokenLifetimePolicy",
    ]

    init() {}

    /// Looks the ids up in the first of the snapshots that has them.
    init(_ ids: Set<String>, _ store: PostgresStore, _ tenant: TenantID, snapshots: [SnapshotNumber]) async throws {
        for snapshot in snapshots { try await add(ids, store, tenant, at: snapshot) }
    }

    /// Looks up those of the ids that have no name yet.
    mutating func add(
        _ ids: Set<String>, _ store: PostgresStore, _ tenant: TenantID, at snapshot: SnapshotNumber
    ) async throws {
        var open = Set(ids.prefix(Self.limit).filter { names[$0] == nil }.compactMap { ObjectKey($0) })
        for type in Self.types.compactMap({ Catalogue.current[$0] }) where !open.isEmpty {
            for stored in try await store.documents(tenant, type, Array(open), at: snapshot) {
                open.remove(stored.key)
                names[stored.document.id] = type.displayName(of: stored.document)
            }
        }
    }

    /// `Jo Doe (6f1c…)`, or the id alone.
    subscript(_ id: String) -> String { names[id].map { "\($0) (\(id))" } ?? id }
}

extension [ObjectChange] {
    var linkTargets: Set<String> { Set(flatMap { $0.links.flatMap { $0.added + $0.removed } }) }
}
