import CArchive
import Foundation

/// Reads a ZIP from a file, member after member. Sizes and checks are compared by the library at each member's end.
///
/// A reader is confined to one task, as ``ZipWriter`` is.
public final class ZipReader {
    private let archive: OpaquePointer
    private let path: String
    private var member: String?

    /// Opens the file and reads the directory at its end.
    public init(path: String) throws(ArchiveError) {
        let start = try Self.firstBytes(of: path)
        guard start.starts(with: [0x50, 0x4B, 0x03, 0x04]) || start.starts(with: [0x50, 0x4B, 0x05, 0x06]) else {
            throw ArchiveError(.notZip, "\(path) is no ZIP archive.")
        }
        guard let archive = archive_read_new() else {
            throw ArchiveError(.unreadable, "There is no memory to read \(path).")
        }
        self.archive = archive
        self.path = path
        // Only with the directory: a file whose end is missing must not pass for a shorter one.
        archive_read_support_format_zip_seekable(archive)
        guard archive_read_open_filename(archive, path, 256 * 1_024) == ARCHIVE_OK else {
            throw ArchiveError(.cut, "\(path) is cut: the directory at its end is missing or damaged.")
        }
    }

    deinit { archive_read_free(archive) }

    private static func firstBytes(of path: String) throws(ArchiveError) -> [UInt8] {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw ArchiveError(.unreadable, "\(path) cannot be read.")
        }
        defer { try? file.close() }
        do {
            return Array(try file.read(upToCount: 4) ?? Data())
        } catch {
            throw ArchiveError(.unreadable, "\(path) cannot be read.")
        }
    }

    /// Goes to the next member, in the order in which they lie in the file.
    /// - Returns: its name; nil after the last one.
    public func next() throws(ArchiveError) -> String? {
        let before = member
        member = nil
        var entry: OpaquePointer?
        let result = archive_read_next_header(archive, &entry)
        if result == ARCHIVE_EOF { return nil }
        guard result == ARCHIVE_OK || result == ARCHIVE_WARN, let entry, let name = archive_entry_pathname(entry) else {
            guard before != nil || archive_format(archive) != 0 else {
                throw ArchiveError(.cut, "\(path) is cut: the directory at its end is missing or damaged.")
            }
            throw failure(before.map { "What follows the member \($0)" } ?? "The first member")
        }
        member = String(cString: name)
        return member
    }

    /// The next bytes of the member, at most some hundred kilobytes; nil at its end, when all of it was as it was written.
    public func read() throws(ArchiveError) -> [UInt8]? {
        var count = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 256 * 1_024) { buffer, used in
            count = archive_read_data(archive, buffer.baseAddress, buffer.count)
            used = max(0, count)
        }
        guard count >= 0 else { throw failure("The member \(member ?? "before the first")") }
        return count == 0 ? nil : bytes
    }

    private func failure(_ what: String) -> ArchiveError {
        let reason = archive_error_string(archive).map { String(cString: $0) } ?? "unknown reason"
        return ArchiveError(.damaged, member: member, "\(what) of \(path) is damaged: \(reason)")
    }
}
