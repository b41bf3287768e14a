import BackupModel
import Foundation
import Testing

/// What an operator does after an accident with people and groups: look, plan, apply, look again, undo.
@Suite(.serialized) struct RestoreJourneyTests {
    @Test func `people and groups are planned, restored, read back, and the restore is undone`() throws {
        let seed = seed(73, "journey")
        let installation = try RestoreTests.started(
            "{\"seed\":\(seed),\"users\":40,\"settings\":{\"quotas\":false}}")
        defer { installation.tearDown() }
        let writer = try TenantWriter(installation)
        let before = try Accident.truth(installation)
        let accident = try Accident(before, writer)
        let damaged = try Accident.truth(installation)

        let arguments = RestoreTests.whole + ["--types", "user,group"]
        let plan = try RestoreRun(installation, to: 1, arguments)
        #expect(!plan.steps.isEmpty)
        let refused = try Programs.run(
            "entra-backup", ["restore", "apply", plan.id, "--json"], environment: installation.environment)
        #expect(refused.status == 5 || refused.status == 6, "\(refused.errors)")

        try writer.grantWriteAccess(installation)
        let run = try RestoreRun(installation, to: 1, arguments)
        #expect(run.steps.contains { $0["action"]?.string == "undelete" && $0["id"]?.string == accident.binned })
        #expect(run.steps.contains { $0["action"]?.string == "create" && $0["id"]?.string == accident.purged })
        let shown = try RestoreRun.shown(installation, try run.apply())
        for problem in RestoreRun.problems(shown, run.plan) { Issue.record("step \(problem)") }
        let ids = Dictionary(
            (shown["idMap"]?.array ?? []).compactMap { pair in
                pair["from"]?.string.flatMap { from in pair["to"]?.string.map { (from, $0) } }
            }, uniquingKeysWith: { $1 })
        #expect(ids[accident.purged] != nil)
        #expect(run.todos.contains { $0["code"]?.string == "newPassword" && $0["id"]?.string == accident.purged })

        let after = try Accident.truth(installation)
        try accident.expect(after, as: before, ids)
        // A second plan has nothing to do, but for those who came back under a new id.
        let again = try RestoreRun(installation, to: 1, arguments)
        #expect(again.steps.isEmpty, "\(again.plan["steps"]?.canonicalText.prefix(600) ?? "")")

        let job = try #require(shown["job"]?["id"]?.string)
        let undone = try installation.command(["restore", "undo", job, "--wait"], allowing: [0, 3])
        #expect(undone["job"]?["kind"]?.string == "restore")
        try accident.expectUndone(try Accident.truth(installation), as: damaged, ids)
    }
}

/// Three people and a group after somebody's mistake.
private struct Accident {
    var changed: String
    var binned: String
    var purged: String
    var group: String

    /// Users and groups by id, as the simulator has them.
    static func truth(_ installation: TestInstallation) throws -> [String: JSONValue] {
        var all: [String: JSONValue] = [:]
        for type in ["user", "group"] {
            for line in try installation.control("GET", "truth/\(type)?nulls=omit").split(separator: "\n") {
                let document = try JSONValue(parsing: Array(line.utf8))
                all[document["id"]?.string ?? ""] = document
            }
        }
        return all
    }

    init(_ truth: [String: JSONValue], _ writer: TenantWriter) throws {
        func attribute(_ id: String, _ name: String) -> JSONValue? { truth[id]?["attributes"]?[name] }
        let members = truth.keys.sorted().filter { id in
            truth[id]?["type"]?.string == "user" && attribute(id, "onPremisesSyncEnabled")?.bool != true
                && attribute(id, "userType")?.string == "Member"
                && attribute(id, "isManagementRestricted")?.bool != true
        }
        let group = truth.keys.sorted().first { id in
            truth[id]?["type"]?.string == "group" && attribute(id, "groupTypes")?.array?.isEmpty != false
                && attribute(id, "mailEnabled")?.bool == false && attribute(id, "onPremisesSyncEnabled")?.bool != true
                && attribute(id, "isAssignableToRole")?.bool != true
                && attribute(id, "isManagementRestricted")?.bool != true
                && (truth[id]?["links"]?["members"]?.array?.count ?? 0) > 1
        }
        try #require(members.count > 5)
        (changed, binned, purged) = (members[1], members[2], members[3])
        self.group = try #require(group)
        #expect(try writer.send("PATCH", "/v1.0/users/\(changed)", ["jobTitle": "mistaken"]).isDone)
        let lost = try #require(
            truth[self.group]?["links"]?["members"]?.array?.compactMap(\.string).first {
                ![purged, binned].contains($0)
            })
        #expect(try writer.send("DELETE", "/v1.0/groups/\(self.group)/members/\(lost)/$ref").isDone)
        #expect(try writer.send("DELETE", "/v1.0/users/\(binned)").isDone)
        #expect(try writer.send("DELETE", "/v1.0/users/\(purged)").isDone)
        #expect(try writer.send("DELETE", "/v1.0/directory/deletedItems/\(purged)").isDone)
    }

    /// All is as before, under new ids where there are such.
    func expect(_ after: [String: JSONValue], as before: [String: JSONValue], _ ids: [String: String]) throws {
        #expect(after[changed]?["attributes"]?["jobTitle"] == before[changed]?["attributes"]?["jobTitle"])
        #expect(after[binned] == before[binned])
        let new = try #require(after[ids[purged] ?? ""])
        for name in ["userPrincipalName", "displayName", "jobTitle", "accountEnabled", "usageLocation"] {
            #expect(new["attributes"]?[name] == before[purged]?["attributes"]?[name], "\(name)")
        }
        for (id, document) in before where document["type"]?.string == "group" {
            let wanted = Set((document["links"]?["members"]?.array ?? []).compactMap(\.string).map { ids[$0] ?? $0 })
            let found = Set((after[id]?["links"]?["members"]?.array ?? []).compactMap(\.string))
            #expect(found == wanted, "members of \(id)")
        }
    }

    func expectUndone(_ after: [String: JSONValue], as damaged: [String: JSONValue], _ ids: [String: String]) throws {
        #expect(after[changed]?["attributes"]?["jobTitle"]?.string == "mistaken")
        #expect(after[binned] == nil && after[ids[purged] ?? ""] == nil)
        #expect(after[group]?["links"]?["members"] == damaged[group]?["links"]?["members"])
    }
}
