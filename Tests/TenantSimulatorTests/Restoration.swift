import Synchronization
import Testing

@testable import BackupModel
@testable import TenantSimulator

/// A simulated tenant that is damaged and restored: planned, and carried out request by request.
struct Restoration {
    typealias State = [String: [String: ObjectDocument]]

    let tenant: SimulatedTenant
    private let client: TestClient
    private(set) var map = IDMap()
    /// Requests that were refused, and what did not read back as written.
    private(set) var failures: [String] = []
    private(set) var plan: RestorePlan?

    init(seed: UInt64) {
        var settings = TenantSettings()
        settings.quotas = false
        tenant = SimulatedTenant(seed: seed, size: TenantSize(users: 60), settings: settings)
        var client = TestClient(tenant)
        client.granted = tenant.clients[1].permissions
        self.client = client
    }

    /// All objects by type and id. What each restore leaves alone is left out: audit log, keys and secrets of devices.
    func state() throws -> State {
        var state: State = [:]
        for type in Catalogue.current.types
        where type.name != "deletedItem" && !RestorePlanner.changesByItself.contains(type.name) {
            state[type.name] = try documents(type.name)
        }
        return state
    }

    private func documents(_ type: String) throws -> [String: ObjectDocument] {
        var found: [String: ObjectDocument] = [:]
        for line in tenant.truthLines(type) {
            guard case .object(var text) = try JSONValue(parsing: line) else { continue }
            text["state"] = "present"
            let document = try #require(ObjectDocument(json: .object(text)))
            found[document.id] = document
        }
        return found
    }

    func change<Result>(_ work: (inout World) throws -> Result) rethrows -> Result {
        try tenant.state.withLock { try work(&$0.world) }
    }

    // MARK: Restoring

    /// Brings the tenant from `live` back to `wanted`.
    mutating func restore(_ wanted: State, from live: State, newObjects: RestoreOptions.NewObjects = .keep) throws {
        let plan = try planned(wanted, live, newObjects)
        self.plan = plan
        failures = []
        for step in plan.steps { try execute(step) }
    }

    private func planned(
        _ wanted: State, _ live: State, _ newObjects: RestoreOptions.NewObjects
    ) throws -> RestorePlan {
        var types: [String: String] = [:]
        for (type, documents) in live { for id in documents.keys { types[id.lowercased()] = type } }
        let bin = try documents("deletedItem").compactMapValues { RestoreFacts.binned($0) }
        let domains = (live["domain"] ?? [:]).values.filter { $0.attributes["isVerified"]?.bool == true }.map(\.id)
        let facts = RestoreFacts(
            typeOf: { [types] in types[$0] }, recycleBin: bin, verifiedDomains: Set(domains), map: map)
        let options = RestoreOptions(attributesMode: .overwrite, linksMode: .rollback, newObjects: newObjects)
        var subjects: [RestorePlanner.Subject] = []
        for type in Catalogue.current.types.map(\.name) {
            var (old, new) = (wanted[type] ?? [:], live[type] ?? [:])
            for id in Set(old.keys).union(new.keys.filter { id in !old.keys.contains { map[$0] == id } }).sorted() {
                let (one, other) = (old.removeValue(forKey: id), new.removeValue(forKey: map[id]))
                guard one != other || RestorePlanner.refersByValue.contains(type) else { continue }
                subjects.append(RestorePlanner.Subject(type: type, wanted: one, live: other))
            }
        }
        let id = try #require(TenantID(tenant.id))
        return RestorePlanner(facts: facts, options: options).plan(
            subjects, tenant: id, source: id, snapshot: 1, liveSnapshot: 2)
    }

    private mutating func execute(_ step: RestoreStep) throws {
        let type = try #require(Catalogue.current[step.type])
        let requests: [RestoreRequest]
        do {
            requests = try writes.requests(for: step, type)
        } catch {
            failures.append("\(step.action) \(step.type) \(step.id): \(error)")
            return
        }
        for request in requests {
            let request = request.naming(map[step.id])
            if send(request, step, type) { continue }
            if request.instead.isEmpty { return }
            for single in request.instead { _ = send(single, step, type) }
        }
        if step.action == .delete { return }
        guard var found = try documents(step.type)[map[step.id]] else {
            if type.restore.mode != .request { failures.append("\(step.action) \(step.type) \(step.id) is not there") }
            return
        }
        // Read at the other side, as the restorer does.
        for (name, keeper) in RestoreWrites.keepers where step.links.contains(where: { $0.name == name }) {
            RestoreWrites.addKept(name, by: try documents(keeper).values, to: &found)
        }
        for difference in try writes.differences(step, type, found: found) {
            failures.append("\(step.action) \(step.type)\(difference.path) reads back otherwise: \(difference)")
        }
    }

    private var writes: RestoreWrites { RestoreWrites(map: map, password: { "long enough 1" }) }

    /// False when it was refused.
    private mutating func send(
        _ request: RestoreRequest, _ step: RestoreStep, _ type: BackupModel.ObjectType
    ) -> Bool {
        let body = request.body?.canonicalText ?? ""
        let answer = client.send(
            request.method.rawValue, "/\(request.version.rawValue)\(request.target)", body: body,
            headers: request.headers)
        if (200..<300).contains(answer.status) {
            if request.creates, let value = try? JSONValue(parsing: answer.body.encoded) {
                for new in writes.newIDs(step, type, answer: value) { map.add(new.from, new.to) }
            }
            return true
        }
        let error = answer.body["error"]
        let (code, message) = (error?["code"]?.text ?? "", error?["message"]?.text ?? "")
        if request.wasDone(status: answer.status, code: code, message: message) { return true }
        if request.instead.isEmpty {
            failures.append(
                "\(step.action) \(step.type): \(request.method.rawValue) \(request.target): \(message) \(body)")
        }
        return false
    }

    // MARK: Damage

    /// Deletes an object the way a client does; for good: from the recycle bin too, with all that went there.
    /// - Returns: whether clients can do that.
    func delete(_ document: ObjectDocument, forGood: Bool) throws -> Bool {
        let type = try #require(Catalogue.current[document.type])
        let step = RestoreStep(
            number: 1, wave: 1, action: .delete, type: document.type, id: document.id, displayName: "",
            document: document, reason: "")
        guard let requests = try? RestoreWrites(map: IDMap(), password: { "" }).requests(for: step, type) else {
            return false
        }
        let binned = change(Self.binned)
        for request in requests {
            let target = "/\(request.version.rawValue)\(request.target)"
            let body = request.body?.canonicalText ?? ""
            guard client.send(request.method.rawValue, target, body: body).status < 300 else { return false }
        }
        if forGood { change { world in for ref in Self.binned(&world).subtracting(binned) { world.purge(ref) } } }
        return true
    }

    private static func binned(_ world: inout World) -> Set<World.Ref> {
        Set(world.objects.indices.filter { world.objects[$0].state == .softDeleted }.map { World.Ref($0) })
    }

    // MARK: Comparing

    /// Where a state is not the other, ids apart, as `type/attribute`.
    func differences(_ wanted: State, _ found: State) -> Set<String> {
        var differences: Set<String> = []
        for (type, documents) in wanted {
            for (id, document) in documents {
                guard let other = found[type]?[map[id]] else {
                    differences.insert("\(type) is missing")
                    continue
                }
                compare(document, other, type, &differences)
            }
            for id in (found[type] ?? [:]).keys where !documents.keys.contains(where: { map[$0] == id }) {
                differences.insert("\(type) is new")
            }
        }
        return differences
    }

    private func compare(
        _ wanted: ObjectDocument, _ found: ObjectDocument, _ type: String, _ differences: inout Set<String>
    ) {
        let rules = Catalogue.current[type]
        for name in Set(wanted.attributes.names).union(found.attributes.names) {
            // The services set these.
            if rules?.restore.readOnly.contains(name) == true || rules?.volatile.contains(name) == true { continue }
            if Self.given[type]?.contains(name) == true { continue }
            var one = map.rewriting(wanted.attributes[name] ?? .null)
            // A new schedule begins now.
            if name == "scheduleInfo" { one = ["expiration": one["expiration"] ?? .null] }
            let other = found.attributes[map.rewriting(name)] ?? found.attributes[name] ?? .null
            if !Self.covers(other, one) && !Self.covers(one, other) {
                differences.insert("\(type)/\(name)")
            }
        }
        for name in Set(wanted.links.keys).union(found.links.keys) {
            let targets = Set((wanted.links[name] ?? []).map { map[$0] })
            if targets != Set(found.links[name] ?? []) { differences.insert("\(type)/\(name)") }
        }
        for name in Set(wanted.children.keys).union(found.children.keys) {
            func bare(_ elements: [JSONValue]?) -> JSONValue {
                Self.bare(.array((elements ?? []).map { ContainedRule.all[name]?.body($0) ?? $0 }))
            }
            let (one, other) = (map.rewriting(bare(wanted.children[name])), bare(found.children[name]))
            if !Self.covers(other, one) { differences.insert("\(type)/\(name)") }
        }
    }

    /// What the catalogue says of the services is not believed here.
    private static func covers(_ found: JSONValue, _ wanted: JSONValue) -> Bool {
        Sameness(isOrdered: false).covers(found, wanted, nil)
    }

    /// Further attributes that the services set.
    private static let given: [String: Set<String>] = [
        "application": ["passwordCredentials", "keyCredentials"], "groupSetting": ["displayName"],
        "crossTenantAccessPolicyPartner": ["isInMultiTenantOrganization"],
        // Roles are copies of those of the application.
        "servicePrincipal": ["appRoles", "passwordCredentials", "keyCredentials"],
        "unifiedRoleAssignmentSchedule": ["createdDateTime", "createdUsing", "modifiedDateTime"],
        "unifiedRoleEligibilitySchedule": ["createdDateTime", "createdUsing", "modifiedDateTime"],
        "unifiedRoleManagementPolicy": [
            "description", "displayName", "isOrganizationDefault", "lastModifiedBy", "lastModifiedDateTime", "scopeId",
            "scopeType",
        ],
    ]

    /// Without the ids that elements are given.
    private static func bare(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let list): .array(list.map(bare))
        case .object(let object):
            .object(
                JSONObject(
                    object.filter {
                        !["id", "createdDateTime", "lastModifiedDateTime", "source", "sourceId"].contains($0.name)
                    }
                    .map { ($0.name, $0.value.array == nil ? $0.value : bare($0.value)) }))
        default: value
        }
    }
}
