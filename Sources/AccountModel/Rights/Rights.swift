/// Who may do what: the one table that commands, the store and the tests read (D13).
///
/// It says nothing about whose data: everybody but the operator of the machine is confined to the own partner.
public enum Rights {
    private static let managers: Set<Role> = [.owner, .superAdmin, .admin]
    private static let leaders: Set<Role> = [.owner, .superAdmin]
    private static let all = Set(Role.allCases)

    /// The features of Entra, all of the same three roles.
    public static let entra: Set<Feature> = [
        .viewTenantList, .viewBackupStatus, .viewRestoreStatus, .viewDownloadStatus, .downloadStatusResult,
        .viewTenantDetail, .activateTenant, .viewTenantConfig, .updateTenantConfig, .executeBackup, .executeDownload,
        .viewObjectList, .viewObjectTypes, .viewObjectDetail, .restoreObject, .viewSecret,
    ]

    /// What an Owner may grant Support: to look, never to change, restore, take out or see secrets.
    public static let grantableToSupport: Set<Feature> = [
        .viewTenantList, .viewBackupStatus, .viewRestoreStatus, .viewDownloadStatus, .downloadStatusResult,
        .viewTenantDetail, .viewTenantConfig, .viewObjectList, .viewObjectTypes, .viewObjectDetail,
    ]

    /// The roles that have the feature by default.
    public static func roles(_ feature: Feature) -> Set<Role> {
        switch feature {
        case _ where entra.contains(feature): managers
        case .viewPartner: all
        case .viewPlans: managers.union([.finance])
        case .viewOrganizations: all
        case .manageOrganizations, .manageOrganizationToken: managers
        case .viewBilling: leaders.union([.finance])
        case .managePlans, .deleteOrganization, .viewStaff, .manageStaff, .viewAudit, .managePartnerSettings: leaders
        case .grantSupportView: [.owner]
        default: []
        }
    }

    /// Whether `role` may do `feature` at a partner whose Owner has granted Support the view rights or not. Pure.
    public static func allow(_ role: Role, _ feature: Feature, supportMayView: Bool) -> Bool {
        if roles(feature).contains(role) { return true }
        return role == .support && supportMayView && grantableToSupport.contains(feature)
    }
}
