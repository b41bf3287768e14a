import BackupModel
import Foundation
import Testing

/// BitLocker keys and LAPS passwords: read once, kept, shown with a reason only, in clear nowhere.
@Suite(.serialized) struct SecretTests {
    private static let device = "deviceLocalCredentialInfo"

    @Test func `secrets are read once, outlive their device, and are in clear nowhere`() throws {
        let seed = seed(97, "secrets")
        let installation = try Self.installation(seed)
        defer { installation.tearDown() }
        let writer = try Writer(installation)
        let keys = try writer.secrets(of: "bitlockerRecoveryKey"), devices = try writer.secrets(of: Self.device)
        try #require(keys.count >= 4 && devices.count >= 2)
        let lone = keys[0], shown = devices[0]
        // The test has read them all itself.
        let before = try Self.readings(installation)
        #expect(before == keys.count + devices.count)

        // One by one, before anything was collected.
        let key = try installation.command(Self.show("bitlocker", installation, lone.id))["secret"]
        #expect(key?["key"]?.string == lone.texts[0])
        let passwords = try installation.command(Self.show("laps", installation, shown.id))["secret"]?["passwords"]
        #expect(passwords?.array?.compactMap { $0["password"]?.string } == shown.texts)
        #expect(passwords?[0]?["account"]?.string == "Administrator")
        #expect(passwords?[0]?["backedUpAt"]?.string != nil)
        #expect(try Self.readings(installation) == before + 2)
        for _ in 0..<2 { try installation.command(Self.show("bitlocker", installation, lone.id)) }
        #expect(try Self.readings(installation) == before + 2, "what was read is not read again")

        // A rehearsal reads nothing; the rest is then read once.
        let rehearsed = try installation.command(["secret", "collect", installation.tenant, "--dry-run"])["items"]
        #expect(rehearsed?[0]?["wanted"]?.int == keys.count - 1)
        #expect(rehearsed?[1]?["wanted"]?.int == devices.count - 1)
        #expect(try Self.readings(installation) == before + 2)
        let collected = try installation.command(["secret", "collect", installation.tenant])["items"]
        #expect(collected?[0]?["read"]?.int == keys.count - 1)
        #expect(collected?[1]?["read"]?.int == devices.count - 1)
        let again = try installation.command(["secret", "collect", installation.tenant])["items"]
        #expect(again?.array?.map { $0["read"]?.int } == [0, 0])
        #expect(try Self.readings(installation) == before + keys.count + devices.count)

        try writer.deleteDevices()
        let gone = try installation.command(Self.show("bitlocker", installation, lone.id) + ["--refresh"])
        #expect(gone["secret"]?["key"]?.string == lone.texts[0], "Graph does not have it any more")
        for object in keys {
            let kept = try installation.command(Self.show("bitlocker", installation, object.id))["secret"]
            #expect(kept?["key"]?.string == object.texts[0])
        }
        for object in devices {
            let kept = try installation.command(Self.show("laps", installation, object.id))["secret"]
            #expect(kept?["passwords"]?.array?.compactMap { $0["password"]?.string } == object.texts)
        }
        #expect(try Self.readings(installation) == before + keys.count + devices.count)
        print("secrets: \(keys.count) keys and \(devices.count) devices, read once each, shown after they were deleted")
        try checkAudit(installation, lone.id, count: keys.count + devices.count)
        try expectSealed(installation, (keys + devices).flatMap(\.texts))
    }

    @Test func `without permission, with an unknown id, or without a reason nothing is shown`() throws {
        let seed = seed(98, "secrets")
        let installation = try Self.installation(seed)
        defer { installation.tearDown() }
        let keys = try Self.truth(installation, "bitlockerRecoveryKey")
        let (kept, other) = (try #require(keys.first).id, try #require(keys.last).id)
        try installation.command(Self.show("bitlocker", installation, kept))
        let foreign = try Self.foreignTenant(installation)
        let none = "00000000-0000-4000-8000-000000000000"
        try installation.control("POST", "permissions", body: #"{"client":0,"remove":["BitlockerKey.Read.All"]}"#)
        let cases: [(arguments: [String], status: Int32, code: String?)] = [
            (Self.show("bitlocker", installation, other), 5, "permissionMissing"),
            (["secret", "collect", installation.tenant], 3, nil),
            (Self.show("bitlocker", installation, kept), 0, nil),
            (Self.show("laps", installation, none), 4, "secretNotFound"),
            (Self.show("laps", installation, kept), 4, "secretNotFound"),
            (Self.show("laps", installation, "1234"), 2, "secretIdMalformed"),
            (["secret", "show", "bitlocker", installation.tenant, kept], 2, nil),
            (["secret", "show", "bitlocker", installation.tenant, kept, "--reason", " "], 2, "nameInvalid"),
            (["secret", "show", "pin", installation.tenant, kept, "--reason", "x"], 2, nil),
            (["secret", "show", "bitlocker", "Nobody", kept, "--reason", "x"], 4, "tenantNotFound"),
            (["secret", "show", "bitlocker", foreign, kept, "--reason", "x"], 4, "secretNotFound"),
            (["secret", "collect", foreign], 4, "snapshotNotFound"),
        ]
        for one in cases {
            let result = try Programs.run(
                "entra-backup", one.arguments + ["--json"], environment: installation.environment)
            #expect(result.status == one.status, "\(one.arguments): \(result.errors)")
            if let code = one.code {
                #expect(try JSONValue(parsing: Array(result.errors.utf8))["error"]?["code"]?.string == code)
                #expect(result.output.isEmpty)
            }
        }
        let refused = try installation.sql(
            "SELECT count(*) FROM backup.audit_entries WHERE outcome = 'refused' AND action = 'secret.show'")
        #expect(refused == "1")
    }

    // MARK: Helpers

    private static func installation(_ seed: Int) throws -> TestInstallation {
        let installation = try TestInstallation(
            fixture: """
                {"tenants":[{"seed":\(seed),"users":20,"devices":12,"settings":{"quotas":false}},
                {"seed":\(seed + 1),"users":5,"settings":{"quotas":false}}]}
                """, workers: "downloader=0,restorer=0")
        do {
            try installation.makeAccounts()
            let types = "types=device,bitlockerRecoveryKey,\(device)"
            try installation.command(["tenant", "config", "set", installation.tenant, types])
            let job = try installation.activate()
            try #require(job["state"]?.string == "succeeded")
        } catch {
            installation.tearDown()
            throw error
        }
        return installation
    }

    private static func show(_ kind: String, _ installation: TestInstallation, _ id: String) -> [String] {
        ["secret", "show", kind, installation.tenant, id, "--reason", "ticket 4711"]
    }

    private static func truth(
        _ installation: TestInstallation, _ type: String
    ) throws -> [(id: String, attributes: JSONObject)] {
        try installation.control("GET", "truth/\(type)").split(separator: "\n").map { line in
            let value = try JSONValue(parsing: Array(line.utf8))
            return (try #require(value["id"]?.string), try #require(value["attributes"]?.object))
        }
    }

    /// How many secrets the tenant's own audit log says were read.
    private static func readings(_ installation: TestInstallation) throws -> Int {
        try truth(installation, "directoryAudit").count { entry in
            let activity = entry.attributes["activityDisplayName"]?.string ?? ""
            return ["Read BitLocker key", "Recover device local administrator password"].contains(activity)
        }
    }

    /// Adds the simulator's second tenant; it has no snapshot.
    private static func foreignTenant(_ installation: TestInstallation) throws -> String {
        let url = try #require(installation.environment["ENTRA_BACKUP_SIMULATOR_URL"])
        let list = try JSONValue(parsing: Array(Programs.run("/usr/bin/curl", ["-sS", "\(url)/_control"]).output.utf8))
        let other = try #require(list["tenants"]?.array?.first { $0["tenantId"]?.string != installation.tenant })
        let id = try #require(other["tenantId"]?.string)
        let file = installation.root + "/other-secret"
        let secret = try #require(other["clients"]?[0]?["secret"]?.string)
        try secret.write(toFile: file, atomically: true, encoding: .utf8)
        try installation.command([
            "tenant", "add", "--organization", "O", "--tenant-id", id, "--client-id",
            try #require(other["clients"]?[0]?["clientId"]?.string), "--client-secret-file", file, "--graph-url", url,
            "--authority-url", url,
        ])
        try FileManager.default.removeItem(atPath: file)
        return id
    }

    private func checkAudit(_ installation: TestInstallation, _ id: String, count: Int) throws {
        let entries = try installation.command(["audit", "list", "--limit", "1000"])["items"]?.array ?? []
        let shown = entries.filter { $0["action"]?.string == "secret.show" }
        #expect(shown.count == count + 5)
        #expect(shown.allSatisfy { $0["outcome"]?.string == "allowed" && $0["reason"]?.string != nil })
        #expect(shown.contains { $0["target"]?.string == "\(installation.tenant) bitlocker \(id)" })
        let collected = entries.filter { $0["action"]?.string == "secret.collect" }.compactMap { $0["reason"]?.string }
        #expect(collected.count == 2 && collected.allSatisfy { $0.contains(": ") })
    }

    /// No file of the stack has one of the secrets, in no form; the same search finds one that was planted.
    private func expectSealed(_ installation: TestInstallation, _ secrets: [String]) throws {
        let planted = "planted-\(secrets[0].count)-secret"
        try installation.sql("CREATE TABLE public.scratch (word text)")
        try installation.sql("INSERT INTO public.scratch VALUES ('\(planted)')")
        try installation.sql("CHECKPOINT")
        let password = try String(
            contentsOfFile: installation.data + "/secrets/postgres-superuser", encoding: .utf8)
        let dump = installation.root + "/dump.sql"
        let dumped = try Programs.run(
            "/usr/bin/pg_dump",
            [
                "-h", "127.0.0.1", "-p", installation.environment["ENTRA_BACKUP_DATABASE_PORT"] ?? "", "-U", "postgres",
                "-d", "entra_backup", "-f", dump,
            ], environment: ["PGPASSWORD": password.trimmingCharacters(in: .whitespacesAndNewlines)])
        try #require(dumped.status == 0, "\(dumped.errors)")
        try installation.stop()
        var search = ClearTextSearch()
        search.add(secrets + [planted])
        let places = ["postgres", "rabbitmq", "logs", "run", "config"].map { "\(installation.data)/\($0)" } + [dump]
        let hits = try search.run(places, patternFile: installation.root + "/patterns")
        for hit in hits where hit.word != planted { Issue.record("\(hit.file) has a secret as \(hit.form)") }
        #expect(hits.contains { $0.word == planted && $0.file == dump })
        #expect(hits.contains { $0.word == planted && $0.file.contains("/postgres/base/") })
    }
}

/// The tenant's second application, which may read and write everything.
private struct Writer {
    let installation: TestInstallation
    let url: String
    let token: String

    init(_ installation: TestInstallation) throws {
        self.installation = installation
        url = try #require(installation.environment["ENTRA_BACKUP_SIMULATOR_URL"])
        let description = try JSONValue(parsing: Array(installation.control("GET", "").utf8))
        let client = try #require(description["clients"]?[1])
        let form = [
            "client_id=\(client["clientId"]?.string ?? "")", "client_secret=\(client["secret"]?.string ?? "")",
            "grant_type=client_credentials", "scope=\(url)/.default",
        ]
        let answer = try Programs.run(
            "/usr/bin/curl",
            ["-sS", "--fail", "\(url)/\(installation.tenant)/oauth2/v2.0/token"]
                + form.flatMap { ["--data-urlencode", $0] })
        token = try #require(try answer.json()["access_token"]?.string)
    }

    /// Ids and secrets of all objects of a type, newest password first.
    func secrets(of type: String) throws -> [(id: String, texts: [String])] {
        let secrets = try #require(Catalogue.current[type]?.secrets)
        return try installation.control("GET", "truth/\(type)").split(separator: "\n").map { line in
            let id = try #require(try JSONValue(parsing: Array(line.utf8))["id"]?.string)
            let answer = try request("GET", secrets.target(for: id)).json()
            if let key = answer["key"]?.string { return (id, [key]) }
            let passwords = (answer["credentials"]?.array ?? []).compactMap { item in
                item["passwordBase64"]?.string.flatMap { Data(base64Encoded: $0) }
                    .flatMap { String(data: $0, encoding: .utf16LittleEndian) }
            }
            try #require(!passwords.isEmpty)
            return (id, passwords)
        }
    }

    /// Deletes every device; Graph forgets their secrets with them.
    func deleteDevices() throws {
        for line in try installation.control("GET", "truth/device").split(separator: "\n") {
            let id = try #require(try JSONValue(parsing: Array(line.utf8))["id"]?.string)
            _ = try request("DELETE", "/devices/\(id)")
        }
        for type in ["device", "bitlockerRecoveryKey", "deviceLocalCredentialInfo"] {
            #expect(try installation.control("GET", "truth/\(type)").isEmpty)
        }
    }

    private func request(_ method: String, _ target: String) throws -> Programs.Result {
        let result = try Programs.run(
            "/usr/bin/curl",
            ["-sS", "--fail", "-g", "-X", method, "-H", "Authorization: Bearer \(token)", "\(url)/v1.0\(target)"])
        try #require(result.status == 0, "\(method) \(target): \(result.errors)")
        return result
    }
}
