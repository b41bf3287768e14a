import BackupContracts
public import BackupModel
import LibPQ
import Sealing

/// An object that a search found.
public struct SearchHit: Sendable {
    /// Hits come by its number where words are searched, else by the order in which types were given.
    public var type: ObjectType
    /// With those of its attributes alone that name it or were asked about.
    public var document: ObjectDocument
    /// Paths that matched.
    public var matched: [String]
}

extension PostgresStore {
    /// Searches a snapshot by words of names and by conditions on attributes.
    ///
    /// Words go through the tokens (D9): candidates are opened and checked. Conditions without a text open every object
    /// of the types in a stream, until `limit` are found. Hits come by type and key, with those attributes alone that
    /// name the object or were asked about.
    public func search(
        _ tenant: TenantID, text: String?, conditions: [SearchCondition], types: [ObjectType],
        at snapshot: SnapshotNumber, limit: Int
    ) async throws(AccountError) -> [SearchHit] {
        var hits: [SearchHit] = []
        let words = text.map { SearchText($0) }
        /// Returns whether more hits are wanted.
        func check(_ attributes: StoredAttributes) -> Bool {
            var matched: [String] = []
            if let words {
                let paths = words.matches(attributes.document)
                if paths.isEmpty { return true }
                matched += paths
            }
            for condition in conditions {
                let paths = condition.matches(attributes.document)
                if paths.isEmpty { return true }
                matched += paths
            }
            hits.append(SearchHit(type: attributes.type, document: attributes.document, matched: matched))
            return hits.count < limit
        }
        let names = (words == nil ? [] : SearchText.attributes) + conditions.compactMap(\.path.first)
        if let text {
            try await candidates(tenant, text, types, at: snapshot, wanted: limit, names, check)
        } else {
            for type in types where hits.count < limit {
                try await everyObject(tenant, type, at: snapshot, names, check)
            }
        }
        return hits
    }

    /// Calls `body` with the objects whose names may hold all words, by type and key, until it returns false: an object
    /// has a token for each word and for its beginning.
    ///
    /// Most candidates are hits, so as many are read as hits are wanted, and more only when some were none.
    private func candidates(
        _ tenant: TenantID, _ text: String, _ types: [ObjectType], at snapshot: SnapshotNumber, wanted: Int,
        _ names: [String], _ body: (StoredAttributes) -> Bool
    ) async throws(AccountError) {
        var count = min(max(wanted, 100), Self.mostCandidates)
        var after: (type: Int16, object: ObjectKey) = (.min, .zero)
        while true {
            let (from, most) = (after, count)
            let batch = try await read(tenant) { (connection) async throws(AccountError) in
                let keys = try await self.openedKeys(connection, tenant)
                let tokens = keys.searchKey.queryTokens(text)
                let rows = try await connection.candidates(tenant, tokens, types, at: snapshot, after: from, most)
                return rows.map { SearchBatch(rows: $0, keys: keys) }
            }
            guard let batch, let last = batch.rows.last else { return }
            let wantsMore = try AttributesReader(keys: batch.keys, names: names).read(batch.rows, body)
            guard wantsMore, batch.rows.count == count else { return }
            after = try batch.place(of: last)
            // The index is asked anew each time, so not often.
            count = min(4 * count, Self.mostCandidates)
        }
    }

    /// Some ten megabytes.
    private static let mostCandidates = 20_000
    private static let objectsAtOnce = 2_000

    /// Calls `body` with the attributes of every object of a type, by key, until it returns false. Memory of two
    /// batches: one is read while the other is opened.
    private func everyObject(
        _ tenant: TenantID, _ type: ObjectType, at snapshot: SnapshotNumber, _ names: [String],
        _ body: (StoredAttributes) -> Bool
    ) async throws(AccountError) {
        var batch = try await objects(tenant, type, at: snapshot, after: .zero).get()
        while let last = batch.rows.last {
            let after = try batch.place(of: last).object
            let isLast = batch.rows.count < Self.objectsAtOnce
            async let following = isLast ? nil : objects(tenant, type, at: snapshot, after: after)
            guard try AttributesReader(keys: batch.keys, names: names).read(batch.rows, body),
                let next = await following
            else { return }
            batch = try next.get()
        }
    }

    private func objects(
        _ tenant: TenantID, _ type: ObjectType, at snapshot: SnapshotNumber, after: ObjectKey
    ) async -> Result<SearchBatch, AccountError> {
        do throws(AccountError) {
            return .success(
                try await read(tenant) { (connection) async throws(AccountError) in
                    SearchBatch(
                        rows: try await connection.objects(tenant, type, at: snapshot, after, Self.objectsAtOnce),
                        keys: try await self.openedKeys(connection, tenant))
                })
        } catch {
            return .failure(error)
        }
    }

    private func openedKeys(_ connection: PostgresConnection, _ tenant: TenantID) async throws(AccountError)
        -> OpenedKeys
    {
        do throws(StageFailure) {
            return try await keys(connection, tenant)
        } catch {
            throw AccountError(error)
        }
    }
}

/// Rows of type, object, digest and payload, and what opens them.
private struct SearchBatch: Sendable {
    let rows: PostgresRows
    let keys: OpenedKeys

    func place(of row: PostgresRow) throws(AccountError) -> (type: Int16, object: ObjectKey) {
        do throws(StageFailure) {
            return try decoded { () throws(PostgresError) in (try row.int16(0), try row.objectKey(1)) }
        } catch {
            throw AccountError(error)
        }
    }
}

extension PostgresConnection {
    /// Candidates behind a place, by type and key; `nil` when there is no word to look for.
    fileprivate func candidates(
        _ tenant: TenantID, _ tokens: [Int32], _ types: [ObjectType], at snapshot: SnapshotNumber,
        after: (type: Int16, object: ObjectKey), _ most: Int
    ) async throws(AccountError) -> PostgresRows? {
        if tokens.isEmpty { return nil }
        // The tokens' index is reached through a function: row-level security keeps an operator of arrays, which
        // is not leakproof, out of the index of a table that it guards. Sorted before versions and contents are looked
        // up, so that only as many are as are wanted.
        return try await checked(
            """
            SELECT t.type, t.object_id, t.digest, c.payload
            FROM (SELECT f.type, f.object_id, f.facet, f.digest FROM backup.contents_with_tokens($4) f
                WHERE f.type = ANY($3) AND (f.type, f.object_id) > ($5, $6)
                ORDER BY f.type, f.object_id OFFSET 0) AS t
            CROSS JOIN LATERAL (SELECT FROM backup.object_versions o WHERE o.tenant_id = $1 AND o.type = t.type
                AND o.object_id = t.object_id AND o.facet = t.facet AND o.digest = t.digest
                AND o.from_snapshot <= $2 AND o.to_snapshot > $2 OFFSET 0) AS v
            CROSS JOIN LATERAL (SELECT k.payload FROM backup.contents k
                WHERE k.tenant_id = $1 AND k.digest = t.digest OFFSET 0) AS c
            ORDER BY t.type, t.object_id LIMIT \(most)
            """,
            [
                .uuid(tenant.uuid), .int32(snapshot), .int16Array(types.map { Int16(bitPattern: $0.number) }),
                .int32Array(tokens), .int16(after.type), .uuid(after.object.uuid),
            ])
    }

    /// The next objects of a type, by key.
    fileprivate func objects(
        _ tenant: TenantID, _ type: ObjectType, at snapshot: SnapshotNumber, _ after: ObjectKey, _ most: Int
    ) async throws(AccountError) -> PostgresRows {
        try await checked(
            """
            SELECT v.type, v.object_id, v.digest, c.payload
            FROM (SELECT type, object_id, digest FROM backup.object_versions
                WHERE tenant_id = $1 AND type = $2 AND facet = 0 AND from_snapshot <= $3 AND to_snapshot > $3
                    AND object_id > $4
                ORDER BY object_id LIMIT \(most)) v
            LEFT JOIN LATERAL (SELECT k.payload FROM backup.contents k
                WHERE k.tenant_id = $1 AND k.digest = v.digest OFFSET 0) AS c ON true
            ORDER BY v.object_id
            """,
            [.uuid(tenant.uuid), .int16(Int16(bitPattern: type.number)), .int32(snapshot), .uuid(after.uuid)])
    }
}
