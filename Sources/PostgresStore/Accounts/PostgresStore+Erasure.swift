public import AccountModel
import BackupContracts
public import BackupModel
public import Foundation
import LibPQ
import Sealing

/// What an erasure did: the certificate.
public struct ErasureCertificate: Sendable, Hashable {
    /// Whose rows are gone; audit entries and what bills are made of still name the id.
    public var organization: UUID
    /// Whose customer it was.
    public var partner: UUID
    /// Its tenants when the erasure began, ascending; none could be added since.
    public var tenants: [TenantID]
    /// When its work was stopped, by the database's clock; an interruption does not change it.
    public var startedAt: Date
    /// Jobs that were queued or running when the erasure began.
    public var jobsCancelled: Int64
    /// One for each tenant: the secret in the key store that its keys were wrapped with.
    public var keysDestroyed: Int32
    /// Rows that were deleted, by table.
    public var rows: [String: Int64]
}

/// An erasure that has begun and not ended.
public struct OpenErasure: Sendable, Hashable {
    /// In the state `deleted` until the erasure ends.
    public var organization: UUID
    /// By the database's clock; the fleet's alert counts those of more than ten minutes.
    public var startedAt: Date
}

extension PostgresStore {
    /// Erases an organization with its tenants: nothing of it runs any more, then its keys are destroyed, then its rows are
    /// deleted, in steps that are each whole. Interrupted at any point it goes on when it is called again.
    ///
    /// What is kept is the audit. A copy of the database from before cannot be opened: the secrets that its keys are
    /// wrapped with are gone from the key store.
    /// - Parameters:
    ///   - begun: is asked for the note that is written with the first step.
    ///   - ended: is asked for the note that is written with the last step.
    ///   - progress: hears what was done.
    public func erase(
        _ organization: Organization, begun: AuditNote, ended: (ErasureCertificate) -> AuditNote,
        progress: (String) -> Void = { _ in }
    ) async throws -> ErasureCertificate {
        try require(.deleteOrganization)
        try require(own: organization.partner)
        var erasure: Erasure
        if let open = try await openErasure(of: organization.id) {
            progress("Going on with the erasure that began \(open.startedAt.formatted(.iso8601)).")
            erasure = open
        } else {
            erasure = try await noting(begun) { try await beginErasure(organization) }
            hooks.reach(.afterErase)
            progress("Nothing of it runs any more; jobs cancelled: \(erasure.jobsCancelled).")
        }
        if erasure.step == .stopped {
            try await destroyKeys(&erasure)
            progress("Keys destroyed: \(erasure.keysDestroyed). What was stored can no longer be opened.")
        }
        // A command that had begun before may still have written something: then once more.
        for _ in 0..<10 {
            try await deleteRows(&erasure, progress)
            let certificate = erasure.certificate
            // Somebody who tried to add one of the tenants elsewhere meanwhile has made another secret.
            try await destroySecrets(erasure)
            do {
                try await noting(ended(certificate)) { try await finish(erasure) }
                hooks.reach(.afterErase)
                return certificate
            } catch let error as AccountError where error.code == AccountError.rowsLeft.code {
                continue
            }
        }
        throw AccountError(
            .conflict, "erasureDisturbed", "Something goes on writing rows of the organization.",
            hint: "See `entra-backup job list`, then delete it again: it goes on where it is.")
    }

    /// What would be erased: rows by table. Nothing is changed.
    public func erasableRows(_ organization: Organization) async throws(AccountError) -> [String: Int64] {
        let tenants = try await tenants().filter { $0.organization == organization.id }.map(\.id)
        return try await administer { (connection) async throws(AccountError) in
            var counts: [String: Int64] = [:]
            let tables = try await connection.tenantTables()
            for tenant in tenants {
                try await connection.tenantScope(tenant)
                for table in tables {
                    let rows = try await connection.checked(
                        "SELECT count(*) AS n FROM backup.\(table) WHERE tenant_id = $1", [.uuid(tenant.uuid)])
                    counts[table, default: 0] += try only(rows) { (row) throws(PostgresError) in try row.int64("n") }
                }
            }
            return counts.filter { $0.value > 0 }
        }
    }

    /// Erasures that have begun and not ended, the oldest first.
    public func openErasures() async throws(AccountError) -> [OpenErasure] {
        try await administer { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    "SELECT organization_id, started_at FROM backup.erasures ORDER BY started_at")
            ) { (row) throws(PostgresError) in
                OpenErasure(
                    organization: try row.uuid("organization_id"), startedAt: try row.timestamp("started_at").date)
            }
        }
    }

    // MARK: Steps

    private func openErasure(of organization: UUID) async throws(AccountError) -> Erasure? {
        try await administer { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    "SELECT \(Erasure.columns) FROM backup.erasures WHERE organization_id = $1", [.uuid(organization)]),
                Erasure.init(row:)
            ).first
        }
    }

    /// Takes away what would start or go on with work: schedule, messages, jobs, steps of restores.
    private func beginErasure(_ organization: Organization) async throws(AccountError) -> Erasure {
        try await administer { (connection) async throws(AccountError) in
            // Held first, so that no tenant is added meanwhile.
            let owner = try await connection.checked(
                """
                UPDATE backup.organizations SET state = 'deleted' WHERE id = $1 AND \(own(.organization))
                RETURNING partner_id
                """, [.uuid(organization.id)])
            let partner = try only(owner) { (row) throws(PostgresError) in try row.uuid("partner_id") }
            let tenants = try all(
                try await connection.checked(
                    "SELECT tenant_id FROM backup.tenants WHERE organization_id = $1 ORDER BY 1",
                    [.uuid(organization.id)])
            ) { (row) throws(PostgresError) in try row.uuid(0) }
            let cancelled = try await connection.stopWork(of: tenants)
            hooks.reach(.beforeErase)
            return try only(
                try await connection.checked(
                    """
                    INSERT INTO backup.erasures (organization_id, partner_id, tenants, jobs_cancelled)
                    VALUES ($1, $2, $3, $4) RETURNING \(Erasure.columns)
                    """, [.uuid(organization.id), .uuid(partner), .uuidArray(tenants), .int64(cancelled)]),
                Erasure.init(row:))
        }
    }

    /// The secrets in the key store first: without them the keys in every copy of the database are of no use.
    private func destroyKeys(_ erasure: inout Erasure) async throws {
        try await destroySecrets(erasure)
        let tenants = erasure.tenants
        erasure = try await advance(erasure) { (connection) async throws(AccountError) in
            for tenant in tenants {
                try await connection.tenantScope(tenant)
                for table in ["tenant_keys", "tenant_credentials"] {
                    _ = try await connection.erase(table, tenant, of: erasure.organization, limit: 1_000)
                }
            }
            _ = try await connection.checked(
                """
                UPDATE backup.erasures SET step = 'keysDestroyed', keys_destroyed = $2 WHERE organization_id = $1
                """, [.uuid(erasure.organization), .int32(Int32(tenants.count))])
            hooks.reach(.beforeErase)
        }
        hooks.reach(.afterErase)
    }

    private func destroySecrets(_ erasure: Erasure) async throws(AccountError) {
        for tenant in erasure.tenants {
            hooks.reach(.beforeErase)
            do throws(KeyError) {
                try await keyStore.destroyTenantSecret(for: tenant.uuid)
            } catch {
                throw AccountError(StageFailure(keys: error))
            }
            hooks.reach(.afterErase)
        }
    }

    private func deleteRows(_ erasure: inout Erasure, _ progress: (String) -> Void) async throws {
        let tables = try await administer { (connection) async throws(AccountError) in
            try await connection.tenantTables()
        }
        for tenant in erasure.tenants {
            for table in tables {
                let (limit, organization) = (Self.rowsAtATime, erasure.organization)
                var count = limit
                while count == limit {
                    count = try await administer { (connection) async throws(AccountError) in
                        try await connection.tenantScope(tenant)
                        let count = try await connection.erase(table, tenant, of: organization, limit: limit)
                        if count > 0 { hooks.reach(.beforeErase) }
                        return count
                    }
                    if count > 0 { hooks.reach(.afterErase) }
                }
            }
            progress("Deleted the rows of tenant \(tenant).")
        }
        erasure = try await advance(erasure) { (_) async throws(AccountError) in }
    }

    private static let rowsAtATime: Int64 = 5_000

    /// Runs a step and reads how far the erasure is then.
    private func advance(
        _ erasure: Erasure, _ body: (PostgresConnection) async throws(AccountError) -> Void
    ) async throws(AccountError) -> Erasure {
        try await administer { (connection) async throws(AccountError) in
            try await body(connection)
            return try only(
                try await connection.checked(
                    "SELECT \(Erasure.columns) FROM backup.erasures WHERE organization_id = $1",
                    [.uuid(erasure.organization)]), Erasure.init(row:))
        }
    }

    /// The tenants, the organization and the erasure itself, in one transaction, which fails when rows of a tenant have come
    /// since.
    private func finish(_ erasure: Erasure) async throws(AccountError) {
        try await administer { (connection) async throws(AccountError) in
            let tables = try await connection.tenantTables()
            for tenant in erasure.tenants {
                try await connection.tenantScope(tenant)
                for table in tables {
                    let left = try await connection.checked(
                        "SELECT FROM backup.\(table) WHERE tenant_id = $1 LIMIT 1", [.uuid(tenant.uuid)])
                    guard left.isEmpty else { throw AccountError.rowsLeft }
                }
            }
            try await connection.deleteOrganization([.uuid(erasure.organization)])
            hooks.reach(.beforeErase)
        }
    }
}

/// How far an erasure is.
private struct Erasure: Sendable {
    enum Step: String {
        case stopped
        case keysDestroyed
    }

    static let columns =
        "organization_id, partner_id, step, tenants, started_at, jobs_cancelled, keys_destroyed, rows::text"

    var organization: UUID
    var partner: UUID
    var step: Step
    var tenants: [TenantID]
    var startedAt: Date
    var jobsCancelled: Int64
    var keysDestroyed: Int32
    var rows: [String: Int64]

    init(row: PostgresRow) throws(PostgresError) {
        organization = try row.uuid("organization_id")
        partner = try row.uuid("partner_id")
        step = try row.named("step")
        tenants = try row.uuidArray("tenants").map(TenantID.init(uuid:))
        startedAt = try row.timestamp("started_at").date
        jobsCancelled = try row.int64("jobs_cancelled")
        keysDestroyed = try row.int32("keys_destroyed")
        let counts = try? JSONValue(parsing: Array(try row.text("rows").utf8)).object
        rows = Dictionary((counts ?? JSONObject()).compactMap { name, value in value.int.map { (name, Int64($0)) } }) {
            first, _ in first
        }
    }

    var certificate: ErasureCertificate {
        ErasureCertificate(
            organization: organization, partner: partner, tenants: tenants, startedAt: startedAt,
            jobsCancelled: jobsCancelled, keysDestroyed: keysDestroyed,
            rows: rows.merging(["tenants": Int64(tenants.count), "organizations": 1]) { $1 })
    }
}

extension AccountError {
    fileprivate static let rowsLeft = AccountError(
        .conflict, "rowsLeft", "Rows of a tenant were written meanwhile.", hint: "Delete the organization again.")
}

extension PostgresConnection {
    /// Rows that only the owner of the tables may delete go with what they refer to; any other refusal is to be seen.
    private static let isDeletable = """
        (pg_catalog.has_table_privilege(c.oid, 'DELETE') OR NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
            WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confdeltype = 'c'))
        """

    /// Tables that hold rows of tenants, but for the tenants themselves and what goes with them.
    fileprivate func tenantTables() async throws(AccountError) -> [String] {
        try all(
            try await checked(
                """
                SELECT c.relname::text FROM pg_catalog.pg_class c
                JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
                WHERE c.relnamespace = 'backup'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'tenants'
                    AND \(Self.isDeletable)
                -- What others refer to goes last.
                ORDER BY EXISTS (SELECT FROM pg_catalog.pg_constraint f WHERE f.confrelid = c.oid), 1
                """)
        ) { (row) throws(PostgresError) in try row.text(0) }
    }

    /// Deletes some rows of a tenant and counts them in the erasure's row. The tenant is that of the transaction.
    fileprivate func erase(
        _ table: String, _ tenant: TenantID, of organization: UUID, limit: Int64
    ) async throws(AccountError) -> Int64 {
        let gone = try await checked(
            """
            DELETE FROM backup.\(table) WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM backup.\(table) WHERE tenant_id = $1 LIMIT $2))
            """, [.uuid(tenant.uuid), .int64(limit)])
        let count = Int64(gone.affectedRows)
        guard count > 0 else { return 0 }
        _ = try await checked(
            """
            UPDATE backup.erasures SET rows = rows || jsonb_build_object($2::text,
                coalesce((rows ->> $2::text)::bigint, 0) + $3) WHERE organization_id = $1
            """, [.uuid(organization), .text(table), .int64(count)])
        return count
    }

    /// In the order in which the stages take their locks. Returns how many jobs were cancelled.
    fileprivate func stopWork(of tenants: [UUID]) async throws(AccountError) -> Int64 {
        let all: [PostgresValue] = [.uuidArray(tenants)]
        _ = try await checked(
            """
            UPDATE backup.schedule SET next_backup_at = NULL, next_retention_at = 'infinity'
            WHERE tenant_id = ANY ($1)
            """, all)
        _ = try await checked("UPDATE backup.tenants SET state = 'inactive' WHERE tenant_id = ANY ($1)", all)
        for table in ["messages", "dead_letters"] {
            _ = try await checked("DELETE FROM backup.\(table) WHERE tenant_id = ANY ($1)", all)
        }
        let jobs = try await checked(
            """
            UPDATE backup.jobs SET state = 'cancelled', epoch = epoch + 1, finished_at = clock_timestamp(),
                waiting_for = NULL
            WHERE tenant_id = ANY ($1) AND state IN ('queued', 'running')
            """, all)
        for tenant in tenants {
            try await tenantScope(TenantID(uuid: tenant))
            // A restorer that has begun steps finds them begun by somebody else.
            _ = try await checked(
                "UPDATE backup.restore_plans SET cancelling = true, begins = begins + 1 WHERE tenant_id = $1",
                [.uuid(tenant)])
        }
        return Int64(jobs.affectedRows)
    }

    fileprivate func deleteOrganization(_ key: [PostgresValue]) async throws(AccountError) {
        let owned = try all(
            try await checked(
                """
                SELECT c.relname::text FROM pg_catalog.pg_class c
                JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
                    AND NOT a.attisdropped
                WHERE c.relnamespace = 'backup'::regnamespace AND c.relkind IN ('r', 'p') AND \(Self.isDeletable)
                    -- What bills are made of outlives the organization: numbers and its plan under its id, not its name.
                    AND c.relname NOT IN ('organization_terms', 'protected_users')
                ORDER BY c.relname = 'tenants', 1
                """)
        ) { (row) throws(PostgresError) in try row.text(0) }
        for table in owned {
            _ = try await checked("DELETE FROM backup.\(table) WHERE organization_id = $1", key)
        }
        _ = try await checked("DELETE FROM backup.organizations WHERE id = $1", key)
    }
}
