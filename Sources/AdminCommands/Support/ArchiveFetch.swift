import ArchiveFile
import BackupContracts
import BackupModel
import Foundation
import PostgresStore

/// Brings an archive from the store into a file: goes on from what is there, compares its SHA-256, then gives it its name.
struct ArchiveFetch {
    let store: PostgresStore
    let output: Output
    let download: DownloadRecord
    let path: String

    func run() async throws {
        try await store.audited("download.fetch", download.job.description) {
            if path == "-" {
                try await stream()
            } else if try await !append() {
                // What was left was of another archive, or was changed.
                try FileManager.default.removeItem(atPath: part)
                guard try await append() else { throw damaged }
            }
        }
    }

    private var part: String { path + ".part" }

    private var damaged: CommandFailure {
        CommandFailure(
            1, "downloadDamaged", "The archive of \(download.job) is not what was written: its SHA-256 differs.",
            hint: "Start a new download.", runbook: "download-failed")
    }

    private func stream() async throws {
        var hash = ContentHash()
        try await store.read(download, from: 0) { piece in
            hash.update(piece)
            try FileHandle.standardOutput.write(contentsOf: Data(piece))
        }
        guard hash.finalize() == download.sha256 else { throw damaged }
    }

    /// - Returns: whether the file is whole now and has its name.
    private func append() async throws -> Bool {
        let file = try openPart()
        defer { try? file.close() }
        var hash = ContentHash()
        var count = try Self.read(file) { hash.update($0) }
        if count > download.bytes { return false }
        if count > 0, count < download.bytes { output.progress("\(path): going on from byte \(count).") }
        let bar = ByteBar(output: output, total: download.bytes)
        try await store.read(download, from: count) { piece in
            hash.update(piece)
            try write(piece, to: file)
            count += Int64(piece.count)
            bar.show(count)
        }
        bar.finish()
        guard hash.finalize() == download.sha256 else { return false }
        try file.synchronize()
        guard rename(part, path) == 0 else { throw unwritable }
        return true
    }

    private func openPart() throws -> FileHandle {
        // Directory content: for the owner's eyes.
        let descriptor = open(part, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0, fchmod(descriptor, 0o600) == 0 else { throw unwritable }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    private func write(_ piece: [UInt8], to file: FileHandle) throws {
        do {
            try file.write(contentsOf: Data(piece))
        } catch {
            throw unwritable
        }
    }

    private var unwritable: CommandFailure {
        CommandFailure(
            1, "fileUnwritable", "The file \(part) cannot be written: \(String(cString: strerror(errno))).",
            hint: "Check the folder, its permissions and the space that is left; the fetch goes on where it stopped.")
    }

    /// Reads the file to its end.
    private static func read(_ file: FileHandle, _ body: ([UInt8]) -> Void) throws -> Int64 {
        var count: Int64 = 0
        while let data = try file.read(upToCount: DownloadOrder.pieceSize), !data.isEmpty {
            body(Array(data))
            count += Int64(data.count)
        }
        return count
    }
}

/// Bytes on a terminal's standard error, nothing elsewhere.
private struct ByteBar {
    let total: Int64
    private let isTerminal: Bool

    init(output: Output, total: Int64) {
        self.total = total
        isTerminal = isatty(STDERR_FILENO) == 1 && !output.options.quiet && !output.options.json
    }

    func show(_ count: Int64) {
        guard isTerminal else { return }
        FileHandle.standardError.write(Data("\r\u{1B}[K\(count >> 20) of \(total >> 20) MB".utf8))
    }

    func finish() {
        guard isTerminal else { return }
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
    }
}
