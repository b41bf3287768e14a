public import BackupModel
public import Foundation
import LibPQ

/// What may be told of a tenant's credential.
public struct CredentialRecord: Sendable, Hashable {
    /// `read` for backups, `write` for restores.
    public var purpose: String
    /// `secret` or `certificate`.
    public var kind: String
    /// The application that logs in with it.
    public var clientID: String
    /// Read from a certificate, or told with a secret; nil when nobody told.
    public var expiresAt: Date?
    /// When this credential was stored in place of the one before.
    public var createdAt: Date
    /// The permissions that its token held when it was last checked; nil when nobody looked.
    public var permissions: [String]?
    /// The failure of the newest job that used it, by its name.
    public var lastFailure: String?
    /// Whether the newest job that used it ended well.
    public var hasWorked: Bool
}

extension PostgresStore {
    /// The credentials of a tenant, the one for reading first.
    public func credentials(_ tenant: TenantID) async throws(AccountError) -> [CredentialRecord] {
        try await administer { (connection) async throws(AccountError) in
            try await enter(tenant, connection)
            // A job that was made before the credential tells nothing of it. What write access may do was looked at when
            // it was given, and is looked at again by each restore.
            let rows = try await connection.checked(
                """
                SELECT c.purpose, c.kind, coalesce(c.client_id, t.client_id) AS client_id, c.expires_at, c.created_at,
                    CASE WHEN c.purpose = 'read' AND t.permissions_at >= c.created_at THEN t.permissions END
                        AS permissions,
                    j.error_code, coalesce(j.state IN ('succeeded', 'succeededWithWarnings'), false) AS has_worked
                FROM backup.tenant_credentials c JOIN backup.tenants t ON t.tenant_id = c.tenant_id
                LEFT JOIN LATERAL (SELECT j.error_code, j.state FROM backup.jobs j WHERE j.tenant_id = c.tenant_id
                    AND j.kind = CASE WHEN c.purpose = 'read' THEN 'backup' ELSE 'restore' END
                    AND j.created_at >= c.created_at AND j.finished_at IS NOT NULL
                    ORDER BY j.finished_at DESC LIMIT 1) j ON true
                WHERE c.tenant_id = $1 ORDER BY c.purpose
                """, [.uuid(tenant.uuid)])
            return try all(rows) { (row) throws(PostgresError) in
                CredentialRecord(
                    purpose: try row.text("purpose"), kind: try row.text("kind"), clientID: try row.text("client_id"),
                    expiresAt: try row.optionalTimestamp("expires_at")?.date,
                    createdAt: try row.timestamp("created_at").date,
                    permissions: try row.decode("permissions", as: [String]?.self),
                    lastFailure: try row.optionalText("error_code"),
                    hasWorked: try row.bool("has_worked"))
            }
        }
    }
}
