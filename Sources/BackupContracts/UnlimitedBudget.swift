public import BackupModel

/// A budget that grants everything at once, for simulators without quotas.
public struct UnlimitedBudget: ResourceBudget {
    /// Keeps no state: copies are the same.
    public init() {}

    /// Grants without limit for an hour, whatever is asked for.
    public func draw(_ units: Int, tenant: TenantID, scope: ThrottleScope) async throws(StageFailure) -> BudgetAnswer {
        .granted(units: .max, validFor: .seconds(3_600))
    }

    /// Does nothing: only the request that was told to pause waits.
    public func pause(_ duration: Duration, tenant: TenantID, scope: ThrottleScope) async throws(StageFailure) {}
}
