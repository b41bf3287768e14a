public import BackupModel
public import Foundation
import LibPQ

/// A sealed snapshot as people see it.
public struct SnapshotRecord: Sendable {
    /// One collection of it.
    public struct Collection: Sendable {
        public var type: UInt16
        public var outcome: String
        public var reasonCode: String?
        public var reason: String?
        public var objects: Int64
        public var links: Int64
        public var pages: Int32
        public var requests: Int32
        public var readAt: Date?
    }

    public var number: SnapshotNumber
    public var startedAt: Date
    public var sealedAt: Date
    public var objects: Int64
    public var added: Int32
    public var updated: Int32
    public var deleted: Int32
    public var digest: [UInt8]
    public var signature: [UInt8]
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
