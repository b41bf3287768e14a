import Testing

@testable import TenantSimulator

@Suite struct PolicyLoaderTests {
    private func load(_ files: [String: String]) throws -> (SimulatedTenant, PolicyLoadReport) {
        let folder = "/tmp/simulator-policies-\(UInt64.random(in: 0...(.max)))"
        try SimulatorFiles.makeFolder(folder)
        defer { SimulatorFiles.remove(folder) }
        for (name, text) in files { try SimulatorFiles.write(Array(text.utf8), to: "\(folder)/\(name)") }
        let tenant = SimulatedTenant(seed: 91, size: TenantSize(users: 10))
        return (tenant, try tenant.loadPolicies(folder: folder))
    }

    @Test func `exports are recognised by type, by link and by shape`() throws {
        let (tenant, report) = try load([
            "a.json":
                ##"""
            {"@odata.type":"#microsoft.graph.androidDeviceOwnerCompliancePolicy","id":"a",\##
            "displayName":"A","assignments":[]}
            """##,
            "b.json":
                ##"""
            {"@odata.context":"https://graph.microsoft.com/beta/$metadata#deviceManagement/configurationPolicies/$entity",\##
            "id":"b","name":"B","settings":[{"id":"0","settingInstance":{"x":1}}],\##
            "#microsoft.graph.assign":{}}
            """##,
            "c.json":
                ##"""
            {"displayName":"C","state":"enabled","grantControls":null,"conditions":{},\##
            "GrantControls":{"operator":"OR"}}
            """##,
            "d.json": ##"{"@odata.type":"#microsoft.graph.deviceManagementIntent","id":"d"}"##,
            "e.json": "[{\"RoleId\":1}]", "f.json": "{not json", "g.txt": "ignored",
            "h.json":
                ##"""
            {"@odata.id":"deviceManagement/deviceConfigurations('h')",\##
            "@odata.type":"#microsoft.graph.sharedPCConfiguration","id":"h",\##
            "displayName":"H"}
            """##,
        ])
        #expect(
            report.counts == [
                "deviceCompliancePolicy": 1, "configurationPolicy": 1, "conditionalAccessPolicy": 1,
                "deviceConfiguration": 1,
            ])
        #expect(report.renumbered == 1)
        #expect(report.taken.map(\.file) == ["/a.json", "/b.json", "/c.json", "/h.json"])
        #expect(report.taken.first?.id == "a" && report.taken.first?.type == "deviceCompliancePolicy")
        #expect(tenant.policyLoads.count == 1)
        #expect(report.skipped.map(\.file) == ["/d.json", "/e.json", "/f.json"])
        let client = TestClient(tenant)
        let settings = client.walk("/beta/deviceManagement/configurationPolicies/b/settings").items
        #expect(settings.map { $0["settingInstance"]?["x"] } == [.number("1")])
        let policy = client.walk("/v1.0/identity/conditionalAccess/policies").items.first {
            $0["displayName"]?.text == "C"
        }
        #expect(policy?["grantControls"]?["operator"]?.text == "OR")
        #expect(policy?["id"]?.text?.count == 36)
        let configuration = client.get("/beta/deviceManagement/deviceConfigurations/h").body
        #expect(configuration["@odata.type"]?.text == "#microsoft.graph.sharedPCConfiguration")
        #expect(client.get("/beta/deviceManagement/configurationPolicies/b").body["#microsoft.graph.assign"] == nil)
    }

    @Test func `a folder that is not there is an error`() {
        let tenant = SimulatedTenant(seed: 92, size: TenantSize(users: 1))
        #expect(throws: SimulatorError.self) { try tenant.loadPolicies(folder: "/nowhere") }
    }
}
