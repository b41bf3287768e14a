import Testing

@testable import TenantSimulator

@Suite struct ReadTests {
    private let tenant: SimulatedTenant
    private let client: TestClient

    init() {
        var settings = TenantSettings()
        settings.quotas = false
        tenant = SimulatedTenant(seed: 31, size: TenantSize(users: 150), settings: settings)
        client = TestClient(tenant)
    }

    @Test(arguments: [1, 7, 100, 999], [SimulatedType.user, .group, .device, .servicePrincipal, .directoryAudit])
    func `paging covers everything exactly once`(top: Int, type: SimulatedType) {
        let walk = client.walk("/v1.0/\(type.spec.contextName)?$top=\(top)&$select=id")
        let ids = walk.items.compactMap { $0["id"]?.text }
        #expect(Set(ids).count == ids.count)
        #expect(Set(ids) == Set(tenant.truth(type.rawValue).compactMap { $0["id"]?.text }))
        #expect(walk.pages.allSatisfy { $0.count <= top })
    }

    @Test func `paging misses nothing that stays while others come and go`() {
        // Those that were there at every page; one that was deleted and brought back meanwhile is not among them.
        var stayed = Set(tenant.truth("user").compactMap { $0["id"]?.text })
        var seen: [String] = []
        var next: String? = "/v1.0/users?$top=10&$select=id"
        var page: UInt64 = 0
        while let url = next {
            let answer = client.get(url)
            seen += answer.body["value"]?.items?.compactMap { $0["id"]?.text } ?? []
            next = answer.body["@odata.nextLink"]?.text
            tenant.churn(seed: 900 + page, count: 30)
            page += 1
            stayed.formIntersection(tenant.truth("user").compactMap { $0["id"]?.text })
        }
        #expect(stayed.count > 50)
        #expect(stayed.subtracting(seen) == [])
        #expect(Set(seen).count == seen.count)
    }

    @Test func `without select users have the eleven defaults, with it what it names`() {
        let plain = client.get("/v1.0/users?$top=1").body["value"]?.items?[0]
        #expect(Set(plain?.members?.map(\.0) ?? []).count == 11)
        let some = client.get("/v1.0/users?$top=1&$select=accountEnabled,city").body["value"]?.items?[0]
        #expect(Set(some?.members?.map(\.0) ?? []) == ["accountEnabled", "city"])
        #expect(client.get("/v1.0/users?$select=skills").status == 501)
        #expect(client.get("/v1.0/users?$select=nix").status == 400)
    }

    @Test func `large pages are cut to 999, the default is 100`() {
        #expect(client.get("/v1.0/users").body["value"]?.items?.count == 100)
        #expect(client.get("/v1.0/users?$top=5000").status == 200)
        #expect(client.get("/v1.0/users?$top=0").status == 400)
        #expect(client.get("/v1.0/informationProtection/bitlocker/recoveryKeys?$top=5").status == 400)
    }

    @Test func `counting needs the header`() {
        #expect(client.get("/v1.0/users/$count").status == 400)
        let eventual = ["consistencylevel": "eventual"]
        #expect(client.get("/v1.0/users/$count", headers: eventual).body.text == String(tenant.count(.user)))
        #expect(client.get("/v1.0/users?$count=true&$top=1").body["@odata.count"] == nil)
        #expect(
            client.get("/v1.0/users?$count=true&$top=1", headers: eventual).body["@odata.count"]?.integer
                == tenant.count(.user))
    }

    @Test func `expansions of directory objects end at twenty without a word`() throws {
        let items = client.walk("/v1.0/users?$select=id&$expand=sponsors($select=id)&$top=999").items
        let longest = try #require(
            items.max { ($0["sponsors"]?.items?.count ?? 0) < ($1["sponsors"]?.items?.count ?? 0) })
        #expect(longest["sponsors"]?.items?.count == 20)
        #expect(longest.members?.contains { $0.0.contains("nextLink") } == false)
        let all = client.walk("/v1.0/users/\(longest["id"]?.text ?? "")/sponsors?$select=id").items
        #expect(all.count == 25)
        #expect(all[0]["@odata.type"]?.text == "#microsoft.graph.user")
        #expect(client.get("/v1.0/users?$expand=manager,sponsors").status == 400)
        let nested = client.get("/v1.0/users?$expand=manager($select=id,displayName)&$top=5").body["value"]?.items?[4]
        #expect(Set(nested?["manager"]?.members?.map(\.0) ?? []) == ["@odata.type", "id", "displayName"])
    }

    @Test func `policies of other services expand to their ends`() throws {
        let policies = client.walk(
            "/beta/deviceManagement/deviceCompliancePolicies"
                + "?$expand=assignments,scheduledActionsForRule($expand=scheduledActionConfigurations)"
        ).items
        #expect(policies.allSatisfy { $0["@odata.type"]?.text?.hasSuffix("CompliancePolicy") ?? false })
        let action = try #require(policies[0]["scheduledActionsForRule"]?.items?[0])
        #expect(action["scheduledActionConfigurations"]?.items?.count == 1)
        let plain = client.walk("/beta/deviceManagement/deviceCompliancePolicies").items
        #expect(plain[0]["scheduledActionsForRule"] == nil)
        let id = try #require(plain[0]["id"]?.text)
        let alone = client.get("/beta/deviceManagement/deviceCompliancePolicies/\(id)/scheduledActionsForRule").body
        #expect(alone["value"]?.items?[0]["scheduledActionConfigurations"] == nil)
        #expect(client.get("/v1.0/deviceManagement/configurationPolicies").status == 400)
    }

    @Test func `settings of a policy come in pages`() throws {
        let policies = client.walk("/beta/deviceManagement/configurationPolicies").items
        let large = try #require(policies.first { $0["settingCount"]?.integer == 60 })
        let walk = client.walk("/beta/deviceManagement/configurationPolicies/\(large["id"]?.text ?? "")/settings")
        #expect(walk.pages.map(\.count) == [25, 25, 10])
        #expect(Set(walk.items.compactMap { $0["id"]?.text }).count == 60)
        #expect(
            walk.items[0]["settingInstance"]?["choiceSettingValue"]?["children"]?.items?[0]["simpleSettingValue"]?[
                "value"] == .number("9007199254740993"))
    }

    @Test func `members are heterogeneous and page`() throws {
        let group = try #require(
            tenant.truth("group").max {
                ($0["links"]?["members"]?.items?.count ?? 0) < ($1["links"]?["members"]?.items?.count ?? 0)
            })
        let id = try #require(group["id"]?.text)
        let walk = client.walk("/v1.0/groups/\(id)/members?$select=id&$top=10")
        #expect(walk.pages.count > 2)
        #expect(
            walk.items.compactMap { $0["id"]?.text }.sorted() == group["links"]?["members"]?.items?.compactMap(\.text))
        #expect(client.get("/v1.0/groups/\(id)/members/microsoft.graph.user").status == 400)
        let cast = client.get(
            "/v1.0/groups/\(id)/members/microsoft.graph.user?$count=true", headers: ["consistencylevel": "eventual"])
        #expect(cast.status == 200)
        let types = Set(
            tenant.truth("group").compactMap { $0["id"]?.text }.flatMap {
                client.walk("/v1.0/groups/\($0)/members?$select=id").items.compactMap { $0["@odata.type"]?.text }
            })
        #expect(types.isSuperset(of: ["#microsoft.graph.user", "#microsoft.graph.device", "#microsoft.graph.group"]))
    }

    @Test(arguments: [
        ("groups?$filter=groupTypes/any(c:c eq 'Unified')&$select=id", 200),
        ("users?$filter=startsWith(displayName,'A')", 200),
        ("policies/roleManagementPolicies", 400), ("users?$filter=displayName ne 'x'", 400),
        ("users?$filter=endsWith(mail,'x')", 400), ("users?$filter=garbage", 400),
        ("auditLogs/directoryAudits?$filter=activityDateTime ge 2025-12-20T00:00:00Z", 200),
        ("policies/roleManagementPolicies?$filter=scopeId eq '/' and scopeType eq 'DirectoryRole'", 200),
        ("informationProtection/bitlocker/recoveryKeys?$filter=deviceId eq 'x'", 200),
    ])
    func `filters are answered or refused`(path: String, status: Int) {
        let url = "/v1.0/" + path.split(separator: " ").joined(separator: "%20")
        #expect(client.get(url).status == status)
    }

    @Test func `filters by kind and by time select`() {
        let unified = client.walk("/v1.0/groups?$filter=groupTypes/any(c:c%20eq%20'Unified')&$select=id,groupTypes")
            .items
        #expect(!unified.isEmpty && unified.count < tenant.count(.group))
        let all = client.walk("/v1.0/auditLogs/directoryAudits").items
        let late = client.walk("/v1.0/auditLogs/directoryAudits?$filter=activityDateTime%20ge%202025-12-20T00:00:00Z")
            .items
        #expect(late.count < all.count && !late.isEmpty)
        #expect(late.allSatisfy { ($0["activityDateTime"]?.text ?? "") >= "2025-12-20" })
    }

    @Test func `missing permissions refuse or hide`() {
        var poor = client
        poor.granted = ["User.Read.All"]
        #expect(poor.get("/v1.0/groups").body["error"]?["code"]?.text == "Authorization_RequestDenied")
        let select = "/v1.0/users?$select=id,customSecurityAttributes&$top=999"
        #expect(client.get(select).body["value"]?.items?.contains { $0["customSecurityAttributes"] != .null } == true)
        #expect(poor.get(select).body["value"]?.items?.contains { $0["customSecurityAttributes"] != nil } == false)
        tenant.updateSettings { $0.missing = [.intune, .p2, .p1] }
        #expect(client.get("/beta/deviceManagement/configurationPolicies").status == 400)
        #expect(client.get("/v1.0/roleManagement/directory/roleEligibilitySchedules").status == 403)
        #expect(client.get("/v1.0/identity/conditionalAccess/policies").status == 403)
    }

    @Test func `hidden memberships need a permission of their own`() throws {
        let unit = try #require(
            tenant.truth("administrativeUnit").first { $0["attributes"]?["visibility"]?.text == "HiddenMembership" })
        let url = "/v1.0/directory/administrativeUnits/\(unit["id"]?.text ?? "")/members"
        #expect(client.walk(url).items.count == unit["links"]?["members"]?.items?.count)
        var poor = client
        poor.granted.remove("Member.Read.Hidden")
        #expect(poor.walk(url).items.isEmpty)
    }

    @Test func `secrets need their permission and leave a trace`() throws {
        let key = try #require(
            client.get("/v1.0/informationProtection/bitlocker/recoveryKeys").body["value"]?.items?[0])
        #expect(key["key"] == nil)
        let url = "/v1.0/informationProtection/bitlocker/recoveryKeys/\(key["id"]?.text ?? "")?$select=key"
        let audits = tenant.count(.directoryAudit)
        #expect(client.get(url).body["key"]?.text?.count == 55)
        #expect(tenant.count(.directoryAudit) == audits + 1)
        var poor = client
        poor.granted = ["BitlockerKey.ReadBasic.All"]
        #expect(poor.get(url).status == 403)
        poor.headers = [:]
        #expect(poor.get("/v1.0/informationProtection/bitlocker/recoveryKeys").status == 400)
    }

    @Test func `deleted objects are in the recycle bin only`() throws {
        let deleted = client.walk(
            "/v1.0/directory/deletedItems/microsoft.graph.user?$select=id,displayName,deletedDateTime"
        ).items
        let id = try #require(deleted.first?["id"]?.text)
        #expect(deleted[0]["deletedDateTime"]?.text != nil)
        #expect(client.get("/v1.0/users/\(id)").status == 404)
        #expect(client.get("/v1.0/directory/deletedItems/\(id)").body["@odata.type"]?.text == "#microsoft.graph.user")
    }

    @Test func `getByIds leaves unknown ids out`() throws {
        let user = try #require(tenant.truth("user")[0]["id"]?.text)
        let answer = client.send(
            "POST", "/v1.0/directoryObjects/getByIds",
            body: #"{"ids":["\#(user)","00000000-0000-0000-0000-000000000001"],"types":["user"]}"#)
        #expect(answer.body["value"]?.items?.count == 1)
    }
}
