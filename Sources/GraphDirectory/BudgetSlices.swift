import BackupContracts
import BackupModel

/// The part of the shared budget that this process has drawn and not yet spent (D12). One draw serves many requests,
/// so that the budget's row is not touched for each of them.
actor BudgetSlices {
    private struct Key: Hashable {
        var tenant: TenantID
        var scope: ThrottleScope
    }

    private struct Slice {
        /// Below zero: requests have cost more than was drawn, which the next draw makes up for.
        var units = 0
        var end = Duration.zero
    }

    private let budget: any ResourceBudget
    private let elapsed: @Sendable () -> Duration
    private var slices: [Key: Slice] = [:]

    init(_ budget: any ResourceBudget, elapsed: @escaping @Sendable () -> Duration) {
        self.budget = budget
        self.elapsed = elapsed
    }

    /// A twentieth of the smallest window of the scope, at least one request; the numbers are those of
    /// <https://learn.microsoft.com/graph/throttling-limits>.
    static func size(_ scope: ThrottleScope) -> Int {
        switch scope {
        case .identity: 175
        case .intune: 50
        // As many as go together: what is drawn and not spent within a second is lost, and an answer takes longer.
        case .identityWrites: BatchBody.limit
        case .intuneWrites: 5
        case .conditionalAccess, .reports, .none: 1
        }
    }

    /// Takes `units`.
    /// - Returns: `nil` when they were granted, else how long to wait before asking again.
    func take(_ units: Int, _ tenant: TenantID, _ scope: ThrottleScope) async throws(StageFailure) -> Duration? {
        guard scope != .none, units > 0 else { return nil }
        let key = Key(tenant: tenant, scope: scope)
        let held = current(key)
        if held.units >= units {
            slices[key]?.units -= units
            return nil
        }
        switch try await budget.draw(max(units - held.units, Self.size(scope)), tenant: tenant, scope: scope) {
        case .wait(let duration):
            // A budget that says "not yet" and "at once" in one breath must not make the caller spin.
            return max(duration, .milliseconds(10))
        case .granted(let granted, let validFor):
            var slice = current(key)
            let end = elapsed() + validFor
            slice.end = slice.units > 0 ? min(slice.end, end) : end
            slice.units += granted - units
            slices[key] = slice
            return nil
        }
    }

    /// Sets right what a request was expected to cost by what it did cost.
    func correct(by extra: Int, _ tenant: TenantID, _ scope: ThrottleScope) {
        guard scope != .none, extra != 0 else { return }
        let key = Key(tenant: tenant, scope: scope)
        var slice = current(key)
        slice.units += extra > 0 || slice.end > elapsed() ? -extra : 0
        slices[key] = slice
    }

    /// Passes a pause on to all readers of the tenant and gives up what was drawn.
    func pause(_ duration: Duration, _ tenant: TenantID, _ scope: ThrottleScope) async throws(StageFailure) {
        guard scope != .none else { return }
        let key = Key(tenant: tenant, scope: scope)
        slices[key] = Slice(units: min(0, current(key).units))
        try await budget.pause(duration, tenant: tenant, scope: scope)
    }

    /// The slice without what its window has outlived; a debt stays.
    private func current(_ key: Key) -> Slice {
        guard var slice = slices[key] else { return Slice() }
        if slice.end <= elapsed() { slice.units = min(0, slice.units) }
        slices[key] = slice
        return slice
    }
}
