import BackupModel
import Foundation
import Testing

/// A tenant's snapshot is brought into another tenant of the same organization: a rehearsal, or a move.
@Suite(.serialized) struct RestoreAcrossTests {
    @Test func `a tenant is brought into a new one, then one object more, and both are undone`() throws {
        let seed = seed(75, "across")
        let source = try RestoreTests.started(
            """
            {"tenants":[{"seed":\(seed),"users":20,"applications":2,"settings":{"quotas":false}},
            {"seed":\(seed + 1),"users":20,"isNew":true,"settings":{"quotas":false}}]}
            """)
        defer { source.tearDown() }
        let pair = try TenantPair(source)
        let (before, empty) = (try TenantPicture.truth(source), try TenantPicture.truth(pair.target))

        try pair.expectDomainsAreNamed()
        let run = try RestoreRun(source, to: 1, pair.arguments)
        let shown = try RestoreRun.shown(source, try run.apply())
        for problem in RestoreRun.problems(shown, run.plan) { Issue.record("step \(problem)") }
        let ids = RestoredIDs(shown)
        let after = try TenantPicture.truth(pair.target)
        try pair.compare(before, after, without: empty, ids, run, shown)
        expectBuiltInIDsAreKept(after, as: empty)
        pair.expectNoForeignIDs(before, after)

        // Planned once more nothing is left to write.
        let again = try RestoreRun(source, to: 1, pair.arguments)
        for step in again.steps { Issue.record("planned once more: \(step.canonicalText.prefix(600))") }

        let later = try restoreOneMore(pair, ids, after)
        try undo(later, pair, after, "the group")
        try undo(try #require(shown["job"]), pair, empty, "the tenant")
    }

    private func expectBuiltInIDsAreKept(_ after: TenantPicture, as before: TenantPicture) {
        for type in ["unifiedRoleDefinition", "authenticationStrengthPolicy", "roleScopeTag", "directoryRole"] {
            let (old, new) = (before.documents[type] ?? [:], after.documents[type] ?? [:])
            #expect(!old.isEmpty && Set(old.keys).isSubset(of: new.keys), "\(type)")
        }
    }

    /// A group made later in the source finds its members by what their ids became before.
    private func restoreOneMore(_ pair: TenantPair, _ ids: RestoredIDs, _ now: TenantPicture) throws -> JSONValue {
        let writer = try TenantWriter(pair.source)
        let people = (now.documents["user"] ?? [:]).keys
        let members = try TenantPicture.truth(pair.source).documents["user", default: [:]].keys.sorted().filter {
            people.contains(ids[$0])
        }.prefix(3)
        try #require(members.count == 3)
        let body: JSONValue = [
            "displayName": "Made later", "mailNickname": "later", "mailEnabled": false, "securityEnabled": true,
            "members@odata.bind": .array(members.map { .string("\(writer.url)/v1.0/directoryObjects/\($0)") }),
        ]
        let group = try #require(try writer.send("POST", "/v1.0/groups", body).json?["id"]?.string)
        let number = try #require(try pair.source.backUp()["snapshot"]?.int)
        let run = try RestoreRun(pair.source, to: number, pair.arguments + ["--ids", group])
        #expect(Set(run.steps.compactMap { $0["id"]?.string }) == [group], "\(run.plan.canonicalText.prefix(900))")
        let shown = try RestoreRun.shown(pair.source, try run.apply())
        for problem in RestoreRun.problems(shown, run.plan) { Issue.record("step \(problem)") }
        let made = RestoredIDs(shown)[group]
        let found = try TenantPicture.truth(pair.target).documents["group"]?[made]
        #expect(Set((found?["links"]?["members"]?.array ?? []).compactMap(\.string)) == Set(members.map { ids[$0] }))
        return try #require(shown["job"])
    }

    /// Afterwards the target is as it was, but for what Graph never deletes; the plan says so.
    private func undo(_ job: JSONValue, _ pair: TenantPair, _ was: TenantPicture, _ what: String) throws {
        let id = try #require(job["id"]?.string)
        let plan = try #require(try pair.source.command(["restore", "undo", id, "--dry-run"])["plan"])
        let undone = try pair.source.command(["restore", "undo", id, "--wait"], allowing: [0, 3])
        let shown = try RestoreRun.shown(pair.source, try #require(undone["job"]))
        for problem in RestoreRun.problems(shown, plan) { Issue.record("undo of \(what): step \(problem)") }
        let said = RestoreRun.said(plan, shown)
        let left = was.differences(after: try TenantPicture.truth(pair.target), RestoredIDs(shown))
        print("undo of \(what): \(shown["results"]?.array?.count ?? 0) steps, \(left.count) differences, all named")
        for difference in left {
            guard let codes = said[difference.id], codes.contains("cannotDelete") else {
                Issue.record("not undone: \(difference)")
                continue
            }
            print("  \(codes.sorted().joined(separator: ", ")): \(difference.description.prefix(200))")
        }
    }
}

/// Two tenants of one organization, the second one new, and the domains that stand for each other.
struct TenantPair {
    let source: TestInstallation
    let target: TestInstallation
    /// Domains of the source, and for each the target's.
    private let domains: [(old: String, new: String)]

    /// Adds the simulator's second tenant, with the credential that may write.
    init(_ source: TestInstallation) throws {
        self.source = source
        let url = try #require(source.environment["ENTRA_BACKUP_SIMULATOR_URL"])
        let list = try JSONValue(parsing: Array(Programs.run("/usr/bin/curl", ["-sS", "\(url)/_control"]).output.utf8))
        let other = try #require(list["tenants"]?.array?.first { $0["tenantId"]?.string != source.tenant })
        target = TestInstallation(source, seenFrom: try #require(other["tenantId"]?.string))
        let file = source.root + "/target-secret"
        try #require(other["clients"]?[0]?["secret"]?.string).write(toFile: file, atomically: true, encoding: .utf8)
        try source.command([
            "tenant", "add", "--organization", "O", "--tenant-id", target.tenant, "--client-id",
            try #require(other["clients"]?[0]?["clientId"]?.string), "--client-secret-file", file, "--graph-url", url,
            "--authority-url", url,
        ])
        #expect(try target.activate()["state"]?.string == "succeeded")
        try TenantWriter(target).grantWriteAccess(target)
        let (old, new) = (try Self.domains(source), try Self.domains(target))
        domains = old.keys.sorted().compactMap { kind in
            old[kind].flatMap { old in new[kind].map { (old, $0) } }
        }
        try #require(domains.count == 2)
    }

    /// The verified domains by what they are; the federated one has no counterpart.
    private static func domains(_ installation: TestInstallation) throws -> [String: String] {
        let documents = try TenantPicture.truth(installation).documents["domain"] ?? [:]
        var found: [String: String] = [:]
        for (id, document) in documents {
            if document["attributes"]?["isDefault"]?.bool == true { found["default"] = id }
            if document["attributes"]?["isInitial"]?.bool == true { found["initial"] = id }
        }
        return found
    }

    var arguments: [String] {
        ["--into", target.tenant] + RestoreTests.whole
            + domains.flatMap { ["--map-domain", "\($0.old)=\($0.new)"] }
    }

    /// Without a map every user's domain is said not to be verified, and no user is planned.
    func expectDomainsAreNamed() throws {
        let run = try RestoreRun(source, to: 1, ["--into", target.tenant, "--types", "user"])
        #expect(run.steps.isEmpty)
        let users = try TenantPicture.truth(source).documents["user"] ?? [:]
        let named = Set(
            run.conflicts.filter { $0["code"]?.string == "domainNotVerified" }.compactMap { $0["id"]?.string })
        #expect(named == Set(users.keys))
        #expect(run.conflicts.allSatisfy { $0["hint"]?.string?.isEmpty == false })
    }

    /// The source as it would be in the target's domains: what a person would write by hand. A service principal made
    /// anew has the roles of its application.
    private func translated(_ picture: TenantPicture) -> TenantPicture {
        var picture = picture
        let roles = Dictionary(
            (picture.documents["application"] ?? [:]).values.compactMap { application in
                application["attributes"]?["appId"].map { ($0, application["attributes"]?["appRoles"] ?? []) }
            }, uniquingKeysWith: { first, _ in first })
        picture.documents["servicePrincipal"] = picture.documents["servicePrincipal"]?.mapValues { principal in
            guard var attributes = principal["attributes"]?.object, let appID = attributes["appId"],
                let own = roles[appID]
            else { return principal }
            attributes["appRoles"] = own
            return [
                "attributes": .object(attributes), "links": principal["links"] ?? .null,
                "children": principal["children"] ?? .null,
            ]
        }
        picture.documents["user"] = picture.documents["user"]?.mapValues { user in
            var text = user.canonicalText
            for (old, new) in domains.sorted(by: { $0.old.utf8.count > $1.old.utf8.count }) {
                text = text.replacing("@\(old)\"", with: "@\(new)\"").replacing("\"\(old)\"", with: "\"\(new)\"")
            }
            return (try? JSONValue(parsing: Array(text.utf8))) ?? .null
        }
        return picture
    }

    /// Nothing in the target names an object, or an application, that only the source has.
    func expectNoForeignIDs(_ before: TenantPicture, _ after: TenantPicture) {
        func ids(_ picture: TenantPicture) -> Set<String> {
            Set(
                picture.documents.values.flatMap { documents in
                    documents.keys + documents.values.compactMap { $0["attributes"]?["appId"]?.string }
                }.filter { UUID(uuidString: $0) != nil })
        }
        let foreign = ids(before).subtracting(ids(after))
        #expect(!foreign.isEmpty)
        for (type, documents) in after.documents where Catalogue.current[type]?.restore.isRestorable == true {
            for (id, document) in documents {
                let named = document.guids.intersection(foreign)
                if !named.isEmpty { Issue.record("\(type) \(id) names \(named.sorted().prefix(3)) of the source") }
            }
        }
    }

    /// Everything of the source is in the target, or the plan says why not; what the target had is as it was, but for
    /// what stands for an object of the source.
    func compare(
        _ before: TenantPicture, _ after: TenantPicture, without empty: TenantPicture, _ ids: RestoredIDs,
        _ run: RestoreRun, _ shown: JSONValue
    ) throws {
        let said = RestoreRun.said(run.plan, shown)
        let types = Set(run.conflicts.filter { $0["id"]?.string == "" }.compactMap { $0["type"]?.string })
        var kept = empty
        for type in empty.documents.keys {
            for id in before.documents[type, default: [:]].keys { kept.documents[type]?[ids[id]] = nil }
        }
        var (equal, named, own) = (0, [String: Int](), 0)
        var unlike: Set<String> = []
        for difference in translated(before).differences(after: after.withoutMembers(of: empty), ids) {
            if difference.what == "too many" {
                let (type, id) = (difference.type, difference.id)
                let isOwn = kept.documents[type]?[id] != nil && kept.documents[type]?[id] == after.documents[type]?[id]
                own += 1
                if !isOwn { Issue.record("\(difference.type) \(difference.id) is in the target and nobody's") }
                continue
            }
            unlike.insert("\(difference.type) \(difference.id)")
            let codes = said[difference.id] ?? (types.contains(difference.type) ? ["(type)"] : [])
            if codes.isEmpty { Issue.record("not restored: \(difference)") }
            named[codes.sorted().joined(separator: ", "), default: 0] += 1
        }
        for type in Catalogue.current.types where type.restore.isRestorable {
            equal += before.documents[type.name, default: [:]].keys.count { !unlike.contains("\(type.name) \($0)") }
        }
        print("across: \(run.steps.count) steps, \(equal) objects equal, \(own) of the target's own untouched; named:")
        for (codes, count) in named.sorted(by: { $0.key < $1.key }) { print("  \(count)\t\(codes)") }
    }
}

extension TenantPicture {
    /// Without those who have an activated role in the other picture: the target's own administrators.
    fileprivate func withoutMembers(of other: TenantPicture) -> TenantPicture {
        var picture = self
        picture.documents["directoryRole"] = documents["directoryRole"]?.reduce(into: [:]) { roles, role in
            let own = other.documents["directoryRole"]?[role.key]?["links"]?["members"]?.array ?? []
            var links = role.value["links"]?.object ?? [:]
            let members = (links["members"]?.array ?? []).filter { !own.contains($0) }
            links["members"] = members.isEmpty ? nil : .array(members)
            roles[role.key] = [
                "attributes": role.value["attributes"] ?? .null, "links": .object(links),
                "children": role.value["children"] ?? .null,
            ]
        }
        return picture
    }
}
