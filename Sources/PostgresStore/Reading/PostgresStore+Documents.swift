import BackupContracts
public import BackupModel
import Crypto
import Foundation
import LibPQ
import Sealing

/// A document with its place in the object's history.
public struct StoredDocument: Sendable {
    public var key: ObjectKey
    public var document: ObjectDocument
    public var version: VersionStamp
    /// Why a deleted object is gone.
    public var reason: EndReason?
}

extension PostgresStore {
    /// Calls `body` with every object of a type at a snapshot, in the order of their keys.
    ///
    /// - Throws: `snapshotNotFound` when there is no such snapshot, or no longer at the end; `body` may have been called.
    ///
    /// Cost: one pass over the type's current versions in key order, every content opened; memory of one batch.
    public func documents(
        _ tenant: TenantID, _ type: ObjectType, at snapshot: SnapshotNumber,
        _ body: (StoredDocument) throws -> Void
    ) async throws {
        var after: ObjectKey?
        while true {
            let from = after
            let keys = try await read(tenant) { (connection) async throws(AccountError) in
                try all(
                    try await connection.checked(
                        """
                        SELECT object_id FROM backup.object_versions
                        WHERE tenant_id = $1 AND type = $2 AND facet = 0 AND from_snapshot <= $3 AND to_snapshot > $3
                            AND ($4::uuid IS NULL OR object_id > $4)
                        ORDER BY object_id LIMIT 2000
                        """,
                        [
                            .uuid(tenant.uuid), .int16(Int16(bitPattern: type.number)), .int32(snapshot),
                            .uuid(from?.uuid),
                        ])
                ) { (row) throws(PostgresError) in try row.objectKey(0) }
            }
            guard let last = keys.last else { break }
            after = last
            for document in try await documents(tenant, type, keys, at: snapshot) { try body(document) }
        }
        // Retention may have taken the snapshot away meanwhile: what was listed would be short, and nobody would know.
        _ = try await self.snapshot(tenant, snapshot)
    }

    /// The given objects at a snapshot; those that are not there are left out.
    public func documents(
        _ tenant: TenantID, _ type: ObjectType, _ objects: [ObjectKey], at snapshot: SnapshotNumber
    ) async throws(AccountError) -> [StoredDocument] {
        guard !objects.isEmpty else { return [] }
        var wanted = PostgresArray(.uuid, capacity: objects.count, elementSize: 16)
        for object in objects { object.withBytes { wanted.append(uuidBytes: $0) } }
        let parameters: [PostgresValue] = [
            .uuid(tenant.uuid), .int16(Int16(bitPattern: type.number)), .int32(snapshot), .array(wanted),
        ]
        let (facets, links, keys) = try await read(tenant) { (connection) async throws(AccountError) in
            let facets = try await connection.checked(
                """
                SELECT v.object_id, v.facet, v.from_snapshot, v.to_snapshot, v.seen_at, v.digest, v.reason, c.payload
                FROM unnest($4::uuid[]) AS w (id)
                CROSS JOIN LATERAL (SELECT * FROM backup.object_versions o WHERE o.tenant_id = $1 AND o.type = $2
                    AND o.object_id = w.id AND o.from_snapshot <= $3 AND o.to_snapshot > $3 OFFSET 0) AS v
                LEFT JOIN LATERAL (SELECT k.payload FROM backup.contents k
                    WHERE k.tenant_id = $1 AND k.digest = v.digest OFFSET 0) AS c ON true
                ORDER BY v.object_id, v.facet
                """, parameters)
            let links = try await connection.checked(
                """
                SELECT v.object_id, v.relationship, v.target_id, v.from_snapshot, v.to_snapshot
                FROM unnest($4::uuid[]) AS w (id)
                CROSS JOIN LATERAL (SELECT * FROM backup.link_versions o WHERE o.tenant_id = $1 AND o.type = $2
                    AND o.object_id = w.id AND o.from_snapshot <= $3 AND o.to_snapshot > $3 OFFSET 0) AS v
                ORDER BY v.object_id, v.relationship, v.target_id
                """, parameters)
            let keys: OpenedKeys
            do throws(StageFailure) {
                keys = try await self.keys(connection, tenant)
            } catch {
                throw AccountError(error)
            }
            return (facets, links, keys)
        }
        do {
            return try DocumentAssembly(type: type, keys: keys).assemble(facets, links)
        } catch let error as StageFailure {
            throw AccountError(error)
        } catch let error as PostgresError {
            throw AccountError(StageFailure(decoding: error))
        } catch {
            throw AccountError(StageFailure(.storedDataDamaged, "A stored content is not JSON: \(error)"))
        }
    }
}

/// Puts facets and links together to documents.
private struct DocumentAssembly {
    let type: ObjectType
    let keys: OpenedKeys

    func assemble(_ facets: PostgresRows, _ links: PostgresRows) throws -> [StoredDocument] {
        var documents: [StoredDocument] = []
        var link = 0
        var index = 0
        while index < facets.count {
            let object = try facets[index].objectKey("object_id")
            var end = index
            while end < facets.count, try facets[end].objectKey("object_id") == object { end += 1 }
            while link < links.count, try links[link].objectKey("object_id") < object { link += 1 }
            var linkEnd = link
            while linkEnd < links.count, try links[linkEnd].objectKey("object_id") == object { linkEnd += 1 }
            if let document = try assemble(object, facets[index..<end], links[link..<linkEnd]) {
                documents.append(document)
            }
            index = end
            link = linkEnd
        }
        return documents
    }

    private func assemble(_ object: ObjectKey, _ facets: Slice<PostgresRows>, _ links: Slice<PostgresRows>) throws
        -> StoredDocument?
    {
        var interval = VersionInterval()
        var hash = SHA256()
        var attributes: JSONObject?
        var children: [String: [JSONValue]] = [:]
        var seenAt = ""
        for row in facets {
            let facet = UInt16(bitPattern: try row.int16("facet"))
            let value = try open(row)
            try interval.narrow(row)
            hash.update(data: try row.bytes("digest"))
            if facet == 0 {
                attributes = value.object
                seenAt = Timestamps.text(try row.timestamp("seen_at").date)
            } else if let relationship = type.relationships.first(where: { $0.number == facet }) {
                children[relationship.name] = value.array ?? [value]
            }
        }
        guard let attributes else { return nil }
        var targets: [UInt16: [String]] = [:]
        for row in links {
            try interval.narrow(row)
            let target = try row.objectKey("target_id")
            target.withBytes { hash.update(bufferPointer: $0) }
            targets[UInt16(bitPattern: try row.int16("relationship")), default: []].append(target.description)
        }
        let names = targets.compactMap { number, ids in
            type.relationships.first { $0.number == number }.map { ($0.name, ids) }
        }
        let digest = Array(hash.finalize()).withUnsafeBytes { BackupModel.Digest(loading: $0, at: 0) }
        return StoredDocument(
            key: object,
            document: ObjectDocument(
                type: type.name, id: keys.id(of: object, type, attributes), attributes: attributes,
                links: Dictionary(names) { first, _ in first }, children: children),
            version: VersionStamp(digest: digest, from: interval.from, to: interval.to, seenAt: seenAt))
    }

    private func open(_ row: PostgresRow) throws -> JSONValue {
        let digest = try row.bytes("digest")
        guard let payload = try row.optionalBytes("payload") else {
            throw StageFailure(.storedDataDamaged, "A content of \(type.name) is missing.")
        }
        do throws(SealingError) {
            let plain = try keys.sealer.open(payload, type: type.number, digest: digest)
            return try parse(plain)
        } catch {
            throw StageFailure(sealed: error, "A content of \(type.name) could not be opened")
        }
    }

    private func parse(_ plain: [UInt8]) throws(SealingError) -> JSONValue {
        (try? JSONValue(parsing: plain)) ?? .null
    }
}

extension OpenedKeys {
    /// The id as Graph gives it; where that is no GUID it stands in the content, and a singleton without one has its
    /// type's name.
    func id(of object: ObjectKey, _ type: ObjectType, _ attributes: JSONObject) -> String {
        if let id = attributes["id"]?.string { return id }
        if type.idAttribute != "id", let id = attributes[type.idAttribute]?.string { return id }
        return type.shape == .singleton && object == objectKey(type: type.number, id: type.name)
            ? type.name : object.description
    }
}

/// The snapshots over which all parts of a document stay as they are.
private struct VersionInterval {
    var from: SnapshotNumber = 0
    private var end: SnapshotNumber = .max

    var to: SnapshotNumber? { end == .max ? nil : end }

    mutating func narrow(_ row: PostgresRow) throws(PostgresError) {
        from = max(from, try row.int32("from_snapshot"))
        end = min(end, try row.int32("to_snapshot"))
    }
}

enum Timestamps {
    static func text(_ date: Date) -> String {
        date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}

extension PostgresStore {
    /// The key of an object by its id as Graph gives it.
    public func objectKey(_ tenant: TenantID, _ type: ObjectType, id: String) async throws(AccountError) -> ObjectKey {
        if let key = ObjectKey(id) { return key }
        return try await read(tenant) { (connection) async throws(AccountError) in
            do throws(StageFailure) {
                return try await self.keys(connection, tenant).objectKey(type: type.number, id: id)
            } catch {
                throw AccountError(error)
            }
        }
    }
}
