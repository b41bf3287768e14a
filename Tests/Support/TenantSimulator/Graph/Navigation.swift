/// The kinds of links between objects; each table is kept from both ends.
enum LinkName: UInt8, Sendable, CaseIterable {
    case members, owners, manager, sponsors, registeredOwners, registeredUsers
    case acceptedSenders, rejectedSenders, groupLifecyclePolicies
    case claimsMappingPolicies, homeRealmDiscoveryPolicies, tokenIssuancePolicies, tokenLifetimePolicies
    /// From the resource's service principal to the assignment object.
    case appRoleAssignedTo
    /// From the principal to the assignment object.
    case appRoleAssignments
    /// From the client's service principal to the grant object.
    case oauth2PermissionGrants
    /// From the consenting user to the grant object.
    case userGrants

    /// The property that delta answers carry, without `@delta`.
    var deltaName: String? {
        switch self {
        case .members: "members"
        case .owners: "owners"
        case .manager: "manager"
        case .sponsors: "sponsors"
        case .registeredOwners: "registeredOwners"
        case .registeredUsers: "registeredUsers"
        default: nil
        }
    }
}

/// One segment after `/{collection}/{id}`.
struct Navigation: Sendable {
    enum Kind: Sendable {
        /// Directory objects, paged, heterogeneous.
        case links(LinkName)
        /// One directory object or 404.
        case link(LinkName)
        /// The other end of a link table.
        case reverse(LinkName, from: [SimulatedType])
        /// Whole entities that are no directory objects.
        case entities(LinkName)
        /// Owned sub-objects; `inline` ones are also part of the object itself.
        case children(inline: Bool)
        /// One owned sub-object or 404.
        case child
        case transitive(LinkName)
        case target(property: String)
        case licenseDetails
        case authenticationMethods
    }

    let segment: String
    let kind: Kind
    /// Permissions for this segment where they differ from the type's.
    let permissions: [String]

    init(_ segment: String, _ kind: Kind, permissions: [String] = []) {
        self.segment = segment
        self.kind = kind
        self.permissions = permissions
    }

    var linkName: LinkName? {
        switch kind {
        case .links(let name), .link(let name): name
        default: nil
        }
    }

    static func find(_ segment: String, of type: SimulatedType) -> Navigation? {
        let wanted = segment.lowercased()
        return table[type]?.first { $0.segment.lowercased() == wanted }
    }

    static func all(of type: SimulatedType) -> [Navigation] { table[type] ?? [] }

    private static let containers: [SimulatedType] = [.group, .administrativeUnit, .directoryRole]
    private static let memberReaders = [
        "GroupMember.Read.All", "GroupMember.ReadBasic.All", "GroupMember.ReadWrite.All", "Group.Read.All",
        "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All",
    ]
    private static let directoryReaders = ["Directory.Read.All", "Directory.ReadWrite.All"]
    private static let roleReaders = [
        "RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "Directory.Read.All",
    ]
    private static let ownedBy = ["Application.ReadWrite.OwnedBy", "Application.ReadWrite.All"]

    private static let table: [SimulatedType: [Navigation]] = [
        .user: [
            Navigation("manager", .link(.manager)),
            Navigation("sponsors", .links(.sponsors)),
            Navigation("directReports", .reverse(.manager, from: [.user, .orgContact])),
            Navigation("memberOf", .reverse(.members, from: containers), permissions: directoryReaders),
            Navigation("ownedObjects", .reverse(.owners, from: [.group, .application, .servicePrincipal])),
            Navigation("ownedDevices", .reverse(.registeredOwners, from: [.device])),
            Navigation("registeredDevices", .reverse(.registeredUsers, from: [.device])),
            Navigation("appRoleAssignments", .entities(.appRoleAssignments), permissions: directoryReaders),
            Navigation("oauth2PermissionGrants", .entities(.userGrants), permissions: directoryReaders),
            Navigation("extensions", .children(inline: false)),
            Navigation(
                "licenseDetails", .licenseDetails,
                permissions: ["LicenseAssignment.Read.All", "User.Read.All", "Directory.Read.All"]),
            Navigation(
                "authentication/methods", .authenticationMethods,
                permissions: ["UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"]),
        ],
        .group: [
            Navigation("members", .links(.members), permissions: memberReaders),
            Navigation("owners", .links(.owners), permissions: memberReaders),
            Navigation("acceptedSenders", .links(.acceptedSenders)),
            Navigation("rejectedSenders", .links(.rejectedSenders)),
            Navigation("memberOf", .reverse(.members, from: containers), permissions: memberReaders),
            Navigation("transitiveMembers", .transitive(.members), permissions: memberReaders),
            Navigation("appRoleAssignments", .entities(.appRoleAssignments), permissions: directoryReaders),
            Navigation(
                "settings", .children(inline: false),
                permissions: [
                    "GroupSettings.Read.All", "GroupSettings.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All",
                    "Directory.Read.All", "Directory.ReadWrite.All",
                ]),
            Navigation(
                "groupLifecyclePolicies", .links(.groupLifecyclePolicies), permissions: directoryReaders),
            Navigation("permissionGrants", .children(inline: false), permissions: memberReaders),
            Navigation("extensions", .children(inline: false)),
        ],
        .application: [
            Navigation("owners", .links(.owners)),
            Navigation("federatedIdentityCredentials", .children(inline: false)),
            Navigation("extensionProperties", .children(inline: false)),
            Navigation("tokenLifetimePolicies", .links(.tokenLifetimePolicies), permissions: ownedBy),
            Navigation("tokenIssuancePolicies", .links(.tokenIssuancePolicies), permissions: ownedBy),
            Navigation("appManagementPolicies", .children(inline: false), permissions: ownedBy),
            Navigation("synchronization/jobs", .children(inline: false), permissions: ownedBy),
        ],
        .servicePrincipal: [
            Navigation("owners", .links(.owners)),
            Navigation("appRoleAssignedTo", .entities(.appRoleAssignedTo)),
            Navigation("appRoleAssignments", .entities(.appRoleAssignments)),
            Navigation("oauth2PermissionGrants", .entities(.oauth2PermissionGrants), permissions: directoryReaders),
            Navigation("delegatedPermissionClassifications", .children(inline: false)),
            Navigation("claimsMappingPolicies", .links(.claimsMappingPolicies), permissions: ownedBy),
            Navigation("homeRealmDiscoveryPolicies", .links(.homeRealmDiscoveryPolicies), permissions: ownedBy),
            Navigation("tokenLifetimePolicies", .links(.tokenLifetimePolicies), permissions: ownedBy),
            Navigation("tokenIssuancePolicies", .links(.tokenIssuancePolicies), permissions: ownedBy),
            Navigation("memberOf", .reverse(.members, from: containers)),
            Navigation("ownedObjects", .reverse(.owners, from: [.group, .application, .servicePrincipal])),
            Navigation("synchronization/jobs", .children(inline: false), permissions: ownedBy),
        ],
        .device: [
            Navigation("registeredOwners", .links(.registeredOwners)),
            Navigation("registeredUsers", .links(.registeredUsers)),
            Navigation("memberOf", .reverse(.members, from: containers)),
            Navigation("extensions", .children(inline: false)),
        ],
        .orgContact: [
            Navigation("manager", .link(.manager)),
            Navigation("memberOf", .reverse(.members, from: containers)),
        ],
        .administrativeUnit: [
            Navigation("members", .links(.members)),
            Navigation("scopedRoleMembers", .children(inline: false), permissions: roleReaders),
            Navigation("extensions", .children(inline: false)),
        ],
        .directoryRole: [
            Navigation("members", .links(.members)),
            Navigation("scopedMembers", .children(inline: false)),
        ],
        .organization: [
            Navigation("branding", .child, permissions: brandingReaders),
            Navigation("branding/localizations", .children(inline: false), permissions: brandingReaders),
            Navigation("certificateBasedAuthConfiguration", .children(inline: false)),
        ],
        .domain: [
            Navigation(
                "federationConfiguration", .children(inline: false),
                permissions: ["Domain-InternalFederation.Read.All", "Domain.Read.All", "Domain.ReadWrite.All"]),
            Navigation("serviceConfigurationRecords", .children(inline: false)),
            Navigation("verificationDnsRecords", .children(inline: false)),
        ],
        .customSecurityAttributeDefinition: [Navigation("allowedValues", .children(inline: false))],
        .unifiedRoleDefinition: [Navigation("inheritsPermissionsFrom", .children(inline: true))],
        .unifiedRoleAssignment: [
            Navigation("principal", .target(property: "principalId")),
            Navigation("roleDefinition", .target(property: "roleDefinitionId")),
        ],
        .unifiedRoleEligibilitySchedule: [Navigation("principal", .target(property: "principalId"))],
        .unifiedRoleAssignmentSchedule: [Navigation("principal", .target(property: "principalId"))],
        .unifiedRoleManagementPolicy: [
            Navigation("rules", .children(inline: false)), Navigation("effectiveRules", .children(inline: false)),
        ],
        .unifiedRoleManagementPolicyAssignment: [Navigation("policy", .target(property: "policyId"))],
        .claimsMappingPolicy: [Navigation("appliesTo", .reverse(.claimsMappingPolicies, from: [.servicePrincipal]))],
        .homeRealmDiscoveryPolicy: [
            Navigation("appliesTo", .reverse(.homeRealmDiscoveryPolicies, from: [.servicePrincipal]))
        ],
        .tokenIssuancePolicy: [
            Navigation("appliesTo", .reverse(.tokenIssuancePolicies, from: [.application, .servicePrincipal]))
        ],
        .tokenLifetimePolicy: [
            Navigation("appliesTo", .reverse(.tokenLifetimePolicies, from: [.application, .servicePrincipal]))
        ],
        .permissionGrantPolicy: [
            Navigation("includes", .children(inline: true)), Navigation("excludes", .children(inline: true)),
        ],
        .authenticationMethodsPolicy: [Navigation("authenticationMethodConfigurations", .children(inline: true))],
        .authenticationStrengthPolicy: [Navigation("combinationConfigurations", .children(inline: true))],
        .crossTenantAccessPolicyPartner: [Navigation("identitySynchronization", .child)],
        .roleScopeTag: [Navigation("assignments", .children(inline: false))],
        .deviceCompliancePolicy: [
            Navigation("assignments", .children(inline: false)),
            Navigation("scheduledActionsForRule", .children(inline: false)),
            Navigation("deviceStatuses", .children(inline: false)),
            Navigation("userStatuses", .children(inline: false)),
        ],
        .compliancePolicy: [
            Navigation("settings", .children(inline: false)), Navigation("assignments", .children(inline: false)),
            Navigation("scheduledActionsForRule", .children(inline: false)),
        ],
        .configurationPolicy: [
            Navigation("settings", .children(inline: false)), Navigation("assignments", .children(inline: false)),
        ],
        .deviceConfiguration: [
            Navigation("assignments", .children(inline: false)),
            Navigation("deviceStatuses", .children(inline: false)),
            Navigation("userStatuses", .children(inline: false)),
        ],
    ]

    private static let brandingReaders = [
        "OrganizationalBranding.Read.All", "OrganizationalBranding.ReadWrite.All", "Organization.Read.All",
        "Organization.ReadWrite.All",
    ]
}
