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
    /// of the types in a stream.
    public func search(
        _ tenant: TenantID, text: String?, conditions: [SearchCondition], types: [ObjectType],
        at snapshot: SnapshotNumber, limit: Int
    ) async throws -> [SearchHit] {
        var hits: [SearchHit] = []
        let words = text.map { SearchText($0) }
        func check(_ stored: StoredDocument, _ type: ObjectType) {
            var matched: [String] = []
            if let words {
                let paths = words.matches(stored.document)
                if paths.isEmpty { return }
                matched += paths
            }
            for condition in conditions {
                let paths = condition.matches(stored.document)
                if paths.isEmpty { return }
                matched += paths
            }
            if hits.count < limit { hits.append(SearchHit(type: type, document: stored.document, matched: matched)) }
        }
        guard let text else {
            for type in types {
                try await documents(tenant, type, at: snapshot) { check($0, type) }
            }
            return hits
        }
        for (number, keys) in try await candidates(tenant, text, at: snapshot).sorted(by: { $0.key < $1.key }) {
            guard let type = types.first(where: { $0.number == number }) else { continue }
            for stored in try await documents(tenant, type, keys, at: snapshot) { check(stored, type) }
        }
        return hits
    }

    /// The objects whose names may hold all words: an object has a token for each word and for its beginning.
    private func candidates(_ tenant: TenantID, _ text: String, at snapshot: SnapshotNumber)
        async throws(AccountError) -> [UInt16: [ObjectKey]]
    {
        try await read(tenant) { (connection) async throws(AccountError) in
            let keys: OpenedKeys
            do throws(StageFailure) {
                keys = try await self.keys(connection, tenant)
            } catch {
                throw AccountError(error)
            }
            let wanted = keys.searchKey.queryTokens(text)
            guard !wanted.isEmpty else { return [:] }
            var parameters: [PostgresValue] = [.uuid(tenant.uuid), .int32(snapshot)]
            var tests: [String] = []
            for word in wanted {
                parameters.append(.int32Array(word))
                tests.append("c.tokens && $\(parameters.count)")
            }
            let rows = try all(
                try await connection.checked(
                    """
                    SELECT DISTINCT v.type, v.object_id FROM backup.contents c
                    JOIN backup.object_versions v ON v.tenant_id = c.tenant_id AND v.type = c.type
                        AND v.object_id = c.object_id AND v.facet = c.facet AND v.digest = c.digest
                        AND v.from_snapshot <= $2 AND v.to_snapshot > $2
                    WHERE c.tenant_id = $1 AND c.tokens IS NOT NULL AND \(tests.joined(separator: " AND "))
                    LIMIT 20000
                    """, parameters)
            ) { (row) throws(PostgresError) in
                (UInt16(bitPattern: try row.int16(0)), try row.objectKey(1))
            }
            return Dictionary(grouping: rows) { $0.0 }.mapValues { $0.map(\.1).sorted() }
        }
    }
}

/// The words of a search, compared with names as people write them: without case and accents.
struct SearchText {
    private let words: [String]

    init(_ text: String) {
        words = Self.fold(text).split { !$0.isLetter && !$0.isNumber }.map(String.init)
    }

    /// The names in which every word begins a word.
    func matches(_ document: ObjectDocument) -> [String] {
        guard !words.isEmpty else { return [] }
        let names = ["displayName", "userPrincipalName", "mail"]
        var matched: Set<String> = []
        for word in words {
            let found = names.filter { name in
                let text = Self.fold(document.attributes[name]?.string ?? "")
                return text.split { !$0.isLetter && !$0.isNumber }.contains { $0.hasPrefix(word) }
            }
            if found.isEmpty { return [] }
            matched.formUnion(found)
        }
        return matched.sorted().map { "/\($0)" }
    }

    private static func fold(_ text: String) -> String {
        text.folding(options: [.caseInsensitive, .diacriticInsensitive], locale: nil)
    }
}
