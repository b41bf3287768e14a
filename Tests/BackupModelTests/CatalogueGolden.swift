// Numbers are stored with every object, so a line of this file is only ever added: never changed, never removed.

/// Number and name of each type.
let goldenTypes = """
    1 deletedItem
    2 organization
    3 domain
    4 attributeSet
    5 customSecurityAttributeDefinition
    6 administrativeUnit
    7 unifiedRoleDefinition
    8 directoryRole
    9 user
    10 group
    11 groupSetting
    12 groupLifecyclePolicy
    13 claimsMappingPolicy
    14 homeRealmDiscoveryPolicy
    15 tokenIssuancePolicy
    16 tokenLifetimePolicy
    17 application
    18 servicePrincipal
    19 permissionGrantPolicy
    20 appRoleAssignment
    21 oauth2PermissionGrant
    22 unifiedRoleAssignment
    23 unifiedRoleEligibilitySchedule
    24 unifiedRoleAssignmentSchedule
    25 unifiedRoleManagementPolicy
    26 authenticationMethodsPolicy
    27 authenticationStrengthPolicy
    28 authenticationContextClassReference
    29 namedLocation
    30 authorizationPolicy
    31 identitySecurityDefaultsEnforcementPolicy
    32 crossTenantAccessPolicyPartner
    33 adminConsentRequestPolicy
    34 conditionalAccessPolicy
    35 roleScopeTag
    36 assignmentFilter
    37 deviceCompliancePolicy
    38 compliancePolicy
    39 configurationPolicy
    40 deviceConfiguration
    41 bitlockerRecoveryKey
    42 device
    43 deviceLocalCredentialInfo
    44 directoryAudit
    45 orgContact
    46 subscribedSku
    47 unifiedRoleManagementPolicyAssignment
    """

/// Type, number, name, kind and way of reading of each relationship; the last word may change with a decision record.
let goldenRelationships = """
    organization 1 branding child perObject
    organization 2 brandingLocalizations child perObject
    organization 3 certificateBasedAuthConfiguration child perObject
    domain 1 federationConfiguration child perObject
    domain 2 serviceConfigurationRecords child onDemand
    domain 3 verificationDnsRecords child onDemand
    customSecurityAttributeDefinition 1 allowedValues child inline
    administrativeUnit 1 members link delta
    administrativeUnit 2 scopedRoleMembers child perObject
    administrativeUnit 3 extensions child onDemand
    unifiedRoleDefinition 1 inheritsPermissionsFrom link inline
    directoryRole 1 members link delta
    directoryRole 2 scopedMembers child mirror
    user 1 manager link delta
    user 2 sponsors link inline
    user 3 licenses child mirror
    user 4 memberOf link mirror
    user 5 directReports link mirror
    user 6 ownedObjects link mirror
    user 7 ownedDevices link mirror
    user 8 registeredDevices link mirror
    user 9 appRoleAssignments child mirror
    user 10 oauth2PermissionGrants child mirror
    user 11 extensions child onDemand
    user 12 authenticationMethods child onDemand
    group 1 members link delta
    group 2 owners link delta
    group 3 acceptedSenders link onDemand
    group 4 rejectedSenders link onDemand
    group 5 memberOf link mirror
    group 6 transitiveMembers link mirror
    group 7 appRoleAssignments child mirror
    group 8 settings child perObject
    group 9 groupLifecyclePolicies link mirror
    group 10 permissionGrants child onDemand
    group 11 extensions child onDemand
    group 12 licenses child mirror
    claimsMappingPolicy 1 appliesTo link mirror
    homeRealmDiscoveryPolicy 1 appliesTo link mirror
    tokenIssuancePolicy 1 appliesTo link perObject
    tokenLifetimePolicy 1 appliesTo link perObject
    application 1 owners link inline
    application 2 federatedIdentityCredentials child inline
    application 3 extensionProperties child inline
    application 4 tokenLifetimePolicies link mirror
    application 5 tokenIssuancePolicies link mirror
    application 6 appManagementPolicies link onDemand
    application 7 logo child onDemand
    application 8 synchronizationJobs child onDemand
    servicePrincipal 1 owners link inline
    servicePrincipal 2 appRoleAssignedTo child mirror
    servicePrincipal 3 appRoleAssignments child mirror
    servicePrincipal 4 oauth2PermissionGrants child mirror
    servicePrincipal 5 delegatedPermissionClassifications child perObject
    servicePrincipal 6 claimsMappingPolicies link inline
    servicePrincipal 7 homeRealmDiscoveryPolicies link inline
    servicePrincipal 8 tokenLifetimePolicies link mirror
    servicePrincipal 9 tokenIssuancePolicies link mirror
    servicePrincipal 10 memberOf link mirror
    servicePrincipal 11 synchronizationJobs child onDemand
    permissionGrantPolicy 1 includes child inline
    permissionGrantPolicy 2 excludes child inline
    unifiedRoleAssignment 1 principal link mirror
    unifiedRoleAssignment 2 roleDefinition link mirror
    unifiedRoleEligibilitySchedule 1 principal link mirror
    unifiedRoleAssignmentSchedule 1 principal link mirror
    unifiedRoleManagementPolicy 1 rules child inline
    unifiedRoleManagementPolicy 2 effectiveRules child mirror
    authenticationMethodsPolicy 1 authenticationMethodConfigurations child inline
    authenticationStrengthPolicy 1 combinationConfigurations child perObject
    crossTenantAccessPolicyPartner 1 identitySynchronization child perObject
    roleScopeTag 1 assignments child perObject
    deviceCompliancePolicy 1 assignments child inline
    deviceCompliancePolicy 2 scheduledActionsForRule child inline
    deviceCompliancePolicy 3 deviceStatuses child mirror
    deviceCompliancePolicy 4 userStatuses child mirror
    compliancePolicy 1 settings child perObject
    compliancePolicy 2 assignments child perObject
    compliancePolicy 3 scheduledActionsForRule child perObject
    configurationPolicy 1 settings child perObject
    configurationPolicy 2 assignments child perObject
    deviceConfiguration 1 assignments child inline
    deviceConfiguration 2 omaSettingPlainText child onDemand
    deviceConfiguration 3 deviceStatuses child mirror
    deviceConfiguration 4 userStatuses child mirror
    device 1 registeredOwners link inline
    device 2 registeredUsers link inline
    device 3 memberOf link mirror
    device 4 extensions child onDemand
    orgContact 1 manager link inline
    orgContact 2 memberOf link mirror
    unifiedRoleManagementPolicyAssignment 1 policy link mirror
    """
