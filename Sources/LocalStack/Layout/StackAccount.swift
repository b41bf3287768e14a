import Glibc

/// The user that the servers and programs run as.
///
/// One rule: an ordinary user runs everything as itself. When root starts the stack, everything runs as the user
/// that owns the data directory; a new directory, or one of root's, goes to the first of the layout's preferred
/// accounts that exists. PostgreSQL refuses to run as root.
public struct StackAccount: Sendable, Hashable {
    /// As the system's user database has it; the number when it has none.
    public let name: String
    /// Never 0 when ``switches``: PostgreSQL refuses root.
    public let uid: UInt32
    /// The account's own group, or this process's when it runs as itself.
    public let gid: UInt32
    /// Whether processes must be started as this account, because this process is root.
    public let switches: Bool

    /// Finds the account by the rule; throws `accountMissing` when there is none.
    public static func resolve(for layout: LocalStackLayout) throws -> StackAccount {
        let me = geteuid()
        guard me == 0 else {
            return StackAccount(name: name(of: me), uid: me, gid: getegid(), switches: false)
        }
        var status = stat()
        if stat(layout.root, &status) == 0, status.st_uid != 0 {
            let gid = getpwuid(status.st_uid)?.pointee.pw_gid ?? status.st_gid
            return StackAccount(name: name(of: status.st_uid), uid: status.st_uid, gid: gid, switches: true)
        }
        for name in layout.preferredAccounts {
            if let entry = getpwnam(name), entry.pointee.pw_uid != 0 {
                return StackAccount(name: name, uid: entry.pointee.pw_uid, gid: entry.pointee.pw_gid, switches: true)
            }
        }
        throw LocalStackError(
            .accountMissing,
            "The servers do not run as root, and none of these accounts exists: "
                + "\(layout.preferredAccounts.joined(separator: ", ")).",
            hint: "Run as an ordinary user, or install postgresql, which makes the account postgres.")
    }

    private static func name(of uid: UInt32) -> String {
        getpwuid(uid).map { String(cString: $0.pointee.pw_name) } ?? String(uid)
    }

    /// Throws `dataDirectoryNotAccessible` when the account cannot enter and write the directory, for example
    /// because a parent is closed to it.
    func checkAccess(to directory: String) async throws {
        guard try await may("-w", directory) == false else { return }
        let closed = closedParent(of: directory)
        throw LocalStackError(
            .dataDirectoryNotAccessible,
            "The account \(name), which runs the servers, cannot enter \(directory)"
                + (closed.map { ": \($0) is closed to it." } ?? "."),
            hint: "Choose a data directory outside (for example /var/lib), or let others pass: chmod o+x "
                + (closed ?? directory) + ".")
    }

    /// Throws `executableMissing` when the account cannot execute the file.
    func checkExecutable(_ path: String) async throws {
        guard Files.exists(path) else {
            throw LocalStackError(
                .executableMissing, "\(path) does not exist.", hint: "Install it, or correct the path.")
        }
        guard try await may("-x", path) == false else { return }
        throw LocalStackError(
            .executableMissing, "The account \(name) may not execute \(path).",
            hint: "Install it where that account can reach it, or let others pass: chmod o+rx.")
    }

    private func may(_ test: String, _ path: String) async throws -> Bool {
        guard switches else { return access(path, test == "-x" ? X_OK : W_OK | X_OK) == 0 }
        // The kernel is asked, as that user, because access lists and mounts decide too.
        let child = try await ChildProcess.spawn(
            LaunchCommand(
                executable: "/usr/bin/test", arguments: [test, path], account: self, deathSignal: SIGKILL))
        return await child.exit()?.code == 0
    }

    private func closedParent(of directory: String) -> String? {
        var path = ""
        for part in directory.split(separator: "/") {
            path += "/" + part
            var status = stat()
            guard stat(path, &status) == 0 else { return path }
            let bit: UInt32 = status.st_uid == uid ? 0o100 : status.st_gid == gid ? 0o010 : 0o001
            if status.st_mode & bit == 0 { return path }
        }
        return nil
    }
}
