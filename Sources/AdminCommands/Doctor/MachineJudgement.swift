import LocalStack

/// What is wrong with this machine: the stack's processes, disks, files with secrets.
enum MachineJudgement {
    static func stack(_ status: LocalStackStatus) -> Finding {
        if status.ready { return .ok("stack", "All \(status.processes.count) processes of the stack run.") }
        let ill = status.processes.filter { $0.state != .running }.map {
            "\($0.name) \($0.index) is \($0.state.rawValue)"
        }
        return .failed(
            "stack", ill.isEmpty ? "The stack in \(status.dataDir) does not run." : "Of the stack, \(ill.shortList).",
            hint: "entra-backup stack up --detach --data-dir \(status.dataDir)", runbook: "stack-does-not-start")
    }

    /// A file system.
    struct Disk: Sendable {
        var path: String
        /// Bytes.
        var size: UInt64
        /// Bytes that a program may still write.
        var free: UInt64
    }

    static func disk(_ disk: Disk) -> Finding {
        let share = disk.size > 0 ? Double(disk.free) / Double(disk.size) : 1
        let free = disk.free >= 10_000_000_000 ? "\(disk.free / 1_000_000_000) GB" : "\(disk.free / 1_000_000) MB"
        let message = "\(free), \(Int(share * 100)) %, are free for \(disk.path)."
        let hint = "Free space or add some before it is full: PostgreSQL stops without it."
        if share < 0.02 || disk.free < 200_000_000 {
            return .failed("disk", message, hint: hint, runbook: "disk-full")
        }
        if share < 0.1 || disk.free < 1_000_000_000 {
            return .warning("disk", message, hint: hint, runbook: "disk-full")
        }
        return .ok("disk", message)
    }

    /// - Parameter open: files with passwords that others than their owner may read.
    static func secrets(in folder: String, open: [String]) -> Finding {
        guard !open.isEmpty else { return .ok("secrets", "Nobody but their owner can read the stack's passwords.") }
        return .failed(
            "secrets", "Others than their owner may read passwords in \(folder): \(open.shortList).",
            hint: "chmod -R u=rwX,go= \(folder)", runbook: "role-misconfigured")
    }
}
