public import AccountModel
import BackupContracts
import BackupModel
import Foundation
import LibPQ

/// Which tenants are backed up by what their organizations are and have: the model's table in SQL.
enum Coverage {
    /// True where the organization `o` has Entra, by its plan `p` or by its trial.
    static let includesEntra =
        "(p.product IN (\(list(ProductType.allCases.filter(\.includesEntra).map(\.rawValue)))) OR o.nfr)"

    /// True where the tenants of the organization `o` with the plan `p` are covered.
    static let condition = """
        (o.state IN (\(list(SubscriptionState.allCases.filter(\.effect.runsBackups).map(\.rawValue))))
            AND \(includesEntra))
        """

    /// Joins organization and plan of the tenant `t`.
    static let join = """
        JOIN backup.organizations o ON o.id = t.organization_id JOIN backup.plans p ON p.id = o.plan_id
        """

    /// Raw values of our own, which need no quoting.
    private static func list(_ values: [String]) -> String { values.map { "'\($0)'" }.joined(separator: ", ") }
}

extension PostgresConnection {
    /// Refuses when the tenant's organization has no backups now.
    func requireCoverage(_ tenant: TenantID) async throws(AccountError) {
        let rows = try await checked(
            """
            SELECT \(Organization.columns) FROM backup.organizations
            WHERE id = (SELECT organization_id FROM backup.tenants WHERE tenant_id = $1)
            """, [.uuid(tenant.uuid)])
        // A tenant that is not there is somebody else's finding.
        guard let organization = try all(rows, Organization.init(row:)).first,
            let stop = organization.backupStop
        else { return }
        throw AccountError(stop, of: organization)
    }
}

extension AccountError {
    /// No backup, and what to do about it.
    public init(_ stop: BackupStop, of organization: Organization) {
        let hint =
            switch stop {
            case .state(.deleted): "What was deleted does not come back."
            case .state: "Resume it first: entra-backup organization resume \(organization.id.uuidString.lowercased())"
            case .plan:
                "Move it to a plan that includes Entra: entra-backup organization set-plan "
                    + "\(organization.id.uuidString.lowercased()) PLAN"
            }
        self.init(
            .refused, stop.code, "The tenant is not backed up: its organization \(organization.name) \(stop.sentence).",
            hint: hint)
    }
}
