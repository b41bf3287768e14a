public import BackupContracts
import Foundation
public import Logging
import MailFolder
public import PostgresStore
import RabbitMQTransport
import ServiceLifecycle
public import StageRuntime
import Synchronization
import UnixSignals

/// What a stage program is given to build its stage.
public struct StageContext: Sendable {
    /// As it was at the start: nothing is read again.
    public let configuration: ServiceConfiguration
    /// Logs in as the stage's own role, unless the configuration names another.
    public let store: PostgresStore
    /// Closed after the last delivery, before ``store``.
    public let transport: any MessageTransport
    /// What `/metrics` shows, where that is served.
    public let metrics: StageMetrics
    /// Set when the program is told to end: finish the unit in hand, pass the rest on.
    public let drain: DrainSignal
    /// What tests have done at the points that a stage passes.
    public let hooks: StageHooks
    /// JSON lines on standard error, with the stage in each.
    public let logger: Logger
    let endings = Endings()

    /// The quota that all fetchers share; without a bound when the configuration says so.
    public var budget: any ResourceBudget { configuration.respectsQuotas ? store : UnlimitedBudget() }

    /// Where mail leaves the system.
    public var mail: any MailTransport {
        MailFolder(path: configuration.mailFolder ?? ServiceConfiguration.standardMailFolder)
    }

    /// Counts one answered request to Microsoft Graph.
    public func countGraphRequest(status: Int, units: Int) {
        metrics.count("entra_backup_graph_requests_total", labels: ["status": "\(status / 100)xx"])
        metrics.count("entra_backup_graph_resource_units_total", by: Double(units))
        if status == 429 { metrics.count("entra_backup_graph_throttled_total") }
    }

    /// Registers what is to be closed after the last delivery.
    public func atEnd(_ close: @escaping @Sendable () async -> Void) { endings.add(close) }

    /// Has a checkpoint of the audit made after the last turn. What cannot be signed then is signed after the next start.
    public func signsAuditAtEnd() {
        atEnd { [store] in _ = try? await store.checkpointAudit(.close, limit: 10_000) }
    }
}

/// What is closed when a program ends.
final class Endings: Sendable {
    private let closures = Mutex<[@Sendable () async -> Void]>([])

    func add(_ close: @escaping @Sendable () async -> Void) { closures.withLock { $0.append(close) } }

    func run() async {
        for close in closures.withLock({ $0 }) { await close() }
    }
}

/// Runs a stage: configuration, logs, health, metrics, signals. The programs are this and their stage.
public struct StageProgram: Sendable {
    /// What a program does besides serving health: consumes its queues, or takes its turns.
    public typealias Work = @Sendable (StageContext) async throws -> Void

    // The programs import their stage and this target only, so that they name no contract.
    /// Starts due backups, publishes what was left behind, applies retention.
    public static var scheduler: StageProgram { StageProgram(.scheduler) }
    /// Opens rounds and walks the pages of Microsoft Graph.
    public static var fetcher: StageProgram { StageProgram(.fetcher) }
    /// Turns pages into sightings and new contents.
    public static var differ: StageProgram { StageProgram(.differ) }
    /// Settles collections and seals snapshots.
    public static var persister: StageProgram { StageProgram(.persister) }
    /// Writes archives of snapshots.
    public static var downloader: StageProgram { StageProgram(.downloader) }
    /// Carries out restores.
    public static var restorer: StageProgram { StageProgram(.restorer) }

    private let stage: Stage
    private let arguments: [String]
    private let environment: [String: String]

    /// Nothing is looked at before it runs. Without `environment` it is that of the process.
    public init(
        _ stage: Stage, arguments: [String] = CommandLine.arguments, environment: [String: String]? = nil
    ) {
        self.stage = stage
        self.arguments = arguments
        self.environment = environment ?? ProcessInfo.processInfo.environment
    }

    /// Runs a stage that consumes queues.
    public func runConsumer(_ makeHandler: @escaping @Sendable (StageContext) async throws -> MessageHandler) async
        -> Never
    {
        let hooks = Failpoints.hooks(environment: environment)
        let stage = stage
        await run(hooks) { context in
            let worker = StageWorker(
                stage: stage, messages: context.store, transport: context.transport, metrics: context.metrics,
                hooks: hooks, drain: context.drain, logger: context.logger, handler: try await makeHandler(context))
            await worker.run(concurrency: context.configuration.concurrency)
        }
    }

    /// Runs a stage of its own kind.
    public func run(_ work: @escaping Work) async -> Never {
        await run(Failpoints.hooks(environment: environment), work)
    }

    private func run(_ hooks: StageHooks, _ work: @escaping Work) async -> Never {
        do {
            try await serve(hooks, work)
            exit(0)
        } catch let error as ConfigurationError {
            FileHandle.standardError.write(Data("\(stage.program): \(error)\n".utf8))
            exit(2)
        } catch {
            FileHandle.standardError.write(Data("\(stage.program): \(error)\n".utf8))
            exit(1)
        }
    }

    private func serve(_ hooks: StageHooks, _ work: @escaping Work) async throws {
        let configuration = try ServiceConfiguration(file: try configurationFile(), environment: environment)
        let stage = stage
        let logger = Logger(label: stage.program) { _ in
            JSONLogHandler(stage: stage.rawValue, level: configuration.logLevel)
        }
        let metrics = StageMetrics(stage: stage) { Date.now.timeIntervalSince1970 }
        metrics.set("entra_backup_build_info", 1, labels: ["version": buildVersion])
        // The scheduler's leadership is a lock of its only session.
        let connections = configuration.databaseConnections ?? (stage == .scheduler ? 1 : configuration.concurrency + 4)
        let store = PostgresStore(
            settings: configuration.database(role: "entra_backup_\(stage.rawValue)"), connections: connections,
            keyStorePath: configuration.keyStorePath, hooks: hooks, logger: logger)
        let transport = RabbitMQTransport(
            settings: configuration.broker(connectionName: stage.program), logger: logger)
        let context = StageContext(
            configuration: configuration, store: store, transport: transport, metrics: metrics, drain: DrainSignal(),
            hooks: hooks, logger: logger)
        var services: [any Service] = [StageService(context: context, work: work)]
        if configuration.httpPort > 0 {
            services.insert(
                HealthService(
                    server: HealthServer(
                        host: configuration.httpHost, port: configuration.httpPort, metrics: metrics, logger: logger,
                        isReady: { await Readiness.isReady(context) })), at: 0)
        }
        logger.info("stage started", metadata: ["version": "\(buildVersion)"])
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map {
                    .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup)
                }, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
        await context.endings.run()
        await transport.close()
        await store.close()
        logger.info("stage stopped")
    }

    private func configurationFile() throws(ConfigurationError) -> String? {
        if let index = arguments.firstIndex(of: "--config") {
            guard arguments.indices.contains(index + 1) else {
                throw ConfigurationError("--config needs a path.", hint: "Usage: \(stage.program) [--config FILE]")
            }
            return arguments[index + 1]
        }
        if let extra = arguments.dropFirst().first {
            throw ConfigurationError(
                "The argument \(extra) is not known.", hint: "Usage: \(stage.program) [--config FILE]")
        }
        let usual = "config/service.yaml"
        return FileManager.default.fileExists(atPath: usual) ? usual : nil
    }
}

/// The version of this build.
public let buildVersion = "0.1.0"

private struct HealthService: Service {
    let server: HealthServer

    func run() async throws { try await server.run() }
}

private struct StageService: Service {
    let context: StageContext
    let work: StageProgram.Work

    /// Runs the work in a task that a shutdown cancels, after the drain signal told handlers to come to an end.
    func run() async throws {
        let task = Task { try await work(context) }
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                try await task.value
            } onGracefulShutdown: {
                context.drain.drain()
                task.cancel()
            }
        } onCancel: {
            context.drain.drain()
            task.cancel()
        }
    }
}

/// Whether database and broker answer.
enum Readiness {
    static func isReady(_ context: StageContext) async -> Bool {
        do {
            try await context.store.ping()
            _ = try await context.transport.readyCount(.backupJobs)
            return true
        } catch {
            return false
        }
    }
}
