public import BackupContracts
public import BackupModel
import Foundation
import LibPQ

extension PostgresStore: PersistStore {
    /// Sightings or heads of one settled chunk, about: bounds the persister's memory. Chunks vary, and a list of
    /// sightings that outgrows 32,768 takes twice the room.
    static let chunkSize: Int64 = 30_000
    /// Sealed lists in hand.
    private static let sightingsAtOnce = 4

    /// Decides once how many chunks there are: none where a complete listing says what the one before it said.
    public func settlement(_ handling: Message) async throws(StageFailure) -> Settlement? {
        try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
            let listing = try await connection.listing(handling)
            let rows = try await connection.rowsOfRunningJob(
                handling,
                """
                UPDATE backup.collections c SET
                    persist_started_at = coalesce(persist_started_at, clock_timestamp()),
                    listing = coalesce(c.listing, $6),
                    chunks = coalesce(chunks, CASE
                        WHEN outcome = 'complete' AND $6 = k.listing THEN 0
                        WHEN outcome = 'complete' THEN greatest(1, (greatest(sightings, k.known) + $5 - 1) / $5)
                        WHEN outcome = 'delta' THEN (sightings + $5 - 1) / $5
                        ELSE 0 END)::integer
                FROM backup.jobs j LEFT JOIN (
                    SELECT s.objects + s.links AS known, s.listing FROM backup.snapshot_collections s
                    WHERE s.tenant_id = $1 AND s.type = $3 ORDER BY s.number DESC LIMIT 1) k ON true
                WHERE c.tenant_id = $1 AND c.job_id = $2 AND c.type = $3 AND c.epoch = $4 AND NOT c.finished
                    AND j.tenant_id = c.tenant_id AND j.job_id = c.job_id AND j.state = 'running'
                RETURNING c.mode, c.outcome, j.snapshot, c.settled, c.chunks
                """,
                handling.collectionKey + [
                    .int32(handling.epoch), .int64(Self.chunkSize), .bytea(listing?.bytes),
                ])
            guard let row = rows.first else {
                try await connection.consume(handling)
                return nil
            }
            return try decoded { () throws(PostgresError) in
                Settlement(
                    type: handling.type ?? 0, mode: try row.named("mode"),
                    outcome: try row.named("outcome"),
                    snapshot: try row.int32("snapshot"), settled: try row.int32("settled"),
                    chunks: try row.int32("chunks"))
            }
        }
    }

    /// Four sealed lists a transaction, one of them open at a time.
    /// - Throws: ``FailureCode/stageDefect`` for a page that has none.
    public func sightings(_ handling: Message, _ body: (SightingList) -> Void) async throws(StageFailure) {
        var after: Int32 = -1
        while true {
            let from = after
            // Sealed lists travel one by one, so that only one is open at a time.
            let (rows, keys) = try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
                let rows = try await connection.rows(
                    """
                    SELECT ordinal, sightings FROM backup.pages
                    WHERE tenant_id = $1 AND job_id = $2 AND type = $3 AND ordinal > $4 ORDER BY ordinal
                    LIMIT \(Self.sightingsAtOnce)
                    """, handling.collectionKey + [.int32(from)])
                // After the rows: what a differ sealed with a key that is new since opens.
                return (rows, try await self.keys(connection, handling.tenant))
            }
            for row in rows {
                let (ordinal, sealed) = try decoded { () throws(PostgresError) in
                    (try row.int32("ordinal"), try row.optionalBytes("sightings"))
                }
                after = ordinal
                guard let sealed else {
                    throw StageFailure(.stageDefect, "Page \(ordinal) of a collection to settle is not sighted.")
                }
                let packed = try keys.open(sealed, "sightings", handling.type ?? 0)
                do {
                    body(try SightingList(packed: packed))
                } catch {
                    throw StageFailure(.storedDataDamaged, "The sightings of page \(ordinal) are damaged: \(error)")
                }
            }
            if rows.count < Self.sightingsAtOnce { return }
        }
    }

    /// Two statements in one transaction; current versions and links alone.
    public func heads(_ handling: Message, _ range: ClosedRange<ObjectKey>)
        async throws(StageFailure) -> (versions: [VersionHead], links: [LinkHead])
    {
        let current = """
            WHERE v.tenant_id = $1 AND v.type = $2 AND v.to_snapshot = 2147483647 AND v.object_id BETWEEN $3 AND $4
            """
        let parameters = handling.typeKey + [.uuid(range.lowerBound.uuid), .uuid(range.upperBound.uuid)]
        return try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
            (
                try await connection.versionHeads("FROM backup.object_versions v \(current)", parameters),
                try await connection.linkHeads("FROM backup.link_versions v \(current)", parameters)
            )
        }
    }

    /// One look-up by key for each; no query where no object is asked for.
    public func heads(_ handling: Message, _ wanted: WantedHeads)
        async throws(StageFailure) -> (versions: [VersionHead], links: [LinkHead])
    {
        guard !wanted.objects.isEmpty else { return ([], []) }
        let key = handling.typeKey
        // One look-up by key for each. Without OFFSET 0 a planner that has no statistics yet, as right after a first
        // backup, may read the whole table once for each of them.
        let current = "c.tenant_id = $1 AND c.type = $2 AND c.to_snapshot = 2147483647"
        func ofObjects(_ table: String) -> String {
            """
            FROM unnest($3::uuid[]) AS w (id) CROSS JOIN LATERAL (SELECT * FROM backup.\(table) c
                WHERE \(current) AND c.object_id = w.id OFFSET 0) v
            """
        }
        return try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
            let versions = try await connection.versionHeads(
                ofObjects("object_versions"), key + [.array(wanted.objects.column)])
            var links: [LinkHead] = []
            if !wanted.linked.isEmpty {
                links = try await connection.linkHeads(
                    ofObjects("link_versions"), key + [.array(wanted.linked.column)])
            }
            for part in wanted.links.slices {
                links += try await connection.linkHeads(
                    """
                    FROM unnest($3::uuid[], $4::smallint[], $5::uuid[]) AS w (object_id, relationship, target_id)
                    CROSS JOIN LATERAL (SELECT * FROM backup.link_versions c
                        WHERE \(current) AND c.object_id = w.object_id AND c.relationship = w.relationship
                            AND c.target_id = w.target_id OFFSET 0) v
                    """, key + LinkColumns(part).parameters)
            }
            return (versions, wanted.links.isEmpty ? links : links.sorted())
        }
    }
}

extension Message {
    /// Parameters 1 and 2 of statements on a type of the tenant.
    fileprivate var typeKey: [PostgresValue] { [.uuid(tenant.uuid), .int16(Int16(bitPattern: type ?? 0))] }
}

extension [ObjectKey] {
    fileprivate var column: PostgresArray {
        var column = PostgresArray(.uuid, capacity: count, elementSize: 16)
        for object in self { object.withBytes { column.append(uuidBytes: $0) } }
        return column
    }
}

extension PostgresConnection {
    fileprivate func versionHeads(_ source: String, _ parameters: [PostgresValue])
        async throws(StageFailure) -> [VersionHead]
    {
        let rows = try await rows(
            "SELECT v.object_id, v.facet, v.digest \(source) ORDER BY v.object_id, v.facet", parameters)
        return try decoded { () throws(PostgresError) in try rows.map(VersionHead.init(row:)) }
    }

    fileprivate func linkHeads(_ source: String, _ parameters: [PostgresValue])
        async throws(StageFailure) -> [LinkHead]
    {
        let rows = try await rows(
            """
            SELECT v.object_id, v.relationship, v.target_id \(source)
            ORDER BY v.object_id, v.relationship, v.target_id
            """, parameters)
        return try decoded { () throws(PostgresError) in try rows.map(LinkHead.init(row:)) }
    }
}

extension VersionHead {
    init(row: PostgresRow) throws(PostgresError) {
        self.init(
            object: try row.objectKey(0), facet: UInt16(bitPattern: try row.int16(1)), digest: try row.digest(2))
    }
}

extension LinkHead {
    init(row: PostgresRow) throws(PostgresError) {
        self.init(
            object: try row.objectKey(0), relationship: UInt16(bitPattern: try row.int16(1)),
            target: try row.objectKey(2))
    }
}
