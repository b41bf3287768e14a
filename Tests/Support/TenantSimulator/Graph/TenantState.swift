import NIOCore

/// Who sends a request, from its token.
struct Caller {
    var applicationID: String
    var granted: Set<String>
}

/// One tenant with everything that decides how it answers.
struct TenantState {
    var world: World
    var settings: TenantSettings
    var clients: [ClientApplication]
    var throttle = Throttle()
    var faults = FaultRules()
    var statistics = Statistics()
    /// Delta tokens of an earlier generation are expired.
    var deltaGeneration = 0
    /// How often a new object still answers 404 to a read by its id.
    var misses: [World.Ref: Int] = [:]
    /// Numbers requests, for their ids.
    var requests: UInt64 = 0
    /// The folders of exported policies that were taken in.
    var policyLoads: [PolicyLoadReport] = []
    /// Draws for shuffles and new ids, apart from the generator's.
    var random: SeededRandom

    init(world: World, settings: TenantSettings, clients: [ClientApplication]) {
        self.world = world
        self.settings = settings
        self.clients = clients
        random = SeededRandom(seed: world.seed, purpose: "answers")
    }

    /// Answers one request that is not a batch.
    mutating func answer(_ request: GraphRequest, _ caller: Caller) -> GraphResponse {
        requests += 1
        let requestID = SeededRandom.guid(SeededRandom.mix(requests), world.seed)
        var answer: GraphResponse
        do throws(GraphFailure) {
            let route = try Route.find(request.path)
            statistics.note(request, route)
            let units = Throttle.cost(of: request, route)
            try throttle.admit(request, route, units, caller, self.settings, users: world.count(.user))
            answer = try respond(request, route, caller)
            answer.units = units
            answer.headers += throttle.headers(units, caller, settings, users: world.count(.user))
            statistics.units += units
        } catch {
            answer = error.response(
                requestID: requestID, clientRequestID: request.headers["client-request-id"],
                time: String(Timestamp.text(world.now).dropLast()))
        }
        answer.headers.append(("request-id", requestID))
        if let client = request.headers["client-request-id"] { answer.headers.append(("client-request-id", client)) }
        statistics.noteAnswer(answer)
        return answer
    }

    private mutating func respond(
        _ request: GraphRequest, _ route: Route, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        try checkService(route, request)
        guard request.method == "GET" else { return try write(request, route, caller) }
        switch route {
        case .collection(let spec): return try list(spec, request, caller)
        case .count(let spec): return try count(spec, request, caller)
        case .delta(let spec): return try delta(spec, request, caller)
        case .object(let spec, let id): return try single(spec, id, request, caller)
        case .navigation(let spec, let id, let navigation, let rest):
            return try navigate(spec, id, navigation, rest, request, caller)
        case .action(let spec, let id, let name): return try read(spec, id, function: name, request, caller)
        case .directoryObject(let id, let rest): return try directoryObject(id, rest, request, caller)
        case .mixedDelta: return try mixedDelta(request, caller)
        case .deletedItems(let spec): return try deletedItems(spec, request, caller)
        case .deletedItem(let id, _): return try deletedItem(id, request, caller)
        case .deletedPolicies(let spec, let id, _): return try deletedPolicies(spec, id, request, caller)
        case .getByIds, .batch, .scheduleRequests, .invitations:
            throw GraphFailure(
                status: 405, code: "Request_BadRequest", message: "Specified HTTP method is not allowed.")
        }
    }

    /// Services that the tenant does not have answer in their own ways.
    private func checkService(_ route: Route, _ request: GraphRequest) throws(GraphFailure) {
        guard let spec = route.type?.spec else { return }
        if spec.flags.contains(.betaOnly), request.version != .beta {
            throw .unknownSegment(request.path.dropFirst().first ?? request.path[0])
        }
        if spec.throttle == .intune, settings.missing.contains(.intune) {
            throw .badRequest("Request not applicable to target tenant.", code: "BadRequest")
        }
        let needsP2: [SimulatedType] = [
            .unifiedRoleEligibilitySchedule, .unifiedRoleAssignmentSchedule, .unifiedRoleManagementPolicy,
            .unifiedRoleManagementPolicyAssignment,
        ]
        if settings.missing.contains(.p2), needsP2.contains(spec.type) {
            throw GraphFailure(
                status: spec.type == .unifiedRoleEligibilitySchedule ? 403 : 400, code: "AadPremiumLicenseRequired",
                message: "The tenant needs to have Microsoft Entra ID P2 or Microsoft Entra ID Governance license.")
        }
        let needsP1: [SimulatedType] = [
            .conditionalAccessPolicy, .namedLocation, .authenticationStrengthPolicy,
            .authenticationContextClassReference,
        ]
        if settings.missing.contains(.p1), needsP1.contains(spec.type) {
            throw GraphFailure(
                status: 403, code: "AccessDenied", message: "Your tenant is not licensed for this feature.")
        }
    }

    /// 403 unless one of `permissions` is granted.
    func require(_ permissions: [String], _ caller: Caller) throws(GraphFailure) {
        guard permissions.contains(where: caller.granted.contains) else { throw .denied }
    }

    /// Finds a present object.
    func find(_ spec: TypeSpec, _ id: String) throws(GraphFailure) -> World.Ref {
        if spec.flags.contains(.singleton) {
            guard let ref = world.presentRefs(spec.type).first else { throw .notFound(spec.contextName) }
            return ref
        }
        let ref =
            world.ref(spec.type, id) ?? (spec.type == .user ? byPrincipalName(id) : nil)
        guard let ref, world.isPresent(ref) else { throw .notFound(id) }
        return ref
    }

    private func byPrincipalName(_ name: String) -> World.Ref? {
        guard name.contains("@") else { return nil }
        return world.presentRefs(.user).first { world.text($0, "userPrincipalName") == name }
    }
}
