import BackupModel
import Foundation
import Testing

/// What `restore plan` takes into a plan, and what it refuses.
@Suite(.serialized) struct RestorePlanCommandTests {
    @Test func `a plan holds what was asked for, and names what cannot be restored`() throws {
        let seed = seed(83, "restore plan")
        let installation = try RestoreTests.started("{\"seed\":\(seed),\"users\":60,\"settings\":{\"quotas\":false}}")
        defer { installation.tearDown() }
        let bench = try RestoreBench(installation)
        try bench.writer.grantWriteAccess(installation)
        let damage = try Damage(bench)
        try scopes(bench, damage)
        try links(bench, damage)
        try newObjects(bench, damage)
        try differences(bench, damage)
        try references(bench, damage)
        try people(bench, damage)
        try permissions(bench, damage)
        try archives(bench, damage)
        try unread(bench)
    }

    /// Some people and groups, and what happened to them between two snapshots.
    private struct Damage {
        /// The snapshot before, and the one after.
        let before: Int
        let after: Int
        let changed, changedTwice, cleared, binned, lost, intruder: String
        let group, newGroup, exempt, policy: String

        init(_ bench: RestoreBench) throws {
            let types = "user,group,conditionalAccessPolicy"
            (changed, changedTwice, cleared) = (bench.people[0], bench.people[1], bench.people[2])
            (binned, lost, intruder) = (bench.people[3], bench.people[4], bench.people[5])
            // What is null in the snapshot is set later.
            try bench.change(cleared, ["faxNumber": .null, "employeeType": "Permanent"])
            group = try bench.makeGroup("command-group", members: [lost, changed])
            exempt = try bench.makeGroup("command-exempt", members: [changed])
            policy = try bench.make(
                "/v1.0/identity/conditionalAccess/policies",
                [
                    "displayName": "Needs its group", "state": "enabled",
                    "conditions": [
                        "users": ["includeUsers": ["All"], "excludeGroups": [.string(exempt)]],
                        "applications": ["includeApplications": ["All"]], "clientAppTypes": ["all"],
                    ], "grantControls": ["operator": "OR", "builtInControls": ["mfa"]],
                ])
            before = try bench.backUp(types)
            try bench.change(changed, ["jobTitle": "Damaged", "department": "Damaged"])
            try bench.change(changedTwice, ["jobTitle": "Damaged", "department": "Damaged"])
            try bench.change(cleared, ["faxNumber": "+1 555 0100"])
            try bench.delete("/v1.0/users/\(binned)")
            try bench.removeMember(lost, from: group)
            try bench.addMember(intruder, to: group)
            newGroup = try bench.makeGroup("command-new")
            try bench.delete("/v1.0/identity/conditionalAccess/policies/\(policy)")
            try bench.delete("/v1.0/groups/\(exempt)", purges: true)
            after = try bench.backUp(types)
        }
    }

    // MARK: Ids and attributes

    private func scopes(_ bench: RestoreBench, _ damage: Damage) throws {
        let one = try bench.plan(damage.before, "--ids", damage.changed, "--attributes", "jobTitle")
        #expect(one.steps.map(\.paths) == [["/jobTitle"]] && one.ids == [damage.changed])
        #expect(one.steps.first?["writes"]?[0]?["from"]?.string == "Damaged")

        // The ids of a file are those of the list, in any case, with comments.
        let file = bench.installation.root + "/ids.txt"
        let text = "# who\n\(damage.changed.uppercased())   # the first\n\n  \(damage.changedTwice)\r\n"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let listed = try bench.plan(damage.before, "--ids-file", file)
        #expect(listed.ids == [damage.changed, damage.changedTwice])
        #expect(listed.steps.allSatisfy { $0.paths == ["/department", "/jobTitle"] })
        let both = try bench.plan(damage.before, "--ids-file", file, "--ids", "\(damage.cleared), \(damage.changed)")
        #expect(both.ids == [damage.changed, damage.changedTwice])

        let cleared = try bench.plan(damage.before, "--ids", damage.cleared)
        #expect(cleared.steps.isEmpty, "merge keeps what was added since")
        let overwritten = try bench.plan(damage.before, "--ids", damage.cleared, "--attributes-mode", "overwrite")
        #expect(overwritten.steps.map(\.paths) == [["/faxNumber"]])
        #expect(overwritten.steps.first?["writes"]?[0]?["to"]?.isNull != false)

        let nobody = "11111111-2222-3333-4444-555555555555"
        let arguments = ["restore", "plan", bench.installation.tenant, "--snapshot", "\(damage.before)", "--ids"]
        let unknown = try bench.refused(arguments + ["\(damage.changed),\(nobody),no-id"])
        #expect(unknown.status == 4 && unknown.code == "objectNotFound")
        #expect(unknown.message.contains(nobody) && unknown.message.contains("no-id"))
        #expect(!unknown.message.contains(damage.changed))
        // Made since: the snapshot does not have it, but for a plan that deletes what is new.
        #expect(try bench.refused(arguments + [damage.newGroup]).code == "objectNotFound")
        let removed = try bench.plan(damage.before, "--ids", damage.newGroup, "--new-objects", "delete")
        #expect(removed.steps.compactMap { $0["action"]?.string } == ["delete"])
    }

    private func links(_ bench: RestoreBench, _ damage: Damage) throws {
        func changes(_ mode: String?) throws -> (added: [String], removed: [String]) {
            let arguments = ["--ids", damage.group] + (mode.map { ["--links", $0] } ?? [])
            let plan = try RestoreRun(bench.installation, to: damage.before, arguments)
            #expect(plan.ids.isSubset(of: [damage.group]))
            let links = plan.steps.flatMap { $0["links"]?.array ?? [] }.filter { $0["name"]?.string == "members" }
            func ids(_ side: String) -> [String] { links.flatMap { $0[side]?.array ?? [] }.compactMap(\.string) }
            return (ids("added"), ids("removed"))
        }
        #expect(try changes(nil) == ([damage.lost], []))
        #expect(try changes("merge") == ([damage.lost], []))
        #expect(try changes("rollback") == ([damage.lost], [damage.intruder]))
        #expect(try changes("skip") == ([], []))
        #expect(try changes("members") == ([damage.lost], []))
        #expect(try changes("owners") == ([], []))
    }

    private func newObjects(_ bench: RestoreBench, _ damage: Damage) throws {
        let kept = try bench.plan(damage.before, "--types", "group")
        #expect(!kept.ids.contains(damage.newGroup))
        let deleted = try bench.plan(damage.before, "--types", "group", "--new-objects", "delete")
        let step = try #require(deleted.steps.first { $0["id"]?.string == damage.newGroup })
        #expect(step["action"]?.string == "delete")
        #expect(step["reason"]?.string?.contains("recycle bin") == true)
        #expect(step == deleted.steps.last, "deletions come last")
    }

    // MARK: Differences and references

    private func differences(_ bench: RestoreBench, _ damage: Damage) throws {
        let range = "\(damage.before)..\(damage.after)"
        func planned(_ range: String) throws -> Set<String> {
            let steps = try bench.planned(["--from-diff", range, "--types", "user"])["steps"]?.array ?? []
            // Who comes back from the recycle bin gets links back as well.
            return Set(steps.filter { $0["action"]?.string != "link" }.compactMap { $0["id"]?.string })
        }
        let shown: Set = [damage.changed, damage.changedTwice, damage.binned]
        #expect(try planned(range) == shown, "what the diff shows, merged")
        #expect(try planned("\(damage.before)..live") == shown)
        let nothing = try bench.planned(["--from-diff", "\(damage.after)..live", "--types", "user"])
        #expect(nothing["steps"]?.array?.isEmpty == true)
        // Backwards: who is absent in the first and there in the second is new to it, and no mistake of typing.
        let backwards = try bench.planned(["--from-diff", "\(damage.after)..\(damage.before)", "--types", "user"])
        #expect(backwards["steps"]?.array?.isEmpty == true, "the tenant is as in the first")
    }

    private func references(_ bench: RestoreBench, _ damage: Damage) throws {
        let arguments = ["--ids", damage.policy, "--types", "conditionalAccessPolicy"]
        let alone = try RestoreRun(bench.installation, to: damage.before, arguments)
        #expect(alone.steps.isEmpty && alone.codes == ["referenceMissing"])
        #expect(alone.conflicts.first?["message"]?.string?.contains(damage.exempt) == true)
        #expect(alone.conflicts.first?["hint"]?.string?.contains("--with-references") == true)
        let along = try RestoreRun(bench.installation, to: damage.before, arguments + ["--with-references"])
        #expect(along.conflicts.isEmpty, "\(along.codes)")
        let created = along.steps.filter { $0["action"]?.string == "create" }.compactMap { $0["id"]?.string }
        #expect(created == [damage.exempt, damage.policy], "the group comes first")
        #expect(along.ids == [damage.exempt, damage.policy], "nothing else")
        #expect(along.todos.contains { $0["code"]?.string == "enablePolicy" })
    }

    private func people(_ bench: RestoreBench, _ damage: Damage) throws {
        let arguments = ["--types", "conditionalAccessPolicy", "--with-references", "--break-glass"]
        let plan = ["restore", "plan", bench.installation.tenant, "--snapshot", "\(damage.before)"] + arguments
        let nobody = try bench.refused(plan + ["nobody@contoso.example"])
        #expect(nobody.status == 4 && nobody.code == "breakGlassUnknown")
        #expect(nobody.message.contains("nobody@contoso.example"))
        let name = try #require(bench.attribute(damage.intruder, "userPrincipalName")?.string)
        for known in [name.uppercased(), damage.intruder] {
            let run = try RestoreRun(bench.installation, to: damage.before, arguments + [known])
            #expect(!run.steps.isEmpty && run.plan["locksOut"]?.bool == false)
        }
    }

    private func permissions(_ bench: RestoreBench, _ damage: Damage) throws {
        let lost = ["User.ReadWrite.All", "User.ManageIdentities.All", "Directory.ReadWrite.All"]
        try bench.permissions("remove", lost)
        let lacking = try bench.plan(damage.before, "--ids", "\(damage.changed),\(damage.group)")
        #expect(lacking.ids == [damage.group], "the rest is planned")
        let conflict = try #require(lacking.conflicts.first { $0["code"]?.string == "permissionMissing" })
        #expect(conflict["type"]?.string == "user")
        #expect(conflict["message"]?.string?.contains("User.ReadWrite.All") == true)
        try bench.permissions("add", lost)
        #expect(try bench.plan(damage.before, "--ids", damage.changed).conflicts.isEmpty)
    }

    // MARK: What the snapshot does not have

    private func unread(_ bench: RestoreBench) throws {
        try bench.installation.control(
            "POST", "faults", body: #"{"effect":"forbidden","path":"deviceManagement/deviceConfigurations"}"#)
        let refused = try bench.installation.command(
            ["backup", "start", bench.installation.tenant, "--types", "deviceConfiguration,user", "--wait"],
            allowing: [0, 3])
        let number = try #require(refused["job"]?["snapshot"]?.int)
        try bench.installation.control("DELETE", "faults")
        let snapshot = try bench.installation.command(["snapshot", "show", bench.installation.tenant, "\(number)"])
        let outcome = snapshot["collections"]?.array?.first { $0["type"]?.string == "deviceConfiguration" }
        guard outcome?["outcome"]?.string == "refused" else {
            Issue.record("the collection was not refused: \(outcome?.canonicalText ?? "none")")
            return
        }
        let plan = try RestoreRun(bench.installation, to: number, ["--types", "deviceConfiguration,user"])
        let conflict = try #require(plan.conflicts.first { $0["code"]?.string == "notRead" })
        #expect(conflict["type"]?.string == "deviceConfiguration")
        #expect(conflict["message"]?.string?.contains("does not hold this type") == true)
        #expect(plan.plan["notRead"]?.array?.first?["type"]?.string == "deviceConfiguration")
        #expect(!plan.steps.contains { $0["type"]?.string == "deviceConfiguration" })
        let text = try Programs.run(
            "entra-backup",
            [
                "restore", "plan", bench.installation.tenant, "--snapshot", "\(number)", "--types",
                "deviceConfiguration", "--quiet",
            ], environment: bench.installation.environment)
        #expect(text.status == 0 && text.output.contains("Not in this plan: deviceConfiguration"))
    }
}

// MARK: - Archives

extension RestorePlanCommandTests {
    private func archives(_ bench: RestoreBench, _ damage: Damage) throws {
        let path = bench.installation.root + "/archive.zip"
        try bench.installation.command([
            "download", "start", bench.installation.tenant, "--snapshot", "\(damage.before)", "--types", "user,group",
            "--format", "json", "--output", path,
        ])
        let stored = try bench.plan(damage.before, "--types", "user,group")
        let plan = try bench.planned(["--archive", path, "--types", "user,group"])
        func essence(_ steps: [JSONValue]) -> Set<String> {
            Set(steps.map { "\($0["action"]?.string ?? "") \($0["id"]?.string ?? "") \($0.paths)" })
        }
        #expect(essence(plan["steps"]?.array ?? []) == essence(stored.steps))
        #expect(plan["snapshot"]?.isNull != false)
        // A type that the archive does not have is not taken for one whose objects are all gone.
        let beyond = try bench.planned(["--archive", path, "--types", "user,conditionalAccessPolicy"])
        #expect(
            (beyond["conflicts"]?.array ?? []).contains {
                $0["code"]?.string == "notRead" && $0["type"]?.string == "conditionalAccessPolicy"
            })
        let ids = ["--archive", path, "--ids", "11111111-2222-3333-4444-555555555555"]
        #expect(try bench.refused(["restore", "plan", bench.installation.tenant] + ids).status == 4)
        try refusedArchives(bench, path)
    }

    private func refusedArchives(_ bench: RestoreBench, _ path: String) throws {
        let other = "22222222-2222-3333-4444-555555555555"
        let secret = try bench.writer.secretFile(in: bench.installation.root)
        try bench.installation.command([
            "tenant", "add", "--organization", "O", "--name", "Other", "--tenant-id", other, "--client-id",
            bench.writer.clientID, "--client-secret-file", secret,
        ])
        let plans = try bench.installation.sql("SELECT count(*) FROM backup.restore_plans")
        func refused(_ file: String, of tenant: String) throws -> RestoreBench.Refusal {
            let refusal = try bench.refused(["restore", "plan", tenant, "--archive", file])
            #expect(refusal.status == 1 && refusal.runbook == "download-failed", "\(refusal)")
            #expect(refusal.message.contains(file), "\(refusal)")
            return refusal
        }
        let foreign = try refused(path, of: other)
        #expect(foreign.code == "archiveOfAnotherTenant" && foreign.message.contains("manifest.json"))
        let own = bench.installation.tenant
        for (how, member, code) in [
            ("byte", "user.jsonl", "archiveChanged"), ("byte", "manifest.json", "archiveChanged"),
            ("forged", "group.jsonl", "archiveChanged"), ("missing", "group.jsonl", "archiveChanged"),
            ("missing", "manifest.json", "archiveWithoutManifest"), ("additional", "device.jsonl", "archiveChanged"),
            ("version", "manifest.json", "archiveVersionUnknown"),
        ] {
            let target = bench.installation.root + "/\(how)-\(member).zip"
            try ArchiveForge.forge(path, target, how, member)
            let refusal = try refused(target, of: own)
            #expect(refusal.code == code, "\(how) \(member): \(refusal)")
            let named = how == "forged" ? "manifest.json" : member
            #expect(refusal.message.contains(named) || how == "version", "\(how) \(member): \(refusal)")
        }
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let cut = bench.installation.root + "/cut.zip"
        try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: cut))
        _ = try refused(cut, of: own)
        #expect(try bench.installation.sql("SELECT count(*) FROM backup.restore_plans") == plans, "none was stored")
    }
}

/// Archives that somebody has tampered with, made by another program.
enum ArchiveForge {
    private static let script = """
        import hashlib, json, sys, zipfile
        source, target, how, name = sys.argv[1:5]
        z = zipfile.ZipFile(source)
        contents = {i.filename: z.read(i) for i in z.infolist()}
        if how == "byte": c = bytearray(contents[name]); c[len(c) // 2] ^= 1; contents[name] = bytes(c)
        if how == "missing": del contents[name]
        if how == "additional": contents[name] = b"{}\\n"
        if how in ("forged", "version"):
            m = json.loads(contents["manifest.json"])
            if how == "version": m["version"] = 2
            else:
                contents[name] = contents[name].replace(b'"state":"present"', b'"state":"deleted"', 1)
                m["members"][name]["sha256"] = hashlib.sha256(contents[name]).hexdigest()
            contents["manifest.json"] = json.dumps(m).encode()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
            for name, content in contents.items(): out.writestr(name, content)
        """

    static func forge(_ path: String, _ target: String, _ how: String, _ member: String) throws {
        let result = try Programs.run("/usr/bin/python3", ["-c", script, path, target, how, member])
        try #require(result.status == 0, "\(how) \(member): \(result.errors)")
    }
}
