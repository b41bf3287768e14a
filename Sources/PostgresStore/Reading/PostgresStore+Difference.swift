import BackupContracts
public import BackupModel
import LibPQ

extension PostgresStore {
    /// What changed between two snapshots, by type and object. Cost: by the number of changes, since only objects with
    /// a version or link that begins or ends between the two are read.
    ///
    /// - Parameters:
    ///   - types: only these, when given.
    ///   - object: only this one, when given.
    public func changes(
        _ tenant: TenantID, from: SnapshotNumber, to: SnapshotNumber, types: [ObjectType], object: ObjectKey? = nil
    ) async throws(AccountError) -> [ObjectChange] {
        var found: [ObjectChange] = []
        // Most types of most tenants are as they were: one look finds those that are not.
        let changed = try await changedTypes(tenant, min(from, to), max(from, to))
        for type in types where changed.contains(type.number) {
            let keys = try await changedObjects(tenant, type, min(from, to), max(from, to)).filter {
                object == nil || $0 == object
            }
            for start in stride(from: 0, to: keys.count, by: 2_000) {
                let batch = Array(keys[start..<min(start + 2_000, keys.count)])
                found += try await changes(tenant, type, batch, from: from, to: to)
            }
        }
        return found
    }

    /// Objects of a type with a version or link that begins or ends between two snapshots: those that may differ.
    public func changedKeys(
        _ tenant: TenantID, _ type: ObjectType, from: SnapshotNumber, to: SnapshotNumber
    ) async throws(AccountError) -> [ObjectKey] {
        try await changedObjects(tenant, type, min(from, to), max(from, to))
    }

    private func changes(
        _ tenant: TenantID, _ type: ObjectType, _ keys: [ObjectKey], from: SnapshotNumber, to: SnapshotNumber
    ) async throws(AccountError) -> [ObjectChange] {
        let before = try await documents(tenant, type, keys, at: from)
        let after = try await documents(tenant, type, keys, at: to)
        let known = try await presentBefore(tenant, type, keys, from)
        let old = Dictionary(before.map { ($0.key, $0.document) }) { first, _ in first }
        let new = Dictionary(after.map { ($0.key, $0.document) }) { first, _ in first }
        return keys.compactMap { key in
            var change = ObjectDiff.between(old[key], new[key], wasPresentBefore: known.contains(key))
            if let document = new[key] ?? old[key] { change?.displayName = type.displayName(of: document) }
            return change
        }
    }

    /// Types of which a version or link begins or ends within (low, high].
    private func changedTypes(
        _ tenant: TenantID, _ low: SnapshotNumber, _ high: SnapshotNumber
    ) async throws(AccountError) -> Set<UInt16> {
        guard low < high else { return [] }
        return try await read(tenant) { (connection) async throws(AccountError) in
            Set(
                try all(
                    try await connection.checked(
                        """
                        SELECT type FROM backup.object_versions
                            WHERE tenant_id = $1 AND from_snapshot > $2 AND from_snapshot <= $3
                        UNION SELECT type FROM backup.object_versions
                            WHERE tenant_id = $1 AND to_snapshot > $2 AND to_snapshot <= $3 AND to_snapshot < 2147483647
                        UNION SELECT type FROM backup.link_versions
                            WHERE tenant_id = $1 AND from_snapshot > $2 AND from_snapshot <= $3
                        UNION SELECT type FROM backup.link_versions
                            WHERE tenant_id = $1 AND to_snapshot > $2 AND to_snapshot <= $3 AND to_snapshot < 2147483647
                        """, [.uuid(tenant.uuid), .int32(low), .int32(high)])
                ) { (row) throws(PostgresError) in UInt16(bitPattern: try row.int16("type")) })
        }
    }

    /// Objects with a version or link that begins or ends within (low, high].
    private func changedObjects(
        _ tenant: TenantID, _ type: ObjectType, _ low: SnapshotNumber, _ high: SnapshotNumber
    ) async throws(AccountError) -> [ObjectKey] {
        try await read(tenant) { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    """
                    SELECT object_id FROM backup.object_versions
                        WHERE tenant_id = $1 AND from_snapshot > $3 AND from_snapshot <= $4 AND type = $2
                    UNION SELECT object_id FROM backup.object_versions
                        WHERE tenant_id = $1 AND to_snapshot > $3 AND to_snapshot <= $4 AND to_snapshot < 2147483647
                            AND type = $2
                    UNION SELECT object_id FROM backup.link_versions
                        WHERE tenant_id = $1 AND from_snapshot > $3 AND from_snapshot <= $4 AND type = $2
                    UNION SELECT object_id FROM backup.link_versions
                        WHERE tenant_id = $1 AND to_snapshot > $3 AND to_snapshot <= $4 AND to_snapshot < 2147483647
                            AND type = $2
                    ORDER BY object_id
                    """,
                    [
                        .uuid(tenant.uuid), .int16(Int16(bitPattern: type.number)), .int32(low), .int32(high),
                    ])
            ) { (row) throws(PostgresError) in try row.objectKey(0) }
        }
    }

    /// Which of the objects are in some snapshot before `from`.
    private func presentBefore(
        _ tenant: TenantID, _ type: ObjectType, _ keys: [ObjectKey], _ from: SnapshotNumber
    ) async throws(AccountError) -> Set<ObjectKey> {
        var wanted = PostgresArray(.uuid, capacity: keys.count, elementSize: 16)
        for key in keys { key.withBytes { wanted.append(uuidBytes: $0) } }
        return try await read(tenant) { (connection) async throws(AccountError) in
            Set(
                try all(
                    try await connection.checked(
                        """
                        SELECT DISTINCT v.object_id FROM unnest($4::uuid[]) AS w (id)
                        JOIN backup.object_versions v ON v.tenant_id = $1 AND v.type = $2 AND v.object_id = w.id
                            AND v.facet = 0 AND v.from_snapshot < $3
                        """,
                        [
                            .uuid(tenant.uuid), .int16(Int16(bitPattern: type.number)), .int32(from), .array(wanted),
                        ])
                ) { (row) throws(PostgresError) in try row.objectKey(0) })
        }
    }
}

extension ObjectType {
    /// What a person calls the object, by the catalogue's rule.
    public func displayName(of document: ObjectDocument) -> String {
        for name in displayNameFrom {
            if let text = document.attributes[name]?.string, !text.isEmpty { return text }
        }
        return document.id
    }
}
