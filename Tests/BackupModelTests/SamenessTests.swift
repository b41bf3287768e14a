import Testing

@testable import BackupModel

/// The one rule for what differs: what the services set is passed over, and nothing beside it.
@Suite("What is the same to a restore") struct SamenessTests {
    private static let paths = Catalogue.current.types.flatMap { type in
        type.restore.serviceSet.map { "\(type.name)/\($0)" }
    }

    @Test(arguments: paths) func `A part that the services set is no difference, and its neighbour is one`(
        _ text: String
    ) throws {
        let tokens = text.split(separator: "/").map(String.init)
        let type = try #require(Catalogue.current[tokens[0]])
        let (name, inner) = (tokens[1], Array(tokens[2...]))
        let isChild = type.relationship(name)?.kind == .child
        #expect(isChild || type.attributes.contains(name) || type.derivesTypes, "\(text) names nothing of its type")
        func value(_ set: JSONValue?, _ beside: JSONValue, inLists: Bool) -> JSONValue {
            var object: JSONObject = ["beside": beside]
            if let last = inner.last { object[last] = set }
            return inner.dropLast().reversed().reduce(inLists ? [.object(object)] : .object(object)) { value, name in
                let outer: JSONValue = [name: value]
                return inLists ? [outer] : outer
            }
        }
        func isSame(_ one: JSONValue, _ other: JSONValue) throws -> Bool {
            guard !isChild else { return type.areSame(name, one.array ?? [one], other.array ?? [other]) }
            let (wanted, live) = (document(type, [name: one]), document(type, [name: other]))
            return type.isSame(name, wanted: wanted, live: live)
        }
        for inLists in [false, true] {
            let here = value("here", "x", inLists: inLists)
            #expect(try isSame(here, value("there", "x", inLists: inLists)))
            #expect(try isSame(here, value(nil, "x", inLists: inLists)))
            #expect(try !isSame(here, value("here", "y", inLists: inLists)), "the difference beside it is hidden")
            #expect(try !isSame(here, value("here", .null, inLists: inLists)))
            let stripped = type.written(name, here)
            #expect(!stripped.canonicalText.contains("here") && stripped.canonicalText.contains("beside"))
        }
    }

    private func document(_ type: ObjectType, _ attributes: JSONObject) -> ObjectDocument {
        ObjectDocument(type: type.name, id: RestoreTable.id, attributes: attributes)
    }

    private func plan(
        _ type: String, _ wanted: JSONObject, _ live: JSONObject, children: (String, [JSONValue], [JSONValue])? = nil
    ) throws -> RestorePlan {
        let type = try #require(Catalogue.current[type])
        var (to, from) = (document(type, wanted), document(type, live))
        if let (name, wanted, live) = children {
            to.children[name] = wanted
            from.children[name] = live
        }
        return try RestoreTable.plan([.init(type: type.name, wanted: to, live: from)])
    }

    // MARK: Plans

    @Test func `An application role is planned for its value, not for its origin`() throws {
        let role: JSONValue = ["id": .string(RestoreTable.other(5)), "value": "Read", "origin": "Application"]
        let bare: JSONValue = ["id": .string(RestoreTable.other(5)), "value": "Read"]
        #expect(try plan("application", ["appRoles": [role]], ["appRoles": [bare]]).steps.isEmpty)
        let other: JSONValue = ["id": .string(RestoreTable.other(5)), "value": "Write", "origin": "Application"]
        #expect(try plan("application", ["appRoles": [role]], ["appRoles": [other]]).steps.count == 1)
    }

    @Test func `A policy is planned for another authentication strength, not for what a strength looks like`() throws {
        func grant(_ id: String, _ name: String?) -> JSONObject {
            let strength: JSONValue = ["id": .string(id), "displayName": JSONValue(name)]
            return ["state": "disabled", "grantControls": ["operator": "OR", "authenticationStrength": strength]]
        }
        let (two, three) = ("00000000-0000-0000-0000-000000000002", "00000000-0000-0000-0000-000000000003")
        #expect(try plan("conditionalAccessPolicy", grant(two, "MFA"), grant(two, nil)).steps.isEmpty)
        let other = try plan("conditionalAccessPolicy", grant(two, "MFA"), grant(three, "MFA")).steps
        #expect(other.map(\.action) == [.update])
        let enabled = grant(two, "MFA").merging(["state": "enabled"])
        let alike = try plan("conditionalAccessPolicy", enabled, grant(two, "M").merging(["state": "enabled"]))
        #expect(alike.steps.isEmpty && alike.todos.isEmpty, "what is as it was is not tried out anew")
    }

    @Test func `An assignment is its target`() throws {
        func assignment(_ id: String, _ group: Int, filter: JSONValue? = nil) -> JSONValue {
            var target: JSONObject = [
                "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": .string(RestoreTable.other(group)),
            ]
            target["deviceAndAppManagementAssignmentFilterId"] = filter
            return ["id": .string(id), "source": "direct", "sourceId": .string(id), "target": .object(target)]
        }
        func steps(_ wanted: JSONValue, _ live: [JSONValue]) throws -> Int {
            try plan("deviceConfiguration", [:], [:], children: ("assignments", [wanted], live)).steps.count
        }
        #expect(try steps(assignment("a", 5, filter: .null), [assignment("b", 5)]) == 0)
        #expect(try steps(assignment("a", 5), [assignment("a", 6)]) == 1)
        #expect(try steps(assignment("a", 5), [assignment("a", 5), assignment("b", 6)]) == 1)
        #expect(try steps(assignment("a", 5), [assignment("a", 5, filter: .string(RestoreTable.other(8)))]) == 1)
    }

    @Test func `A scoped member is a person in a role, whatever the person is called`() throws {
        func member(_ id: String, _ role: Int, _ person: Int, _ name: String?) -> JSONValue {
            [
                "id": .string(id), "administrativeUnitId": .string(RestoreTable.other(1)),
                "roleId": .string(RestoreTable.other(role)),
                "roleMemberInfo": ["id": .string(RestoreTable.other(person)), "displayName": JSONValue(name)],
            ]
        }
        func steps(_ wanted: JSONValue, _ live: JSONValue) throws -> Int {
            try plan("administrativeUnit", [:], [:], children: ("scopedRoleMembers", [wanted], [live])).steps.count
        }
        #expect(try steps(member("a_b", 6, 3, "Old name"), member("c_d", 6, 3, nil)) == 0)
        #expect(try steps(member("a_b", 6, 3, "N"), member("a_b", 6, 4, "N")) == 1)
        #expect(try steps(member("a_b", 6, 3, "N"), member("a_b", 7, 3, "N")) == 1)
    }

    // MARK: Schedules

    private func schedule(_ start: String, _ made: String?, _ kind: String = "afterDateTime") -> JSONObject {
        [
            "createdDateTime": JSONValue(made),
            "scheduleInfo": [
                "startDateTime": .string(start), "recurrence": .null,
                "expiration": ["type": .string(kind), "endDateTime": "2030-01-01T00:00:00Z"],
            ],
        ]
    }

    private func steps(_ wanted: JSONObject, _ live: JSONObject) throws -> Int {
        try plan("unifiedRoleEligibilitySchedule", wanted, live).steps.count
    }

    @Test func `Schedules that began when they were made are the same; one that begins later is another`() throws {
        let (then, now, later) = ("2024-01-01T00:00:00.123Z", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
        #expect(try steps(schedule(then, then), schedule(now, now)) == 0)
        #expect(try steps(schedule(then, nil), schedule(now, nil)) == 0)
        #expect(try steps(schedule(now, then), schedule(later, now)) == 1, "the live one waits")
        #expect(try steps(schedule(later, then), schedule(now, now)) == 1, "the wanted one is to wait")
        #expect(try steps(schedule(now, then), schedule(later, later)) == 0, "it had begun when it was asked for anew")
    }

    @Test func `The end of a schedule counts, and with a duration its start`() throws {
        let (then, now) = ("2024-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
        #expect(try steps(schedule(then, then), schedule(now, now, "noExpiration")) == 1)
        #expect(try steps(schedule(then, then, "afterDuration"), schedule(now, now, "afterDuration")) == 1)
    }

    // MARK: Encrypted settings

    private func setting(_ uri: String, _ value: JSONValue?, encrypted: Bool = false) -> JSONValue {
        [
            "omaUri": .string(uri), "isEncrypted": .bool(encrypted), "value": value ?? .null,
            "secretReferenceValueId": encrypted ? value ?? .null : .null,
        ]
    }

    private func plan(_ wanted: [JSONValue], _ live: [JSONValue]) throws -> RestorePlan {
        let kind: JSONValue = "#microsoft.graph.windows10CustomConfiguration"
        return try plan(
            "deviceConfiguration", ["@odata.type": kind, "omaSettings": .array(wanted)],
            ["@odata.type": kind, "omaSettings": .array(live)])
    }

    @Test func `An encrypted setting that is gone is a person's to enter, and no step`() throws {
        let (plain, secret) = (setting("./A", 1), setting("./B", "r1", encrypted: true))
        let lost = try plan([plain, secret], [plain])
        #expect(lost.steps.isEmpty && lost.todos.map(\.code) == ["reenterSecret"])
        let entered = try plan([plain, secret], [plain, setting("./B", "r2", encrypted: true)])
        #expect(entered.steps.isEmpty && entered.todos.isEmpty)
    }

    @Test func `Other differences of such a list are planned, and that secrets go with it is said`() throws {
        let (plain, secret) = (setting("./A", 1), setting("./B", "r1", encrypted: true))
        let changed = try plan([plain, secret], [setting("./A", 2), secret])
        #expect(changed.steps.count == 1 && changed.todos.map(\.code) == ["reenterSecret"])
        #expect(try plan([plain], [plain, secret]).steps.count == 1, "a secret that was added")
        let readable = try plan([plain, secret], [plain, setting("./B", "r1")])
        #expect(readable.steps.count == 1, "a secret that became readable")
    }

    // MARK: Lists

    @Test func `The order of a list counts where the type gives it a meaning`() throws {
        func both(_ type: String, _ name: String, _ children: String? = nil) throws -> Int {
            let (one, other): (JSONValue, JSONValue) = ([["x": ["a", "b"]]], [["x": ["b", "a"]]])
            guard let children else { return try plan(type, [name: one], [name: other]).steps.count }
            return try plan(type, [:], [:], children: (children, one.array ?? [], other.array ?? [])).steps.count
        }
        #expect(try both("configurationPolicy", "", "settings") == 1)
        #expect(try both("application", "addIns") == 0)
    }

    // MARK: Reading back, and live comparisons

    @Test func `A result is read back by the same rule`() throws {
        let type = try #require(Catalogue.current["conditionalAccessPolicy"])
        func grant(_ id: String) -> JSONValue {
            ["operator": "OR", "authenticationStrength": ["id": .string(id), "displayName": .string("Name of \(id)")]]
        }
        let step = RestoreStep(
            number: 1, wave: 1, action: .update, type: type.name, id: RestoreTable.id, displayName: "",
            attributes: [ObjectChange.Attribute(path: JSONPointer(["grantControls"]), from: nil, to: grant("a"))],
            reason: "")
        let writes = RestoreWrites(map: IDMap(), password: { "" })
        func left(_ found: JSONValue) throws -> [String] {
            try writes.differences(step, type, found: document(type, ["grantControls": found])).map(\.path)
        }
        #expect(try left(["operator": "OR", "authenticationStrength": ["id": "a", "displayName": "New"]]).isEmpty)
        #expect(try left(grant("b")) == ["/grantControls"])
    }

    @Test func `A live comparison leaves out what a plan would, and shows a secret that is gone`() throws {
        let type = try #require(Catalogue.current["deviceConfiguration"])
        func change(_ one: [JSONValue], _ other: [JSONValue], _ ids: (String, String)) -> ObjectChange? {
            var (from, to) = (
                document(type, ["omaSettings": .array(one)]), document(type, ["omaSettings": .array(other)])
            )
            from.children["assignments"] = [["id": .string(ids.0), "target": ["groupId": "g"]]]
            to.children["assignments"] = [["id": .string(ids.1), "target": ["groupId": "g"]]]
            return ObjectDiff.between(from, to)?.toRestore(type)
        }
        let secret = setting("./B", "r1", encrypted: true)
        #expect(change([secret], [setting("./B", "r2", encrypted: true)], ("1", "2")) == nil)
        #expect(change([secret], [], ("1", "1"))?.attributes.map(\.path.description) == ["/omaSettings"])
        #expect(change([], [secret], ("1", "1"))?.attributes.map(\.path.description) == ["/omaSettings"])
    }
}

extension JSONObject {
    fileprivate func merging(_ other: JSONObject) -> JSONObject {
        JSONObject(map { ($0.name, $0.value) } + other.map { ($0.name, $0.value) })
    }
}
