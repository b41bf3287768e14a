public import BackupModel
public import Foundation
import LibPQ

/// A sealed snapshot as people see it.
public struct SnapshotRecord: Sendable {
    /// One collection of it.
    public struct Collection: Sendable {
        /// Its number in the catalogue, which this version may not know.
        public var type: UInt16
        /// `complete`, `delta`, `refused`, `failed`, or `carried` where the round did not read it.
        public var outcome: String
        /// Name of the failure; nil unless it was refused or failed.
        public var reasonCode: String?
        /// For people, beside ``reasonCode``.
        public var reason: String?
        /// In its state at the snapshot, whether the round read it or not.
        public var objects: Int64
        /// In its state at the snapshot, in all relationships that are stored on this side.
        public var links: Int64
        /// Pages that the round read, empty ones too; 0 for one that was carried.
        public var pages: Int32
        /// Sent to Microsoft Graph by the round, repeats included; 0 for one that was carried.
        public var requests: Int32
        /// When the round began to read it, even in vain; of one that was carried, when an earlier round did.
        public var readAt: Date?
    }

    /// From 1 in each tenant, one more than that of the snapshot before.
    public var number: SnapshotNumber
    /// When the round's job was taken up.
    public var startedAt: Date
    /// When it became visible; retention counts from here.
    public var sealedAt: Date
    /// Of all collections, the recycle bin and those that were carried among them.
    public var objects: Int64
    /// Objects that the snapshot before did not have; the recycle bin is left out.
    public var added: Int32
    /// Objects that changed since the snapshot before; the recycle bin is left out.
    public var updated: Int32
    /// Objects that went since the snapshot before; the recycle bin is left out.
    public var deleted: Int32
    /// SHA-256, 32 bytes, over number, collection digests and the digest before: no times (D7).
    public var digest: [UInt8]
    /// Ed25519, 64 bytes, over what ``digest`` is over.
    public var signature: [UInt8]
    /// By type; empty in a list that did not ask for them.
    public var collections: [Collection]
}

extension SnapshotRecord {
    static let columns = "number, started_at, sealed_at, objects, added, updated, deleted, digest, signature"

    init(row: PostgresRow) throws(PostgresError) {
        number = try row.int32("number")
        startedAt = try row.timestamp("started_at").date
        sealedAt = try row.timestamp("sealed_at").date
        objects = try row.int64("objects")
        added = try row.int32("added")
        updated = try row.int32("updated")
        deleted = try row.int32("deleted")
        digest = try row.bytes("digest")
        signature = try row.bytes("signature")
        collections = []
    }
}

extension SnapshotRecord.Collection {
    static let columns = "type, outcome, reason_code, reason, objects, links, pages, requests, read_at"

    init(row: PostgresRow) throws(PostgresError) {
        type = UInt16(bitPattern: try row.int16("type"))
        outcome = try row.text("outcome")
        reasonCode = try row.optionalText("reason_code")
        reason = try row.optionalText("reason")
        objects = try row.int64("objects")
        links = try row.int64("links")
        pages = try row.int32("pages")
        requests = try row.int32("requests")
        readAt = try row.optionalTimestamp("read_at")?.date
    }
}
