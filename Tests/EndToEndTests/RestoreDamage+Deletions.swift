import BackupModel
import Foundation
import Testing

extension DamageMatrix {
    // MARK: Deletions

    func delete(_ type: ObjectType, purges: Bool) throws -> (String?, String) {
        if !purges, type.binPath("") == nil { return (nil, "no recycle bin") }
        if type.shape == .singleton { return (nil, "the service makes it") }
        if type.restore.mode == .request { return try request(type, "adminRemove") }
        var refusal = "no object"
        for (id, document) in candidates(type).prefix(40) {
            var path = type.itemPath(id)
            if type.name == "appRoleAssignment", let resource = document["attributes"]?["resourceId"]?.string {
                path = "/v1.0/servicePrincipals/\(resource)/appRoleAssignedTo/\(id)"
            }
            let answer = try writer.send("DELETE", path)
            guard answer.isDone else {
                refusal = answer.refusal
                continue
            }
            guard purges, let bin = type.binPath(id) else { return (id, "deleted") }
            let purged = try writer.send("DELETE", bin)
            return (id, purged.isDone ? "deleted and purged" : "deleted; purging: \(purged.refusal)")
        }
        return (nil, refusal)
    }

    // MARK: Privileged identity management

    /// Schedules are changed and ended by requests.
    func request(_ type: ObjectType, _ action: String) throws -> (String?, String) {
        let path = try #require(type.restore.createPath)
        var refusal = "no schedule"
        for (id, document) in candidates(type) {
            var body: JSONObject = ["action": .string(action)]
            for name in ["principalId", "roleDefinitionId", "directoryScopeId"] {
                body[name] = document["attributes"]?[name]
            }
            if action == "adminUpdate" {
                body["scheduleInfo"] = [
                    "startDateTime": "2026-01-01T00:00:00Z",
                    "expiration": ["type": "afterDateTime", "endDateTime": "2026-06-06T00:00:00Z"],
                ]
            }
            let answer = try writer.send("POST", "/v1.0\(path)", .object(body))
            if answer.isDone { return (id, action) }
            refusal = answer.refusal
        }
        return (nil, refusal)
    }
}
