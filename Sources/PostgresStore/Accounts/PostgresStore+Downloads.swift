public import BackupContracts
public import BackupModel
public import Foundation
import LibPQ

/// A download whose archive can be fetched.
public struct DownloadRecord: Sendable, Hashable {
    /// The job that wrote it, under whose id it is fetched.
    public var job: JobID
    /// Whose objects it holds, and whose keys seal its pieces.
    public var tenant: TenantID
    /// Whose state it holds; retention may have taken the snapshot away since.
    public var snapshot: SnapshotNumber
    /// Chosen when it was started.
    public var format: DownloadOrder.Format
    /// Objects in scope, counted when it was asked for.
    public var objects: Int64
    /// Size of the archive as it is handed out.
    public var bytes: Int64
    /// How many it is stored in: each of ``DownloadOrder/pieceSize`` bytes, the last one of what is left.
    public var pieces: Int32
    /// Over the archive as it is handed out, 32 bytes.
    public var sha256: [UInt8]
    /// Seven days after it was whole; from then on it cannot be fetched, and the scheduler removes it.
    public var expiresAt: Date
}

extension PostgresStore {
    /// Asks for an archive of a snapshot.
    ///
    /// - Parameters:
    ///   - snapshot: the newest when nil.
    ///   - types: names of types; all when nil.
    ///   - ids: ids of objects; all when nil.
    /// - Throws: `snapshotNotFound`, or `objectsNotFound` with some of the ids that no type in scope has.
    public func startDownload(
        _ tenant: TenantID, snapshot: SnapshotNumber?, format: DownloadOrder.Format, types: [String]?, ids: [String]?
    ) async throws(AccountError) -> JobRecord {
        let number = try await self.snapshot(tenant, snapshot).number
        return try await read(tenant) { (connection) async throws(AccountError) in
            let keys: OpenedKeys
            do throws(StageFailure) {
                // Retention takes no snapshot away between this look and the job's row.
                try await connection.lockRounds(of: tenant)
                keys = try await self.keys(connection, tenant)
            } catch {
                throw AccountError(error)
            }
            let wanted = Catalogue.current.types.filter { types?.contains($0.name) ?? true }
            let objects =
                if let ids {
                    try await connection.presentObjects(tenant, number, wanted, Set(ids).sorted(), keys)
                } else {
                    try await connection.objectCount(tenant, number, wanted)
                }
            return try await connection.insertDownload(
                tenant, number, format, DownloadScope(types: types, ids: ids), objects, keys)
        }
    }

    /// The archive of a download that is whole.
    public func download(_ id: JobID) async throws(AccountError) -> DownloadRecord {
        let job = try await job(id)
        guard job.kind == .download else {
            throw AccountError(
                .conflict, "jobNotDownload", "The job \(id) is a \(job.kind.rawValue), not a download.",
                hint: "See `entra-backup job list --kind download`.")
        }
        guard job.state == .succeeded else {
            throw AccountError(
                .conflict, "downloadNotFinished", "The download \(id) is \(job.state.rawValue).",
                hint: job.state.isFinal
                    ? "Start it again: `entra-backup job retry \(id)`."
                    : "Wait for its end: `entra-backup job show \(id)`.")
        }
        return try await read(job.tenant) { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                """
                SELECT d.job_id, d.tenant_id, d.snapshot, d.format, d.objects, d.bytes, d.chunks, d.sha256, d.expires_at
                FROM backup.downloads d
                WHERE tenant_id = $1 AND job_id = $2 AND complete AND expires_at > clock_timestamp()
                """, [.uuid(job.tenant.uuid), .uuid(id.uuid)])
            guard !rows.isEmpty else { throw AccountError.downloadExpired(id) }
            return try only(rows, DownloadRecord.init(row:))
        }
    }

    /// Hands the archive on from a byte, piece by piece. Memory of one piece.
    /// - Throws: `downloadExpired` when it was taken away meanwhile.
    public func read(_ download: DownloadRecord, from offset: Int64, _ body: ([UInt8]) throws -> Void) async throws {
        let size = Int64(DownloadOrder.pieceSize)
        var skipped = Int(offset % size)
        for ordinal in Int32(offset / size)..<max(Int32(offset / size), download.pieces) {
            var piece = try await self.piece(ordinal, of: download)
            piece.removeFirst(min(skipped, piece.count))
            skipped = 0
            try body(piece)
        }
    }

    private func piece(_ ordinal: Int32, of download: DownloadRecord) async throws(AccountError) -> [UInt8] {
        try await read(download.tenant) { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                "SELECT payload FROM backup.download_chunks WHERE tenant_id = $1 AND job_id = $2 AND ordinal = $3",
                [.uuid(download.tenant.uuid), .uuid(download.job.uuid), .int32(ordinal)])
            guard !rows.isEmpty else { throw AccountError.downloadExpired(download.job) }
            let sealed = try only(rows) { (row) throws(PostgresError) in try row.bytes(0) }
            do throws(StageFailure) {
                return try SealedPiece.open(
                    sealed, download.job, ordinal, try await self.keys(connection, download.tenant))
            } catch {
                throw AccountError(error)
            }
        }
    }

    /// Whether an archive's manifest is as this installation wrote it for the tenant.
    public func hasMade(_ manifest: ArchiveManifest) async throws(AccountError) -> Bool {
        try await read(manifest.tenant) { (connection) async throws(AccountError) in
            do throws(StageFailure) {
                return try await self.keys(connection, manifest.tenant).archiveMark(manifest.markedBytes)
                    == manifest.mark
            } catch {
                throw AccountError(error)
            }
        }
    }
}

extension AccountError {
    fileprivate static func downloadExpired(_ job: JobID) -> AccountError {
        AccountError(
            .notFound, "downloadExpired", "The archive of the download \(job) has expired and was removed.",
            hint: "Start a new one: `entra-backup download start`.")
    }
}

extension DownloadRecord {
    init(row: PostgresRow) throws(PostgresError) {
        job = JobID(uuid: try row.uuid("job_id"))
        tenant = TenantID(uuid: try row.uuid("tenant_id"))
        snapshot = try row.int32("snapshot")
        format = try row.named("format")
        objects = try row.int64("objects")
        bytes = try row.int64("bytes")
        pieces = try row.int32("chunks")
        sha256 = try row.bytes("sha256")
        expiresAt = try row.timestamp("expires_at").date
    }
}

extension PostgresConnection {
    /// Objects of a snapshot's types.
    fileprivate func objectCount(_ tenant: TenantID, _ number: SnapshotNumber, _ types: [ObjectType])
        async throws(AccountError) -> Int64
    {
        let rows = try await checked(
            """
            SELECT coalesce(sum(objects), 0)::bigint FROM backup.snapshot_collections
            WHERE tenant_id = $1 AND number = $2 AND type = ANY ($3)
            """,
            [
                .uuid(tenant.uuid), .int32(number), .int16Array(types.map { Int16(bitPattern: $0.number) }),
            ])
        return try only(rows) { (row) throws(PostgresError) in try row.int64(0) }
    }

    /// How many objects have one of the ids. Each must be that of one, in some type.
    fileprivate func presentObjects(
        _ tenant: TenantID, _ number: SnapshotNumber, _ types: [ObjectType], _ ids: [String], _ keys: OpenedKeys
    ) async throws(AccountError) -> Int64 {
        var count: Int64 = 0
        var missing = Set(ids)
        for type in types {
            let byKey = Dictionary(ids.map { (keys.objectKey(type: type.number, id: $0), $0) }) { first, _ in first }
            var column = PostgresArray(.uuid, capacity: byKey.count, elementSize: 16)
            for key in byKey.keys { key.withBytes { column.append(uuidBytes: $0) } }
            let rows = try await checked(
                """
                SELECT object_id FROM backup.object_versions WHERE tenant_id = $1 AND type = $2 AND facet = 0
                    AND from_snapshot <= $3 AND to_snapshot > $3 AND object_id = ANY ($4)
                """,
                [.uuid(tenant.uuid), .int16(Int16(bitPattern: type.number)), .int32(number), .array(column)])
            let found = try all(rows) { (row) throws(PostgresError) in try row.objectKey(0) }
            count += Int64(found.count)
            missing.subtract(found.compactMap { byKey[$0] })
        }
        guard missing.isEmpty else {
            let some = missing.sorted().prefix(5).joined(separator: ", ")
            throw AccountError(
                .notFound, "objectsNotFound",
                "Snapshot \(number) does not have \(missing.count) of \(ids.count) objects: \(some)"
                    + (missing.count > 5 ? ", …" : "."), hint: "See `entra-backup object list`. Nothing was started.")
        }
        return count
    }

    fileprivate func insertDownload(
        _ tenant: TenantID, _ number: SnapshotNumber, _ format: DownloadOrder.Format, _ scope: DownloadScope,
        _ objects: Int64, _ keys: OpenedKeys
    ) async throws(AccountError) -> JobRecord {
        let id = JobID()
        let trace = Message.newTrace()
        do throws(StageFailure) {
            _ = try await rows(
                """
                INSERT INTO backup.jobs (tenant_id, job_id, kind, types, trace, snapshot)
                VALUES ($1, $2, 'download', $3::text[], $4, $5)
                """,
                [
                    .uuid(tenant.uuid), .uuid(id.uuid), scope.types.map { .textArray($0) } ?? .null, .text(trace),
                    .int32(number),
                ])
            _ = try await rows(
                """
                INSERT INTO backup.downloads (tenant_id, job_id, snapshot, format, scope, objects)
                VALUES ($1, $2, $3, $4, $5, $6)
                """,
                [
                    .uuid(tenant.uuid), .uuid(id.uuid), .int32(number), .text(format.rawValue),
                    .bytea(try scope.seal(keys)), .int64(objects),
                ])
            // Nobody here publishes: the row is dated back, so that the scheduler's next sweep takes it.
            try await insert(
                [Message(kind: .downloadRequested, tenant: tenant, job: id, epoch: 1, trace: trace)],
                after: .seconds(-10))
        } catch {
            throw AccountError(error)
        }
        return try await job(tenant, id.uuid)
    }
}
