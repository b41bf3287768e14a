import BackupContracts
public import BackupModel
import Foundation
import LibPQ
import Sealing

/// An object that a search found.
public struct SearchHit: Sendable {
    public var type: ObjectType
    public var document: ObjectDocument
    /// Paths that matched.
    public var matched: [String]
}

extension PostgresStore {
    /// Searches a snapshot by words of names and by conditions on attributes.
    ///
    /// Words go through the tokens (D9): candidates are opened and checked. Conditions without a text open every object
    /// of the types in a stream, until `limit` are found. Hits come by type and key, with the attributes alone.
    public func search(
        _ tenant: TenantID, text: String?, conditions: [SearchCondition], types: [ObjectType],
        at snapshot: SnapshotNumber, limit: Int
    ) async throws -> [SearchHit] {
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
        if let text {
            try await candidates(tenant, text, types, at: snapshot, check)
        } else {
            for type in types where hits.count < limit { try await everyObject(tenant, type, at: snapshot, check) }
        }
        return hits
    }

    /// Calls `body` with the objects whose names may hold all words, by type and key, until it returns false: an object
    /// has a token for each word and for its beginning.
    private func candidates(
        _ tenant: TenantID, _ text: String, _ types: [ObjectType], at snapshot: SnapshotNumber,
        _ body: (StoredAttributes) -> Bool
    ) async throws(AccountError) {
        let found = try await read(tenant) { (connection) async throws(AccountError) -> (PostgresRows, OpenedKeys)? in
            let keys = try await self.openedKeys(connection, tenant)
            let wanted = keys.searchKey.queryTokens(text)
            guard let first = wanted.first else { return nil }
            var parameters: [PostgresValue] = [
                .uuid(tenant.uuid), .int32(snapshot), .int16Array(types.map { Int16(bitPattern: $0.number) }),
                .int32Array(first),
            ]
            var others = ""
            for word in wanted.dropFirst() {
                parameters.append(.int32Array(word))
                others += " AND t.digest IN (SELECT o.digest FROM backup.contents_with_tokens($\(parameters.count)) o)"
            }
            // The tokens' index is reached through a function: row-level security keeps an operator of arrays, which
            // is not leakproof, out of the index of a table that it guards.
            let rows = try await connection.checked(
                """
                SELECT t.type, t.object_id, t.digest, c.payload FROM backup.contents_with_tokens($4) t
                CROSS JOIN LATERAL (SELECT FROM backup.object_versions o WHERE o.tenant_id = $1 AND o.type = t.type
                    AND o.object_id = t.object_id AND o.facet = t.facet AND o.digest = t.digest
                    AND o.from_snapshot <= $2 AND o.to_snapshot > $2 OFFSET 0) AS v
                CROSS JOIN LATERAL (SELECT k.payload FROM backup.contents k
                    WHERE k.tenant_id = $1 AND k.digest = t.digest OFFSET 0) AS c
                WHERE t.type = ANY($3)\(others) ORDER BY t.type, t.object_id LIMIT 20000
                """, parameters)
            return (rows, keys)
        }
        if let (rows, keys) = found { _ = try AttributesReader(keys: keys).read(rows, body) }
    }

    /// Calls `body` with the attributes of every object of a type, by key, until it returns false. Memory of one batch.
    private func everyObject(
        _ tenant: TenantID, _ type: ObjectType, at snapshot: SnapshotNumber, _ body: (StoredAttributes) -> Bool
    ) async throws(AccountError) {
        var after: ObjectKey?
        while true {
            let from = after
            let (rows, keys) = try await read(tenant) {
                (connection) async throws(AccountError) -> (PostgresRows, OpenedKeys) in
                let rows = try await connection.checked(
                    """
                    SELECT v.type, v.object_id, v.digest, c.payload
                    FROM (SELECT type, object_id, digest FROM backup.object_versions
                        WHERE tenant_id = $1 AND type = $2 AND facet = 0 AND from_snapshot <= $3 AND to_snapshot > $3
                            AND object_id > $4
                        ORDER BY object_id LIMIT 2000) v
                    LEFT JOIN LATERAL (SELECT k.payload FROM backup.contents k
                        WHERE k.tenant_id = $1 AND k.digest = v.digest OFFSET 0) AS c ON true
                    ORDER BY v.object_id
                    """,
                    [
                        .uuid(tenant.uuid), .int16(Int16(bitPattern: type.number)), .int32(snapshot),
                        .uuid((from ?? .zero).uuid),
                    ])
                return (rows, try await self.openedKeys(connection, tenant))
            }
            guard !rows.isEmpty else { return }
            guard let last = try AttributesReader(keys: keys).read(rows, body) else { return }
            after = last
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

/// An object's own attributes, without its links and children: all that searches look at.
private struct StoredAttributes {
    var type: ObjectType
    var document: ObjectDocument
}

/// Opens rows of type, object, digest and payload, in this order of columns.
private struct AttributesReader {
    let keys: OpenedKeys

    /// - Returns: the last object, or `nil` when `body` wanted no more.
    func read(_ rows: PostgresRows, _ body: (StoredAttributes) -> Bool) throws(AccountError) -> ObjectKey? {
        do throws(StageFailure) {
            var last = ObjectKey.zero
            for row in rows {
                let object = try decoded { () throws(PostgresError) in try row.objectKey(1) }
                if let attributes = try attributes(of: object, row), !body(attributes) { return nil }
                last = object
            }
            return last
        } catch {
            throw AccountError(error)
        }
    }

    private func attributes(of object: ObjectKey, _ row: PostgresRow) throws(StageFailure) -> StoredAttributes? {
        let (number, digest, payload) = try decoded { () throws(PostgresError) in
            (UInt16(bitPattern: try row.int16(0)), try row.bytes(2), try row.optionalBytes(3))
        }
        guard let type = Catalogue.current[number] else { return nil }
        guard let payload else { throw StageFailure(.storedDataDamaged, "A content of \(type.name) is missing.") }
        let plain: [UInt8]
        do throws(SealingError) {
            plain = try keys.sealer.open(payload, type: number, digest: digest)
        } catch {
            throw StageFailure(sealed: error, "A content of \(type.name) could not be opened")
        }
        guard let attributes = (try? JSONValue(parsing: plain))?.object else { return nil }
        return StoredAttributes(
            type: type,
            document: ObjectDocument(
                type: type.name, id: keys.id(of: object, type) { attributes[$0]?.string }, attributes: attributes))
    }
}

/// The words of a search, compared with names as people write them: without case and accents.
struct SearchText {
    private let words: [String]

    init(_ text: String) {
        words = Self.words(of: text)
    }

    /// The names in which every word begins a word.
    func matches(_ document: ObjectDocument) -> [String] {
        guard !words.isEmpty else { return [] }
        let names = ["displayName", "userPrincipalName", "mail"].map { name in
            (name, Self.words(of: document.attributes[name]?.string ?? ""))
        }
        var matched: Set<String> = []
        for word in words {
            let found = names.filter { $0.1.contains { $0.hasPrefix(word) } }
            if found.isEmpty { return [] }
            matched.formUnion(found.map(\.0))
        }
        return matched.sorted().map { "/\($0)" }
    }

    private static func words(of text: String) -> [String] {
        fold(text).split { !$0.isLetter && !$0.isNumber }.map(String.init)
    }

    private static func fold(_ text: String) -> String {
        // Folding by Foundation costs ten times as much.
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.lowercased() }
        return text.folding(options: [.caseInsensitive, .diacriticInsensitive], locale: nil)
    }
}
