import BackupModel
import Testing

@Suite("Restore plans, applied") struct RestoreSimulationTests {
    @Test(arguments: 1...60) func `Applying the plan from one state to another gives the other`(_ round: Int) throws {
        var maker = TenantMaker(SeededNumbers.run(UInt64(4000 + round)))
        let wanted = maker.tenant()
        let (live, bin) = maker.damaged(wanted)
        let plan = try plan(from: live, bin, to: wanted)
        var model = TenantModel(live, bin)
        for step in plan.steps { model.apply(step) }
        #expect(model.errors == [], "seed \(SeededNumbers.seed)")
        let excused = Set((plan.conflicts.map(\.id) + plan.todos.filter { $0.code != "newAppId" }.map(\.id)))
        for id in Set(model.objects.keys).union(wanted.keys).sorted() where !excused.contains(id) {
            let difference = ObjectDiff.between(model.objects[id], wanted[id])
            #expect(difference == nil, "\(id), seed \(SeededNumbers.seed)")
        }
        let numbers = plan.steps.map(\.number)
        #expect(numbers == Array(1...max(1, plan.steps.count)).prefix(plan.steps.count).map(\.self))
        #expect(zip(plan.steps, plan.steps.dropFirst()).allSatisfy { $0.wave <= $1.wave && $1.wave <= $0.wave + 1 })
    }

    @Test(arguments: 1...20) func `A plan for what was just restored has no step`(_ round: Int) throws {
        var maker = TenantMaker(SeededNumbers.run(UInt64(5000 + round)))
        let wanted = maker.tenant()
        let (live, bin) = maker.damaged(wanted)
        var model = TenantModel(live, bin)
        for step in try plan(from: live, bin, to: wanted).steps { model.apply(step) }
        let again = try plan(from: model.objects, model.bin, to: wanted)
        #expect(again.steps.isEmpty, "seed \(SeededNumbers.seed)")
    }

    @Test func `The order of the input does not matter`() throws {
        var maker = TenantMaker(SeededNumbers.run(6000))
        let wanted = maker.tenant()
        let (live, bin) = maker.damaged(wanted)
        let one = try plan(from: live, bin, to: wanted)
        let other = try plan(from: live, bin, to: wanted) { $0.shuffled(using: &maker.random) }
        #expect(one.steps == other.steps && one.conflicts == other.conflicts && one.todos == other.todos)
    }

    private func plan(
        from live: [String: ObjectDocument], _ bin: [String: ObjectDocument], to wanted: [String: ObjectDocument],
        _ order: ([RestorePlanner.Subject]) -> [RestorePlanner.Subject] = { $0 }
    ) throws -> RestorePlan {
        let tenant = try #require(TenantID(RestoreTable.other(999)))
        let types = live.mapValues(\.type)
        let options = RestoreOptions(attributesMode: .overwrite, linksMode: .rollback, newObjects: .delete)
        let names = live.values.filter { $0.type == "user" }.compactMap { user in
            user.attributes["userPrincipalName"]?.string.map { ($0.lowercased(), user.id) }
        }
        let facts = RestoreFacts(
            typeOf: { types[$0] }, recycleBin: bin,
            userPrincipalNames: Dictionary(names, uniquingKeysWith: { first, _ in first }))
        let ids = Set(live.keys).union(wanted.keys).sorted()
        let subjects = ids.compactMap { id -> RestorePlanner.Subject? in
            guard let type = (wanted[id] ?? live[id])?.type else { return nil }
            return RestorePlanner.Subject(type: type, wanted: wanted[id], live: live[id])
        }
        return RestorePlanner(facts: facts, options: options).plan(
            order(subjects), tenant: tenant, source: tenant, snapshot: 1, liveSnapshot: 2, id: tenant.uuid)
    }
}

/// A tenant that does what steps say, and notes steps that come too early. Objects keep their ids.
struct TenantModel {
    var objects: [String: ObjectDocument]
    var bin: [String: ObjectDocument]
    var errors: [String] = []
    private var waves: [String: Int] = [:]

    init(_ objects: [String: ObjectDocument], _ bin: [String: ObjectDocument]) {
        self.objects = objects
        self.bin = bin
    }

    mutating func apply(_ step: RestoreStep) {
        switch step.action {
        case .undelete: put(bin.removeValue(forKey: step.id), step)
        case .create: put(step.document, step)
        case .delete:
            if objects.removeValue(forKey: step.id) == nil { errors.append("delete of nothing: \(step.id)") }
        case .update, .link, .children: change(step)
        }
    }

    private mutating func put(_ document: ObjectDocument?, _ step: RestoreStep) {
        guard var document, objects[step.id] == nil else {
            errors.append("\(step.action) of \(step.id)")
            return
        }
        for name in document.links.keys { document.setLinks(name, []) }
        for name in ["principalId", "resourceId"] {
            if let id = document.attributes[name]?.string { need(id, step) }
        }
        for id in document.attributes["conditions"]?["users"]?["includeGroups"]?.array ?? [] {
            need(id.string ?? "", step)
        }
        objects[step.id] = document
        waves[step.id] = step.wave
    }

    private mutating func need(_ id: String, _ step: RestoreStep) {
        if objects[id] == nil || waves[id, default: 0] >= step.wave {
            errors.append("\(step.action) \(step.type) \(step.id) needs \(id)")
        }
    }

    private mutating func change(_ step: RestoreStep) {
        guard let document = objects[step.id], waves[step.id, default: 0] < step.wave else {
            errors.append("\(step.action) of \(step.id), which is not there")
            return
        }
        for links in step.links { for id in links.added { need(id, step) } }
        let change = ObjectChange(
            type: step.type, id: step.id, displayName: "", kind: .updated, attributes: step.attributes,
            links: step.links, children: step.children)
        objects[step.id] = ObjectDiff.applying(change, to: document)
    }
}

/// Random tenants, and what becomes of them.
struct TenantMaker {
    var random: SeededNumbers
    private var count = 0

    init(_ random: SeededNumbers) {
        self.random = random
    }

    private mutating func id() -> String {
        count += 1
        return RestoreTable.other(count)
    }

    private mutating func some(_ ids: [String]) -> [String] {
        ids.filter { _ in Int.random(in: 0..<3, using: &random) == 0 }
    }

    mutating func tenant() -> [String: ObjectDocument] {
        var all: [ObjectDocument] = []
        func ids(_ type: String) -> [String] { all.filter { $0.type == type }.map(\.id) }
        for _ in 0..<12 { all.append(user(ids("user"))) }
        for _ in 0..<6 { all.append(group(ids("user") + ids("group"))) }
        for _ in 0..<3 { all.append(unit(ids("user"))) }
        for _ in 0..<4 { all += application(ids("user")) }
        for _ in 0..<8 { all += [assignment(ids("user") + ids("group"), ids("servicePrincipal"))].compactMap(\.self) }
        for _ in 0..<4 { all.append(policy(ids("group"))) }
        return Dictionary(all.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    private mutating func text() -> JSONValue { .string("t\(Int.random(in: 0..<1000, using: &random))") }

    private mutating func user(_ others: [String]) -> ObjectDocument {
        let id = id()
        var user = ObjectDocument(
            type: "user", id: id,
            attributes: [
                "displayName": text(), "userPrincipalName": .string("u\(count)@x.example"), "accountEnabled": true,
                "jobTitle": text(), "department": Bool.random(using: &random) ? text() : .null,
            ])
        if let manager = others.randomElement(using: &random) { user.setLinks("manager", [manager]) }
        user.setLinks("sponsors", some(others))
        return user
    }

    private mutating func group(_ members: [String]) -> ObjectDocument {
        ObjectDocument(
            type: "group", id: id(),
            attributes: [
                "displayName": text(), "mailEnabled": false, "securityEnabled": true, "groupTypes": [],
                "description": text(),
            ], links: ["members": some(members), "owners": some(members)],
            children: ["settings": [["templateId": "t", "values": [["name": "n", "value": text()]]]]])
    }

    private mutating func unit(_ members: [String]) -> ObjectDocument {
        ObjectDocument(
            type: "administrativeUnit", id: id(), attributes: ["displayName": text(), "description": text()],
            links: ["members": some(members)])
    }

    private mutating func application(_ users: [String]) -> [ObjectDocument] {
        let appID = RestoreTable.other(5000 + count)
        let application = ObjectDocument(
            type: "application", id: id(),
            attributes: [
                "displayName": text(), "appId": .string(appID), "notes": text(),
                "identifierUris": [.string("api://" + appID)], "signInAudience": "AzureADMyOrg",
            ], links: ["owners": some(users)],
            children: ["federatedIdentityCredentials": [["name": text(), "subject": text()]]])
        let principal = ObjectDocument(
            type: "servicePrincipal", id: id(),
            attributes: ["displayName": text(), "appId": .string(appID), "accountEnabled": true],
            links: ["owners": some(users)])
        return [application, principal]
    }

    private mutating func assignment(_ principals: [String], _ resources: [String]) -> ObjectDocument? {
        guard let principal = principals.randomElement(using: &random),
            let resource = resources.randomElement(using: &random)
        else { return nil }
        return ObjectDocument(
            type: "appRoleAssignment", id: id(),
            attributes: [
                "principalId": .string(principal), "resourceId": .string(resource),
                "appRoleId": "00000000-0000-0000-0000-000000000000",
            ])
    }

    private mutating func policy(_ groups: [String]) -> ObjectDocument {
        ObjectDocument(
            type: "conditionalAccessPolicy", id: id(),
            attributes: [
                "displayName": text(), "state": Bool.random(using: &random) ? "enabled" : "disabled",
                "conditions": ["users": ["includeGroups": .array(some(groups).map(JSONValue.string))]],
            ])
    }

    /// Deletes (softly or for good), changes and adds objects; links to what is gone go too.
    mutating func damaged(
        _ tenant: [String: ObjectDocument]
    ) -> (live: [String: ObjectDocument], bin: [String: ObjectDocument]) {
        var (live, bin): ([String: ObjectDocument], [String: ObjectDocument]) = (tenant, [:])
        for id in tenant.keys.sorted() {
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                guard var document = live.removeValue(forKey: id) else { continue }
                let hasBin = ["user", "group", "application", "servicePrincipal", "administrativeUnit"]
                if hasBin.contains(document.type), Bool.random(using: &random) {
                    for name in document.links.keys { document.setLinks(name, []) }
                    bin[id] = document
                }
            case 1: live[id]?.attributes["displayName"] = text()
            case 2:
                guard var document = live[id] else { continue }
                for (name, ids) in document.links.sorted(by: { $0.key < $1.key }) { document.setLinks(name, some(ids)) }
                live[id] = document
            default: break
            }
        }
        for _ in 0..<4 {
            let new = Bool.random(using: &random) ? user([]) : group([])
            live[new.id] = new
        }
        let present = Set(live.keys)
        for (id, document) in live {
            var document = document
            for (name, ids) in document.links { document.setLinks(name, ids.filter(present.contains)) }
            live[id] = document
        }
        return (live, bin)
    }
}
