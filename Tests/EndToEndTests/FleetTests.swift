import BackupModel
import Foundation
import Testing

/// Commands about many tenants, through the program: status, labels, and what changed since a time.
@Suite(.serialized) struct FleetTests {
    private static let failing = "11111111-2222-3333-4444-555555555501"
    private static let late = "11111111-2222-3333-4444-555555555502"
    private static let left = "11111111-2222-3333-4444-555555555503"

    /// Tenants of which the database says that one failed, one is late, and one's organization has unsubscribed.
    private func addTenants(_ installation: TestInstallation) throws {
        try installation.command([
            "organization", "create", "--name", "Left", "--partner", "P", "--plan", "Plan", "--first-name", "F",
            "--last-name", "L", "--email", "left@customer.example", "--country", "DE",
        ])
        for (id, name, organization) in [
            (Self.failing, "Failing", "O"), (Self.late, "Late, \"very\"", "O"), (Self.left, "Left", "Left"),
        ] {
            try installation.sql(
                """
                INSERT INTO backup.tenants (tenant_id, organization_id, name, client_id, state, activated_at)
                    SELECT '\(id)', id, '\(name)', 'c', 'active', now() - interval '9 days'
                    FROM backup.organizations WHERE name = '\(organization)';
                INSERT INTO backup.schedule (tenant_id, interval_seconds, next_backup_at)
                    VALUES ('\(id)', 86400, now() + interval '5 hours');
                INSERT INTO backup.jobs (tenant_id, job_id, kind, state, trace, started_at, finished_at, objects, snapshot)
                    VALUES ('\(id)', gen_random_uuid(), 'backup', 'succeeded', 't', now() - interval '3 days 10 s',
                        now() - interval '3 days', 70, 1);
                """)
        }
        try installation.sql(
            """
            INSERT INTO backup.jobs (tenant_id, job_id, kind, state, trace, finished_at, error_code, error_message)
                VALUES ('\(Self.failing)', gen_random_uuid(), 'backup', 'failed', 't', now() - interval '1 hour',
                    'graphThrottled', 'Too many requests.');
            UPDATE backup.organizations SET state = 'unsubscribed' WHERE name = 'Left';
            """)
    }

    @Test func `status tells how each tenant stands, problems first, and CSV is the same`() throws {
        let installation = try TestInstallation(fixture: #"{"seed":3,"users":20,"settings":{"quotas":false}}"#)
        defer { installation.tearDown() }
        try installation.makeAccounts()
        let before = try installation.command(["status"])
        #expect(
            before["items"]?[0]?["state"]?.string == "off"
                && before["items"]?[0]?["reason"]?.string == "never activated")
        let job = try installation.activate()
        try addTenants(installation)
        let status = try installation.command(["status", "backup"])
        let items = try #require(status["items"]?.array)
        #expect(items.map { $0["state"]?.string } == ["failed", "late", "good", "off"])
        #expect(items.map { $0["tenant"]?.string } == [Self.failing, Self.late, installation.tenant, Self.left])
        #expect(items.map { $0["late"]?.bool } == [true, true, false, false])
        #expect(items[0]["lastFailed"]?["code"]?.string == "graphThrottled")
        #expect(items[0]["lastFailed"]?["message"]?.string == "Too many requests.")
        #expect(items[1]["lastGood"]?["objectsPerSecond"] == JSONValue(7.0) && items[1]["lastFailed"]?.isNull == true)
        #expect(items[1]["targetSeconds"]?.int == 95_940 && (items[1]["ageSeconds"]?.int ?? 0) >= 259_200)
        #expect(items[2]["lastGood"]?["job"] == job["id"] && items[2]["lastGood"]?["snapshot"]?.int == 1)
        #expect(items[2]["nextDueAt"]?.string != nil && items[3]["nextDueAt"]?.isNull == true)
        #expect(items[3]["reason"]?.string == "organization unsubscribed")
        #expect(status["summary"]?["tenants"]?.int == 4 && status["summary"]?["late"]?.int == 2)
        try checkCSV(installation, items)
        for (arguments, code) in [(["--exit-code"], 1), (["--exit-code", "--label", "calm"], 0), ([], 0)]
            as [([String], Int32)]
        {
            let result = try Programs.run(
                "entra-backup", ["status"] + arguments, environment: installation.environment)
            #expect(result.status == code, "\(result.errors)")
        }
        let human = try Programs.run("entra-backup", ["status"], environment: installation.environment)
        let lines = human.output.split(separator: "\n")
        #expect(lines.count == 6 && lines[1].hasPrefix("Failing") && lines[1].contains("failed, late"))
        #expect(lines.last == "4 tenants, 1 failed, 2 late, 1 good, 1 off")
        let restores = try installation.command(["status", "restore"])
        #expect(restores["items"]?.array?.allSatisfy { $0["state"]?.string == "none" } == true)
    }

    /// Each record has what the item of its tenant has.
    private func checkCSV(_ installation: TestInstallation, _ items: [JSONValue]) throws {
        let result = try Programs.run("entra-backup", ["status", "--csv"], environment: installation.environment)
        #expect(result.status == 0 && result.output.hasSuffix("\r\n"))
        let script = "import csv,json,sys; print(json.dumps(list(csv.DictReader(sys.stdin, strict=True))))"
        let file = installation.root + "/status.csv"
        try result.output.write(toFile: file, atomically: true, encoding: .utf8)
        let read = try Programs.run("/bin/sh", ["-c", "python3 -c '\(script)' < \(file)"])
        let rows = try #require(try read.json().array)
        #expect(rows.count == items.count)
        for (row, item) in zip(rows, items) {
            for name in ["tenant", "name", "organization", "partnerName", "kind", "state", "reason", "schedule"] {
                #expect(row[name]?.string == item[name]?.string, "\(name)")
            }
            #expect(row["late"]?.string == item["late"]?.bool.map { "\($0)" })
            #expect(row["lastGoodAt"]?.string == item["lastGood"]?["finishedAt"]?.string)
            #expect(row["lastFailedReason"]?.string == item["lastFailed"]?["message"]?.string ?? "")
            #expect(row["nextDueAt"]?.string == item["nextDueAt"]?.string ?? "")
        }
    }

    @Test func `labels pick tenants, and a difference since a time is told for each`() throws {
        let seed = seed(13, "fleet")
        let installation = try TestInstallation(
            fixture: "{\"seed\":\(seed),\"users\":30,\"settings\":{\"quotas\":false}}")
        defer { installation.tearDown() }
        try installation.makeAccounts()
        #expect(try installation.activate()["state"]?.string == "succeeded")
        for round in 1...2 {
            try installation.control("POST", "churn?seed=\(seed + round)&count=60")
            #expect(try installation.backUp()["state"]?.string == "succeeded")
        }
        try addTenants(installation)
        try installation.sql(
            """
            INSERT INTO backup.snapshots (tenant_id, number, job_id, started_at, objects, added, updated, deleted, digest,
                signature) SELECT '\(Self.late)', n, gen_random_uuid(), now(), 1, 0, 0, 0, 'x', 'x' FROM generate_series(1, 2) n;
            UPDATE backup.snapshots SET sealed_at = now() - make_interval(days => 3 - number);
            """)
        for tenant in [installation.tenant, Self.late, Self.failing] {
            try installation.command(["tenant", "label", tenant, "add", "gold"])
        }
        let listed = try installation.command(["tenant", "list", "--label", "gold"])
        #expect(listed["items"]?.array?.count == 3)
        #expect(listed["items"]?.array?.allSatisfy { $0["labels"] == ["gold"] } == true)
        // The three were sealed two days ago, a day ago, and now.
        for (since, from) in [("36h", 1), ("12h", 2)] {
            let alone = try installation.command(["diff", installation.tenant, "--since", since])
            let numbers = try installation.command(["diff", installation.tenant, "--from", "\(from)", "--to", "3"])
            #expect(alone == numbers && alone["from"]?.int == from && alone["items"]?.array?.isEmpty == false)
        }
        let fleet = try installation.command(["diff", "--label", "gold", "--since", "36h"], allowing: [1])
        let items = try #require(fleet["items"]?.array)
        #expect(items.map { $0["tenant"]?.string } == [Self.failing, installation.tenant, Self.late])
        #expect(items[0]["error"]?["code"]?.string == "snapshotNotFound")
        let alone = try installation.command(["diff", installation.tenant, "--since", "36h"])
        #expect(items[1]["items"] == alone["items"] && items[2]["items"]?.array?.isEmpty == true)
        let human = try Programs.run(
            "entra-backup", ["diff", "--partner", "P", "--label", "gold", "--since", "36h", "--type", "user"],
            environment: installation.environment)
        #expect(human.status == 1 && human.output.contains("3 tenants, 1 without changes."))
        #expect(!human.output.contains("Late"), "a tenant without changes has no line of its own")
        try installation.command(["tenant", "label", Self.failing, "remove", "gold"])
        let backups = try installation.command(["backup", "start", "--label", "gold", "--dry-run"])
        #expect(
            Set(backups["items"]?.array?.compactMap { $0["tenant"]?.string } ?? []) == [installation.tenant, Self.late])
    }
}
