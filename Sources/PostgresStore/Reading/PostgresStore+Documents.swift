import BackupContracts
public import BackupModel
import LibPQ

/// A document with its place in the object's history.
public struct StoredDocument: Sendable {
    /// The object's place in lists: its id where that is a GUID, else a keyed hash of it (D8).
    public var key: ObjectKey
    /// All facets and links that the snapshot has of it.
    public var document: ObjectDocument
    /// The snapshots over which every part of the document stays as it is.
    public var version: VersionStamp
    /// Why a deleted object is gone.
    public var reason: EndReason?
}

extension PostgresStore {
    /// Calls `body` with every object of a type at a snapshot, in the order of their keys.
    ///
    /// - Throws: `snapshotNotFound` when there is no such snapshot, or no longer at the end; `body` may have been called.
    ///
    /// Cost: one pass over the type's current versions in key order, every content opened; memory of one batch.
    public func documents(
        _ tenant: TenantID, _ type: ObjectType, at snapshot: SnapshotNumber,
        _ body: (StoredDocument) throws -> Void
    ) async throws {
        try await scan(tenant, type, at: snapshot) { try body(try $0.parsed(type)) }
    }

    /// The same with contents as texts, for those who want little of them: parsing costs more than all else.
    public func texts(
        _ tenant: TenantID, _ type: ObjectType, at snapshot: SnapshotNumber, _ body: (DocumentText) throws -> Void
    ) async throws {
        try await scan(tenant, type, at: snapshot) { try body($0.document) }
    }

    private func scan(
        _ tenant: TenantID, _ type: ObjectType, at snapshot: SnapshotNumber, _ body: (StoredText) throws -> Void
    ) async throws {
        var scan = DocumentScan(tenant: tenant, type: type, snapshot: snapshot)
        while !scan.isAtEnd {
            let current = scan
            let (batch, next) = try await read(tenant) { (connection) async throws(AccountError) in
                try await Self.asAccountError { () async throws(StageFailure) in
                    var scan = current
                    let keys = try await self.keys(connection, tenant)
                    return (try await scan.next(connection, keys), scan)
                }
            }
            scan = next
            for stored in batch { try body(stored) }
        }
        // Retention may have taken the snapshot away meanwhile: what was listed would be short, and nobody would know.
        _ = try await self.snapshot(tenant, snapshot)
    }

    /// The given objects at a snapshot; those that are not there are left out.
    public func documents(
        _ tenant: TenantID, _ type: ObjectType, _ objects: [ObjectKey], at snapshot: SnapshotNumber
    ) async throws(AccountError) -> [StoredDocument] {
        guard !objects.isEmpty else { return [] }
        let batch = try await read(tenant) { (connection) async throws(AccountError) in
            try await Self.asAccountError { () async throws(StageFailure) in
                let keys = try await self.keys(connection, tenant)
                return try await connection.documents(tenant, type, objects, at: snapshot, keys)
            }
        }
        do throws(StageFailure) {
            return try batch.map { (stored) throws(StageFailure) in try stored.parsed(type) }
        } catch {
            throw AccountError(error)
        }
    }

    private static func asAccountError<T>(_ body: () async throws(StageFailure) -> T) async throws(AccountError) -> T {
        do throws(StageFailure) {
            return try await body()
        } catch {
            throw AccountError(error)
        }
    }

    /// The key of an object by its id as Graph gives it.
    public func objectKey(_ tenant: TenantID, _ type: ObjectType, id: String) async throws(AccountError) -> ObjectKey {
        if let key = ObjectKey(id) { return key }
        return try await read(tenant) { (connection) async throws(AccountError) in
            try await Self.asAccountError { () async throws(StageFailure) in
                try await self.keys(connection, tenant).objectKey(type: type.number, id: id)
            }
        }
    }
}

extension StoredText {
    fileprivate func parsed(_ type: ObjectType) throws(StageFailure) -> StoredDocument {
        do {
            return StoredDocument(key: key, document: try document.parsed(), version: version)
        } catch {
            throw StageFailure(.storedDataDamaged, "A stored content of \(type.name) is not JSON: \(error)")
        }
    }
}
