import BackupModel
import Foundation
import Testing

/// Archives of snapshots, made by real processes: complete, the same after crashes, and none that was changed passes.
@Suite(.serialized) struct DownloadTests {
    private static let points = [
        "before-start", "after-start", "before-commit", "after-commit", "before-acknowledge", "after-acknowledge",
    ]

    private func installation(workers: String = "") throws -> TestInstallation {
        let seed = seed(41, "download")
        let installation = try TestInstallation(
            fixture: "{\"seed\":\(seed),\"users\":120,\"settings\":{\"quotas\":false}}", workers: workers)
        try installation.makeAccounts()
        #expect(try installation.activate()["state"]?.string == "succeeded")
        return installation
    }

    /// The members of an archive, read by another program.
    private func members(of path: String) throws -> [String: String] {
        let read = """
            import json, sys, zipfile
            z = zipfile.ZipFile(sys.argv[1])
            assert z.testzip() is None
            print(json.dumps({i.filename: z.read(i).decode() for i in z.infolist()}))
            """
        let result = try Programs.run("/usr/bin/python3", ["-c", read, path])
        try #require(result.status == 0, "\(result.errors)")
        return (try result.json().object ?? [:]).reduce(into: [:]) { $0[$1.name] = $1.value.string }
    }

    /// The documents of a snapshot by type, as commands print them.
    private func listed(_ installation: TestInstallation) throws -> [String: [JSONValue]] {
        let types = try installation.command(["object", "types", installation.tenant])["items"]?.array ?? []
        var documents: [String: [JSONValue]] = [:]
        for type in types.compactMap({ $0["type"]?.string }) {
            let list = try installation.command(["object", "list", installation.tenant, type, "--documents"])
            if let items = list["items"]?.array, !items.isEmpty { documents[type] = items }
        }
        return documents
    }

    private func documents(_ members: [String: String]) throws -> [String: [JSONValue]] {
        var documents: [String: [JSONValue]] = [:]
        for (name, text) in members where name.hasSuffix(".jsonl") {
            documents[String(name.dropLast(6))] = try text.split(separator: "\n").map {
                try JSONValue(parsing: Array($0.utf8))
            }
        }
        return documents
    }

    private func download(_ installation: TestInstallation, _ file: String, _ arguments: [String]) throws -> JSONValue {
        try installation.command(
            ["download", "start", installation.tenant, "--output", installation.root + "/" + file] + arguments)
    }

    @Test func `an archive holds what the commands show, and is fetched again and gone on with`() throws {
        let installation = try installation()
        defer { installation.tearDown() }
        let path = installation.root + "/all.zip"
        let started = try download(installation, "all.zip", ["--format", "json"])
        let job = try #require(started["job"]?["id"]?.string)
        let archive = try members(of: path)
        let expected = try listed(installation)
        let found = try documents(archive)
        #expect(Set(found.keys) == Set(expected.keys))
        for (type, items) in expected { #expect(found[type] == items, "\(type)") }
        let manifest = try JSONValue(parsing: Array(try #require(archive["manifest.json"]).utf8))
        #expect(manifest["counts"]?["user"]?.int == expected["user"]?.count)
        let snapshot = try installation.command(["snapshot", "show", installation.tenant])
        #expect(manifest["signature"] == snapshot["signature"])
        for (type, items) in expected.prefix(10) {
            let id = try #require(items.first?["id"]?.string)
            #expect(try installation.command(["object", "show", installation.tenant, type, id]) == items.first)
        }

        // Gone on with after a cut, whether what is there is right or not.
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        for start in [whole.prefix(100_000), Data("something else".utf8), Data()] {
            let again = installation.root + "/again.zip"
            try start.write(to: URL(fileURLWithPath: again + ".part"))
            try installation.command(["download", "fetch", job, "--output", again])
            #expect(try Data(contentsOf: URL(fileURLWithPath: again)) == whole)
            #expect(!FileManager.default.fileExists(atPath: again + ".part"))
        }
        try csvAndScope(installation, expected)
        try refusals(installation, job)
    }

    private func csvAndScope(_ installation: TestInstallation, _ expected: [String: [JSONValue]]) throws {
        let users = try #require(expected["user"]).prefix(3).compactMap { $0["id"]?.string }
        try (users.dropFirst().joined(separator: "\n") + "\n").write(
            toFile: installation.root + "/ids.txt", atomically: true, encoding: .utf8)
        _ = try download(
            installation, "some.zip",
            [
                "--format", "csv", "--types", "user,group", "--ids", users[0], "--ids-file",
                installation.root + "/ids.txt",
            ])
        let archive = try members(of: installation.root + "/some.zip")
        #expect(Set(archive.keys) == ["user.csv", "manifest.json"])
        let read = "import csv, sys, json; print(json.dumps(list(csv.DictReader(open(sys.argv[1], newline='')))))"
        let file = installation.root + "/user.csv"
        try #require(archive["user.csv"]).write(toFile: file, atomically: true, encoding: .utf8)
        let rows = try Programs.run("/usr/bin/python3", ["-c", read, file]).json().array ?? []
        #expect(Set(rows.compactMap { $0["id"]?.string }) == Set(users))
        for row in rows {
            let document = expected["user"]?.first { $0["id"] == row["id"] }
            #expect(row["userPrincipalName"] == document?["attributes"]?["userPrincipalName"])
        }
    }

    private func refusals(_ installation: TestInstallation, _ job: String) throws {
        func status(_ arguments: [String]) throws -> Int32 {
            try Programs.run("entra-backup", arguments, environment: installation.environment).status
        }
        let tenant = installation.tenant
        #expect(try status(["download", "start", tenant, "--format", "json", "--snapshot", "99"]) == 4)
        #expect(try status(["download", "start", tenant, "--format", "json", "--ids", "nobody"]) == 4)
        #expect(try status(["download", "start", tenant, "--format", "xml"]) == 2)
        #expect(try status(["download", "start", tenant, "--format", "json", "--types", "nothing"]) == 2)
        let backup = try installation.command(["job", "list", "--kind", "backup"])["items"]?[0]?["id"]?.string ?? ""
        #expect(try status(["download", "fetch", backup, "--output", "/dev/null"]) == 6)
        #expect(try status(["download", "fetch", UUID().uuidString, "--output", "/dev/null"]) == 4)
        #expect(try status(["download", "fetch", job, "--output", "/nonexistent/file"]) == 1)
        try installation.sql("UPDATE backup.downloads SET expires_at = now()")
        #expect(try status(["download", "fetch", job, "--output", "/dev/null"]) == 4)
        try installation.eventually("the scheduler takes away what has expired") {
            try installation.sql("SELECT count(*) FROM backup.download_chunks") == "0"
        }
    }

    @Test func `a byte that was changed in any member is found by the member's name`() throws {
        let installation = try installation()
        defer { installation.tearDown() }
        _ = try download(installation, "a.zip", ["--format", "json"])
        let path = installation.root + "/a.zip"
        #expect(try verify(installation, path) == "")
        func forged(_ how: String, _ name: String) throws -> String {
            let target = installation.root + "/forged.zip"
            try ArchiveForge.forge(path, target, how, name)
            return try verify(installation, target)
        }
        // The archive as another program packs it again is still the same.
        #expect(try forged("none", "") == "")
        let names = try members(of: path).keys.sorted()
        #expect(names.count > 30)
        for name in names { #expect(try forged("byte", name).contains(" \(name) "), "\(name)") }
        #expect(try forged("missing", "user.jsonl").contains(" user.jsonl "))
        #expect(try forged("missing", "manifest.json").contains("manifest.json"))
        #expect(try forged("additional", "more.jsonl").contains(" more.jsonl "))
        #expect(try forged("forged", "group.jsonl").contains("manifest.json "))
        #expect(try forged("version", "").contains("format version 2"))

        // Cut, and of the file itself: a byte in each tenth of it.
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let damaged = installation.root + "/damaged.zip"
        for cut in [0, 10, bytes.count / 2, bytes.count - 1] {
            try bytes.prefix(cut).write(to: URL(fileURLWithPath: damaged))
            #expect(try verify(installation, damaged).contains(damaged), "cut at \(cut)")
        }
        try installation.sql(
            "UPDATE backup.snapshots SET signature = set_byte(signature, 0, 255 - get_byte(signature, 0))")
        #expect(try verify(installation, path).contains("signature of snapshot"))
    }

    /// What `download verify` says against an archive; empty when nothing.
    private func verify(_ installation: TestInstallation, _ path: String) throws -> String {
        let result = try Programs.run(
            "entra-backup", ["download", "verify", installation.tenant, path, "--json"],
            environment: installation.environment)
        if result.status == 0 { return "" }
        #expect(result.status == 1)
        return try JSONValue(parsing: Array(result.errors.utf8))["error"]?["message"]?.string ?? ""
    }

    @Test func `a downloader killed at every point leaves an archive of the same documents`() throws {
        let installation = try installation(workers: "downloader=0")
        defer { installation.tearDown() }
        let expected = try listed(installation)
        let stages = RunningStages(installation)
        defer { stages.stop() }
        for (round, point) in Self.points.enumerated() {
            // Later commits are those of pieces and of the end.
            let count = point.hasSuffix("commit") ? 1 + round % 3 : 1
            let victim = try stages.start("downloader", failpoint: "\(point):\(count)")
            let started = try installation.command(
                ["download", "start", installation.tenant, "--format", "json"])
            let job = try #require(started["job"]?["id"]?.string)
            try installation.eventually("the downloader dies at \(point)") { !victim.isRunning }
            #expect(victim.terminationReason == .uncaughtSignal, "\(point)")
            try stages.start("downloader")
            try installation.eventually("the download ends after \(point)", seconds: 120) {
                try installation.command(["job", "show", job])["job"]?["state"]?.string == "succeeded"
            }
            let path = installation.root + "/\(point).zip"
            try installation.command(["download", "fetch", job, "--output", path])
            #expect(try documents(members(of: path)) == expected, "\(point)")
            #expect(try verify(installation, path) == "", "\(point)")
        }
        try PipelineCheck.nothingIsLeft(installation, seconds: 90)
    }
}
