extension TenantGenerator {
    /// Takes away all that people make: what is left is what a new tenant comes with, the applications that read and
    /// write it, and one administrator.
    mutating func leaveNew() {
        for type in SimulatedType.allCases {
            for ref in world.refs(type) where world.objects[Int(ref)].state != .gone && !comesWithTenant(ref, type) {
                world.purge(ref)
            }
        }
    }

    private func comesWithTenant(_ ref: World.Ref, _ type: SimulatedType) -> Bool {
        switch type {
        case .organization, .domain, .subscribedSku, .directoryRole, .unifiedRoleManagementPolicy,
            .unifiedRoleManagementPolicyAssignment, .authenticationMethodsPolicy, .authorizationPolicy,
            .identitySecurityDefaultsEnforcementPolicy, .adminConsentRequestPolicy:
            return true
        case .user: return ref == users.first
        case .application: return isClient(ref)
        case .servicePrincipal:
            return isClient(ref) || world.text(ref, "appOwnerOrganizationId") == Self.microsoftTenant
        case .unifiedRoleDefinition, .roleScopeTag: return world.value(ref, "isBuiltIn")?.boolean ?? false
        case .authenticationStrengthPolicy: return world.text(ref, "policyType") == "builtIn"
        case .permissionGrantPolicy: return world.id(ref).hasPrefix("microsoft-")
        case .unifiedRoleAssignment, .unifiedRoleAssignmentSchedule:
            return world.text(ref, "principalId") == users.first.map(id) && world.text(ref, "directoryScopeId") == "/"
        default: return false
        }
    }

    private func isClient(_ ref: World.Ref) -> Bool {
        let appID = world.text(ref, "appId")
        return clients.contains { $0.clientID == appID }
    }
}
