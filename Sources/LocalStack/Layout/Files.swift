import FoundationEssentials
import Glibc

/// The few file operations that the stack needs, with owner and mode, and errors that have a name.
enum Files {
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func names(in directory: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    }

    /// The text, or nil when there is no such file.
    static func readIfThere(_ path: String) throws -> String? {
        guard exists(path) else {
            // EACCES is told apart from "not there": the second means "new", the first must stop everything.
            if errno == EACCES { throw notAccessible(path) }
            return nil
        }
        guard let data = FileManager.default.contents(atPath: path) else { throw notAccessible(path) }
        return String(decoding: data, as: UTF8.self)
    }

    static func makeDirectory(_ path: String, _ account: StackAccount) throws {
        if mkdir(path, 0o700) != 0 {
            if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
                try makeParents(String(path[..<slash]))
                guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("Cannot make \(path)") }
            } else if errno != EEXIST {
                throw failure("Cannot make \(path)")
            }
        }
        try own(path, account)
    }

    private static func makeParents(_ path: String) throws {
        guard mkdir(path, 0o755) != 0, errno != EEXIST else { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw failure("Cannot make \(path)")
        }
        try makeParents(String(path[..<slash]))
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw failure("Cannot make \(path)") }
    }

    /// What follows a file's name while it is written.
    static let unfinished = ".new-"

    /// Removes what writers that were killed have left in the directory.
    static func removeUnfinished(in directory: String) {
        for name in names(in: directory) where name.contains(unfinished) { unlink(directory + "/" + name) }
    }

    /// Writes the whole file beside its place and renames it there, so that no reader ever sees half of it.
    static func write(_ text: String, to path: String, mode: mode_t, _ account: StackAccount?) throws {
        // Each writer has a name of its own: clients and servers make a new directory's files at the same time.
        let temporary = path + unfinished + String(UInt64.random(in: 0...UInt64.max), radix: 16)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else { throw failure("Cannot write \(path)") }
        defer { close(descriptor) }
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else {
                if count < 0, errno == EINTR { continue }
                let error = failure("Cannot write \(path)")
                unlink(temporary)
                throw error
            }
            bytes = bytes.dropFirst(count)
        }
        fchmod(descriptor, mode)
        if let account { try own(temporary, account) }
        guard rename(temporary, path) == 0 else {
            let error = failure("Cannot write \(path)")
            unlink(temporary)
            throw error
        }
    }

    /// Gives the file to the account when this process is root; otherwise it is already that account's.
    static func own(_ path: String, _ account: StackAccount) throws {
        guard account.switches else { return }
        guard lchown(path, account.uid, account.gid) == 0 else { throw failure("Cannot change the owner of \(path)") }
    }

    static func ownAll(under path: String, _ account: StackAccount) throws {
        guard account.switches, Files.exists(path) else { return }
        try own(path, account)
        for name in (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? [] {
            try own(path + "/" + name, account)
        }
    }

    static func removeTree(_ path: String) throws {
        guard exists(path) else { return }
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            // Something may still be writing into the tree: what appeared in between is taken on the second pass.
            guard exists(path) else { return }
            do { try FileManager.default.removeItem(atPath: path) } catch { throw failure("Cannot remove \(path)") }
        }
    }

    /// The end of a log, for a named reason in it.
    static func tail(_ path: String, bytes: Int = 8192) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        let size = Int(lseek(descriptor, 0, SEEK_END))
        lseek(descriptor, off_t(max(0, size - bytes)), SEEK_SET)
        var buffer = [UInt8](repeating: 0, count: bytes)
        let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }

    static func failure(_ what: String) -> LocalStackError {
        let number = errno
        if number == EACCES || number == EPERM || number == EROFS {
            return LocalStackError(
                .dataDirectoryNotAccessible, "\(what): \(SystemCall.text(number)).",
                hint: "Run as the user that owns the data directory, or name another directory.")
        }
        return LocalStackError.system(what, number)
    }

    private static func notAccessible(_ path: String) -> LocalStackError {
        LocalStackError(
            .dataDirectoryNotAccessible, "Cannot read \(path).",
            hint: "Run as the user that owns the data directory, or name another directory.")
    }
}

/// Names for error numbers, so that other files need not import the C library.
enum SystemCall {
    static let noSpace = ENOSPC

    static func text(_ number: Int32) -> String { String(cString: strerror(number)) }
}
