// Types of the simulated service: paths, properties and permissions from the v1.0 metadata and the permission list.

extension TypeSpec {
    static let accessTypes: [TypeSpec] = [
        TypeSpec(
            .domain, path: "/domains", odataType: "#microsoft.graph.domain",
            flags: [.unpaged], throttle: .identity,
            permissions: "Domain.Read.All Directory.Read.All Domain.ReadWrite.All",
            properties: """
                authenticationType availabilityStatus id isAdminManaged isDefault isInitial isRoot
                isVerified manufacturer model passwordNotificationWindowInDays
                passwordValidityPeriodInDays state supportedServices
                """,
            required: "id",
            readOnly: """
                authenticationType availabilityStatus isAdminManaged isInitial isRoot isVerified
                manufacturer model state
                """,
            writePermission: "Domain.ReadWrite.All"),
        TypeSpec(
            .attributeSet, path: "/directory/attributeSets", odataType: "#microsoft.graph.attributeSet",
            flags: [], throttle: .identity,
            permissions: "CustomSecAttributeDefinition.Read.All CustomSecAttributeDefinition.ReadWrite.All",
            properties: "description id maxAttributesPerSet",
            required: "id",
            createOnly: "id",
            writePermission: "CustomSecAttributeDefinition.ReadWrite.All"),
        TypeSpec(
            .customSecurityAttributeDefinition, path: "/directory/customSecurityAttributeDefinitions",
            odataType: "#microsoft.graph.customSecurityAttributeDefinition",
            flags: [], throttle: .identity,
            permissions: "CustomSecAttributeDefinition.Read.All CustomSecAttributeDefinition.ReadWrite.All",
            properties: """
                attributeSet description id isCollection isSearchable name status type
                usePreDefinedValuesOnly
                """,
            required: "attributeSet isCollection isSearchable name status type usePreDefinedValuesOnly",
            createOnly: "attributeSet isCollection isSearchable name type",
            readOnly: "id",
            writePermission: "CustomSecAttributeDefinition.ReadWrite.All"),
        TypeSpec(
            .unifiedRoleDefinition, path: "/roleManagement/directory/roleDefinitions",
            odataType: "#microsoft.graph.unifiedRoleDefinition",
            flags: [.softDelete], throttle: .unlimited,
            permissions: """
                RoleManagement.Read.Directory Directory.Read.All Directory.ReadWrite.All
                RoleManagement.Read.All RoleManagement.ReadWrite.Directory
                """,
            properties: """
                description displayName id isBuiltIn isEnabled resourceScopes rolePermissions
                templateId version
                """,
            required: "displayName isEnabled rolePermissions",
            createOnly: "templateId",
            readOnly: "id inheritsPermissionsFrom isBuiltIn resourceScopes version",
            writePermission: "RoleManagement.ReadWrite.Directory"),
        TypeSpec(
            .groupSetting, path: "/groupSettings", odataType: "#microsoft.graph.groupSetting",
            flags: [], throttle: .identity,
            permissions: """
                GroupSettings.Read.All Directory.Read.All Directory.ReadWrite.All Group.Read.All
                Group.ReadWrite.All GroupSettings.ReadWrite.All
                """,
            properties: "displayName id templateId values",
            required: "templateId values",
            createOnly: "templateId",
            readOnly: "id",
            writePermission: "GroupSettings.ReadWrite.All"),
        TypeSpec(
            .groupLifecyclePolicy, path: "/groupLifecyclePolicies", odataType: "#microsoft.graph.groupLifecyclePolicy",
            flags: [], throttle: .identity,
            permissions: "Directory.Read.All Directory.ReadWrite.All",
            properties: "alternateNotificationEmails groupLifetimeInDays id managedGroupTypes",
            required: "groupLifetimeInDays managedGroupTypes alternateNotificationEmails",
            readOnly: "id",
            writePermission: "Directory.ReadWrite.All"),
        TypeSpec(
            .appRoleAssignment, path: "/appRoleAssignments", odataType: "#microsoft.graph.appRoleAssignment",
            flags: [], throttle: .identity,
            permissions: """
                Application.Read.All Application.ReadWrite.All Application.ReadWrite.OwnedBy
                Directory.Read.All Directory.ReadWrite.All
                """,
            properties: """
                appRoleId createdDateTime deletedDateTime id principalDisplayName principalId
                principalType resourceDisplayName resourceId
                """,
            required: "principalId resourceId appRoleId",
            createOnly: "appRoleId principalId resourceId",
            readOnly: "createdDateTime deletedDateTime id principalDisplayName principalType",
            writePermission: "AppRoleAssignment.ReadWrite.All"),
        TypeSpec(
            .oauth2PermissionGrant, path: "/oauth2PermissionGrants",
            odataType: "#microsoft.graph.oAuth2PermissionGrant",
            flags: [.delta], throttle: .identity,
            permissions: "Directory.Read.All DelegatedPermissionGrant.ReadWrite.All Directory.ReadWrite.All",
            properties: "clientId consentType id principalId resourceId scope",
            required: "clientId consentType resourceId scope",
            createOnly: "clientId consentType principalId resourceId",
            readOnly: "id",
            writePermission: "DelegatedPermissionGrant.ReadWrite.All"),
        TypeSpec(
            .unifiedRoleAssignment, path: "/roleManagement/directory/roleAssignments",
            odataType: "#microsoft.graph.unifiedRoleAssignment",
            flags: [], throttle: .unlimited,
            permissions: """
                RoleManagement.Read.Directory Directory.Read.All Directory.ReadWrite.All
                RoleManagement.ReadWrite.Directory
                """,
            properties: """
                appScopeId condition directoryScopeId id principalId principalOrganizationId
                roleDefinitionId
                """,
            required: "roleDefinitionId principalId",
            createOnly: "appScopeId directoryScopeId principalId roleDefinitionId",
            readOnly: "id",
            writePermission: "RoleManagement.ReadWrite.Directory"),
        TypeSpec(
            .unifiedRoleEligibilitySchedule, path: "/roleManagement/directory/roleEligibilitySchedules",
            odataType: "#microsoft.graph.unifiedRoleEligibilitySchedule",
            flags: [], throttle: .unlimited,
            permissions: """
                RoleEligibilitySchedule.Read.Directory RoleEligibilitySchedule.ReadWrite.Directory
                RoleManagement.Read.All RoleManagement.Read.Directory
                RoleManagement.ReadWrite.Directory
                """,
            properties: """
                appScopeId createdDateTime createdUsing directoryScopeId id memberType
                modifiedDateTime principalId roleDefinitionId scheduleInfo status
                """,
            required: "principalId roleDefinitionId scheduleInfo",
            readOnly: "id",
            writePermission: "RoleEligibilitySchedule.ReadWrite.Directory"),
        TypeSpec(
            .unifiedRoleAssignmentSchedule, path: "/roleManagement/directory/roleAssignmentSchedules",
            odataType: "#microsoft.graph.unifiedRoleAssignmentSchedule",
            flags: [], throttle: .unlimited,
            permissions: """
                RoleAssignmentSchedule.Read.Directory RoleAssignmentSchedule.ReadWrite.Directory
                RoleManagement.Read.All RoleManagement.Read.Directory
                RoleManagement.ReadWrite.Directory
                """,
            properties: """
                appScopeId assignmentType createdDateTime createdUsing directoryScopeId id memberType
                modifiedDateTime principalId roleDefinitionId scheduleInfo status
                """,
            required: "principalId roleDefinitionId scheduleInfo",
            readOnly: "id",
            writePermission: "RoleAssignmentSchedule.ReadWrite.Directory"),
        TypeSpec(
            .bitlockerRecoveryKey, path: "/informationProtection/bitlocker/recoveryKeys",
            odataType: "#microsoft.graph.bitlockerRecoveryKey",
            flags: [], throttle: .unlimited,
            permissions: "BitlockerKey.ReadBasic.All BitlockerKey.Read.All",
            properties: "createdDateTime deviceId id key volumeType",
            perObject: "key",
            readOnly: "createdDateTime deviceId id key volumeType"),
        TypeSpec(
            .deviceLocalCredentialInfo, path: "/directory/deviceLocalCredentials",
            odataType: "#microsoft.graph.deviceLocalCredentialInfo",
            flags: [], throttle: .unlimited,
            permissions: "DeviceLocalCredential.ReadBasic.All",
            properties: "credentials deviceName id lastBackupDateTime refreshDateTime",
            perObject: "credentials",
            readOnly: "credentials deviceName id lastBackupDateTime refreshDateTime"),
        TypeSpec(
            .directoryAudit, path: "/auditLogs/directoryAudits", odataType: "#microsoft.graph.directoryAudit",
            flags: [], throttle: .reports,
            permissions: "AuditLog.Read.All Directory.Read.All",
            properties: """
                activityDateTime activityDisplayName additionalDetails category correlationId id
                initiatedBy loggedByService operationType result resultReason targetResources
                userAgent
                """,
            readOnly: """
                activityDateTime activityDisplayName additionalDetails category correlationId id
                initiatedBy loggedByService operationType result resultReason targetResources
                """),
        TypeSpec(
            .subscribedSku, path: "/subscribedSkus", odataType: "#microsoft.graph.subscribedSku",
            flags: [.unpaged], throttle: .identity,
            permissions: """
                LicenseAssignment.Read.All Directory.Read.All Directory.ReadWrite.All
                Organization.Read.All Organization.ReadWrite.All
                """,
            properties: """
                accountId accountName appliesTo capabilityStatus consumedUnits id prepaidUnits
                servicePlans skuId skuPartNumber subscriptionIds
                """,
            readOnly: """
                accountId accountName appliesTo capabilityStatus consumedUnits id prepaidUnits
                servicePlans skuId skuPartNumber subscriptionIds
                """),
    ]
}
