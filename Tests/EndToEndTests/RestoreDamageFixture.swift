import BackupModel
import Foundation
import Testing

/// Objects for a damage matrix, made through Microsoft Graph before the first backup: of each type that a client can make,
/// one for each kind of damage, with links and parts. So what is done to one does not touch another.
struct DamageFixture {
    /// One for each kind of damage.
    static let count = DamageMatrix.Kind.allCases.count

    let writer: TenantWriter
    /// Ids of what was made, by type.
    private(set) var made: [String: [String]] = [:]
    /// Users whom nothing happens to.
    private(set) var people: [String] = []
    /// A licence that has free units.
    private let sku: JSONValue
    private let domain: String
    /// An activated role.
    private let role: String

    init(_ writer: TenantWriter, _ installation: TestInstallation) throws {
        self.writer = writer
        func truth(_ type: String) throws -> [JSONValue] {
            try installation.control("GET", "truth/\(type)?nulls=omit").split(separator: "\n")
                .map { try JSONValue(parsing: Array($0.utf8)) }
        }
        let licence = try truth("subscribedSku").first { document in
            let attributes = document["attributes"]
            let free =
                (attributes?["prepaidUnits"]?["enabled"]?.int ?? 0) - (attributes?["consumedUnits"]?.int ?? 0)
            return free > 3 * Self.count && attributes?["appliesTo"]?.string == "User"
        }
        sku = try #require(licence?["attributes"]?["skuId"])
        let initial = try truth("domain").first { $0["attributes"]?["isInitial"]?.bool == true }
        domain = try #require(initial?["id"]?.string)
        role = try #require(try truth("directoryRole").first?["id"]?.string)
        let organization = try #require(try truth("organization").first?["id"]?.string)
        try makePeople()
        try makeApplications()
        try makeContainers()
        try makePolicies()
        try makeRoles()
        try makeDeviceManagement()
        try send("PATCH", "/v1.0/organization/\(organization)/branding", ["signInPageText": "Welcome"])
    }

    // MARK: Requests

    @discardableResult
    func send(_ method: String, _ path: String, _ body: JSONValue) throws -> JSONValue {
        let answer = try writer.send(method, path, body)
        try #require(answer.isDone, "\(method) \(path): \(answer.refusal)")
        return answer.json ?? .null
    }

    private func link(_ path: String, _ target: String, _ method: String = "POST") throws {
        try send(method, path + "/$ref", ["@odata.id": .string("\(writer.url)/v1.0/directoryObjects/\(target)")])
    }

    private func create(_ type: String, _ body: JSONObject) throws -> JSONValue {
        let row = try #require(Catalogue.current[type])
        return try send("POST", "/\(row.graphVersion.rawValue)\(row.listPaths[0])", .object(body))
    }

    /// Makes an object and notes its id.
    @discardableResult
    mutating func make(_ type: String, _ body: JSONObject, notes: Bool = true) throws -> String {
        let answer = try create(type, body)
        let id = try #require(answer[Catalogue.current[type]?.idAttribute ?? "id"]?.string, "\(type)")
        if notes { note(type, id) }
        return id
    }

    mutating func note(_ type: String, _ id: String) { made[type, default: []].append(id) }

    // MARK: People and what they are in

    private mutating func user(_ name: String, notes: Bool) throws -> String {
        try make(
            "user",
            [
                "displayName": .string("Matrix \(name)"), "mailNickname": .string("matrix.\(name)"),
                "userPrincipalName": .string("matrix.\(name)@\(domain)"), "accountEnabled": true,
                "usageLocation": "DE", "passwordProfile": ["password": .string(UUID().uuidString)],
            ], notes: notes)
    }

    private mutating func makePeople() throws {
        for number in 1...3 { people.append(try user("friend\(number)", notes: false)) }
        for number in 1...Self.count {
            let id = try user("user\(number)", notes: true)
            try link("/v1.0/users/\(id)/manager", people[0], "PUT")
            try send(
                "POST", "/v1.0/users/\(id)/assignLicense",
                ["addLicenses": [["skuId": sku, "disabledPlans": []]], "removeLicenses": []])
        }
    }

    private mutating func makeContainers() throws {
        for number in 1...Self.count {
            let group = try make(
                "group",
                [
                    "displayName": .string("Matrix group \(number)"), "mailNickname": .string("matrixgroup\(number)"),
                    "description": "as it was", "mailEnabled": false, "securityEnabled": true,
                ])
            for member in people.prefix(2) { try link("/v1.0/groups/\(group)/members", member) }
            try link("/v1.0/groups/\(group)/owners", people[0])
            try send(
                "POST", "/v1.0/groups/\(group)/assignLicense",
                ["addLicenses": [["skuId": sku, "disabledPlans": []]], "removeLicenses": []])
            let unit = try make(
                "administrativeUnit",
                ["displayName": .string("Matrix unit \(number)"), "description": "as it was"])
            for member in people.prefix(2) { try link("/v1.0/directory/administrativeUnits/\(unit)/members", member) }
            try send(
                "POST", "/v1.0/directory/administrativeUnits/\(unit)/scopedRoleMembers",
                ["roleId": .string(role), "roleMemberInfo": ["id": .string(people[0])]])
        }
    }

    // MARK: Applications

    /// Applications with their service principals: half of them for what happens to the one, half for the other.
    private mutating func makeApplications() throws {
        var mapping: [String] = []
        for (type, name) in [
            ("claimsMappingPolicy", "ClaimsMappingPolicy"), ("homeRealmDiscoveryPolicy", "HomeRealmDiscoveryPolicy"),
            ("tokenIssuancePolicy", "TokenIssuancePolicy"), ("tokenLifetimePolicy", "TokenLifetimePolicy"),
        ] {
            for number in 1...Self.count {
                let definition = JSONValue.string("{\"\(name)\":{\"Version\":\(number)}}")
                let id = try make(
                    type, ["definition": [definition], "displayName": .string("Matrix \(name) \(number)")])
                if type == "claimsMappingPolicy" { mapping.append(id) }
            }
        }
        for number in 1...(2 * Self.count) {
            let isPrincipal = number > Self.count
            let application = try create(
                "application", ["displayName": .string("Matrix application \(number)"), "description": "as it was"])
            let id = try #require(application["id"]?.string)
            if !isPrincipal { note("application", id) }
            let path = "/v1.0/applications/\(id)"
            let appID = try #require(application["appId"])
            let principal = try make("servicePrincipal", ["appId": appID], notes: isPrincipal)
            try link(path + "/owners", people[0])
            try send(
                "POST", path + "/federatedIdentityCredentials",
                [
                    "name": .string("matrix\(number)"), "issuer": "https://issuer.example", "subject": "s",
                    "audiences": ["api://AzureADTokenExchange"],
                ])
            try finish(principal, mapping[number % mapping.count])
        }
        try applyTokenPolicies()
    }

    private func finish(_ principal: String, _ mapping: String) throws {
        let path = "/v1.0/servicePrincipals/\(principal)"
        try link(path + "/owners", people[0])
        try send(
            "POST", path + "/claimsMappingPolicies/$ref",
            ["@odata.id": .string("\(writer.url)/v1.0/policies/claimsMappingPolicies/\(mapping)")])
        try send(
            "POST", path + "/delegatedPermissionClassifications",
            [
                "permissionId": .string(UUID().uuidString.lowercased()), "permissionName": "User.Read",
                "classification": "low",
            ])
    }

    /// Policies for tokens are written at what they apply to.
    private func applyTokenPolicies() throws {
        for (type, segment) in DamageMatrix.tokenPolicies {
            for (policy, application) in zip(made[type] ?? [], made["application"] ?? []) {
                try send(
                    "POST", "/v1.0/applications/\(application)/\(segment)/$ref",
                    ["@odata.id": .string("\(writer.url)/v1.0/policies/\(segment)/\(policy)")])
            }
        }
    }
}
