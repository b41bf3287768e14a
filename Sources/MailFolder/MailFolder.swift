public import BackupContracts
import Foundation

/// Mail as files: each message a file `ID.eml` in a folder, from which whatever sends mail takes them away.
///
/// A file appears whole or not at all: it is written under a hidden name, flushed to the disk and renamed.
public struct MailFolder: MailTransport {
    /// Made when the first message is written.
    public let path: String
    /// `fsync`; tests give one that fails.
    private let flush: @Sendable (Int32) -> Int32

    /// The folder need not exist; relative to the current directory unless it begins with a slash.
    public init(path: String) { self.init(path: path, flush: { fsync($0) }) }

    init(path: String, flush: @escaping @Sendable (Int32) -> Int32) {
        self.path = path
        self.flush = flush
    }

    /// See ``MailTransport``. A message whose file is still there is not written again, but flushed. Throws
    /// ``FailureCode/mailNotHandedOver`` alone.
    public func send(_ mail: OutgoingMail) async throws(StageFailure) {
        let name = mail.id.uuidString.lowercased()
        let target = "\(path)/\(name).eml"
        // The one who made it may have failed, or died, before its name was on the disk.
        guard access(target, F_OK) != 0 else { return try flushFolder() }
        try makeFolder()
        // A name of its own: another that sends the same message must not cut or take away a half-written file.
        let draft = "\(path)/.\(name)-\(UUID().uuidString.lowercased())"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("The file \(draft) cannot be made") }
        do throws(StageFailure) {
            try write(Array(mail.message.utf8), to: descriptor)
            try giveToOwner(of: descriptor)
        } catch {
            close(descriptor)
            unlink(draft)
            throw error
        }
        close(descriptor)
        guard rename(draft, target) == 0 else {
            let failure = failure("The file \(target) cannot be made")
            unlink(draft)
            throw failure
        }
        try flushFolder()
    }

    private func makeFolder() throws(StageFailure) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw failure("The folder \(path) cannot be made")
        }
    }

    private func write(_ bytes: [UInt8], to descriptor: Int32) throws(StageFailure) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress?.advanced(by: written), bytes.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("A message cannot be written into \(path)") }
            written += count
        }
        guard flush(descriptor) == 0 else { throw failure("A message cannot be written into \(path)") }
    }

    /// A command that root types writes for the user that the folder belongs to.
    private func giveToOwner(of descriptor: Int32) throws(StageFailure) {
        guard geteuid() == 0 else { return }
        var folder = stat()
        guard stat(path, &folder) == 0, fchown(descriptor, folder.st_uid, folder.st_gid) == 0 else {
            throw failure("A message in \(path) cannot be given to the folder's owner")
        }
    }

    /// The new name is on the disk as well.
    private func flushFolder() throws(StageFailure) {
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw failure("The folder \(path) cannot be opened") }
        defer { close(folder) }
        guard flush(folder) == 0 else { throw failure("The folder \(path) cannot be flushed to the disk") }
    }

    private func failure(_ what: String) -> StageFailure {
        StageFailure(.mailNotHandedOver, "\(what): \(String(cString: strerror(errno))).")
    }
}
