public import AccountModel
import BackupContracts
public import Foundation
import LibPQ

/// What may be told of an organization's API token.
public struct OrganizationToken: Sendable, Hashable {
    /// Its beginning.
    public var prefix: String
    /// When it was made; a rotation makes another.
    public var createdAt: Date
    /// The last sign-in that it was let in with; nil for none.
    public var lastUsedAt: Date?
}

extension PostgresStore {
    /// The token that an organization has; nil when it has none.
    public func organizationToken(_ id: UUID) async throws(AccountError) -> OrganizationToken? {
        try await administer { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    """
                    SELECT prefix, created_at, last_used_at FROM backup.organization_tokens
                    WHERE organization_id IN (SELECT id FROM backup.organizations WHERE id = $1 AND \(own(.organization)))
                    """, [.uuid(id)])
            ) { (row) throws(PostgresError) in
                OrganizationToken(
                    prefix: try row.text("prefix"), createdAt: try row.timestamp("created_at").date,
                    lastUsedAt: try row.optionalTimestamp("last_used_at")?.date)
            }.first
        }
    }

    /// Makes a token; the one before it ends. Only its hash is kept.
    public func rotateToken(_ id: UUID) async throws(AccountError) -> AccessToken {
        let token = AccessToken.make(.organization)
        try await administer { (connection) async throws(AccountError) in
            _ = try await heldOrganization(id, connection)
            _ = try await connection.checked(
                """
                INSERT INTO backup.organization_tokens (organization_id, prefix, hash) VALUES ($1, $2, $3)
                ON CONFLICT (organization_id) DO UPDATE SET prefix = excluded.prefix, hash = excluded.hash,
                    created_at = now(), last_used_at = NULL
                """, [.uuid(id), .text(token.prefix), .bytea(Array(token.hash))])
        }
        return token
    }

    /// Lets the bearer of a token in: whose it is. Refused when the organization's state lets nobody in.
    /// - Parameter expected: refused when it is another organization's.
    public func signIn(_ token: AccessToken, to expected: UUID? = nil) async throws(AccountError) -> Organization {
        try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                """
                SELECT \(Organization.columns) FROM backup.organizations
                WHERE id = (SELECT organization_id FROM backup.organization_tokens WHERE hash = $1)
                    AND \(own(.organization))
                """, [.bytea(Array(token.hash))])
            guard let organization = try all(rows, Organization.init(row:)).first else {
                throw AccountError(
                    .refused, "tokenUnknown", "The token \(token.prefix)… is not in use.",
                    hint: "Make a new one: entra-backup organization token ORG --rotate")
            }
            if let expected, organization.id != expected {
                throw AccountError(
                    .refused, "tokenOfAnother", "The token \(token.prefix)… belongs to another organization.",
                    hint: "See the prefix of each: entra-backup organization token ORG")
            }
            guard organization.state.effect.allowsSignIn else {
                throw AccountError(
                    .refused, "signInOff",
                    "The organization \(organization.name) is \(organization.state.rawValue): sign-in is off.",
                    hint: "Resume it: entra-backup organization resume \(organization.id.uuidString.lowercased())")
            }
            _ = try await connection.checked(
                "UPDATE backup.organization_tokens SET last_used_at = now() WHERE organization_id = $1",
                [.uuid(organization.id)])
            return organization
        }
    }
}
