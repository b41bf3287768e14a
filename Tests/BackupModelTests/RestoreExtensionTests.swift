import BackupModel
import Testing

/// Values of directory extensions, and the definitions that they need.
@Suite("Restore of directory extensions") struct RestoreExtensionTests {
    private static let name = "extension_0123456789abcdef0123456789abcdef_badge"

    private func application(_ names: [String]) -> ObjectDocument {
        var application = ObjectDocument(
            type: "application", id: RestoreTable.other(6), attributes: ["displayName": "A"])
        application.children["extensionProperties"] = names.map {
            ["name": .string($0), "dataType": "String", "targetObjects": ["User"]]
        }
        return application
    }

    private func user(_ value: JSONValue?, _ city: JSONValue = "X") -> ObjectDocument {
        var user = ObjectDocument(
            type: "user", id: RestoreTable.id,
            attributes: ["displayName": "U", "userPrincipalName": "u@b.example", "city": city])
        user.attributes[Self.name] = value
        return user
    }

    private func plan(
        _ applications: (ObjectDocument?, ObjectDocument?)?, _ users: (ObjectDocument?, ObjectDocument?),
        links: RestoreOptions.LinksMode = .rollback
    ) throws -> RestorePlan {
        var subjects = [RestorePlanner.Subject(type: "user", wanted: users.0, live: users.1)]
        if let applications {
            subjects.append(.init(type: "application", wanted: applications.0, live: applications.1))
        }
        return try RestoreTable.plan(
            subjects, change: { $0.linksMode = links }, facts: { $0.verifiedDomains = ["b.example"] })
    }

    private func written(_ plan: RestorePlan) -> [String] {
        plan.steps.filter { $0.type == "user" }.flatMap { step in
            step.attributes.map { "\(step.wave) \($0.path.tokens[0]) \($0.to?.canonicalText ?? "cleared")" }
        }
    }

    @Test func `A value waits for its definition, other attributes do not`() throws {
        let plan = try plan((application([Self.name]), application([])), (user("7", "Y"), user(nil)))
        let definition = try #require(plan.steps.first { $0.action == .children })
        let values = plan.steps.filter { $0.type == "user" }
        #expect(values.map(\.action) == [.update, .update])
        #expect(values.map { $0.attributes.map(\.path.tokens) } == [[["city"]], [[Self.name]]])
        #expect(values[0].wave < definition.wave && definition.wave < values[1].wave)
    }

    @Test func `So does the value of a user who is made anew`() throws {
        let plan = try plan((application([Self.name]), application([])), (user("7"), nil))
        let made = try #require(plan.steps.first { $0.action == .create })
        #expect(made.document?.attributes[Self.name] == nil)
        let later = try #require(plan.steps.first { $0.action == .update })
        #expect(later.type == "user" && later.attributes.map(\.path.tokens) == [[Self.name]])
        #expect(later.wave > made.wave)
    }

    @Test func `A value whose definition is there is an attribute like any other`() throws {
        #expect(written(try plan(nil, (user("7"), user("8")))) == ["1 \(Self.name) \"7\""])
        #expect(written(try plan(nil, (user(nil), user("8")))) == ["1 \(Self.name) cleared"])
        let other = try plan((application(["extension_other"]), application([])), (user("7"), user("8")))
        #expect(written(other).map { $0.first } == ["1"])
    }

    @Test func `A value goes with its definition, and is cleared where that stays`() throws {
        let gone = try plan((application([]), application([Self.name])), (user(nil), user("8")))
        #expect(written(gone).isEmpty && gone.steps.map(\.action) == [.children])
        let made = try plan((nil, application([Self.name])), (user(nil), user("8")))
        #expect(written(made).isEmpty && made.steps.map(\.action) == [.delete])
        let stays = try plan((application([]), application([Self.name])), (user(nil), user("8")), links: .merge)
        #expect(written(stays) == ["1 \(Self.name) cleared"])
    }
}
