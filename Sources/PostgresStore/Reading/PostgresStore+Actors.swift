import BackupContracts
public import BackupModel
import Foundation
import LibPQ

/// Who did something to an object, as the tenant's directory audits say.
public struct ObjectActor: Sendable, Hashable {
    /// `activityDateTime`, as Microsoft Graph wrote it.
    public var at: String
    /// The user principal name, display name or id of a user, or the name or id of an application.
    public var actor: String
    /// `activityDisplayName`.
    public var activity: String
    /// The first snapshot that was sealed at or after the activity.
    public var snapshot: SnapshotNumber
}

extension PostgresStore {
    /// Who acted on objects within (`from`, `to`], by object id and ordered by time. Empty where audits are not read.
    ///
    /// An audit counts to the first snapshot that was sealed at or after its `activityDateTime`; those without success
    /// changed nothing and do not count. See
    /// <https://learn.microsoft.com/graph/api/resources/directoryaudit>.
    ///
    /// Cost: every audit that was read after `from` is opened; memory of one batch and of what is found.
    /// - Parameter from: 0 for all audits up to `to`.
    public func actors(
        _ tenant: TenantID, of objects: Set<String>, from: SnapshotNumber, to: SnapshotNumber
    ) async throws(AccountError) -> [String: [ObjectActor]] {
        guard let audits = Catalogue.current["directoryAudit"], !objects.isEmpty, from < to else { return [:] }
        let seals = try await seals(tenant)
        guard let newest = seals.last?.number else { return [:] }
        var found: [String: [ObjectActor]] = [:]
        var after: ObjectKey?
        while true {
            let keys = try await auditKeys(tenant, audits, readAfter: from, at: newest, after: after)
            guard let last = keys.last else { break }
            after = last
            for stored in try await documents(tenant, audits, keys, at: newest) {
                guard let (actor, targets) = ObjectActor.read(stored.document, seals),
                    actor.snapshot > from, actor.snapshot <= to
                else { continue }
                for target in targets.intersection(objects) { found[target, default: []].append(actor) }
            }
        }
        return found.mapValues { $0.sorted { ($0.at, $0.activity) < ($1.at, $1.activity) } }
    }

    /// When each snapshot was sealed, oldest first.
    private func seals(_ tenant: TenantID) async throws(AccountError) -> [(number: SnapshotNumber, at: Date)] {
        try await read(tenant) { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    "SELECT number, sealed_at FROM backup.snapshots WHERE tenant_id = $1 ORDER BY number",
                    [.uuid(tenant.uuid)])
            ) { (row) throws(PostgresError) in (try row.int32(0), try row.timestamp(1).date) }
        }
    }

    /// An audit never changes, and none that was written after a snapshot was sealed can have been read for it.
    private func auditKeys(
        _ tenant: TenantID, _ type: ObjectType, readAfter from: SnapshotNumber, at snapshot: SnapshotNumber,
        after: ObjectKey?
    ) async throws(AccountError) -> [ObjectKey] {
        try await read(tenant) { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    """
                    SELECT object_id FROM backup.object_versions
                    WHERE tenant_id = $1 AND type = $2 AND facet = 0 AND from_snapshot > $3 AND from_snapshot <= $4
                        AND to_snapshot > $4 AND ($5::uuid IS NULL OR object_id > $5)
                    ORDER BY object_id LIMIT 2000
                    """,
                    [
                        .uuid(tenant.uuid), .int16(Int16(bitPattern: type.number)), .int32(from), .int32(snapshot),
                        .uuid(after?.uuid),
                    ])
            ) { (row) throws(PostgresError) in try row.objectKey(0) }
        }
    }
}

extension ObjectActor {
    /// What a directory audit says, and the ids of its targets; `nil` when nothing was done, or no snapshot has it.
    static func read(
        _ audit: ObjectDocument, _ seals: [(number: SnapshotNumber, at: Date)]
    ) -> (ObjectActor, targets: Set<String>)? {
        let attributes = audit.attributes
        guard let at = attributes["activityDateTime"]?.string, let date = Timestamps.date(at),
            attributes["result"]?.string != "failure", let snapshot = seals.first(where: { $0.at >= date })?.number
        else { return nil }
        let user = attributes["initiatedBy"]?["user"]
        let app = attributes["initiatedBy"]?["app"]
        let names = [
            user?["userPrincipalName"], user?["displayName"], user?["id"], app?["displayName"],
            app?["servicePrincipalId"], app?["appId"],
        ]
        let actor = ObjectActor(
            at: at, actor: names.lazy.compactMap { $0?.string }.first { !$0.isEmpty } ?? "unknown",
            activity: attributes["activityDisplayName"]?.string ?? "", snapshot: snapshot)
        let targets = attributes["targetResources"]?.array?.compactMap { $0["id"]?.string } ?? []
        return (actor, Set(targets))
    }
}

extension Timestamps {
    /// Reads UTC times as Microsoft Graph writes them, with up to seven digits after the point.
    static func date(_ text: String) -> Date? {
        guard text.hasSuffix("Z") else { return nil }
        let parts = text.dropLast().split(separator: ".", maxSplits: 1)
        guard let whole = parts.first.flatMap({ try? Date("\($0)Z", strategy: .iso8601) }) else { return nil }
        guard parts.count == 2 else { return whole }
        return Double("0.\(parts[1])").map { whole.addingTimeInterval($0) }
    }
}
