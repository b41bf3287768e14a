import Foundation
import Testing

/// Stage programs beside a stack that runs none of them, one of each kind.
final class RunningStages {
    static let names = ["fetcher", "differ", "persister"]
    private let installation: TestInstallation
    private let settings: [String: String]
    private var processes: [String: Process] = [:]
    private var beside: [Process] = []
    private var ports: [String: Int] = [:]

    /// - Parameter settings: environment of every stage.
    init(_ installation: TestInstallation, settings: [String: String] = [:]) {
        self.installation = installation
        self.settings = settings
    }

    /// Starts a stage in place of the one that runs.
    @discardableResult
    func start(_ stage: String, failpoint: String? = nil) throws -> Process {
        processes[stage]?.end()
        let port = try Self.freePort()
        let process = try run(stage, failpoint: failpoint, port: port)
        processes[stage] = process
        ports[stage] = port
        return process
    }

    /// Starts one more copy of a stage.
    func startBeside(_ stage: String) throws -> Process {
        let process = try run(stage, failpoint: nil, port: nil)
        beside.append(process)
        return process
    }

    private func run(_ stage: String, failpoint: String?, port: Int?) throws -> Process {
        var environment = installation.environment.merging(settings) { $1 }
        environment["ENTRA_BACKUP_DATABASE_PASSWORD_FILE"] = "\(installation.data)/secrets/\(stage)-password"
        environment["ENTRA_BACKUP_GRAPH_RESPECTS_QUOTAS"] = "false"
        environment["ENTRA_BACKUP_FAILPOINT"] = failpoint
        environment["ENTRA_BACKUP_HTTP_PORT"] = port.map(String.init)
        return try Programs.start("entra-backup-\(stage)", environment: environment)
    }

    /// How many deliveries the stage has in hand.
    func deliveriesInHand(_ stage: String) throws -> Int? {
        try metrics(stage)["entra_backup_stage_in_progress"]
    }

    /// How many deliveries of the stage ended in which way.
    func outcomes(_ stage: String) throws -> [String: Int] {
        try metrics(stage).filter { $0.key.hasPrefix("entra_backup_stage_deliveries_total") && $0.value > 0 }
            .reduce(into: [:]) { outcomes, metric in
                let label = metric.key.split(separator: "result=\"").last?.prefix { $0 != "\"" } ?? ""
                outcomes[String(label)] = metric.value
            }
    }

    /// The whole-numbered metrics of a stage, by name and, where there are more labels than the stage, labels.
    private func metrics(_ stage: String) throws -> [String: Int] {
        let port = try #require(ports[stage])
        let answer = try Programs.run("/usr/bin/curl", ["-sS", "--max-time", "10", "http://127.0.0.1:\(port)/metrics"])
        var metrics: [String: Int] = [:]
        for line in answer.output.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: " ").map(String.init)
            guard parts.count == 2, let value = Int(parts[1]) else { continue }
            metrics[parts[0].replacing("{stage=\"\(stage)\"}", with: "")] = value
        }
        return metrics
    }

    func stop() {
        for process in processes.values + beside where process.isRunning {
            Foundation.kill(process.processIdentifier, SIGCONT)
            process.end()
        }
    }

    /// A port of the loopback interface that nobody listens on.
    private static func freePort() throws -> Int {
        let socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr = in_addr(s_addr: INADDR_LOOPBACK.bigEndian)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(socket, address, length) == 0 ? getsockname(socket, address, &length) : -1
            }
        }
        try #require(result == 0)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
