import Foundation

/// A failed call of the operating system.
struct SystemCallError: Error, CustomStringConvertible {
    let call: String
    let number: Int32

    /// Takes `errno`, so it must be made right after the call.
    init(_ call: String) {
        self.call = call
        number = errno
    }

    var description: String { "\(call): \(String(cString: strerror(number)))" }
}

/// Reads and writes the small files of a key store: for the owner only, whole or not at all, on the disk when the
/// call returns.
enum SecretFile {
    private static let largest = 4096

    /// The file's bytes; nil if there is none.
    static func read(_ path: String) throws(KeyError) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw unreadable(path, SystemCallError("open"))
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw unreadable(path, SystemCallError("fstat")) }
        try checkMode(status.st_mode, path: path)
        var bytes = [UInt8](repeating: 0, count: largest + 1)
        let count = Foundation.read(file, &bytes, bytes.count)
        guard count >= 0 else { throw unreadable(path, SystemCallError("read")) }
        defer { bytes.erase() }
        guard count <= largest else { throw KeyError(.keyDamaged, "\(path) is too large for a key file.") }
        return Array(bytes[..<count])
    }

    /// Checks that a folder is there and open to its owner only.
    static func checkFolder(_ path: String) throws(KeyError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT { throw KeyError(.keyStoreMissing, "There is no key store at \(path).") }
            throw unreadable(path, SystemCallError("stat"))
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw KeyError(.keyStoreMissing, "\(path) is not a folder and so no key store.")
        }
        try checkMode(status.st_mode, path: path)
    }

    /// Writes a new file. False, and nothing changed, if the name is taken.
    ///
    /// The bytes go to a temporary file that is then linked to its name: other than `rename`, `link` never replaces
    /// (https://man7.org/linux/man-pages/man2/link.2.html).
    static func create(_ path: String, bytes: [UInt8]) throws(KeyError) -> Bool {
        let temporary = "\(path).\(UInt64.random(in: .min ... .max)).new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw unwritable(path, SystemCallError("open")) }
        defer { unlink(temporary) }
        giveToOwnerOfFolder(file, path)
        try write(bytes, to: file, path: path)
        guard link(temporary, path) == 0 else {
            if errno == EEXIST { return false }
            throw unwritable(path, SystemCallError("link"))
        }
        unlink(temporary)
        try syncFolder(of: path)
        return true
    }

    /// Overwrites the file's bytes where they lie and removes its name. Does nothing if there is no file.
    ///
    /// On flash memory, copy-on-write volumes and in snapshots of a volume old bytes can outlive this.
    static func destroy(_ path: String) throws(KeyError) {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT { return }
            throw unwritable(path, SystemCallError("open"))
        }
        var status = stat()
        let size = fstat(file, &status) == 0 ? Int(status.st_size) : largest
        var generator = SystemRandomNumberGenerator()
        try write((0..<size).map { _ in generator.next() }, to: file, path: path)
        guard unlink(path) == 0 || errno == ENOENT else { throw unwritable(path, SystemCallError("unlink")) }
        try syncFolder(of: path)
    }

    /// Gives the file a name with the next free number behind it.
    static func moveAside(_ path: String) throws(KeyError) {
        for number in 1...Int(UInt16.max) where access("\(path)-\(number)", F_OK) != 0 {
            guard rename(path, "\(path)-\(number)") == 0 || errno == ENOENT else {
                throw unwritable(path, SystemCallError("rename"))
            }
            return try syncFolder(of: path)
        }
        throw KeyError(.keyStoreUnwritable, "The numbers behind \(path) are used up.")
    }

    /// Creates a folder for the owner only; an existing one is left as it is.
    static func createFolder(_ path: String) throws(KeyError) {
        if mkdir(path, 0o700) == 0 {
            let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            if folder >= 0 {
                giveToOwnerOfFolder(folder, path)
                close(folder)
            }
        } else if errno != EEXIST {
            throw unwritable(path, SystemCallError("mkdir"))
        }
        try syncFolder(of: path)
    }

    /// What root makes in a key store belongs to the store's owner, as whom the stages read it.
    private static func giveToOwnerOfFolder(_ file: Int32, _ path: String) {
        var status = stat()
        guard geteuid() == 0, stat((path as NSString).deletingLastPathComponent, &status) == 0 else { return }
        // A failure shows when a stage reads the file, with its own name.
        _ = fchown(file, status.st_uid, status.st_gid)
    }

    /// Writes, flushes to the disk and closes.
    private static func write(_ bytes: [UInt8], to file: Int32, path: String) throws(KeyError) {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
            guard count > 0 else {
                let error = SystemCallError("write")
                close(file)
                throw unwritable(path, error)
            }
            written += count
        }
        guard fsync(file) == 0 else {
            let error = SystemCallError("fsync")
            close(file)
            throw unwritable(path, error)
        }
        guard close(file) == 0 else { throw unwritable(path, SystemCallError("close")) }
    }

    /// Flushes the folder of `path`, without which a new name may be lost in a crash.
    private static func syncFolder(of path: String) throws(KeyError) {
        let parent = (path as NSString).deletingLastPathComponent
        let folder = open(parent.isEmpty ? "." : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw unwritable(path, SystemCallError("open")) }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw unwritable(path, SystemCallError("fsync")) }
    }

    private static func checkMode(_ mode: mode_t, path: String) throws(KeyError) {
        guard mode & 0o077 == 0 else {
            let text = String(mode & 0o777, radix: 8)
            throw KeyError(.keyPermissionsTooOpen, "\(path) has mode \(text): others than its owner have access.")
        }
    }

    private static func unreadable(_ path: String, _ error: SystemCallError) -> KeyError {
        KeyError(.keyStoreUnreadable, "\(path) cannot be read.", cause: error)
    }

    private static func unwritable(_ path: String, _ error: SystemCallError) -> KeyError {
        KeyError(.keyStoreUnwritable, "\(path) cannot be written.", cause: error)
    }
}
