import BackupContracts
import BackupModel

/// The archive of one download on its way: members, what the manifest tells of them, and pieces.
struct ArchiveWork {
    /// Bytes of lines that are handed to the archive at a time.
    private static let lineBuffer = 128 * 1_024

    private let store: any DownloadStore
    private let message: Message
    private let order: DownloadOrder
    private let drain: DrainSignal
    private let archive: any ArchiveWriting
    private var hash: any ArchiveHashing
    private var output: [UInt8] = []
    private var pieces: Int32 = 0
    private var bytes: Int64 = 0
    private var objects: Int64 = 0
    private var manifest: ArchiveManifest

    init(
        store: any DownloadStore, message: Message, order: DownloadOrder, drain: DrainSignal,
        hash: any ArchiveHashing, archive: any ArchiveWriting
    ) {
        self.store = store
        self.message = message
        self.order = order
        self.drain = drain
        self.hash = hash
        self.archive = archive
        manifest = ArchiveManifest(
            format: order.format.rawValue, snapshot: order.snapshot, tenant: message.tenant,
            signature: order.signature)
    }

    /// Writes the objects of a type; a type without any has no member.
    mutating func writeMember(_ type: ObjectType) async throws(StageFailure) {
        let lines = MemberLines(type: type, format: order.format, snapshot: order.snapshot)
        var buffer: [UInt8] = []
        var count: Int64 = 0
        try await store.documents(message, order, type) { (document, version) async throws(StageFailure) in
            if count == 0 {
                try writing { try archive.begin(lines.name) }
                lines.appendHeader(to: &buffer)
            }
            try lines.append(document, version, to: &buffer)
            count += 1
            objects += 1
            if buffer.count >= Self.lineBuffer { try await hand(on: &buffer) }
        }
        guard count > 0 else { return }
        try await hand(on: &buffer)
        let digest = try writing { try archive.end() }
        manifest.counts[type.name] = count
        manifest.members[lines.name] = ArchiveManifest.Member(sha256: hexadecimal(digest), lines: count)
    }

    /// Writes the manifest and what is left.
    mutating func close() async throws(StageFailure) -> DownloadResult {
        manifest.mark = try await store.mark(message, manifest.markedBytes)
        var text = Array(manifest.json.prettyText.utf8)
        text.append(0x0A)
        let content = text
        _ = try writing {
            try archive.begin(ArchiveManifest.name)
            try archive.write(content)
            return try archive.end()
        }
        try writing { try archive.close() }
        output += archive.takeOutput()
        try await storePieces(all: true)
        return DownloadResult(pieces: pieces, bytes: bytes, sha256: hash.finalize(), objects: objects)
    }

    private mutating func hand(on buffer: inout [UInt8]) async throws(StageFailure) {
        // A stage that stops leaves the archive to another one, which begins it anew.
        guard !drain.isDraining else { throw StageFailure(.unitFenced, "The stage stops; another one begins anew.") }
        let lines = buffer
        try writing { try archive.write(lines) }
        buffer.removeAll(keepingCapacity: true)
        guard output.count + archive.outputCount >= DownloadOrder.pieceSize else { return }
        output += archive.takeOutput()
        try await storePieces(all: false)
    }

    private mutating func storePieces(all: Bool) async throws(StageFailure) {
        var start = 0
        while output.count - start >= DownloadOrder.pieceSize || all && start < output.count {
            let piece = Array(output[start..<min(start + DownloadOrder.pieceSize, output.count)])
            hash.update(piece)
            try await store.storePiece(message, order, ordinal: pieces, piece, objects: objects)
            start += piece.count
            pieces += 1
            bytes += Int64(piece.count)
        }
        output.removeFirst(start)
    }
}
