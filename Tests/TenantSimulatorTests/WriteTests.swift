import Testing

@testable import TenantSimulator

@Suite struct WriteTests {
    private let tenant: SimulatedTenant
    private let client: TestClient
    private let domain: String

    init() {
        var settings = TenantSettings()
        settings.quotas = false
        tenant = SimulatedTenant(seed: 81, size: TenantSize(users: 100), settings: settings)
        var client = TestClient(tenant)
        client.granted = tenant.clients[1].permissions
        self.client = client
        domain = tenant.truth("domain").first { $0["attributes"]?["isDefault"]?.boolean ?? false }?["id"]?.text ?? ""
    }

    private func id(_ type: String, where matches: (SimulatedJSON) -> Bool = { _ in true }) throws -> String {
        try #require(tenant.truth(type).first { matches($0["attributes"] ?? .null) }?["id"]?.text)
    }

    private func newUser(_ name: String) -> String {
        """
        {"accountEnabled":true,"displayName":"\(name)","mailNickname":"\(name)","userPrincipalName":"\(name)@\(domain)",
        "passwordProfile":{"password":"long enough 1","forceChangePasswordNextSignIn":true}}
        """
    }

    @Test func `users are created, changed, deleted and restored`() throws {
        let delta = try #require(client.walk("/v1.0/users/delta?$select=displayName").deltaLink)
        let made = client.send("POST", "/v1.0/users", body: newUser("writer"))
        #expect(made.status == 201, "\(made.body)")
        let user = try #require(made.body["id"]?.text)
        #expect(made.body["passwordProfile"] == nil)
        #expect(client.send("POST", "/v1.0/users", body: newUser("writer")).status == 400)
        #expect(
            client.send("PATCH", "/v1.0/users/\(user)", body: #"{"jobTitle":"Boß","department":null}"#).status == 204)
        #expect(client.get("/v1.0/users/\(user)").body["jobTitle"]?.text == "Boß")
        #expect(
            client.send("PATCH", "/v1.0/users/\(user)", body: #"{"createdDateTime":"2020-01-01T00:00:00Z"}"#).status
                == 400)
        #expect(client.send("PATCH", "/v1.0/users/\(user)", body: #"{"nix":1}"#).status == 400)
        #expect(client.send("DELETE", "/v1.0/users/\(user)").status == 204)
        #expect(client.get("/v1.0/users/\(user)").status == 404)
        #expect(client.send("POST", "/v1.0/directory/deletedItems/\(user)/restore").status == 200)
        #expect(client.get("/v1.0/users/\(user)").status == 200)
        #expect(client.walk(delta).items.contains { $0["id"]?.text == user })
        let audits = client.walk("/v1.0/auditLogs/directoryAudits").items.filter {
            $0["targetResources"]?.items?[0]["id"]?.text == user
        }
        #expect(audits.count == 4)
        #expect(audits.allSatisfy { $0["initiatedBy"]?["app"]?["appId"]?.text == "test" })
    }

    @Test func `what a user's creation needs is demanded`() {
        #expect(client.send("POST", "/v1.0/users", body: #"{"displayName":"x"}"#).status == 400)
        let foreign =
            #"""
            {"accountEnabled":true,"displayName":"x","mailNickname":"x",\#
            "userPrincipalName":"x@elsewhere.example",\#
            "passwordProfile":{"password":"long enough 1"}}
            """#
        #expect(
            client.send("POST", "/v1.0/users", body: foreign).body["error"]?["message"]?.text?.contains(
                "verified domain") == true)
        var reader = client
        reader.granted = tenant.clients[0].permissions
        #expect(reader.send("POST", "/v1.0/users", body: newUser("no")).status == 403)
    }

    @Test func `synced users keep what is written on-premises`() throws {
        let synced = try id("user") { $0["onPremisesSyncEnabled"]?.boolean ?? false }
        #expect(client.send("PATCH", "/v1.0/users/\(synced)", body: #"{"jobTitle":"x"}"#).status == 400)
        #expect(client.send("PATCH", "/v1.0/users/\(synced)", body: #"{"usageLocation":"DE"}"#).status == 204)
    }

    @Test func `references are added and removed once`() throws {
        let users = tenant.truth("user").compactMap { $0["id"]?.text }
        let group = try #require(
            client.send(
                "POST", "/v1.0/groups",
                body: """
                    {"displayName":"G","mailEnabled":false,"mailNickname":"g","securityEnabled":true,
                    "members@odata.bind":["https://graph.microsoft.com/v1.0/users/\(users[0])"]}
                    """
            ).body["id"]?.text)
        let reference = #"{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/\#(users[1])"}"#
        #expect(client.send("POST", "/v1.0/groups/\(group)/members/$ref", body: reference).status == 204)
        #expect(client.send("POST", "/v1.0/groups/\(group)/members/$ref", body: reference).status == 400)
        let many = (2..<22).map { "\"https://graph.microsoft.com/v1.0/directoryObjects/\(users[$0])\"" }
        #expect(
            client.send(
                "PATCH", "/v1.0/groups/\(group)", body: #"{"members@odata.bind":[\#(many.joined(separator: ","))]}"#
            ).status == 204)
        #expect(client.walk("/v1.0/groups/\(group)/members").items.count == 22)
        let tooMany = many + many.prefix(1)
        #expect(
            client.send(
                "PATCH", "/v1.0/groups/\(group)", body: #"{"members@odata.bind":[\#(tooMany.joined(separator: ","))]}"#
            ).status == 400)
        #expect(client.send("DELETE", "/v1.0/groups/\(group)/members/\(users[1])/$ref").status == 204)
        #expect(client.send("DELETE", "/v1.0/groups/\(group)/members/\(users[1])/$ref").status == 404)
        #expect(client.send("PUT", "/v1.0/users/\(users[5])/manager/$ref", body: reference).status == 204)
        #expect(client.get("/v1.0/users/\(users[5])/manager").body["id"]?.text == users[1])
        let dynamic = try id("group") { $0["groupTypes"]?.items == [.string("DynamicMembership")] }
        #expect(client.send("POST", "/v1.0/groups/\(dynamic)/members/$ref", body: reference).status == 403)
    }

    @Test(arguments: [
        #"{"displayName":"x","mailEnabled":true,"mailNickname":"x","securityEnabled":true}"#,
        #"{"displayName":"x","mailEnabled":false,"mailNickname":"a b","securityEnabled":true}"#,
        #"""
        {"displayName":"x","mailEnabled":false,"mailNickname":"x","securityEnabled":true,\#
        "groupTypes":["DynamicMembership"]}
        """#,
        #"""
        {"displayName":"x","mailEnabled":true,"mailNickname":"x","securityEnabled":false,\#
        "groupTypes":["Unified"],"hideFromAddressLists":true}
        """#,
        #"{"displayName":"x","mailNickname":"x","securityEnabled":true}"#,
    ])
    func `groups that the service does not make are refused`(body: String) {
        #expect(client.send("POST", "/v1.0/groups", body: body).status == 400)
    }

    @Test func `applications get new ids, secrets once, and keep enabled scopes`() throws {
        let made = client.send("POST", "/v1.0/applications", body: #"{"displayName":"App","identifierUris":[]}"#)
        let app = try #require(made.body["id"]?.text)
        let appID = try #require(made.body["appId"]?.text)
        #expect(
            client.send("PATCH", "/v1.0/applications/\(app)", body: #"{"identifierUris":["api://\#(appID)"]}"#).status
                == 204)
        #expect(
            client.send("PATCH", "/v1.0/applications/\(app)", body: #"{"identifierUris":["api://other"]}"#).status
                == 400)
        let scope =
            #"""
            {"api":{"oauth2PermissionScopes":[{"id":"11111111-1111-4111-8111-111111111111",\#
            "isEnabled":true,"type":"User","value":"a"}]}}
            """#
        #expect(client.send("PATCH", "/v1.0/applications/\(app)", body: scope).status == 204)
        #expect(
            client.send("PATCH", "/v1.0/applications/\(app)", body: #"{"api":{"oauth2PermissionScopes":[]}}"#).body[
                "error"]?["code"]?.text == "CannotDeleteOrUpdateEnabledEntitlement")
        let secret = client.send(
            "POST", "/v1.0/applications/\(app)/addPassword", body: #"{"passwordCredential":{"displayName":"s"}}"#)
        #expect((secret.body["secretText"]?.text?.count ?? 0) > 20)
        #expect(client.get("/v1.0/applications/\(app)").body["passwordCredentials"]?.items?[0]["secretText"] == .null)
        let fic = #"{"name":"f","issuer":"https://i","subject":"s","audiences":["a"]}"#
        #expect(client.send("POST", "/v1.0/applications/\(app)/federatedIdentityCredentials", body: fic).status == 201)
        let principal = client.send("POST", "/v1.0/servicePrincipals", body: #"{"appId":"\#(appID)"}"#)
        #expect(principal.status == 201 && principal.body["displayName"]?.text == "App")
        #expect(client.send("POST", "/v1.0/servicePrincipals", body: #"{"appId":"\#(appID)"}"#).status == 409)
        let user = try id("user")
        let grant =
            #"""
            {"principalId":"\#(user)","resourceId":"\#(principal.body["id"]?.text ?? "")",\#
            "appRoleId":"00000000-0000-0000-0000-000000000000"}
            """#
        let path = "/v1.0/servicePrincipals/\(principal.body["id"]?.text ?? "")/appRoleAssignedTo"
        let assigned = client.send("POST", path, body: grant)
        #expect(assigned.status == 201)
        #expect(client.send("POST", path, body: grant).status == 400)
        #expect(client.send("DELETE", "\(path)/\(assigned.body["id"]?.text ?? "")").status == 204)
    }

    @Test func `conditional access knows its references`() throws {
        func policy(_ more: String, group: String) -> String {
            """
            {"displayName":"P","state":"disabled","conditions":{"applications":{"includeApplications":["All"]},
            "users":{"includeUsers":["All"],"excludeGroups":["\(group)"]}},\(more)}
            """
        }
        let group = try id("group")
        let grant = #""grantControls":{"operator":"OR","builtInControls":["mfa"]}"#
        let made = client.send("POST", "/v1.0/identity/conditionalAccess/policies", body: policy(grant, group: group))
        #expect(made.status == 201, "\(made.body)")
        let unknown = policy(grant, group: "99999999-9999-4999-8999-999999999999")
        #expect(client.send("POST", "/v1.0/identity/conditionalAccess/policies", body: unknown).status == 400)
        let readOnly = policy(grant + #","id":"x""#, group: group)
        #expect(
            client.send("POST", "/v1.0/identity/conditionalAccess/policies", body: readOnly).body["error"]?["message"]?
                .text?.hasPrefix("1001") == true)
        let strength =
            #"""
            "grantControls":{"operator":"AND",\#
            "authenticationStrength":{"id":"00000000-0000-0000-0000-000000000002",\#
            "displayName":"x"}}
            """#
        #expect(
            client.send("POST", "/v1.0/identity/conditionalAccess/policies", body: policy(strength, group: group)).body[
                "error"]?["message"]?.text?.hasPrefix("1007") == true)
        let id = made.body["id"]?.text ?? ""
        #expect(client.send("DELETE", "/v1.0/identity/conditionalAccess/policies/\(id)").status == 204)
        #expect(
            client.send("POST", "/v1.0/identity/conditionalAccess/deletedItems/policies/\(id)/restore").status == 200)
        #expect(client.get("/v1.0/identity/conditionalAccess/policies/\(id)").status == 200)
        let trusted = try self.id("namedLocation") { $0["isTrusted"]?.boolean ?? false }
        #expect(client.send("DELETE", "/v1.0/identity/conditionalAccess/namedLocations/\(trusted)").status == 400)
    }

    @Test func `device policies want their actions, settings and types`() throws {
        let rule =
            #"""
            "scheduledActionsForRule":[{"ruleName":"PasswordRequired",\#
            "scheduledActionConfigurations":[{"actionType":"block","gracePeriodHours":0}]}]
            """#
        let path = "/beta/deviceManagement/deviceCompliancePolicies"
        let type = ##""@odata.type":"#microsoft.graph.iosCompliancePolicy""##
        #expect(client.send("POST", path, body: #"{\#(type),"displayName":"x"}"#).status == 400)
        #expect(client.send("POST", path, body: #"{"displayName":"x",\#(rule)}"#).status == 400)
        let made = client.send("POST", path, body: #"{\#(type),"displayName":"x","passcodeRequired":true,\#(rule)}"#)
        #expect(made.status == 201)
        let id = made.body["id"]?.text ?? ""
        #expect(
            client.send("PATCH", "\(path)/\(id)", body: #"{\#(type),"displayName":"y"}"#).body["version"]?.integer == 2)
        #expect(client.send("PATCH", "\(path)/\(id)", body: "{\(rule)}").status == 400)
        let group = try self.id("group")
        let target = ##"{"target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"\##(group)"}}"##
        #expect(client.send("POST", "\(path)/\(id)/assign", body: #"{"assignments":[\#(target)]}"#).status == 200)
        #expect(client.walk("\(path)/\(id)/assignments").items.count == 1)
        #expect(client.send("POST", "\(path)/\(id)/assign", body: #"{"assignments":[]}"#).status == 200)
        #expect(client.walk("\(path)/\(id)/assignments").items.isEmpty)
        let catalog = "/beta/deviceManagement/configurationPolicies"
        #expect(
            client.send("POST", catalog, body: #"{"name":"n","platforms":"windows10","technologies":"mdm"}"#).status
                == 400)
        let settings = ##"[{"settingInstance":{"@odata.type":"#microsoft.graph.x","settingDefinitionId":"d"}}]"##
        let policy = client.send(
            "POST", catalog, body: #"{"name":"n","platforms":"windows10","technologies":"mdm","settings":\#(settings)}"#
        )
        #expect(policy.status == 201 && policy.body["settingCount"]?.integer == 1)
    }

    @Test func `roles are assigned and requested under their rules`() throws {
        let user = try id("user")
        let role = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
        let body = #"{"roleDefinitionId":"\#(role)","principalId":"\#(user)","directoryScopeId":"/"}"#
        let made = client.send("POST", "/v1.0/roleManagement/directory/roleAssignments", body: body)
        #expect(made.status == 201)
        #expect(client.send("POST", "/v1.0/roleManagement/directory/roleAssignments", body: body).status == 400)
        let activated = try id("directoryRole") { $0["roleTemplateId"]?.text == role }
        #expect(client.walk("/v1.0/directoryRoles/\(activated)/members").items.contains { $0["id"]?.text == user })
        #expect(
            client.send("DELETE", "/v1.0/roleManagement/directory/roleAssignments/\(made.body["id"]?.text ?? "")")
                .status == 204)
        #expect(!client.walk("/v1.0/directoryRoles/\(activated)/members").items.contains { $0["id"]?.text == user })
        let builtIn = "/v1.0/roleManagement/directory/roleDefinitions/\(role)"
        #expect(client.send("PATCH", builtIn, body: #"{"description":"x"}"#).status == 400)
        let request =
            #"""
            {"action":"adminAssign","roleDefinitionId":"\#(role)","principalId":"\#(user)",\#
            "directoryScopeId":"/","scheduleInfo":{"expiration":{"type":"noExpiration"}},\#
            "justification":"j"}
            """#
        let path = "/v1.0/roleManagement/directory/roleEligibilityScheduleRequests"
        let eligible = tenant.count(.unifiedRoleEligibilitySchedule)
        #expect(client.send("POST", path, body: request).status == 201)
        #expect(tenant.count(.unifiedRoleEligibilitySchedule) == eligible + 1)
        #expect(client.send("POST", path, body: request).body["error"]?["code"]?.text == "RoleAssignmentExists")
        let policy = try id("unifiedRoleManagementPolicy")
        #expect(
            client.send(
                "PATCH", "/v1.0/policies/roleManagementPolicies/\(policy)/rules/Expiration_Admin_Eligibility",
                body: "{}"
            ).status == 403)
    }

    @Test func `security attributes need their types beside integers and collections`() throws {
        let user = try id("user") { $0["customSecurityAttributes"]?.isNull ?? true }
        func set(_ text: String) -> Int {
            client.send(
                "PATCH", "/v1.0/users/\(user)",
                body:
                    ##"""
                    {"customSecurityAttributes":{"Engineering":{"@odata.type":"#Microsoft.DirectoryServices.CustomSecurityAttributeValue",\##
                    \##(text)}}}
                    """##
            ).status
        }
        #expect(set(#""NumVendors":4"#) == 400)
        #expect(set(##""NumVendors@odata.type":"#Int32","NumVendors":4,"Certification":true"##) == 204)
        let read = client.get("/v1.0/users/\(user)?$select=customSecurityAttributes").body["customSecurityAttributes"]?[
            "Engineering"]
        #expect(read?["NumVendors@odata.type"]?.text == "#Int32")
        #expect(set(#""NumVendors":null"#) == 204)
        let after = client.get("/v1.0/users/\(user)?$select=customSecurityAttributes").body[
            "customSecurityAttributes"]?["Engineering"]
        #expect(after?["NumVendors"] == nil && after?["Certification"]?.boolean == true)
    }

    @Test func `licences need a usage location and a free unit`() throws {
        let user = try id("user") { $0["usageLocation"]?.isNull ?? true }
        let body =
            #"""
            {"addLicenses":[{"skuId":"84a661c4-e949-4bd2-a560-ed7766fcaf2b",\#
            "disabledPlans":[]}],"removeLicenses":[]}
            """#
        #expect(client.send("POST", "/v1.0/users/\(user)/assignLicense", body: body).status == 400)
        #expect(client.send("PATCH", "/v1.0/users/\(user)", body: #"{"usageLocation":"DE"}"#).status == 204)
        #expect(client.send("POST", "/v1.0/users/\(user)/assignLicense", body: body).status == 200)
        #expect(client.send("POST", "/v1.0/users/\(user)/assignLicense", body: #"{"addLicenses":[]}"#).status == 400)
    }

    @Test func `a new object can stay unseen for some reads`() throws {
        tenant.updateSettings { $0.replicationMisses = 2 }
        let user = try #require(client.send("POST", "/v1.0/users", body: newUser("late")).body["id"]?.text)
        #expect((0..<3).map { _ in client.get("/v1.0/users/\(user)").status } == [404, 404, 200])
    }

    @Test func `devices are not made by applications, guests are invited`() throws {
        #expect(client.send("POST", "/v1.0/devices", body: "{}").status == 403)
        let invited = client.send(
            "POST", "/v1.0/invitations",
            body: #"{"invitedUserEmailAddress":"a@b.example","inviteRedirectUrl":"https://x"}"#)
        let guest = try #require(invited.body["invitedUser"]?["id"]?.text)
        #expect(client.get("/v1.0/users/\(guest)?$select=userType").body["userType"]?.text == "Guest")
    }
}
