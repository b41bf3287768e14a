public import BackupContracts
public import BackupModel

/// Writes the archives of downloads.
///
/// An archive is written from its beginning in one delivery: what a crash leaves is begun anew. Memory holds two batches
/// of objects, a buffer of lines and a piece of the archive, whatever the tenant's size.
public struct DownloadStage: Sendable {
    /// Makes an empty archive whose members have this time, seconds since 1970.
    public typealias MakeArchive = @Sendable (_ modifiedAt: Int64) throws -> any ArchiveWriting
    /// Makes what takes the SHA-256 of one archive, piece by piece.
    public typealias MakeHash = @Sendable () -> any ArchiveHashing

    let store: any DownloadStore
    let catalogue: Catalogue
    let makeArchive: MakeArchive
    let makeHash: MakeHash

    /// Both makers are called once for each beginning of an archive.
    public init(
        store: any DownloadStore, catalogue: Catalogue = .current, makeHash: @escaping MakeHash,
        makeArchive: @escaping MakeArchive
    ) {
        self.store = store
        self.catalogue = catalogue
        self.makeHash = makeHash
        self.makeArchive = makeArchive
    }

    /// Handles a `downloadRequested` message. Nothing follows it.
    public func handle(_ message: Message, _ drain: DrainSignal) async throws(StageFailure) -> [Message] {
        guard message.kind == .downloadRequested else {
            throw StageFailure(
                .stageDefect, "The downloader was given a message of kind \(message.kind.rawValue).")
        }
        guard let order = try await store.order(message) else { return [] }
        var work = try ArchiveWork(
            store: store, message: message, order: order, drain: drain, hash: makeHash(),
            archive: writing { try makeArchive(order.sealedAt) })
        for type in catalogue.types where order.types?.contains(type.name) ?? true {
            try await work.writeMember(type)
        }
        let result = try await work.close()
        try await store.finish(message, order, result)
        return []
    }
}

/// What the library says against writing is a defect of ours: it writes into memory.
func writing<T>(_ body: () throws -> T) throws(StageFailure) -> T {
    do {
        return try body()
    } catch {
        throw StageFailure(.stageDefect, "The archive could not be written: \(error)")
    }
}
