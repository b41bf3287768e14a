/// What a path of the service names.
enum Route {
    case collection(TypeSpec)
    case count(TypeSpec)
    case delta(TypeSpec)
    case object(TypeSpec, id: String)
    case navigation(TypeSpec, id: String, Navigation, rest: [String])
    case action(TypeSpec, id: String, name: String)
    case directoryObject(id: String, rest: [String])
    case getByIds
    case mixedDelta
    /// The recycle bin, or the objects of one type in it.
    case deletedItems(TypeSpec?)
    case deletedItem(id: String, action: String?)
    /// The recycle bin of conditional access.
    case deletedPolicies(TypeSpec, id: String?, action: String?)
    case scheduleRequests(SimulatedType)
    case batch
    case invitations

    static func find(_ path: [String]) throws(GraphFailure) -> Route {
        let lower = path.map { $0.lowercased() }
        if let special = special(path, lower) { return special }
        for length in stride(from: min(4, path.count), through: 1, by: -1) {
            guard let spec = TypeSpec.byPath[lower[..<length].joined(separator: "/")] else { continue }
            if spec.flags.contains(.singleton) {
                return try inside(spec, id: "", rest: Array(path.dropFirst(length)))
            }
            guard path.count > length else { return .collection(spec) }
            switch lower[length] {
            case "$count": return .count(spec)
            case "delta", "microsoft.graph.delta": return .delta(spec)
            default: return try inside(spec, id: path[length], rest: Array(path.dropFirst(length + 1)))
            }
        }
        throw .unknownSegment(path.first ?? "")
    }

    private static func inside(_ spec: TypeSpec, id: String, rest: [String]) throws(GraphFailure) -> Route {
        guard let first = rest.first else { return .object(spec, id: id) }
        if rest.count > 1, let navigation = Navigation.find("\(first)/\(rest[1])", of: spec.type) {
            return .navigation(spec, id: id, navigation, rest: Array(rest.dropFirst(2)))
        }
        if let navigation = Navigation.find(first, of: spec.type) {
            return .navigation(spec, id: id, navigation, rest: Array(rest.dropFirst()))
        }
        guard rest.count == 1 || first.lowercased() == "getomasettingplaintextvalue" else {
            throw .unknownSegment(first)
        }
        return .action(spec, id: id, name: rest.joined(separator: "/"))
    }

    private static func special(_ path: [String], _ lower: [String]) -> Route? {
        switch lower.first {
        case "$batch": return .batch
        case "invitations": return .invitations
        case "directoryobjects":
            guard lower.count > 1 else { return nil }
            switch lower[1] {
            case "getbyids", "microsoft.graph.getbyids": return .getByIds
            case "delta", "microsoft.graph.delta": return .mixedDelta
            default: return .directoryObject(id: path[1], rest: Array(path.dropFirst(2)))
            }
        case "directory" where lower.count > 1 && lower[1] == "deleteditems": return deleted(path, lower)
        case "identity" where lower.count > 3 && lower[2] == "deleteditems":
            let types: [String: SimulatedType] = [
                "policies": .conditionalAccessPolicy, "namedlocations": .namedLocation,
            ]
            guard let type = types[lower[3]] else { return nil }
            return .deletedPolicies(
                type.spec, id: path.count > 4 ? path[4] : nil, action: path.count > 5 ? lower[5] : nil)
        case "rolemanagement" where lower.count == 3:
            switch lower[2] {
            case "roleeligibilityschedulerequests": return .scheduleRequests(.unifiedRoleEligibilitySchedule)
            case "roleassignmentschedulerequests": return .scheduleRequests(.unifiedRoleAssignmentSchedule)
            default: return nil
            }
        case "devicelocalcredentials":
            let spec = SimulatedType.deviceLocalCredentialInfo.spec
            return path.count > 1 ? .object(spec, id: path[1]) : .collection(spec)
        default: return nil
        }
    }

    private static func deleted(_ path: [String], _ lower: [String]) -> Route {
        guard path.count > 2 else { return .deletedItems(nil) }
        if lower[2].hasPrefix("microsoft.graph.") {
            return .deletedItems(TypeSpec.byODataName[String(lower[2].dropFirst("microsoft.graph.".count))])
        }
        return .deletedItem(id: path[2], action: path.count > 3 ? lower[3] : nil)
    }

    /// The type that the request is about, for limits, faults and counters.
    var type: SimulatedType? {
        switch self {
        case .collection(let spec), .count(let spec), .delta(let spec), .object(let spec, _),
            .navigation(let spec, _, _, _), .action(let spec, _, _), .deletedPolicies(let spec, _, _):
            spec.type
        case .deletedItems(let spec): spec?.type
        case .scheduleRequests(let type): type
        default: nil
        }
    }
}
