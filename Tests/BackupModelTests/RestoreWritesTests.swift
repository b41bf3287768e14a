import BackupModel
import Testing

@Suite("Requests of a restore") struct RestoreWritesTests {
    static let old = "11111111-2222-4333-8444-555555555555"
    static let new = "99999999-8888-4777-8666-555555555555"
    private let writes = RestoreWrites(
        map: IDMap([old: new]), root: "https://graph.example/v1.0", password: { "secret" })

    struct Golden: Sendable, CustomTestStringConvertible {
        var action: RestoreStep.Action
        var type: String
        var id = RestoreWritesTests.old
        var attributes: JSONObject = [:]
        var before: JSONObject = [:]
        var document: JSONObject?
        var links: [ObjectChange.Links] = []
        var children: [ObjectChange.Children] = []
        var wanted: [String]

        var testDescription: String { "\(action) \(type)" }

        var step: RestoreStep {
            RestoreStep(
                number: 1, wave: 1, action: action, type: type, id: id, displayName: "",
                attributes: attributes.map { name, value in
                    ObjectChange.Attribute(
                        path: JSONPointer([name]), from: before[name], to: value.isNull ? nil : value)
                }, links: links, children: children,
                document: document.map { ObjectDocument(type: type, id: id, attributes: $0) }, reason: "")
        }
    }

    @Test(arguments: RestoreWritesTable.rows) func `Requests are as written down`(row: Golden) throws {
        let type = try #require(Catalogue.current[row.type])
        let lines = try writes.requests(for: row.step, type).map { request in
            "\(request.method.rawValue) \(request.target)" + (request.body.map { " \($0.canonicalText)" } ?? "")
        }
        #expect(lines == row.wanted)
    }

    @Test func `No creation or change carries what is read-only, and every id is rewritten`() throws {
        for type in Catalogue.current.types where ![.backupOnly, .undelete].contains(type.restore.mode) {
            var attributes: JSONObject = [:]
            for name in type.attributes { attributes[name] = .string("x \(Self.old)") }
            // The path of these objects is that of another one.
            if type.nested != nil { attributes["resourceId"] = .string(Self.old) }
            if type.derivesTypes { attributes["@odata.type"] = "#microsoft.graph.some" }
            let document = ObjectDocument(type: type.name, id: Self.old, attributes: attributes)
            for action in [RestoreStep.Action.create, .update] {
                var step = RestoreStep(
                    number: 1, wave: 1, action: action, type: type.name, id: Self.old, displayName: "",
                    document: document, reason: "")
                step.attributes = attributes.map {
                    ObjectChange.Attribute(path: JSONPointer([$0.name]), from: nil, to: $0.value)
                }.filter { change in
                    let name = change.path.tokens[0]
                    return !type.restore.readOnly.contains(name) && !type.restore.createOnly.contains(name)
                        && !type.volatile.contains(name) && name != "@odata.type" && name != type.idAttribute
                }
                guard let requests = try? writes.requests(for: step, type) else { continue }
                let required = Set(type.restore.requiredOnCreate).union(type.restore.createOnly)
                let refused = Set(type.restore.readOnly).subtracting(action == .create ? required : [])
                for request in requests {
                    let body = try #require(request.body)
                    #expect(
                        !body.canonicalText.contains(Self.old) && !request.target.contains(Self.old), "\(type.name)")
                    let names = Set(body.object?.names ?? [])
                    #expect(names.isDisjoint(with: refused), "\(type.name) \(action): \(names.intersection(refused))")
                    #expect(try JSONValue(parsing: body.canonicalBytes) == body)
                }
            }
        }
    }

    @Test func `What only a signed-in person may write is refused by name`() throws {
        let type = try #require(Catalogue.current["unifiedRoleManagementPolicy"])
        let step = Golden(
            action: .children, type: type.name,
            children: [ObjectChange.Children(name: "rules", from: [], to: [["id": "x"]])], wanted: []
        ).step
        #expect(throws: RestoreRefusal.self) { try writes.requests(for: step, type) }
        do {
            _ = try writes.requests(for: step, type)
        } catch { #expect(error.code == "delegatedOnly") }
    }

    @Test func `Refusals that mean that it was done are known`() throws {
        let type = try #require(Catalogue.current["group"])
        let step = Golden(
            action: .link, type: "group",
            links: [ObjectChange.Links(name: "owners", added: ["a"], removed: ["b"])], wanted: []
        ).step
        let requests = try writes.requests(for: step, type)
        #expect(
            requests[0].wasDone(
                status: 400, code: "Request_BadRequest",
                message: "One or more added object references already exist for the following modified properties."))
        #expect(!requests[0].wasDone(status: 400, code: "Request_BadRequest", message: "something else"))
        #expect(requests[1].wasDone(status: 404, code: "Request_ResourceNotFound", message: ""))
        #expect(!requests[1].wasDone(status: 403, code: "Authorization_RequestDenied", message: ""))
    }

    @Test func `An object is found by what makes it unique`() throws {
        let type = try #require(Catalogue.current["appRoleAssignment"])
        let wanted = ObjectDocument(
            type: type.name, id: "a",
            attributes: ["principalId": .string(Self.old), "resourceId": "r", "appRoleId": "0"])
        let key = writes.naturalKey(of: wanted, type)
        var live = ObjectDocument(
            type: type.name, id: "b",
            attributes: ["principalId": .string(Self.new), "resourceId": "r", "appRoleId": "0"])
        #expect(writes.matches(key, live))
        live.attributes["appRoleId"] = "1"
        #expect(!writes.matches(key, live))
    }

    @Test func `The answer to a creation tells the new ids`() throws {
        let type = try #require(Catalogue.current["application"])
        let step = Golden(action: .create, type: type.name, document: ["appId": "old app"], wanted: []).step
        let found = writes.newIDs(step, type, answer: ["id": "new", "appId": "new app"])
        #expect(found.map(\.from) == [Self.old, "old app"] && found.map(\.to) == ["new", "new app"])
    }

    @Test func `A schedule that is found to be there is known by its own id`() throws {
        let type = try #require(Catalogue.current["unifiedRoleEligibilitySchedule"])
        let step = Golden(action: .create, type: type.name, document: ["principalId": "p"], wanted: []).step
        let there = ObjectDocument(type: type.name, id: Self.new, attributes: ["principalId": "p"])
        #expect(writes.newIDs(step, type, found: there).map(\.to) == [Self.new])
        let answer = writes.newIDs(step, type, answer: ["id": "request", "targetScheduleId": .string(Self.new)])
        #expect(answer.map(\.to) == [Self.new])
    }

    @Test func `What a creation carries is read back with it`() throws {
        let type = try #require(Catalogue.current["compliancePolicy"])
        let create = Golden(action: .create, type: type.name, document: ["name": "P"], wanted: []).step
        #expect(RestoreWrites.parts(create, type) == ["scheduledActionsForRule", "settings"])
        let update = Golden(action: .update, type: type.name, attributes: ["name": "P"], wanted: []).step
        #expect(RestoreWrites.parts(update, type) == [])
    }

    @Test func `An element that was to go and is still there is told`() throws {
        let type = try #require(Catalogue.current["deviceConfiguration"])
        let target: JSONValue = ["target": ["@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"]]
        let step = Golden(
            action: .children, type: type.name,
            children: [ObjectChange.Children(name: "assignments", from: [target], to: [])], wanted: []
        ).step
        var found = ObjectDocument(type: type.name, id: Self.new)
        #expect(try writes.differences(step, type, found: found) == [])
        found.children["assignments"] = [target]
        #expect(try writes.differences(step, type, found: found).map(\.path) == ["/assignments"])
    }

    @Test func `What does not read back as written is told`() throws {
        let type = try #require(Catalogue.current["user"])
        let step = Golden(action: .update, type: "user", attributes: ["jobTitle": "A", "city": "B"], wanted: []).step
        let found = ObjectDocument(type: "user", id: Self.new, attributes: ["jobTitle": "A", "city": "C"])
        let differences = try writes.differences(step, type, found: found)
        #expect(differences == [RestoreResult.Difference(path: "/city", expected: "B", found: "C")])
    }
}
