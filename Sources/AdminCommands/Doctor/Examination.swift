import Foundation
import LocalStack
import PostgresStore
import RabbitMQTransport
import ServiceBootstrap

/// Asks everything that `doctor` judges. What cannot be asked is a finding itself and keeps nothing else from being
/// asked that does not need it.
struct Examination {
    let options: GlobalOptions

    func run() async -> [Finding] {
        let configuration: ServiceConfiguration
        do {
            configuration = try options.configuration()
        } catch {
            var failure = CommandFailure(error)
            failure.runbook = failure.runbook ?? "stage-down"
            return [.failed("configuration", failure)] + machine(nil)
        }
        var findings = [Finding.ok("configuration", "Every key of the configuration is known and in its range.")]
        findings += machine(configuration.keyStorePath)
        findings += await database(configuration)
        return findings + (await broker(configuration))
    }

    /// What `body` finds; its failure is a finding.
    private func ask(_ check: String, _ body: () async throws -> [Finding]) async -> [Finding] {
        do {
            return try await body()
        } catch {
            return [.failed(check, CommandFailure(error))]
        }
    }

    /// Asks again for a few seconds while a consumer or a leader is missing: one that has just started, or makes its
    /// connection anew, is on its way.
    private func lookAgain<T>(while isIll: (T) -> Bool, _ read: () async throws -> T) async throws -> T {
        let end = ContinuousClock.now + .seconds(3)
        var facts = try await read()
        while isIll(facts), ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(250))
            facts = try await read()
        }
        return facts
    }

    // MARK: Machine

    /// The stack that this configuration is about, if it is about one.
    private var stack: LocalStackClient? {
        let environment = ProcessInfo.processInfo.environment
        let isNamed = options.dataDirectory != nil || environment["ENTRA_BACKUP_DATA_DIR"] != nil
        if !isNamed, environment["ENTRA_BACKUP_DATABASE_PORT"] != nil || options.config != nil { return nil }
        let client = LocalStackClient(layout: StackEnvironment.layout(options.dataDirectory))
        return isNamed || client.endpoints() != nil ? client : nil
    }

    private func machine(_ keyStore: String?) -> [Finding] {
        var findings: [Finding] = []
        var places: [String] = []
        if let stack {
            do {
                findings.append(MachineJudgement.stack(try stack.status()))
            } catch {
                findings.append(.failed("stack", CommandFailure(error)))
            }
            let secrets = stack.layout.secrets
            findings.append(MachineJudgement.secrets(in: secrets, open: Self.openFiles(in: secrets)))
            places.append(stack.layout.root)
        }
        if let keyStore { places.append(keyStore) }
        var seen: Set<UInt64> = []
        for place in places {
            guard let (disk, number) = Self.disk(place), seen.insert(number).inserted else { continue }
            findings.append(MachineJudgement.disk(disk))
        }
        return findings
    }

    private static func openFiles(in folder: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.sorted().filter { name in
            var status = stat()
            return stat("\(folder)/\(name)", &status) == 0 && status.st_mode & 0o077 != 0
        }
    }

    /// The file system under a path, and its number.
    private static func disk(_ path: String) -> (MachineJudgement.Disk, UInt64)? {
        var space = statvfs()
        var status = stat()
        guard statvfs(path, &space) == 0, stat(path, &status) == 0 else { return nil }
        let block = UInt64(space.f_frsize)
        return (
            .init(path: path, size: UInt64(space.f_blocks) * block, free: UInt64(space.f_bavail) * block),
            UInt64(status.st_dev)
        )
    }

    // MARK: Database

    private func database(_ configuration: ServiceConfiguration) async -> [Finding] {
        let settings = configuration.database(role: "entra_backup_operator")
        return await ask("database") {
            try await options.withStore { store, _ in
                let (findings, hasSchema) = await server(store, settings)
                return findings + (await keys(store, hasSchema: hasSchema))
            }
        }
    }

    /// What the database tells, and whether it has a schema. Without an answer nothing else of it can be asked.
    private func server(_ store: PostgresStore, _ settings: DatabaseSettings) async -> ([Finding], Bool) {
        do {
            let findings = ServerJudgement.findings(try await store.serverFacts(), settings)
            let applied = try await store.appliedMigrations()
            let schema = AccessJudgement.schema(applied)
            guard !applied.isEmpty else { return (findings + [schema], false) }
            let access = await ask("roles") {
                AccessJudgement.findings(try await store.accessFacts(applied: Set(applied.map(\.number))))
            }
            return (findings + [schema] + access + (await logins(settings)) + (await work(store)), true)
        } catch {
            return ([ServerJudgement.unreachable(CommandFailure(error))], false)
        }
    }

    /// Where the passwords of all roles are at hand, each one is tried.
    private func logins(_ settings: DatabaseSettings) async -> [Finding] {
        guard let stack else { return [] }
        var findings: [Finding] = []
        for role in Installation.roles {
            var own = settings
            own.user = "entra_backup_\(role)"
            let file = StackPreparation.passwordFile(role, stack.layout)
            own.password = (try? SecretFile.read(file)).map { DatabaseSettings.Secret($0) }
            do {
                try await own.logIn()
                findings.append(AccessJudgement.login(role, refused: nil))
            } catch {
                findings.append(AccessJudgement.login(role, refused: CommandFailure(error)))
            }
        }
        return findings
    }

    private func work(_ store: PostgresStore) async -> [Finding] {
        await ask("scheduler") {
            let hasLeader = try await lookAgain(while: { !$0 }) { try await store.hasLeader() }
            return [WorkJudgement.scheduler(hasLeader: hasLeader)]
        }
            + (await ask("backlog") {
                WorkJudgement.findings(try await store.health(), try await store.backlog())
            })
            + (await ask("erasures") { [WorkJudgement.erasures(try await store.openErasures(), now: .now)] })
    }

    /// Of how many tenants the newest snapshot's signature is checked: one would do, if it were the right one.
    private static let signatures = 20

    private func keys(_ store: PostgresStore, hasSchema: Bool) async -> [Finding] {
        let facts = await store.keyStoreFacts()
        let findings = KeyJudgement.findings(facts)
        guard hasSchema, facts.keyRing == nil else { return findings }
        return findings
            + (await ask("tenantKeys") {
                let tenants = try await store.tenants()
                return KeyJudgement.findings(
                    try await store.tenantKeyFacts(tenants, signatures: Self.signatures), now: .now)
            })
            + (await ask("audit") { KeyJudgement.audit(try await store.auditFacts()) })
    }

    // MARK: Broker

    private func broker(_ configuration: ServiceConfiguration) async -> [Finding] {
        do {
            let settings = configuration.broker(connectionName: "entra-backup doctor")
            let facts = try await lookAgain(while: { $0.queues.contains { $0.consumers == 0 } }) {
                try await BrokerFacts.read(settings)
            }
            let transport = BrokerJudgement.transport(
                host: configuration.brokerHost, usesTLS: configuration.brokerCACertificate != nil)
            return [transport] + BrokerJudgement.findings(facts)
        } catch {
            return [namesBroker(configuration) ? .failed("broker", CommandFailure(error)) : BrokerJudgement.notNamed]
        }
    }

    private func namesBroker(_ configuration: ServiceConfiguration) -> Bool {
        guard let standard = try? ServiceConfiguration(file: nil, environment: [:]) else { return true }
        return configuration.brokerHost != standard.brokerHost || configuration.brokerPort != standard.brokerPort
            || configuration.brokerUser != standard.brokerUser
            || configuration.brokerVirtualHost != standard.brokerVirtualHost
    }
}
