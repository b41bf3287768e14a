import BackupModel
import Foundation
import Testing

/// What can happen to an object of each type, done to one object a cell through Microsoft Graph.
struct DamageMatrix {
    enum Kind: String, CaseIterable {
        case attributeChanged = "attribute changed"
        case softDeleted = "soft-deleted"
        case hardDeleted = "hard-deleted"
        case linkAdded = "link added"
        case linkRemoved = "link removed"
        case assignmentChanged = "assignment changed"
    }

    struct Cell {
        var type: String
        var kind: Kind
        /// The damaged object; nil when there is no such damage.
        var id: String?
        /// What was done, or why it cannot be.
        var note: String
    }

    let writer: TenantWriter
    /// Documents as the simulator has them, by type.
    let documents: [String: [JSONValue]]
    private(set) var cells: [Cell] = []
    private var used: Set<String> = []

    init(_ writer: TenantWriter, _ installation: TestInstallation) throws {
        self.writer = writer
        var all: [String: [JSONValue]] = [:]
        for type in Catalogue.current.types where type.restore.isRestorable {
            all[type.name] = try installation.control("GET", "truth/\(type.name)?nulls=omit").split(separator: "\n")
                .map { try JSONValue(parsing: Array($0.utf8)) }
        }
        documents = all
    }

    /// Does all of it. Deletions come last: what refers to a deleted object loses its link.
    mutating func damage() throws {
        let kinds: [Kind] = [
            .attributeChanged, .linkRemoved, .linkAdded, .assignmentChanged, .softDeleted, .hardDeleted,
        ]
        for kind in kinds {
            // What is referred to is deleted after what refers to it, so that each deletion is one.
            let types = Catalogue.current.types.filter(\.restore.isRestorable).sorted {
                ($0.restore.order ?? 0) > ($1.restore.order ?? 0)
            }
            for type in types {
                let (id, note) = try damage(type, kind)
                if let id { used.insert(id) }
                cells.append(Cell(type: type.name, kind: kind, id: id, note: note))
            }
        }
    }

    private mutating func damage(_ type: ObjectType, _ kind: Kind) throws -> (String?, String) {
        switch kind {
        case .attributeChanged: return try changeAttribute(type)
        case .linkAdded: return try changeLink(type, adds: true)
        case .linkRemoved: return try changeLink(type, adds: false)
        case .assignmentChanged: return try changeChildren(type)
        case .softDeleted: return try delete(type, purges: false)
        case .hardDeleted: return try delete(type, purges: true)
        }
    }

    /// Objects that nothing was done to yet. The first of each type are left for what others refer to.
    private func candidates(_ type: ObjectType) -> [(id: String, document: JSONValue)] {
        (documents[type.name] ?? []).compactMap { document in
            guard let id = document["id"]?.string, !used.contains(id) else { return nil }
            return (id, document)
        }
    }

    // MARK: Attributes

    private static let changes: [String: [JSONValue]] = [
        "organization": [["technicalNotificationMails": ["damaged@contoso.example"]]],
        "user": [["jobTitle": "damaged"]], "groupLifecyclePolicy": [["groupLifetimeInDays": 99]],
        "oauth2PermissionGrant": [["scope": "openid"]], "device": [["accountEnabled": false]],
        "crossTenantAccessPolicyPartner": [
            [
                "inboundTrust": [
                    "isMfaAccepted": true, "isCompliantDeviceAccepted": true,
                    "isHybridAzureADJoinedDeviceAccepted": true,
                ]
            ]
        ],
        "adminConsentRequestPolicy": [["requestDurationInDays": 17, "isEnabled": true]],
        "authenticationMethodsPolicy": [
            [
                "registrationEnforcement": [
                    "authenticationMethodsRegistrationCampaign": ["snoozeDurationInDays": 9, "state": "disabled"]
                ]
            ]
        ],
    ]

    private func changeAttribute(_ type: ObjectType) throws -> (String?, String) {
        let bodies = Self.changes[type.name] ?? [["description": "damaged"], ["displayName": "damaged"]]
        var refusal = "no object"
        for (id, _) in candidates(type).prefix(40) {
            for body in bodies {
                let answer = try writer.send("PATCH", type.itemPath(id), body)
                if answer.isDone { return (id, body.canonicalText) }
                refusal = answer.refusal
            }
        }
        return (nil, refusal)
    }

    // MARK: Links

    private func changeLink(_ type: ObjectType, adds: Bool) throws -> (String?, String) {
        let links = type.relationships.filter { $0.kind == .link && $0.isBackedUp && $0.write != nil }
        guard !links.isEmpty else { return (nil, "no links that can be written") }
        var refusal = "no object with such a link"
        for link in links {
            for (id, document) in candidates(type) {
                let targets = (document["links"]?[link.name]?.array ?? []).compactMap(\.string)
                let path = "/\(type.graphVersion.rawValue)" + link.path.replacing("{id}", with: id)
                if adds, !link.single || targets.isEmpty, let target = target(of: link, besides: targets + [id]) {
                    let body: JSONValue = ["@odata.id": .string("\(writer.url)/v1.0/directoryObjects/\(target)")]
                    let answer = try writer.send(link.single ? "PUT" : "POST", "\(path)/$ref", body)
                    if answer.isDone { return (id, "\(link.name) + \(target)") }
                    refusal = answer.refusal
                } else if !adds, let target = targets.first {
                    let answer = try writer.send("DELETE", link.single ? "\(path)/$ref" : "\(path)/\(target)/$ref")
                    if answer.isDone { return (id, "\(link.name) - \(target)") }
                    refusal = answer.refusal
                }
            }
        }
        return (nil, refusal)
    }

    /// An object to link to: users are never deleted from the front.
    private func target(of link: Relationship, besides: [String]) -> String? {
        let name =
            link.name.hasSuffix("MappingPolicies")
            ? "claimsMappingPolicy"
            : link.name == "homeRealmDiscoveryPolicies" ? "homeRealmDiscoveryPolicy" : "user"
        return documents[name]?.prefix(20).compactMap { $0["id"]?.string }.first { !besides.contains($0) }
    }

    // MARK: Children

    private func changeChildren(_ type: ObjectType) throws -> (String?, String) {
        if type.name == "user" || type.name == "group" { return try removeLicence(type) }
        let children = type.relationships.filter { $0.kind == .child && $0.isBackedUp && $0.write != nil }
        guard !children.isEmpty else { return (nil, "nothing of that kind") }
        var refusal = "no object with such a part"
        // Assignments first: they are what the cell is named after.
        for child in children.sorted(by: { $0.name < $1.name }) {
            for (id, document) in candidates(type) {
                let elements = document["children"]?[child.name]?.array ?? []
                guard let element = elements.first else { continue }
                let path = "/\(type.graphVersion.rawValue)" + child.path.replacing("{id}", with: id)
                let answer: TenantWriter.Answer
                if child.name == "assignments" {
                    answer = try writer.send("POST", "\(type.itemPath(id))/assign", ["assignments": []])
                } else if let own = element["id"]?.string {
                    answer = try writer.send("DELETE", "\(path)/\(own)")
                } else {
                    continue
                }
                if answer.isDone { return (id, "\(child.name), one of \(elements.count) taken away") }
                refusal = answer.refusal
            }
        }
        return (nil, refusal)
    }

    private func removeLicence(_ type: ObjectType) throws -> (String?, String) {
        var refusal = "no object with a licence"
        for (id, document) in candidates(type) {
            guard let sku = document["attributes"]?["assignedLicenses"]?[0]?["skuId"] else { continue }
            let answer = try writer.send(
                "POST", "\(type.itemPath(id))/assignLicense", ["addLicenses": [], "removeLicenses": [sku]])
            if answer.isDone { return (id, "a licence taken away") }
            refusal = answer.refusal
        }
        return (nil, refusal)
    }

    // MARK: Deletions

    private func delete(_ type: ObjectType, purges: Bool) throws -> (String?, String) {
        if !purges, type.binPath("") == nil { return (nil, "no recycle bin") }
        if type.shape == .singleton { return (nil, "the service makes it") }
        var refusal = "no object"
        // From the end: the first ones are referred to.
        for (id, document) in candidates(type).reversed().prefix(40) {
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
}
