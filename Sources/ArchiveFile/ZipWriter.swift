import CArchive

/// Writes a ZIP as a stream: members are compressed as they come, sizes and checks follow them, and what is ready is taken
/// away with ``takeOutput()``. Memory does not grow with the archive, but for some hundred bytes a member.
///
/// A writer is confined to one task: it is not `Sendable`, and its handle of the C library is touched by its methods only,
/// whose callback runs within them.
public final class ZipWriter {
    /// What the library hands on; the callback's only target.
    private final class Sink {
        var bytes: [UInt8] = []
    }

    private let archive: OpaquePointer
    private let sink = Sink()
    private let modifiedAt: Int
    private var member: String?
    private var hash = ContentHash()

    /// - Parameters:
    ///   - modifiedAt: the time of all members, seconds since 1970: equal content makes equal archives.
    ///   - level: of compression, 1 (fast) to 9.
    public init(modifiedAt: Int64, level: Int = 1) throws(ArchiveError) {
        guard let archive = archive_write_new() else {
            throw ArchiveError(.writeFailed, "There is no memory for an archive.")
        }
        self.archive = archive
        self.modifiedAt = Int(modifiedAt)
        let target = Unmanaged.passUnretained(sink).toOpaque()
        try check(archive_write_set_format_zip(archive))
        try check(archive_write_set_options(archive, "zip:compression=deflate,zip:compression-level=\(level)"))
        // Pieces are cut by whoever takes them: the library neither gathers nor pads.
        try check(archive_write_set_bytes_per_block(archive, 0))
        try check(
            archive_write_open2(
                archive, target, nil,
                { _, target, bytes, count in
                    guard let target, let bytes else { return -1 }
                    let sink = Unmanaged<Sink>.fromOpaque(target).takeUnretainedValue()
                    sink.bytes.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: count))
                    return count
                }, nil, nil))
    }

    deinit { archive_write_free(archive) }

    /// Bytes that are ready to be taken.
    public var outputCount: Int { sink.bytes.count }

    /// Begins a member. The one before must have ended.
    public func begin(_ name: String) throws(ArchiveError) {
        guard let entry = archive_entry_new() else {
            throw ArchiveError(.writeFailed, member: name, "There is no memory for \(name).")
        }
        defer { archive_entry_free(entry) }
        archive_entry_set_pathname(entry, name)
        archive_entry_set_filetype(entry, 0o100_000)
        archive_entry_set_perm(entry, 0o600)
        archive_entry_set_mtime(entry, time_t(modifiedAt), 0)
        // Without a size the library writes a descriptor behind the member, in ZIP64.
        member = name
        hash = ContentHash()
        try check(archive_write_header(archive, entry))
    }

    /// Adds to the member.
    public func write(_ bytes: [UInt8]) throws(ArchiveError) {
        guard !bytes.isEmpty else { return }
        hash.update(bytes)
        let written = bytes.withUnsafeBytes { archive_write_data(archive, $0.baseAddress, $0.count) }
        guard written == bytes.count else { throw failure() }
    }

    /// Ends the member.
    /// - Returns: SHA-256 of its content.
    public func end() throws(ArchiveError) -> [UInt8] {
        try check(archive_write_finish_entry(archive))
        return hash.finalize()
    }

    /// Writes the directory at the end. Nothing can be added any more.
    public func close() throws(ArchiveError) {
        member = nil
        try check(archive_write_close(archive))
    }

    /// What is ready, which is the caller's from now on.
    public func takeOutput() -> [UInt8] {
        defer { sink.bytes = [] }
        return sink.bytes
    }

    private func check(_ result: Int32) throws(ArchiveError) {
        guard result == ARCHIVE_OK else { throw failure() }
    }

    private func failure() -> ArchiveError {
        let reason = archive_error_string(archive).map { String(cString: $0) } ?? "unknown reason"
        let what = member.map { "The member \($0)" } ?? "The archive"
        return ArchiveError(.writeFailed, member: member, "\(what) could not be written: \(reason)")
    }
}
