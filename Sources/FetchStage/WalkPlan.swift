import BackupModel

/// One way over a collection: a chain of pages.
enum WalkPass: Sendable {
    /// The objects themselves: a delta query or a listing. A type with casts has one for each cast.
    case main(listing: Int)
    /// A relationship's own listing (`$select=id&$expand=…`).
    case ownList(Relationship)
    /// A listing of ids whose objects are then read one by one.
    case perObject(Relationship)
}

/// The passes of a walk over a type, in order. A pure function of the catalogue, so that every worker that takes a
/// baton goes on with the same plan.
struct WalkPlan: Sendable {
    let type: ObjectType
    let passes: [WalkPass]
    /// Read with the objects of the main pass: there is no need to list them again.
    let withMain: [Relationship]

    init(_ type: ObjectType) {
        self.type = type
        let single = type.relationships(read: .perObject)
        // A delta round names only what changed, but what hangs on an object changes without it: such a type is
        // listed by id for its single reads.
        withMain = type.delta ? [] : single.filter { $0.listFilter == nil }
        let apart = type.delta ? single : single.filter { $0.listFilter != nil }
        passes =
            type.listPaths.indices.map { WalkPass.main(listing: $0) }
            + type.relationships(read: .inline).filter(\.ownList).map { WalkPass.ownList($0) }
            + apart.map { WalkPass.perObject($0) }
    }

    /// The target that starts a pass.
    func target(_ pass: WalkPass, _ state: WalkTargets) -> String? {
        switch pass {
        case .main(let listing):
            if type.delta {
                return state.deltaLink ?? type.deltaTarget(granted: state.granted, extensions: state.extensions)
            }
            let targets = type.listTargets(granted: state.granted, since: state.since, extensions: state.extensions)
            return targets.indices.contains(listing) ? targets[listing] : nil
        case .ownList(let relationship):
            return type.ownListTarget(relationship)
        case .perObject(let relationship):
            return type.candidatesTarget(relationship) ?? type.idListTarget
        }
    }

    /// Resource units that a page of the pass is expected to cost; see
    /// <https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits>.
    func units(_ pass: WalkPass) -> Int {
        let expensive: Set<String> = ["user", "application", "oauth2PermissionGrant"]
        let base = type.name == "subscribedSku" ? 3 : (expensive.contains(type.name) ? 2 : 1)
        switch pass {
        case .main: return type.expand == nil && type.nested == nil ? base : base + 1
        case .ownList: return base + 1
        case .perObject: return base
        }
    }
}

/// What the targets of a walk depend on.
struct WalkTargets: Sendable {
    var granted: Set<String>
    var deltaLink: String?
    var since: String?
    var extensions: [String]
}

extension ObjectType {
    /// Lists the ids of all objects.
    fileprivate var idListTarget: String? {
        guard let path = listPaths.first else { return nil }
        let top = pageSize.map { "&$top=\($0)" } ?? ""
        return "\(path)?$select=\(idAttribute)\(top)"
    }
}
