public import BackupContracts
import BackupModel
import Foundation
import LibPQ

import struct Crypto.SHA256

extension PostgresStore {
    /// One transaction, fenced by `settled`; at most 8,192 rows a statement.
    public func settleChunk(
        _ handling: Message, _ settlement: Settlement, _ changes: VersionChanges, passesBaton: Bool
    ) async throws(StageFailure) -> [Message] {
        let isLast = settlement.settled + 1 >= settlement.chunks
        return try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
            try await connection.countChunk(handling, settlement, changes)
            try await connection.write(changes, handling, settlement.snapshot)
            if isLast {
                try await connection.consume(handling)
                let following = try await connection.finishCollection(handling, settlement)
                try await connection.insert(following)
                return following
            }
            guard passesBaton else { return [] }
            try await connection.consume(handling)
            let baton = [handling.following(.collectionWalked, type: settlement.type)]
            try await connection.insert(baton)
            return baton
        }
    }
}

extension PostgresConnection {
    /// The fence: only the worker that holds the next chunk may write it.
    fileprivate func countChunk(_ handling: Message, _ settlement: Settlement, _ changes: VersionChanges)
        async throws(StageFailure)
    {
        let rows = try await rows(
            """
            UPDATE backup.collections c SET settled = settled + 1, added = added + $6, updated = updated + $7,
                deleted = deleted + $8, changed = changed OR $9, unordered = coalesce(unordered, 0) + $10,
                persist_finished_at = clock_timestamp()
            WHERE tenant_id = $1 AND job_id = $2 AND type = $3 AND epoch = $4 AND settled = $5 AND NOT finished
                AND EXISTS (SELECT FROM backup.jobs j WHERE j.tenant_id = c.tenant_id AND j.job_id = c.job_id
                            AND j.state = 'running' AND j.epoch = c.epoch)
            """,
            handling.collectionKey + [
                .int32(handling.epoch), .int32(settlement.settled), .int32(Int32(changes.added)),
                .int32(Int32(changes.updated)), .int32(Int32(changes.deleted)), .bool(!changes.isEmpty),
                .int32(changes.dependsOnOrder ? 0 : 1),
            ])
        guard rows.affectedRows == 1 else {
            throw StageFailure(.unitFenced, "Chunk \(settlement.settled) was settled by another worker.")
        }
    }

    fileprivate func write(_ changes: VersionChanges, _ handling: Message, _ snapshot: SnapshotNumber)
        async throws(StageFailure)
    {
        let key: [PostgresValue] = [
            .uuid(handling.tenant.uuid), .int16(Int16(bitPattern: handling.type ?? 0)), .int32(snapshot),
        ]
        try await endVersions(changes, key)
        for begun in changes.begun.slices {
            var columns = VersionColumns(capacity: begun.count)
            for head in begun { columns.append(head.object, head.facet, head.digest) }
            _ = try await rows(
                """
                INSERT INTO backup.object_versions (tenant_id, type, from_snapshot, object_id, facet, digest, seen_at)
                SELECT $1, $2, $3, object_id, facet, digest, now()
                FROM unnest($4::uuid[], $5::smallint[], $6::bytea[]) AS v (object_id, facet, digest)
                """, key + [.array(columns.objects), .array(columns.facets), .array(columns.digests)])
        }
        for ended in changes.endedLinks.slices {
            _ = try await rows(
                """
                UPDATE backup.link_versions v SET to_snapshot = $3
                FROM unnest($4::uuid[], $5::smallint[], $6::uuid[]) AS e (object_id, relationship, target_id)
                CROSS JOIN LATERAL (SELECT c.ctid AS place FROM backup.link_versions c
                    WHERE c.tenant_id = $1 AND c.type = $2 AND c.object_id = e.object_id
                        AND c.relationship = e.relationship AND c.target_id = e.target_id
                        AND c.to_snapshot = 2147483647 OFFSET 0) AS k
                WHERE v.ctid = k.place
                """, key + LinkColumns(ended).parameters)
        }
        for begun in changes.begunLinks.slices {
            _ = try await rows(
                """
                INSERT INTO backup.link_versions (tenant_id, type, from_snapshot, object_id, relationship, target_id)
                SELECT $1, $2, $3, object_id, relationship, target_id
                FROM unnest($4::uuid[], $5::smallint[], $6::uuid[]) AS l (object_id, relationship, target_id)
                """, key + LinkColumns(begun).parameters)
        }
    }

    /// Ends the versions that have a successor (without a reason) and those that have none.
    private func endVersions(_ changes: VersionChanges, _ key: [PostgresValue]) async throws(StageFailure) {
        var ending: [(object: ObjectKey, facet: UInt16, reason: EndReason?)] = []
        if !changes.areAllNew { ending += changes.begun.map { ($0.object, $0.facet, nil) } }
        ending += changes.ended.map { ($0.object, $0.facet, $0.reason) }
        for part in ending.slices {
            var columns = VersionColumns(capacity: part.count)
            var reasons = PostgresArray(.int16, capacity: part.count)
            for ended in part {
                columns.append(ended.object, ended.facet, nil)
                reasons.append(int16: ended.reason.map { Int16($0.rawValue) })
            }
            _ = try await rows(
                """
                UPDATE backup.object_versions v SET to_snapshot = $3, reason = e.reason
                FROM unnest($4::uuid[], $5::smallint[], $6::smallint[]) AS e (object_id, facet, reason)
                CROSS JOIN LATERAL (SELECT c.ctid AS place FROM backup.object_versions c
                    WHERE c.tenant_id = $1 AND c.type = $2 AND c.object_id = e.object_id AND c.facet = e.facet
                        AND c.to_snapshot = 2147483647 OFFSET 0) AS k
                WHERE v.ctid = k.place
                """, key + [.array(columns.objects), .array(columns.facets), .array(reasons)])
        }
    }

    /// Takes the collection's digest and counts it as settled; the last one of the round makes the sealing message.
    fileprivate func finishCollection(_ handling: Message, _ settlement: Settlement)
        async throws(StageFailure) -> [Message]
    {
        let state = try await collectionState(handling)
        _ = try await rows(
            """
            UPDATE backup.collections SET finished = true, objects = $4, links = $5, digest = $6,
                persist_finished_at = clock_timestamp()
            WHERE tenant_id = $1 AND job_id = $2 AND type = $3
            """,
            handling.collectionKey + [
                .int64(state.objects), .int64(state.links), .bytea(state.digest),
            ])
        let left = try await rows(
            """
            UPDATE backup.jobs SET open_collections = open_collections - 1 WHERE tenant_id = $1 AND job_id = $2
            RETURNING open_collections
            """, Array(handling.collectionKey.prefix(2)))
        let open = try decoded { () throws(PostgresError) in try left.first?.int32("open_collections") }
        return open == 0 ? [handling.following(.roundSettled)] : []
    }

    /// Counts and digest of the collection's current state; those of the snapshot before when nothing changed.
    private func collectionState(_ handling: Message) async throws(StageFailure) -> CollectionState {
        let key: [PostgresValue] = [.uuid(handling.tenant.uuid), .int16(Int16(bitPattern: handling.type ?? 0))]
        let rows = try await rows(
            """
            SELECT c.changed, s.objects, s.links, s.digest FROM backup.collections c
            LEFT JOIN LATERAL (SELECT objects, links, digest FROM backup.snapshot_collections
                WHERE tenant_id = c.tenant_id AND type = c.type ORDER BY number DESC LIMIT 1) s ON true
            WHERE c.tenant_id = $1 AND c.job_id = $2 AND c.type = $3
            """, handling.collectionKey)
        if let row = rows.first {
            let known = try decoded { () throws(PostgresError) -> CollectionState? in
                guard try !row.bool("changed"), let digest = try row.optionalBytes("digest") else { return nil }
                return CollectionState(objects: try row.int64("objects"), links: try row.int64("links"), digest: digest)
            }
            if let known { return known }
        }
        return try await digestedState(key)
    }

    /// Reads the current state in the order of its keys and hashes it.
    func digestedState(_ key: [PostgresValue]) async throws(StageFailure) -> CollectionState {
        try await digestedState(key, at: "to_snapshot = 2147483647")
    }

    /// The state at a condition on the interval, hashed: objects with their facets, then links.
    func digestedState(_ key: [PostgresValue], at condition: String) async throws(StageFailure) -> CollectionState {
        var hash = SHA256()
        var objects: Int64 = 0
        var links: Int64 = 0
        do {
            try await stream(
                """
                SELECT object_id, facet, digest FROM backup.object_versions
                WHERE tenant_id = $1 AND type = $2 AND \(condition) ORDER BY object_id, facet
                """, key, chunk: 4_096
            ) { rows in
                for row in rows {
                    if try row.int16(1) == 0 { objects += 1 }
                    for column in 0..<3 {
                        try row.withBytes(PostgresColumn(integerLiteral: column)) { hash.update(bufferPointer: $0) }
                    }
                }
            }
            hash.update(data: [0xFF])
            try await stream(
                """
                SELECT object_id, relationship, target_id FROM backup.link_versions
                WHERE tenant_id = $1 AND type = $2 AND \(condition) ORDER BY object_id, relationship, target_id
                """, key, chunk: 8_192
            ) { rows in
                links += Int64(rows.count)
                for row in rows {
                    for column in 0..<3 {
                        try row.withBytes(PostgresColumn(integerLiteral: column)) { hash.update(bufferPointer: $0) }
                    }
                }
            }
        } catch let error as PostgresError {
            throw StageFailure(store: error)
        } catch {
            throw StageFailure(.stageDefect, "A collection could not be digested: \(error)")
        }
        return CollectionState(objects: objects, links: links, digest: Array(hash.finalize()))
    }
}

/// A collection's size and digest at a snapshot.
struct CollectionState: Sendable {
    var objects: Int64
    var links: Int64
    var digest: [UInt8]
}

private struct VersionColumns {
    var objects: PostgresArray
    var facets: PostgresArray
    var digests: PostgresArray

    init(capacity: Int) {
        objects = PostgresArray(.uuid, capacity: capacity, elementSize: 16)
        facets = PostgresArray(.int16, capacity: capacity, elementSize: 2)
        digests = PostgresArray(.bytea, capacity: capacity, elementSize: 32)
    }

    mutating func append(_ object: ObjectKey, _ facet: UInt16, _ digest: BackupModel.Digest?) {
        object.withBytes { objects.append(uuidBytes: $0) }
        facets.append(int16: Int16(bitPattern: facet))
        digest?.withBytes { digests.append(bytes: $0) }
    }
}

/// Links as three columns.
struct LinkColumns {
    var parameters: [PostgresValue]

    init(_ links: ArraySlice<LinkHead>) {
        var objects = PostgresArray(.uuid, capacity: links.count, elementSize: 16)
        var relationships = PostgresArray(.int16, capacity: links.count, elementSize: 2)
        var targets = PostgresArray(.uuid, capacity: links.count, elementSize: 16)
        for link in links {
            link.object.withBytes { objects.append(uuidBytes: $0) }
            relationships.append(int16: Int16(bitPattern: link.relationship))
            link.target.withBytes { targets.append(uuidBytes: $0) }
        }
        parameters = [.array(objects), .array(relationships), .array(targets)]
    }
}

extension Array {
    /// Parts of at most 8,192 elements, one a statement: more rows a statement would make it no faster, only larger
    /// in the memory of both sides.
    var slices: [ArraySlice<Element>] {
        stride(from: 0, to: count, by: 8_192).map { self[$0..<Swift.min($0 + 8_192, count)] }
    }
}
