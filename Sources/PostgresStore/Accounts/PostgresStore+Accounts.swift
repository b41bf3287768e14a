public import AccountModel
import BackupContracts
public import Foundation
import LibPQ

extension PostgresStore {
    /// ``transaction(_:)`` with the errors of an administrator; rolled back in a dry run.
    func administer<T: Sendable>(
        _ options: PostgresTransactionOptions = .standard,
        _ body: (PostgresConnection) async throws(AccountError) -> T
    ) async throws(AccountError) -> T {
        if Self.isDryRun { return try await rehearse(options, body) }
        for _ in 0..<4 {
            do throws(AccountError) {
                return try await administerOnce(options, body)
            } catch {
                // A stage at work was in the way (a deadlock): nothing of this transaction is there.
                guard case .failure(let failure) = error.kind, failure.code == .serializationConflict else {
                    throw error
                }
            }
        }
        return try await administerOnce(options, body)
    }

    private func administerOnce<T: Sendable>(
        _ options: PostgresTransactionOptions, _ body: (PostgresConnection) async throws(AccountError) -> T
    ) async throws(AccountError) -> T {
        let map: (PostgresError) -> AccountError = { AccountError(StageFailure(store: $0)) }
        let note = AuditNote.current.flatMap { $0.isWritten ? nil : $0 }
        let done = try await pool.withConnection(orThrow: map) {
            (connection) async throws(AccountError) in
            try await connection.transaction(options, orThrow: map) { (connection) async throws(AccountError) in
                let result = try await body(connection)
                guard let note, try await connection.hasWritten() else {
                    return Noted(result: result, isNoted: false)
                }
                try await append(connection, note)
                return Noted(result: result, isNoted: true)
            }
        }
        if done.isNoted { note?.markWritten() }
        return done.result
    }

    private struct Noted<T: Sendable>: Sendable {
        var result: T
        var isNoted: Bool
    }

    // MARK: Partners

    public func createPartner(name: String) async throws(AccountError) -> Partner {
        try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.unique(
                """
                INSERT INTO backup.partners (id, name) VALUES (gen_random_uuid(), $1) RETURNING \(Partner.columns)
                """, [.text(name)], "partnerExists", "A partner named \(name) exists already.")
            let partner = try only(rows, Partner.init(row:))
            AuditNote.isAbout(partner.id)
            return partner
        }
    }

    public func partners() async throws(AccountError) -> [Partner] {
        try await administer { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    "SELECT \(Partner.columns) FROM backup.partners WHERE \(own(.partner)) ORDER BY name"),
                Partner.init(row:))
        }
    }

    /// By id, or by a name that only one has.
    public func partner(_ reference: String) async throws(AccountError) -> Partner {
        try await find(
            reference, "partner", .partner, "SELECT \(Partner.columns) FROM backup.partners", Partner.init(row:))
    }

    // MARK: Plans

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
            return try only(rows, Plan.init(row:))
        }
    }

    public func plans() async throws(AccountError) -> [Plan] {
        try await administer { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    "SELECT \(Plan.columns) FROM backup.plans WHERE \(own(.plan)) ORDER BY name"), Plan.init(row:))
        }
    }

    public func plan(_ reference: String) async throws(AccountError) -> Plan {
        try await find(reference, "plan", .plan, "SELECT \(Plan.columns) FROM backup.plans", Plan.init(row:))
    }

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

    // MARK: Organizations

    public func createOrganization(_ organization: Organization) async throws(AccountError) -> Organization {
        try require(own: organization.partner)
        return try await administer { (connection) async throws(AccountError) in
            let plan = try await connection.checked(
                "SELECT partner_id, name, archived_at IS NOT NULL AS archived FROM backup.plans WHERE id = $1 FOR SHARE",
                [.uuid(organization.plan)])
            let (owner, name, isArchived) = try only(plan) { (row) throws(PostgresError) in
                (try row.uuid("partner_id"), try row.text("name"), try row.bool("archived"))
            }
            guard owner == organization.partner else {
                throw AccountError(
                    .refused, "planOfAnotherPartner", "The plan \(name) belongs to another partner.",
                    hint: "Choose a plan of the organization's partner: `entra-backup plan list`.")
            }
            guard !isArchived else {
                throw AccountError(
                    .refused, "planArchived", "The plan \(name) is archived.",
                    hint: "Choose another one: `entra-backup plan list`.")
            }
            let rows = try await connection.unique(
                """
                INSERT INTO backup.organizations (id, partner_id, plan_id, name, first_name, last_name, email, country,
                    seats, auto_license)
                VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING \(Organization.columns)
                """,
                [
                    .uuid(organization.partner), .uuid(organization.plan), .text(organization.name),
                    .text(organization.firstName), .text(organization.lastName), .text(organization.email),
                    .text(organization.country), .int32(organization.seats), .bool(organization.autoLicense),
                ], "emailTaken", "An organization with the e-mail address \(organization.email) exists already.")
            return try only(rows, Organization.init(row:))
        }
    }

    public func organizations() async throws(AccountError) -> [Organization] {
        try await administer { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    """
                    SELECT \(Organization.columns) FROM backup.organizations WHERE \(own(.organization)) ORDER BY name
                    """),
                Organization.init(row:))
        }
    }

    public func organization(_ reference: String) async throws(AccountError) -> Organization {
        try await find(
            reference, "organization", .organization, "SELECT \(Organization.columns) FROM backup.organizations",
            Organization.init(row:))
    }

    /// Finds one row by id or by a name that only one has, among those that the identity may touch.
    func find<T: Sendable>(
        _ reference: String, _ kind: String, _ owned: Owned, _ select: String, key: String = "id",
        _ make: (PostgresRow) throws(PostgresError) -> T
    ) async throws(AccountError) -> T {
        try await administer { (connection) async throws(AccountError) in
            let id = UUID(uuidString: reference)
            let rows =
                if let id {
                    try await connection.checked("\(select) WHERE \(key) = $1 AND \(own(owned))", [.uuid(id)])
                } else {
                    try await connection.checked(
                        "\(select) WHERE lower(name) = lower($1) AND \(own(owned))", [.text(reference)])
                }
            if rows.count > 1 {
                throw AccountError(
                    .conflict, "\(kind)Ambiguous", "\(rows.count) \(kind)s have the name \(reference).",
                    hint: "Name it by its id: `entra-backup \(kind) list`.")
            }
            guard rows.count == 1 else {
                if identity.partner != nil { throw AccountError.outside(kind, reference) }
                throw AccountError(
                    .notFound, "\(kind)NotFound", "There is no \(kind) \(reference).",
                    hint: "See `entra-backup \(kind) list`.")
            }
            return try only(rows, make)
        }
    }
}

func only<T>(_ rows: PostgresRows, _ make: (PostgresRow) throws(PostgresError) -> T) throws(AccountError) -> T {
    guard let row = rows.first else {
        throw AccountError(StageFailure(.stageDefect, "A statement returned no row where one was expected."))
    }
    do {
        return try make(row)
    } catch {
        throw AccountError(StageFailure(decoding: error))
    }
}

func all<T>(_ rows: PostgresRows, _ make: (PostgresRow) throws(PostgresError) -> T) throws(AccountError) -> [T] {
    var items: [T] = []
    for row in rows {
        do {
            items.append(try make(row))
        } catch {
            throw AccountError(StageFailure(decoding: error))
        }
    }
    return items
}

extension PostgresConnection {
    func checked(_ sql: String, _ parameters: [PostgresValue] = []) async throws(AccountError) -> PostgresRows {
        do {
            return try await query(sql, parameters)
        } catch {
            throw AccountError(StageFailure(store: error))
        }
    }

    /// A statement whose unique violation is the caller's conflict.
    func unique(
        _ sql: String, _ parameters: [PostgresValue], _ code: String, _ message: String,
        hint: String = "Choose another one, or use the one that exists."
    ) async throws(AccountError) -> PostgresRows {
        do {
            return try await query(sql, parameters)
        } catch {
            guard error.sqlState == .uniqueViolation else { throw AccountError(StageFailure(store: error)) }
            throw AccountError(.conflict, code, message, hint: hint)
        }
    }
}

extension Partner {
    static let columns = "id, name, support_may_view, created_at"

    init(row: PostgresRow) throws(PostgresError) {
        self.init(
            id: try row.uuid("id"), name: try row.text("name"), supportMayView: try row.bool("support_may_view"),
            createdAt: try row.timestamp("created_at").date)
    }
}

extension Plan {
    static let columns = "id, partner_id, name, product, currency, periodicity, created_at, archived_at"

    init(row: PostgresRow) throws(PostgresError) {
        self.init(
            id: try row.uuid("id"), partner: try row.uuid("partner_id"), name: try row.text("name"),
            product: ProductType(rawValue: try row.text("product")) ?? .backup, currency: try row.text("currency"),
            periodicity: Periodicity(rawValue: try row.text("periodicity")) ?? .monthly,
            createdAt: try row.timestamp("created_at").date, archivedAt: try row.optionalTimestamp("archived_at")?.date)
    }
}

extension Organization {
    static let columns =
        "id, partner_id, plan_id, name, first_name, last_name, email, country, seats, auto_license, state, created_at"

    init(row: PostgresRow) throws(PostgresError) {
        self.init(
            id: try row.uuid("id"), partner: try row.uuid("partner_id"), plan: try row.uuid("plan_id"),
            name: try row.text("name"), firstName: try row.text("first_name"), lastName: try row.text("last_name"),
            email: try row.text("email"), country: try row.text("country"), seats: try row.optionalInt32("seats"),
            autoLicense: try row.bool("auto_license"),
            state: SubscriptionState(rawValue: try row.text("state")) ?? .active,
            createdAt: try row.timestamp("created_at").date)
    }
}
