import BackupModel
import Foundation
import Testing

/// What `restore apply`, `cancel` and `job retry` do when not all is as it was planned.
@Suite(.serialized) struct RestoreCommandTests {
    @Test func `a plan is applied by who may write, to what it was made for, and ends where it is told to`() throws {
        let seed = seed(89, "restore apply")
        let installation = try RestoreTests.started("{\"seed\":\(seed),\"users\":60,\"settings\":{\"quotas\":false}}")
        defer { installation.tearDown() }
        let bench = try RestoreBench(installation)
        try writeAccess(bench)
        try outdated(bench)
        try once(bench)
        try waiting(bench)
        try sameObjectTwice(bench)
        try quota(bench)
        try lostPermission(bench)
        try cancelledWithStepsInHand(bench)
    }

    /// People whose titles somebody has spoilt after a snapshot.
    private func spoilt(_ bench: RestoreBench, _ people: ArraySlice<String>) throws -> Int {
        let before = try bench.backUp("user,group")
        for person in people { try bench.change(person, ["jobTitle": "Spoilt"]) }
        return before
    }

    private func title(_ bench: RestoreBench, _ person: String) throws -> String? {
        try bench.live("/v1.0/users/\(person)?$select=jobTitle")?["jobTitle"]?.string
    }

    // MARK: Rights

    private func writeAccess(_ bench: RestoreBench) throws {
        let (installation, tenant) = (bench.installation, bench.installation.tenant)
        let before = try spoilt(bench, bench.people[0..<1])
        let plan = try bench.plan(before, "--ids", bench.people[0])
        #expect(plan.steps.count == 1 && plan.conflicts.isEmpty, "a plan needs nobody who may write")
        let refused = try bench.refused(["restore", "apply", plan.id])
        #expect(refused.status == 5 && refused.code == "writeAccessMissing" && refused.runbook == "write-access")
        #expect(refused.hint.contains("tenant write-access \(tenant) add"))

        // One that cannot write is not stored.
        let reader = try #require(installation.environment["ENTRA_BACKUP_SIMULATOR_CLIENT_ID"])
        let readerSecret = try #require(installation.environment["ENTRA_BACKUP_SIMULATOR_CLIENT_SECRET_FILE"])
        let add = ["tenant", "write-access", tenant, "add", "--client-id"]
        let weak = try bench.refused(add + [reader, "--client-secret-file", readerSecret])
        #expect(weak.status == 1 && weak.code == "consentMissing" && weak.runbook == "consent-missing")
        let wrong = try bench.refused(add + [bench.writer.clientID, "--client-secret-file", readerSecret])
        #expect(wrong.status == 1 && wrong.code == "credentialsInvalid" && wrong.runbook == "credentials-invalid")
        #expect(try access(bench)?.isNull == true)

        // One that lacks something is, and what it lacks is named.
        try bench.permissions("remove", ["RoleManagement.ReadWrite.Directory"])
        let secret = try bench.writer.secretFile(in: installation.root)
        let added = try installation.command(add + [bench.writer.clientID, "--client-secret-file", secret])
        #expect(added["missing"]?[0]?["permission"]?.string == "RoleManagement.ReadWrite.Directory")
        try bench.permissions("add", ["RoleManagement.ReadWrite.Directory"])
        #expect(try access(bench)?["clientId"]?.string == bench.writer.clientID)
        let removed = try installation.command(["tenant", "write-access", tenant, "remove"])
        #expect(removed["removed"]?.bool == true)
        #expect(try bench.refused(["restore", "apply", plan.id]).code == "writeAccessMissing")
        let again = try installation.command(["tenant", "write-access", tenant, "remove"])
        #expect(again["removed"]?.bool == false)
        try bench.writer.grantWriteAccess(installation)
        #expect(try title(bench, bench.people[0]) == "Spoilt")
        let audit = try installation.command(["audit", "list"])
        let actions = Set((audit["items"]?.array ?? []).compactMap { $0["action"]?.string })
        #expect(actions.isSuperset(of: ["tenant.writeAccess.add", "tenant.writeAccess.remove", "restore.apply"]))
    }

    private func access(_ bench: RestoreBench) throws -> JSONValue? {
        try bench.installation.command(["tenant", "show", bench.installation.tenant])["tenant"]?["writeAccess"]
    }

    // MARK: The tenant has changed

    private func outdated(_ bench: RestoreBench) throws {
        let (person, other) = (bench.people[0], bench.people[1])
        let plan = try bench.plan(1, "--ids", person)
        #expect(plan.steps.count == 1)
        let jobs = try bench.installation.sql("SELECT count(*) FROM backup.jobs WHERE kind = 'restore'")
        try bench.change(person, ["jobTitle": "Mended by hand"])
        for arguments in [["--dry-run"], []] {
            let refused = try bench.refused(["restore", "apply", plan.id] + arguments)
            #expect(refused.status == 6 && refused.code == "planOutdated")
            #expect(refused.runbook == "restore-plan-outdated")
            #expect(refused.message.contains("Spoilt") && refused.message.contains("Mended by hand"), "\(refused)")
            #expect(refused.hint.contains("restore plan \(bench.installation.tenant) --snapshot 1"))
        }
        #expect(try title(bench, person) == "Mended by hand")
        #expect(try bench.installation.sql("SELECT count(*) FROM backup.jobs WHERE kind = 'restore'") == jobs)
        // What the plan does not touch may change.
        let again = try bench.plan(1, "--ids", person)
        try bench.change(other, ["jobTitle": "Promoted"])
        #expect(try again.apply()["state"]?.string == "succeeded")
        #expect(try title(bench, person) == bench.attribute(person, "jobTitle")?.string)
        #expect(try title(bench, other) == "Promoted")
    }

    private func once(_ bench: RestoreBench) throws {
        let plan = try bench.plan(1, "--ids", bench.people[1])
        let rehearsed = try bench.installation.command(["restore", "apply", plan.id, "--dry-run"])
        #expect(rehearsed["job"]?["state"]?.string == "queued")
        #expect(try title(bench, bench.people[1]) == "Promoted")
        let job = try plan.apply()
        let second = try bench.installation.command(["restore", "apply", plan.id, "--wait"])
        #expect(second["joined"]?.bool == true && second["job"]?["id"] == job["id"])
        let nothing = try bench.plan(1, "--ids", bench.people[1])
        #expect(nothing.steps.isEmpty)
        let ended = try bench.refused(["restore", "cancel", job["id"]?.string ?? ""])
        #expect(ended.status == 6 && ended.code == "jobEnded")
        let retried = try bench.refused(["job", "retry", job["id"]?.string ?? ""])
        #expect(retried.status == 6 && retried.code == "jobNotFailed")
    }

    // MARK: Several at once

    private func waiting(_ bench: RestoreBench) throws {
        let before = try spoilt(bench, bench.people[2..<6])
        let first = try bench.plan(before, "--ids", "\(bench.people[2]),\(bench.people[3])")
        let second = try bench.plan(before, "--ids", "\(bench.people[3]),\(bench.people[4])")
        let apart = try bench.plan(before, "--ids", bench.people[5])
        var jobs: [JSONValue] = []
        try bench.halted {
            jobs = [try bench.start(first), try bench.start(second), try bench.start(apart)]
            #expect(jobs[0]["waitingFor"]?.isNull == true && jobs[2]["waitingFor"]?.isNull == true)
            #expect(jobs[1]["state"]?.string == "queued" && jobs[1]["waitingFor"] == jobs[0]["id"])
            let cancelled = try bench.installation.command(["restore", "cancel", jobs[1]["id"]?.string ?? ""])
            #expect(cancelled["job"]?["state"]?.string == "cancelled" && cancelled["done"]?.int == 0)
            // It goes on from where it was: behind the first.
            let retried = try bench.installation.command(["job", "retry", jobs[1]["id"]?.string ?? ""])
            #expect(retried["job"]?["waitingFor"] == jobs[0]["id"])
        }
        for job in jobs { #expect(try bench.awaitEnd(job["id"])["state"]?.string == "succeeded") }
        for person in bench.people[2..<6] {
            #expect(try title(bench, person) == bench.attribute(person, "jobTitle")?.string)
        }
    }

    /// Two plans that would both make the same group, and take the same person out of the recycle bin.
    private func sameObjectTwice(_ bench: RestoreBench) throws {
        let person = bench.people[6]
        let group = try bench.makeGroup("restored-twice", members: [person])
        let before = try bench.backUp("user,group")
        try bench.delete("/v1.0/groups/\(group)", purges: true)
        try bench.delete("/v1.0/users/\(person)")
        let plans = try (0..<2).map { _ in try bench.plan(before, "--ids", "\(group),\(person)") }
        for plan in plans {
            let actions = plan.steps.compactMap { $0["action"]?.string }
            #expect(actions.contains("create") && actions.contains("undelete"))
        }
        var jobs: [JSONValue] = []
        try bench.halted { jobs = try plans.map(bench.start) }
        #expect(jobs[1]["waitingFor"] == jobs[0]["id"])
        for job in jobs {
            let ended = try bench.awaitEnd(job["id"])
            let shown = try bench.show(job["id"])
            #expect(
                (shown["results"]?.array ?? []).allSatisfy { $0["outcome"]?.string == "done" },
                "\(ended["state"]?.string ?? ""): \(shown.canonicalText)")
        }
        let found = try bench.live("/v1.0/groups?$filter=displayName%20eq%20%27restored-twice%27")
        #expect(found?["value"]?.array?.count == 1, "one group, not two")
        let id = found?["value"]?[0]?["id"]?.string ?? ""
        let members = try bench.live("/v1.0/groups/\(id)/members?$select=id")?["value"]?.array ?? []
        #expect(members.compactMap { $0["id"]?.string } == [person])
    }

    // MARK: What goes wrong on the way

    private func quota(_ bench: RestoreBench) throws {
        let groups = try (0..<3).map { try bench.makeGroup("quota-\($0)") }
        let before = try bench.backUp("group")
        for group in groups { try bench.delete("/v1.0/groups/\(group)", purges: true) }
        try bench.installation.control("POST", "settings", body: #"{"objectsLeft":1}"#)
        let plan = try bench.plan(before, "--ids", groups.joined(separator: ","))
        let job = try plan.apply(allowing: [3])
        try bench.installation.control("POST", "settings", body: #"{"objectsLeft":-1}"#)
        #expect(job["state"]?.string == "succeededWithWarnings")
        let warnings = job["warnings"]?.array ?? []
        #expect(
            warnings.contains { $0["message"]?.string?.contains("2 steps failed: Directory_QuotaExceeded") == true })
        let failed = (try bench.show(job["id"])["results"]?.array ?? []).filter { $0["outcome"]?.string == "failed" }
        #expect(failed.count == 2)
        #expect(failed.allSatisfy { $0["message"]?.string?.contains("quota of the directory is full") == true })
        // With room again a new plan does the rest, and no more.
        let rest = try bench.plan(before, "--ids", groups.joined(separator: ","))
        #expect(rest.steps.filter { $0["action"]?.string == "create" }.count == 2)
        #expect(try rest.apply()["state"]?.string == "succeeded")
    }

    private static let groupPermissions = [
        "Group.ReadWrite.All", "GroupMember.ReadWrite.All", "Directory.ReadWrite.All",
    ]

    /// People are written first, then a group's members: between them the permission is gone.
    private func lostPermission(_ bench: RestoreBench) throws {
        let (person, member) = (bench.people[7], bench.people[8])
        let group = try bench.makeGroup("lost-permission", members: [member])
        let before = try spoilt(bench, bench.people[7...7])
        try bench.removeMember(member, from: group)
        let plan = try bench.plan(before, "--ids", "\(person),\(group)")
        #expect(plan.steps.count == 2)
        try bench.permissions("remove", Self.groupPermissions)
        try renewRestorer(bench)
        let job = try plan.apply(allowing: [1])
        #expect(job["state"]?.string == "failed" && job["error"]?["code"]?.string == "writeAccessMissing")
        #expect(job["error"]?["runbook"]?.string == "write-access")
        #expect(job["error"]?["message"]?.string?.contains("Group.ReadWrite.All") == true)
        let results = try bench.show(job["id"])["results"]?.array ?? []
        #expect(results.map { $0["outcome"]?.string } == ["done"], "what was done is told, nothing else")
        #expect(try title(bench, person) == bench.attribute(person, "jobTitle")?.string)
        // Granted again, it goes on; but not when the group has changed meanwhile.
        try bench.permissions("add", Self.groupPermissions)
        let id = try #require(job["id"]?.string)
        try bench.writer.send("PATCH", "/v1.0/groups/\(group)", ["description": "changed meanwhile"])
        #expect(try bench.refused(["job", "retry", id]).code == "planOutdated")
        try bench.writer.send("PATCH", "/v1.0/groups/\(group)", ["description": "For a test"])
        let ended = try bench.installation.command(["job", "retry", id, "--wait"])
        #expect(ended["job"]?["state"]?.string == "succeeded", "\(ended.canonicalText)")
        let members = try bench.live("/v1.0/groups/\(group)/members?$select=id")?["value"]?.array ?? []
        #expect(members.compactMap { $0["id"]?.string } == [member])
    }

    /// A restorer that has no token from before.
    private func renewRestorer(_ bench: RestoreBench) throws {
        let old = try bench.restorer()
        kill(old, SIGKILL)
        try bench.installation.eventually("another restorer runs") {
            try bench.runningRestorer().map { $0 != old } ?? false
        }
    }

    /// People are restored at once, the group's members only after Graph's pause: then it is cancelled.
    private func cancelledWithStepsInHand(_ bench: RestoreBench) throws {
        let (person, member) = (bench.people[9], bench.people[10])
        let group = try bench.makeGroup("cancelled", members: [member])
        let before = try spoilt(bench, bench.people[9...9])
        try bench.removeMember(member, from: group)
        let plan = try bench.plan(before, "--ids", "\(person),\(group)")
        #expect(plan.steps.count == 2)
        var job = JSONValue.null
        try bench.halted {
            job = try bench.start(plan)
            try bench.installation.control(
                "POST", "faults", body: #"{"status":429,"retryAfter":600,"path":"groups/[0-9a-f-]{36}"}"#)
        }
        try bench.installation.eventually("the restore is in its pause") {
            try bench.installation.sql(
                "SELECT count(*) FROM backup.messages WHERE visible_at > clock_timestamp() + interval '60 s'") == "1"
        }
        let text = try Programs.run(
            "entra-backup", ["restore", "cancel", job["id"]?.string ?? ""], environment: bench.installation.environment)
        #expect(text.status == 0)
        #expect(text.output.contains("is cancelled.\n1 of 2 steps were done."), "\(text.output)")
        try bench.installation.control("DELETE", "faults")
        try bench.installation.sql("DELETE FROM backup.budgets")
        let shown = try bench.show(job["id"])
        #expect(shown["job"]?["state"]?.string == "cancelled")
        #expect(shown["results"]?.array?.count == 1 && shown["cancelling"]?.bool == true)
        #expect(try title(bench, person) == bench.attribute(person, "jobTitle")?.string)
        let rest = try bench.installation.command(["job", "retry", job["id"]?.string ?? "", "--wait"])
        #expect(rest["job"]?["state"]?.string == "succeeded", "\(rest.canonicalText)")
        let undone = try bench.installation.command(["restore", "undo", job["id"]?.string ?? "", "--wait"])
        #expect(undone["job"]?["state"]?.string == "succeeded")
        #expect(try title(bench, person) == "Spoilt")
    }
}
