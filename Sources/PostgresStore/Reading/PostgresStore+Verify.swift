import BackupContracts
public import BackupModel
import Foundation
import LibPQ
import Sealing

/// What reading a snapshot again came to.
public struct VerifyReport: Sendable {
    /// A content that is not what was backed up.
    public struct Damage: Sendable, Hashable {
        /// Name of the object's type; `type N` for a collection that this version does not know.
        public var type: String
        /// The object's key, a GUID or what stands for an id that is none; empty where a whole collection is meant.
        public var id: String
        /// `attributes`, a relationship's name or number, or `collection`.
        public var facet: String
        /// `contentMissing`, `digestDiffers`, `collectionDigestDiffers`, or the name of why a payload does not open.
        public var reason: String
    }

    /// The one that was read; the newest where none was named.
    public var snapshot: SnapshotNumber
    /// Contents that were read.
    public var contents = 0
    /// Contents by type, object and facet, then collections; empty when all is as it was backed up.
    public var damaged: [Damage] = []
    /// Whether the signing key signed number, collection digests and previous digest as they are there now.
    public var signatureIsValid = false

    /// Whether nothing is damaged and the signature holds.
    public var isSound: Bool { damaged.isEmpty && signatureIsValid }
}

extension PostgresStore {
    /// Opens every content that a snapshot names, recomputes its digest, then the collections' digests and the
    /// snapshot's signature. Cost: one pass over the snapshot.
    public func verify(_ tenant: TenantID, _ number: SnapshotNumber?) async throws(AccountError) -> VerifyReport {
        let record = try await snapshot(tenant, number)
        var report = VerifyReport(snapshot: record.number)
        for type in Catalogue.current.types { try await verify(tenant, type, &report) }
        for collection in record.collections {
            try await verifyDigest(tenant, collection, &report)
        }
        report.signatureIsValid = try await hasValidSignature(tenant, record)
        // What retention has taken away meanwhile is not damage: then the snapshot is not there any more.
        if !report.isSound { _ = try await snapshot(tenant, record.number) }
        return report
    }

    private func verify(_ tenant: TenantID, _ type: ObjectType, _ report: inout VerifyReport) async throws(AccountError)
    {
        var after: (ObjectKey, Int16)?
        while true {
            let from = after
            let number = report.snapshot
            let (rows, keys) = try await read(tenant) { (connection) async throws(AccountError) in
                let rows = try await connection.checked(
                    """
                    SELECT v.object_id, v.facet, v.digest, c.payload FROM backup.object_versions v
                    LEFT JOIN backup.contents c ON c.tenant_id = v.tenant_id AND c.digest = v.digest
                    WHERE v.tenant_id = $1 AND v.type = $2 AND v.from_snapshot <= $3 AND v.to_snapshot > $3
                        AND ($4::uuid IS NULL OR (v.object_id, v.facet) > ($4, $5))
                    ORDER BY v.object_id, v.facet LIMIT 1000
                    """,
                    [
                        .uuid(tenant.uuid), .int16(Int16(bitPattern: type.number)), .int32(number),
                        .uuid(from?.0.uuid), .int16(from?.1),
                    ])
                do throws(StageFailure) {
                    return (rows, try await self.keys(connection, tenant))
                } catch {
                    throw AccountError(error)
                }
            }
            if rows.isEmpty { return }
            for row in rows {
                do throws(PostgresError) {
                    after = (try row.objectKey(0), try row.int16(1))
                    report.contents += 1
                    if let damage = try Self.damage(row, type, keys) { report.damaged.append(damage) }
                } catch {
                    throw AccountError(StageFailure(decoding: error))
                }
            }
        }
    }

    private static func damage(_ row: PostgresRow, _ type: ObjectType, _ keys: OpenedKeys) throws(PostgresError)
        -> VerifyReport.Damage?
    {
        let object = try row.objectKey(0)
        let facet = UInt16(bitPattern: try row.int16(1))
        let digest = try row.digest(2)
        func damage(_ reason: String) -> VerifyReport.Damage {
            let name = facet == 0 ? "attributes" : type.relationships.first { $0.number == facet }?.name ?? "\(facet)"
            return VerifyReport.Damage(type: type.name, id: object.description, facet: name, reason: reason)
        }
        guard let payload = try row.optionalBytes(3) else { return damage("contentMissing") }
        let plain: [UInt8]
        do throws(SealingError) {
            plain = try keys.sealer.open(payload, type: type.number, digest: digest.bytes)
        } catch {
            return damage(error.code.description)
        }
        let recomputed = plain.withUnsafeBytes { keys.digest(type: type.number, object: object, facet: facet, $0) }
        return recomputed == digest ? nil : damage("digestDiffers")
    }

    /// A collection whose state does not come to its signed digest has lost, gained or changed versions or links.
    private func verifyDigest(_ tenant: TenantID, _ collection: SnapshotRecord.Collection, _ report: inout VerifyReport)
        async throws(AccountError)
    {
        let number = report.snapshot
        let name = Catalogue.current[collection.type]?.name ?? "type \(collection.type)"
        let signed = try await read(tenant) { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    "SELECT digest FROM backup.snapshot_collections WHERE tenant_id = $1 AND number = $2 AND type = $3",
                    [.uuid(tenant.uuid), .int32(number), .int16(Int16(bitPattern: collection.type))])
            ) { (row) throws(PostgresError) in try row.bytes(0) }.first
        }
        let state = try await read(tenant) { (connection) async throws(AccountError) in
            do throws(StageFailure) {
                return try await connection.digestedState(
                    [.uuid(tenant.uuid), .int16(Int16(bitPattern: collection.type)), .int32(number)],
                    at: "from_snapshot <= $3 AND to_snapshot > $3")
            } catch {
                throw AccountError(error)
            }
        }
        if state.digest != signed {
            report.damaged.append(
                VerifyReport.Damage(type: name, id: "", facet: "collection", reason: "collectionDigestDiffers"))
        }
    }

    func hasValidSignature(_ tenant: TenantID, _ record: SnapshotRecord) async throws(AccountError) -> Bool {
        let statement = try await read(tenant) { (connection) async throws(AccountError) in
            do throws(StageFailure) {
                return try await connection.statement(tenant, record.number)
            } catch {
                throw AccountError(error)
            }
        }
        let previous = try await read(tenant) { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    "SELECT previous_digest FROM backup.snapshots WHERE tenant_id = $1 AND number = $2",
                    [.uuid(tenant.uuid), .int32(record.number)])
            ) { (row) throws(PostgresError) in try row.optionalBytes(0) }.first ?? nil
        }
        // The snapshot before may be gone by retention; what was signed then stands in this one's row.
        var signed = statement
        signed.previous = previous
        guard signed.digest == record.digest else { return false }
        do throws(KeyError) {
            let signer = try await keyStore.snapshotSigner()
            return try SnapshotVerifier(publicKey: signer.publicKey).isValid(record.signature, for: signed)
        } catch {
            throw AccountError(StageFailure(keys: error))
        }
    }
}
