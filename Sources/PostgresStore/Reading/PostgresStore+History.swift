import BackupContracts
public import BackupModel
import Foundation
import LibPQ

/// One stretch of an object's history.
public struct HistoryItem: Sendable {
    /// The first snapshot with this state; retention may have taken it away since.
    public var from: SnapshotNumber
    /// The first snapshot with another state; `nil` while it lasts.
    public var to: SnapshotNumber?
    /// An object that came back has an item for its absence, and a present one after it.
    public var state: ObjectDocument.State
    /// Why its attributes ended; nil while it is present.
    public var reason: EndReason?
    /// Over the whole document; of a deleted object, over its last one.
    public var digest: BackupModel.Digest?
    /// When Graph showed it, RFC 3339 in UTC; nil for a deleted object.
    public var seenAt: String?
    /// Paths of changed attributes, names of changed relationships and children.
    public var changes: [String]
    /// The document of that stretch; the last one before it ended for a deleted object.
    public var document: ObjectDocument
}

extension PostgresStore {
    /// The history of an object, newest first; empty when no snapshot ever had it.
    public func history(_ tenant: TenantID, _ type: ObjectType, _ object: ObjectKey) async throws(AccountError)
        -> [HistoryItem]
    {
        let (points, reasons) = try await boundaries(tenant, type, object)
        var items: [HistoryItem] = []
        var last: StoredDocument?
        for (index, point) in points.enumerated() {
            let end = index + 1 < points.count ? points[index + 1] : nil
            let now = try await documents(tenant, type, [object], at: point).first
            if let now {
                let change = ObjectDiff.between(last?.document, now.document)
                items.append(
                    HistoryItem(
                        from: point, to: end, state: .present, reason: nil, digest: now.version.digest,
                        seenAt: now.version.seenAt, changes: change?.names ?? [], document: now.document))
                last = now
            } else if let last {
                var gone = last.document
                gone.state = .deleted
                items.append(
                    HistoryItem(
                        from: point, to: end, state: .deleted, reason: reasons[point], digest: last.version.digest,
                        seenAt: nil, changes: [], document: gone))
            }
        }
        return items.reversed()
    }

    /// Whether any snapshot that is kept has or had the object.
    public func isKnown(_ tenant: TenantID, _ type: ObjectType, _ object: ObjectKey) async throws(AccountError) -> Bool
    {
        try await read(tenant) { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                """
                SELECT 1 FROM backup.object_versions WHERE tenant_id = $1 AND type = $2 AND object_id = $3 LIMIT 1
                """, [.uuid(tenant.uuid), .int16(Int16(bitPattern: type.number)), .uuid(object.uuid)])
            return !rows.isEmpty
        }
    }

    /// The numbers at which something of the object begins or ends, ascending, and why its attributes ended.
    private func boundaries(_ tenant: TenantID, _ type: ObjectType, _ object: ObjectKey) async throws(AccountError)
        -> ([SnapshotNumber], [SnapshotNumber: EndReason])
    {
        let key: [PostgresValue] = [
            .uuid(tenant.uuid), .int16(Int16(bitPattern: type.number)), .uuid(object.uuid),
        ]
        return try await read(tenant) { (connection) async throws(AccountError) in
            let points = try all(
                try await connection.checked(
                    """
                    SELECT from_snapshot AS n FROM backup.object_versions
                        WHERE tenant_id = $1 AND type = $2 AND object_id = $3
                    UNION SELECT to_snapshot FROM backup.object_versions
                        WHERE tenant_id = $1 AND type = $2 AND object_id = $3 AND to_snapshot < 2147483647
                    UNION SELECT from_snapshot FROM backup.link_versions
                        WHERE tenant_id = $1 AND type = $2 AND object_id = $3
                    UNION SELECT to_snapshot FROM backup.link_versions
                        WHERE tenant_id = $1 AND type = $2 AND object_id = $3 AND to_snapshot < 2147483647
                    ORDER BY n
                    """, key)
            ) { (row) throws(PostgresError) in try row.int32(0) }
            let ends = try all(
                try await connection.checked(
                    """
                    SELECT to_snapshot, reason FROM backup.object_versions
                    WHERE tenant_id = $1 AND type = $2 AND object_id = $3 AND facet = 0 AND reason IS NOT NULL
                    """, key)
            ) { (row) throws(PostgresError) in
                (try row.int32(0), EndReason(rawValue: UInt8(truncatingIfNeeded: try row.int16(1))) ?? .missing)
            }
            return (points, Dictionary(ends) { first, _ in first })
        }
    }
}

extension ObjectChange {
    /// Paths, then names of links and children.
    var names: [String] {
        attributes.map(\.path.description) + links.map(\.name) + children.map(\.name)
    }
}
