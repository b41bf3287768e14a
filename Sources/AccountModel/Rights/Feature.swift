/// Something that a person may be allowed to do. Raw values are names for scripts and for the audit log.
///
/// The first sixteen are the rights on Entra features that partners know; those after them are about the trade itself.
public enum Feature: String, Sendable, CaseIterable {
    case viewTenantList
    case viewBackupStatus
    case viewRestoreStatus
    case viewDownloadStatus
    case downloadStatusResult
    case viewTenantDetail
    case activateTenant
    case viewTenantConfig
    case updateTenantConfig
    case executeBackup
    case executeDownload
    case viewObjectList
    case viewObjectTypes
    case viewObjectDetail
    case restoreObject
    case viewSecret

    case viewPartner
    case managePartnerSettings
    case viewPlans
    case managePlans
    case viewOrganizations
    case manageOrganizations
    case deleteOrganization
    case manageOrganizationToken
    case viewStaff
    case manageStaff
    case grantSupportView
    case viewBilling
    case viewAudit

    /// Whether it is about directory content or its backups: what Finance never has.
    public var isOfEntra: Bool { Rights.entra.contains(self) }

    /// As a sentence has it: `view tenant list`.
    public var words: String {
        rawValue.reduce(into: "") { text, character in
            text += character.isUppercase ? " \(character.lowercased())" : String(character)
        }
    }
}
