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
    /// What was made for the matrix, by type.
    let made: [String: [String]]
    private let people: [String]
    /// Documents as the simulator has them, by type.
    let documents: [String: [JSONValue]]
    private(set) var cells: [Cell] = []
    private var used: Set<String> = []

    init(_ fixture: DamageFixture, _ installation: TestInstallation) throws {
        writer = fixture.writer
        made = fixture.made
        people = fixture.people
        var all: [String: [JSONValue]] = [:]
        for type in Catalogue.current.types where type.restore.isRestorable {
            all[type.name] = try installation.control("GET", "truth/\(type.name)?nulls=omit").split(separator: "\n")
                .map { try JSONValue(parsing: Array($0.utf8)) }
        }
        documents = all
        // Who is linked to is left alone.
        used = Set(fixture.people)
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

    /// Objects that nothing was done to yet: those made for the matrix, then plain ones, then such as the services or
    /// others have.
    func candidates(_ type: ObjectType, again: Bool = false) -> [(id: String, document: JSONValue)] {
        let all = (documents[type.name] ?? []).compactMap { document -> (id: String, document: JSONValue)? in
            guard let id = document["id"]?.string, again || !used.contains(id) else { return nil }
            return (id, document)
        }
        let own = Set(made[type.name] ?? [])
        func rank(_ item: (id: String, document: JSONValue)) -> Int {
            own.contains(item.id) ? 0 : Self.isOdd(item.id, item.document["attributes"]) ? 2 : 1
        }
        return (0...2).flatMap { wanted in all.filter { rank($0) == wanted } }
    }

    private static func isOdd(_ id: String, _ attributes: JSONValue?) -> Bool {
        attributes?["onPremisesSyncEnabled"]?.bool == true || attributes?["isBuiltIn"]?.bool == true
            || attributes?["policyType"]?.string == "builtIn" || attributes?["userType"]?.string == "Guest"
            || attributes?["mailEnabled"]?.bool == true || attributes?["membershipType"]?.string == "Dynamic"
            || attributes?["groupTypes"]?.array?.isEmpty == false
            || attributes?["servicePrincipalType"]?.string == "ManagedIdentity" || id.hasPrefix("microsoft-")
            || attributes?["isManagementRestricted"]?.bool == true || attributes?["isInitial"]?.bool == true
            || attributes?["isDefault"]?.bool == true
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
        "domain": [["passwordNotificationWindowInDays": 3, "passwordValidityPeriodInDays": 33]],
        "namedLocation": [
            ["@odata.type": "#microsoft.graph.countryNamedLocation", "countriesAndRegions": ["FR"]],
            ["@odata.type": "#microsoft.graph.ipNamedLocation", "displayName": "damaged"],
        ],
        "groupSetting": [["values": [["name": "AllowToAddGuests", "value": "damaged"]]]],
    ]

    private func changeAttribute(_ type: ObjectType) throws -> (String?, String) {
        if type.restore.mode == .request { return try request(type, "adminUpdate") }
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

    /// Policies for tokens, and the segment at which an application has them.
    static let tokenPolicies = [
        ("tokenIssuancePolicy", "tokenIssuancePolicies"), ("tokenLifetimePolicy", "tokenLifetimePolicies"),
    ]

    /// The link is kept with the policy and written at the application.
    private func changeApplication(_ type: ObjectType, _ segment: String, adds: Bool) throws -> (String?, String) {
        var refusal = "no such policy"
        let applications = made["application"] ?? []
        for (id, document) in candidates(type) {
            let targets = (document["links"]?["appliesTo"]?.array ?? []).compactMap(\.string)
            let chosen = applications.first { targets.contains($0) != adds }
            guard let application = chosen else { continue }
            let path = "/v1.0/applications/\(application)/\(segment)"
            let answer =
                adds
                ? try writer.send(
                    "POST", "\(path)/$ref",
                    ["@odata.id": .string("\(writer.url)/v1.0/policies/\(segment)/\(id)")])
                : try writer.send("DELETE", "\(path)/\(id)/$ref")
            if answer.isDone { return (id, "appliesTo \(adds ? "+" : "-") \(application)") }
            refusal = answer.refusal
        }
        return (nil, refusal)
    }

    private func changeLink(_ type: ObjectType, adds: Bool) throws -> (String?, String) {
        if let (_, segment) = Self.tokenPolicies.first(where: { $0.0 == type.name }) {
            return try changeApplication(type, segment, adds: adds)
        }
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

    /// Somebody to link to.
    private func target(of link: Relationship, besides: [String]) -> String? {
        link.name.hasSuffix("Policies") ? nil : people.first { !besides.contains($0) }
    }

    // MARK: Children

    /// Changes of an element, where none can be taken away.
    private static let elementChanges: [String: JSONValue] = [
        "allowedValues": ["isActive": false], "authenticationMethodConfigurations": ["state": "disabled"],
        "branding": ["signInPageText": "damaged"], "identitySynchronization": ["displayName": "damaged"],
    ]

    private func changeChildren(_ type: ObjectType) throws -> (String?, String) {
        if type.name == "user" || type.name == "group" { return try removeLicence(type) }
        let children = type.relationships.filter { $0.kind == .child && $0.isBackedUp && $0.write != nil }
        guard !children.isEmpty else { return (nil, "nothing of that kind") }
        var refusal = "no object with such a part"
        // Of these there is one only: an attribute of it was changed before.
        let isAlone = type.shape == .singleton || type.name == "organization"
        // Assignments first: they are what the cell is named after.
        for child in children.sorted(by: { $0.name < $1.name }) {
            for (id, document) in candidates(type, again: isAlone) {
                let elements = document["children"]?[child.name]?.array ?? []
                guard let element = elements.first else { continue }
                guard let answer = try changeElement(type, id, child, element) else { continue }
                if answer.isDone { return (id, "\(child.name), one of \(elements.count)") }
                refusal = answer.refusal
            }
        }
        return (nil, refusal)
    }

    private func changeElement(
        _ type: ObjectType, _ id: String, _ child: Relationship, _ element: JSONValue
    ) throws -> TenantWriter.Answer? {
        var path = "/\(type.graphVersion.rawValue)" + child.path.replacing("{id}", with: id)
        if child.name == "assignments" {
            return try writer.send("POST", "\(type.itemPath(id))/assign", ["assignments": []])
        }
        let own = element["id"]?.string
        if !child.single { path += "/\(own ?? "")" }
        if var change = Self.elementChanges[child.name]?.object {
            change["@odata.type"] = element["@odata.type"]
            // What is so already is no damage.
            guard !change.allSatisfy({ element[$0.name] == $0.value }) else { return nil }
            return try writer.send("PATCH", path, .object(change))
        }
        return own == nil ? nil : try writer.send("DELETE", path)
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
}
