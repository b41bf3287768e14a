import BackupModel
import Foundation
import Testing

/// An organization is erased: killed at every step it goes on, nothing of it is left, no copy of the database opens, and
/// nobody else notices.
@Suite(.serialized) struct ErasureTests {
    @Test func `an organization is erased, killed at every step`() throws {
        try erase(users: 100, named: "erasure")
    }

    @Test(
        .enabled(
            if: ProcessInfo.processInfo.environment["ENTRA_BACKUP_LARGE"] == "1",
            "10,000 objects: ENTRA_BACKUP_LARGE=1 runs it"))
    func `an organization with 10,000 objects is erased, killed at every step`() throws {
        try erase(users: 9_000, named: "large erasure")
    }

    private func erase(users: Int, named name: String) throws {
        let seed = seed(91, name)
        let installation = try TestInstallation(
            fixture: """
                {"tenants":[{"seed":\(seed),"users":\(users),"settings":{"quotas":false}},
                {"seed":\(seed + 1),"users":20,"settings":{"quotas":false}}]}
                """)
        defer { installation.tearDown() }
        try installation.makeAccounts()
        #expect(try installation.activate()["state"]?.string?.hasPrefix("succeeded") == true)
        let other = try addOther(installation)
        try installation.command(["download", "start", installation.tenant, "--format", "json", "--wait"])
        try installation.control("POST", "churn?seed=\(seed)&count=20")
        #expect(try installation.backUp()["state"]?.string?.hasPrefix("succeeded") == true)
        let objects = try #require(
            try installation.command(["snapshot", "show", installation.tenant, "2"])["counts"]?.object)
        print("\(name): objects \(objects.compactMap { $0.1.int }.reduce(0, +))")

        let dump = try DatabaseCopy(installation, "dumped")
        #expect(try dump.opens(installation.tenant) && dump.opens(other.tenant))
        let before = try picture(of: other)
        let expected = try installation.command(["organization", "delete", "O", "--dry-run"])["rows"]
        let organization = try #require(
            try installation.command(["organization", "show", "O"])["organization"]?["id"]?.string)
        try refuseWithoutName(installation)

        let certificate = try eraseKilled(installation, organization)
        try expectCounts(certificate, expected, tenant: installation.tenant)
        try expectNothingIsLeft(installation, organization)
        #expect(try !dump.opens(installation.tenant) && dump.opens(other.tenant))
        #expect(try picture(of: other) == before)
        // The tenant may come back, under new keys, and the old copy still does not open.
        try comeBack(installation)
        #expect(try !dump.opens(installation.tenant))
    }

    /// Work that is under way when its organization is erased leaves nothing behind, and stops nobody else's.
    @Test func `an organization is erased while its tenant is backed up`() throws {
        let seed = seed(92, "erasure under way")
        let installation = try TestInstallation(
            fixture: "{\"seed\":\(seed),\"users\":2000,\"settings\":{\"quotas\":false}}",
            workers: "fetcher=2,differ=2,persister=1")
        defer { installation.tearDown() }
        try installation.makeAccounts()
        // One collection is put off, so that the backup is under way however long the others take.
        try installation.control(
            "POST", "faults", body: #"{"status":429,"retryAfter":600,"path":"identity/conditionalAccess/policies"}"#)
        try installation.command(["tenant", "activate", installation.tenant])
        try installation.eventually("pages are on their way") {
            try installation.sql("SELECT count(*) > 3 FROM backup.contents") == "t"
        }
        let organization = try #require(
            try installation.command(["organization", "show", "O"])["organization"]?["id"]?.string)
        let document = try installation.command(["organization", "delete", "O", "--confirm", "O"])
        #expect(document["certificate"]?["jobsCancelled"]?.int == 1)
        #expect(try certificate(installation, organization) == document["certificate"])
        // What a stage had in hand has come to its end by then.
        try installation.eventually("the broker is empty") {
            try installation.sql("SELECT count(*) FROM backup.messages") == "0"
        }
        try expectNothingIsLeft(installation, organization)
        try installation.control("DELETE", "faults")
        try comeBack(installation)
        try expectNothingIsLeft(installation, organization, butTenant: true)
        #expect(try installation.sql("SELECT count(*) FROM backup.dead_letters") == "0")
    }

    // MARK: Parts

    private func addOther(_ installation: TestInstallation) throws -> TestInstallation {
        let url = try #require(installation.environment["ENTRA_BACKUP_SIMULATOR_URL"])
        let list = try JSONValue(parsing: Array(Programs.run("/usr/bin/curl", ["-sS", "\(url)/_control"]).output.utf8))
        let tenant = try #require(list["tenants"]?.array?.first { $0["tenantId"]?.string != installation.tenant })
        let other = TestInstallation(installation, seenFrom: try #require(tenant["tenantId"]?.string))
        let file = installation.root + "/other-secret"
        try #require(tenant["clients"]?[0]?["secret"]?.string).write(toFile: file, atomically: true, encoding: .utf8)
        try installation.command([
            "organization", "create", "--name", "Other", "--partner", "P", "--plan", "Plan", "--first-name", "F",
            "--last-name", "L", "--email", "contact@other.example", "--country", "DE",
        ])
        try installation.command([
            "tenant", "add", "--organization", "Other", "--tenant-id", other.tenant, "--client-id",
            try #require(tenant["clients"]?[0]?["clientId"]?.string), "--client-secret-file", file, "--graph-url", url,
            "--authority-url", url,
        ])
        #expect(try other.activate()["state"]?.string?.hasPrefix("succeeded") == true)
        return other
    }

    /// Snapshots with their digests, all rows of the history, and what the tenant is.
    private func picture(of other: TestInstallation) throws -> [String] {
        let snapshots = try other.command(["snapshot", "list", other.tenant])["items"]?.array ?? []
        try #require(snapshots.allSatisfy { $0["digest"]?.string != nil } && !snapshots.isEmpty)
        let verified = try other.command(["snapshot", "verify", other.tenant, "1"])
        let counts = try ["contents", "object_versions", "link_versions", "jobs", "tenant_keys"].map {
            "\($0) \(try other.sql("SELECT count(*) FROM backup.\($0) WHERE tenant_id = '\(other.tenant)'"))"
        }
        return snapshots.map(\.canonicalText) + counts + [verified.canonicalText]
    }

    private func refuseWithoutName(_ installation: TestInstallation) throws {
        for arguments in [["--no-input"], ["--confirm", "o"], ["--confirm", ""]] {
            let result = try Programs.run(
                "entra-backup", ["organization", "delete", "O"] + arguments, environment: installation.environment)
            #expect(result.status == 2, "\(arguments): \(result.errors)")
        }
        #expect(try installation.sql("SELECT count(*) FROM backup.erasures") == "0")
    }

    /// Kills the program before and after every step, until nothing is left to do. Returns the certificate.
    private func eraseKilled(_ installation: TestInstallation, _ organization: String) throws -> JSONValue {
        var kills: [String: Int] = [:]
        // Where a step leaves no trace, the next kill is one step later.
        var (count, last) = (1, "")
        erasing: for _ in 0..<200 {
            for point in ["before-erase", "after-erase"] {
                let result = try Programs.run(
                    "entra-backup", ["organization", "delete", "O", "--confirm", "O", "--json"],
                    environment: installation.environment.merging(["ENTRA_BACKUP_FAILPOINT": "\(point):\(count)"]) {
                        $1
                    })
                if result.status == 0 || result.status == 4 { break erasing }
                try #require(result.status == 9, "\(point): \(result.status) \(result.errors)")
                kills[point, default: 0] += 1
                if kills.count == 1, kills[point] == 1 {
                    // Nothing has happened yet.
                    #expect(try installation.sql("SELECT count(*) FROM backup.erasures") == "0")
                }
            }
            let state = try installation.sql("SELECT step || rows::text || keys_destroyed FROM backup.erasures")
            count = state == last ? count + 1 : 1
            last = state
            if kills["after-erase"] == 6 { try expectOpenOneIsNamed(installation) }
        }
        print("erasure: killed \(kills.sorted { $0.key < $1.key }.map { "\($0.value) times \($0.key)" })")
        #expect(kills["before-erase", default: 0] >= 12 && kills["after-erase", default: 0] >= 12)
        return try #require(try certificate(installation, organization))
    }

    /// As the audit has it.
    private func certificate(_ installation: TestInstallation, _ organization: String) throws -> JSONValue? {
        let entries =
            try installation.command(["audit", "list", "--target", organization, "--partner", "P"])["items"]?.array
            ?? []
        let deleted = entries.filter { $0["action"]?.string == "organization.delete" }
        #expect(deleted.count == 2 && deleted.last?["reason"]?.string == "begun")
        #expect(try installation.command(["audit", "verify"])["broken"]?.int == 0)
        return try deleted.first?["reason"]?.string.map { try JSONValue(parsing: Array($0.utf8)) }
    }

    private func expectOpenOneIsNamed(_ installation: TestInstallation) throws {
        let findings = try installation.command(["doctor"], allowing: [0, 1])["items"]?.array ?? []
        let finding = findings.first { $0["check"]?.string == "erasures" }
        #expect(finding?["outcome"]?.string == "warning" && finding?["hint"]?.string?.contains("delete") == true)
    }

    private func expectCounts(_ certificate: JSONValue, _ expected: JSONValue?, tenant: String) throws {
        #expect(certificate["tenants"]?.array?.map(\.string) == [tenant])
        #expect(certificate["keysDestroyed"]?.int == 1)
        let rows = try #require(certificate["rows"]?.object)
        // Each row was counted once, whatever was killed in between.
        for (table, count) in try #require(expected?.object) {
            #expect(rows[table]?.int == count.int, "\(table)")
        }
        #expect(rows["contents"]?.int ?? 0 > 100 && rows["tenants"]?.int == 1 && rows["organizations"]?.int == 1)
    }

    private func expectNothingIsLeft(
        _ installation: TestInstallation, _ organization: String, butTenant: Bool = false
    ) throws {
        let columns = try installation.sql(
            """
            SELECT c.relname || ' ' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace = 'backup'::regnamespace AND c.relkind IN ('r', 'p') AND NOT a.attisdropped
                AND a.attname IN ('tenant_id', 'source_tenant_id', 'organization_id')
                -- Numbers that bills are made of stay, with their plan, without a name of the organization or a tenant.
                AND c.relname NOT IN ('organization_terms', 'protected_users') ORDER BY 1
            """
        ).split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(columns.count > 25)
        for column in columns where !(butTenant && column[1] != "organization_id") {
            let id = column[1] == "organization_id" ? organization : installation.tenant
            #expect(
                try installation.sql("SELECT count(*) FROM backup.\(column[0]) WHERE \(column[1]) = '\(id)'") == "0",
                "\(column)")
        }
        #expect(try installation.sql("SELECT count(*) FROM backup.organizations WHERE id = '\(organization)'") == "0")
        let keys = try FileManager.default.contentsOfDirectory(
            atPath: try #require(installation.environment["ENTRA_BACKUP_KEY_STORE_PATH"]) + "/tenants")
        #expect(butTenant || !keys.contains(installation.tenant))
    }

    private func comeBack(_ installation: TestInstallation) throws {
        let url = try #require(installation.environment["ENTRA_BACKUP_SIMULATOR_URL"])
        try installation.command([
            "organization", "create", "--name", "Back", "--partner", "P", "--plan", "Plan", "--first-name", "F",
            "--last-name", "L", "--email", "contact@customer.example", "--country", "DE",
        ])
        try installation.command([
            "tenant", "add", "--organization", "Back", "--tenant-id", installation.tenant,
            "--client-id", try #require(installation.environment["ENTRA_BACKUP_SIMULATOR_CLIENT_ID"]),
            "--client-secret-file", try #require(installation.environment["ENTRA_BACKUP_SIMULATOR_CLIENT_SECRET_FILE"]),
            "--graph-url", url, "--authority-url", url,
        ])
        #expect(try installation.activate()["snapshot"]?.int == 1)
        #expect(
            try installation.command(["snapshot", "verify", installation.tenant, "1"])["damaged"]?.array?.isEmpty
                == true)
    }
}

/// A dump of the database, put back beside it on the same server; the key store is the installation's.
private struct DatabaseCopy {
    let installation: TestInstallation
    let name: String

    init(_ installation: TestInstallation, _ name: String) throws {
        self.installation = installation
        self.name = name
        let file = installation.root + "/\(name).dump"
        let password = try String(contentsOfFile: installation.data + "/secrets/postgres-superuser", encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let server = [
            "-h", "127.0.0.1", "-p", installation.environment["ENTRA_BACKUP_DATABASE_PORT"] ?? "", "-U", "postgres",
        ]
        try installation.sql("CREATE DATABASE \(name)")
        for (program, arguments) in [
            ("pg_dump", ["-Fc", "-f", file, "entra_backup"]), ("pg_restore", ["-d", name, file]),
        ] {
            let result = try Programs.run(
                "/usr/bin/\(program)", server + arguments, environment: ["PGPASSWORD": password])
            try #require(result.status == 0, "\(program): \(result.errors)")
        }
        try installation.sql("GRANT CONNECT ON DATABASE \(name) TO entra_backup_operator")
    }

    /// Whether the tenant's users can be read in the copy.
    func opens(_ tenant: String) throws -> Bool {
        let environment = installation.environment.merging(["ENTRA_BACKUP_DATABASE_NAME": name]) { $1 }
        let list = try Programs.run(
            "entra-backup", ["object", "list", tenant, "user", "--json"], environment: environment)
        guard list.status == 0 else {
            #expect(list.errors.contains("keyWrong"), "\(list.errors)")
            return false
        }
        return (try list.json()["items"]?.array ?? []).contains { $0["displayName"]?.string?.isEmpty == false }
    }
}
