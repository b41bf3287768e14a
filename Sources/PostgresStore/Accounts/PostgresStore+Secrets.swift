import BackupContracts
public import BackupModel
public import Foundation
import LibPQ
import Sealing

extension PostgresStore {
    /// A secret that was read before, with the time of that; nil when there is none. `id` is a key's for
    /// ``DeviceSecret/Kind/bitlocker`` and a device's for ``DeviceSecret/Kind/laps``.
    public func secret(
        _ tenant: TenantID, _ kind: DeviceSecret.Kind, _ id: UUID
    ) async throws(AccountError) -> (secret: DeviceSecret, readAt: Date)? {
        try await read(tenant) { (connection) async throws(AccountError) in
            let rows = try await connection.checked(
                "SELECT sealed, read_at FROM backup.secret_values WHERE tenant_id = $1 AND kind = $2 AND id = $3",
                [.uuid(tenant.uuid), .text(kind.rawValue), .uuid(id)])
            guard !rows.isEmpty else { return nil }
            let row = try only(rows) { (row) throws(PostgresError) in
                (sealed: try row.bytes("sealed"), readAt: try row.timestamp("read_at").date)
            }
            do throws(StageFailure) {
                return (try await keys(connection, tenant).openSecret(row.sealed, kind, id), row.readAt)
            } catch {
                throw AccountError(error)
            }
        }
    }

    /// Ids of all secrets of a kind that were read.
    public func secretIDs(_ tenant: TenantID, _ kind: DeviceSecret.Kind) async throws(AccountError) -> Set<UUID> {
        try await read(tenant) { (connection) async throws(AccountError) in
            Set(
                try all(
                    try await connection.checked(
                        "SELECT id FROM backup.secret_values WHERE tenant_id = $1 AND kind = $2",
                        [.uuid(tenant.uuid), .text(kind.rawValue)])
                ) { (row) throws(PostgresError) in try row.uuid(0) })
        }
    }

    /// Keeps a secret, in place of the one that was there. Retention never takes it away.
    public func keep(
        _ secret: DeviceSecret, _ tenant: TenantID, _ kind: DeviceSecret.Kind, _ id: UUID
    ) async throws(AccountError) {
        try await read(tenant) { (connection) async throws(AccountError) in
            let sealed: [UInt8]
            do throws(StageFailure) {
                sealed = try await keys(connection, tenant).seal(secret, kind, id)
            } catch {
                throw AccountError(error)
            }
            _ = try await connection.checked(
                """
                INSERT INTO backup.secret_values (tenant_id, kind, id, sealed) VALUES ($1, $2, $3, $4)
                ON CONFLICT (tenant_id, kind, id) DO UPDATE SET sealed = excluded.sealed, read_at = clock_timestamp()
                """, [.uuid(tenant.uuid), .text(kind.rawValue), .uuid(id), .bytea(sealed)])
        }
    }
}

extension OpenedKeys {
    /// Kind and id are authenticated with the secret: a row that was moved to another id does not open.
    private func context(_ kind: DeviceSecret.Kind, _ id: UUID) -> [UInt8] {
        Array(kind.rawValue.utf8) + withUnsafeBytes(of: id.uuid) { Array($0) }
    }

    fileprivate func seal(_ secret: DeviceSecret, _ kind: DeviceSecret.Kind, _ id: UUID) throws(StageFailure) -> [UInt8]
    {
        // A struct of strings always encodes.
        let json = (try? JSONEncoder().encode(secret)).map { [UInt8]($0) } ?? []
        do {
            return try sealer.sealBlob(json, purpose: "secret of a device", context: context(kind, id))
        } catch {
            throw StageFailure(sealed: error, "A secret could not be sealed")
        }
    }

    fileprivate func openSecret(
        _ sealed: [UInt8], _ kind: DeviceSecret.Kind, _ id: UUID
    ) throws(StageFailure) -> DeviceSecret {
        let json: [UInt8]
        do {
            json = try sealer.openBlob(sealed, purpose: "secret of a device", context: context(kind, id))
        } catch {
            throw StageFailure(sealed: error, "The secret \(id) could not be opened")
        }
        guard let secret = try? JSONDecoder().decode(DeviceSecret.self, from: Data(json)) else {
            throw StageFailure(.storedDataDamaged, "The secret \(id) is not as this version writes it.")
        }
        return secret
    }
}
