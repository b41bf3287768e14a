public import BackupContracts
public import BackupModel
public import Foundation
import LibPQ

/// What may be told of the credential that writes.
public struct WriteAccess: Sendable, Hashable {
    /// The application that writes.
    public var clientID: String
    /// `secret` or `certificate`.
    public var kind: String
    /// Read from a certificate; nil for a secret.
    public var expiresAt: Date?
    /// When this credential was stored in place of the one before.
    public var createdAt: Date
}

extension PostgresStore {
    /// Gives the tenant a credential that writes, or replaces it. Backups never use it.
    public func setWriteAccess(
        _ tenant: TenantID, clientID: String, _ credential: DirectoryCredential, expiresAt: Date?
    ) async throws(AccountError) {
        try await administer { (connection) async throws(AccountError) in
            try await enter(tenant, connection)
            let sealed: [UInt8]
            do throws(StageFailure) {
                sealed = try SealedCredential.seal(credential, try await self.keys(connection, tenant))
            } catch {
                throw AccountError(error)
            }
            let kind = if case .clientSecret = credential { "secret" } else { "certificate" }
            _ = try await connection.checked(
                """
                INSERT INTO backup.tenant_credentials (tenant_id, purpose, client_id, kind, sealed, expires_at)
                VALUES ($1, 'write', $2, $3, $4, $5)
                ON CONFLICT (tenant_id, purpose) DO UPDATE SET client_id = excluded.client_id, kind = excluded.kind,
                    sealed = excluded.sealed, expires_at = excluded.expires_at, created_at = now()
                """,
                [
                    .uuid(tenant.uuid), .text(clientID), .text(kind), .bytea(sealed), .timestamptz(date: expiresAt),
                ])
        }
    }

    /// Takes the credential that writes away.
    /// - Returns: whether there was one.
    public func removeWriteAccess(_ tenant: TenantID) async throws(AccountError) -> Bool {
        try await administer { (connection) async throws(AccountError) in
            try await enter(tenant, connection)
            return try await connection.checked(
                "DELETE FROM backup.tenant_credentials WHERE tenant_id = $1 AND purpose = 'write'",
                [.uuid(tenant.uuid)]
            ).affectedRows > 0
        }
    }

    /// Whether the tenant has a credential that writes, and which; nil when it has none.
    public func writeAccess(_ tenant: TenantID) async throws(AccountError) -> WriteAccess? {
        try await administer { (connection) async throws(AccountError) in
            try await enter(tenant, connection)
            return try all(
                try await connection.checked(
                    """
                    SELECT coalesce(c.client_id, t.client_id) AS client_id, c.kind, c.expires_at, c.created_at
                    FROM backup.tenant_credentials c JOIN backup.tenants t ON t.tenant_id = c.tenant_id
                    WHERE c.tenant_id = $1 AND c.purpose = 'write'
                    """, [.uuid(tenant.uuid)])
            ) { (row) throws(PostgresError) in
                WriteAccess(
                    clientID: try row.text("client_id"), kind: try row.text("kind"),
                    expiresAt: try row.optionalTimestamp("expires_at")?.date,
                    createdAt: try row.timestamp("created_at").date)
            }.first
        }
    }

    /// How to write to the tenant, its credential opened; nil when it has none that writes.
    public func writeConnection(_ tenant: TenantID) async throws(AccountError) -> DirectoryConnection? {
        do throws(StageFailure) {
            return try await transaction(of: tenant) { (connection) async throws(StageFailure) in
                try await writeConnection(connection, tenant)
            }
        } catch {
            throw AccountError(error)
        }
    }

    func writeConnection(_ connection: PostgresConnection, _ tenant: TenantID) async throws(StageFailure)
        -> DirectoryConnection?
    {
        let keys = try await keys(connection, tenant)
        let rows = try await connection.rows(
            """
            SELECT coalesce(c.client_id, t.client_id) AS client_id, t.cloud, t.graph_url, t.authority_url, c.sealed
            FROM backup.tenants t JOIN backup.tenant_credentials c ON c.tenant_id = t.tenant_id AND c.purpose = 'write'
            WHERE t.tenant_id = $1
            """, [.uuid(tenant.uuid)])
        guard let row = rows.first else { return nil }
        let sealed = try decoded { () throws(PostgresError) in try row.bytes("sealed") }
        let credential = try SealedCredential.open(sealed, keys)
        return try decoded { () throws(PostgresError) in
            DirectoryConnection(
                tenant: tenant, clientID: try row.text("client_id"), credential: credential,
                cloud: try row.named("cloud"), graphURL: try row.optionalText("graph_url"),
                authorityURL: try row.optionalText("authority_url"))
        }
    }
}
