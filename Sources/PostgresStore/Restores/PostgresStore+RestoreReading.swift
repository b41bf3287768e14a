import BackupContracts
public import BackupModel
import LibPQ

/// How a collection was read last.
public struct CollectionReading: Sendable, Hashable {
    /// A ``CollectionOutcome``, by name.
    public var outcome: String
    /// Why it could not be read.
    public var reason: String?
}

extension PostgresStore {
    /// How each collection was read last, up to a snapshot, by type: what a round of some types did not read is in its
    /// snapshot as it was.
    public func readings(_ tenant: TenantID, at snapshot: SnapshotNumber) async throws(AccountError)
        -> [UInt16: CollectionReading]
    {
        try await read(tenant) { (connection) async throws(AccountError) in
            let rows = try all(
                try await connection.checked(
                    """
                    SELECT DISTINCT ON (type) type, outcome, reason FROM backup.snapshot_collections
                    WHERE tenant_id = $1 AND number <= $2 AND outcome <> 'carried' ORDER BY type, number DESC
                    """, [.uuid(tenant.uuid), .int32(snapshot)])
            ) { (row) throws(PostgresError) in
                (
                    UInt16(bitPattern: try row.int16("type")),
                    CollectionReading(outcome: try row.text("outcome"), reason: try row.optionalText("reason"))
                )
            }
            return Dictionary(rows) { first, _ in first }
        }
    }

    /// What the ids of a source's objects have become in the tenant, by all restores so far. Memory by their number.
    public func idMap(_ tenant: TenantID, of source: TenantID) async throws(AccountError) -> IDMap {
        try await read(tenant) { (connection) async throws(AccountError) in
            let pairs = try all(
                try await connection.checked(
                    """
                    SELECT old_id, new_id FROM backup.id_map
                    WHERE tenant_id = $1 AND (source_tenant_id = $2 OR source_tenant_id = $1)
                    """, [.uuid(tenant.uuid), .uuid(source.uuid)])
            ) { (row) throws(PostgresError) in (try row.objectKey("old_id"), try row.objectKey("new_id")) }
            var map = IDMap()
            for (old, new) in pairs { map.add(old.description, new.description) }
            return map
        }
    }

    /// The types of the objects that a snapshot has, by key; logs and the recycle bin are left out.
    ///
    /// - Parameter keys: only these, when given. Without: one pass over the current versions, some 40 bytes an object.
    public func objectTypes(
        _ tenant: TenantID, at snapshot: SnapshotNumber, _ keys: [ObjectKey]? = nil
    ) async throws(AccountError) -> [ObjectKey: UInt16] {
        let passedOver = Catalogue.current.types.filter { $0.shape == .casts || $0.shape == .incremental }
        var wanted = PostgresArray(.uuid, capacity: keys?.count ?? 0, elementSize: 16)
        for key in keys ?? [] { key.withBytes { wanted.append(uuidBytes: $0) } }
        return try await read(tenant) { (connection) async throws(AccountError) in
            let pairs = try all(
                try await connection.checked(
                    """
                    SELECT object_id, type FROM backup.object_versions
                    WHERE tenant_id = $1 AND facet = 0 AND from_snapshot <= $2 AND to_snapshot > $2
                        AND NOT (type = ANY ($3)) AND ($4 OR object_id = ANY ($5))
                    """,
                    [
                        .uuid(tenant.uuid), .int32(snapshot),
                        .int16Array(passedOver.map { Int16(bitPattern: $0.number) }), .bool(keys == nil),
                        .array(wanted),
                    ])
            ) { (row) throws(PostgresError) in
                (try row.objectKey("object_id"), UInt16(bitPattern: try row.int16("type")))
            }
            return Dictionary(pairs) { first, _ in first }
        }
    }
}
