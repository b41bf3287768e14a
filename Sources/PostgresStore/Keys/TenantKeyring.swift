import BackupContracts
import BackupModel
import Foundation
import LibPQ
import Sealing

/// The opened keys of the tenants that this process works on, and what is made of them.
///
/// Opened keys are kept for a limited number of tenants; the least recently used go first.
actor TenantKeyring {
    private let keyStore: any KeyStore
    private var opened: [TenantID: (keys: OpenedKeys, wrapped: [UInt8], at: ContinuousClock.Instant)] = [:]
    private var order: [TenantID] = []
    private let capacity = 256

    init(keyStore: any KeyStore) { self.keyStore = keyStore }

    /// The keys, when they were compared with the database less than two seconds ago; it spares the steps of one
    /// delivery a transaction each. A rotation only adds a key, so what is sealed meanwhile stays readable.
    func recentKeys(_ tenant: TenantID) -> OpenedKeys? {
        guard let known = opened[tenant], known.at.duration(to: .now) < .seconds(2) else { return nil }
        return known.keys
    }

    /// The keys whose wrapped form stands in the database now: a rotation elsewhere is seen with the next transaction.
    func keys(_ tenant: TenantID, wrapped: [UInt8]) async throws(StageFailure) -> OpenedKeys {
        order.removeAll { $0 == tenant }
        order.append(tenant)
        if let known = opened[tenant], known.wrapped == wrapped {
            opened[tenant]?.at = .now
            return known.keys
        }
        do {
            let keys = try TenantKeys.unwrap(
                wrapped, tenant: tenant.uuid, secret: try await keyStore.tenantSecret(for: tenant.uuid),
                keys: try await keyStore.keyRing())
            let made = OpenedKeys(keys)
            opened[tenant] = (made, wrapped, .now)
            if order.count > capacity { opened[order.removeFirst()] = nil }
            return made
        } catch {
            throw StageFailure(keys: error)
        }
    }
}

/// A tenant's keys in use.
struct OpenedKeys: TenantDigester {
    let tenantKeys: TenantKeys
    let sealer: PayloadSealer
    let digestKey: DigestKey
    let searchKey: SearchKey

    init(_ keys: TenantKeys) {
        tenantKeys = keys
        sealer = PayloadSealer(keys)
        digestKey = DigestKey(keys)
        searchKey = SearchKey(keys)
    }

    func digest(type: UInt16, object: ObjectKey, facet: UInt16, _ canonical: UnsafeRawBufferPointer) -> Digest {
        digestKey.digest(type: type, id: object.uuid, facet: facet, canonical) { Digest(loading: $0, at: 0) }
    }

    func runDigest(type: UInt16, _ run: UnsafeRawBufferPointer) -> Digest {
        digestKey.digest(sightings: run, type: type) { Digest(loading: $0, at: 0) }
    }

    func objectKey(type: UInt16, id: String) -> ObjectKey {
        ObjectKey(id) ?? ObjectKey(digestKey.objectKey(forIdentifier: id, type: type))
    }

    /// Search tokens of an object's names (D9).
    func searchTokens(_ words: BackupModel.SearchWords) -> [Int32] {
        searchKey.tokens(displayName: words.displayName, userPrincipalName: words.userPrincipalName, mail: words.mail)
    }
}

extension ObjectKey {
    /// The same 16 bytes as a UUID.
    var uuid: UUID {
        UUID(uuid: withBytes { raw in raw.loadUnaligned(as: uuid_t.self) })
    }

    init(_ uuid: UUID) {
        self = withUnsafeBytes(of: uuid.uuid) { ObjectKey(loading: $0, at: 0) }
    }
}

extension StageFailure {
    init(keys error: KeyError) {
        switch error.code {
        case .wrongKey, .keyDamaged, .keyFormatUnknown, .tenantSecretDestroyed: self.init(.keyWrong, error.message)
        default: self.init(.keyStoreUnavailable, error.message)
        }
    }

    init(sealed error: SealingError, _ what: String) {
        switch error.code {
        case .unknownKey: self.init(.keyWrong, "\(what): \(error.message)")
        case .formatNewer, .unknownDictionary: self.init(.schemaMismatch, "\(what): \(error.message)")
        default: self.init(.storedDataDamaged, "\(what): \(error.message)")
        }
    }
}

extension PostgresStore {
    /// The keys of a tenant for work between two transactions of a delivery.
    func recentKeys(_ tenant: TenantID) async throws(StageFailure) -> OpenedKeys {
        if let recent = await keys.recentKeys(tenant) { return recent }
        return try await transaction(of: tenant) { (connection) async throws(StageFailure) in
            try await self.keys(connection, tenant)
        }
    }

    /// The keys of the transaction's tenant.
    func keys(_ connection: PostgresConnection, _ tenant: TenantID) async throws(StageFailure) -> OpenedKeys {
        let rows = try await connection.rows(
            "SELECT wrapped FROM backup.tenant_keys WHERE tenant_id = $1", [.uuid(tenant.uuid)])
        let wrapped = try decoded { () throws(PostgresError) in try rows.first?.bytes("wrapped") }
        return try await keys(tenant, wrapped: wrapped)
    }

    /// The keys of a tenant whose wrapped form a transaction has read; `nil` when it found none.
    func keys(_ tenant: TenantID, wrapped: [UInt8]?) async throws(StageFailure) -> OpenedKeys {
        guard let wrapped else { throw StageFailure(.keyWrong, "Tenant \(tenant) has no keys in the database.") }
        return try await keys.keys(tenant, wrapped: wrapped)
    }
}
