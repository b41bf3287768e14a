import BackupModel
import Foundation
import Testing

/// Whatever happens to an object of any type is planned, restored, read back, and can be undone.
@Suite(.serialized) struct RestoreTests {
    /// Options of a restore that brings a tenant back to how it was.
    static let whole = ["--links", "rollback", "--attributes-mode", "overwrite"]

    @Test func `each kind of damage to each type is restored, or named with its reason, and undone`() throws {
        let seed = seed(71, "damage")
        let installation = try TestInstallation(
            fixture: "{\"seed\":\(seed),\"users\":80,\"applications\":12,\"settings\":{\"quotas\":false}}")
        defer { installation.tearDown() }
        try installation.makeAccounts()
        let writer = try TenantWriter(installation)
        let fixture = try DamageFixture(writer, installation)
        try #require(try installation.activate()["state"]?.string == "succeeded")
        try writer.grantWriteAccess(installation)
        let before = try TenantPicture.truth(installation)
        var matrix = try DamageMatrix(fixture, installation)
        try matrix.damage()
        let damaged = try TenantPicture.truth(installation)

        let run = try RestoreRun(installation, to: 1, Self.whole)
        #expect(!run.steps.isEmpty)
        let shown = try RestoreRun.shown(installation, try run.apply())
        for problem in RestoreRun.problems(shown, run.plan) { Issue.record("step \(problem)") }
        let ids = RestoredIDs(shown)
        let left = before.differences(after: try TenantPicture.truth(installation), ids)
        let said = RestoreRun.said(run.plan, shown)
        Self.checkTable(matrix.cells, left, said, ids)
        for difference in left where said[difference.id] == nil { Issue.record("not restored: \(difference)") }

        // The next backup says the same.
        let number = try #require(try installation.backUp()["snapshot"]?.int)
        try Self.compareDiff(installation, from: 1, to: number, ids, said)
        try Self.undo(installation, try #require(shown["job"]), damaged, ids, "damage matrix")
    }

    /// A stack whose tenant has its first snapshot.
    static func started(_ fixture: String, settings: [String: String] = [:], workers: String = "") throws
        -> TestInstallation
    {
        let installation = try TestInstallation(fixture: fixture, workers: workers, settings: settings)
        do {
            try installation.makeAccounts()
            let job = try installation.activate()
            try #require(job["state"]?.string == "succeeded")
        } catch {
            installation.tearDown()
            throw error
        }
        return installation
    }

    /// The diff of the old snapshot and the one after the restore holds nothing but what ids became and what was said.
    static func compareDiff(
        _ installation: TestInstallation, from: Int, to: Int, _ ids: RestoredIDs, _ said: [String: Set<String>]
    ) throws {
        let diff = try installation.command(["diff", installation.tenant, "--from", "\(from)", "--to", "\(to)"])
        for item in try #require(diff["items"]?.array) {
            let id = item["id"]?.string ?? "", type = item["type"]?.string ?? ""
            guard Catalogue.current[type]?.restore.isRestorable == true else { continue }
            switch item["change"]?.string {
            case "deleted" where ids[id] != id || said[id] != nil: break
            case "added" where ids.made.contains(id), "restored" where ids.made.contains(id): break
            case "updated" where isOnlyIDs(item, ids) || said[id] != nil: break
            default: Issue.record("diff \(from)..\(to): \(type) \(id) \(item.canonicalText.prefix(600))")
            }
        }
    }

    /// Whether an updated object differs by nothing but what the ids that it names became.
    private static func isOnlyIDs(_ item: JSONValue, _ ids: RestoredIDs) -> Bool {
        func same(_ from: JSONValue?, _ to: JSONValue?) -> Bool {
            normal(ids.mapped(from ?? .null)) == normal(to ?? .null)
        }
        func normal(_ value: JSONValue) -> String {
            guard let elements = value.array else { return value.canonicalText }
            return elements.map { JSONValue.plainElement($0).canonicalText }.sorted().joined()
        }
        let unwritable = Catalogue.current[item["type"]?.string ?? ""]?.unwritable ?? []
        // The names of directory extensions hold the id of their application, and so may be others now.
        var (before, after): ([String: String], [String: String]) = ([:], [:])
        for change in item["attributes"]?.array ?? [] {
            let path = change["path"]?.string ?? ""
            guard !unwritable.contains(JSONPointer(path)?.tokens.first ?? "") else { continue }
            if let from = change["from"], !from.isNull {
                before[path.split(separator: "/").map { ids.mapped(String($0)) }.joined(separator: "/")] = normal(
                    ids.mapped(from))
            }
            if let to = change["to"], !to.isNull {
                after[path.split(separator: "/").joined(separator: "/")] = normal(to)
            }
        }
        let links = (item["links"]?.array ?? []).allSatisfy { link in
            Set((link["removed"]?.array ?? []).compactMap(\.string).map { ids[$0] })
                == Set((link["added"]?.array ?? []).compactMap(\.string))
        }
        let children = (item["children"]?.array ?? []).allSatisfy { same($0["from"], $0["to"]) }
        return before == after && links && children
    }

    /// Undoes a restore and compares with what the tenant was before it.
    static func undo(
        _ installation: TestInstallation, _ job: JSONValue, _ was: TenantPicture, _ ids: RestoredIDs, _ what: String
    ) throws {
        let id = try #require(job["id"]?.string)
        let rehearsed = try installation.command(["restore", "undo", id, "--dry-run"])
        #expect(rehearsed["plan"]?["steps"]?.array?.isEmpty == false)
        let undone = try installation.command(["restore", "undo", id, "--wait"], allowing: [0, 3])
        let shown = try RestoreRun.shown(installation, try #require(undone["job"]))
        for problem in RestoreRun.problems(shown, rehearsed["plan"] ?? .null) {
            Issue.record("undo step \(problem)")
        }
        let said = RestoreRun.said(rehearsed["plan"], shown)
        // What named an object that was gone names what the restore made of it.
        var ids = ids
        ids.add(shown)
        let left = was.differences(after: try TenantPicture.truth(installation), ids)
        print("undo of \(what): \(shown["results"]?.array?.count ?? 0) steps, \(left.count) differences left")
        for difference in left {
            print("  \(difference.description.prefix(200)) \(said[difference.id]?.sorted() ?? [])")
            if said[difference.id] == nil { Issue.record("not undone: \(difference)") }
        }
    }

    /// Each cell is restored, left to a person as is known of it, or impossible for a known reason; prints them.
    private static func checkTable(
        _ cells: [DamageMatrix.Cell], _ left: [RestoreDifference], _ said: [String: Set<String>], _ ids: RestoredIDs
    ) {
        print("type\tdamage\toutcome\twhat")
        var counts: [String: Int] = [:]
        for cell in cells.sorted(by: { ($0.type, $0.kind.rawValue) < ($1.type, $1.kind.rawValue) }) {
            let (outcome, note) = judged(cell, left, said, ids)
            counts[outcome.components(separatedBy: ":")[0], default: 0] += 1
            print("\(cell.type)\t\(cell.kind.rawValue)\t\(outcome)\t\(note.prefix(100))")
        }
        print(counts.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", "))
    }

    private static func judged(
        _ cell: DamageMatrix.Cell, _ left: [RestoreDifference], _ said: [String: Set<String>], _ ids: RestoredIDs
    ) -> (outcome: String, note: String) {
        let name = "\(cell.type), \(cell.kind.rawValue)"
        let reason = Catalogue.current[cell.type].flatMap { DamageMatrix.impossible($0, cell.kind) }
        guard let id = cell.id else {
            if reason == nil { Issue.record("\(name): no such damage was done: \(cell.note)") }
            return ("impossible: \(reason ?? "UNKNOWN")", cell.note)
        }
        if let reason { Issue.record("\(name): was done, but counts as impossible: \(reason)") }
        guard left.contains(where: { $0.type == cell.type && $0.id == id }) else {
            return (ids[id] == id ? "restored" : "restored under a new id", cell.note)
        }
        let code = DamageMatrix.persons[cell.type]?[cell.kind]
        guard let code, said[id]?.contains(code) == true else {
            Issue.record("\(name): not restored, and nobody is told: \(said[id]?.sorted() ?? [])")
            return ("NOT RESTORED", cell.note)
        }
        return ("left to a person: \(code)", cell.note)
    }
}
