import BackupModel
import Foundation
import Testing

/// How many copies of each stage there are changes how long a backup takes, and nothing else.
@Suite(.serialized) struct ScaleOutTests {
    @Test func `one, two and four copies of each stage write the same snapshots`() throws {
        let seed = seed(83, "scale-out")
        let origin = try TestInstallation(
            fixture: "{\"seed\":\(seed),\"users\":150,\"settings\":{\"quotas\":false,\"deltaPageSize\":20}}")
        defer { origin.tearDown() }
        try origin.makeAccounts()
        #expect(try origin.activate()["state"]?.string == "succeeded")
        try origin.stop()
        let first = try outcome(origin, seed: seed, copies: 1)
        for copies in [2, 4] {
            let other = try outcome(origin, seed: seed, copies: copies)
            for (round, (one, many)) in zip(first, other).enumerated() {
                let what = "round \(round + 1) with \(copies) copies"
                #expect(one.digest == many.digest, "\(what): digest")
                #expect(one.counts == many.counts, "\(what): counts")
                #expect(one.changes == many.changes, "\(what): changes")
                let differing = Set(one.objects).symmetricDifference(many.objects)
                #expect(differing.isEmpty, "\(what): \(differing.sorted().prefix(5))")
                #expect(one.objects.count > 500)
            }
        }
        #expect(first[0].digest != first[1].digest, "the churn changed something")
        print("scale-out: \(first[1].objects.count) objects, digest \(first[1].digest)")
    }

    private struct Snapshot {
        var digest: String
        var counts: JSONValue
        var changes: JSONValue
        /// Type, id, digest and the snapshot of the last change of every object.
        var objects: [String]
    }

    /// Starts a copy of the stack with so many workers, lets the tenant change, and reads what the backups made of it.
    private func outcome(_ origin: TestInstallation, seed: Int, copies: Int) throws -> [Snapshot] {
        let installation = try TestInstallation(
            copyOf: origin, workers: "fetcher=\(copies),differ=\(copies),persister=\(copies)")
        defer { installation.tearDown() }
        let status = try installation.command(["stack", "status", "--data-dir", installation.data])
        for stage in RunningStages.names {
            #expect(status["processes"]?.array?.filter { $0["name"]?.string == stage }.count == copies)
        }
        // One round that reads everything and one that reads what changed.
        for (round, arguments) in [["--full"], []].enumerated() {
            try installation.control("POST", "churn?seed=\(seed + round)&count=150")
            #expect(try installation.backUp(arguments)["state"]?.string == "succeeded")
        }
        if copies == 1 {
            let newest = try TenantPicture.snapshot(nil, installation)
            let differences = newest.differences(from: try TenantPicture.truth(installation))
            #expect(differences.isEmpty, "\(differences.joined(separator: "; "))")
        }
        return try [2, 3].map { try snapshot(installation, $0) }
    }

    private func snapshot(_ installation: TestInstallation, _ number: Int) throws -> Snapshot {
        let shown = try installation.command(["snapshot", "show", installation.tenant, "\(number)"])
        var objects: [String] = []
        for type in Catalogue.current.types {
            let list = try installation.command(
                ["object", "list", installation.tenant, type.name, "--snapshot", "\(number)"])
            for item in list["items"]?.array ?? [] {
                let id = try #require(item["id"]?.string), digest = try #require(item["digest"]?.string)
                objects.append("\(type.name) \(id) \(digest) \(item["from"]?.int ?? 0)")
            }
        }
        return Snapshot(
            digest: try #require(shown["digest"]?.string), counts: try #require(shown["counts"]),
            changes: try #require(shown["changes"]), objects: objects)
    }
}
