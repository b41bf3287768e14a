import Foundation
import Testing

@testable import BackupModel

@Suite("Catalogue: queries") struct CatalogueQueryTests {
    let catalogue = Catalogue.current

    @Test func `A list asks for full pages of everything that may be read`() throws {
        let user = try #require(catalogue["user"])
        let query = user.listQuery(granted: nil)
        let items = try decoded(query)
        #expect(items.map(\.name) == ["$select", "$top"])
        #expect(items.last?.value == "999")
        let selected = try #require(items.first?.value).split(separator: ",").map(String.init)
        #expect(selected == user.select)
        #expect(Set(selected).isSuperset(of: ["id", "employeeHireDate", "assignedLicenses", "deletedDateTime"]))
        for name in ["signInActivity", "aboutMe", "mailboxSettings", "customSecurityAttributes", "manager"] {
            #expect(!selected.contains(name))
        }
    }

    @Test func `Attributes that need a permission are selected when the token has it`() throws {
        let user = try #require(catalogue["user"])
        let granted: Set = ["User.Read.All", "CustomSecAttributeAssignment.Read.All", "AuditLog.Read.All"]
        let selected = try select(user.listQuery(granted: granted))
        #expect(selected == user.select + ["customSecurityAttributes"])
        #expect(try select(user.listQuery(granted: ["User.Read.All"])) == user.select)
        #expect(!selected.contains("signInActivity"), "volatile, granted or not")
    }

    @Test func `A list without select gets one when an attribute needs it`() throws {
        let principal = try #require(catalogue["servicePrincipal"])
        #expect(principal.listQuery(granted: nil) == "$top=999")
        let selected = try select(principal.listQuery(granted: ["CustomSecAttributeAssignment.Read.All"]))
        let others = principal.attributes.filter { $0 != "customSecurityAttributes" }
        #expect(selected == others + ["customSecurityAttributes"])
        let device = try #require(catalogue["device"])
        let extended = try select(device.deltaQuery(granted: nil, extensions: ["extension_b_y", "extension_a_x"]))
        #expect(extended == device.select + ["extension_a_x", "extension_b_y"])
    }

    @Test func `Targets are what Graph documents`() throws {
        #expect(
            try target("deviceCompliancePolicy")
                == "/deviceManagement/deviceCompliancePolicies?$expand=assignments,"
                + "scheduledActionsForRule($expand=scheduledActionConfigurations)")
        #expect(
            try target("unifiedRoleManagementPolicy")
                == "/policies/roleManagementPolicies?$filter=scopeId%20eq%20'/'"
                + "%20and%20scopeType%20eq%20'DirectoryRole'"
                + "&$expand=rules")
        #expect(try target("conditionalAccessPolicy") == "/identity/conditionalAccess/policies")
        #expect(try target("directoryRole") == "/directoryRoles")
        #expect(try target("bitlockerRecoveryKey") == "/informationProtection/bitlocker/recoveryKeys")
        #expect(
            try target("appRoleAssignment")
                == "/servicePrincipals?$select=id&$expand=appRoleAssignedTo&$top=250")
    }

    @Test func `A log is read from a time on`() throws {
        let audit = try #require(catalogue["directoryAudit"])
        #expect(
            audit.listTargets(granted: nil, since: "2026-01-31T04:05:06+01:00") == [
                "/auditLogs/directoryAudits?$filter=activityDateTime%20ge%202026-01-31T04:05:06%2B01:00"
            ])
        #expect(audit.listTargets(granted: nil) == ["/auditLogs/directoryAudits"])
    }

    @Test func `The recycle bin is one list for each type and selects as that type does`() throws {
        let bin = try #require(catalogue["deletedItem"])
        let targets = bin.listTargets(granted: nil)
        #expect(targets.count == 5)
        #expect(targets[0].hasPrefix("/directory/deletedItems/microsoft.graph.user?$select=accountEnabled,"))
        #expect(try select(bin.listQuery(granted: nil, listing: 0)) == (try #require(catalogue["user"])).select)
        #expect(targets[2] == "/directory/deletedItems/microsoft.graph.application")
    }

    @Test func `A delta query selects the relationships that it tracks and has no page size`() throws {
        let group = try #require(catalogue["group"])
        #expect(try select(group.deltaQuery(granted: nil)) == group.select + ["members", "owners"])
        #expect(!group.deltaQuery(granted: nil).contains("$top"))
        let role = try #require(catalogue["directoryRole"])
        #expect(
            role.deltaTarget(granted: nil)
                == "/directoryRoles/delta?$select=deletedDateTime,description,displayName,id,roleTemplateId,members")
        #expect(catalogue["application"]?.deltaTarget(granted: nil) == "/applications/delta")
        #expect(catalogue["domain"]?.deltaTarget(granted: nil) == nil)
    }

    @Test func `A relationship with a list of its own selects ids only`() throws {
        #expect(try ownList("user", "sponsors") == "/users?$select=id&$expand=sponsors($select=id)&$top=999")
        #expect(
            try ownList("application", "federatedIdentityCredentials")
                == "/applications?$select=id&$expand=federatedIdentityCredentials&$top=999")
        #expect(try ownList("orgContact", "manager") == "/contacts?$select=id&$expand=manager($select=id)&$top=999")
        #expect(try ownList("user", "manager") == nil)
    }

    @Test func `Single readings put the id into the path, encoded`() throws {
        func single(_ type: String, _ name: String, _ id: String) throws -> String {
            try #require(catalogue[type]?.relationship(name)).target(for: id)
        }
        #expect(try single("user", "sponsors", "7") == "/users/7/sponsors?$select=id")
        #expect(try single("application", "extensionProperties", "7") == "/applications/7/extensionProperties")
        #expect(
            try single("domain", "federationConfiguration", "a b/ü.example")
                == "/domains/a%20b%2F%C3%BC.example/federationConfiguration")
        #expect(
            try single("compliancePolicy", "scheduledActionsForRule", "7")
                == "/deviceManagement/compliancePolicies/7/scheduledActionsForRule"
                + "?$expand=scheduledActionConfigurations"
        )
        let nested = try #require(catalogue["appRoleAssignment"]?.nested)
        #expect(nested.target(forParent: "7") == "/servicePrincipals/7/appRoleAssignedTo")
        let key = try #require(catalogue["bitlockerRecoveryKey"]?.secrets)
        #expect(key.target(for: "7") == "/informationProtection/bitlocker/recoveryKeys/7?$select=key")
    }

    @Test func `Objects that can have a relationship are found by a filter`() throws {
        let group = try #require(catalogue["group"])
        let settings = try #require(group.relationship("settings"))
        #expect(
            group.candidatesTarget(settings)
                == "/groups?$select=id&$filter=groupTypes/any(c:c%20eq%20'Unified')&$top=999")
        let unit = try #require(catalogue["administrativeUnit"])
        #expect(unit.candidatesTarget(try #require(unit.relationship("scopedRoleMembers"))) == nil)
    }

    @Test func `What has no known id is looked up by its name, or at what it belongs to`() throws {
        func target(_ type: String, _ key: [String: JSONValue]) throws -> String? {
            try #require(catalogue[type]).lookUpTarget(key, granted: nil)
        }
        #expect(
            try target("user", ["userPrincipalName": "o'neil+x@y.example"])?.contains(
                "&$filter=userPrincipalName%20eq%20'o''neil%2Bx@y.example'&$top=999") == true)
        #expect(
            try target("servicePrincipal", ["appId": "7"]) == "/servicePrincipals?$filter=appId%20eq%20'7'&$top=999")
        #expect(
            try target("group", ["displayName": "G", "mailNickname": "g"])?.contains("mailNickname%20eq%20'g'")
                == true)
        #expect(
            try target("group", ["displayName": "G", "mailNickname": .null])?.contains("displayName%20eq%20'G'")
                == true)
        #expect(
            try target("appRoleAssignment", ["appRoleId": "1", "principalId": "2", "resourceId": "3"])
                == "/servicePrincipals/3/appRoleAssignedTo")
        #expect(try target("namedLocation", ["displayName": "L"]) == nil)
        #expect(try target("user", ["userPrincipalName": .null]) == nil)
    }

    @Test func `Every target survives a URL parser`() throws {
        let granted = Set(catalogue.permissions.map(\.name))
        for type in catalogue.types {
            var targets = type.listTargets(
                granted: granted, since: "2026-01-01T00:00:00Z", extensions: ["extension_0_a"])
            targets += [type.deltaTarget(granted: granted)].compactMap(\.self)
            for relationship in type.relationships {
                targets += [type.ownListTarget(relationship), type.candidatesTarget(relationship)].compactMap(\.self)
                targets.append(relationship.target(for: "a+b&c=d #é"))
            }
            for target in targets {
                let url = "https://graph.microsoft.com/v1.0" + target
                let parts = try #require(URLComponents(string: url), "\(target)")
                #expect(target.utf8.allSatisfy { $0 > 32 && $0 < 127 }, "\(target)")
                #expect(parts.fragment == nil, "\(target)")
                let names = parts.queryItems?.map(\.name) ?? []
                #expect(Set(names).count == names.count, "\(target)")
                #expect(Set(names).isSubset(of: ["$select", "$filter", "$expand", "$top"]), "\(target)")
            }
        }
    }

    private func target(_ type: String) throws -> String? {
        try #require(catalogue[type]).listTargets(granted: nil).first
    }

    private func ownList(_ type: String, _ name: String) throws -> String? {
        let type = try #require(catalogue[type])
        return type.ownListTarget(try #require(type.relationship(name)))
    }

    private func decoded(_ query: String) throws -> [URLQueryItem] {
        try #require(URLComponents(string: "https://graph.microsoft.com/v1.0/x?" + query)?.queryItems)
    }

    private func select(_ query: String) throws -> [String] {
        let value = try decoded(query).first { $0.name == "$select" }?.value
        return try #require(value).split(separator: ",").map(String.init)
    }
}
