/// The object types of the directory; the raw values are the catalogue's names.
public enum SimulatedType: String, Sendable, CaseIterable, Hashable {
    case organization
    case domain
    case attributeSet
    case customSecurityAttributeDefinition
    case administrativeUnit
    case unifiedRoleDefinition
    case directoryRole
    case user
    case group
    case groupSetting
    case groupLifecyclePolicy
    case claimsMappingPolicy
    case homeRealmDiscoveryPolicy
    case tokenIssuancePolicy
    case tokenLifetimePolicy
    case application
    case servicePrincipal
    case permissionGrantPolicy
    case appRoleAssignment
    case oauth2PermissionGrant
    case unifiedRoleAssignment
    case unifiedRoleEligibilitySchedule
    case unifiedRoleAssignmentSchedule
    case unifiedRoleManagementPolicy
    case authenticationMethodsPolicy
    case authenticationStrengthPolicy
    case authenticationContextClassReference
    case namedLocation
    case authorizationPolicy
    case identitySecurityDefaultsEnforcementPolicy
    case crossTenantAccessPolicyPartner
    case adminConsentRequestPolicy
    case conditionalAccessPolicy
    case roleScopeTag
    case assignmentFilter
    case deviceCompliancePolicy
    case compliancePolicy
    case configurationPolicy
    case deviceConfiguration
    case bitlockerRecoveryKey
    case device
    case deviceLocalCredentialInfo
    case directoryAudit
    case orgContact
    case subscribedSku
    case unifiedRoleManagementPolicyAssignment

    /// Position in `allCases`, for tables: cases without values are stored as their number in order.
    var index: Int { withUnsafeBytes(of: self) { Int($0[0]) } }

    // By position: the raw value's text would be compared and hashed, some thousand times in an answer.
    public static func == (left: SimulatedType, right: SimulatedType) -> Bool { left.index == right.index }

    public func hash(into hasher: inout Hasher) { hasher.combine(index) }

    var spec: TypeSpec { TypeSpec.all[index] }
}
