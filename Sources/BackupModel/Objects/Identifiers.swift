public import struct Foundation.UUID

/// A sealed snapshot's number within its tenant: 1, 2, 3 ... without gaps.
public typealias SnapshotNumber = Int32

/// A tenant: the GUID that Entra gives it.
public struct TenantID: UUIDWrapper {
    /// Also the first column of every key of tenant data (D14).
    public let uuid: UUID

    /// Any UUID; whether Entra knows it shows with the first token.
    public init(uuid: UUID) {
        self.uuid = uuid
    }
}

/// A backup, download or restore job.
public struct JobID: UUIDWrapper {
    /// Random; unique over all tenants.
    public let uuid: UUID

    /// Of a job that exists, as a row or a message names it.
    public init(uuid: UUID) {
        self.uuid = uuid
    }

    /// A new one.
    public init() {
        self.init(uuid: UUID())
    }
}

/// An id that is a UUID with a meaning, so that one kind of id cannot stand for another. Its text is lower case, as
/// PostgreSQL and Graph print it.
public protocol UUIDWrapper: Hashable, Sendable, Codable, Comparable, LosslessStringConvertible {
    /// The id as PostgreSQL keeps it.
    var uuid: UUID { get }

    /// Any UUID will do; whether there is such a thing is not looked at.
    init(uuid: UUID)
}

extension UUIDWrapper {
    /// From the usual form of 36 characters in either case; nil for any other text.
    public init?(_ text: String) {
        guard let key = ObjectKey(text), let uuid = UUID(uuidString: key.description) else { return nil }
        self.init(uuid: uuid)
    }

    public var description: String { uuid.uuidString.lowercased() }

    /// The 16 bytes.
    public var bytes: [UInt8] { withUnsafeBytes(of: uuid.uuid) { Array($0) } }

    public static func < (left: Self, right: Self) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = Self(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a UUID")
        }
        self = id
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
