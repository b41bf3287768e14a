public import BackupModel

/// What the downloader needs to write an archive.
public struct DownloadOrder: Sendable {
    /// What the members of the archive are; raw values are part of the command-line contract.
    public enum Format: String, Sendable, Codable, CaseIterable {
        /// `TYPE.jsonl`: one object document a line.
        case json
        /// `TYPE.csv`: one column an attribute.
        case csv
    }

    /// Bytes of every piece of an archive but the last: a fetch goes on from any byte without opening those before.
    public static let pieceSize = 1 << 20

    /// The snapshot whose state is written; retention leaves it while the download is queued or running.
    public var snapshot: SnapshotNumber
    /// One for all members; `manifest.json` is JSON in either.
    public var format: Format
    /// Names of types; nil for all.
    public var types: Set<String>?
    /// Ids; nil for all.
    public var ids: Set<String>?
    /// Hexadecimal signature of the snapshot.
    public var signature: String
    /// When the snapshot was sealed, seconds since 1970: the time of the archive's members.
    public var sealedAt: Int64
    /// Which beginning of the archive this is, from 1.
    public var attempt: Int32

    /// Made by the store from the download's row, whose scope is sealed: an id may be a domain's name.
    public init(
        snapshot: SnapshotNumber, format: Format, types: Set<String>?, ids: Set<String>?, signature: String,
        sealedAt: Int64, attempt: Int32
    ) {
        self.snapshot = snapshot
        self.format = format
        self.types = types
        self.ids = ids
        self.signature = signature
        self.sealedAt = sealedAt
        self.attempt = attempt
    }
}

/// An archive that is whole.
public struct DownloadResult: Sendable, Hashable {
    /// Pieces stored, under the ordinals below this number.
    public var pieces: Int32
    /// Of the whole ZIP file; the store compares it with what it holds.
    public var bytes: Int64
    /// Of the whole ZIP file, 32 bytes.
    public var sha256: [UInt8]
    /// Objects written, over all types.
    public var objects: Int64

    /// Reported once, when the last piece is stored.
    public init(pieces: Int32, bytes: Int64, sha256: [UInt8], objects: Int64) {
        self.pieces = pieces
        self.bytes = bytes
        self.sha256 = sha256
        self.objects = objects
    }
}

/// What the downloader needs of the store.
///
/// Laws. Every method is one transaction, but ``documents(_:_:_:_:)``, which reads batch by batch. Each ``order(_:)``
/// begins an attempt, which takes the place of what an earlier one has left; a piece of an attempt that is no longer the
/// newest, or whose ordinal is not the next one, is fenced. The archive can be fetched only once it is whole.
public protocol DownloadStore: Sendable {
    /// What to write; nil when the job has ended or was restarted, in which case the message is gone as well. The job
    /// becomes `running`; pieces of an earlier attempt are taken away.
    func order(_ message: Message) async throws(StageFailure) -> DownloadOrder?

    /// Calls `body` with every document of the type that the order wants, in the order of their keys. Memory of two
    /// batches.
    func documents(
        _ message: Message, _ order: DownloadOrder, _ type: ObjectType,
        _ body: (DocumentText, VersionStamp) async throws(StageFailure) -> Void
    ) async throws(StageFailure)

    /// Seals and stores the next piece of the archive. `objects`: how many are written so far.
    func storePiece(
        _ message: Message, _ order: DownloadOrder, ordinal: Int32, _ bytes: [UInt8], objects: Int64
    ) async throws(StageFailure)

    /// What stands for these bytes under a key of the tenant, hexadecimal: nobody without the key store can make it.
    func mark(_ message: Message, _ bytes: [UInt8]) async throws(StageFailure) -> String

    /// Ends the job: the archive is whole.
    func finish(_ message: Message, _ order: DownloadOrder, _ result: DownloadResult) async throws(StageFailure)
}
