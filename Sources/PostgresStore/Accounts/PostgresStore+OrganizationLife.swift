public import AccountModel
import BackupContracts
public import Foundation
import LibPQ

extension PostgresStore {
    /// Moves an organization to another plan of its partner, by the table of changes.
    /// - Parameter ticket: with it an operator does what self-service may not.
    public func setPlan(_ id: UUID, plan: UUID, ticket: String?) async throws(AccountError) -> OrganizationChange {
        try requireOperator(for: ticket)
        return try await administer { (connection) async throws(AccountError) in
            try await connection.holdPlan(plan)
            let before = try await heldOrganization(id, connection)
            guard before.plan != plan else { return OrganizationChange(before: before, after: before) }
            let plan = try await connection.usablePlan(plan, of: before.partner)
            try Self.checkChange(of: before, to: plan, ticket: ticket)
            return OrganizationChange(before: before, after: try await connection.move(before, to: plan))
        }
    }

    /// A ticket is worth nothing in the hands of those who would have to ask for one.
    private func requireOperator(for ticket: String?) throws(AccountError) {
        guard ticket != nil, case .staff = identity else { return }
        throw AccountError(
            .refused, "ticketNeedsOperator", "A change by ticket is made by an operator of the installation.",
            hint: "Hand the ticket to the operator; leave out --ticket for what self-service may.")
    }

    private static func checkChange(of organization: Organization, to plan: Plan, ticket: String?) throws(AccountError)
    {
        guard ticket == nil, let reason = organization.product.change(to: plan.product).reason else { return }
        let way = "\(organization.product.title) to \(plan.product.title)"
        throw AccountError(
            .refused, "planChangeNeedsTicket",
            "\(organization.name) cannot go from \(way) in self-service: \(reason).",
            hint: "An operator of the installation does it, with the number of a support ticket: --ticket T. "
                + "Data that is no longer covered is kept.")
    }

    /// - Parameter seats: what was bought.
    public func setSeats(_ id: UUID, _ seats: Int32) async throws(AccountError) -> OrganizationChange {
        try await administer { (connection) async throws(AccountError) in
            let before = try await heldOrganization(id, connection)
            let rows = try await connection.checked(
                "UPDATE backup.organizations SET seats = $2 WHERE id = $1 RETURNING \(Organization.columns)",
                [.uuid(id), .int32(seats)])
            return OrganizationChange(before: before, after: try only(rows, Organization.init(row:)))
        }
    }

    /// Suspends, resumes or unsubscribes an organization. One that is in the state already stays as it is.
    public func setState(_ id: UUID, _ state: SubscriptionState) async throws(AccountError) -> OrganizationChange {
        try await administer { (connection) async throws(AccountError) in
            let before = try await heldOrganization(id, connection)
            guard before.state != state else { return OrganizationChange(before: before, after: before) }
            guard before.state.effect.next.contains(state), state != .deleted else {
                throw AccountError(
                    .refused, "stateNotReachable",
                    "The organization \(before.name) is \(before.state.rawValue) and cannot become \(state.rawValue).",
                    hint: "Resume it first: entra-backup organization resume \(id.uuidString.lowercased())")
            }
            let rows = try await connection.checked(
                "UPDATE backup.organizations SET state = $2 WHERE id = $1 RETURNING \(Organization.columns)",
                [.uuid(id), .text(state.rawValue)])
            return OrganizationChange(before: before, after: try only(rows, Organization.init(row:)))
        }
    }

    /// Moves an organization with its tenants and their data to another partner.
    /// - Parameter plan: one of the new partner's; nil for the only one that it offers of the same product.
    public func transfer(
        _ id: UUID, to partner: UUID, plan: UUID?, ticket: String?
    ) async throws(AccountError) -> OrganizationChange {
        // Nobody but the operator sees both partners.
        try require(own: partner)
        return try await administer { (connection) async throws(AccountError) in
            try await connection.holdPlan(plan, of: partner)
            let before = try await heldOrganization(id, connection)
            guard before.partner != partner else {
                throw AccountError(
                    .conflict, "partnerUnchanged", "The organization \(before.name) belongs to that partner already.",
                    hint: "Choose another plan with `organization set-plan`.")
            }
            let chosen =
                if let plan {
                    plan
                } else {
                    try await connection.onlyPlan(before.product, of: partner)
                }
            let plan = try await connection.usablePlan(chosen, of: partner)
            try Self.checkChange(of: before, to: plan, ticket: ticket)
            let after = try await connection.move(before, to: plan)
            // The command's own entry is in the chain of the partner that it belongs to now.
            if let note = AuditNote.current {
                try await append(
                    connection, actor: note.actor, action: note.action, target: note.target, about: before.partner,
                    outcome: .allowed, reason: note.reason)
            }
            return OrganizationChange(before: before, after: after)
        }
    }

    /// Users that were counted in the newest snapshots of an organization's tenants; nil before the first.
    public func countedUsers(_ id: UUID) async throws(AccountError) -> Int64? {
        try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                """
                SELECT sum(users)::bigint AS users FROM backup.user_counts WHERE organization_id
                    IN (SELECT id FROM backup.organizations WHERE id = $1 AND \(own(.organization)))
                """, [.uuid(id)])
            return try only(rows) { (row) throws(PostgresError) in try row.optionalInt64("users") }
        }
    }

    /// The tenants of an organization, by name.
    public func tenants(of organization: UUID) async throws(AccountError) -> [TenantRecord] {
        let tenants = try await administer { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    """
                    SELECT \(TenantRecord.columns) FROM backup.tenants WHERE organization_id = $1 AND \(own(.tenant))
                    ORDER BY name, tenant_id
                    """, [.uuid(organization)]), TenantRecord.init(row:))
        }
        for tenant in tenants { admit(tenant.id) }
        return tenants
    }
}

extension PostgresConnection {
    /// Puts an organization on a plan and under its partner. A plan that includes Entra ends a trial of it.
    fileprivate func move(_ organization: Organization, to plan: Plan) async throws(AccountError) -> Organization {
        let rows = try await checked(
            """
            UPDATE backup.organizations SET plan_id = $2, partner_id = $3, nfr = nfr AND NOT $4,
                nfr_ends_at = CASE WHEN NOT $4 THEN nfr_ends_at END
            WHERE id = $1 RETURNING \(Organization.columns)
            """,
            [.uuid(organization.id), .uuid(plan.id), .uuid(plan.partner), .bool(plan.product.includesEntra)])
        return try only(rows, Organization.init(row:))
    }

    fileprivate func onlyPlan(_ product: ProductType, of partner: UUID) async throws(AccountError) -> UUID {
        let plans = try all(
            try await checked(
                "SELECT id FROM backup.plans WHERE partner_id = $1 AND product = $2 AND archived_at IS NULL",
                [.uuid(partner), .text(product.rawValue)])
        ) { (row) throws(PostgresError) in try row.uuid("id") }
        guard plans.count == 1, let plan = plans.first else {
            let count = plans.isEmpty ? "no plan" : "\(plans.count) plans"
            throw AccountError(
                .refused, "planNotNamed", "The new partner has \(count) of \(product.title).",
                hint: "Name the one to take with --plan: `entra-backup plan list --partner PARTNER`.")
        }
        return plan
    }
}
