import Foundation

/// A file for its owner only that was not there before.
final class NewFile: Sendable {
    private let path: String
    private let handle: FileHandle

    init(_ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure(
                1, "fileUnwritable", "The file \(path) cannot be made: \(String(cString: strerror(errno))).",
                hint: "Check the folder and its permissions, and name a file that is not there yet.")
        }
        self.path = path
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    func write(_ text: String) throws {
        do {
            try handle.write(contentsOf: Data(text.utf8))
        } catch {
            throw unwritable
        }
    }

    /// Flushes to the disk and closes.
    func close() throws {
        do {
            try handle.synchronize()
            try handle.close()
        } catch {
            throw unwritable
        }
    }

    private var unwritable: CommandFailure {
        CommandFailure(
            1, "fileUnwritable", "The file \(path) cannot be written: \(String(cString: strerror(errno))).",
            hint: "Check the space that is left, then take another name.")
    }
}
