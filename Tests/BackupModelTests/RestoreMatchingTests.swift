import BackupModel
import Testing

/// What of one tenant is recognised in another.
@Suite("Restore into another tenant") struct RestoreMatchingTests {
    private typealias Subject = RestorePlanner.Subject

    private func id(_ number: Int) -> String { RestoreTable.other(number) }

    private func plan(
        _ wanted: [ObjectDocument], _ live: [ObjectDocument], domains: [String: String] = [:],
        facts change: (inout RestoreFacts) -> Void = { _ in }
    ) throws -> RestorePlan {
        let (here, there) = (try #require(TenantID(id(901))), try #require(TenantID(id(902))))
        let types = Dictionary(live.map { ($0.id, $0.type) }) { first, _ in first }
        var facts = RestoreFacts(typeOf: { types[$0] })
        change(&facts)
        let both = wanted.compactMap { one in
            live.first { $0.id == one.id && $0.type == one.type }.map {
                Subject(type: one.type, wanted: one, live: $0)
            }
        }
        let paired = Set(both.compactMap { $0.wanted.map { $0.type + $0.id } })
        let subjects =
            both
            + wanted.filter { !paired.contains($0.type + $0.id) }.map {
                Subject(type: $0.type, wanted: $0, live: nil)
            }
            + live.filter { !paired.contains($0.type + $0.id) }.map { Subject(type: $0.type, wanted: nil, live: $0) }
        let options = RestoreOptions(attributesMode: .overwrite, linksMode: .rollback, domains: domains)
        return RestorePlanner(facts: facts, options: options).plan(
            subjects, tenant: there, source: here, snapshot: 1, liveSnapshot: 1)
    }

    private func application(_ number: Int, _ appID: Int) -> ObjectDocument {
        ObjectDocument(
            type: "application", id: id(number), attributes: ["displayName": "Shop", "appId": .string(id(appID))])
    }

    private func principal(_ number: Int, _ appID: Int, _ name: String) -> ObjectDocument {
        ObjectDocument(
            type: "servicePrincipal", id: id(number),
            attributes: ["displayName": .string(name), "appId": .string(id(appID))])
    }

    private func assignment(_ word: String, _ principal: Int, _ resource: Int) -> ObjectDocument {
        ObjectDocument(
            type: "appRoleAssignment", id: word,
            attributes: [
                "appRoleId": .string(id(70)), "principalId": .string(id(principal)),
                "resourceId": .string(id(resource)),
            ])
    }

    @Test func `An application leads to its service principal, and both to what they are assigned to`() throws {
        let wanted = [
            application(1, 11), principal(2, 11, "Shop"), principal(3, 13, "Mail"), assignment("aBc-1", 2, 3),
        ]
        // Its service principal is called otherwise here, and another one has its name.
        let live = [
            application(21, 31), principal(22, 31, "Webshop"), principal(23, 13, "Mail"), principal(24, 34, "Shop"),
            assignment("xYz-9", 22, 23),
        ]
        let plan = try plan(wanted, live)
        #expect(plan.steps.allSatisfy { $0.action == .update && $0.type == "servicePrincipal" && $0.id == id(2) })
        #expect(plan.conflicts.isEmpty)
        let expected = [
            ("application", id(1), id(21)), ("application", id(11), id(31)), ("servicePrincipal", id(2), id(22)),
            ("servicePrincipal", id(11), id(31)), ("servicePrincipal", id(3), id(23)),
            ("appRoleAssignment", "aBc-1", "xYz-9"),
        ]
        #expect(
            Set(plan.matches) == Set(expected.map { RestoreResult.NewID(type: $0.0, from: $0.1, to: $0.2) }))
    }

    @Test func `A grant that is there under another word is changed under the word that it has here`() throws {
        func grant(_ word: String, _ client: Int, _ resource: Int, _ scope: String) -> ObjectDocument {
            ObjectDocument(
                type: "oauth2PermissionGrant", id: word,
                attributes: [
                    "clientId": .string(id(client)), "resourceId": .string(id(resource)),
                    "consentType": "AllPrincipals",
                    "scope": .string(scope),
                ])
        }
        let plan = try plan(
            [principal(2, 11, "Shop"), principal(3, 13, "Mail"), grant("old", 2, 3, "a b")],
            [principal(22, 11, "Shop"), principal(23, 13, "Mail"), grant("here", 22, 23, "a")])
        #expect(plan.steps.map(\.action) == [.update])
        #expect(plan.steps.first?.id == "here")
    }

    @Test func `Scope tags of one number are not the same, and a new one's number means no tag of this tenant`() throws
    {
        func tag(_ word: String, _ name: String) -> ObjectDocument {
            ObjectDocument(type: "roleScopeTag", id: word, attributes: ["displayName": .string(name)])
        }
        let policy = ObjectDocument(
            type: "deviceConfiguration", id: id(5),
            attributes: [
                "@odata.type": "#microsoft.graph.windows10CustomConfiguration", "displayName": "P",
                "roleScopeTagIds": ["0", "1", "2"],
            ])
        let plan = try plan([tag("1", "Berlin"), tag("2", "Munich"), policy], [tag("1", "Munich"), tag("2", "Rome")])
        let made = plan.steps.filter { $0.action == .create }
        #expect(made.map(\.type) == ["roleScopeTag", "deviceConfiguration"])
        #expect(made[0].document?.attributes["displayName"] == "Berlin" && made[0].id == "-1")
        #expect(made[1].document?.attributes["roleScopeTagIds"] == ["0", "-1", "1"])
        #expect(!plan.steps.contains { $0.action == .update })
    }

    @Test func `Devices of one name are two, and what the service makes for each tenant is left to it`() throws {
        let device = { (number: Int) in
            ObjectDocument(
                type: "device", id: id(number),
                attributes: ["displayName": "LAPTOP", "accountEnabled": .bool(number == 1)])
        }
        let policies = (3...4).map {
            ObjectDocument(
                type: "unifiedRoleManagementPolicy", id: "DirectoryRole_\(id($0))",
                attributes: ["displayName": "DirectoryRole"])
        }
        let plan = try plan([device(1)] + policies, [device(2)])
        #expect(plan.steps.isEmpty)
        #expect(plan.todos.map(\.code) == ["registerDevice"])
        #expect(plan.conflicts.map(\.code) == ["delegatedOnly"])
    }

    @Test func `Domains are mapped in names, mail addresses and identifiers; those that are not are named`() throws {
        func domain(_ name: String) -> ObjectDocument {
            ObjectDocument(type: "domain", id: name, attributes: ["isVerified": true, "isDefault": .bool(name < "b")])
        }
        let user = ObjectDocument(
            type: "user", id: id(1),
            attributes: [
                "displayName": "U", "userPrincipalName": "U@A.example",
                "otherMails": ["u@a.example", "u@home.example"],
                "identities": [
                    ["signInType": "emailAddress", "issuer": "a.example", "issuerAssignedId": "u@a.example"]
                ],
            ])
        var shop = application(2, 12)
        shop.attributes["identifierUris"] = [
            "https://shop.a.example/api", "https://c.example/api", .string("api://\(id(12))"),
        ]
        let plan = try plan(
            [domain("a.example"), domain("c.example"), user, shop], [domain("b.example")],
            domains: ["a.example": "b.example"]
        ) { $0.verifiedDomains = ["b.example"] }
        #expect(plan.todos.filter { $0.type == "domain" }.map(\.id) == ["c.example"])
        #expect(plan.conflicts.map { "\($0.code) \($0.id)" } == ["domainNotVerified \(id(2))"])
        let made = try #require(plan.steps.first { $0.type == "user" }?.document)
        #expect(made.attributes["userPrincipalName"] == "U@b.example")
        #expect(made.attributes["otherMails"] == ["u@b.example", "u@home.example"])
        #expect(made.attributes["identities"]?[0]?["issuer"] == "b.example")
        let uris = plan.steps.flatMap(\.attributes).first { $0.path.tokens == ["identifierUris"] }?.to
        #expect(uris == ["https://shop.b.example/api", .string("api://\(id(12))")])
    }

    @Test func `The applications that read and write the tenant stay as they are, and no tenant is its own partner`()
        throws
    {
        let partner = ObjectDocument(type: "crossTenantAccessPolicyPartner", id: id(902), attributes: [:])
        let organizations = [901, 902].map {
            ObjectDocument(type: "organization", id: id($0), attributes: ["displayName": "O"])
        }
        var own = application(1, 11)
        own.attributes["tags"] = ["new"]
        let plan = try plan([own, partner, organizations[0]], [application(21, 31), organizations[1]]) {
            $0.ownClientIDs = [id(31)]
        }
        #expect(plan.steps.isEmpty)
        #expect(
            plan.conflicts.map { "\($0.code) \($0.type)" }.sorted() == [
                "cannotCreate crossTenantAccessPolicyPartner", "ownApplication application",
            ])
        #expect(plan.matches.contains(.init(type: "organization", from: id(901), to: id(902))))
    }

    @Test func `Who administers the other tenant stays, and what only lacks null members is as it is to be`() throws {
        func role(_ number: Int, _ member: Int) -> ObjectDocument {
            ObjectDocument(
                type: "directoryRole", id: id(number), attributes: ["roleTemplateId": .string(id(80))],
                links: ["members": [id(member)]])
        }
        func custom(_ number: Int, _ permission: JSONValue) -> ObjectDocument {
            ObjectDocument(
                type: "unifiedRoleDefinition", id: id(number),
                attributes: ["displayName": "R", "isBuiltIn": false, "rolePermissions": [["x": 1], permission]])
        }
        let user = ObjectDocument(
            type: "user", id: id(6), attributes: ["displayName": "U", "userPrincipalName": "u@b.example"])
        let plan = try plan(
            [role(1, 6), user, custom(3, ["allowedResourceActions": ["a"], "condition": .null])],
            [role(21, 7), custom(23, ["allowedResourceActions": ["a"]])]
        ) { $0.unreadInSource = ["unifiedRoleAssignment": "refused"] }
        #expect(plan.steps.map(\.action) == [.create, .link])
        #expect(plan.steps.last?.links.map(\.added) == [[id(6)]])
        #expect(plan.steps.last?.links.map(\.removed) == [[]])
    }

    @Test func `What an earlier restore made, and somebody deleted since, comes back from this tenant's bin`() throws {
        let user = ObjectDocument(
            type: "user", id: id(1), attributes: ["displayName": "U", "userPrincipalName": "u@b.example"])
        let binned = ObjectDocument(
            type: "user", id: id(21),
            attributes: [
                "displayName": "U",
                "userPrincipalName": .string(id(21).filter { $0 != "-" } + "u@b.example"),
            ])
        let plan = try plan([user], []) { facts in
            facts.map = IDMap([id(1): id(21)])
            facts.recycleBin = [id(21): binned]
        }
        #expect(plan.steps.map(\.action) == [.undelete])
        #expect(plan.todos.isEmpty)
    }
}
