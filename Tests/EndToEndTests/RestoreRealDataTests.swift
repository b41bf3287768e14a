import BackupModel
import Foundation
import Testing

/// Policies that were exported from real tenants are deleted, all of them, and restored.
@Suite(.serialized) struct RestoreRealDataTests {
    @Test(.enabled(if: RealDataTests.folder != nil, "no exported policies on this machine"))
    func `all exported policies come back as they were, and those that name what is missing say so`() throws {
        // A copy, since the simulator runs as another user, who may not reach this one's folders.
        let copy = NSTemporaryDirectory() + "entra-backup-real-" + UUID().uuidString.lowercased()
        defer { try? FileManager.default.removeItem(atPath: copy) }
        _ = try Programs.run("/bin/cp", ["-r", "--no-preserve=mode", try #require(RealDataTests.folder), copy])
        _ = try Programs.run("/bin/chmod", ["-R", "a+rX", copy])
        let installation = try RestoreTests.started(
            """
            {"seed":62,"users":10,"intunePolicies":0,"conditionalAccessPolicies":0,
            "settings":{"quotas":false,"accessPolicyLimit":1000},
            "loadPolicies":["\(copy)"]}
            """)
        defer { installation.tearDown() }
        let writer = try TenantWriter(installation)
        try writer.grantWriteAccess(installation)
        let loads = try JSONValue(parsing: Array(try installation.control("GET", "policy-loads").utf8))
        let policies = try (loads[0]?["taken"]?.array ?? []).map { item in
            LoadedPolicy(
                type: try #require(Catalogue.current[item["type"]?.string ?? ""]), id: try #require(item["id"]?.string))
        }
        try #require(!policies.isEmpty)
        let before = try TenantPicture.truth(installation).plain()
        try delete(policies, writer)
        let damaged = try TenantPicture.truth(installation).plain()
        for policy in policies {
            #expect(damaged.documents[policy.type.name]?[policy.id] == nil, "\(policy.id) is gone")
        }

        let run = try RestoreRun(installation, to: 1, RestoreTests.whole)
        let shown = try RestoreRun.shown(installation, try run.apply())
        for problem in RestoreRun.problems(shown, run.plan) { Issue.record("step \(problem)") }
        let after = try TenantPicture.truth(installation).plain()
        try compare(policies, before, after, run, shown)
        let others = before.without(policies).differences(after: after.without(policies, RestoredIDs(shown)), .init())
        #expect(others.isEmpty, "what was not deleted is as it was: \(others.prefix(3))")
    }

    /// Everything is deleted, twenty in a request; every other group is purged as well.
    private func delete(_ policies: [LoadedPolicy], _ writer: TenantWriter) throws {
        // Groups last: policies refer to them.
        let ordered = policies.filter { $0.type.name != "group" } + policies.filter { $0.type.name == "group" }
        for version in Set(policies.map(\.type.graphVersion.rawValue)) {
            let mine = ordered.filter { $0.type.graphVersion.rawValue == version }
            var paths: [String] = []
            for policy in mine {
                if policy.type.name == "namedLocation" {
                    // A trusted one cannot be deleted; one that is not takes no harm.
                    _ = try writer.send("PATCH", policy.type.itemPath(policy.id), ["isTrusted": false])
                }
                paths.append(policy.type.itemPath(policy.id))
            }
            paths += mine.filter { $0.type.name == "group" }.enumerated().filter { $0.offset.isMultiple(of: 2) }
                .compactMap { $0.element.type.binPath($0.element.id) }
            for start in stride(from: 0, to: paths.count, by: 20) {
                try delete(Array(paths[start..<min(start + 20, paths.count)]), version, writer)
            }
        }
    }

    private func delete(_ paths: [String], _ version: String, _ writer: TenantWriter) throws {
        let requests = paths.enumerated().map { index, path -> JSONValue in
            [
                "id": .string("\(index)"), "method": "DELETE",
                "url": .string(String(path.dropFirst(version.count + 1))),
            ]
        }
        let answer = try writer.send("POST", "/\(version)/$batch", ["requests": .array(requests)])
        let answers = try #require(answer.json?["responses"]?.array, "\(answer.text.prefix(300))")
        for one in answers where one["status"]?.int != 204 { Issue.record("not deleted: \(one.canonicalText)") }
    }

    /// Each is equal in canonical form under its new id, or the plan said what differs and why; prints the table.
    private func compare(
        _ policies: [LoadedPolicy], _ before: TenantPicture, _ after: TenantPicture, _ run: RestoreRun,
        _ shown: JSONValue
    ) throws {
        let (ids, said) = (RestoredIDs(shown), RestoreRun.said(run.plan, shown))
        let left = Dictionary(
            before.differences(after: after, ids).map { ("\($0.type) \($0.id)", $0) },
            uniquingKeysWith: { one, _ in one })
        let missing = Missing(before)
        var rows: [String: [String: Int]] = [:]
        for policy in policies {
            let (name, codes) = (policy.type.name, said[policy.id] ?? [])
            let difference = left["\(name) \(policy.id)"]
            let outcome: String
            switch difference?.what {
            case nil: outcome = ids[policy.id] == policy.id ? "equal" : "equal, new id"
            case "missing"? where codes.contains("referenceMissing"):
                outcome = "refers to missing things"
                #expect(missing.isNamed(in: before.documents[name]?[policy.id]), "\(policy.id) names nothing missing")
            case let what? where codes.contains("enablePolicy"):
                outcome = "equal but for report-only"
                #expect(!what.contains(";") && what.hasPrefix("attributes/state \"enabled\""), "\(policy.id): \(what)")
            case let what? where codes.contains("reenterSecret"):
                outcome = "equal but for secrets"
                #expect(!what.contains(";"), "\(policy.id): \(what)")
            // Exported without its actions. Intune makes no policy without one that blocks.
            case let what? where what.hasPrefix("children/scheduledActionsForRule null -> "):
                outcome = "equal but for the action that Intune demands"
                let isUsual = what.contains("\"actionType\":\"block\",\"gracePeriodHours\":0,")
                #expect(isUsual && !what.contains(";"), "\(policy.id): \(what)")
            case let what?:
                outcome = "NOT EQUAL"
                Issue.record("\(name) \(policy.id) \(codes.sorted()): \(what.prefix(500))")
            }
            rows[name, default: [:]][outcome, default: 0] += 1
        }
        print("type\toutcome\tobjects")
        for (name, outcomes) in rows.sorted(by: { $0.key < $1.key }) {
            for (outcome, count) in outcomes.sorted(by: { $0.key < $1.key }) { print("\(name)\t\(outcome)\t\(count)") }
        }
        print("real policies: \(policies.count) deleted, \(run.steps.count) steps, \(left.count) differ")
    }
}

private struct LoadedPolicy {
    var type: ObjectType
    var id: String
}

/// What a tenant does not have, told without the product's code.
private struct Missing {
    private let known: Set<String>

    init(_ picture: TenantPicture) {
        let principals = (picture.documents["servicePrincipal"] ?? [:]).values
        known = Set(picture.documents.values.flatMap { $0.keys.map { $0.lowercased() } })
            .union(principals.compactMap { $0["attributes"]?["appId"]?.string?.lowercased() })
    }

    /// Whether the policy's people, roles, places, applications or strength are something that the tenant lacks.
    func isNamed(in document: JSONValue?) -> Bool {
        let conditions = document?["attributes"]?["conditions"]
        var named: [JSONValue?] = []
        for member in ["includeApplications", "excludeApplications"] {
            named += conditions?["applications"]?[member]?.array ?? []
        }
        for member in [
            "includeUsers", "excludeUsers", "includeGroups", "excludeGroups", "includeRoles", "excludeRoles",
        ] {
            named += conditions?["users"]?[member]?.array ?? []
        }
        for member in ["includeLocations", "excludeLocations"] {
            named += conditions?["locations"]?[member]?.array ?? []
        }
        named.append(document?["attributes"]?["grantControls"]?["authenticationStrength"]?["id"])
        return named.compactMap { $0?.string?.lowercased() }.contains {
            UUID(uuidString: $0) != nil && !known.contains($0)
        }
    }
}

extension TenantPicture {
    /// Without null members and empty attributes: to the service null, empty and absent are one.
    fileprivate func plain() -> TenantPicture {
        var picture = self
        for (type, documents) in documents {
            picture.documents[type] = documents.mapValues { document in
                var document = Self.withoutNulls(document).object ?? [:]
                let attributes = (document["attributes"]?.object ?? [:]).filter { $0.value.array?.isEmpty != true }
                document["attributes"] = .object(JSONObject(attributes.map { ($0.name, $0.value) }))
                return .object(document)
            }
        }
        return picture
    }

    private static func withoutNulls(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let elements): .array(elements.map(withoutNulls))
        case .object(let object):
            .object(JSONObject(object.compactMap { $0.value.isNull ? nil : ($0.name, withoutNulls($0.value)) }))
        default: value
        }
    }

    /// The rest of the tenant.
    fileprivate func without(_ policies: [LoadedPolicy], _ ids: RestoredIDs = RestoredIDs()) -> TenantPicture {
        var rest = self
        for policy in policies {
            rest.documents[policy.type.name]?[policy.id] = nil
            rest.documents[policy.type.name]?[ids[policy.id]] = nil
        }
        return rest
    }
}
