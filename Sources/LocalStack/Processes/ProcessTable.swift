import FoundationEssentials
import Glibc

/// A process that cannot be mistaken for another one that was given the same pid later.
public struct ProcessIdentity: Sendable, Hashable, Codable {
    /// Given anew by the kernel when the process is gone: alone it identifies nothing.
    public let pid: Int32
    /// Clock ticks since boot, field 22 of `/proc/PID/stat` (proc(5)).
    public let startTime: UInt64

    /// Whether this very process is there and not a zombie.
    public var isAlive: Bool { startTime != 0 && ProcessTable.startTime(of: pid) == startTime }

    /// Whether it is there and will stay: a process that was sent SIGKILL is still there for some milliseconds.
    var isLasting: Bool { isAlive && !ProcessTable.isEnding(pid) }
}

/// What `/proc` tells of processes.
enum ProcessTable {
    /// The boot that the start times count from.
    static var bootID: String {
        ((try? Files.readIfThere("/proc/sys/kernel/random/boot_id")) ?? nil)?
            .trimmed ?? ""
    }

    static var own: ProcessIdentity {
        let pid = getpid()
        return ProcessIdentity(pid: pid, startTime: startTime(of: pid) ?? 0)
    }

    /// The start time, nil when there is no such process or only its zombie.
    static func startTime(of pid: Int32) -> UInt64? {
        guard let fields = fields(of: pid), fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return UInt64(fields[19])
    }

    /// The fields of `/proc/PID/stat` from the third on; the name before them may hold spaces and parentheses.
    private static func fields(of pid: Int32) -> [Substring]? {
        guard let text = contents("/proc/\(pid)/stat"), let name = text.lastIndex(of: ")") else { return nil }
        return text[name...].dropFirst(2).split(separator: " ")
    }

    static func identity(of pid: Int32) -> ProcessIdentity? {
        startTime(of: pid).map { ProcessIdentity(pid: pid, startTime: $0) }
    }

    /// Whether the kernel is about to end the process: SIGKILL is pending, or its exit has begun.
    static func isEnding(_ pid: Int32) -> Bool {
        guard let status = contents("/proc/\(pid)/status") else { return true }
        let pending = status.split(separator: "\n").filter { $0.hasPrefix("SigPnd:") || $0.hasPrefix("ShdPnd:") }
        let kill: UInt64 = 1 << UInt64(SIGKILL - 1)
        if pending.contains(where: { (UInt64($0.dropFirst(7).drop { $0 == "\t" }, radix: 16) ?? 0) & kill != 0 }) {
            return true
        }
        // Field 9, the kernel's flags for the task: PF_EXITING (include/linux/sched.h).
        guard let flags = fields(of: pid)?.dropFirst(6).first.flatMap({ UInt64($0) }) else { return true }
        return flags & 0x4 != 0
    }

    /// The processes whose environment names the data directory, with their role.
    ///
    /// PostgreSQL overwrites its environment with its title, so it is found by `postgresProcesses`.
    static func marked(_ layout: LocalStackLayout) -> [(process: ProcessIdentity, role: String)] {
        let marker = "\(LaunchCommand.marker)=\(layout.root)"
        let me = getpid()
        return pids.compactMap { pid in
            guard pid != me, let environment = contents("/proc/\(pid)/environ") else { return nil }
            let words = environment.split(separator: "\0")
            guard words.contains(where: { $0 == marker }), let process = identity(of: pid) else { return nil }
            let prefix = LaunchCommand.role + "="
            let role = words.first { $0.hasPrefix(prefix) }?.dropFirst(prefix.count)
            return (process, role.map(String.init) ?? "")
        }
    }

    /// The postmaster of this cluster and its backends: `postgres` programs that stand in its directory.
    static func postgresProcesses(_ layout: LocalStackLayout) -> [ProcessIdentity] {
        pids.compactMap { pid in
            guard let directory = link("/proc/\(pid)/cwd"),
                directory == layout.postgres || directory == layout.postgres + " (deleted)",
                link("/proc/\(pid)/exe")?.lastComponent == "postgres"
            else { return nil }
            return identity(of: pid)
        }
    }

    private static var pids: [Int32] { Files.names(in: "/proc").compactMap { Int32($0) } }

    private static func link(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &buffer, buffer.count)
        return count < 0 ? nil : String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Files under /proc have no size: they are read until they end.
    private static func contents(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return count < 0 ? nil : String(decoding: all, as: UTF8.self) }
            all += buffer[..<count]
        }
    }
}
