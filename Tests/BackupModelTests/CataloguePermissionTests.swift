import Testing

@testable import BackupModel

@Suite("Catalogue: permissions and restore rules") struct CataloguePermissionTests {
    let catalogue = Catalogue.current

    @Test func `No permission of a backup can write`() {
        let endings = [
            ".Read.All", ".ReadBasic.All", ".Read.Directory", ".Read.Hidden", ".Read.PermissionGrant",
            ".Read.AuthenticationMethod",
        ]
        for permission in catalogue.permissions {
            #expect(endings.contains { permission.name.hasSuffix($0) }, "\(permission.name)")
            #expect(!permission.name.contains("Write"), "\(permission.name)")
        }
    }

    @Test func `The permissions of a backup are these`() {
        #expect(
            catalogue.permissions.map(\.name) == [
                "AdministrativeUnit.Read.All", "Application.Read.All", "AuditLog.Read.All",
                "AuthenticationContext.Read.All", "BitlockerKey.ReadBasic.All",
                "CustomSecAttributeAssignment.Read.All", "CustomSecAttributeDefinition.Read.All", "Device.Read.All",
                "DeviceLocalCredential.ReadBasic.All", "DeviceManagementConfiguration.Read.All",
                "DeviceManagementRBAC.Read.All", "Directory.Read.All", "Domain-InternalFederation.Read.All",
                "Domain.Read.All", "Group.Read.All", "GroupSettings.Read.All", "LicenseAssignment.Read.All",
                "Member.Read.Hidden", "OrgContact.Read.All", "Organization.Read.All",
                "OrganizationalBranding.Read.All", "Policy.Read.All", "Policy.Read.AuthenticationMethod",
                "Policy.Read.PermissionGrant", "RoleAssignmentSchedule.Read.Directory",
                "RoleEligibilitySchedule.Read.Directory", "RoleManagement.Read.Directory",
                "User-LifeCycleInfo.Read.All", "User.Read.All",
            ])
    }

    @Test func `A permission names what it serves`() throws {
        let custom = try #require(catalogue.permissions.first { $0.name == "CustomSecAttributeAssignment.Read.All" })
        #expect(custom.serves == ["servicePrincipal.customSecurityAttributes", "user.customSecurityAttributes"])
        let groups = try #require(catalogue.permissions.first { $0.name == "Group.Read.All" })
        #expect(groups.serves == ["group"])
        let settings = try #require(catalogue.permissions.first { $0.name == "GroupSettings.Read.All" })
        #expect(settings.serves == ["group.settings", "groupSetting"])
    }

    @Test func `Secrets need a permission that a backup does not ask for`() {
        let asked = Set(catalogue.permissions.map(\.name))
        let secrets = catalogue.types.compactMap(\.secrets)
        #expect(secrets.count == 2)
        for secret in secrets { #expect(!asked.contains(secret.permission)) }
    }

    @Test func `A permission to write grants reading the same`() {
        #expect(Catalogue.isGranted("User.Read.All", by: ["User.Read.All"]))
        #expect(Catalogue.isGranted("User.Read.All", by: ["User.ReadWrite.All"]))
        #expect(Catalogue.isGranted("RoleManagement.Read.Directory", by: ["RoleManagement.ReadWrite.Directory"]))
        #expect(!Catalogue.isGranted("User.Read.All", by: ["Group.ReadWrite.All", "User.ReadBasic.All"]))
        #expect(!Catalogue.isGranted("User.Read.All", by: []))
        #expect(!Catalogue.isGranted("User.Read.All", by: nil))
    }

    @Test func `What can be created says where in the order, with which permission and what it must carry`() {
        let creating: Set<RestoreRules.Mode> = [
            .undeleteOrCreate, .create, .createCustomOnly, .upsert, .activate, .request,
        ]
        for type in catalogue.types where creating.contains(type.restore.mode) {
            #expect(type.restore.order != nil, "\(type.name)")
            #expect(type.restore.permission != nil, "\(type.name)")
            #expect(!type.restore.requiredOnCreate.isEmpty, "\(type.name)")
        }
        for type in catalogue.types where type.restore.mode == .backupOnly {
            #expect(type.restore.order == nil && type.restore.permission == nil, "\(type.name)")
        }
        for type in catalogue.types { #expect(!type.restore.readOnly.isEmpty, "\(type.name)") }
    }

    @Test func `What is referred to is restored before what refers to it`() throws {
        let order = [
            "deletedItem", "organization", "attributeSet", "customSecurityAttributeDefinition", "administrativeUnit",
            "unifiedRoleDefinition", "user", "group", "tokenLifetimePolicy", "application", "servicePrincipal",
            "appRoleAssignment", "unifiedRoleAssignment", "authenticationStrengthPolicy",
            "authenticationContextClassReference", "namedLocation", "conditionalAccessPolicy", "roleScopeTag",
            "assignmentFilter", "deviceCompliancePolicy",
        ].map { catalogue[$0]?.restore.order ?? -1 }
        #expect(order == order.sorted())
        #expect(Set(order).count == order.count)
        #expect(order.first == 0)
    }
}
