public import struct Foundation.UUID

/// Computes what a restore has to write, and in which order. Pure: the same input gives the same plan.
///
/// Order (waves): undelete; create and change, by the catalogue's order; complete what was created; attributes that
/// need new attribute definitions; links; sub-collections and licences; then roles and policies likewise, so that nobody
/// is judged by a policy before the groups that it names have their members; deletes last, in reverse order.
public struct RestorePlanner: Sendable {
    /// One object: as it is to be, and as it is. Equal documents give no step unless they refer to something that gets a
    /// new id; pass the types of ``refersByValue`` whole to have such references mended.
    public struct Subject: Sendable {
        /// The catalogue's name of the type.
        public var type: String
        /// As of the snapshot; nil, or deleted, when it was not there.
        public var wanted: ObjectDocument?
        /// As it is now; nil, or deleted, when it is not there.
        public var live: ObjectDocument?
        /// In scope whatever the options say, because something in scope refers to it.
        public var isReferred: Bool

        /// A deleted document is as good as nil on either side.
        public init(type: String, wanted: ObjectDocument?, live: ObjectDocument?, isReferred: Bool = false) {
            self.type = type
            self.wanted = wanted
            self.live = live
            self.isReferred = isReferred
        }
    }

    /// Types whose attributes or sub-collections name other objects by id.
    public static let refersByValue: Set<String> = [
        "adminConsentRequestPolicy", "application", "assignmentFilter", "authenticationMethodsPolicy",
        "compliancePolicy", "conditionalAccessPolicy", "configurationPolicy", "deviceCompliancePolicy",
        "deviceConfiguration", "group",
    ]

    let catalogue: Catalogue
    let facts: RestoreFacts
    let options: RestoreOptions
    /// The ids in scope, lower case.
    let ids: Set<String>?
    /// Objects of one tenant go into another.
    let crosses: Bool
    /// The tenant whose objects are restored, in lower case.
    let source: String?

    /// Serves any number of plans; whether one goes into another tenant is told with it.
    public init(facts: RestoreFacts, options: RestoreOptions, catalogue: Catalogue = .current) {
        self.init(facts: facts, options: options, catalogue: catalogue, crosses: false)
    }

    init(facts: RestoreFacts, options: RestoreOptions, catalogue: Catalogue, crosses: Bool, source: TenantID? = nil) {
        self.source = source?.description.lowercased()
        self.facts = facts
        self.options = options
        self.catalogue = catalogue
        self.crosses = crosses
        ids = options.ids.map { Set($0.map { $0.idKey }) }
    }

    /// The plan. `subjects`: everything that differs, in any order, out of scope too: objects that name a restored one
    /// get that link back.
    public func plan(
        _ subjects: [Subject], tenant: TenantID, source: TenantID, snapshot: SnapshotNumber?,
        liveSnapshot: SnapshotNumber, id: UUID = UUID(), undoes: JobID? = nil
    ) -> RestorePlan {
        var facts = facts
        // What is there already, under another id, is what the source's objects refer to.
        let matches = tenant == source ? [] : matches(subjects)
        facts.map.add(matches: matches)
        let planner = RestorePlanner(
            facts: facts, options: options, catalogue: catalogue, crosses: tenant != source, source: source)
        var draft = RestoreDraft(free: facts.freeLicences)
        planner.fill(&draft, subjects)
        var plan = RestorePlan(
            id: id, tenant: tenant, source: source, snapshot: snapshot, liveSnapshot: liveSnapshot, options: options,
            steps: draft.ordered(), conflicts: draft.conflicts, todos: draft.todos, matches: matches, undoes: undoes)
        if let access = facts.access {
            plan.conflicts += LockOutCheck.conflicts(
                plan.steps, plan.todos, access, map: facts.map, breakGlass: options.breakGlass)
        }
        return plan
    }

    private func fill(_ draft: inout RestoreDraft, _ subjects: [Subject]) {
        let items = items(subjects)
        reportUnread(items, &draft)
        let readable = items.filter { isReadable($0.type.name, wanted: true) }
        var scope = readable.filter { isInScope($0) }
        let memberships = assignments(of: scope, among: readable)
        if !memberships.isEmpty { scope = (scope + memberships).sorted(by: Item.precedes) }
        draft.passing = Set(readable.compactMap { passing($0.wanted) })
        draft.passingLive = Set(readable.compactMap { passing($0.live) })
        settle(scope, &draft)
        if ids != nil {
            let known = Set(memberships.map(\.id))
            let dependents = readable.filter { item in
                let isTaken = item.type.name == "unifiedRoleAssignment" && known.contains(item.id)
                return !isTaken && !isInScope(item) && belongs(item, draft)
            }.map { item in
                var item = item
                item.isPartial = item.live != nil
                return item
            }
            settle(dependents, &draft)
            scope = (scope + dependents).sorted(by: Item.precedes)
        }
        noteExtensions(scope, &draft)
        for item in scope where item.type.name == "unifiedRoleAssignment" {
            guard draft.coming[item.id.idKey] == item.type.name, let wanted = item.wanted else { continue }
            draft.assigned.insert(Self.assignment(wanted))
        }
        for item in scope {
            switch (item.wanted, item.live) {
            case (let wanted?, nil): bringBack(item, wanted, &draft)
            case (let wanted?, let live?): change(item, wanted, live, &draft)
            case (nil, let live?): remove(item, live, &draft)
            case (nil, nil): break
            }
        }
        undeletePrincipals(scope, &draft)
    }

    private func isReadable(_ type: String, wanted: Bool) -> Bool {
        facts.unreadInSource[type] == nil && facts.unreadLive[type] == nil
    }

    private func reportUnread(_ items: [Item], _ draft: inout RestoreDraft) {
        let present = Set(items.map(\.type.name))
        for type in catalogue.types where type.restore.isRestorable {
            guard options.types?.contains(type.name) ?? (ids == nil || present.contains(type.name)) else { continue }
            if let reason = facts.unreadInSource[type.name] {
                draft.conflict(
                    "notRead", type.name, "",
                    "the snapshot does not hold this type (\(reason)): nothing of it is restored",
                    "restore it from a snapshot in which `snapshot show` calls it complete")
            } else if let reason = facts.unreadLive[type.name] {
                draft.conflict(
                    "notRead", type.name, "", "this type cannot be read now (\(reason)): nothing of it is restored",
                    "grant the permission that `object types` names, then plan again")
            }
        }
    }
}

/// A plan in the making.
struct RestoreDraft {
    var steps: [RestoreStep] = []
    var conflicts: [RestoreConflict] = []
    var todos: [RestoreTodo] = []
    /// What is not there yet and will be: lower-case id to type.
    var coming: [String: String] = [:]
    /// Ids, and application ids, that will become others.
    var renewed: Set<String> = []
    /// Objects that are not brought back: a conflict or a to-do says why.
    var blocked: Set<String> = []
    /// The application ids of those among them.
    var blockedApplications: Set<String> = []
    /// Application ids of applications and service principals that come back.
    var comingApplications: Set<String> = []
    /// Role assignments that end by themselves, or were activated for a time, as ``RestorePlanner/passing(_:)`` names
    /// them: they are not made again as lasting ones.
    var passing: Set<String> = []
    /// The like that are there now.
    var passingLive: Set<String> = []
    /// Directory extensions, lower case, that are not defined now and will be: values have to wait for that.
    var comingExtensions: Set<String> = []
    /// Those that are defined now and will not be: the snapshot could not tell their values, which go with them.
    var goingExtensions: Set<String> = []
    /// Role assignments that come back.
    var assigned: Set<String> = []
    var free: [String: Int]
    private var said: Set<String> = []

    init(free: [String: Int]) {
        self.free = free
    }

    mutating func conflict(_ code: String, _ type: String, _ id: String, _ message: String, _ hint: String) {
        conflicts.append(RestoreConflict(code: code, type: type, id: id, message: message, hint: hint))
    }

    mutating func todo(_ code: String, _ type: String, _ id: String, _ message: String) {
        todos.append(RestoreTodo(code: code, type: type, id: id, message: message))
    }

    /// Says once for a type what holds for all its objects.
    mutating func once(_ code: String, _ type: String, _ about: String, _ message: String, _ hint: String) {
        guard said.insert("\(code) \(type) \(about)").inserted else { return }
        conflict(code, type, "", message, hint)
    }

    /// The steps in their order, numbered, waves without gaps.
    func ordered() -> [RestoreStep] {
        var ordered = steps.enumerated().sorted { one, other in
            one.element.wave == other.element.wave ? one.offset < other.offset : one.element.wave < other.element.wave
        }.map(\.element)
        var (wave, last) = (0, -1)
        for index in ordered.indices {
            if ordered[index].wave != last { wave += 1 }
            last = ordered[index].wave
            ordered[index].wave = wave
            ordered[index].number = index + 1
        }
        return ordered
    }
}

/// When a step comes: the phase, and within it the catalogue's order of the type.
enum RestorePhase: Int {
    case undelete, object, completion, values, links, children
    case policyObject, policyCompletion, policyLinks, delete

    /// Roles and policies come after all that they judge.
    private static let firstPolicyOrder = 100

    /// The place among the waves, before gaps are closed.
    func wave(_ type: ObjectType, later: Bool = false) -> Int {
        let order = type.restore.order ?? 60
        var phase = self
        if order >= Self.firstPolicyOrder {
            switch self {
            case .object: phase = .policyObject
            case .completion, .values: phase = .policyCompletion
            case .links, .children: phase = .policyLinks
            default: break
            }
        }
        let place = phase == .delete ? 999 - order : order
        return phase.rawValue * 2000 + place * 2 + (later ? 1 : 0)
    }
}
