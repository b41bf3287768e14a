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

/// What is left to differ after a disaster and its restore, judged: nothing but what the restore says itself.
struct DisasterVerdict {
    /// Objects that did not come back, with what was said of them.
    private(set) var lost: [String: Set<String>] = [:]
    /// Objects of which something was said that explains what differs.
    private(set) var explained: Set<String> = []
    /// Objects that were not there before: made twice.
    private(set) var doubles: [String] = []
    /// What nothing was said of.
    private(set) var unexplained: [String] = []

    /// What each to-do, and each conflict about a part of an object, may leave to differ.
    private static let parts: [String: Set<String>] = [
        "enablePolicy": ["attributes/state"],
        // The manager of a synchronised user is set on premises.
        "syncedFromOnPremises": ["links/manager"],
        // Of users it is one attribute that has a permission of its own.
        "permissionMissing": ["attributes/employeeLeaveDateTime"],
        "reenterSecret": ["attributes/omaSettings", "children/settings"],
        "rollSecret": ["attributes/passwordCredentials"],
        "uploadCertificate": [
            "attributes/keyCredentials", "attributes/tokenEncryptionKeyId",
            "attributes/preferredTokenSigningKeyThumbprint",
        ],
        "newSigningCertificate": ["attributes/keyCredentials", "attributes/preferredTokenSigningKeyThumbprint"],
    ]

    private static let afterwards: Set<String> = [
        "enablePolicy", "groupContent", "membersByRule", "newAppId", "newPassword", "newSigningCertificate",
        "reconsent", "reenterSecret", "registerMethods", "rollSecret", "uploadCertificate",
    ]

    init(_ was: TenantPicture, _ now: TenantPicture, _ ids: RestoredIDs, _ said: RestoreSayings) {
        for (type, id) in was.gone(from: now, ids) {
            // What is said of objects that come back is no reason for one that does not.
            if let codes = said[type, id]?.subtracting(Self.afterwards), !codes.isEmpty {
                lost[id] = codes
            } else {
                unexplained.append("\(type) \(id) missing")
            }
        }
        let gone = Set(was.gone(from: now, ids).map(\.id))
        for difference in was.without(gone).differences(after: now.without([]), ids) {
            let codes = said[difference.type, difference.id]
            let isByRule = was.isDynamic(difference.type, difference.id) && difference.paths == ["links/members"]
            if difference.what == "too many" {
                // An undo names what it may not delete; nothing can be said of what was made by mistake.
                if codes == nil { doubles.append(difference.description) } else { explained.insert(difference.id) }
            } else if isByRule || codes.map({ Self.explain(difference, $0) }) ?? false {
                explained.insert(difference.id)
            } else {
                unexplained.append("\(difference.description.prefix(700)) \(codes?.sorted() ?? [])")
            }
        }
        explained.formUnion(was.naming(gone))
    }

    private static func explain(_ difference: RestoreDifference, _ codes: Set<String>) -> Bool {
        let may = codes.reduce(into: Set<String>()) { $0.formUnion(parts[$1] ?? []) }
        return difference.paths.allSatisfy(may.contains)
    }

    func report(_ what: String) {
        var codes: [String: Int] = [:]
        for said in lost.values { codes[said.sorted().joined(separator: "+"), default: 0] += 1 }
        print(
            """
            \(what): \(doubles.count) doubles, \(unexplained.count) differences that nothing was said of, \
            \(lost.count) objects that cannot come back \(codes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }), \
            \(explained.count) that differ in what was said
            """)
        for double in doubles.prefix(20) { Issue.record("\(what): twice: \(double)") }
        for difference in unexplained.prefix(20) { Issue.record("\(what): \(difference)") }
        #expect(doubles.isEmpty && unexplained.isEmpty, "\(what)")
    }

    /// What `diff` may show of these objects beside what ids became.
    var excused: [String: Set<String>] {
        Dictionary(uniqueKeysWithValues: explained.union(lost.keys).map { ($0, ["said"]) })
    }
}

/// What a plan and its results tell a person to do, and what stood in the way: of objects, and of whole types.
struct RestoreSayings {
    private var objects: [String: Set<String>]
    private var types: [String: Set<String>] = [:]

    init(_ plan: JSONValue, _ shown: JSONValue) {
        objects = RestoreRun.said(plan, shown)
        for conflict in plan["conflicts"]?.array ?? [] where conflict["id"]?.string?.isEmpty != false {
            guard let type = conflict["type"]?.string, let code = conflict["code"]?.string else { continue }
            types[type, default: []].insert(code)
        }
    }

    subscript(_ type: String, _ id: String) -> Set<String>? {
        let all = (objects[id] ?? []).union(types[type] ?? [])
        return all.isEmpty ? nil : all
    }
}

extension TenantPicture {
    /// Restorable objects that are not there any more, under whichever id.
    fileprivate func gone(from now: TenantPicture, _ ids: RestoredIDs) -> [(type: String, id: String)] {
        Catalogue.current.types.filter(\.restore.isRestorable).flatMap { type in
            let present = now.documents[type.name] ?? [:]
            return (documents[type.name] ?? [:]).keys.filter { present[ids[$0]] == nil }.sorted().map {
                (type.name, $0)
            }
        }
    }

    /// Whether the service finds the members itself, which the simulator does not.
    fileprivate func isDynamic(_ type: String, _ id: String) -> Bool {
        let attributes = documents[type]?[id]?["attributes"]
        return attributes?["groupTypes"]?.array?.contains("DynamicMembership") ?? false
            || attributes?["membershipType"]?.string?.lowercased() == "dynamic"
    }

    /// Without the objects, without the links to them, and without what nobody can write.
    fileprivate func without(_ gone: Set<String>) -> TenantPicture {
        var picture = TenantPicture()
        for (type, all) in documents {
            picture.documents[type] = all.filter { !gone.contains($0.key) }.mapValues { document in
                var links = JSONObject()
                for (name, value) in document["links"]?.object ?? [:] {
                    let kept = (value.array ?? []).filter { !gone.contains($0.string ?? "") }
                    if !kept.isEmpty { links[name] = .array(kept) }
                }
                let attributes = (document["attributes"]?.object ?? [:]).filter { attribute in
                    !(Self.given[type]?.contains(attribute.name) ?? false)
                }
                let children = (document["children"]?.object ?? [:]).map { child -> (String, JSONValue) in
                    (child.name, .array((child.value.array ?? []).filter { !Self.names($0, gone) }))
                }
                return [
                    "attributes": Self.bare(.object(JSONObject(attributes.map { ($0.name, $0.value) }))) ?? [:],
                    "links": .object(links), "children": Self.bare(.object(JSONObject(children))) ?? [:],
                ]
            }
        }
        return picture
    }

    private static func names(_ value: JSONValue, _ gone: Set<String>) -> Bool {
        switch value {
        case .string(let text): gone.contains(text)
        case .array(let elements): elements.contains { names($0, gone) }
        case .object(let object): object.contains { names($0.value, gone) }
        default: false
        }
    }

    /// What the service gives an object that is made anew: times of a request, the roles of the application.
    private static let given: [String: Set<String>] = [
        "servicePrincipal": ["appRoles"],
        "unifiedRoleAssignmentSchedule": ["createdDateTime", "createdUsing", "modifiedDateTime"],
        "unifiedRoleEligibilitySchedule": ["createdDateTime", "createdUsing", "modifiedDateTime"],
    ]

    /// Without what is null or empty, which to Graph is as absent; without where a role comes from, and when a schedule
    /// begins: a new one begins now. An authentication strength is its id.
    private static func bare(_ value: JSONValue) -> JSONValue? {
        switch value {
        case .null: return nil
        case .array(let elements):
            let kept = elements.compactMap(bare)
            return kept.isEmpty ? nil : .array(kept)
        case .object(let object):
            let kept = object.compactMap { member -> (String, JSONValue)? in
                if ["origin", "startDateTime"].contains(member.name) { return nil }
                if member.name == "authenticationStrength", let id = member.value["id"] { return (member.name, id) }
                return bare(member.value).map { (member.name, $0) }
            }
            return kept.isEmpty ? nil : .object(JSONObject(kept))
        default: return value
        }
    }

    /// Objects with a link to one of these.
    fileprivate func naming(_ gone: Set<String>) -> Set<String> {
        guard !gone.isEmpty else { return [] }
        var found: Set<String> = []
        for (id, document) in documents.values.joined() {
            let links = (document["links"]?.object ?? [:]).flatMap { $0.value.array ?? [] }
            if links.contains(where: { gone.contains($0.string ?? "") }) { found.insert(id) }
        }
        return found
    }
}
