public import BackupContracts
public import BackupModel
public import Foundation
import LibPQ
import Sealing

/// What may be told of a tenant's keys: numbers and times.
public struct TenantKeyState: Sendable, Hashable {
    /// Whose keys they are; keys of one tenant open nothing of another.
    public var tenant: TenantID
    /// The data key that seals now; all from 1 on open.
    public var dataKey: Int32
    /// The key-encryption key that wraps the tenant's keys.
    public var keyEncryptionKey: Int32
    /// When they were last rotated or wrapped anew, else when the tenant was added.
    public var changedAt: Date
}

extension PostgresStore {
    /// Numbers of the key-encryption keys in the key store, ascending.
    public func keyEncryptionKeys() async throws(AccountError) -> [Int32] {
        do {
            return try await keyStore.keyRing().numbers.map(Int32.init).sorted()
        } catch {
            throw AccountError(StageFailure(keys: error))
        }
    }

    /// The tenant's key numbers. Nothing is unwrapped.
    public func keyState(_ tenant: TenantID) async throws(AccountError) -> TenantKeyState {
        try await administer { (connection) async throws(AccountError) in
            try await enter(tenant, connection)
            let rows = try await connection.checked(
                """
                SELECT tenant_id, newest_data_key, kek_number, changed_at FROM backup.tenant_keys WHERE tenant_id = $1
                """, [.uuid(tenant.uuid)])
            guard !rows.isEmpty else {
                throw AccountError(StageFailure(.keyWrong, "Tenant \(tenant) has no keys in the database."))
            }
            return try only(rows, TenantKeyState.init(row:))
        }
    }

    /// Wraps a tenant's keys with the newest key-encryption key, with one more data key if asked for. What was sealed
    /// before stays readable, and digests stay the same, since the digest key is never changed.
    public func rotateKeys(_ tenant: TenantID, addsDataKey: Bool) async throws(AccountError) -> TenantKeyState {
        let secret: TenantSecret, ring: KeyRing
        do throws(KeyError) {
            secret = try await keyStore.tenantSecret(for: tenant.uuid)
            ring = try await keyStore.keyRing()
        } catch {
            throw AccountError(StageFailure(keys: error))
        }
        return try await administer { (connection) async throws(AccountError) in
            try await enter(tenant, connection)
            let rows = try await connection.checked(
                "SELECT wrapped FROM backup.tenant_keys WHERE tenant_id = $1 FOR UPDATE", [.uuid(tenant.uuid)])
            guard !rows.isEmpty else {
                throw AccountError(StageFailure(.keyWrong, "Tenant \(tenant) has no keys in the database."))
            }
            let wrapped = try only(rows) { (row) throws(PostgresError) in try row.bytes("wrapped") }
            let changed: (wrapped: [UInt8], dataKey: UInt16)
            do throws(KeyError) {
                changed = try Self.rotate(wrapped, tenant, secret, ring, addsDataKey: addsDataKey)
            } catch {
                throw AccountError(StageFailure(keys: error))
            }
            let written = try await connection.checked(
                """
                UPDATE backup.tenant_keys SET wrapped = $2, kek_number = $3, newest_data_key = $4,
                    changed_at = CASE WHEN wrapped = $2 THEN changed_at ELSE clock_timestamp() END
                WHERE tenant_id = $1 RETURNING tenant_id, newest_data_key, kek_number, changed_at
                """,
                [
                    .uuid(tenant.uuid), .bytea(changed.wrapped), .int32(Int32(ring.newest.number)),
                    .int32(Int32(changed.dataKey)),
                ])
            return try only(written, TenantKeyState.init(row:))
        }
    }

    private static func rotate(
        _ wrapped: [UInt8], _ tenant: TenantID, _ secret: TenantSecret, _ ring: KeyRing, addsDataKey: Bool
    ) throws(KeyError) -> ([UInt8], UInt16) {
        let keys = try TenantKeys.unwrap(wrapped, tenant: tenant.uuid, secret: secret, keys: ring)
        guard addsDataKey else {
            let rewrapped = try TenantKeys.rewrapped(wrapped, tenant: tenant.uuid, secret: secret, keys: ring)
            return (rewrapped, keys.currentDataKey)
        }
        let more = try keys.addingDataKey()
        return (try more.wrapped(by: ring.newest, secret: secret), more.currentDataKey)
    }

    /// Adds a key-encryption key to the key store. It wraps from now on; tenants move to it with
    /// ``rotateKeys(_:addsDataKey:)``.
    /// - Returns: its number.
    public func addKeyEncryptionKey() async throws(AccountError) -> Int32 {
        guard let directory = keyStore as? DirectoryKeyStore else {
            throw AccountError(
                .refused, "keyStoreNotOurs", "The key store makes its keys itself.", hint: "Rotate the key there.")
        }
        do throws(KeyError) {
            return Int32(try directory.addKeyEncryptionKey().number)
        } catch {
            throw AccountError(StageFailure(keys: error))
        }
    }
}

extension TenantKeyState {
    init(row: PostgresRow) throws(PostgresError) {
        self.init(
            tenant: TenantID(uuid: try row.uuid("tenant_id")), dataKey: try row.int32("newest_data_key"),
            keyEncryptionKey: try row.int32("kek_number"), changedAt: try row.timestamp("changed_at").date)
    }
}
