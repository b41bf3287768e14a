import BackupContracts
public import BackupModel
public import Foundation
import LibPQ

extension PostgresStore {
    /// ``administer(_:)`` with the tenant set.
    func read<T: Sendable>(
        _ tenant: TenantID, _ body: (PostgresConnection) async throws(AccountError) -> T
    ) async throws(AccountError) -> T {
        try requireAdmitted(tenant)
        return try await administer(.of(tenant), body)
    }

    /// Newest first.
    /// - Parameter withCollections: reads what each has of every type as well: some fifty rows a snapshot.
    public func snapshots(_ tenant: TenantID, withCollections: Bool = false) async throws(AccountError)
        -> [SnapshotRecord]
    {
        try await read(tenant) { (connection) async throws(AccountError) in
            var records = try all(
                try await connection.checked(
                    """
                    SELECT \(SnapshotRecord.columns) FROM backup.snapshots WHERE tenant_id = $1 ORDER BY number DESC
                    """, [.uuid(tenant.uuid)]), SnapshotRecord.init(row:))
            guard withCollections else { return records }
            let collections = try all(
                try await connection.checked(
                    """
                    SELECT number, \(SnapshotRecord.Collection.columns) FROM backup.snapshot_collections
                    WHERE tenant_id = $1 ORDER BY number, type
                    """, [.uuid(tenant.uuid)])
            ) { (row) throws(PostgresError) in (try row.int32("number"), try SnapshotRecord.Collection(row: row)) }
            let byNumber = Dictionary(grouping: collections) { $0.0 }
            for at in records.indices { records[at].collections = (byNumber[records[at].number] ?? []).map(\.1) }
            return records
        }
    }

    /// The number of the newest snapshot that was sealed at a time or before, or of the oldest where all are younger; of
    /// the newest of all without a time.
    public func snapshotNumber(_ tenant: TenantID, at time: Date?) async throws(AccountError) -> SnapshotNumber {
        try await read(tenant) { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                """
                SELECT coalesce(max(number) FILTER (WHERE $2::timestamptz IS NULL OR sealed_at <= $2), min(number)) AS number
                FROM backup.snapshots WHERE tenant_id = $1
                """, [.uuid(tenant.uuid), .timestamptz(date: time)])
            let number = try only(rows) { (row) throws(PostgresError) in try row.optionalInt32("number") }
            guard let number else { throw AccountError.noSnapshot(nil) }
            return number
        }
    }

    /// One snapshot with its collections; the newest without a number.
    public func snapshot(_ tenant: TenantID, _ number: SnapshotNumber?) async throws(AccountError) -> SnapshotRecord {
        try await read(tenant) { (connection) async throws(AccountError) in
            var record = try only(
                try await connection.snapshot(tenant, number, SnapshotRecord.columns), SnapshotRecord.init(row:))
            record.collections = try all(
                try await connection.checked(
                    """
                    SELECT \(SnapshotRecord.Collection.columns) FROM backup.snapshot_collections
                    WHERE tenant_id = $1 AND number = $2 ORDER BY type
                    """, [.uuid(tenant.uuid), .int32(record.number)]), SnapshotRecord.Collection.init(row:))
            return record
        }
    }

    /// The number of a snapshot that is there; of the newest without one.
    public func snapshotNumber(_ tenant: TenantID, _ number: SnapshotNumber?) async throws(AccountError)
        -> SnapshotNumber
    {
        try await read(tenant) { (connection) async throws(AccountError) in
            try only(try await connection.snapshot(tenant, number, "number")) { (row) throws(PostgresError) in
                try row.int32(0)
            }
        }
    }
}

extension PostgresConnection {
    /// The row of one snapshot, the newest without a number.
    fileprivate func snapshot(_ tenant: TenantID, _ number: SnapshotNumber?, _ columns: String)
        async throws(AccountError) -> PostgresRows
    {
        let rows = try await checked(
            """
            SELECT \(columns) FROM backup.snapshots
            WHERE tenant_id = $1 AND ($2::integer IS NULL OR number = $2) ORDER BY number DESC LIMIT 1
            """, [.uuid(tenant.uuid), .int32(number)])
        guard !rows.isEmpty else { throw AccountError.noSnapshot(number) }
        return rows
    }
}

extension AccountError {
    fileprivate static func noSnapshot(_ number: SnapshotNumber?) -> AccountError {
        let what = number.map { "snapshot \($0)" } ?? "snapshot yet"
        return AccountError(
            .notFound, "snapshotNotFound", "The tenant has no \(what).",
            hint: "See `entra-backup snapshot list`, or make one with `entra-backup backup start`.")
    }
}
