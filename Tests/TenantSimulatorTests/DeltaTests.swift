import Synchronization
import Testing

@testable import TenantSimulator

@Suite struct DeltaTests {
    static let cases: [(String, String, [String])] = [
        ("user", "/v1.0/users/delta", ["manager"]), ("group", "/v1.0/groups/delta", ["members", "owners"]),
        ("application", "/v1.0/applications/delta", []), ("servicePrincipal", "/v1.0/servicePrincipals/delta", []),
        ("device", "/v1.0/devices/delta", []),
        ("administrativeUnit", "/v1.0/directory/administrativeUnits/delta", ["members"]),
        ("directoryRole", "/v1.0/directoryRoles/delta", ["members"]),
        ("oauth2PermissionGrant", "/v1.0/oauth2PermissionGrants/delta", []),
        ("orgContact", "/v1.0/contacts/delta", []),
    ]

    private func start(_ tenant: SimulatedTenant, _ type: String, _ path: String, _ links: [String]) throws -> String {
        let spec = try #require(SimulatedType(rawValue: type)).spec
        let names = spec.orderedProperties.filter {
            !spec.notInCollections.contains($0) && !spec.perObject.contains($0)
        }
        let extensions = tenant.truth("application").flatMap { $0["children"]?["extensionProperties"]?.items ?? [] }
            .compactMap { $0["name"]?.text }
        return "\(path)?$select=" + (names + Set(extensions).sorted() + links).joined(separator: ",")
    }

    @Test(arguments: cases, [UInt64(101), 102, 103])
    func `rounds replayed into a map equal the truth`(
        _ example: (String, String, [String]), seed: UInt64
    ) throws {
        let (type, path, links) = example
        var settings = TenantSettings()
        settings.quotas = false
        settings.deltaPageSize = 20
        settings.deltaSliceSize = 7
        settings.deltaDuplicates = 0.1
        settings.deltaReplays = 0.1
        let tenant = SimulatedTenant(seed: seed, size: TenantSize(users: 150), settings: settings)
        let client = TestClient(tenant)
        var replica = Replica()
        var next: String? = try start(tenant, type, path, links)
        for round in 0..<5 {
            var page = 0
            while let url = next {
                let answer = client.get(url)
                try #require(answer.status == 200, "\(answer.body)")
                replica.apply(answer.body["value"]?.items ?? [])
                // Changes go on while the round is read.
                tenant.churn(seed: seed &* 1_000 &+ UInt64(round * 100 + page), count: round < 4 ? 40 : 0)
                page += 1
                next = answer.body["@odata.nextLink"]?.text
                if next == nil {
                    next = answer.body["@odata.deltaLink"]?.text
                    break
                }
            }
        }
        // The last round was calm, but what changed during the one before may only be told in the next.
        let last = client.walk(try #require(next))
        replica.apply(last.items)
        let found = replica.differences(to: tenant.truth(type), links: links)
        #expect(found.isEmpty, "seed \(seed): \(found.count) differences: \(found.prefix(5))")
    }

    @Test func `large groups come in slices with other groups between`() throws {
        var settings = TenantSettings()
        settings.deltaPageSize = 10
        settings.deltaSliceSize = 10
        settings.deltaDuplicates = 0
        let tenant = SimulatedTenant(seed: 21, size: TenantSize(users: 300), settings: settings)
        let walk = TestClient(tenant).walk("/v1.0/groups/delta?$select=displayName,members")
        let ids = walk.items.compactMap { $0["id"]?.text }
        let first = try #require(ids.first)
        let places = ids.indices.filter { ids[$0] == first }
        #expect(places.count > 2)
        #expect(zip(places, places.dropFirst()).contains { $1 - $0 > 1 })
        #expect(walk.pages.count > 5)
        for item in walk.items { #expect((item["members@delta"]?.items?.count ?? 0) <= 10) }
    }

    @Test func `latest gives only a delta link, and the next round what happened since`() throws {
        let tenant = SimulatedTenant(seed: 22, size: TenantSize(users: 50))
        let client = TestClient(tenant)
        let latest = client.get("/v1.0/users/delta?$deltatoken=latest&$select=displayName")
        #expect(latest.body["value"]?.items?.isEmpty == true)
        let link = try #require(latest.body["@odata.deltaLink"]?.text)
        #expect(client.walk(link).items.isEmpty)
        tenant.churn(seed: 1, count: 300)
        #expect(!client.walk(link).items.isEmpty)
    }

    @Test func `a change of what is not selected is not told`() throws {
        let tenant = SimulatedTenant(seed: 23, size: TenantSize(users: 30))
        let client = TestClient(tenant)
        let link = try #require(client.walk("/v1.0/users/delta?$select=surname").deltaLink)
        let user = tenant.state.withLock { $0.world.presentRefs(.user)[3] }
        tenant.state.withLock { _ = $0.world.update(user, "jobTitle", "Neu") }
        let calm = client.walk(link)
        #expect(calm.items.isEmpty)
        tenant.state.withLock { _ = $0.world.update(user, "surname", "Neu") }
        let told = client.walk(try #require(calm.deltaLink))
        #expect(told.items.first?["surname"]?.text == "Neu")
        #expect(told.items.first?["jobTitle"] == nil)
    }

    @Test func `a changed link alone is an element with an id and the link`() throws {
        let tenant = SimulatedTenant(seed: 24, size: TenantSize(users: 30))
        tenant.quiesce()
        let client = TestClient(tenant)
        let link = try #require(client.walk("/v1.0/groups/delta?$select=displayName,members").deltaLink)
        let (group, removed) = try tenant.state.withLock { state in
            let group = try #require(
                state.world.presentRefs(.group).first { !state.world.targets(.members, $0).isEmpty })
            let member = state.world.targets(.members, group)[0]
            _ = state.world.unlink(.members, group, member)
            return (state.world.id(group), state.world.id(member))
        }
        let item = try #require(client.walk(link).items.first)
        #expect(item["id"]?.text == group)
        #expect(item.members?.map(\.0) == ["id", "members@delta"])
        #expect(item["members@delta"]?.items?.first?["id"]?.text == removed)
        #expect(item["members@delta"]?.items?.first?["@removed"]?["reason"]?.text == "deleted")
    }

    @Test func `soft-deleted, purged and restored objects are told as such`() throws {
        let tenant = SimulatedTenant(seed: 25, size: TenantSize(users: 30))
        tenant.quiesce()
        let client = TestClient(tenant)
        let link = try #require(client.walk("/v1.0/users/delta?$select=displayName").deltaLink)
        let users = tenant.state.withLock { state in
            let users = state.world.presentRefs(.user)
            state.world.softDelete(users[1])
            state.world.softDelete(users[2])
            state.world.purge(users[2])
            state.world.softDelete(users[3])
            state.world.restore(users[3])
            return users.map { state.world.id($0) }
        }
        var replica = Replica()
        replica.apply(client.walk(link).items)
        #expect(replica.removals[users[1]] == "changed")
        #expect(replica.removals[users[2]] == "deleted")
        #expect(replica.attributes[users[3]]?["displayName"] != nil)
    }

    @Test func `expired tokens are refused in both ways`() throws {
        let tenant = SimulatedTenant(seed: 26, size: TenantSize(users: 30))
        let client = TestClient(tenant)
        let link = try #require(client.walk("/v1.0/users/delta").deltaLink)
        tenant.expireDeltaTokens()
        tenant.updateSettings { $0.expiredTokenStatus = 410 }
        let gone = client.get(link)
        #expect(gone.status == 410)
        #expect(gone.headers["location"]?.hasSuffix("/users/delta?$deltatoken=") == true)
        tenant.updateSettings { $0.expiredTokenStatus = 400 }
        #expect(client.get(link).body["error"]?["code"]?.text == "syncStateNotFound")
        #expect(client.get(link + "x").status == 400)
    }

    @Test(arguments: ["$top=5", "$expand=manager", "$orderby=displayName", "$filter=displayName eq 'x'", "$select=nix"])
    func `unsupported options are refused`(option: String) {
        let client = TestClient(SimulatedTenant(seed: 27, size: TenantSize(users: 10)))
        #expect(client.get("/v1.0/users/delta?\(option)").status == 400)
    }

    @Test func `minimal answers name only what changed`() throws {
        let tenant = SimulatedTenant(seed: 28, size: TenantSize(users: 30))
        tenant.quiesce()
        let client = TestClient(tenant)
        let link = try #require(client.walk("/v1.0/users/delta?$select=displayName,surname,givenName").deltaLink)
        tenant.state.withLock { _ = $0.world.update($0.world.presentRefs(.user)[0], "surname", "Minimal") }
        let item = client.get(link, headers: ["prefer": "return=minimal"]).body["value"]?.items?.first
        #expect(item?.members?.map(\.0) == ["id", "surname"])
    }

    @Test func `mixed rounds carry types`() {
        let client = TestClient(SimulatedTenant(seed: 29, size: TenantSize(users: 30)))
        let walk = client.walk(
            "/v1.0/directoryObjects/delta?$filter=isof('microsoft.graph.user')%20or%20isof('microsoft.graph.group')")
        let types = Set(walk.items.compactMap { $0["@odata.type"]?.text })
        #expect(types == ["#microsoft.graph.user", "#microsoft.graph.group"])
        #expect(walk.deltaLink?.contains("$deltatoken=") == true)
    }
}
