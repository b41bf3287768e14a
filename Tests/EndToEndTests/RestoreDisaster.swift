import BackupModel
import Foundation
import Testing

/// Everything in a tenant that can be deleted is, some of it for good; through Microsoft Graph, twenty at a time.
struct TenantDisaster {
    /// Objects that went, by type, and how many of them did not stay in a recycle bin.
    private(set) var deleted: [String: Int] = [:]
    private(set) var purged: [String: Int] = [:]
    /// What Graph refused to delete, by type and reason.
    private(set) var refused: [String: Int] = [:]
    private let writer: TenantWriter
    private let installation: TestInstallation
    private var random: SplitMix

    init(_ writer: TenantWriter, _ installation: TestInstallation, seed: Int) throws {
        (self.writer, self.installation) = (writer, installation)
        random = SplitMix(seed: UInt64(seed))
        // What refers to others goes first, so that each deletion is one of its own.
        let types = Catalogue.current.types.filter { $0.restore.isRestorable && $0.shape != .singleton }
        for type in types.sorted(by: { ($0.restore.order ?? 0) > ($1.restore.order ?? 0) }) where type.name != "domain"
        {
            try delete(type)
        }
    }

    var count: Int { deleted.values.reduce(0, +) }
    var description: String {
        "\(count) objects deleted, \(purged.values.reduce(0, +)) of them for good; "
            + "users \(deleted["user"] ?? 0)/\(purged["user"] ?? 0), groups \(deleted["group"] ?? 0)/\(purged["group"] ?? 0)"
            + "; refused: \(refused.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))"
    }

    private mutating func delete(_ type: ObjectType) throws {
        var targets: [(id: String, path: String)] = []
        for line in try installation.control("GET", "truth/\(type.name)?nulls=omit").split(separator: "\n") {
            let document = try JSONValue(parsing: Array(line.utf8))
            guard let id = document["id"]?.string, !isOwn(document) else { continue }
            var path = type.itemPath(id)
            if let resource = document["attributes"]?["resourceId"]?.string, type.nested != nil {
                path = "/v1.0/servicePrincipals/\(resource)/appRoleAssignedTo/\(id)"
            }
            targets.append((id, path))
        }
        let gone = try send(targets, type)
        deleted[type.name] = gone.count
        guard type.binPath("") != nil else {
            purged[type.name] = gone.count
            return
        }
        let chosen = gone.filter { _ in Bool.random(using: &random) }
        let paths = chosen.compactMap { id in type.binPath(id).map { (id, $0) } }
        purged[type.name] = try send(paths, type).count
    }

    /// The applications that back up and restore stay, else nobody could.
    private func isOwn(_ document: JSONValue) -> Bool {
        guard let appID = document["attributes"]?["appId"]?.string else { return false }
        return [writer.clientID, installation.environment["ENTRA_BACKUP_SIMULATOR_CLIENT_ID"]].contains(appID)
    }

    /// - Returns: ids of what was deleted.
    private mutating func send(_ targets: [(id: String, path: String)], _ type: ObjectType) throws -> [String] {
        var gone: [String] = []
        for start in stride(from: 0, to: targets.count, by: 20) {
            let some = targets[start..<min(start + 20, targets.count)]
            let version = some.first.map { $0.path.split(separator: "/")[0] } ?? "v1.0"
            let requests = some.map { target -> JSONValue in
                let url = target.path.dropFirst(version.count + 1)
                return ["id": .string(target.id), "method": "DELETE", "url": .string(String(url))]
            }
            let answer = try writer.send("POST", "/\(version)/$batch", ["requests": .array(requests)])
            for item in try #require(answer.json?["responses"]?.array) {
                guard let id = item["id"]?.string, let status = item["status"]?.int else { continue }
                if status < 300 {
                    gone.append(id)
                } else if status != 404 {
                    refused["\(type.name): \(item["body"]?["error"]?["message"]?.string ?? "\(status)")", default: 0] +=
                        1
                }
            }
        }
        let order = Dictionary(targets.enumerated().map { ($1.id, $0) }) { first, _ in first }
        return gone.sorted { order[$0, default: 0] < order[$1, default: 0] }
    }
}
