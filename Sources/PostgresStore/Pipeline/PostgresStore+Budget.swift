public import BackupContracts
public import BackupModel
import Foundation
import LibPQ

/// A quota of Microsoft Graph as a bucket: over any window the bucket's content and what flows in together stay within
/// the quota, whatever the moments at which slices are drawn.
struct QuotaBucket: Sendable, Hashable {
    /// Units in the bucket at most: one slice.
    let capacity: Double
    /// Units that flow in a second.
    let rate: Double

    /// - Parameters:
    ///   - quota: units in a window, as Microsoft Graph's page on throttling gives them.
    ///   - window: its length in seconds.
    init(quota: Double, window: Double) {
        capacity = max(1, quota / 20)
        rate = max(0, quota - capacity) / window
    }

    private init(capacity: Double, rate: Double) {
        self.capacity = capacity
        self.rate = rate
    }

    /// See <https://learn.microsoft.com/graph/throttling-limits>. `nil`: no limit of the tenant.
    static func of(_ scope: ThrottleScope, users: Int64) -> QuotaBucket? {
        switch scope {
        case .identity: QuotaBucket(quota: users < 50 ? 3_500 : (users <= 500 ? 5_000 : 8_000), window: 10)
        // One request a second for all applications of the tenant.
        case .conditionalAccess: QuotaBucket(capacity: 1, rate: 0.98)
        // A burst of three, since a round seldom needs more; over ten seconds the sum is five all the same.
        case .reports: QuotaBucket(capacity: 3, rate: 0.2)
        case .intune: QuotaBucket(quota: 1_000, window: 20)
        case .identityWrites: QuotaBucket(quota: 3_000, window: 150)
        case .intuneWrites: QuotaBucket(quota: 100, window: 20)
        case .none: nil
        }
    }
}

extension PostgresStore: ResourceBudget {
    /// The bucket holds a twentieth of the window (D12); its size follows the users in the newest snapshot. Four
    /// statements, one at a time for each tenant and scope. A scope without a limit grants all for an hour.
    public func draw(_ units: Int, tenant: TenantID, scope: ThrottleScope) async throws(StageFailure) -> BudgetAnswer {
        try await transaction(of: tenant) { (connection) async throws(StageFailure) in
            let known = try await connection.rows(
                """
                SELECT objects FROM backup.snapshot_collections WHERE tenant_id = $1 AND type = $2
                ORDER BY number DESC LIMIT 1
                """, [.uuid(tenant.uuid), .int16(Int16(bitPattern: Catalogue.current["user"]?.number ?? 0))])
            let users = try decoded { () throws(PostgresError) in try known.first?.int64("objects") ?? 0 }
            guard let bucket = QuotaBucket.of(scope, users: users) else {
                return .granted(units: .max, validFor: .seconds(3_600))
            }
            return try await connection.draw(Double(units), bucket, tenant, scope)
        }
    }

    /// One upsert: the bucket is emptied, and of two pauses the one that ends later holds.
    public func pause(_ duration: Duration, tenant: TenantID, scope: ThrottleScope) async throws(StageFailure) {
        try await withConnection { (connection) async throws(StageFailure) in
            _ = try await connection.rows(
                """
                INSERT INTO backup.budgets AS b (tenant_id, scope, tokens, refreshed_at, paused_until)
                VALUES ($1, $2, 0, clock_timestamp(), clock_timestamp() + make_interval(secs => $3))
                ON CONFLICT (tenant_id, scope) DO UPDATE SET tokens = 0, refreshed_at = excluded.refreshed_at,
                    paused_until = greatest(b.paused_until, excluded.paused_until)
                """, [.uuid(tenant.uuid), .text(scope.rawValue), .double(duration / .seconds(1))])
        }
    }
}

extension PostgresConnection {
    fileprivate func draw(_ units: Double, _ bucket: QuotaBucket, _ tenant: TenantID, _ scope: ThrottleScope)
        async throws(StageFailure) -> BudgetAnswer
    {
        let key: [PostgresValue] = [.uuid(tenant.uuid), .text(scope.rawValue)]
        _ = try await rows(
            """
            INSERT INTO backup.budgets (tenant_id, scope, tokens, refreshed_at)
            VALUES ($1, $2, $3, clock_timestamp()) ON CONFLICT DO NOTHING
            """, key + [.double(bucket.capacity)])
        let rows = try await rows(
            """
            SELECT least($3, tokens + $4 * extract(epoch FROM clock_timestamp() - refreshed_at))::double precision AS tokens,
                greatest(0, extract(epoch FROM paused_until - clock_timestamp()))::double precision AS paused
            FROM backup.budgets WHERE tenant_id = $1 AND scope = $2 FOR UPDATE
            """, key + [.double(bucket.capacity), .double(bucket.rate)])
        guard let row = rows.first else { return .wait(.milliseconds(100)) }
        let (tokens, paused) = try decoded { () throws(PostgresError) in
            (try row.double("tokens"), try row.optionalDouble("paused") ?? 0)
        }
        if paused > 0 { return .wait(.milliseconds(Int(paused * 1_000) + 1)) }
        // A request dearer than the bucket is let through when the bucket is full; it leaves a debt.
        let wanted = min(units, bucket.capacity)
        guard tokens >= wanted else {
            return .wait(.milliseconds(Int((wanted - tokens) / bucket.rate * 1_000) + 1))
        }
        let granted = max(units, tokens.rounded(.down))
        _ = try await self.rows(
            "UPDATE backup.budgets SET tokens = $3, refreshed_at = clock_timestamp() WHERE tenant_id = $1 AND scope = $2",
            key + [.double(tokens - granted)])
        return .granted(units: Int(granted), validFor: .seconds(1))
    }
}
