public import BackupModel

/// A budget that grants everything at once, for simulators without quotas.
public struct UnlimitedBudget: ResourceBudget {
    public init() {}

    public func draw(_ units: Int, tenant: TenantID, scope: ThrottleScope) async throws(StageFailure) -> BudgetAnswer {
        .granted(units: .max, validFor: .seconds(3_600))
    }

    public func pause(_ duration: Duration, tenant: TenantID, scope: ThrottleScope) async throws(StageFailure) {}
}
