import Foundation
import Glibc
import Synchronization

/// How a process ended.
struct ExitStatus: Sendable, Equatable, CustomStringConvertible {
    /// The exit code, nil when a signal ended it.
    let code: Int32?
    let signal: Int32?

    var description: String { signal.map { "signal \($0)" } ?? "exit code \(code ?? -1)" }

    init(waitStatus: Int32) {
        let low = waitStatus & 0x7f
        code = low == 0 ? (waitStatus >> 8) & 0xff : nil
        signal = low == 0 ? nil : low
    }
}

/// A process that this one started.
///
/// It has a session of its own, standard input from /dev/null, its output in a log, and none of our other
/// descriptors. One thread starts it and waits for its end: the kernel sends the death signal when the *thread* that
/// started a child ends, so that thread has to live as long as the child.
final class ChildProcess: Sendable {
    let identity: ProcessIdentity
    private let ended = Gate()
    private let status = Mutex<ExitStatus?>(nil)

    var pid: Int32 { identity.pid }
    var hasExited: Bool { status.withLock { $0 != nil } }
    var exitStatus: ExitStatus? { status.withLock { $0 } }

    private init(_ identity: ProcessIdentity) { self.identity = identity }

    static func spawn(_ command: LaunchCommand) async throws -> ChildProcess {
        let result: Result<ChildProcess, LocalStackError> = await withCheckedContinuation { continuation in
            let thread = Thread {
                switch start(command) {
                case .failure(let error):
                    continuation.resume(returning: .failure(error))
                case .success(let pid):
                    let child = ChildProcess(ProcessIdentity(pid: pid, startTime: ProcessTable.startTime(of: pid) ?? 0))
                    continuation.resume(returning: .success(child))
                    child.reap()
                }
            }
            thread.stackSize = 256 * 1024
            thread.start()
        }
        return try result.get()
    }

    /// Sends a signal, and does nothing when the process has ended: its pid may be someone else's by then.
    func signal(_ number: Int32) {
        status.withLock { status in
            if status == nil { kill(pid, number) }
        }
    }

    /// Kills the process and those of its group that it has started.
    func killGroup() {
        status.withLock { status in
            if status == nil { kill(-pid, SIGKILL) }
        }
    }

    /// Waits for the end; nil when the time is over or the waiting task is cancelled.
    @discardableResult
    func exit(within limit: Duration? = nil) async -> ExitStatus? {
        await ended.wait(for: limit)
        return exitStatus
    }

    /// Asks with the signal, waits, then kills.
    func stop(with number: Int32, grace: Duration) async {
        signal(number)
        if await exit(within: grace) == nil {
            killGroup()
            await exit(within: .seconds(10))
        }
    }

    private func reap() {
        // The first wait leaves the process a zombie, so that its pid and group cannot be given away before the lock
        // is taken; what is left of its group is killed with it.
        var information = siginfo_t()
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        status.withLock { status in
            kill(-pid, SIGKILL)
            var raw: Int32 = 0
            while waitpid(pid, &raw, 0) < 0, errno == EINTR {}
            status = ExitStatus(waitStatus: raw)
        }
        ended.open()
    }

    private static func start(_ command: LaunchCommand) -> Result<pid_t, LocalStackError> {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        if let log = command.log {
            rotate(log)
            let descriptor = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o640)
            guard descriptor >= 0 else { return .failure(Files.failure("Cannot open \(log)")) }
            if let account = command.account, account.switches { fchown(descriptor, account.uid, account.gid) }
            close(descriptor)
        }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, command.log ?? "/dev/null", O_WRONLY | O_APPEND, 0)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        guard let closeFrom = SpawnExtras.closeFrom, let changeDirectory = SpawnExtras.changeDirectory else {
            return .failure(LocalStackError.system("Cannot start \(command.executable)", ENOSYS))
        }
        _ = closeFrom(&actions, 3)
        _ = changeDirectory(&actions, command.workingDirectory)
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(
            &attributes, SpawnExtras.newSession | Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let words = command.argumentVector
        var arguments = words.map { strdup($0) } + [nil]
        var environment = command.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (arguments + environment).forEach { free($0) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, words[0], &actions, &attributes, &arguments, &environment)
        guard code == 0 else { return .failure(LocalStackError.system("Cannot start \(command.executable)", code)) }
        return .success(pid)
    }

    /// A log that has grown past 10 MB starts anew; one older file is kept.
    private static func rotate(_ log: String) {
        var information = Glibc.stat()
        if stat(log, &information) == 0, information.st_size > 10_000_000 { rename(log, log + ".1") }
    }
}

/// GNU additions to posix_spawn (glibc 2.34 and newer; spawn.h), which the C module hides without _GNU_SOURCE.
private enum SpawnExtras {
    typealias Actions = UnsafeMutablePointer<posix_spawn_file_actions_t>

    /// POSIX_SPAWN_SETSID
    static let newSession: Int16 = 0x80

    static let closeFrom: CloseFrom? =
        dlsym(nil, "posix_spawn_file_actions_addclosefrom_np").map { unsafeBitCast($0, to: CloseFrom.self) }
    static let changeDirectory: ChangeDirectory? =
        dlsym(nil, "posix_spawn_file_actions_addchdir_np").map { unsafeBitCast($0, to: ChangeDirectory.self) }

    typealias CloseFrom = @convention(c) (Actions, Int32) -> Int32
    typealias ChangeDirectory = @convention(c) (Actions, UnsafePointer<CChar>) -> Int32
}
