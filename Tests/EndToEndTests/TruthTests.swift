import BackupModel
import Foundation
import Testing

/// Snapshots equal the truth of the simulated tenant, now and later.
@Suite(.serialized) struct TruthTests {
    @Test func `rounds of churn come out as they are, and old snapshots stay as they were`() throws {
        let isSoak = ProcessInfo.processInfo.environment["ENTRA_BACKUP_SOAK"] != nil
        for number in 1...(isSoak ? 1 : 5) {
            let seed = seed(100 * number + 7, "truth")
            let users = isSoak ? 10_000 : 200
            let installation = try TestInstallation(
                fixture: "{\"seed\":\(seed),\"users\":\(users),\"settings\":{\"quotas\":false}}")
            defer { installation.tearDown() }
            try installation.makeAccounts()
            #expect(try installation.activate()["state"]?.string == "succeeded")
            try rounds(installation, seed: seed, count: 10, keeps: !isSoak)
            if isSoak { try soak(installation, seed: seed) }
        }
    }

    private func rounds(_ installation: TestInstallation, seed: Int, count: Int, keeps: Bool) throws {
        var pictures = [1: try TenantPicture.truth(installation)]
        try compare(installation, 1, pictures[1])
        for round in 1...count {
            // The last round changes nothing.
            if round < count { try installation.control("POST", "churn?seed=\(seed + round)&count=60") }
            if round == count { try installation.control("POST", "quiesce") }
            let job = try installation.backUp()
            let number = try #require(job["snapshot"]?.int)
            let truth = try TenantPicture.truth(installation)
            try compare(installation, number, truth)
            try compareCounts(installation, number)
            if keeps { pictures[number] = truth }
        }
        if keeps { for (number, picture) in pictures { try compare(installation, number, picture) } }
        let newest = count + 1
        let quiet = try installation.command([
            "diff", installation.tenant, "--from", "\(newest - 1)", "--to", "\(newest)",
        ])
        #expect(quiet["items"]?.array?.isEmpty == true)
        let written = try installation.sql(
            """
            SELECT (SELECT count(*) FROM backup.object_versions WHERE from_snapshot = \(newest) OR to_snapshot = \(newest))
                + (SELECT count(*) FROM backup.link_versions WHERE from_snapshot = \(newest) OR to_snapshot = \(newest))
            """)
        #expect(written == "0", "a round without changes writes no version")
        let report = try installation.command(["snapshot", "verify", installation.tenant, "\(newest)"])
        #expect(report["damaged"]?.array?.isEmpty == true)
        #expect(report["signature"]?.string == "valid")
    }

    private func compare(_ installation: TestInstallation, _ number: Int, _ truth: TenantPicture?) throws {
        let snapshot = try TenantPicture.snapshot(number, installation)
        let differences = snapshot.differences(from: try #require(truth))
        #expect(differences.isEmpty, "snapshot \(number): \(differences.joined(separator: "; "))")
        #expect(snapshot.count > 500)
    }

    /// What a snapshot says that it changed is what the diff to the one before counts; neither counts the recycle bin.
    private func compareCounts(_ installation: TestInstallation, _ number: Int) throws {
        let shown = try installation.command(["snapshot", "show", installation.tenant, "\(number)"])
        let difference = try installation.command([
            "diff", installation.tenant, "--from", "\(number - 1)", "--to", "\(number)",
        ])
        let summary = try #require(difference["summary"])
        for (name, others) in [("added", ["added", "restored"]), ("updated", ["updated"]), ("deleted", ["deleted"])] {
            let counted = others.reduce(0) { $0 + (summary[$1]?.int ?? 0) }
            #expect(shown["changes"]?[name]?.int == counted, "snapshot \(number), \(name)")
        }
    }

    /// The rounds of the long test: expired delta tokens, failing requests, churn inside a round.
    private func soak(_ installation: TestInstallation, seed: Int) throws {
        try installation.control("POST", "churn?seed=\(seed + 50)&fraction=0.01")
        try installation.control("POST", "expire-delta-tokens")
        try compare(
            installation, try #require(try installation.backUp()["snapshot"]?.int), TenantPicture.truth(installation))
        try installation.control("POST", "churn?seed=\(seed + 51)&fraction=0.01")
        try installation.control("POST", "faults", body: Self.faults(seed: seed))
        let job = try installation.backUp()
        try installation.control("DELETE", "faults")
        try compare(installation, try #require(job["snapshot"]?.int), TenantPicture.truth(installation))
        let started = try installation.command(["backup", "start", installation.tenant])
        for step in 0..<10 { try installation.control("POST", "churn?seed=\(seed + 60 + step)&count=50") }
        let id = try #require(started["job"]?["id"]?.string)
        try installation.eventually("the round with churn inside ends", seconds: 300) {
            try installation.command(["job", "show", id])["job"]?["state"]?.string == "succeeded"
        }
        try installation.control("POST", "quiesce")
        try compare(
            installation, try #require(try installation.backUp()["snapshot"]?.int), TenantPicture.truth(installation))
    }

    private static func faults(seed: Int) -> String {
        let effects = [
            #"{"status":429,"retryAfter":1,"share":0.05,"seed":SEED}"#, #"{"status":503,"share":0.05,"seed":SEED}"#,
            #"{"status":500,"share":0.03,"seed":SEED}"#, #"{"effect":"cutBody","share":0.03,"seed":SEED}"#,
            #"{"effect":"malformedBody","share":0.02,"seed":SEED}"#, #"{"effect":"reset","share":0.02,"seed":SEED}"#,
        ]
        return "[" + effects.joined(separator: ",").replacingOccurrences(of: "SEED", with: "\(seed)") + "]"
    }

    @Test func `failing requests change nothing but the time`() throws {
        let seed = seed(41, "faults")
        let installation = try TestInstallation(
            fixture: "{\"seed\":\(seed),\"users\":200,\"settings\":{\"quotas\":false}}")
        defer { installation.tearDown() }
        try installation.makeAccounts()
        try installation.control("POST", "faults", body: Self.faults(seed: seed))
        #expect(try installation.activate()["state"]?.string == "succeeded")
        try compare(installation, 1, TenantPicture.truth(installation))
        try installation.control("DELETE", "faults")
        try installation.control("POST", "churn?seed=\(seed)&count=60")
        try installation.control("POST", "expire-delta-tokens")
        try compare(
            installation, try #require(try installation.backUp()["snapshot"]?.int), TenantPicture.truth(installation))
    }

    @Test func `all types of the catalogue are read, and what is refused is said and kept`() throws {
        let installation = try TestInstallation(
            fixture: #"{"seed":5,"users":50,"settings":{"quotas":false,"tokenLife":2}}"#)
        defer { installation.tearDown() }
        try installation.makeAccounts()
        #expect(try installation.activate()["state"]?.string == "succeeded")
        let shown = try installation.command(["snapshot", "show", installation.tenant])
        let collections = try #require(shown["collections"]?.array)
        #expect(collections.count == Catalogue.current.types.count)
        let types = try installation.command(["object", "types", installation.tenant])["items"]?.array ?? []
        print("type\toutcome\tobjects\tlinks\tpages\trequests\tpermission")
        for item in collections {
            let type = item["type"]?.string ?? ""
            #expect(item["outcome"]?.string == "complete", "\(type)")
            let row = types.first { $0["type"]?.string == type }
            // The recycle bin is read with the permissions of the types in it.
            let permission = type == "deletedItem" ? "that of each type" : row?["permission"]?.string
            #expect(permission != nil, "\(type)")
            #expect(row?["granted"]?.bool == true, "\(type)")
            let counts = ["objects", "links", "pages", "requests"].map { "\(item[$0]?.int ?? -1)" }
            print(([type, item["outcome"]?.string ?? ""] + counts + [permission ?? ""]).joined(separator: "\t"))
        }
        let before = try TenantPicture.snapshot(1, installation)
        try installation.control(
            "POST", "permissions", body: #"{"client":0,"remove":["Policy.Read.All"]}"#)
        let job = try installation.command(
            ["backup", "start", installation.tenant, "--wait", "--full"], allowing: [3])["job"]
        #expect(job?["state"]?.string == "succeededWithWarnings")
        let after = try installation.command(["snapshot", "show", installation.tenant])
        let refused = (after["collections"]?.array ?? []).filter { $0["outcome"]?.string == "refused" }
        #expect(refused.contains { $0["type"]?.string == "conditionalAccessPolicy" })
        #expect(refused.allSatisfy { $0["reason"]?.string?.isEmpty == false })
        let kept = try TenantPicture.snapshot(2, installation)
        #expect(kept.documents["namedLocation"] == before.documents["namedLocation"])
        #expect(kept.documents["conditionalAccessPolicy"] == before.documents["conditionalAccessPolicy"])
    }
}
