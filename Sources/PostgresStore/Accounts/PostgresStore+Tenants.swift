public import BackupContracts
public import BackupModel
public import Foundation
import LibPQ
import Sealing

extension PostgresStore {
    /// Adds a tenant with its keys and its sealed credential, in one transaction. The tenant's secret is made in the
    /// key store first; when the transaction fails the secret stays and is used by the next attempt.
    public func addTenant(_ tenant: TenantRecord, _ credential: DirectoryCredential, expiresAt: Date?)
        async throws(AccountError) -> TenantRecord
    {
        try await checkNew(tenant)
        let keys = TenantKeys.generate(for: tenant.id.uuid)
        let wrapped: [UInt8], sealed: [UInt8], kek: UInt16
        do throws(KeyError) {
            let secret = try await secret(of: tenant.id)
            let ring = try await keyStore.keyRing()
            kek = ring.newest.number
            wrapped = try keys.wrapped(by: ring.newest, secret: secret)
        } catch {
            throw AccountError(StageFailure(keys: error))
        }
        do throws(StageFailure) {
            sealed = try SealedCredential.seal(credential, OpenedKeys(keys))
        } catch {
            throw AccountError(error)
        }
        return try await administer { (connection) async throws(AccountError) in
            try await holdOpen(tenant.organization, connection)
            admit(tenant.id)
            try await enter(tenant.id, connection)
            let rows = try await connection.unique(
                """
                INSERT INTO backup.tenants (tenant_id, organization_id, name, client_id, cloud, graph_url, authority_url,
                    labels)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING \(TenantRecord.columns)
                """,
                [
                    .uuid(tenant.id.uuid), .uuid(tenant.organization), .text(tenant.name), .text(tenant.clientID),
                    .text(tenant.cloud.rawValue), .text(tenant.graphURL), .text(tenant.authorityURL),
                    .textArray(tenant.labels),
                ], Self.tenantExists(tenant.id).code, Self.tenantExists(tenant.id).message,
                hint: Self.tenantExists(tenant.id).hint)
            _ = try await connection.checked(
                """
                INSERT INTO backup.tenant_keys (tenant_id, wrapped, kek_number, newest_data_key) VALUES ($1, $2, $3, $4)
                """, [.uuid(tenant.id.uuid), .bytea(wrapped), .int32(Int32(kek)), .int32(Int32(keys.currentDataKey))])
            try await connection.store(credential, sealed, tenant.id, expiresAt)
            _ = try await connection.checked(
                "INSERT INTO backup.schedule (tenant_id) VALUES ($1)", [.uuid(tenant.id.uuid)])
            return try only(rows, TenantRecord.init(row:))
        }
    }

    private static func tenantExists(_ tenant: TenantID) -> AccountError {
        AccountError(
            .conflict, "tenantExists", "The tenant \(tenant) was added already.",
            hint: "See `entra-backup tenant show \(tenant)`; `tenant credentials` replaces its credential.")
    }

    /// Before a secret is made: one that is being erased must not get another.
    private func checkNew(_ tenant: TenantRecord) async throws(AccountError) {
        try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                "SELECT FROM backup.tenants WHERE tenant_id = $1", [.uuid(tenant.id.uuid)])
            guard rows.isEmpty else { throw Self.tenantExists(tenant.id) }
            try await holdOpen(tenant.organization, connection)
        }
    }

    /// Holds the organization, so that it is not erased while something is added to it.
    private func holdOpen(_ organization: UUID, _ connection: PostgresConnection) async throws(AccountError) {
        let owner = try await connection.checked(
            "SELECT state FROM backup.organizations WHERE id = $1 AND \(own(.organization)) FOR SHARE",
            [.uuid(organization)])
        guard !owner.isEmpty else { throw AccountError.outside("organization", organization.text) }
        guard try only(owner, { (row) throws(PostgresError) in try row.text("state") }) != "deleted" else {
            throw AccountError(
                .refused, "organizationDeleted", "The organization \(organization.text) is being erased.",
                hint: "Choose another one: `entra-backup organization list`.")
        }
    }

    private func secret(of tenant: TenantID) async throws(KeyError) -> TenantSecret {
        do {
            return try await keyStore.tenantSecret(for: tenant.uuid)
        } catch {
            // One whose secret was destroyed with an organization comes back under another.
            guard error.code == .keyMissing || error.code == .tenantSecretDestroyed else { throw error }
            // The secret of another tenant-to-be; what it wraps is rolled back.
            if Self.isDryRun { return TenantSecret.generate() }
            return try await keyStore.createTenantSecret(for: tenant.uuid)
        }
    }

    /// Replaces the credential for reading.
    public func setCredential(
        _ tenant: TenantID, clientID: String?, _ credential: DirectoryCredential, expiresAt: Date?
    )
        async throws(AccountError)
    {
        try await administer { (connection) async throws(AccountError) in
            try await enter(tenant, connection)
            let keys: OpenedKeys, sealed: [UInt8]
            do throws(StageFailure) {
                keys = try await self.keys(connection, tenant)
                sealed = try SealedCredential.seal(credential, keys)
            } catch {
                throw AccountError(error)
            }
            try await connection.store(credential, sealed, tenant, expiresAt)
            if let clientID {
                _ = try await connection.checked(
                    "UPDATE backup.tenants SET client_id = $2 WHERE tenant_id = $1",
                    [.uuid(tenant.uuid), .text(clientID)])
            }
        }
    }

    /// Tenants by name. Cost: one pass over them.
    public func tenants(_ filter: TenantFilter = TenantFilter()) async throws(AccountError) -> [TenantRecord] {
        try await administer { (connection) async throws(AccountError) in
            let tenants = try all(
                try await connection.checked(
                    """
                    SELECT \(TenantRecord.columns) FROM backup.tenants
                    WHERE \(own(.tenant)) AND \(TenantFilter.condition) ORDER BY name, tenant_id LIMIT $6
                    """, filter.parameters + [.int64(filter.limit.map { Int64($0) })]), TenantRecord.init(row:))
            for tenant in tenants { admit(tenant.id) }
            return tenants
        }
    }

    /// Gives a tenant a label, which it may have already, or takes one away.
    public func label(_ tenant: TenantID, _ label: String, isAdded: Bool) async throws(AccountError) -> TenantRecord {
        try requireAdmitted(tenant)
        return try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                """
                UPDATE backup.tenants SET labels = CASE WHEN $3 THEN ARRAY(
                        SELECT DISTINCT l FROM unnest(labels || $2::text) l ORDER BY l)
                    ELSE array_remove(labels, $2) END
                WHERE tenant_id = $1 AND ($3 OR $2 = ANY (labels)) RETURNING \(TenantRecord.columns)
                """, [.uuid(tenant.uuid), .text(label), .bool(isAdded)])
            guard !rows.isEmpty else {
                throw AccountError(
                    .notFound, "labelNotFound", "The tenant has no label \(label).",
                    hint: "See `entra-backup tenant show \(tenant)`.")
            }
            return try only(rows, TenantRecord.init(row:))
        }
    }

    /// By id, or by a name that only one has, whatever its case; partner staff may name it by its id from then on.
    /// - Throws: `tenantNotFound`, `tenantAmbiguous`; `notOfYourPartner` for partner staff.
    public func tenant(_ reference: String) async throws(AccountError) -> TenantRecord {
        let tenant = try await find(
            reference, "tenant", .tenant, "SELECT \(TenantRecord.columns) FROM backup.tenants", key: "tenant_id",
            TenantRecord.init(row:))
        admit(tenant.id)
        return tenant
    }

    /// How to reach the tenant, its credential opened.
    public func directoryConnection(_ tenant: TenantID) async throws(AccountError) -> DirectoryConnection {
        do throws(StageFailure) {
            return try await transaction(of: tenant) { (connection) async throws(StageFailure) in
                try await connectionToDirectory(connection, tenant).0
            }
        } catch {
            throw AccountError(error)
        }
    }

    /// Refuses when the state or the plan of the tenant's organization has no backups.
    public func requireCoverage(_ tenant: TenantID) async throws(AccountError) {
        try requireAdmitted(tenant)
        try await administer { (connection) async throws(AccountError) in try await connection.requireCoverage(tenant) }
    }

    /// Marks a tenant as checked and backed up by its schedule.
    public func activate(_ tenant: TenantID, permissions: [String]) async throws(AccountError) -> TenantRecord {
        try requireAdmitted(tenant)
        return try await administer { (connection) async throws(AccountError) in
            try await connection.requireCoverage(tenant)
            let rows = try await connection.checked(
                """
                UPDATE backup.tenants SET state = 'active', permissions = $2, permissions_at = now(),
                    activated_at = coalesce(activated_at, now())
                WHERE tenant_id = $1 RETURNING \(TenantRecord.columns)
                """, [.uuid(tenant.uuid), .textArray(permissions)])
            let record = try only(rows, TenantRecord.init(row:))
            try await connection.schedule(record)
            return record
        }
    }

    /// Stops backups by schedule, and with them the billing of its users. Open jobs and retention go on, data is kept.
    /// Twice is as once.
    public func deactivate(_ tenant: TenantID) async throws(AccountError) -> TenantRecord {
        try requireAdmitted(tenant)
        return try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                """
                UPDATE backup.tenants SET state = 'inactive' WHERE tenant_id = $1 RETURNING \(TenantRecord.columns)
                """, [.uuid(tenant.uuid)])
            _ = try await connection.checked(
                "UPDATE backup.schedule SET next_backup_at = NULL WHERE tenant_id = $1", [.uuid(tenant.uuid)])
            return try only(rows, TenantRecord.init(row:))
        }
    }

    /// Changes schedule, types and retention; values were checked before.
    public func configure(_ tenant: TenantRecord) async throws(AccountError) -> TenantRecord {
        try requireAdmitted(tenant.id)
        return try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                """
                UPDATE backup.tenants SET schedule = $2, types = $3, retention = $4 WHERE tenant_id = $1
                RETURNING \(TenantRecord.columns)
                """,
                [
                    .uuid(tenant.id.uuid), .text(tenant.schedule),
                    tenant.types.map { .textArray($0) } ?? .null, .text(tenant.retention),
                ])
            let record = try only(rows, TenantRecord.init(row:))
            if record.state == .active { try await connection.schedule(record) }
            return record
        }
    }
}

extension PostgresConnection {
    func tenantScope(_ tenant: TenantID) async throws(AccountError) {
        _ = try await checked("SELECT set_config('backup.tenant', $1, true)", [.text(tenant.description)])
    }

    fileprivate func store(
        _ credential: DirectoryCredential, _ sealed: [UInt8], _ tenant: TenantID, _ expiresAt: Date?
    ) async throws(AccountError) {
        let kind = if case .clientSecret = credential { "secret" } else { "certificate" }
        _ = try await checked(
            """
            INSERT INTO backup.tenant_credentials (tenant_id, kind, sealed, expires_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (tenant_id, purpose) DO UPDATE SET kind = excluded.kind, sealed = excluded.sealed,
                expires_at = excluded.expires_at, created_at = now()
            """, [.uuid(tenant.uuid), .text(kind), .bytea(sealed), .timestamptz(date: expiresAt)])
    }

    /// Sets when the tenant is due next.
    fileprivate func schedule(_ tenant: TenantRecord) async throws(AccountError) {
        var interval: Int32?
        var minutes: Int32?
        switch BackupSchedule(tenant.schedule) {
        case .every(let seconds)?: interval = seconds
        case .daily(let daily)?: minutes = daily
        case .off?, nil: break
        }
        _ = try await checked(
            """
            UPDATE backup.schedule SET interval_seconds = $2, daily_at = time '00:00' + make_interval(mins => $3),
                next_backup_at = CASE
                    WHEN $2 IS NOT NULL THEN now() + make_interval(secs => $2)
                    WHEN $3 IS NOT NULL THEN (date_trunc('day', now() AT TIME ZONE 'UTC')
                        + make_interval(mins => $3) + CASE WHEN (now() AT TIME ZONE 'UTC')::time
                            < time '00:00' + make_interval(mins => $3) THEN interval '0' ELSE interval '1 day' END)
                        AT TIME ZONE 'UTC'
                    END
            WHERE tenant_id = $1
            """, [.uuid(tenant.id.uuid), .int32(interval), .int32(minutes)])
    }
}
