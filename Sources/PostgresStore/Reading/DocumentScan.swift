import BackupContracts
import BackupModel
import LibPQ

/// A pass over all objects of a type at a snapshot in the order of their keys, batch by batch.
///
/// A batch has as many objects as come to a few megabytes, judged by the one before: groups with thousands of members
/// and policies with long settings come in smaller ones.
struct DocumentScan: Sendable {
    private static let mostFacets = 2_048
    private static let fewestFacets = 64
    /// Sealed bytes of contents that a batch is to have.
    private static let wantedBytes = 2 << 20
    /// Links that a batch may have, unless they are of one object.
    private static let mostLinks = 50_000

    let tenant: TenantID
    let type: ObjectType
    let snapshot: SnapshotNumber
    private(set) var isAtEnd = false
    private var after: ObjectKey?
    /// A power of two, so that there are few statements to prepare.
    private var facetsAtOnce = 256

    init(tenant: TenantID, type: ObjectType, snapshot: SnapshotNumber) {
        self.tenant = tenant
        self.type = type
        self.snapshot = snapshot
    }

    /// The next objects; empty only at the end.
    mutating func next(_ connection: PostgresConnection, _ keys: OpenedKeys) async throws(StageFailure) -> [StoredText]
    {
        while !isAtEnd {
            let found = try await facets(connection)
            let all = try decoded { () throws(PostgresError) in try Cut(found, limit: facetsAtOnce) }
            guard let first = all.first, let last = all.last else {
                // Either there are none, or one object has more facets than were asked for.
                isAtEnd = found.count < facetsAtOnce
                facetsAtOnce *= 2
                continue
            }
            let (links, end) = try await links(connection, first, last)
            let cut = try decoded { () throws(PostgresError) in try all.upTo(end, found) }
            after = end
            isAtEnd = all.isWhole && end == last
            adapt(cut, isShort: end != last)
            var assembly = DocumentAssembly(type: type, keys: keys)
            let documents = try assembly.assemble(cut, links)
            if !documents.isEmpty { return documents }
        }
        return []
    }

    private func facets(_ connection: PostgresConnection) async throws(StageFailure) -> PostgresRows {
        try await connection.rows(
            """
            SELECT \(PostgresConnection.facetColumns)
            FROM (SELECT * FROM backup.object_versions o WHERE o.tenant_id = $1 AND o.type = $2
                AND o.from_snapshot <= $3 AND o.to_snapshot > $3\(after == nil ? "" : " AND o.object_id > $4")
                ORDER BY o.object_id, o.facet LIMIT \(facetsAtOnce) OFFSET 0) AS v
            \(PostgresConnection.joinedContents) ORDER BY v.object_id, v.facet
            """, parameters + (after.map { [.uuid($0.uuid)] } ?? []))
    }

    private var parameters: [PostgresValue] {
        [.uuid(tenant.uuid), .int16(Int16(bitPattern: type.number)), .int32(snapshot)]
    }

    /// The links of the objects from `first` on, and the last object all of whose links are among them.
    private func links(_ connection: PostgresConnection, _ first: ObjectKey, _ last: ObjectKey)
        async throws(StageFailure) -> (PostgresRows, ObjectKey)
    {
        let found = try await links(connection, first, last, limit: Self.mostLinks)
        guard found.count == Self.mostLinks else { return (found, last) }
        let end = try decoded { () throws(PostgresError) -> ObjectKey? in
            let cut = try found[found.count - 1].objectKey(0)
            var index = found.count - 1
            while index >= 0, try found[index].objectKey(0) == cut { index -= 1 }
            return index < 0 ? nil : try found[index].objectKey(0)
        }
        if let end { return (found, end) }
        // All are of the first object that has any: it comes alone, or those without come before it.
        let object = try decoded { () throws(PostgresError) in try found[0].objectKey(0) }
        return (try await links(connection, first, object, limit: nil), object)
    }

    private func links(_ connection: PostgresConnection, _ first: ObjectKey, _ last: ObjectKey, limit: Int?)
        async throws(StageFailure) -> PostgresRows
    {
        try await connection.rows(
            """
            SELECT object_id, relationship, target_id, from_snapshot, to_snapshot FROM backup.link_versions
            WHERE tenant_id = $1 AND type = $2 AND from_snapshot <= $3 AND to_snapshot > $3
                AND object_id >= $4 AND object_id <= $5
            ORDER BY object_id, relationship, target_id\(limit.map { " LIMIT \($0)" } ?? "")
            """, parameters + [.uuid(first.uuid), .uuid(last.uuid)])
    }

    private mutating func adapt(_ cut: Slice<PostgresRows>, isShort: Bool) {
        let bytes = cut.reduce(0) { $0 + ((try? $1.withBytes(6) { $0.count }) ?? 0) }
        let fitting = cut.count * Self.wantedBytes / max(1, bytes)
        // Objects whose links did not fit were read in vain.
        let wanted = isShort ? min(fitting, cut.count) : min(fitting, 4 * facetsAtOnce)
        let clamped = min(max(wanted, Self.fewestFacets), Self.mostFacets)
        facetsAtOnce = 1 << (Int.bitWidth - 1 - clamped.leadingZeroBitCount)
    }
}

/// Facets of whole objects: the last of a full batch may be cut.
private struct Cut {
    let first: ObjectKey?
    let last: ObjectKey?
    /// Nothing was cut off.
    let isWhole: Bool

    init(_ rows: PostgresRows, limit: Int) throws(PostgresError) {
        isWhole = rows.count < limit
        var end = rows.count
        if !isWhole {
            let cut = try rows[end - 1].objectKey(0)
            while end > 0, try rows[end - 1].objectKey(0) == cut { end -= 1 }
        }
        first = end > 0 ? try rows[0].objectKey(0) : nil
        last = end > 0 ? try rows[end - 1].objectKey(0) : nil
    }

    func upTo(_ object: ObjectKey, _ rows: PostgresRows) throws(PostgresError) -> Slice<PostgresRows> {
        var (low, high) = (0, rows.count)
        while low < high {
            let middle = (low + high) / 2
            if try rows[middle].objectKey(0) <= object { low = middle + 1 } else { high = middle }
        }
        return rows[0..<low]
    }
}

extension PostgresConnection {
    static let facetColumns = "v.object_id, v.facet, v.from_snapshot, v.to_snapshot, v.seen_at, v.digest, c.payload"
    /// Look-ups by key, whatever the planner thinks of their number.
    static let joinedContents = """
        LEFT JOIN LATERAL (SELECT k.payload FROM backup.contents k
            WHERE k.tenant_id = $1 AND k.digest = v.digest OFFSET 0) AS c ON true
        """

    /// The given objects at a snapshot; those that are not there are left out.
    func documents(
        _ tenant: TenantID, _ type: ObjectType, _ objects: [ObjectKey], at snapshot: SnapshotNumber, _ keys: OpenedKeys
    ) async throws(StageFailure) -> [StoredText] {
        var wanted = PostgresArray(.uuid, capacity: objects.count, elementSize: 16)
        for object in objects { object.withBytes { wanted.append(uuidBytes: $0) } }
        let parameters: [PostgresValue] = [
            .uuid(tenant.uuid), .int16(Int16(bitPattern: type.number)), .int32(snapshot), .array(wanted),
        ]
        let facets = try await rows(
            """
            SELECT \(Self.facetColumns)
            FROM unnest($4::uuid[]) AS w (id)
            CROSS JOIN LATERAL (SELECT * FROM backup.object_versions o WHERE o.tenant_id = $1 AND o.type = $2
                AND o.object_id = w.id AND o.from_snapshot <= $3 AND o.to_snapshot > $3 OFFSET 0) AS v
            \(Self.joinedContents) ORDER BY v.object_id, v.facet
            """, parameters)
        let links = try await rows(
            """
            SELECT v.object_id, v.relationship, v.target_id, v.from_snapshot, v.to_snapshot
            FROM unnest($4::uuid[]) AS w (id)
            CROSS JOIN LATERAL (SELECT * FROM backup.link_versions o WHERE o.tenant_id = $1 AND o.type = $2
                AND o.object_id = w.id AND o.from_snapshot <= $3 AND o.to_snapshot > $3 OFFSET 0) AS v
            ORDER BY v.object_id, v.relationship, v.target_id
            """, parameters)
        var assembly = DocumentAssembly(type: type, keys: keys)
        return try assembly.assemble(facets[0..<facets.count], links)
    }
}
