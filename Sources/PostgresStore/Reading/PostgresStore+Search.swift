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
    /// of the types in a stream. Either ends when `limit` are found. Hits come by type and id, with those attributes
    /// alone that name the object or were asked about. Which ones they are, where words have more, is not promised.
    public func search(
        _ tenant: TenantID, text: String?, conditions: [SearchCondition], types: [ObjectType],
        at snapshot: SnapshotNumber, limit: Int
    ) async throws(AccountError) -> [SearchHit] {
        let check = SearchCheck(words: text.map { SearchText($0) }, conditions: conditions)
        if let text { return try await candidates(tenant, text, types, at: snapshot, check, limit) }
        var hits: [SearchHit] = []
        for type in types where hits.count < limit {
            hits += try await everyObject(tenant, type, at: snapshot, check, limit - hits.count)
        }
        return hits
    }

    /// Hits among the objects whose names may hold all words: an object has a token for each word and for its beginning.
    ///
    /// Batches are opened one after the other, beside the connection's thread, while the server finds more. It is asked
    /// for more without a look at the hits as long as there are too few candidates.
    private func candidates(
        _ tenant: TenantID, _ text: String, _ types: [ObjectType], at snapshot: SnapshotNumber, _ check: SearchCheck,
        _ most: Int
    ) async throws(AccountError) -> [SearchHit] {
        try await read(tenant) { (connection) async throws(AccountError) in
            let keys = try await self.openedKeys(connection, tenant)
            let tokens = keys.searchKey.queryTokens(text)
            if tokens.isEmpty { return [] }
            var found = Task { Result<HitBatches, AccountError>.success(HitBatches()) }
            var candidates = 0
            try await connection.candidates(tokens, types, at: snapshot) { (rows) async throws(AccountError) in
                let (batch, before) = (SearchBatch(rows: rows, keys: keys), found)
                found = Task {
                    await before.value.flatMap { hits in batch.hits(check, most - hits.count).map(hits.adding) }
                }
                candidates += rows.count
                if candidates < most { return true }
                return try await found.value.get().count < most
            }
            return try await found.value.get().batches.joined().sorted {
                ($0.type.number, $0.document.id) < ($1.type.number, $1.document.id)
            }
        }
    }

    private static let objectsAtOnce = 2_000

    /// The first hits among all objects of a type, by key. Memory of two batches: one is read while the other is
    /// opened.
    private func everyObject(
        _ tenant: TenantID, _ type: ObjectType, at snapshot: SnapshotNumber, _ check: SearchCheck, _ most: Int
    ) async throws(AccountError) -> [SearchHit] {
        var hits: [SearchHit] = []
        var batch = try await objects(tenant, type, at: snapshot, after: .zero).get()
        while let last = batch.rows.last {
            let after = try batch.object(of: last)
            let isLast = batch.rows.count < Self.objectsAtOnce
            async let following = isLast ? nil : objects(tenant, type, at: snapshot, after: after)
            hits += try batch.hits(check, most - hits.count).get()
            guard hits.count < most, let next = await following else { return hits }
            batch = try next.get()
        }
        return hits
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

/// What is asked of each object.
private struct SearchCheck: Sendable {
    let words: SearchText?
    let conditions: [SearchCondition]

    /// The attributes that it looks at.
    var names: [String] { (words == nil ? [] : SearchText.attributes) + conditions.compactMap(\.path.first) }

    /// The hit that an object is; `nil` when words or conditions do not hold.
    func hit(_ attributes: StoredAttributes) -> SearchHit? {
        var matched: [String] = []
        if let words {
            matched = words.matches(attributes.document)
            if matched.isEmpty { return nil }
        }
        for condition in conditions {
            let paths = condition.matches(attributes.document)
            if paths.isEmpty { return nil }
            matched += paths
        }
        return SearchHit(type: attributes.type, document: attributes.document, matched: matched)
    }
}

/// Hits of several batches: put together at the end, since a new array for each batch would copy those before it.
private struct HitBatches: Sendable {
    private(set) var batches: [[SearchHit]] = []
    private(set) var count = 0

    func adding(_ hits: [SearchHit]) -> HitBatches {
        var all = self
        all.batches.append(hits)
        all.count += hits.count
        return all
    }
}

/// Rows of type, object, digest and payload, and what opens them.
private struct SearchBatch: Sendable {
    let rows: PostgresRows
    let keys: OpenedKeys

    func object(of row: PostgresRow) throws(AccountError) -> ObjectKey {
        do throws(StageFailure) {
            return try decoded { () throws(PostgresError) in try row.objectKey(1) }
        } catch {
            throw AccountError(error)
        }
    }

    /// The first `most` hits; nothing behind them is opened.
    func hits(_ check: SearchCheck, _ most: Int) -> Result<[SearchHit], AccountError> {
        var hits: [SearchHit] = []
        do throws(AccountError) {
            try AttributesReader(keys: keys, names: check.names).read(rows) { attributes in
                if let hit = check.hit(attributes) { hits.append(hit) }
                return hits.count < most
            }
            return .success(hits)
        } catch {
            return .failure(error)
        }
    }
}

extension PostgresConnection {
    /// A hundred kilobytes: enough that the questions for more cost little, few enough that the last batch, beside
    /// which the server has nothing left to do, is soon opened.
    private static let candidatesAtOnce = 128

    /// Calls `body` with the candidates in batches until it returns false.
    fileprivate func candidates(
        _ tokens: [Int32], _ types: [ObjectType], at snapshot: SnapshotNumber,
        _ body: (PostgresRows) async throws(AccountError) -> Bool
    ) async throws(AccountError) {
        struct Enough: Error {}
        do {
            // In FROM the function would be run to its end before the first row comes.
            try await stream(
                """
                SELECT (found).type, (found).object_id, (found).digest, (found).payload
                FROM (SELECT backup.objects_with_tokens($1, $2, $3) AS found OFFSET 0) f
                """,
                [
                    .int32Array(tokens), .int16Array(types.map { Int16(bitPattern: $0.number) }), .int32(snapshot),
                ], chunk: Self.candidatesAtOnce
            ) { rows in
                guard try await body(rows) else { throw Enough() }
            }
        } catch is Enough {
            return
        } catch let error as AccountError {
            throw error
        } catch let error as PostgresError {
            throw AccountError(StageFailure(store: error))
        } catch {
            throw AccountError(StageFailure(.stageDefect, "A search ended with \(error)."))
        }
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
