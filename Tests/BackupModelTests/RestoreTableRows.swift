extension RestoreTable {
    /// `changed`: an attribute; `soft`, `hard`: deleted with and without recycle bin; `lost`, `got`: links; `children`:
    /// sub-collections, assignments among them; `since`: made after the snapshot.
    static let rows: [String] = [
        "organization: changed=update soft=!cannotCreate hard=!cannotCreate"
            + " lost=- got=- children=children since=-",
        "domain: changed=update soft=?verifyDomain hard=?verifyDomain"
            + " lost=- got=- children=children since=!cannotDelete",
        "attributeSet: changed=update soft=create hard=create lost=- got=- children=- since=!cannotDelete",
        "customSecurityAttributeDefinition: changed=update soft=create+children hard=create+children"
            + " lost=- got=- children=children since=!cannotDelete",
        "administrativeUnit: changed=update soft=undelete+link+children hard=create+link+children"
            + " lost=link got=link children=children since=delete",
        "unifiedRoleDefinition: changed=update soft=undelete hard=create"
            + " lost=- got=- children=- since=delete",
        "directoryRole: changed=- soft=create+link hard=create+link lost=link got=link children=- since=!cannotDelete",
        "user: changed=update soft=undelete+link hard=create+link+?newPassword+?registerMethods"
            + " lost=link got=link children=- since=delete",
        "group: changed=update soft=undelete+link+children hard=create+link+children"
            + " lost=link got=link children=children since=delete",
        "groupSetting: changed=update soft=create hard=create lost=- got=- children=- since=delete",
        "groupLifecyclePolicy: changed=update soft=create hard=create lost=- got=- children=- since=delete",
        "claimsMappingPolicy: changed=update soft=create hard=create lost=- got=- children=- since=delete",
        "homeRealmDiscoveryPolicy: changed=update soft=create hard=create"
            + " lost=- got=- children=- since=delete",
        "tokenIssuancePolicy: changed=update soft=create+link hard=create+link"
            + " lost=link got=link children=- since=delete",
        "tokenLifetimePolicy: changed=update soft=create+link hard=create+link"
            + " lost=link got=link children=- since=delete",
        "application: changed=update soft=undelete+children+link hard=create+children+link+?newAppId"
            + " lost=link got=link children=children since=delete",
        "servicePrincipal: changed=update soft=undelete+link+children hard=create+link+children"
            + " lost=link got=link children=children since=delete",
        "permissionGrantPolicy: changed=update soft=create+children hard=create+children"
            + " lost=- got=- children=children since=delete",
        "appRoleAssignment: changed=!createOnly soft=create hard=create lost=- got=- children=- since=delete",
        "oauth2PermissionGrant: changed=update soft=create hard=create lost=- got=- children=- since=delete",
        "unifiedRoleAssignment: changed=!createOnly soft=create hard=create"
            + " lost=- got=- children=- since=delete",
        "unifiedRoleEligibilitySchedule: changed=update soft=create hard=create"
            + " lost=- got=- children=- since=delete",
        "unifiedRoleAssignmentSchedule: changed=update soft=create hard=create"
            + " lost=- got=- children=- since=delete",
        "unifiedRoleManagementPolicy: changed=- soft=!cannotCreate hard=!cannotCreate"
            + " lost=- got=- children=!delegatedOnly since=-",
        "authenticationMethodsPolicy: changed=update soft=!cannotCreate hard=!cannotCreate"
            + " lost=- got=- children=children since=-",
        "authenticationStrengthPolicy: changed=update soft=create+children hard=create+children"
            + " lost=- got=- children=children since=delete",
        "authenticationContextClassReference: changed=update soft=create hard=create"
            + " lost=- got=- children=- since=delete",
        "namedLocation: changed=update soft=create hard=create lost=- got=- children=- since=delete",
        "authorizationPolicy: changed=update soft=!cannotCreate hard=!cannotCreate"
            + " lost=- got=- children=- since=-",
        "identitySecurityDefaultsEnforcementPolicy: changed=update soft=!cannotCreate hard=!cannotCreate"
            + " lost=- got=- children=- since=-",
        "crossTenantAccessPolicyPartner: changed=update soft=create+children hard=create+children"
            + " lost=- got=- children=children since=delete",
        "adminConsentRequestPolicy: changed=update soft=!cannotCreate hard=!cannotCreate"
            + " lost=- got=- children=- since=-",
        "conditionalAccessPolicy: changed=update soft=create hard=create"
            + " lost=- got=- children=- since=delete",
        "roleScopeTag: changed=update soft=create+children hard=create+children"
            + " lost=- got=- children=children since=delete",
        "assignmentFilter: changed=update soft=create hard=create lost=- got=- children=- since=delete",
        "deviceCompliancePolicy: changed=update soft=create+children hard=create+children"
            + " lost=- got=- children=children since=delete",
        "compliancePolicy: changed=update soft=create+children hard=create+children"
            + " lost=- got=- children=children since=delete",
        "configurationPolicy: changed=update soft=create+children hard=create+children"
            + " lost=- got=- children=children since=delete",
        "deviceConfiguration: changed=update soft=create+children hard=create+children"
            + " lost=- got=- children=children since=delete",
        "bitlockerRecoveryKey: changed=- soft=- hard=- lost=- got=- children=- since=-",
        "device: changed=update soft=?registerDevice hard=?registerDevice"
            + " lost=!delegatedOnly got=!delegatedOnly children=- since=-",
        "deviceLocalCredentialInfo: changed=- soft=- hard=- lost=- got=- children=- since=-",
        "directoryAudit: changed=- soft=- hard=- lost=- got=- children=- since=-",
        "orgContact: changed=!backupOnly soft=!backupOnly hard=!backupOnly"
            + " lost=!backupOnly got=!backupOnly children=- since=-",
        "subscribedSku: changed=- soft=- hard=- lost=- got=- children=- since=-",
        "unifiedRoleManagementPolicyAssignment: changed=- soft=- hard=- lost=- got=- children=- since=-",
    ]
}
