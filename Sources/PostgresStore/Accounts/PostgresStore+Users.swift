public import AccountModel
public import BackupContracts
public import Foundation
import LibPQ

/// A member of a partner's staff as administrators see it.
public struct StaffRecord: Sendable, Hashable {
    /// Who it is, with which role.
    public var user: StaffUser
    /// The first letters of the token; nil when there is none.
    public var tokenPrefix: String?
    /// When the token was made; kept when the user is disabled, which ends the token.
    public var tokenCreatedAt: Date?
    /// From when on it lets nobody in; nil for never.
    public var tokenExpiresAt: Date?
    /// The last sign-in with it; nil for none.
    public var tokenUsedAt: Date?
}

extension PostgresStore {
    // MARK: Sign-in

    /// The identity of a member of the staff who shows the token of this hash; nil for a token of the wrong form.
    ///
    /// - Throws: `signInRefused`, the same for an unknown address, a wrong, ended or expired token, and a disabled user.
    public func signIn(_ email: String, _ tokenHash: [UInt8]?) async throws(AccountError) -> Identity {
        let found = try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                """
                UPDATE backup.users u SET token_used_at = clock_timestamp() FROM backup.partners p
                WHERE p.id = u.partner_id AND lower(u.email) = lower($1) AND u.token_hash = $2
                    AND u.disabled_at IS NULL AND (u.token_expires_at IS NULL OR u.token_expires_at > clock_timestamp())
                RETURNING \(StaffRecord.columns), p.support_may_view
                """, [.text(email), tokenHash.map { .bytea($0) } ?? .null])
            return try all(rows) { (row) throws(PostgresError) in
                Identity.staff(try StaffRecord(row: row).user, supportMayView: try row.bool("support_may_view"))
            }
        }
        guard let identity = found.first else {
            throw AccountError(
                .refused, "signInRefused", "The e-mail address or the token is not right.",
                hint: "The token may have been replaced, have expired, or the user was disabled: ask who manages staff."
            )
        }
        return identity
    }

    // MARK: Staff

    /// Makes a user without a token.
    public func createUser(email: String, name: String, role: Role, partner: UUID) async throws(AccountError)
        -> StaffRecord
    {
        try require(.manageStaff)
        try require(own: partner)
        try requireRank(role)
        return try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.unique(
                """
                INSERT INTO backup.users AS u (id, partner_id, email, name, role)
                VALUES (gen_random_uuid(), $1, $2, $3, $4) RETURNING \(StaffRecord.columns)
                """, [.uuid(partner), .text(email), .text(name), .text(role.rawValue)],
                "userExists", "A user with the e-mail address \(email) exists already.")
            return try only(rows, StaffRecord.init(row:))
        }
    }

    /// By e-mail address.
    public func users(of partner: UUID? = nil) async throws(AccountError) -> [StaffRecord] {
        try require(.viewStaff)
        return try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                """
                SELECT \(StaffRecord.columns) FROM backup.users u
                WHERE ($1::uuid IS NULL OR partner_id = $1) AND \(own(.user)) ORDER BY lower(email)
                """, [.uuid(partner)])
            return try all(rows, StaffRecord.init(row:))
        }
    }

    /// By e-mail address, whatever its case; disabled ones too.
    /// - Throws: `rightMissing`, `userNotFound`; `notOfYourPartner` for partner staff.
    public func user(_ email: String) async throws(AccountError) -> StaffRecord {
        try require(.viewStaff)
        return try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                "SELECT \(StaffRecord.columns) FROM backup.users u WHERE lower(email) = lower($1) AND \(own(.user))",
                [.text(email)])
            guard !rows.isEmpty else { throw absent("user", email) }
            return try only(rows, StaffRecord.init(row:))
        }
    }

    /// Gives the user another role. The last owner who can act keeps being one.
    public func setRole(_ email: String, _ role: Role) async throws(AccountError) -> StaffRecord {
        try await change(email, to: role, "role = $2", [.text(role.rawValue)])
    }

    /// Ends sign-in: the token is ended as well.
    public func disableUser(_ email: String) async throws(AccountError) -> StaffRecord {
        try await change(
            email, to: nil, "disabled_at = coalesce(disabled_at, now()), token_hash = NULL, token_prefix = NULL", [])
    }

    /// Lets a disabled user back in; a token is made anew.
    public func enableUser(_ email: String) async throws(AccountError) -> StaffRecord {
        try await change(email, to: nil, "disabled_at = NULL", [])
    }

    /// Replaces the user's token. Whoever manages staff may do it for others; everyone for oneself.
    public func setToken(_ email: String, hash: [UInt8], prefix: String, expiresAt: Date?) async throws(AccountError)
        -> StaffRecord
    {
        let set = """
            token_hash = $2, token_prefix = $3, token_created_at = now(), token_used_at = NULL, token_expires_at = $4
            """
        let values: [PostgresValue] = [.bytea(hash), .text(prefix), .timestamptz(date: expiresAt)]
        if case .staff(let user, _) = identity, user.email.lowercased() == email.lowercased() {
            return try await update(user.email, set, values)
        }
        let found = try await user(email)
        guard !found.user.isDisabled else {
            throw AccountError(
                .conflict, "userDisabled", "The user \(email) is disabled.",
                hint: "Let the user back in first: `entra-backup user enable \(email)`.")
        }
        return try await change(email, to: nil, set, values)
    }

    /// Grants Support the view rights of Entra, or takes them back.
    public func setSupportMayView(_ partner: UUID, _ isGranted: Bool) async throws(AccountError) -> Partner {
        try require(.grantSupportView)
        try require(own: partner)
        return try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                "UPDATE backup.partners SET support_may_view = $2 WHERE id = $1 RETURNING \(Partner.columns)",
                [.uuid(partner), .bool(isGranted)])
            return try only(rows, Partner.init(row:))
        }
    }

    // MARK: Parts

    /// Changes a user under a lock of the partner, so that of two who demote each other one is refused.
    private func change(_ email: String, to role: Role?, _ set: String, _ values: [PostgresValue])
        async throws(AccountError) -> StaffRecord
    {
        try require(.manageStaff)
        let before = try await user(email).user
        try requireRank(before.role)
        if let role { try requireRank(role) }
        return try await update(before.email, set, values, keepsOwner: before.role == .owner ? before.partner : nil)
    }

    private func update(
        _ email: String, _ set: String, _ values: [PostgresValue], keepsOwner partner: UUID? = nil
    ) async throws(AccountError) -> StaffRecord {
        try await administer { (connection) async throws(AccountError) in
            if let partner {
                _ = try await connection.checked(
                    "SELECT FROM backup.users WHERE partner_id = $1 AND role = 'owner' ORDER BY id FOR UPDATE",
                    [.uuid(partner)])
            }
            let rows = try await connection.checked(
                """
                UPDATE backup.users u SET \(set) WHERE lower(email) = lower($1) AND \(own(.user))
                RETURNING \(StaffRecord.columns)
                """, [.text(email)] + values)
            let record = try only(rows, StaffRecord.init(row:))
            if let partner, identity.partner != nil { try await connection.requireOwner(of: partner) }
            return record
        }
    }

    /// Only an Owner, or the operator, makes, changes or ends an Owner.
    private func requireRank(_ role: Role) throws(AccountError) {
        guard Self.checksScope, role == .owner, case .staff(let user, _) = identity, user.role != .owner else { return }
        throw AccountError(
            .refused, "ownerOnly", "Only an owner may make, change or disable an owner.", hint: "Ask an owner.")
    }
}

extension PostgresConnection {
    fileprivate func requireOwner(of partner: UUID) async throws(AccountError) {
        let owners = try await checked(
            "SELECT FROM backup.users WHERE partner_id = $1 AND role = 'owner' AND disabled_at IS NULL",
            [.uuid(partner)])
        guard owners.isEmpty else { return }
        throw AccountError(
            .refused, "lastOwner", "The partner would be left without an owner.",
            hint: "Make another one an owner first.")
    }
}

extension StaffRecord {
    static let columns = """
        u.id, u.partner_id, u.email, u.name, u.role, u.disabled_at, u.created_at, u.token_prefix, u.token_created_at,
        u.token_expires_at, u.token_used_at
        """

    init(row: PostgresRow) throws(PostgresError) {
        self.init(
            user: StaffUser(
                id: try row.uuid("id"), partner: try row.uuid("partner_id"), email: try row.text("email"),
                name: try row.text("name"), role: try row.named("role"),
                isDisabled: try row.optionalTimestamp("disabled_at") != nil,
                createdAt: try row.timestamp("created_at").date),
            tokenPrefix: try row.optionalText("token_prefix"),
            tokenCreatedAt: try row.optionalTimestamp("token_created_at")?.date,
            tokenExpiresAt: try row.optionalTimestamp("token_expires_at")?.date,
            tokenUsedAt: try row.optionalTimestamp("token_used_at")?.date)
    }
}
