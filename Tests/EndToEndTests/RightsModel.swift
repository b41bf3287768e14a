import AccountModel

/// Somebody of a partner's staff: one of the five roles, or Support at a partner whose Owner has granted it the view.
enum Member: String, CaseIterable {
    case owner
    case superAdmin = "super-admin"
    case admin
    case support
    case finance
    case grantedSupport = "support with the grant"

    static let roles: [Member] = [.owner, .superAdmin, .admin, .support, .finance]

    /// As the program has it.
    var role: String { self == .grantedSupport ? Member.support.rawValue : rawValue }
}

/// What each may do, written down from the product's description and not from the program's table.
enum RightsModel {
    /// Columns are ``Member``'s cases, in their order.
    private static let table = """
        viewTenantList           yes yes yes no  no  yes
        viewBackupStatus         yes yes yes no  no  yes
        viewRestoreStatus        yes yes yes no  no  yes
        viewDownloadStatus       yes yes yes no  no  yes
        downloadStatusResult     yes yes yes no  no  yes
        viewTenantDetail         yes yes yes no  no  yes
        activateTenant           yes yes yes no  no  no
        viewTenantConfig         yes yes yes no  no  yes
        updateTenantConfig       yes yes yes no  no  no
        executeBackup            yes yes yes no  no  no
        executeDownload          yes yes yes no  no  no
        viewObjectList           yes yes yes no  no  yes
        viewObjectTypes          yes yes yes no  no  yes
        viewObjectDetail         yes yes yes no  no  yes
        restoreObject            yes yes yes no  no  no
        viewSecret               yes yes yes no  no  no
        viewPartner              yes yes yes yes yes yes
        managePartnerSettings    yes yes no  no  no  no
        viewPlans                yes yes yes no  yes no
        managePlans              yes yes no  no  no  no
        viewOrganizations        yes yes yes yes yes yes
        manageOrganizations      yes yes yes no  no  no
        deleteOrganization       yes yes no  no  no  no
        manageOrganizationToken  yes yes yes no  no  no
        viewStaff                yes yes no  no  no  no
        manageStaff              yes yes no  no  no  no
        grantSupportView         yes no  no  no  no  no
        viewBilling              yes yes no  no  yes no
        viewAudit                yes yes no  no  no  no
        """

    private static let holders: [String: Set<Member>] = {
        var holders: [String: Set<Member>] = [:]
        for line in table.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            let columns = zip(Member.allCases, words.dropFirst())
            holders[words[0]] = Set(columns.filter { $0.1 == "yes" }.map(\.0))
        }
        return holders
    }()

    static let features = Set(holders.keys)

    static func has(_ member: Member, _ feature: Feature) -> Bool {
        holders[feature.rawValue]?.contains(member) ?? false
    }
}

/// A command of the program, and who may run it. `$NAMES` are the things of one partner; see ``RightsSide``.
struct RightsLine {
    enum Need {
        case all([Feature])
        /// Everybody who is signed in.
        case nothing
        case operatorOnly
    }

    let command: String
    let need: Need
    /// Exit codes of whoever may: 0, or 6 where the thing is in no state for it.
    let codes: Set<Int32>

    init(_ command: String, _ features: Feature..., codes: Set<Int32> = [0]) {
        (self.command, need, self.codes) = (command, .all(features), codes)
    }

    init(_ command: String, _ need: Need) { (self.command, self.need, codes) = (command, need, [0]) }

    /// Whether it says whose things it is about; what does not is about the own ones.
    var namesThing: Bool {
        let things = ["$PARTNER", "$PLAN", "$ORG", "$TENANT", "$USER", "_JOB", "_PLAN"]
        return things.contains { command.contains($0) }
    }

    var features: [Feature] {
        if case .all(let features) = need { features } else { [] }
    }

    /// At least one line for every command of the program. What changes something is rehearsed.
    static let all: [RightsLine] = accounts + organizations + tenants + backups + machine

    private static let accounts: [RightsLine] = [
        .init("partner list", .viewPartner),
        .init("partner show $PARTNER", .viewPartner),
        .init("partner update $PARTNER --name Other --dry-run", .managePartnerSettings),
        .init("partner update $PARTNER --sign-in-email hidden --dry-run", .managePartnerSettings),
        .init("partner update $PARTNER --support-may-view on --dry-run", .grantSupportView),
        .init(
            "partner update $PARTNER --support-may-view on --name Other --dry-run", .grantSupportView,
            .managePartnerSettings),
        .init(
            "user create --partner $PARTNER --email new@staff.example --name N --role admin --dry-run", .manageStaff),
        .init("user list --partner $PARTNER", .viewStaff),
        .init("user show $USER", .viewStaff),
        .init("user set-role $USER finance --dry-run", .manageStaff),
        .init("user disable $USER --dry-run", .manageStaff),
        .init("user enable $USER --dry-run", .manageStaff),
        .init("user token $USER --dry-run", .viewStaff, .manageStaff),
        .init("user token $SELF --dry-run", .nothing),
        .init(
            "plan create --name New --product backup --currency EUR --periodicity yearly --partner $PARTNER --dry-run",
            .managePlans),
        .init("plan list --partner $PARTNER", .viewPlans),
        .init("plan show $PLAN", .viewPlans),
        .init("plan update $PLAN --name Other --dry-run", .managePlans),
        .init("plan archive $PLAN --dry-run", .managePlans),
        .init("billing --month $MONTH --partner $PARTNER", .viewBilling),
        .init("billing --month $MONTH --partner $PARTNER --csv", .viewBilling),
        .init("audit list --partner $PARTNER", .viewAudit),
        .init("audit verify --partner $PARTNER", .viewAudit),
        .init("audit export --partner $PARTNER --output $FILE", .viewAudit),
    ]

    private static let organizations: [RightsLine] = [
        .init(
            "organization create --name New --partner $PARTNER --plan $PLAN --first-name F --last-name L "
                + "--email $GUID@new.example --country DE --dry-run", .manageOrganizations),
        .init("organization list --partner $PARTNER", .viewOrganizations),
        .init("organization show $ORG", .viewOrganizations),
        .init("organization update $ORG --country AT --dry-run", .manageOrganizations),
        .init("organization set-plan $ORG $PLAN --dry-run", .manageOrganizations),
        .init("organization set-seats $ORG 5 --dry-run", .manageOrganizations),
        .init("organization suspend $ORG --dry-run", .manageOrganizations),
        .init("organization resume $ORG --dry-run", .manageOrganizations),
        .init("organization unsubscribe $ORG --dry-run", .manageOrganizations),
        .init("organization delete $ORG --dry-run", .deleteOrganization),
        .init("organization features $ORG", .viewOrganizations),
        .init("organization features $ORG restore=on --dry-run", .manageOrganizations),
        .init("organization token $ORG", .manageOrganizationToken),
        .init("organization token $ORG --rotate --dry-run", .manageOrganizationToken),
        .init("organization token $ORG --check-file $TOKEN --dry-run", .manageOrganizationToken),
    ]

    private static let tenants: [RightsLine] = [
        .init(
            "tenant add --organization $ORG --tenant-id $GUID --client-id $CLIENT --client-secret-file $SECRET "
                + "--dry-run", .activateTenant),
        .init("tenant activate $TENANT --dry-run", .activateTenant),
        .init("tenant deactivate $TENANT --dry-run", .updateTenantConfig),
        .init("tenant list", .viewTenantList),
        .init("tenant list --partner $PARTNER", .viewTenantList),
        .init("tenant list --organization $ORG", .viewTenantList),
        .init("tenant show $TENANT", .viewTenantDetail),
        .init("tenant credentials $TENANT", .viewTenantConfig),
        .init("tenant credentials $TENANT --client-secret-file $SECRET --dry-run", .updateTenantConfig),
        .init(
            "tenant write-access $TENANT add --client-id $WRITER --client-secret-file $WRITER_SECRET --dry-run",
            .updateTenantConfig),
        .init("tenant write-access $TENANT remove --dry-run", .updateTenantConfig),
        .init("tenant config show $TENANT", .viewTenantConfig),
        .init("tenant config set $TENANT schedule=off --dry-run", .updateTenantConfig),
        .init("tenant label $TENANT add word --dry-run", .updateTenantConfig),
    ]

    private static let backups: [RightsLine] = [
        .init("backup start $TENANT --dry-run", .executeBackup),
        .init("backup start --partner $PARTNER --dry-run", .executeBackup),
        .init("status --partner $PARTNER", .viewBackupStatus),
        .init("status restore --partner $PARTNER", .viewRestoreStatus),
        .init("status download --partner $PARTNER", .viewDownloadStatus),
        .init("status backup --partner $PARTNER --csv", .viewBackupStatus, .downloadStatusResult),
        .init("job list", .viewBackupStatus, .viewRestoreStatus, .viewDownloadStatus),
        .init("job list --tenant $TENANT", .viewBackupStatus, .viewRestoreStatus, .viewDownloadStatus),
        .init("job show $BACKUP_JOB", .viewBackupStatus, .viewRestoreStatus, .viewDownloadStatus),
        .init("job cancel $BACKUP_JOB --dry-run", .executeBackup, .executeDownload, .restoreObject, codes: [6]),
        .init("job retry $BACKUP_JOB --dry-run", .executeBackup, .executeDownload, .restoreObject, codes: [6]),
        .init("snapshot list $TENANT", .viewTenantDetail),
        .init("snapshot show $TENANT 1", .viewTenantDetail),
        .init("snapshot verify $TENANT 1", .viewObjectDetail),
        .init("object types $TENANT", .viewObjectTypes),
        .init("object list $TENANT user", .viewObjectList),
        .init("object show $TENANT user $OBJECT", .viewObjectDetail),
        .init("object history $TENANT user $OBJECT", .viewObjectDetail),
        .init("object search $TENANT a", .viewObjectDetail),
        .init("diff $TENANT --from 1 --to 1", .viewObjectDetail),
        .init("diff --partner $PARTNER --since 24h", .viewObjectDetail),
        .init("restore plan $TENANT --snapshot 1 --types namedLocation", .restoreObject),
        .init("restore apply $RESTORE_PLAN --dry-run", .restoreObject),
        .init("restore show $RESTORE_JOB", .restoreObject),
        .init("restore cancel $RESTORE_JOB --dry-run", .restoreObject, codes: [6]),
        .init("restore undo $RESTORE_JOB --dry-run", .restoreObject),
        .init("secret show bitlocker $TENANT $KEY --reason audit", .viewSecret),
        .init("secret collect $TENANT --dry-run", .viewSecret),
        .init("download start $TENANT --format json --dry-run", .executeDownload),
        .init("download fetch $DOWNLOAD_JOB --output $FILE", .executeDownload),
        .init("download verify $TENANT $ARCHIVE", .nothing),
    ]

    private static let machine: [RightsLine] = [
        "stack up --detach --dry-run", "stack down --dry-run", "stack status", "stack env", "doctor",
        "migrate --status",
        "key show $TENANT", "key rotate $TENANT --dry-run", "key rotate --kek --dry-run", "dead-letters list",
        "dead-letters show $GUID", "dead-letters retry --all --dry-run", "dead-letters discard $GUID --dry-run",
        "partner create --name New --dry-run", "organization transfer $ORG $PARTNER --dry-run",
    ].map { RightsLine($0, .operatorOnly) }
}
