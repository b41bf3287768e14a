public import BackupContracts
public import BackupModel
import Foundation
import LibPQ
import Sealing

extension PostgresStore: DownloadStore {
    /// Objects of a list of ids that are read at a time.
    private static let keysAtOnce = 1_000

    /// Counts an attempt and takes away the pieces of the one before.
    /// - Throws: ``FailureCode/snapshotRemoved`` when retention was faster.
    public func order(_ handling: Message) async throws(StageFailure) -> DownloadOrder? {
        try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
            let jobs = try await connection.rowsOfRunningJob(
                handling,
                """
                UPDATE backup.jobs SET state = 'running', started_at = coalesce(started_at, clock_timestamp()),
                    objects = 0
                WHERE tenant_id = $1 AND job_id = $2 AND epoch = $3 AND kind = 'download'
                    AND state IN ('queued', 'running') RETURNING job_id
                """, handling.jobKey + [.int32(handling.epoch)])
            guard !jobs.isEmpty else {
                try await connection.consume(handling)
                return nil
            }
            let rows = try await connection.rows(
                """
                UPDATE backup.downloads d SET attempt = attempt + 1, chunks = 0, bytes = 0, complete = false
                FROM backup.snapshots s
                WHERE d.tenant_id = $1 AND d.job_id = $2 AND s.tenant_id = d.tenant_id AND s.number = d.snapshot
                RETURNING d.snapshot, d.format, d.scope, d.attempt, s.signature, s.sealed_at
                """, handling.jobKey)
            guard let row = rows.first else {
                throw StageFailure(.snapshotRemoved, "The snapshot of the download was removed before it was written.")
            }
            _ = try await connection.rows(
                "DELETE FROM backup.download_chunks WHERE tenant_id = $1 AND job_id = $2", handling.jobKey)
            return try await order(row, keys: try await keys(connection, handling.tenant))
        }
    }

    private func order(_ row: PostgresRow, keys: OpenedKeys) async throws(StageFailure) -> DownloadOrder {
        let sealed = try decoded { () throws(PostgresError) in try row.bytes("scope") }
        let scope = try DownloadScope.open(sealed, keys)
        return try decoded { () throws(PostgresError) in
            DownloadOrder(
                snapshot: try row.int32("snapshot"),
                format: try row.named("format"),
                types: scope.types.map(Set.init), ids: scope.ids.map(Set.init),
                signature: hexadecimal(try row.bytes("signature")),
                sealedAt: Int64(try row.timestamp("sealed_at").date.timeIntervalSince1970),
                attempt: try row.int32("attempt"))
        }
    }

    /// One transaction a batch, the next of which is read while `body` has this one; of named ids a thousand at a time.
    public func documents(
        _ handling: Message, _ order: DownloadOrder, _ type: ObjectType,
        _ body: (DocumentText, VersionStamp) async throws(StageFailure) -> Void
    ) async throws(StageFailure) {
        var reading = try await reading(handling.tenant, order, type)
        var batch = try await next(&reading)
        while !batch.isEmpty {
            // Read and opened while the batch before is written.
            async let following = following(reading)
            for stored in batch { try await body(stored.document, stored.version) }
            (batch, reading) = try await following.get()
        }
    }

    /// What of a type is still to be read.
    private enum Reading: Sendable {
        case all(DocumentScan)
        case some(TenantID, ObjectType, SnapshotNumber, ArraySlice<ObjectKey>)
    }

    private func reading(_ tenant: TenantID, _ order: DownloadOrder, _ type: ObjectType) async throws(StageFailure)
        -> Reading
    {
        guard let ids = order.ids else {
            return .all(DocumentScan(tenant: tenant, type: type, snapshot: order.snapshot))
        }
        let keys = try await recentKeys(tenant)
        let wanted = Set(ids.map { keys.objectKey(type: type.number, id: $0) }).sorted()
        return .some(tenant, type, order.snapshot, wanted[...])
    }

    private func following(_ reading: Reading) async -> Result<([StoredText], Reading), StageFailure> {
        var reading = reading
        do throws(StageFailure) {
            let batch = try await next(&reading)
            return .success((batch, reading))
        } catch {
            return .failure(error)
        }
    }

    /// The next objects; none at the end only.
    private func next(_ reading: inout Reading) async throws(StageFailure) -> [StoredText] {
        switch reading {
        case .all(let position):
            let (batch, scan) = try await transaction(of: position.tenant) { (connection) async throws(StageFailure) in
                var scan = position
                let keys = try await keys(connection, scan.tenant)
                return (try await scan.next(connection, keys), scan)
            }
            reading = .all(scan)
            return batch
        case .some(let tenant, let type, let snapshot, var open):
            var found: [StoredText] = []
            while found.isEmpty, !open.isEmpty {
                let some = Array(open.prefix(Self.keysAtOnce))
                open = open.dropFirst(some.count)
                found = try await transaction(of: tenant) { (connection) async throws(StageFailure) in
                    let keys = try await keys(connection, tenant)
                    return try await connection.documents(tenant, type, some, at: snapshot, keys)
                }
            }
            reading = .some(tenant, type, snapshot, open)
            return found
        }
    }

    /// Fenced by attempt and ordinal, and by a job that runs: else ``FailureCode/unitFenced``.
    public func storePiece(
        _ handling: Message, _ order: DownloadOrder, ordinal: Int32, _ bytes: [UInt8], objects: Int64
    ) async throws(StageFailure) {
        try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
            let running = try await connection.rows(
                """
                UPDATE backup.jobs SET objects = $4
                WHERE tenant_id = $1 AND job_id = $2 AND epoch = $3 AND state = 'running'
                """, handling.jobKey + [.int32(handling.epoch), .int64(objects)])
            guard running.affectedRows == 1 else { throw StageFailure(.unitFenced, "The job has ended or begun anew.") }
            try await connection.goOn(
                handling, order, "chunks = chunks + 1, bytes = bytes + $5", ordinal, Int64(bytes.count))
            let keys = try await keys(connection, handling.tenant)
            _ = try await connection.rows(
                """
                INSERT INTO backup.download_chunks (tenant_id, job_id, epoch, ordinal, payload)
                VALUES ($1, $2, $3, $4, $5)
                """,
                handling.jobKey + [
                    .int32(handling.epoch), .int32(ordinal),
                    .bytea(try SealedPiece.seal(bytes, handling.job, ordinal, keys)),
                ])
        }
    }

    /// A keyed digest under the tenant's digest key (D8); nothing is written.
    public func mark(_ handling: Message, _ bytes: [UInt8]) async throws(StageFailure) -> String {
        try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
            try await keys(connection, handling.tenant).archiveMark(bytes)
        }
    }

    /// From here on the archive can be fetched for seven days.
    /// - Throws: ``FailureCode/stageDefect`` when the pieces do not add up to the result's size.
    public func finish(_ handling: Message, _ order: DownloadOrder, _ result: DownloadResult)
        async throws(StageFailure)
    {
        try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
            try await connection.consume(handling)
            try await connection.holdJob(handling)
            try await connection.goOn(handling, order, "complete = bytes = $5", result.pieces, result.bytes)
            let written = try await connection.rows(
                """
                UPDATE backup.downloads SET sha256 = $3, expires_at = clock_timestamp() + interval '7 days'
                WHERE tenant_id = $1 AND job_id = $2 AND complete
                """, handling.jobKey + [.bytea(result.sha256)])
            guard written.affectedRows == 1 else {
                throw StageFailure(.stageDefect, "The archive has another size than the stage has counted.")
            }
            _ = try await connection.rows(
                """
                UPDATE backup.jobs SET objects = $3, stages = jsonb_build_array(jsonb_build_object('stage', 'downloader',
                    'startedAt', started_at, 'finishedAt', clock_timestamp(), 'items', $3))
                WHERE tenant_id = $1 AND job_id = $2 AND epoch = $4
                """, handling.jobKey + [.int64(result.objects), .int32(handling.epoch)])
            _ = try await connection.finishJob(handling, .succeeded)
        }
    }
}

extension PostgresConnection {
    /// Moves the newest attempt on from its last piece, and fences everything else.
    /// - Parameter change: what is set, `$5` being `bytes`.
    fileprivate func goOn(
        _ handling: Message, _ order: DownloadOrder, _ change: String, _ pieces: Int32, _ bytes: Int64
    ) async throws(StageFailure) {
        let gone = try await rows(
            """
            UPDATE backup.downloads SET \(change)
            WHERE tenant_id = $1 AND job_id = $2 AND attempt = $3 AND chunks = $4 AND $5::bigint IS NOT NULL
            """, handling.jobKey + [.int32(order.attempt), .int32(pieces), .int64(bytes)])
        guard gone.affectedRows == 1 else {
            throw StageFailure(.unitFenced, "Another worker has begun the archive anew.")
        }
    }
}

/// What a download was asked for, sealed: an id may be a domain's name.
struct DownloadScope: Codable {
    var types: [String]?
    var ids: [String]?

    func seal(_ keys: OpenedKeys) throws(StageFailure) -> [UInt8] {
        // A struct of strings always encodes.
        let json = (try? JSONEncoder().encode(self)).map { [UInt8]($0) } ?? []
        return try keys.seal(json, "download scope", 0)
    }

    static func open(_ sealed: [UInt8], _ keys: OpenedKeys) throws(StageFailure) -> DownloadScope {
        let json = try keys.open(sealed, "download scope", 0)
        guard let scope = try? JSONDecoder().decode(DownloadScope.self, from: Data(json)) else {
            throw StageFailure(.storedDataDamaged, "The scope of a download is not as this version writes it.")
        }
        return scope
    }
}

/// A piece of an archive, bound to its place.
enum SealedPiece {
    private static let purpose = "download piece"

    private static func context(_ job: JobID, _ ordinal: Int32) -> [UInt8] {
        withUnsafeBytes(of: job.uuid.uuid) { Array($0) } + withUnsafeBytes(of: ordinal.bigEndian) { Array($0) }
    }

    static func seal(_ bytes: [UInt8], _ job: JobID, _ ordinal: Int32, _ keys: OpenedKeys)
        throws(StageFailure) -> [UInt8]
    {
        do {
            return try keys.sealer.sealBlob(bytes, purpose: purpose, context: context(job, ordinal))
        } catch {
            throw StageFailure(sealed: error, "A piece of a download could not be sealed")
        }
    }

    static func open(_ sealed: [UInt8], _ job: JobID, _ ordinal: Int32, _ keys: OpenedKeys)
        throws(StageFailure) -> [UInt8]
    {
        do {
            return try keys.sealer.openBlob(sealed, purpose: purpose, context: context(job, ordinal))
        } catch {
            throw StageFailure(sealed: error, "Piece \(ordinal) of a download could not be opened")
        }
    }
}

extension OpenedKeys {
    /// A keyed digest of a manifest. No content of an object stands under type 0.
    func archiveMark(_ bytes: [UInt8]) -> String {
        bytes.withUnsafeBytes { digest(type: 0, object: .zero, facet: .max, $0) }.description
    }
}
