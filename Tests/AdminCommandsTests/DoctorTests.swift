import BackupContracts
import BackupModel
import Foundation
import RabbitMQTransport
import Testing

@testable import AdminCommands
@testable import LocalStack
@testable import PostgresStore

/// What `doctor` makes of facts: no server is asked.
struct DoctorTests {
    // MARK: Server

    private static let settings = [
        "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "data_sync_retry": "off",
        "data_checksums": "on", "autovacuum": "on", "track_counts": "on", "log_statement": "none",
        "log_min_duration_statement": "-1", "log_min_duration_sample": "-1", "log_duration": "off",
        "log_min_error_statement": "panic", "log_parameter_max_length": "0", "log_parameter_max_length_on_error": "0",
        "log_error_verbosity": "terse", "password_encryption": "scram-sha-256", "max_connections": "100",
    ]

    private func database(host: String = "127.0.0.1", sslMode: String? = nil) -> DatabaseSettings {
        DatabaseSettings(
            host: host, port: 5432, name: "entra_backup", user: "entra_backup_operator", password: nil,
            sslMode: sslMode,
            applicationName: "test")
    }

    private func server(_ changed: [String: String] = [:], _ change: (inout ServerFacts) -> Void = { _ in })
        -> [Finding]
    {
        var facts = ServerFacts(version: 150_018, settings: Self.settings.merging(changed) { $1 })
        change(&facts)
        return ServerJudgement.findings(facts, database())
    }

    @Test func `a server with the right settings is well`() {
        #expect(server().filter { $0.outcome != .ok } == [])
        #expect(server().count == 4 + SettingRule.all.count)
        #expect(Set(SettingRule.all.map(\.name)).isSubset(of: Self.settings.keys))
    }

    @Test(arguments: [
        ("fsync", "off", Finding.Outcome.failed), ("full_page_writes", "off", .failed),
        ("synchronous_commit", "off", .failed),
        ("synchronous_commit", "local", .ok), ("data_sync_retry", "on", .failed), ("data_checksums", "off", .warning),
        ("autovacuum", "off", .failed), ("log_statement", "all", .failed), ("log_statement", "mod", .failed),
        ("log_statement", "ddl", .warning), ("log_min_duration_statement", "250", .failed),
        ("log_min_error_statement", "error", .warning), ("log_parameter_max_length", "-1", .warning),
        ("log_parameter_max_length_on_error", "1024", .failed), ("log_error_verbosity", "default", .warning),
        ("password_encryption", "md5", .warning),
    ])
    func `each wrong setting is one finding`(name: String, value: String, outcome: Finding.Outcome) {
        let wrong = server([name: value]).filter { $0.outcome != .ok }
        #expect(wrong.map(\.check) == (outcome == .ok ? [] : ["setting.\(name)"]))
        #expect(wrong.allSatisfy { $0.outcome == outcome && $0.message.contains(value) && !$0.hint.isEmpty })
    }

    @Test func `a setting that only one role has is found`() {
        let wrong = server { $0.overrides = [.init(role: "entra_backup_differ", name: "fsync", value: "off")] }
            .filter { $0.outcome != .ok }
        #expect(wrong.map(\.check) == ["setting.fsync"])
        #expect(wrong.first?.hint.contains("ALTER ROLE entra_backup_differ RESET fsync") == true)
    }

    @Test(arguments: [
        (0.2, Finding.Outcome.ok), (-4.9, .ok), (5.1, .warning), (-30, .warning), (60.5, .failed), (-7_200, .failed),
    ])
    func `clocks may differ by five seconds`(ahead: Double, outcome: Finding.Outcome) {
        let clock = server { $0.clockAhead = ahead }.first { $0.check == "clock" }
        #expect(clock?.outcome == outcome)
        if outcome != .ok { #expect(clock?.message.contains(ahead < 0 ? "behind" : "ahead of") == true) }
    }

    @Test func `old servers and full servers are named`() {
        #expect(server { $0.version = 140_012 }.first { $0.outcome == .failed }?.message.contains("14.12") == true)
        #expect(server { $0.sessions = 80 }.filter { $0.outcome != .ok }.map(\.check) == ["databaseConnections"])
        #expect(server { $0.sessions = 79 }.allSatisfy { $0.outcome == .ok })
    }

    private static let connections: [(String, String?, Finding.Outcome)] = [
        ("127.0.0.1", "disable", .ok), ("/run/postgresql", nil, .ok), ("localhost", "prefer", .ok),
        ("db.example", nil, .ok), ("db.example", "verify-full", .ok), ("db.example", "require", .warning),
        ("db.example", "disable", .warning),
    ]

    @Test(arguments: connections)
    func `a connection over the network is checked in full`(host: String, mode: String?, outcome: Finding.Outcome) {
        let facts = ServerFacts(version: 150_000, settings: [:], isEncrypted: mode != "disable")
        #expect(ServerJudgement.transport(facts, database(host: host, sslMode: mode)).outcome == outcome)
    }

    @Test func `a refused login is about the role`() {
        let refused = CommandFailure(StageFailure(.databaseUnreachable, "authenticationFailed [28P01]: no"))
        #expect(ServerJudgement.unreachable(refused).runbook == "role-misconfigured")
        let away = CommandFailure(StageFailure(.databaseUnreachable, "serverUnreachable: no"))
        #expect(ServerJudgement.unreachable(away).runbook == "database-unreachable")
    }

    // MARK: Schema, roles, rights

    @Test func `the schema is missing, changed, newer or right`() {
        let all = Migration.all.map { AppliedMigration(number: $0.number, name: $0.name) }
        #expect(AccessJudgement.schema(all).outcome == .ok)
        #expect(AccessJudgement.schema([]).hint.contains("migrate"))
        #expect(AccessJudgement.schema(Array(all.dropLast())).outcome == .failed)
        var changed = all
        changed[0].isUnchanged = false
        #expect(AccessJudgement.schema(changed).message.contains("another text"))
        let newer = all + [AppliedMigration(number: 99, name: "V0099_later", isKnown: false, isUnchanged: false)]
        #expect(AccessJudgement.schema(newer).hint.contains("Update"))
    }

    private func wall(_ table: String) -> AccessFacts.Policy {
        .init(
            name: "\(table)_of_the_partner", roles: [Installation.staff], isOfTheTenant: false, isPermissive: false)
    }

    private func access(_ change: (inout AccessFacts) -> Void) -> [Finding] {
        var facts = AccessFacts(
            roles: Installation.roles.map { .init(name: "entra_backup_\($0)") },
            tables: [
                .init(name: "contents", policies: [.init(name: "contents_of_the_tenant"), wall("contents")]),
                .init(
                    name: "jobs",
                    policies: [
                        .init(name: "jobs_of_the_tenant"), wall("jobs"),
                        .init(name: "jobs_of_the_fleet", roles: ["entra_backup_operator"], isOfTheTenant: false),
                        .init(name: "jobs_of_the_schedule", roles: ["entra_backup_scheduler"], isOfTheTenant: false),
                    ]),
                .init(name: "messages", isGuarded: false, isForced: false, policies: []),
                .init(name: "plans", hasTenant: false, isGuarded: false, isForced: false, policies: []),
            ])
        change(&facts)
        return AccessJudgement.findings(facts).filter { $0.outcome != .ok }
    }

    @Test func `roles and row-level security as they should be are well`() {
        #expect(access { _ in } == [])
    }

    @Test func `what is wrong with a role is named with its fix`() {
        let powers = access { $0.roles[1].powers = ["BYPASSRLS", "CREATEDB"] }
        #expect(powers.map(\.check) == ["role.fetcher"])
        #expect(powers[0].hint.contains("ALTER ROLE entra_backup_fetcher NOBYPASSRLS NOCREATEDB"))
        #expect(
            access { $0.roles[2].lacks = ["LOGIN"] }.first?.hint.contains("ALTER ROLE entra_backup_differ LOGIN")
                == true)
        #expect(access { $0.roles[0].memberOf = ["pg_read_all_data"] }.map(\.check) == ["role.scheduler"])
        #expect(access { $0.roles.removeLast() }.map(\.check) == ["role.operator"])
        #expect(access { $0.tables[0].owner = "entra_backup_differ" }.map(\.check) == ["owner"])
    }

    @Test func `missing and additional rights are named with their fix`() {
        let insert = DatabaseRight(role: "entra_backup_differ", object: "contents", privilege: "INSERT")
        let missing = access { $0.missing = [insert] }
        #expect(missing.map(\.check) == ["rights.differ"])
        #expect(missing[0].hint.contains("GRANT INSERT ON backup.contents TO entra_backup_differ"))
        let call = DatabaseRight(role: "PUBLIC", object: "roll_back_unsealed()", privilege: "EXECUTE")
        let open = access { $0.additional = [call] }
        #expect(open.map(\.check) == ["rights.public"])
        #expect(open[0].hint.contains("REVOKE EXECUTE ON FUNCTION backup.roll_back_unsealed FROM PUBLIC"))
        let reader = DatabaseRight(role: "reports", object: "jobs", privilege: "SELECT")
        let others = access { $0.additional = [reader] }
        #expect(others.map(\.check) == ["rights.others"])
        #expect(others[0].outcome == .warning)
    }

    @Test func `tables that do not keep tenants apart are named`() {
        #expect(access { $0.tables[0].isGuarded = false }.map(\.check) == ["rowSecurity.contents"])
        #expect(access { $0.tables[0].isForced = false }.first?.hint.contains("FORCE ROW LEVEL SECURITY") == true)
        #expect(access { $0.tables[0].policies = [] }.map(\.check) == ["rowSecurity.contents"])
        let wide = AccessFacts.Policy(name: "all", roles: ["entra_backup_fetcher"], isOfTheTenant: false)
        #expect(access { $0.tables[1].policies.append(wide) }.first?.message.contains("all") == true)
        // The name alone does not make a policy a known one.
        let named = AccessFacts.Policy(name: "x_of_the_fleet", roles: ["entra_backup_fetcher"], isOfTheTenant: false)
        #expect(access { $0.tables[0].policies.append(named) }.map(\.check) == ["rowSecurity.contents"])
        let narrow = AccessFacts.Policy(name: "narrow", isOfTheTenant: false, isPermissive: false)
        #expect(access { $0.tables[0].policies.append(narrow) } == [])
        let owner = AccessFacts.Policy(name: "c_of_the_owner", roles: [Installation.owner], isOfTheTenant: false)
        #expect(access { $0.tables[0].policies.append(owner) } == [])
        #expect(access { $0.tables[0].policies.remove(at: 1) }.first?.message.contains("staff of a partner") == true)
    }

    @Test func `a backup that could see the credential that writes is named`() {
        var credentials = AccessFacts.Table(
            name: "tenant_credentials",
            policies: [.init(name: "tenant_credentials_of_the_tenant"), wall("tenant_credentials")])
        #expect(access { $0.tables.append(credentials) }.map(\.check) == ["rowSecurity.tenant_credentials"])
        let name = "tenant_credentials_for_reading"
        for wrong in [
            AccessFacts.Policy(name: name, roles: ["entra_backup_differ"], isOfTheTenant: false, isPermissive: false),
            AccessFacts.Policy(name: "x", roles: ["entra_backup_fetcher"], isOfTheTenant: false, isPermissive: false),
        ] {
            credentials.policies = Array(credentials.policies.prefix(2)) + [wrong]
            #expect(access { $0.tables.append(credentials) }.map(\.check) == ["rowSecurity.tenant_credentials"])
        }
        credentials.policies[2] = AccessFacts.Policy(
            name: name, roles: ["entra_backup_fetcher"], isOfTheTenant: false, isPermissive: false)
        #expect(access { $0.tables.append(credentials) } == [])
    }

    @Test func `the rights that migrations grant are read from their text`() {
        let first = """
            CREATE TABLE backup.a (id integer); -- GRANT DELETE ON backup.a TO x;
            CREATE TABLE IF NOT EXISTS backup.b (
                id integer);
            DO $$ BEGIN EXECUTE 'GRANT DELETE ON backup.a TO x'; END $$;
            GRANT SELECT,
                UPDATE (id, name) ON backup.a, backup.b TO x, y;
            CREATE FUNCTION backup.f(p uuid, q text) RETURNS void LANGUAGE sql AS $$ SELECT; GRANT ALL ON backup.a TO x $$;
            CREATE FUNCTION backup.g() RETURNS void LANGUAGE sql AS $$ SELECT $$;
            REVOKE EXECUTE ON FUNCTION backup.f(uuid, text) FROM PUBLIC;
            GRANT EXECUTE ON FUNCTION backup.f(uuid, text) TO y;
            GRANT USAGE ON SCHEMA backup TO x;
            """
        let second = """
            GRANT INSERT, DELETE ON ALL TABLES IN SCHEMA backup TO z;
            REVOKE DELETE ON backup.b FROM z;
            CREATE TABLE backup.c (id integer);
            REVOKE UPDATE (name) ON TABLE backup.b FROM x, y;
            """
        let rights = GrantedRights([first, second]).rights.map { "\($0.role) \($0.privilege) \($0.object)" }
        #expect(
            rights.sorted() == [
                "PUBLIC EXECUTE g()", "x SELECT a", "x SELECT b", "x UPDATE(id) a", "x UPDATE(id) b",
                "x UPDATE(name) a",
                "y EXECUTE f()", "y SELECT a", "y SELECT b", "y UPDATE(id) a", "y UPDATE(id) b", "y UPDATE(name) a",
                "z DELETE a", "z INSERT a", "z INSERT b",
            ])
        let gone = GrantedRights([first, "DROP TABLE backup.a;", "DROP FUNCTION backup.f(integer);"]).rights
        #expect(!gone.contains { ["a", "f()"].contains($0.object) } && !gone.isEmpty)
    }

    // MARK: Broker

    private func broker(_ change: (inout BrokerFacts) -> Void) -> [Finding] {
        var facts = BrokerFacts(
            version: "3.10.8", queues: BackupContracts.Queue.allCases.map { .init(name: $0.rawValue) },
            deadLetters: .init(name: BackupContracts.Queue.deadLetters, consumers: 0))
        change(&facts)
        return BrokerJudgement.findings(facts).filter { $0.outcome != .ok }
    }

    @Test func `what is wrong with the broker is named`() {
        #expect(broker { _ in } == [])
        #expect(broker { $0.version = "3.9.29" }.map(\.check) == ["broker"])
        for version in ["3.10.0", "3.13.7", "4.0.1"] { #expect(broker { $0.version = version } == []) }
        #expect(broker { $0.alarm = "low on disk" }.map(\.check) == ["brokerAlarm"])
        #expect(broker { $0.queues[1].shape = .wrong("x") }.map(\.check) == ["queue.stage.fetch"])
        #expect(broker { $0.queues[2].shape = .missing }.map(\.runbook) == ["stage-down"])
        #expect(broker { $0.deadLetters.shape = .unknown }.map(\.outcome) == [.warning])
        #expect(broker { $0.deadLetters.messages = 3 }.map(\.check) == ["brokerDeadLetters"])
        let idle = broker { $0.queues[3].consumers = 0 }
        #expect(idle.map(\.check) == ["consumer.stage.persist"])
        #expect(idle[0].message.contains("persister") && idle[0].message.contains("backups"))
        let noRestorer = broker { $0.queues[5].consumers = 0 }
        #expect(noRestorer.map(\.check) == ["consumer.jobs.restore"])
        #expect(noRestorer[0].message.contains("restorer") && noRestorer[0].message.contains("restores"))
        #expect(BrokerJudgement.transport(host: "mq.example", usesTLS: false).outcome == .warning)
        #expect(BrokerJudgement.transport(host: "mq.example", usesTLS: true).outcome == .ok)
    }

    // MARK: Keys

    private func failure(_ code: String) -> KeyFailure {
        KeyFailure(code: code, message: "\(code).", hint: "Do.", runbook: "key-wrong")
    }

    @Test func `one cause in the key store is one finding`() {
        var facts = KeyStoreFacts(path: "/keys")
        facts.numbers = [1]
        #expect(KeyJudgement.findings(facts).allSatisfy { $0.outcome == .ok })
        facts.tooOpen = ["kek-1 (644)", "signing-key (644)"]
        facts.keyRing = failure("keyPermissionsTooOpen")
        facts.signingKey = failure("keyPermissionsTooOpen")
        #expect(KeyJudgement.findings(facts).filter { $0.outcome != .ok }.map(\.check) == ["keyStorePermissions"])
        var missing = KeyStoreFacts(path: "/keys")
        missing.keyRing = failure("keyStoreMissing")
        missing.signingKey = failure("keyStoreMissing")
        #expect(KeyJudgement.findings(missing).filter { $0.outcome != .ok }.map(\.check) == ["keyStore"])
        var foreign = KeyStoreFacts(path: "/keys")
        foreign.foreign = ["tenants/x"]
        #expect(KeyJudgement.findings(foreign).filter { $0.outcome != .ok }.map(\.check) == ["keyStorePermissions"])
    }

    @Test func `tenants with the same trouble share a finding`() {
        let now = Date(timeIntervalSince1970: 1_000_000)
        func tenant(_ code: String?, expires days: Double? = nil, signed: Bool? = nil) -> TenantKeyFacts {
            TenantKeyFacts(
                tenant: TenantID(uuid: UUID()), name: "T", failure: code.map(failure),
                credentialExpiresAt: days.map { now.addingTimeInterval($0 * 86_400) }, isSignedHere: signed)
        }
        func problems(_ tenants: [TenantKeyFacts]) -> [Finding] {
            KeyJudgement.findings(tenants, now: now).filter { $0.outcome != .ok }
        }
        #expect(problems([tenant(nil), tenant(nil, expires: 31, signed: true)]) == [])
        #expect(problems((0..<9).map { _ in tenant("wrongKey") }).map(\.check) == ["tenantKeys"])
        #expect(problems([tenant("wrongKey"), tenant("keyMissing")]).count == 2)
        #expect(problems([tenant("tenantSecretDestroyed"), tenant("keyPermissionsTooOpen")]) == [])
        #expect(problems([tenant(nil, signed: false)]).map(\.check) == ["signatures"])
        #expect(problems([tenant(nil, expires: 29)]).first?.message.contains("expires in") == true)
        #expect(problems([tenant(nil, expires: -1)]).first?.message.contains("expired") == true)
    }

    // MARK: Work and machine

    @Test func `work that waits is a warning, a missing scheduler a failure`() {
        #expect(WorkJudgement.scheduler(hasLeader: true).outcome == .ok)
        #expect(WorkJudgement.scheduler(hasLeader: false).outcome == .failed)
        var health = FleetHealth()
        #expect(WorkJudgement.findings(health, []).allSatisfy { $0.outcome == .ok })
        health.deadLetters = 1
        health.jobsFailedLastDay = 2
        health.tenantsOverdue = 3
        let late = QueueBacklog(queue: .diff, unpublished: 1, published: 2, oldestAgeSeconds: 901)
        let found = WorkJudgement.findings(health, [late]).filter { $0.outcome == .warning }
        #expect(found.map(\.check) == ["deadLetters", "jobs", "tenantsOverdue", "backlog"])
    }

    @Test(arguments: [
        (100_000, 20_000, Finding.Outcome.ok), (100_000, 9_000, .warning), (100_000, 1_900, .failed),
        (5_000, 1_100, .ok),
        (5_000, 900, .warning), (1_000, 190, .failed),
    ])
    func `disks are named before they are full`(megabytes: UInt64, free: UInt64, outcome: Finding.Outcome) {
        let disk = MachineJudgement.Disk(path: "/data", size: megabytes * 1_000_000, free: free * 1_000_000)
        #expect(MachineJudgement.disk(disk).outcome == outcome)
    }

    @Test func `a process that does not run is named`() {
        func process(_ name: String, _ state: LocalStackStatus.Process.State) -> LocalStackStatus.Process {
            .init(name: name, index: 1, pid: 1, state: state, restarts: 0, metricsUrl: nil, dataDir: nil)
        }
        let status = LocalStackStatus(
            ready: false, dataDir: "/data", processes: [process("differ", .restarting), process("fetcher", .running)])
        #expect(MachineJudgement.stack(status).message.contains("differ 1 is restarting"))
        #expect(!MachineJudgement.stack(status).message.contains("fetcher"))
    }

    // MARK: Output

    @Test func `problems come first, each with its fix and page`() {
        let findings = [
            Finding.ok("a", "fine"), .warning("bb", "hm", hint: "look", runbook: nil),
            .failed("ccc", "broken", hint: "mend", runbook: "disk-full"),
        ]
        #expect(
            DoctorCommand.text(findings.sortedByOutcome, colours: false) == """
                failed   ccc  broken
                         mend
                         Runbook: runbooks/disk-full.md
                warning  bb   hm
                         look
                ok       a    fine
                1 failed, 1 to look at, 1 well
                """)
        #expect(findings[2].json["runbook"]?.string == "disk-full")
        #expect(findings[0].json["outcome"]?.string == "ok")
    }
}
