import BackupContracts
import BackupModel
import Foundation
import LibPQ

extension PostgresConnection {
    /// Adds what the ids of scope tags have become.
    ///
    /// They are small numbers, of which the map holds hashes that cannot be turned back: the text stands in the sealed
    /// result of the step that made the tag. Cost: a look-up by the key of each tag that the steps name.
    func addTags(
        _ steps: [RestoreStep], to map: inout IDMap, _ tenant: TenantID, _ source: TenantID, _ keys: OpenedKeys
    ) async throws(StageFailure) {
        guard let type = Catalogue.current["roleScopeTag"] else { return }
        var open = steps.reduce(into: Set<String>()) { $0.formUnion($1.scopeTags) }
        var known = open
        while !open.isEmpty {
            var came: Set<String> = []
            for (from, to) in try await tags(open, type.number, tenant, source, keys) {
                map.add(from, to)
                // A tag may have been made anew more than once.
                if known.insert(to).inserted { came.insert(to) }
            }
            open = came
        }
    }

    /// What restores have made of the tags, the last one last.
    private func tags(
        _ ids: Set<String>, _ type: UInt16, _ tenant: TenantID, _ source: TenantID, _ keys: OpenedKeys
    ) async throws(StageFailure) -> [(from: String, to: String)] {
        let rows = try await rows(
            """
            SELECT s.plan_id, s.n, s.result FROM backup.restore_steps s
            JOIN backup.restore_plans p ON p.tenant_id = s.tenant_id AND p.plan_id = s.plan_id
            WHERE s.tenant_id = $1 AND p.source_tenant_id = ANY($2) AND s.type = $3 AND s.object_id = ANY($4)
                AND s.action = 'create' AND s.state = 'done' AND s.result IS NOT NULL
            ORDER BY s.finished_at, s.n
            """,
            [
                .uuid(tenant.uuid), .uuidArray([tenant.uuid, source.uuid]), .int16(Int16(bitPattern: type)),
                .uuidArray(ids.map { keys.objectKey(type: type, id: $0).uuid }),
            ])
        var found: [(from: String, to: String)] = []
        for row in rows {
            let (plan, number, sealed) = try decoded { () throws(PostgresError) in
                (try row.uuid("plan_id"), try row.int32("n"), try row.bytes("result"))
            }
            let result = try RestoreResult(opened: keys.open(sealed, .result, plan, number))
            found += result.newIDs.filter { $0.type == "roleScopeTag" }.map { ($0.from, $0.to) }
        }
        return found
    }
}

extension RestoreStep {
    /// Ids of the scope tags that the step is about, or names.
    var scopeTags: Set<String> {
        var found: Set<String> = type == "roleScopeTag" ? [id] : []
        let values =
            attributes.map { ($0.path.tokens.first ?? "", $0.to) }
            + (document?.attributes.map { ($0.name, $0.value as JSONValue?) } ?? [])
        for (name, value) in values where JSONValue.namesOfTags.contains(name) {
            found.formUnion((value?.array ?? []).compactMap(\.string))
        }
        return found
    }
}
