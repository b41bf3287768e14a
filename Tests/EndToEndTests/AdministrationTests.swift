import BackupModel
import Foundation
import Testing

/// Commands around backups: who did it, all tenants at once, and rehearsals.
@Suite(.serialized) struct AdministrationTests {
    @Test func `history and differences name who acted, by the audits of the time between two snapshots`() throws {
        let seed = seed(13, "actors")
        let installation = try TestInstallation(
            fixture: "{\"seed\":\(seed),\"users\":30,\"settings\":{\"quotas\":false}}")
        defer { installation.tearDown() }
        try installation.makeAccounts()
        #expect(try installation.activate()["state"]?.string == "succeeded")
        for round in 1...2 {
            try installation.control("POST", "churn?seed=\(seed + round)&count=60")
            #expect(try installation.backUp()["state"]?.string == "succeeded")
        }
        let audits = try audits(installation)
        try installation.command(["tenant", "config", "set", installation.tenant, "retention=forever"])
        try moveSnapshots(installation, audits)
        var found = 0
        for to in 2...3 {
            let diff = try installation.command(
                ["diff", installation.tenant, "--from", "\(to - 1)", "--to", "\(to)"])
            for item in try #require(diff["items"]?.array) {
                let id = try #require(item["id"]?.string)
                let expected = audits.filter { $0.snapshot == to && $0.targets.contains(id) }.map(\.at).sorted()
                let actors = try #require(item["actors"]?.array)
                #expect(actors.compactMap { $0["at"]?.string } == expected, "\(id) from \(to - 1) to \(to)")
                #expect(actors.allSatisfy { $0["actor"]?.string?.contains("@") == true })
                #expect(actors.allSatisfy { $0["activity"]?.string?.isEmpty == false })
                found += actors.count
                if !expected.isEmpty { try checkHistory(installation, item, to, expected) }
            }
            #expect(diff["items"]?.array?.contains { $0["type"]?.string == "deletedItem" } == false)
        }
        #expect(found > 10)
    }

    private struct Audit {
        var at: String
        var snapshot: Int
        var targets: Set<String>
    }

    /// All audits with the snapshot that was the first to have each.
    private func audits(_ installation: TestInstallation) throws -> [Audit] {
        let list = try installation.command(["object", "list", installation.tenant, "directoryAudit", "--documents"])
        return try #require(list["items"]?.array).map { item in
            let attributes = item["attributes"]
            return Audit(
                at: try #require(attributes?["activityDateTime"]?.string),
                snapshot: try #require(item["version"]?["from"]?.int),
                targets: Set((attributes?["targetResources"]?.array ?? []).compactMap { $0["id"]?.string }))
        }
    }

    /// The simulated tenant has a clock of its own: the snapshots are moved to the times of its audits, a microsecond
    /// after the last of each.
    private func moveSnapshots(_ installation: TestInstallation, _ audits: [Audit]) throws {
        for number in 1...3 {
            let last = try #require(audits.filter { $0.snapshot <= number }.map(\.at).max())
            try installation.sql(
                """
                UPDATE backup.snapshots SET started_at = '\(last)',
                    sealed_at = timestamptz '\(last)' + interval '1 microsecond' WHERE number = \(number)
                """)
        }
    }

    private func checkHistory(
        _ installation: TestInstallation, _ item: JSONValue, _ number: Int, _ expected: [String]
    ) throws {
        let type = try #require(item["type"]?.string), id = try #require(item["id"]?.string)
        let history = try installation.command(["object", "history", installation.tenant, type, id])
        let entry = history["items"]?.array?.first { $0["from"]?.int == number }
        #expect(entry?["actors"]?.array?.compactMap { $0["at"]?.string } == expected, "\(type) \(id)")
    }

    @Test func `a dry run answers like the command and changes nothing`() throws {
        let installation = try TestInstallation(
            fixture: #"{"seed":3,"users":20,"settings":{"quotas":false}}"#)
        defer { installation.tearDown() }
        try installation.makeAccounts()
        let secret = try #require(installation.environment["ENTRA_BACKUP_SIMULATOR_CLIENT_SECRET_FILE"])
        let client = try #require(installation.environment["ENTRA_BACKUP_SIMULATOR_CLIENT_ID"])
        let commands = [
            ["partner", "create", "--name", "New"],
            [
                "plan", "create", "--name", "New", "--product", "backup", "--currency", "EUR", "--periodicity",
                "yearly", "--partner", "P",
            ],
            ["plan", "archive", "Plan"],
            [
                "tenant", "add", "--organization", "O", "--tenant-id", "11111111-2222-3333-4444-555555555555",
                "--client-id", client, "--client-secret-file", secret,
            ],
            ["tenant", "credentials", installation.tenant, "--client-secret-file", secret],
            ["tenant", "config", "set", installation.tenant, "schedule=off"],
            ["tenant", "activate", installation.tenant, "--wait"], ["tenant", "deactivate", installation.tenant],
            ["backup", "start", installation.tenant, "--wait"], ["backup", "start", "--all-tenants", "--wait"],
            ["key", "rotate", installation.tenant], ["key", "rotate", "--kek"], ["migrate"],
            ["stack", "up", "--detach", "--data-dir", installation.data], ["stack", "down"],
        ]
        let before = try state(installation)
        for command in commands {
            let answer = try installation.command(command + ["--dry-run"])
            #expect(answer.object?.isEmpty == false)
            #expect(try state(installation) == before, "\(command.joined(separator: " "))")
        }
        let status = try installation.command(["stack", "status"])
        #expect(status["ready"]?.bool == true)
        // What a dry run says would work does.
        #expect(try installation.command(commands[0])["partner"]?["name"]?.string == "New")
        let again = try Programs.run(
            "entra-backup", commands[0] + ["--dry-run"], environment: installation.environment)
        #expect(again.status == 6)
    }

    private func state(_ installation: TestInstallation) throws -> String {
        let tables = [
            "partners", "plans", "organizations", "tenants", "tenant_credentials", "tenant_keys", "jobs", "messages",
            "audit_entries",
        ]
        let parts = tables.map {
            "(SELECT coalesce(string_agg(t::text, ',' ORDER BY t::text), '') FROM backup.\($0) t)"
        }
        let files = FileManager.default.subpaths(atPath: installation.data + "/keys") ?? []
        return try installation.sql("SELECT md5(\(parts.joined(separator: " || ")))") + files.sorted().joined()
    }

    @Test func `all tenants are backed up and compared at once, problems first`() throws {
        let installation = try TestInstallation(
            fixture: #"{"seed":3,"users":20,"settings":{"quotas":false}}"#)
        defer { installation.tearDown() }
        try installation.makeAccounts()
        let none = try installation.command(["backup", "start", "--all-tenants"])
        #expect(none["items"]?.array?.isEmpty == true, "a tenant that was never activated is not meant")
        #expect(try installation.activate()["state"]?.string == "succeeded")
        let started = try installation.command(["backup", "start", "--partner", "P", "--wait"])
        #expect(started["items"]?.array?.count == 1)
        #expect(started["items"]?[0]?["job"]?["state"]?.string == "succeeded")
        #expect(started["items"]?[0]?["tenant"]?.string == installation.tenant)
        let other = "11111111-2222-3333-4444-555555555555"
        try installation.sql(
            """
            INSERT INTO backup.tenants (tenant_id, organization_id, name, client_id, cloud, state)
            SELECT '\(other)', organization_id, 'Zero', client_id, cloud, 'active' FROM backup.tenants
            """)
        let compared = try installation.command(
            ["diff", "--all-tenants", "--from", "1", "--to", "2"], allowing: [1])
        let items = try #require(compared["items"]?.array)
        #expect(items.map { $0["tenant"]?.string } == [other, installation.tenant])
        #expect(items[0]["error"]?["code"]?.string == "snapshotNotFound")
        #expect(items[1]["summary"]?["updated"]?.int == 0)
        #expect(items[1]["error"]?.isNull == true)
    }
}
