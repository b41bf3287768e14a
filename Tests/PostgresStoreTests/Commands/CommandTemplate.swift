import AccountModel

/// A thing that a command is told by a reference.
enum Thing: String, CaseIterable {
    case partner, plan, organization, tenant, user, job
    case restorePlan = "plan-of-a-restore"
}

/// A command with places to fill in, and who may run it.
///
/// `$partner` and the like take a reference to a thing of anybody; `$own…` values belong to whoever runs it. Of what
/// needs Microsoft Graph or stages at work only the refusals are tried.
struct CommandTemplate {
    let words: [Substring]
    /// Nil for what is the operator's alone.
    let features: Set<Feature>?
    /// Runs only about what the caller may not touch.
    let isForRefusals: Bool

    private init(_ line: Substring, isForRefusals: Bool) {
        let parts = line.split(separator: "|")
        words = parts[0].split(separator: " ")
        let names = parts.count > 1 ? parts[1].split(separator: " ") : []
        features = names == ["operator"] ? nil : Set(names.compactMap { Feature(rawValue: String($0)) })
        self.isForRefusals = isForRefusals
    }

    /// The longest beginning that is a command of the tree is told by its words without places and options.
    var text: String { words.joined(separator: " ") }

    static let all =
        (local.split(separator: "\n").map { CommandTemplate($0, isForRefusals: false) }
            + remote.split(separator: "\n").map { CommandTemplate($0, isForRefusals: true) })

    private static let local = """
        partner list | viewPartner
        partner show $partner | viewPartner
        partner update $partner --name $new $dry | managePartnerSettings
        partner update $partner --sign-in-email hidden $dry | managePartnerSettings
        partner update $partner --support-may-view $switch $dry | grantSupportView
        user create --partner $partner --email $mail --name $new --role $role $dry | manageStaff
        user list | viewStaff
        user list --partner $partner | viewStaff
        user show $user | viewStaff
        user set-role $user $role $dry | manageStaff viewStaff
        user disable $user $dry | manageStaff viewStaff
        user enable $user $dry | manageStaff viewStaff
        user token $user $dry | manageStaff viewStaff
        user token $self $dry
        plan create --name $new --product backup --currency EUR --periodicity yearly --partner $partner $dry | managePlans
        plan list | viewPlans
        plan list --partner $partner | viewPlans
        plan show $plan | viewPlans
        plan update $plan --name $new $dry | managePlans
        plan archive $plan --dry-run | managePlans
        organization create --name $new --partner $partner --plan $plan --first-name F --last-name L --email $mail --country DE $dry | manageOrganizations
        organization list | viewOrganizations
        organization list --partner $partner --search $search | viewOrganizations
        organization list --search $search | viewOrganizations
        organization show $organization | viewOrganizations
        organization update $organization --country AT $dry | manageOrganizations
        organization update $organization --email $mail $dry | manageOrganizations
        organization set-plan $organization $plan $dry | manageOrganizations
        organization set-seats $organization 5 $dry | manageOrganizations
        organization suspend $organization $dry | manageOrganizations
        organization resume $organization $dry | manageOrganizations
        organization unsubscribe $organization $dry | manageOrganizations
        organization delete $organization --dry-run | deleteOrganization
        organization delete $organization --confirm $confirm | deleteOrganization
        organization features $organization | viewOrganizations
        organization features $organization restore=$switch $dry | manageOrganizations
        organization token $organization | manageOrganizationToken
        organization token $organization --rotate $dry | manageOrganizationToken
        organization token $organization --check-file $tokenfile $dry | manageOrganizationToken
        organization transfer $organization $partner $dry | operator
        tenant add --organization $organization --tenant-id $newtenant --client-id $guid --client-secret-file $secretfile $dry | activateTenant
        tenant deactivate $tenant --dry-run | updateTenantConfig
        tenant list | viewTenantList
        tenant list --partner $partner | viewTenantList
        tenant list --organization $organization | viewTenantList
        tenant list --label $label | viewTenantList
        tenant list --search $search | viewTenantList
        tenant show $tenant | viewTenantDetail
        tenant credentials $tenant | viewTenantConfig
        tenant credentials $tenant --client-secret-file $secretfile $dry | updateTenantConfig
        tenant write-access $tenant remove $dry | updateTenantConfig
        tenant config show $tenant | viewTenantConfig
        tenant config set $tenant retention=90d $dry | updateTenantConfig
        tenant label $tenant add $new $dry | updateTenantConfig
        tenant label $tenant remove $label $dry | updateTenantConfig
        billing --month $month | viewBilling
        billing --month $month --partner $partner | viewBilling
        billing --month $month --partner $partner --csv | viewBilling
        backup start $tenant $dry | executeBackup
        backup start --partner $partner $dry | executeBackup
        backup start --label $label $dry | executeBackup
        backup start --all-tenants --dry-run | executeBackup
        status | viewBackupStatus
        status backup --partner $partner | viewBackupStatus
        status restore --label $label | viewRestoreStatus
        status download | viewDownloadStatus
        status backup --csv | viewBackupStatus downloadStatusResult
        job list | viewBackupStatus viewRestoreStatus viewDownloadStatus
        job list --tenant $tenant | viewBackupStatus viewRestoreStatus viewDownloadStatus
        job show $job | viewBackupStatus viewRestoreStatus viewDownloadStatus
        job cancel $job $dry | executeBackup executeDownload restoreObject
        snapshot list $tenant | viewTenantDetail
        snapshot show $tenant | viewTenantDetail
        snapshot show $tenant $snapshot | viewTenantDetail
        snapshot verify $tenant $snapshot | viewObjectDetail
        object types $tenant | viewObjectTypes
        object list $tenant user | viewObjectList
        object list $tenant user --snapshot $snapshot --documents | viewObjectList
        object show $tenant user $object | viewObjectDetail
        object history $tenant user $object | viewObjectDetail
        object search $tenant $search | viewObjectDetail
        diff $tenant --from 1 --to $snapshot | viewObjectDetail
        diff $tenant --from 1 --to 2 --type user --id $object | viewObjectDetail
        diff --partner $partner --since 24h | viewObjectDetail
        diff --label $label --since 24h | viewObjectDetail
        diff --all-tenants --since 24h | viewObjectDetail
        restore show $job | restoreObject
        restore apply $plan-of-a-restore $dry | restoreObject
        secret show bitlocker $keytenant $key --reason test | viewSecret
        download start $tenant --format json $dry | executeDownload
        download fetch $job --output $file | executeDownload
        download verify $tenant $nofile
        audit list --limit 30 | viewAudit
        audit list --partner $partner --limit 30 | viewAudit
        audit list --target $search | viewAudit
        audit verify | viewAudit
        audit verify --partner $partner | viewAudit
        audit export --output $file | viewAudit
        audit export --partner $partner --output $file | viewAudit
        doctor | operator
        migrate --status | operator
        key show $tenant | operator
        key rotate $tenant | operator
        dead-letters list | operator
        dead-letters show $guid | operator
        dead-letters retry --all | operator
        dead-letters discard $guid | operator
        partner create --name $new | operator
        stack up --detach | operator
        stack down | operator
        stack status | operator
        stack env | operator
        """

    private static let remote = """
        tenant activate $tenant $dry | activateTenant
        tenant write-access $tenant add --client-id $guid --client-secret-file $secretfile $dry | updateTenantConfig
        object show $tenant user $object --snapshot live | viewObjectDetail
        diff $tenant --from 1 --to live | viewObjectDetail
        job retry $job | executeBackup executeDownload restoreObject
        restore plan $tenant --snapshot $snapshot | restoreObject
        restore apply $plan-of-a-restore | restoreObject
        restore cancel $job | restoreObject
        restore undo $job $dry | restoreObject
        secret collect $tenant $dry | viewSecret
        """
}
