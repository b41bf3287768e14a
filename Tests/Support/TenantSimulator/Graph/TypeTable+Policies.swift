// Types of the simulated service: paths, properties and permissions from the v1.0 metadata and the permission list.

extension TypeSpec {
    static let policyTypes: [TypeSpec] = [
        TypeSpec(
            .claimsMappingPolicy, path: "/policies/claimsMappingPolicies",
            odataType: "#microsoft.graph.claimsMappingPolicy",
            flags: [], throttle: .identity,
            permissions: "Policy.Read.All Policy.ReadWrite.ApplicationConfiguration",
            properties: "definition deletedDateTime description displayName id isOrganizationDefault",
            required: "definition displayName",
            readOnly: "deletedDateTime id",
            writePermission: "Policy.ReadWrite.ApplicationConfiguration"),
        TypeSpec(
            .homeRealmDiscoveryPolicy, path: "/policies/homeRealmDiscoveryPolicies",
            odataType: "#microsoft.graph.homeRealmDiscoveryPolicy",
            flags: [], throttle: .identity,
            permissions: "Policy.Read.All Policy.ReadWrite.ApplicationConfiguration",
            properties: "definition deletedDateTime description displayName id isOrganizationDefault",
            required: "definition displayName",
            readOnly: "deletedDateTime id",
            writePermission: "Policy.ReadWrite.ApplicationConfiguration"),
        TypeSpec(
            .tokenIssuancePolicy, path: "/policies/tokenIssuancePolicies",
            odataType: "#microsoft.graph.tokenIssuancePolicy",
            flags: [], throttle: .identity,
            permissions: "Policy.Read.All Policy.ReadWrite.ApplicationConfiguration",
            properties: "definition deletedDateTime description displayName id isOrganizationDefault",
            required: "definition displayName",
            readOnly: "deletedDateTime id",
            writePermission: "Policy.ReadWrite.ApplicationConfiguration"),
        TypeSpec(
            .tokenLifetimePolicy, path: "/policies/tokenLifetimePolicies",
            odataType: "#microsoft.graph.tokenLifetimePolicy",
            flags: [], throttle: .identity,
            permissions: "Policy.Read.All Policy.ReadWrite.ApplicationConfiguration",
            properties: "definition deletedDateTime description displayName id isOrganizationDefault",
            required: "definition displayName",
            readOnly: "deletedDateTime id",
            writePermission: "Policy.ReadWrite.ApplicationConfiguration"),
        TypeSpec(
            .permissionGrantPolicy, path: "/policies/permissionGrantPolicies",
            odataType: "#microsoft.graph.permissionGrantPolicy",
            flags: [], throttle: .identity,
            permissions: "Policy.Read.PermissionGrant Policy.ReadWrite.PermissionGrant",
            properties: "deletedDateTime description displayName id",
            required: "id displayName",
            readOnly: "deletedDateTime",
            writePermission: "Policy.ReadWrite.PermissionGrant"),
        TypeSpec(
            .unifiedRoleManagementPolicy, path: "/policies/roleManagementPolicies",
            odataType: "#microsoft.graph.unifiedRoleManagementPolicy",
            flags: [], throttle: .unlimited,
            permissions: "RoleManagement.Read.Directory RoleManagement.Read.All RoleManagement.ReadWrite.Directory",
            properties: """
                description displayName id isOrganizationDefault lastModifiedBy lastModifiedDateTime
                scopeId scopeType
                """,
            readOnly: "id"),
        TypeSpec(
            .authenticationMethodsPolicy, path: "/policies/authenticationMethodsPolicy",
            odataType: "#microsoft.graph.authenticationMethodsPolicy",
            flags: [.singleton], throttle: .unlimited,
            permissions: "Policy.Read.AuthenticationMethod Policy.Read.All Policy.ReadWrite.AuthenticationMethod",
            properties: """
                description displayName id lastModifiedDateTime policyMigrationState policyVersion
                reconfirmationInDays registrationEnforcement
                """,
            readOnly: "description displayName id lastModifiedDateTime policyVersion",
            writePermission: "Policy.ReadWrite.AuthenticationMethod"),
        TypeSpec(
            .authenticationStrengthPolicy, path: "/policies/authenticationStrengthPolicies",
            odataType: "#microsoft.graph.authenticationStrengthPolicy",
            flags: [], throttle: .unlimited,
            permissions: """
                Policy.Read.AuthenticationMethod Policy.Read.All Policy.ReadWrite.AuthenticationMethod
                Policy.ReadWrite.ConditionalAccess
                """,
            properties: """
                allowedCombinations createdDateTime description displayName id modifiedDateTime
                policyType requirementsSatisfied
                """,
            required: "displayName allowedCombinations",
            readOnly: "createdDateTime id modifiedDateTime policyType requirementsSatisfied",
            writePermission: "Policy.ReadWrite.ConditionalAccess"),
        TypeSpec(
            .authenticationContextClassReference,
            path: "/identity/conditionalAccess/authenticationContextClassReferences",
            odataType: "#microsoft.graph.authenticationContextClassReference",
            flags: [], throttle: .conditionalAccess,
            permissions: """
                AuthenticationContext.Read.All AuthenticationContext.ReadWrite.All
                Policy.Read.ConditionalAccess Policy.ReadWrite.ConditionalAccess
                """,
            properties: "description displayName id isAvailable",
            required: "id displayName",
            writePermission: "AuthenticationContext.ReadWrite.All"),
        TypeSpec(
            .namedLocation, path: "/identity/conditionalAccess/namedLocations",
            odataType: "#microsoft.graph.namedLocation",
            flags: [.softDelete, .polymorphic], throttle: .conditionalAccess,
            permissions: "Policy.Read.All",
            properties: "createdDateTime deletedDateTime displayName id modifiedDateTime",
            required: "displayName",
            readOnly: "createdDateTime deletedDateTime id modifiedDateTime",
            writePermission: "Policy.ReadWrite.ConditionalAccess"),
        TypeSpec(
            .authorizationPolicy, path: "/policies/authorizationPolicy",
            odataType: "#microsoft.graph.authorizationPolicy",
            flags: [.singleton], throttle: .identity,
            permissions: "Policy.Read.All Policy.ReadWrite.Authorization",
            properties: """
                allowEmailVerifiedUsersToJoinOrganization allowInvitesFrom
                allowUserConsentForRiskyApps allowedToSignUpEmailBasedSubscriptions allowedToUseSSPR
                blockMsolPowerShell defaultUserRolePermissions deletedDateTime description displayName
                guestUserRoleId id
                """,
            readOnly: "deletedDateTime id",
            writePermission: "Policy.ReadWrite.Authorization"),
        TypeSpec(
            .identitySecurityDefaultsEnforcementPolicy, path: "/policies/identitySecurityDefaultsEnforcementPolicy",
            odataType: "#microsoft.graph.identitySecurityDefaultsEnforcementPolicy",
            flags: [.singleton], throttle: .identity,
            permissions: "Policy.Read.All Policy.ReadWrite.SecurityDefaults",
            properties: "deletedDateTime description displayName id isEnabled",
            readOnly: "deletedDateTime id",
            writePermission: "Policy.ReadWrite.ConditionalAccess"),
        TypeSpec(
            .crossTenantAccessPolicyPartner, path: "/policies/crossTenantAccessPolicy/partners",
            odataType: "#microsoft.graph.crossTenantAccessPolicyConfigurationPartner",
            flags: [], throttle: .unlimited,
            permissions: "Policy.Read.All Policy.ReadWrite.CrossTenantAccess",
            properties: """
                appServiceConnectInbound automaticUserConsentSettings b2bCollaborationInbound
                b2bCollaborationOutbound b2bDirectConnectInbound b2bDirectConnectOutbound inboundTrust
                isInMultiTenantOrganization isServiceProvider m365CollaborationInbound
                m365CollaborationOutbound tenantId tenantRestrictions
                """,
            required: "tenantId",
            createOnly: "tenantId",
            writePermission: "Policy.ReadWrite.CrossTenantAccess"),
        TypeSpec(
            .adminConsentRequestPolicy, path: "/policies/adminConsentRequestPolicy",
            odataType: "#microsoft.graph.adminConsentRequestPolicy",
            flags: [.singleton], throttle: .unlimited,
            permissions: """
                Policy.Read.All Directory.Read.All Directory.ReadWrite.All
                Policy.ReadWrite.ConsentRequest
                """,
            properties: "id isEnabled notifyReviewers remindersEnabled requestDurationInDays reviewers version",
            readOnly: "id version",
            writePermission: "Policy.ReadWrite.ConsentRequest"),
        TypeSpec(
            .conditionalAccessPolicy, path: "/identity/conditionalAccess/policies",
            odataType: "#microsoft.graph.conditionalAccessPolicy",
            flags: [.softDelete], throttle: .conditionalAccess,
            permissions: "Policy.Read.All",
            properties: """
                conditions createdDateTime deletedDateTime description displayName grantControls id
                modifiedDateTime sessionControls state templateId
                """,
            required: "displayName state",
            createOnly: "templateId",
            readOnly: "createdDateTime deletedDateTime id modifiedDateTime",
            writePermission: "Policy.ReadWrite.ConditionalAccess"),
        TypeSpec(
            .roleScopeTag, path: "/deviceManagement/roleScopeTags", odataType: "#microsoft.graph.roleScopeTag",
            flags: [.betaOnly, .unpaged], throttle: .intune,
            permissions: """
                DeviceManagementRBAC.Read.All DeviceManagementConfiguration.Read.All
                DeviceManagementConfiguration.ReadWrite.All DeviceManagementRBAC.ReadWrite.All
                """,
            properties: "description displayName id isBuiltIn",
            required: "displayName",
            readOnly: "id isBuiltIn",
            writePermission: "DeviceManagementRBAC.ReadWrite.All"),
        TypeSpec(
            .assignmentFilter, path: "/deviceManagement/assignmentFilters",
            odataType: "#microsoft.graph.deviceAndAppManagementAssignmentFilter",
            flags: [.betaOnly], throttle: .intune,
            permissions: "DeviceManagementConfiguration.Read.All DeviceManagementConfiguration.ReadWrite.All",
            properties: """
                assignmentFilterManagementType createdDateTime description displayName id
                lastModifiedDateTime payloads platform roleScopeTags rule
                """,
            required: "displayName platform rule",
            createOnly: "platform",
            readOnly: "createdDateTime id lastModifiedDateTime payloads",
            writePermission: "DeviceManagementConfiguration.ReadWrite.All"),
        TypeSpec(
            .deviceCompliancePolicy, path: "/deviceManagement/deviceCompliancePolicies",
            odataType: "#microsoft.graph.deviceCompliancePolicy",
            flags: [.betaOnly, .polymorphic], throttle: .intune,
            permissions: "DeviceManagementConfiguration.Read.All DeviceManagementConfiguration.ReadWrite.All",
            properties: "createdDateTime description displayName id lastModifiedDateTime roleScopeTagIds version",
            required: "displayName",
            readOnly: "createdDateTime id lastModifiedDateTime version",
            writePermission: "DeviceManagementConfiguration.ReadWrite.All"),
        TypeSpec(
            .compliancePolicy, path: "/deviceManagement/compliancePolicies",
            odataType: "#microsoft.graph.deviceManagementCompliancePolicy",
            flags: [.betaOnly, .orderedArrays], throttle: .intune,
            permissions: "DeviceManagementConfiguration.Read.All DeviceManagementConfiguration.ReadWrite.All",
            properties: """
                createdDateTime creationSource description id isAssigned lastModifiedDateTime name
                platforms roleScopeTagIds settingCount technologies
                """,
            required: "name platforms technologies settings scheduledActionsForRule",
            createOnly: "platforms technologies",
            readOnly: "createdDateTime creationSource id isAssigned lastModifiedDateTime settingCount",
            writePermission: "DeviceManagementConfiguration.ReadWrite.All"),
        TypeSpec(
            .configurationPolicy, path: "/deviceManagement/configurationPolicies",
            odataType: "#microsoft.graph.deviceManagementConfigurationPolicy",
            flags: [.betaOnly, .orderedArrays], throttle: .intune,
            permissions: "DeviceManagementConfiguration.Read.All DeviceManagementConfiguration.ReadWrite.All",
            properties: """
                createdDateTime creationSource description disableEntraGroupPolicyAssignment id
                isAssigned lastModifiedDateTime name platforms priorityMetaData roleScopeTagIds
                settingCount technologies templateReference
                """,
            required: "name platforms technologies settings",
            createOnly: "platforms technologies templateReference",
            readOnly: "createdDateTime creationSource id isAssigned lastModifiedDateTime settingCount",
            writePermission: "DeviceManagementConfiguration.ReadWrite.All"),
        TypeSpec(
            .deviceConfiguration, path: "/deviceManagement/deviceConfigurations",
            odataType: "#microsoft.graph.deviceConfiguration",
            flags: [.betaOnly, .polymorphic, .orderedArrays], throttle: .intune,
            permissions: "DeviceManagementConfiguration.Read.All DeviceManagementConfiguration.ReadWrite.All",
            properties: """
                createdDateTime description deviceManagementApplicabilityRuleDeviceMode
                deviceManagementApplicabilityRuleOsEdition deviceManagementApplicabilityRuleOsVersion
                displayName id lastModifiedDateTime roleScopeTagIds supportsScopeTags version
                """,
            required: "displayName",
            readOnly: "createdDateTime id lastModifiedDateTime supportsScopeTags version",
            writePermission: "DeviceManagementConfiguration.ReadWrite.All"),
        TypeSpec(
            .unifiedRoleManagementPolicyAssignment, path: "/policies/roleManagementPolicyAssignments",
            odataType: "#microsoft.graph.unifiedRoleManagementPolicyAssignment",
            flags: [], throttle: .unlimited,
            permissions: "RoleManagement.Read.Directory RoleManagement.Read.All RoleManagement.ReadWrite.Directory",
            properties: "id policyId roleDefinitionId scopeId scopeType",
            readOnly: "id"),
    ]
}
