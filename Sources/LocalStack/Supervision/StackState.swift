import FoundationEssentials
import Synchronization

/// What `stack status --json` prints; the coding keys are that contract.
public struct LocalStackStatus: Sendable, Codable, Equatable {
    /// One server, or one copy of a program.
    public struct Process: Sendable, Codable, Equatable {
        /// Raw values are part of the command-line contract.
        public enum State: String, Sendable, Codable {
            /// Started, not ready yet.
            case starting
            case running
            /// Died, and waits to be started again.
            case restarting
            case stopped
        }

        /// `postgres`, `rabbitmq` or the program's name, such as `fetcher`.
        public var name: String
        /// Copies count from 1.
        public var index: Int
        /// Null while it does not run.
        public var pid: Int32?
        /// As the supervisor last said, set right by what the process table shows.
        public var state: State
        /// How often it was started again since the supervisor started.
        public var restarts: Int
        /// On loopback; null for the servers and for programs without metrics.
        public var metricsUrl: String?
        /// Absolute; null for programs that keep nothing on disk.
        public var dataDir: String?

        /// Writes null for what is not there: the keys are always present.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(name, forKey: .name)
            try container.encode(index, forKey: .index)
            try container.encode(pid, forKey: .pid)
            try container.encode(state, forKey: .state)
            try container.encode(restarts, forKey: .restarts)
            try container.encode(metricsUrl, forKey: .metricsUrl)
            try container.encode(dataDir, forKey: .dataDir)
        }
    }

    /// A supervisor lives, has started all that its plan names, and all of it is running.
    public var ready: Bool
    /// Absolute, symbolic links resolved.
    public var dataDir: String
    /// Servers first, then programs in the order of their start; empty before the first start.
    public var processes: [Process]
}

/// The content of `run/state.json`.
struct StackState: Sendable, Codable {
    struct Entry: Sendable, Codable {
        var status: LocalStackStatus.Process
        var startTime: UInt64?
        /// Why it was not ready the last time; not a secret, from `LocalStackError`.
        var failure: LocalStackError?
    }

    var supervisor: ProcessIdentity
    var bootID: String
    /// What the supervisor does now, for a progress display.
    var step: String
    /// The supervisor has started everything that the plan names.
    var complete = false
    /// Counts the repairs that clients have asked for.
    var repairs = 0
    var ports: [String: UInt16]
    var processes: [Entry] = []

    var ready: Bool { complete && processes.allSatisfy { $0.status.state == .running } }

    static func read(_ layout: LocalStackLayout) -> StackState? {
        guard let text = (try? Files.readIfThere(layout.stateFile)) ?? nil else { return nil }
        return try? JSONDecoder().decode(StackState.self, from: Data(text.utf8))
    }
}

/// The supervisor's state, written to its file at each change.
final class StateBoard: Sendable {
    private let layout: LocalStackLayout
    private let ports: PortBook
    private let state: Mutex<StackState>
    private let report: @Sendable (String) -> Void

    init(_ layout: LocalStackLayout, ports: PortBook, report: @escaping @Sendable (String) -> Void) {
        self.layout = layout
        self.ports = ports
        self.report = report
        state = Mutex(
            StackState(supervisor: ProcessTable.own, bootID: ProcessTable.bootID, step: "", ports: ports.all))
    }

    func step(_ text: String) {
        update { $0.step = text }
        report(text)
    }

    func update(_ change: (inout StackState) -> Void) {
        state.withLock { state in
            change(&state)
            state.ports = ports.all
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            // A full disk must not end the supervision of what runs; the next change tries again.
            guard let data = try? encoder.encode(state) else { return }
            try? Files.write(String(decoding: data, as: UTF8.self), to: layout.stateFile, mode: 0o644, nil)
        }
    }

    func entry(_ name: String, _ index: Int, _ change: (inout StackState.Entry) -> Void) {
        update { state in
            guard let at = state.processes.firstIndex(where: { $0.status.name == name && $0.status.index == index })
            else { return }
            change(&state.processes[at])
        }
    }

    func add(_ entries: [StackState.Entry]) { update { $0.processes += entries } }
}
