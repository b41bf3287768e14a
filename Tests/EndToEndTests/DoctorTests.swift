import BackupModel
import Foundation
import Testing

/// `doctor` finds what is wrong, all of it and nothing else.
@Suite(.serialized) struct DoctorTests {
    @Test func `doctor finds exactly what was put wrong, and is well again afterwards`() throws {
        let seed = seed(41, "doctor")
        let installation = try TestInstallation(
            fixture: "{\"seed\":\(seed),\"users\":20,\"settings\":{\"quotas\":false}}", workers: "differ=0,scheduler=0")
        defer { installation.tearDown() }
        let stages = RunningStages(installation)
        defer { stages.stop() }
        for stage in ["differ", "scheduler"] { try stages.start(stage) }
        try installation.makeAccounts()
        #expect(try installation.activate()["state"]?.string == "succeeded")
        var last: [Found] = []
        try installation.eventually("a healthy installation is well") {
            last = try Found.all(installation)
            return last.allSatisfy { $0.outcome == "ok" }
        }
        #expect(last.filter { $0.outcome != "ok" }.isEmpty)
        #expect(last.count > 90)
        print("doctor: \(last.count) checks are well")

        let faults = try Fault.all(installation, stages)
        let expected = Set(faults.map { "\($0.check) \($0.outcome)" })
        for fault in faults { try fault.plant() }
        try installation.eventually("doctor finds what was put wrong") {
            last = try Found.all(installation).filter { $0.outcome != "ok" }
            return Set(last.map { "\($0.check) \($0.outcome)" }) == expected
        }
        #expect(last.map { "\($0.check) \($0.outcome)" }.sorted() == expected.sorted())
        for fault in faults {
            let found = last.first { $0.check == fault.check }
            print("  \(fault.what)\n    -> \(found?.text ?? "NOT FOUND")")
            let message = try #require(found?.message, "\(fault.what) was not found")
            #expect(message.contains(fault.names), "\(fault.what): \(message)")
        }
        for found in last { found.expectHelp() }

        for fault in faults.reversed() { try fault.mend() }
        try installation.eventually("what was mended is well again") {
            last = try Found.all(installation).filter { $0.outcome != "ok" }
            return last.isEmpty
        }
        #expect(last.isEmpty, "\(last)")
    }

    @Test func `doctor goes on where something cannot be reached`() throws {
        let seed = seed(42, "doctor")
        let installation = try TestInstallation(fixture: "{\"seed\":\(seed),\"users\":5}")
        defer { installation.tearDown() }
        try installation.makeAccounts()
        let wrong = installation.root + "/wrong.yaml"
        try "database:\n  hosst: 127.0.0.1\n".write(toFile: wrong, atomically: true, encoding: .utf8)
        let password = installation.data + "/secrets/differ-password"
        let cases: [(what: String, environment: [String: String], arguments: [String], found: [String], page: String)] =
            [
                ("no database", ["ENTRA_BACKUP_DATABASE_PORT": "1"], [], ["database"], "database-unreachable"),
                (
                    "another role's password", ["ENTRA_BACKUP_DATABASE_PASSWORD_FILE": password], [], ["database"],
                    "role-misconfigured"
                ),
                ("no broker", ["ENTRA_BACKUP_BROKER_PORT": "1"], [], ["broker"], "broker-unreachable"),
                (
                    "no key store", ["ENTRA_BACKUP_KEY_STORE_PATH": "/nowhere"], [], ["keyStore"],
                    "key-store-unavailable"
                ),
                ("an unknown key", [:], ["--config", wrong], ["configuration"], "stage-down"),
            ]
        for one in cases {
            var found: [Found] = []
            try installation.eventually(one.what) {
                found = try Found.all(installation, one.arguments, one.environment).filter { $0.outcome != "ok" }
                return found.map(\.check) == one.found
            }
            print("  \(one.what)\n    -> \(found.map(\.text).joined(separator: "; "))")
            #expect(found.map(\.check) == one.found, "\(one.what)")
            #expect(found.first?.runbook == one.page, "\(one.what)")
            for item in found { item.expectHelp() }
        }
        try #require(Programs.run("entra-backup", ["stack", "down", "--data-dir", installation.data]).status == 0)
        let found = try Found.all(installation).filter { $0.outcome != "ok" }.map(\.check)
        #expect(Set(found) == ["stack", "database", "broker"])
    }
}

/// One item of what doctor prints.
private struct Found {
    var check: String
    var outcome: String
    var message: String
    var hint: String
    var runbook: String?

    var text: String { "\(outcome) \(check): \(message)" }

    /// Runs doctor; its exit code must fit what it found.
    static func all(
        _ installation: TestInstallation, _ arguments: [String] = [], _ environment: [String: String] = [:]
    ) throws -> [Found] {
        let result = try Programs.run(
            "entra-backup", ["doctor", "--json"] + arguments,
            environment: installation.environment.merging(environment) { $1 })
        guard case .array(let items)? = try result.json()["items"] else {
            throw NoItems(errors: result.errors)
        }
        let found = try items.map { item in
            Found(
                check: try #require(item["check"]?.string), outcome: try #require(item["outcome"]?.string),
                message: try #require(item["message"]?.string), hint: try #require(item["hint"]?.string),
                runbook: item["runbook"]?.string)
        }
        #expect(result.status == (found.contains { $0.outcome == "failed" } ? 1 : 0))
        return found
    }

    /// A problem says what to do, and its page is there.
    func expectHelp() {
        #expect(!hint.isEmpty, "\(check)")
        let runbooks = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("runbooks")
        let page = runbooks.appendingPathComponent("\(runbook ?? "?").md").path
        #expect(FileManager.default.fileExists(atPath: page), "\(check): \(page)")
    }

    struct NoItems: Error { var errors: String }
}

/// Something that can be put wrong, and how doctor names it.
private struct Fault {
    var what: String
    var check: String
    var outcome = "failed"
    /// What the message must name.
    var names: String
    var plant: () throws -> Void
    var mend: () throws -> Void

    static func all(_ installation: TestInstallation, _ stages: RunningStages) throws -> [Fault] {
        // Mended in the opposite order: no stage starts while a queue or a password is wrong.
        [
            Fault(
                what: "a stage does not run", check: "consumer.stage.diff", names: "differ", plant: { stages.stop() },
                mend: { try stages.start("differ") }),
            Fault(
                what: "no scheduler runs", check: "scheduler", names: "leads", plant: { stages.stop() },
                mend: { try stages.start("scheduler") }),
        ]
            + settings(installation) + rights(installation) + data(installation) + (try keys(installation))
            + (try broker(installation))
    }

    private static func sql(
        _ installation: TestInstallation, _ what: String, _ check: String, outcome: String = "failed", names: String,
        _ plant: [String], mend: [String]
    ) -> Fault {
        Fault(
            what: what, check: check, outcome: outcome, names: names,
            plant: { for statement in plant { try installation.sql(statement) } },
            mend: { for statement in mend { try installation.sql(statement) } })
    }

    private static func settings(_ installation: TestInstallation) -> [Fault] {
        let reload = "SELECT pg_reload_conf()"
        return [
            sql(
                installation, "fsync is off", "setting.fsync", names: "fsync is off",
                ["ALTER SYSTEM SET fsync = off", reload], mend: ["ALTER SYSTEM RESET fsync", reload]),
            sql(
                installation, "statements are logged", "setting.log_statement", names: "log_statement is all",
                ["ALTER SYSTEM SET log_statement = 'all'", reload], mend: ["ALTER SYSTEM RESET log_statement", reload]),
            sql(
                installation, "a role does not wait for the disk", "setting.synchronous_commit",
                names: "entra_backup_persister", ["ALTER ROLE entra_backup_persister SET synchronous_commit = off"],
                mend: ["ALTER ROLE entra_backup_persister RESET synchronous_commit"]),
        ]
    }

    private static func rights(_ installation: TestInstallation) -> [Fault] {
        [
            sql(
                installation, "a role passes row-level security by", "role.fetcher", names: "BYPASSRLS",
                ["ALTER ROLE entra_backup_fetcher BYPASSRLS"], mend: ["ALTER ROLE entra_backup_fetcher NOBYPASSRLS"]),
            Fault(
                what: "a role has another password", check: "login.scheduler", names: "entra_backup_scheduler",
                plant: { try installation.sql("ALTER ROLE entra_backup_scheduler PASSWORD 'another'") },
                mend: {
                    let file = installation.data + "/secrets/scheduler-password"
                    let password = try String(contentsOfFile: file, encoding: .utf8).prefix { $0.isHexDigit }
                    try installation.sql("ALTER ROLE entra_backup_scheduler PASSWORD '\(password)'")
                }),
            sql(
                installation, "a right is missing", "rights.differ", names: "lacks INSERT on contents",
                ["REVOKE INSERT ON backup.contents FROM entra_backup_differ"],
                mend: ["GRANT INSERT ON backup.contents TO entra_backup_differ"]),
            sql(
                installation, "a right too many", "rights.persister", names: "UPDATE on audit_entries",
                ["GRANT UPDATE ON backup.audit_entries TO entra_backup_persister"],
                mend: ["REVOKE UPDATE ON backup.audit_entries FROM entra_backup_persister"]),
            sql(
                installation, "a right on one column too many", "rights.scheduler",
                names: "UPDATE(sealed) on delta_links",
                ["GRANT UPDATE (sealed) ON backup.delta_links TO entra_backup_scheduler"],
                mend: ["REVOKE UPDATE (sealed) ON backup.delta_links FROM entra_backup_scheduler"]),
            sql(
                // The signing key is open to others as well, and without it nothing can be said of the audit.
                installation, "the audit does not end as it was written", "audit", names: "signing-key",
                ["UPDATE backup.audit_chains SET hash = sha256(hash) || hash WHERE position > 0"],
                mend: ["UPDATE backup.audit_chains SET hash = substr(hash, 33) WHERE position > 0"]),
            sql(
                installation, "row-level security is off", "rowSecurity.pages", names: "backup.pages",
                ["ALTER TABLE backup.pages DISABLE ROW LEVEL SECURITY"],
                mend: ["ALTER TABLE backup.pages ENABLE ROW LEVEL SECURITY"]),
            sql(
                installation, "row-level security spares the owner", "rowSecurity.contents", names: "not forced",
                ["ALTER TABLE backup.contents NO FORCE ROW LEVEL SECURITY"],
                mend: ["ALTER TABLE backup.contents FORCE ROW LEVEL SECURITY"]),
            sql(
                installation, "a policy shows all tenants' rows", "rowSecurity.link_versions", names: "everything",
                ["CREATE POLICY everything ON backup.link_versions USING (true)"],
                mend: ["DROP POLICY everything ON backup.link_versions"]),
            sql(
                installation, "a backup can see what a restore writes with", "rowSecurity.tenant_credentials",
                names: "credentials that write",
                ["DROP POLICY tenant_credentials_for_reading ON backup.tenant_credentials"],
                mend: [
                    """
                    CREATE POLICY tenant_credentials_for_reading ON backup.tenant_credentials AS RESTRICTIVE FOR SELECT
                        TO entra_backup_fetcher USING (purpose = 'read')
                    """
                ]),
            sql(
                installation, "the downloader may write history", "rights.downloader",
                names: "UPDATE on object_versions",
                ["GRANT UPDATE ON backup.object_versions TO entra_backup_downloader"],
                mend: ["REVOKE UPDATE ON backup.object_versions FROM entra_backup_downloader"]),
            sql(
                installation, "a stage may read secrets of devices", "rights.restorer",
                names: "SELECT on secret_values",
                ["GRANT SELECT ON backup.secret_values TO entra_backup_restorer"],
                mend: ["REVOKE SELECT ON backup.secret_values FROM entra_backup_restorer"]),
        ]
    }

    private static func data(_ installation: TestInstallation) -> [Fault] {
        let tenant = installation.tenant
        return [
            sql(
                installation, "the schema is newer", "schema", names: "V0099_later",
                ["INSERT INTO public.entra_backup_migrations (number, name, checksum) VALUES (99, 'V0099_later', '')"],
                mend: ["DELETE FROM public.entra_backup_migrations WHERE number = 99"]),
            sql(
                installation, "a message is parked", "deadLetters", outcome: "warning", names: "person: 1",
                [
                    """
                    INSERT INTO backup.dead_letters (id, queue, tenant_id, job_id, epoch, body, attempts, error_code,
                        error_message, created_at)
                    VALUES (gen_random_uuid(), 'stage.fetch', '\(tenant)', gen_random_uuid(), 1, '{}', 10,
                        'attemptsExhausted', 'test', now())
                    """
                ], mend: ["DELETE FROM backup.dead_letters"]),
            sql(
                installation, "a credential expires soon", "credentials", outcome: "warning", names: "expires in",
                ["UPDATE backup.tenant_credentials SET expires_at = now() + interval '10 days'"],
                mend: ["UPDATE backup.tenant_credentials SET expires_at = NULL"]),
        ]
    }

    private static func keys(_ installation: TestInstallation) throws -> [Fault] {
        let signing = installation.data + "/keys/signing-key"
        let secret = installation.data + "/keys/tenants/" + installation.tenant
        let password = installation.data + "/secrets/operator-password"
        return [
            Fault(
                what: "others may read a key", check: "keyStorePermissions", names: "signing-key (644)",
                plant: { try mode(0o644, signing) }, mend: { try mode(0o600, signing) }),
            Fault(
                what: "a tenant's secret is gone", check: "tenantKeys", names: installation.tenant,
                plant: { try FileManager.default.moveItem(atPath: secret, toPath: installation.root + "/secret") },
                mend: { try FileManager.default.moveItem(atPath: installation.root + "/secret", toPath: secret) }),
            Fault(
                what: "others may read a password", check: "secrets", names: "operator-password",
                plant: { try mode(0o644, password) }, mend: { try mode(0o600, password) }),
        ]
    }

    private static func mode(_ mode: Int, _ path: String) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    private static func broker(_ installation: TestInstallation) throws -> [Fault] {
        let control = try BrokerControl(installation)
        let name = "Q = rabbit_misc:r(<<\"/\">>, queue, <<\"dead-letters\">>), "
        let delete = "{ok, A} = rabbit_amqqueue:lookup(Q), rabbit_amqqueue:delete(A, false, false, <<\"test\">>)"
        let declare = "new = element(1, rabbit_amqqueue:declare(Q, true, false, [], none, <<\"test\">>))"
        return [
            Fault(
                what: "a queue is of another kind", check: "queue.dead-letters", names: "x-queue-type",
                // In one call: the scheduler declares missing queues once a second.
                plant: { try control.run(["eval", name + delete + ", " + declare + "."]) },
                mend: { try control.run(["eval", name + delete + "."]) }),
            Fault(
                what: "the broker has a memory alarm", check: "brokerAlarm", names: "memory",
                plant: { try control.run(["set_vm_memory_high_watermark", "0.000001"]) },
                mend: { try control.run(["set_vm_memory_high_watermark", "0.4"]) }),
        ]
    }
}

/// `rabbitmqctl` of the stack's private broker.
private struct BrokerControl {
    let environment: [String: String]

    init(_ installation: TestInstallation) throws {
        let state = try Data(contentsOf: URL(fileURLWithPath: installation.data + "/run/state.json"))
        let ports = try #require(try JSONValue(parsing: Array(state))["ports"])
        guard case .number(let port)? = ports["rabbitmq-epmd"] else { throw NoPort() }
        environment = ["HOME": installation.data + "/rabbitmq/home", "ERL_EPMD_PORT": port]
    }

    func run(_ arguments: [String]) throws {
        let result = try Programs.run(
            "/usr/lib/rabbitmq/bin/rabbitmqctl", ["--node", "rabbit@localhost"] + arguments, environment: environment)
        try #require(result.status == 0, "\(arguments): \(result.output) \(result.errors)")
    }

    struct NoPort: Error {}
}
