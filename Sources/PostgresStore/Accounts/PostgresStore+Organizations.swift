public import AccountModel
import BackupContracts
public import Foundation
import LibPQ

/// What is to change of an organization; `nil` leaves it.
public struct OrganizationEdit: Sendable, Hashable {
    /// Need not be unique; commands find an organization by it while only one has it.
    public var name: String?
    /// Of the contact, as sign-in e-mails greet them.
    public var firstName: String?
    /// Of the contact, as sign-in e-mails greet them.
    public var lastName: String?
    /// Of the contact; unique over all organizations, whatever its case. Sign-in moves with it.
    public var email: String?
    /// ISO 3166-1 alpha-2 in upper case; the database takes any two capital letters.
    public var country: String?
    /// Whether users that appear take seats by themselves, from the next snapshot on.
    public var autoLicense: Bool?
    /// Only of one that is NFR.
    public var nfrEndsAt: Date?

    /// Changes nothing before something is set.
    public init() {}
}

/// What a change has made of an organization, and what it was before.
public struct OrganizationChange: Sendable, Hashable {
    /// As it was when the change locked its row.
    public var before: Organization
    /// As the database has it now; the same as ``before`` where nothing was to change.
    public var after: Organization

    /// Both as given.
    public init(before: Organization, after: Organization) {
        self.before = before
        self.after = after
    }
}

/// The sender of sign-in e-mails, and what they name.
public struct SignInMailSettings: Sendable, Hashable {
    /// The sender's address: setting `mail.from`.
    public var from: String
    /// Where people sign in: setting `mail.signInUrl`; nil leaves the line out of the message.
    public var signInURL: String?

    /// Both as configured; neither is checked.
    public init(from: String, signInURL: String?) {
        self.from = from
        self.signInURL = signInURL
    }
}

extension PostgresStore {
    /// Makes an organization; what its id, product and times are is for the database to say.
    /// - Parameter mail: has its contact told how to sign in.
    public func createOrganization(
        _ organization: Organization, mail: SignInMailSettings? = nil
    ) async throws(AccountError) -> Organization {
        try require(own: organization.partner)
        return try await administer { (connection) async throws(AccountError) in
            let plan = try await connection.usablePlan(organization.plan, of: organization.partner)
            if organization.isNFR, plan.product.includesEntra {
                throw AccountError(
                    .refused, "nfrWithEntraPlan",
                    "The plan \(plan.name) includes Entra; NFR is for trials of Entra on Backup or Archive.",
                    hint: "Leave out --nfr, or choose a plan without Entra.")
            }
            let rows = try await connection.unique(
                """
                INSERT INTO backup.organizations (id, partner_id, plan_id, name, first_name, last_name, email, country,
                    seats, auto_license, nfr, nfr_ends_at)
                VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                RETURNING \(Organization.columns)
                """,
                [
                    .uuid(organization.partner), .uuid(organization.plan), .text(organization.name),
                    .text(organization.firstName), .text(organization.lastName), .text(organization.email),
                    .text(organization.country), .int32(organization.seats), .bool(organization.autoLicense),
                    .bool(organization.isNFR), .timestamptz(date: organization.nfrEndsAt),
                ], "emailTaken", "An organization with the e-mail address \(organization.email) exists already.")
            let made = try only(rows, Organization.init(row:))
            AuditNote.isAbout(made.id)
            if let mail { try await connection.queueSignInMail(made, mail) }
            return made
        }
    }

    /// By name; those of one partner, or all.
    /// - Parameter search: a part of the name or of the contact's e-mail address, whatever its case.
    public func organizations(
        of partner: UUID? = nil, search: String? = nil, limit: Int? = nil
    ) async throws(AccountError) -> [Organization] {
        try await administer { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    """
                    SELECT \(Organization.columns) FROM backup.organizations
                    WHERE ($1::uuid IS NULL OR partner_id = $1) AND \(own(.organization)) AND ($2::text IS NULL
                        OR position(lower($2) IN lower(name)) > 0 OR position(lower($2) IN lower(email)) > 0)
                    ORDER BY lower(name), id LIMIT $3
                    """, [.uuid(partner), .text(search), .int64(limit.map { Int64($0) })]), Organization.init(row:))
        }
    }

    /// By id, or by a name that only one has, whatever its case; deleted ones too.
    /// - Throws: `organizationNotFound`, `organizationAmbiguous`; `notOfYourPartner` for partner staff.
    public func organization(_ reference: String) async throws(AccountError) -> Organization {
        try await find(
            reference, "organization", .organization, "SELECT \(Organization.columns) FROM backup.organizations",
            Organization.init(row:))
    }

    /// Changes contact, name, country and the rest of what is given.
    public func updateOrganization(
        _ id: UUID, _ edit: OrganizationEdit, mail: SignInMailSettings? = nil
    ) async throws(AccountError) -> OrganizationChange {
        try await administer { (connection) async throws(AccountError) in
            let before = try await heldOrganization(id, connection)
            if edit.nfrEndsAt != nil, !before.isNFR {
                throw AccountError(
                    .refused, "organizationNotNFR", "The organization \(before.name) is not NFR.",
                    hint: "A trial begins when an organization is made: organization create --nfr")
            }
            let rows = try await connection.unique(
                """
                UPDATE backup.organizations SET name = coalesce($2, name), first_name = coalesce($3, first_name),
                    last_name = coalesce($4, last_name), email = coalesce($5, email), country = coalesce($6, country),
                    auto_license = coalesce($7, auto_license), nfr_ends_at = coalesce($8, nfr_ends_at)
                WHERE id = $1 RETURNING \(Organization.columns)
                """,
                [
                    .uuid(id), .text(edit.name), .text(edit.firstName), .text(edit.lastName), .text(edit.email),
                    .text(edit.country), edit.autoLicense.map { .bool($0) } ?? .null,
                    .timestamptz(date: edit.nfrEndsAt),
                ], "emailTaken", "An organization with the e-mail address \(edit.email ?? "") exists already.")
            let after = try only(rows, Organization.init(row:))
            if let mail {
                let former = before.email == after.email ? nil : before.email
                try await connection.queueSignInMail(after, mail, formerAddress: former)
            }
            return OrganizationChange(before: before, after: after)
        }
    }

    /// Switches features of an organization's people; those that are not named stay as they are.
    public func switchFeatures(_ id: UUID, _ features: [EndUserFeature: Bool]) async throws(AccountError)
        -> Organization
    {
        try await administer { (connection) async throws(AccountError) in
            _ = try await heldOrganization(id, connection)
            // Names and words of our own, which need no quoting.
            let members = features.sorted { $0.key.rawValue < $1.key.rawValue }
                .map { "\"\($0.key.rawValue)\":\($0.value)" }.joined(separator: ",")
            let rows = try await connection.checked(
                """
                UPDATE backup.organizations SET features = features || $2::text::jsonb WHERE id = $1
                RETURNING \(Organization.columns)
                """, [.uuid(id), .text("{\(members)}")])
            return try only(rows, Organization.init(row:))
        }
    }
}

extension PostgresStore {
    /// The organization, held to the end of the transaction; refused when it is another partner's, or deleted.
    func heldOrganization(_ id: UUID, _ connection: PostgresConnection) async throws(AccountError) -> Organization {
        let rows = try await connection.checked(
            """
            SELECT \(Organization.columns) FROM backup.organizations WHERE id = $1 AND \(own(.organization)) FOR UPDATE
            """, [.uuid(id)])
        guard let organization = try all(rows, Organization.init(row:)).first else {
            throw absent("organization", id.text)
        }
        guard organization.state != .deleted else {
            throw AccountError(
                .refused, "organizationDeleted", "The organization \(organization.name) is deleted.",
                hint: "What was deleted does not come back.")
        }
        return organization
    }
}

extension PostgresConnection {
    /// Puts the finished message beside the change that it tells of.
    fileprivate func queueSignInMail(
        _ organization: Organization, _ settings: SignInMailSettings, formerAddress: String? = nil
    ) async throws(AccountError) {
        let rows = try await checked(
            """
            SELECT name, sign_in_email_hidden_at IS NULL AS offered, clock_timestamp() AS now FROM backup.partners
            WHERE id = $1
            """, [.uuid(organization.partner)])
        let partner = try only(rows) { (row) throws(PostgresError) in
            (name: try row.text("name"), isOffered: try row.bool("offered"), now: try row.timestamp("now").date)
        }
        guard partner.isOffered else {
            throw AccountError(
                .refused, "signInEmailHidden",
                "The notification settings of \(partner.name) do not offer sign-in e-mails.",
                hint: "Leave out --send-sign-in-email, or: entra-backup partner update PARTNER --sign-in-email offered")
        }
        let id = UUID()
        let mail = SignInMail.message(
            to: organization, partner: partner.name, from: settings.from, signInURL: settings.signInURL,
            formerAddress: formerAddress, id: id, date: partner.now)
        _ = try await checked(
            "INSERT INTO backup.outgoing_mails (id, organization_id, message) VALUES ($1, $2, $3)",
            [.uuid(id), .uuid(organization.id), .text(mail.rendered)])
    }
}

extension Organization {
    static let columns = """
        id, partner_id, plan_id, name, first_name, last_name, email, country, seats, auto_license, state, created_at,
        (SELECT product FROM backup.plans WHERE plans.id = plan_id) AS product,
        CASE WHEN nfr THEN nfr_ends_at END AS nfr_ends_at,
        ARRAY(SELECT key FROM jsonb_each(features) WHERE value = 'true') AS features_on,
        ARRAY(SELECT key FROM jsonb_each(features) WHERE value = 'false') AS features_off, seats_raised_at
        """

    init(row: PostgresRow) throws(PostgresError) {
        var features: [EndUserFeature: Bool] = [:]
        // One that a newer version knows is not shown.
        for name in try row.textArray("features_on") { EndUserFeature(rawValue: name).map { features[$0] = true } }
        for name in try row.textArray("features_off") { EndUserFeature(rawValue: name).map { features[$0] = false } }
        self.init(
            id: try row.uuid("id"), partner: try row.uuid("partner_id"), plan: try row.uuid("plan_id"),
            name: try row.text("name"), firstName: try row.text("first_name"), lastName: try row.text("last_name"),
            email: try row.text("email"), country: try row.text("country"), seats: try row.optionalInt32("seats"),
            autoLicense: try row.bool("auto_license"),
            state: try row.named("state"),
            createdAt: try row.timestamp("created_at").date,
            product: try row.named("product"),
            nfrEndsAt: try row.optionalTimestamp("nfr_ends_at")?.date, switchedFeatures: features,
            seatsRaisedAt: try row.optionalTimestamp("seats_raised_at")?.date)
    }
}
