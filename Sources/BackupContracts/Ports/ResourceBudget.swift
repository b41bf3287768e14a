public import BackupModel

/// The budget of a tenant's Graph quota that all fetchers and restorers share (D12).
///
/// Laws. Over any window, the units granted to all callers together stay within the quota of the scope. A pause that
/// one caller reports holds for all of them.
public protocol ResourceBudget: Sendable {
    /// Draws a slice of at least `units`.
    /// - Returns: the units granted, or how long to wait before asking again.
    func draw(_ units: Int, tenant: TenantID, scope: ThrottleScope) async throws(StageFailure) -> BudgetAnswer

    /// Reports that Graph asked the tenant to pause in this scope.
    func pause(_ duration: Duration, tenant: TenantID, scope: ThrottleScope) async throws(StageFailure)
}

/// What a draw came to; nothing is reserved for one who is told to wait.
public enum BudgetAnswer: Sendable, Hashable {
    /// A slice; what is left over is kept by the caller for its next requests of the same window.
    case granted(units: Int, validFor: Duration)
    case wait(Duration)
}
