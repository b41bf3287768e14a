public import BackupModel
public import Foundation

/// What a message asks for. The raw value is the kind on the wire: a noun, a past verb and a version; it is never reused.
public enum MessageKind: String, Sendable, Codable, CaseIterable {
    /// A backup was asked for: open its round.
    case backupRequested = "backup.requested.v1"
    /// A walk can go on from the cursor in its collection's row.
    case walkReady = "walk.ready.v1"
    /// A page was stored: turn it into sightings.
    case pageFetched = "page.fetched.v1"
    /// All pages of a collection are sighted: settle it, from the chunk in its row on.
    case collectionWalked = "collection.walked.v1"
    /// All collections are settled: seal the snapshot.
    case roundSettled = "round.settled.v1"
    /// A download was asked for: write its archive.
    case downloadRequested = "download.requested.v1"
    /// A restore can begin, or go on from the chunk in its row.
    case restoreReady = "restore.ready.v1"

    /// Where messages of this kind are published.
    public var queue: Queue {
        switch self {
        case .backupRequested: .backupJobs
        case .walkReady: .fetch
        case .pageFetched: .diff
        case .collectionWalked, .roundSettled: .persist
        case .downloadRequested: .downloadJobs
        case .restoreReady: .restoreJobs
        }
    }
}

/// A unit of work on its way from one stage to the next.
///
/// A message carries ids only, never directory content (D2): whoever reads the broker's disk learns GUIDs, type numbers
/// and page numbers. Its row in `backup.messages` is the truth; what the broker holds is a reminder (D1).
public struct Message: Sendable, Hashable, Codable {
    /// Key of the row in `backup.messages`; a message that is published again keeps it.
    public var id: UUID
    /// Decides queue and handler.
    public var kind: MessageKind
    /// Whose rows the handler's transactions see (D14).
    public var tenant: TenantID
    /// The job that the unit of work belongs to.
    public var job: JobID
    /// The job's epoch when the message was made; a restarted job has a higher one, older messages are ignored.
    public var epoch: Int32
    /// The collection's object type number, where the kind is about one collection.
    public var type: UInt16?
    /// The page's ordinal, for ``MessageKind/pageFetched``.
    public var page: Int32?
    /// W3C trace id of the job, 32 hex digits.
    public var trace: String

    /// A message with a new id unless one is given. Its row is inserted together with the result that it follows from.
    public init(
        id: UUID = UUID(), kind: MessageKind, tenant: TenantID, job: JobID, epoch: Int32, type: UInt16? = nil,
        page: Int32? = nil, trace: String
    ) {
        self.id = id
        self.kind = kind
        self.tenant = tenant
        self.job = job
        self.epoch = epoch
        self.type = type
        self.page = page
        self.trace = trace
    }

    /// A trace id for a new job.
    public static func newTrace() -> String { UUID().uuidString.lowercased().replacing("-", with: "") }

    /// A message of the same job, epoch and trace.
    public func following(_ kind: MessageKind, type: UInt16? = nil, page: Int32? = nil) -> Message {
        Message(kind: kind, tenant: tenant, job: job, epoch: epoch, type: type, page: page, trace: trace)
    }

    /// The bytes on the wire: one JSON object, keys sorted.
    public func encoded() -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        // Encoding a struct of strings and integers cannot fail; an empty body would be parked as undecodable.
        return (try? encoder.encode(self)).map { [UInt8]($0) } ?? []
    }

    /// Reads the bytes of ``encoded()``; `nil` when they are not a message of a known kind and version.
    public init?(decoding bytes: [UInt8]) {
        guard let message = try? JSONDecoder().decode(Message.self, from: Data(bytes)) else { return nil }
        self = message
    }
}
