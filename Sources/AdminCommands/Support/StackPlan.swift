import BackupContracts
import Foundation
import LocalStack

/// The programs of the local stack.
struct StackPlan: Sendable {
    /// Copies by stage name.
    var workers: [String: Int]
    /// The simulator, with its fixture file when one was given.
    var simulator: Simulator?

    enum Simulator: Sendable {
        case standard
        case fixture(String)
    }

    /// The folder in which this program lies; the stages lie beside it.
    static var programs: String {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: own).deletingLastPathComponent().path
    }

    var plan: LocalStackPlan {
        LocalStackPlan(
            programs: { endpoints in try programs(endpoints) },
            prepare: { endpoints in try await StackPreparation(endpoints: endpoints).run() })
    }

    private func programs(_ endpoints: LocalStackEndpoints) throws -> [SupervisedProgram] {
        var all: [SupervisedProgram] = []
        if let simulator { all.append(simulatorProgram(simulator, endpoints)) }
        for stage in Stage.allCases {
            let copies = workers[stage.rawValue] ?? 1
            guard copies > 0 else { continue }
            var environment = StackEnvironment.variables(endpoints)
            environment = environment.filter { !$0.key.contains("SIMULATOR") && !$0.key.hasSuffix("DATA_DIR") }
            environment["ENTRA_BACKUP_DATABASE_PASSWORD_FILE"] = StackPreparation.passwordFile(
                stage.rawValue, endpoints.layout)
            environment["ENTRA_BACKUP_HTTP_PORT"] = "{port}"
            // Few arenas, and large blocks that go back to the system when they are freed: the memory of a stage then
            // follows the pages in hand, not the busiest moment of each thread.
            environment["MALLOC_ARENA_MAX"] = "2"
            environment["MALLOC_MMAP_THRESHOLD_"] = "262144"
            environment["MALLOC_TRIM_THRESHOLD_"] = "1048576"
            for (name, value) in ProcessInfo.processInfo.environment where Self.passedOn.contains(name) {
                environment[name] = value
            }
            all.append(
                SupervisedProgram(
                    name: stage.rawValue, executable: "\(Self.programs)/\(stage.program)", arguments: [],
                    environment: environment, copies: copies, readinessPath: "/readyz", metricsPath: "/metrics",
                    dataDirectory: nil))
        }
        return all
    }

    /// Settings of the caller that the stages of its stack get as well.
    private static let passedOn: Set<String> = [
        "ENTRA_BACKUP_LOG_LEVEL", "ENTRA_BACKUP_STAGE_CONCURRENCY", "ENTRA_BACKUP_GRAPH_PATIENCE_SECONDS",
        "ENTRA_BACKUP_GRAPH_RESPECTS_QUOTAS",
        "ENTRA_BACKUP_SCHEDULER_TURN_MS", "ENTRA_BACKUP_BROKER_HEARTBEAT_SECONDS",
        "ENTRA_BACKUP_DATABASE_IDLE_IN_TRANSACTION_SECONDS",
    ]

    private func simulatorProgram(_ simulator: Simulator, _ endpoints: LocalStackEndpoints) -> SupervisedProgram {
        var arguments = ["--port", "{port}", "--describe-file", SimulatorDescription.file(endpoints.layout)]
        if case .fixture(let file) = simulator { arguments += ["--fixture", file] }
        return SupervisedProgram(
            name: "simulator", executable: "\(Self.programs)/tenant-simulator", arguments: arguments, environment: [:],
            copies: 1, readinessPath: "/_control/health", metricsPath: nil, dataDirectory: nil)
    }

    /// Reads `fetcher=2,differ=1`.
    static func workers(_ text: String) throws -> [String: Int] {
        var workers: [String: Int] = [:]
        for part in text.split(separator: ",") {
            let pair = part.split(separator: "=", omittingEmptySubsequences: false)
            guard pair.count == 2, let count = Int(pair[1]), (0...64).contains(count) else {
                throw Check.invalid("workersMalformed", "--workers \(part): STAGE=N with N from 0 to 64 is expected.")
            }
            guard Stage(rawValue: String(pair[0])) != nil else {
                let names = Stage.allCases.map(\.rawValue).joined(separator: ", ")
                throw Check.invalid("stageUnknown", "--workers: there is no stage \(pair[0]); stages are \(names).")
            }
            workers[String(pair[0])] = count
        }
        return workers
    }
}
