import BackupModel
import Testing

@Suite("Restore planner") struct RestorePlannerTests {
    @Test func `A tenant that is as in the snapshot needs no step`() throws {
        for type in Catalogue.current.types {
            let document = RestoreTable.document(type)
            let plan = try RestoreTable.plan([.init(type: type.name, wanted: document, live: document)])
            #expect(plan.steps.isEmpty && plan.conflicts.isEmpty && plan.todos.isEmpty, "\(type.name)")
        }
    }

    @Test(arguments: RestoreTable.rows) func `Each type has its way back`(_ row: String) throws {
        let name = String(row.prefix { $0 != ":" })
        let type = try #require(Catalogue.current[name])
        #expect(try RestoreTable.row(type) == row)
    }

    @Test func `The table has every type that can be restored`() {
        let names = RestoreTable.rows.map { String($0.prefix { $0 != ":" }) }
        #expect(names == Catalogue.current.types.map(\.name).filter { $0 != "deletedItem" })
    }

    @Test func `Each step that is planned can be written, at no more than its cost`() throws {
        for type in Catalogue.current.types where type.name != "deletedItem" {
            var wanted = RestoreTable.document(type)
            if type.derivesTypes { wanted.attributes["@odata.type"] = "#microsoft.graph.derived" }
            var live = wanted
            for name in live.attributes.names where name != "@odata.type" { live.attributes[name] = "new" }
            for name in wanted.links.keys { live.setLinks(name, []) }
            for name in wanted.children.keys { live.children[name] = [["name": "two"]] }
            let pairs: [(ObjectDocument?, ObjectDocument?)] = [(wanted, live), (wanted, nil), (nil, wanted)]
            for (wanted, live) in pairs {
                for step in try RestoreTable.plan([.init(type: type.name, wanted: wanted, live: live)]).steps {
                    let type = try #require(Catalogue.current[step.type])
                    let requests = try RestoreWrites(map: IDMap(), password: { "p" }).requests(for: step, type)
                    #expect(requests.count <= step.cost, "\(step.action) \(type.name)")
                }
            }
        }
    }

    // MARK: Modes

    private func user(_ attributes: JSONObject, _ id: String = RestoreTable.id) -> ObjectDocument {
        ObjectDocument(type: "user", id: id, attributes: attributes)
    }

    private func codes(_ plan: RestorePlan) -> [String] { plan.conflicts.map(\.code) }

    @Test func `A merge keeps what was added since, an overwrite takes it away`() throws {
        let wanted = user(["jobTitle": "A", "city": .null, "otherMails": []])
        let live = user(["jobTitle": "B", "city": "X", "otherMails": ["a@b.example"]])
        let subject = RestorePlanner.Subject(type: "user", wanted: wanted, live: live)
        let merge = try RestoreTable.plan([subject]) { $0.attributesMode = .merge }
        #expect(merge.steps.flatMap(\.attributes).map(\.path.description) == ["/jobTitle"])
        let overwrite = try RestoreTable.plan([subject])
        #expect(
            overwrite.steps.flatMap(\.attributes) == [
                ObjectChange.Attribute(path: JSONPointer(["city"]), from: "X", to: nil),
                ObjectChange.Attribute(path: JSONPointer(["jobTitle"]), from: "B", to: "A"),
                ObjectChange.Attribute(path: JSONPointer(["otherMails"]), from: ["a@b.example"], to: []),
            ])
    }

    @Test func `A changed part is written with the whole attribute`() throws {
        let wanted = user(["employeeOrgData": ["division": "A", "costCenter": "1"]])
        let live = user(["employeeOrgData": ["division": "B", "costCenter": "1"]])
        let plan = try RestoreTable.plan([.init(type: "user", wanted: wanted, live: live)])
        #expect(plan.steps.map(\.attributes).first?.first?.to == ["division": "A", "costCenter": "1"])
    }

    @Test func `Custom security attributes that were added are cleared one by one`() throws {
        let wanted = user(["customSecurityAttributes": ["S": ["@odata.type": "#V", "a": "1"]]])
        let live = user([
            "customSecurityAttributes": [
                "S": ["@odata.type": "#V", "a": "1", "b": "2", "c": ["x"], "c@odata.type": "#Collection(String)"]
            ]
        ])
        let plan = try RestoreTable.plan([.init(type: "user", wanted: wanted, live: live)])
        #expect(
            plan.steps.first?.attributes.first?.to
                == ["S": ["@odata.type": "#V", "a": "1", "b": .null, "c": [], "c@odata.type": "#Collection(String)"]])
    }

    @Test func `Links are merged, rolled back or left alone`() throws {
        var (wanted, live) = (RestoreTable.document("group"), RestoreTable.document("group"))
        wanted.setLinks("members", [RestoreTable.other(1), RestoreTable.other(2)])
        live.setLinks("members", [RestoreTable.other(2), RestoreTable.other(3)])
        let subject = RestorePlanner.Subject(type: "group", wanted: wanted, live: live)
        func links(_ mode: RestoreOptions.LinksMode) throws -> [ObjectChange.Links] {
            try RestoreTable.plan([subject]) { $0.linksMode = mode }.steps.flatMap(\.links)
        }
        let (one, three) = ([RestoreTable.other(1)], [RestoreTable.other(3)])
        #expect(try links(.merge) == [ObjectChange.Links(name: "members", added: one, removed: [])])
        #expect(try links(.rollback) == [ObjectChange.Links(name: "members", added: one, removed: three)])
        #expect(try links(.skip) == [])
    }

    @Test func `Members cost a request for twenty, those of administrative units one each`() throws {
        let many = (11...55).map(RestoreTable.other)
        func cost(_ type: String) throws -> Int? {
            let live = ObjectDocument(type: type, id: RestoreTable.id)
            var wanted = live
            wanted.setLinks("members", many)
            return try RestoreTable.plan([.init(type: type, wanted: wanted, live: live)]).steps.first?.cost
        }
        #expect(try cost("group") == 3)
        #expect(try cost("administrativeUnit") == 45)
    }

    @Test func `The scope is kept: types, ids, attributes, links`() throws {
        let group = RestoreTable.document("group")
        var changed = group
        changed.attributes["description"] = "new"
        changed.attributes["displayName"] = "new"
        changed.setLinks("members", [RestoreTable.other(1)])
        let subjects = [
            RestorePlanner.Subject(type: "group", wanted: changed, live: group),
            RestorePlanner.Subject(type: "user", wanted: nil, live: user(["displayName": "U"], RestoreTable.other(9))),
        ]
        func steps(_ change: @escaping (inout RestoreOptions) -> Void) throws -> [String] {
            try RestoreTable.plan(subjects, change: change).steps.map { step in
                let names = step.attributes.map(\.path.description) + step.links.map(\.name)
                return "\(step.action) \(step.type) " + names.joined(separator: " ")
            }
        }
        #expect(
            try steps { _ in } == [
                "update group /description /displayName", "link group members", "delete user ",
            ])
        #expect(try steps { $0.types = ["user"] } == ["delete user "])
        #expect(try steps { $0.ids = [group.id.uppercased()] }.count == 2)
        #expect(try steps { $0.attributes = ["description"] } == ["update group /description"])
        #expect(try steps { $0.links = ["members"] } == ["link group members"])
        #expect(try steps { $0.newObjects = .keep }.contains("delete user ") == false)
    }

    @Test func `A restored user gets back into its groups though they are out of scope`() throws {
        let lost = user(["userPrincipalName": "a@x.example", "displayName": "A"])
        var group = ObjectDocument(type: "group", id: RestoreTable.other(5), attributes: ["displayName": "G"])
        var live = group
        group.setLinks("members", [lost.id, RestoreTable.other(1)])
        group.attributes["description"] = "other"
        live.setLinks("members", [RestoreTable.other(2)])
        let plan = try RestoreTable.plan([
            .init(type: "user", wanted: lost, live: nil), .init(type: "group", wanted: group, live: live),
        ]) { $0.ids = [lost.id] }
        #expect(plan.steps.map(\.action) == [.create, .link])
        #expect(plan.steps.last?.links == [ObjectChange.Links(name: "members", added: [lost.id], removed: [])])
    }

    @Test func `An object of an earlier restore is compared with what it became`() throws {
        let old = user(["displayName": "A", "userPrincipalName": "a@x.example", "jobTitle": "B"])
        var new = old
        new.attributes["jobTitle"] = "C"
        let live = ObjectDocument(type: "user", id: RestoreTable.other(7), attributes: new.attributes)
        var group = ObjectDocument(type: "group", id: RestoreTable.other(5), attributes: ["displayName": "G"])
        var liveGroup = group
        group.setLinks("members", [old.id])
        liveGroup.setLinks("members", [live.id])
        let plan = try RestoreTable.plan(
            [
                .init(type: "user", wanted: old, live: nil), .init(type: "user", wanted: nil, live: live),
                .init(type: "group", wanted: group, live: liveGroup),
            ], facts: { $0.map = IDMap([old.id: live.id]) })
        #expect(plan.steps.map(\.action) == [.update])
        #expect(plan.steps.first?.id == old.id)
        #expect(plan.steps.first?.attributes.map(\.path.description) == ["/jobTitle"])
    }

    @Test func `Ids that are no GUIDs keep their case`() throws {
        func assignment(_ id: String) -> ObjectDocument {
            ObjectDocument(
                type: "appRoleAssignment", id: id,
                attributes: [
                    "principalId": .string(RestoreTable.other(1)), "resourceId": .string(RestoreTable.other(2)),
                ])
        }
        let subjects: [RestorePlanner.Subject] = [
            .init(type: "appRoleAssignment", wanted: assignment("aB-c"), live: nil),
            .init(type: "appRoleAssignment", wanted: nil, live: assignment("Xy_z")),
            .init(type: "appRoleAssignment", wanted: nil, live: assignment("xY_Z")),
        ]
        let plan = try RestoreTable.plan(subjects, facts: { $0.map = IDMap(["aB-c": "Xy_z"]) })
        #expect(plan.steps.map(\.action) == [.delete])
        #expect(plan.steps.first?.id == "xY_Z")
        #expect(plan.steps.first?.document == assignment("xY_Z"))
    }

    @Test func `What refers to an object that gets a new id is written again though it is the same`() throws {
        let group = ObjectDocument(type: "group", id: RestoreTable.id, attributes: ["displayName": "G"])
        var policy = RestoreTable.document("conditionalAccessPolicy")
        policy.attributes["conditions"] = ["users": ["includeGroups": [.string(group.id)]]]
        let plan = try RestoreTable.plan([
            .init(type: "group", wanted: group, live: nil),
            .init(type: policy.type, wanted: policy, live: policy),
        ])
        #expect(plan.steps.map(\.action) == [.create, .update])
        #expect(plan.steps.last?.attributes.map(\.path.description) == ["/conditions"])
        #expect(plan.todos.isEmpty)
        let binned = try RestoreTable.plan(
            [
                .init(type: "group", wanted: group, live: nil),
                .init(type: policy.type, wanted: policy, live: policy),
            ], facts: { $0.recycleBin = [group.id: group] })
        #expect(binned.steps.map(\.action) == [.undelete])
    }

    @Test func `Who administers a unit from the recycle bin is looked at, and written when lost`() throws {
        // An administrator who was deleted for good while the unit lay there does not come back with it.
        var unit = ObjectDocument(type: "administrativeUnit", id: RestoreTable.id, attributes: ["displayName": "U"])
        unit.children["scopedRoleMembers"] = [
            ["roleId": .string(RestoreTable.other(2)), "roleMemberInfo": ["id": .string(RestoreTable.other(3))]]
        ]
        let plan = try RestoreTable.plan(
            [.init(type: unit.type, wanted: unit, live: nil)], facts: { $0.recycleBin = [unit.id: unit] })
        #expect(plan.steps.map(\.action) == [.undelete, .children])
        #expect(plan.steps.map(\.looksFirst) == [false, true])
        let stored = try #require(plan.steps.last)
        #expect(try RestoreStep(decoding: stored.encoded) == stored)
        let anew = try RestoreTable.plan([.init(type: unit.type, wanted: unit, live: nil)])
        #expect(anew.steps.map(\.looksFirst) == [false, false])
    }

    @Test func `A policy whose conditions changed comes back in report-only mode`() throws {
        let wanted = ObjectDocument(
            type: "conditionalAccessPolicy", id: RestoreTable.id,
            attributes: ["displayName": "P", "state": "enabled", "conditions": ["users": ["includeUsers": ["All"]]]])
        var live = wanted
        live.attributes["conditions"] = ["users": ["includeUsers": ["None"]]]
        let plan = try RestoreTable.plan([.init(type: wanted.type, wanted: wanted, live: live)])
        #expect(plan.steps.flatMap(\.attributes).map(\.to).contains("enabledForReportingButNotEnforced"))
        #expect(plan.todos.map(\.code) == ["enablePolicy"])
        live = wanted
        live.attributes["displayName"] = "Q"
        let renamed = try RestoreTable.plan([.init(type: wanted.type, wanted: wanted, live: live)])
        #expect(renamed.steps.flatMap(\.attributes).map(\.path.description) == ["/displayName"])
        #expect(renamed.todos.isEmpty)
    }

    @Test func `An application is completed after its creation, its service principal follows`() throws {
        let application = ObjectDocument(
            type: "application", id: RestoreTable.id,
            attributes: [
                "displayName": "A", "appId": .string(RestoreTable.other(20)),
                "identifierUris": [.string("api://" + RestoreTable.other(20))],
                "api": [
                    "preAuthorizedApplications": [["appId": .string(RestoreTable.other(20))]],
                    "oauth2PermissionScopes": [["value": "read"]],
                ],
                "passwordCredentials": [["keyId": "k", "hint": "abc"]],
            ], links: ["owners": [RestoreTable.other(1)]],
            children: ["extensionProperties": [["name": "extension_x", "dataType": "String"]]])
        let principal = ObjectDocument(
            type: "servicePrincipal", id: RestoreTable.other(21),
            attributes: ["displayName": "A", "appId": .string(RestoreTable.other(20))])
        let subjects = [
            RestorePlanner.Subject(type: "servicePrincipal", wanted: principal, live: nil),
            RestorePlanner.Subject(type: "application", wanted: application, live: nil),
        ]
        let plan = try RestoreTable.plan(subjects)
        #expect(
            plan.steps.map { "\($0.action) \($0.type)" } == [
                "create application", "create servicePrincipal", "update application", "children application",
                "link application",
            ])
        #expect(plan.steps[0].document?.attributes["identifierUris"] == nil)
        #expect(plan.steps[0].document?.attributes["api"] == ["oauth2PermissionScopes": [["value": "read"]]])
        #expect(plan.steps[2].attributes.map(\.path.description) == ["/api", "/identifierUris"])
        #expect(Set(plan.todos.map(\.code)) == ["newAppId", "rollSecret"])
        let binned = try RestoreTable.plan(
            [subjects[1]], facts: { $0.recycleBin = [application.id: application, principal.id: principal] })
        #expect(
            binned.steps.prefix(2).map { "\($0.action) \($0.type)" } == [
                "undelete application", "undelete servicePrincipal",
            ])
    }

    @Test func `References along with a policy are found`() {
        let policy = ObjectDocument(
            type: "conditionalAccessPolicy", id: RestoreTable.id,
            attributes: [
                "conditions": [
                    "users": ["includeUsers": ["All"], "excludeGroups": [.string(RestoreTable.other(1))]],
                    "locations": ["includeLocations": [.string(RestoreTable.other(2))]],
                ],
                "grantControls": ["authenticationStrength": ["id": .string(RestoreTable.other(3))]],
            ])
        #expect(RestorePlanner.references(in: policy) == (1...3).map(RestoreTable.other))
    }
}
