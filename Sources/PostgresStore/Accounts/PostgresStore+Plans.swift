public import AccountModel
import BackupContracts
public import Foundation
import LibPQ

/// What is to change of a plan; `nil` leaves it.
public struct PlanEdit: Sendable, Hashable {
    /// Unique at the partner, whatever its case.
    public var name: String?
    /// Of a plan in use only one that each of its organizations could move to by itself.
    public var product: ProductType?
    /// ISO 4217 in upper case; fixed while an organization has the plan.
    public var currency: String?
    /// Fixed while an organization has the plan.
    public var periodicity: Periodicity?

    /// What is left out stays as it is; values are checked by the caller.
    public init(
        name: String? = nil, product: ProductType? = nil, currency: String? = nil, periodicity: Periodicity? = nil
    ) {
        self.name = name
        self.product = product
        self.currency = currency
        self.periodicity = periodicity
    }
}

extension PostgresStore {
    /// Makes a plan at a partner. Whether the installation offers Entra is checked by the caller.
    /// - Throws: `planExists` for a name that the partner has, whatever its case; `notOfYourPartner`.
    public func createPlan(
        name: String, product: ProductType, currency: String, periodicity: Periodicity, partner: UUID
    ) async throws(AccountError) -> Plan {
        try require(own: partner)
        return try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.unique(
                """
                INSERT INTO backup.plans (id, partner_id, name, product, currency, periodicity)
                VALUES (gen_random_uuid(), $1, $2, $3, $4, $5) RETURNING \(Plan.columns)
                """,
                [
                    .uuid(partner), .text(name), .text(product.rawValue), .text(currency), .text(periodicity.rawValue),
                ], "planExists", "The partner has a plan named \(name) already.")
            let plan = try only(rows, Plan.init(row:))
            AuditNote.isAbout(plan.id)
            return plan
        }
    }

    /// By name; those of one partner, or all.
    public func plans(of partner: UUID? = nil) async throws(AccountError) -> [Plan] {
        try await administer { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    """
                    SELECT \(Plan.columns) FROM backup.plans
                    WHERE ($1::uuid IS NULL OR partner_id = $1) AND \(own(.plan)) ORDER BY lower(name), id
                    """, [.uuid(partner)]), Plan.init(row:))
        }
    }

    /// By id, or by a name that only one plan of all partners has, whatever its case; archived ones too.
    /// - Throws: `planNotFound`, `planAmbiguous`; `notOfYourPartner` for partner staff, who see the own plans alone.
    public func plan(_ reference: String) async throws(AccountError) -> Plan {
        try await find(reference, "plan", .plan, "SELECT \(Plan.columns) FROM backup.plans", Plan.init(row:))
    }

    /// A plan of that name at the partner; when it has none, any other that the reference names, so that the refusal can
    /// tell why it does not do.
    public func plan(_ reference: String, at partner: UUID) async throws(AccountError) -> Plan {
        let own = try await plans(of: partner).first { $0.name.lowercased() == reference.lowercased() }
        if let own { return own }
        return try await plan(reference)
    }

    /// Takes a plan out of the offer; organizations that have it keep it.
    public func archivePlan(_ id: UUID) async throws(AccountError) -> Plan {
        try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                """
                UPDATE backup.plans SET archived_at = coalesce(archived_at, now()) WHERE id = $1 AND \(own(.plan))
                RETURNING \(Plan.columns)
                """, [.uuid(id)])
            return try only(rows, Plan.init(row:))
        }
    }

    /// Organizations that have the plan, those that are deleted left out.
    public func planUse(_ id: UUID) async throws(AccountError) -> Int {
        try await administer { (connection) async throws(AccountError) in try await connection.planUse(id) }
    }

    /// Changes a plan. What an organization has agreed to does not change beneath it: a plan in use keeps its currency and
    /// periodicity, and its product only becomes one that each of them could move to by itself. The terms of each follow by
    /// a trigger, and hold it until the end of the transaction.
    public func updatePlan(_ id: UUID, _ edit: PlanEdit) async throws(AccountError) -> Plan {
        try await administer { (connection) async throws(AccountError) in
            // Organizations that take the plan wait for this lock.
            let rows = try await connection.checked(
                "SELECT \(Plan.columns) FROM backup.plans WHERE id = $1 AND \(own(.plan)) FOR UPDATE", [.uuid(id)])
            let plan = try only(rows, Plan.init(row:))
            try Self.check(edit, of: plan, use: try await connection.planUse(id))
            let changed = try await connection.unique(
                """
                UPDATE backup.plans SET name = coalesce($2, name), product = coalesce($3, product),
                    currency = coalesce($4, currency), periodicity = coalesce($5, periodicity)
                WHERE id = $1 RETURNING \(Plan.columns)
                """,
                [
                    .uuid(id), .text(edit.name), .text(edit.product?.rawValue), .text(edit.currency),
                    .text(edit.periodicity?.rawValue),
                ], "planExists", "The partner has a plan named \(edit.name ?? plan.name) already.")
            // With Entra paid for, a trial of it is over.
            if edit.product?.includesEntra == true {
                _ = try await connection.checked(
                    "UPDATE backup.organizations SET nfr = false, nfr_ends_at = NULL WHERE plan_id = $1 AND nfr",
                    [.uuid(id)])
            }
            return try only(changed, Plan.init(row:))
        }
    }

    private static func check(_ edit: PlanEdit, of plan: Plan, use: Int) throws(AccountError) {
        guard use > 0 else { return }
        let users = use == 1 ? "1 organization has" : "\(use) organizations have"
        let hint = "Make another plan and move them: entra-backup organization set-plan ORG PLAN"
        let isRebilled =
            edit.currency.map { $0 != plan.currency } ?? false
            || edit.periodicity.map { $0 != plan.periodicity } ?? false
        if isRebilled {
            throw AccountError(
                .refused, "planInUse",
                "\(users) the plan \(plan.name): it is billed in \(plan.currency), \(plan.periodicity.rawValue).",
                hint: hint)
        }
        guard let product = edit.product else { return }
        if plan.product.includesEntra, !product.includesEntra {
            throw AccountError(
                .refused, "planInUseKeepsEntra",
                "\(users) the plan \(plan.name): a plan in use cannot lose Entra.", hint: hint)
        }
        if let reason = plan.product.change(to: product).reason {
            throw AccountError(
                .refused, "planInUse", "\(users) the plan \(plan.name): for each, \(reason).", hint: hint)
        }
    }
}

extension PostgresConnection {
    fileprivate func planUse(_ id: UUID) async throws(AccountError) -> Int {
        let rows = try await checked(
            "SELECT count(*) AS n FROM backup.organizations WHERE plan_id = $1 AND state <> 'deleted'", [.uuid(id)])
        return Int(try only(rows) { (row) throws(PostgresError) in try row.int64("n") })
    }

    /// Keeps a plan, or all that the partner has, from changing before the transaction has ended. Comes before an
    /// organization is held, since who changes a plan holds the plan first and then its organizations.
    func holdPlan(_ id: UUID?, of partner: UUID? = nil) async throws(AccountError) {
        _ = try await checked(
            "SELECT FROM backup.plans WHERE id = $1 OR $1 IS NULL AND partner_id = $2 FOR SHARE",
            [.uuid(id), .uuid(partner)])
    }

    /// A plan that an organization of the partner may take now. It does not change before the transaction has ended.
    func usablePlan(_ id: UUID, of partner: UUID) async throws(AccountError) -> Plan {
        let rows = try await checked(
            "SELECT \(Plan.columns) FROM backup.plans WHERE id = $1 FOR SHARE", [.uuid(id)])
        guard let plan = try all(rows, Plan.init(row:)).first else {
            throw AccountError(
                .notFound, "planNotFound", "There is no plan \(id.text).", hint: "See `entra-backup plan list`.")
        }
        guard plan.partner == partner else {
            throw AccountError(
                .refused, "planOfAnotherPartner", "The plan \(plan.name) belongs to another partner.",
                hint: "Choose a plan of the organization's partner: `entra-backup plan list --partner PARTNER`.")
        }
        guard plan.archivedAt == nil else {
            throw AccountError(
                .refused, "planArchived", "The plan \(plan.name) is archived.",
                hint: "Choose another one: `entra-backup plan list --partner PARTNER`.")
        }
        return plan
    }
}

extension Plan {
    static let columns = "id, partner_id, name, product, currency, periodicity, created_at, archived_at"

    init(row: PostgresRow) throws(PostgresError) {
        self.init(
            id: try row.uuid("id"), partner: try row.uuid("partner_id"), name: try row.text("name"),
            product: try row.named("product"), currency: try row.text("currency"),
            periodicity: try row.named("periodicity"),
            createdAt: try row.timestamp("created_at").date, archivedAt: try row.optionalTimestamp("archived_at")?.date)
    }
}
