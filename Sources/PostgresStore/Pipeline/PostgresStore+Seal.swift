public import BackupContracts
import BackupModel
import Foundation
import LibPQ
import Sealing

extension PostgresStore {
    /// One transaction, in which the key store signs; the users of the snapshot are counted in it, for seats and bills.
    public func seal(_ handling: Message) async throws(StageFailure) -> [Message] {
        try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
            try await connection.consume(handling)
            try await connection.holdJob(handling)
            let job = try await connection.rows(
                """
                SELECT snapshot, coalesce(started_at, created_at) AS started_at, trace FROM backup.jobs
                WHERE tenant_id = $1 AND job_id = $2 AND epoch = $3 AND state = 'running' AND open_collections = 0
                FOR UPDATE
                """, handling.jobKey + [.int32(handling.epoch)])
            guard let row = job.first else { return [] }
            let (number, startedAt) = try decoded { () throws(PostgresError) in
                (try row.int32("snapshot"), try row.timestamp("started_at"))
            }
            try await connection.insertSnapshotCollections(handling, number)
            try await sealSnapshot(connection, handling, number, startedAt)
            try await connection.makeDeltaLinksCurrent(handling, number)
            try await connection.countUsers(handling, number)
            let warnings = try await connection.warnings(handling, number)
            try await connection.closeJob(handling)
            for table in ["pages", "collections"] {
                _ = try await connection.rows(
                    "DELETE FROM backup.\(table) WHERE tenant_id = $1 AND job_id = $2", handling.jobKey)
            }
            let state: JobState = warnings == "[]" ? .succeeded : .succeededWithWarnings
            let waiting = try await connection.finishJob(handling, state, warnings: warnings)
            try await connection.insert(waiting)
            return waiting
        }
    }

    /// Signs number, collection digests and the digest before, and writes the snapshot's row: now it is visible.
    private func sealSnapshot(
        _ connection: PostgresConnection, _ handling: Message, _ number: SnapshotNumber, _ startedAt: PostgresTimestamp
    ) async throws(StageFailure) {
        let statement = try await connection.statement(handling.tenant, number)
        let signature: [UInt8]
        do {
            signature = try await keyStore.snapshotSigner().sign(statement)
        } catch {
            throw StageFailure(keys: error)
        }
        _ = try await connection.rows(
            """
            INSERT INTO backup.snapshots (tenant_id, number, job_id, started_at, objects, added, updated, deleted,
                digest, previous_digest, signature)
            -- The recycle bin is no part of what changed: a deleted object counts once, by its own type, as in a diff.
            SELECT $1, $3, $2, $4, sum(s.objects), coalesce(sum(s.added) FILTER (WHERE s.type <> ALL ($8)), 0),
                coalesce(sum(s.updated) FILTER (WHERE s.type <> ALL ($8)), 0),
                coalesce(sum(s.deleted) FILTER (WHERE s.type <> ALL ($8)), 0), $5, $6, $7
            FROM backup.snapshot_collections s WHERE s.tenant_id = $1 AND s.number = $3
            """,
            handling.jobKey + [
                .int32(number), .timestamptz(startedAt), .bytea(statement.digest), .bytea(statement.previous),
                .bytea(signature),
                .int16Array(Catalogue.current.types.filter { $0.shape == .casts }.map { Int16(bitPattern: $0.number) }),
            ])
    }
}

extension Message {
    /// Parameters 1 and 2 of statements on the job.
    var jobKey: [PostgresValue] { [.uuid(tenant.uuid), .uuid(job.uuid)] }
}

extension PostgresConnection {
    /// What a snapshot's signature is over.
    func statement(_ tenant: TenantID, _ number: SnapshotNumber) async throws(StageFailure) -> SnapshotStatement {
        let key: [PostgresValue] = [.uuid(tenant.uuid), .int32(number)]
        let collections = try await rows(
            "SELECT type, digest FROM backup.snapshot_collections WHERE tenant_id = $1 AND number = $2", key)
        let previous = try await rows(
            "SELECT digest FROM backup.snapshots WHERE tenant_id = $1 AND number < $2 ORDER BY number DESC LIMIT 1", key
        )
        return try decoded { () throws(PostgresError) in
            var digests: [UInt16: [UInt8]] = [:]
            for row in collections { digests[UInt16(bitPattern: try row.int16("type"))] = try row.bytes("digest") }
            return SnapshotStatement(
                tenant: tenant.uuid, number: Int64(number), collections: digests,
                previous: try previous.first?.bytes("digest"))
        }
    }

    /// Copies the round's collections, and carries on those that were not read. With each stands the listing that left
    /// it as it is: this round's, if it was complete and its order made no difference, or else the one before, if
    /// nothing has changed since.
    fileprivate func insertSnapshotCollections(_ handling: Message, _ number: SnapshotNumber)
        async throws(StageFailure)
    {
        let parameters = handling.jobKey + [.int32(number)]
        _ = try await rows(
            """
            INSERT INTO backup.snapshot_collections (tenant_id, number, type, outcome, reason_code, reason, objects,
                links, pages, requests, added, updated, deleted, digest, read_at, listing)
            SELECT c.tenant_id, $3, c.type, c.outcome, c.reason_code, c.reason, c.objects, c.links, c.pages, c.requests,
                c.added, c.updated, c.deleted, c.digest, coalesce(c.fetch_started_at, now()),
                CASE WHEN c.outcome = 'complete' AND c.listing IS NOT NULL AND c.unordered = c.settled THEN c.listing
                    WHEN NOT c.changed THEN s.listing END
            FROM backup.collections c LEFT JOIN LATERAL (SELECT n.listing FROM backup.snapshot_collections n
                WHERE n.tenant_id = c.tenant_id AND n.type = c.type ORDER BY n.number DESC LIMIT 1) s ON true
            WHERE c.tenant_id = $1 AND c.job_id = $2
            """, parameters)
        _ = try await rows(
            """
            INSERT INTO backup.snapshot_collections (tenant_id, number, type, outcome, reason_code, reason, objects,
                links, pages, requests, added, updated, deleted, digest, read_at, listing)
            SELECT s.tenant_id, $3, s.type, 'carried', NULL, NULL, s.objects, s.links, 0, 0, 0, 0, 0, s.digest, s.read_at,
                s.listing
            FROM backup.snapshot_collections s
            WHERE s.tenant_id = $1 AND s.number = (SELECT max(number) FROM backup.snapshots WHERE tenant_id = $1)
                AND NOT EXISTS (SELECT FROM backup.collections c
                    WHERE c.tenant_id = $1 AND c.job_id = $2 AND c.type = s.type)
            """, parameters)
    }

    /// A delta link becomes current only here (D5): a round that is not sealed leaves the one before.
    fileprivate func makeDeltaLinksCurrent(_ handling: Message, _ number: SnapshotNumber) async throws(StageFailure) {
        _ = try await rows(
            """
            INSERT INTO backup.delta_links AS l (tenant_id, type, sealed, snapshot, complete_at)
            SELECT tenant_id, type, delta_link, $3, now() FROM backup.collections
            WHERE tenant_id = $1 AND job_id = $2 AND delta_link IS NOT NULL AND outcome IN ('complete', 'delta')
            ON CONFLICT (tenant_id, type) DO UPDATE SET sealed = excluded.sealed, snapshot = excluded.snapshot,
                complete_at = CASE WHEN (SELECT c.outcome FROM backup.collections c WHERE c.tenant_id = $1
                        AND c.job_id = $2 AND c.type = l.type) = 'complete'
                    THEN now() ELSE l.complete_at END
            """, handling.jobKey + [.int32(number)])
    }

    /// Takes down how many users the snapshot has; new ones may take seats by that.
    fileprivate func countUsers(_ handling: Message, _ number: SnapshotNumber) async throws(StageFailure) {
        guard let user = Catalogue.current["user"] else { return }
        _ = try await rows(
            """
            SELECT backup.count_users(objects) FROM backup.snapshot_collections
            WHERE tenant_id = $1 AND number = $2 AND type = $3
            """,
            [.uuid(handling.tenant.uuid), .int32(number), .int16(Int16(bitPattern: user.number))])
    }

    /// A collection that failed is a warning; one that was refused only when it was readable before or was asked for.
    fileprivate func warnings(_ handling: Message, _ number: SnapshotNumber) async throws(StageFailure) -> String {
        let configured = try await rows("SELECT types FROM backup.tenants WHERE tenant_id = $1", [handling.jobKey[0]])
        let named = try decoded { () throws(PostgresError) in
            try configured.first?.decode("types", as: [String]?.self) ?? []
        }
        let rows = try await rows(
            """
            SELECT c.type, c.reason_code, c.reason FROM backup.collections c
            WHERE c.tenant_id = $1 AND c.job_id = $2 AND (c.outcome = 'failed' OR (c.outcome = 'refused'
                AND (c.type = ANY($4) OR EXISTS (SELECT FROM backup.snapshot_collections s
                    WHERE s.tenant_id = c.tenant_id AND s.type = c.type AND s.number < $3
                        AND s.outcome IN ('complete', 'delta')))))
            ORDER BY c.type
            """,
            handling.jobKey + [
                .int32(number),
                .int16Array(named.compactMap { Catalogue.current[$0].map { Int16(bitPattern: $0.number) } }),
            ])
        return try decoded { () throws(PostgresError) in
            var items: [JSONValue] = []
            for row in rows {
                let type = Catalogue.current[UInt16(bitPattern: try row.int16("type"))]?.name ?? "unknown"
                let reason = try row.optionalText("reason") ?? ""
                items.append([
                    "code": .string(try row.optionalText("reason_code") ?? "collectionFailed"),
                    "message": .string("\(type) could not be read and stays as it was. \(reason)"),
                ])
            }
            return JSONValue.array(items).canonicalText
        }
    }

    /// Keeps what the collections tell of the job's course.
    fileprivate func closeJob(_ handling: Message) async throws(StageFailure) {
        _ = try await rows(
            """
            UPDATE backup.jobs j SET objects = c.items, stages = c.stages FROM (
                SELECT coalesce(sum(items), 0)::bigint AS items, jsonb_build_array(
                    jsonb_build_object('stage', 'fetcher', 'startedAt', min(fetch_started_at),
                        'finishedAt', max(fetch_finished_at), 'items', sum(items)),
                    jsonb_build_object('stage', 'differ', 'startedAt', min(diff_started_at),
                        'finishedAt', max(diff_finished_at), 'items', sum(items)),
                    jsonb_build_object('stage', 'persister', 'startedAt', min(persist_started_at),
                        'finishedAt', clock_timestamp(), 'items', sum(added + updated + deleted))) AS stages
                FROM backup.collections WHERE tenant_id = $1 AND job_id = $2) c
            WHERE j.tenant_id = $1 AND j.job_id = $2
            """, handling.jobKey)
    }
}
