import NIOCore

/// Writes: who may do what, and to which handler it goes.
extension TenantState {
    mutating func write(
        _ request: GraphRequest, _ route: Route, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        switch (request.method, route) {
        case ("POST", .getByIds): return try getByIds(request, caller)
        case ("POST", .collection(let spec)):
            try requireWrite(spec, caller)
            return try create(spec, try body(request), request, caller)
        case ("PATCH", .object(let spec, let id)), ("PUT", .object(let spec, let id)):
            try requireWrite(spec, caller)
            return try update(spec, id, try body(request), request, caller)
        case ("PATCH", .navigation(let spec, let id, let navigation, let rest)),
            ("PUT", .navigation(let spec, let id, let navigation, let rest)),
            ("POST", .navigation(let spec, let id, let navigation, let rest)),
            ("DELETE", .navigation(let spec, let id, let navigation, let rest)):
            return try writeNavigation(spec, id, navigation, rest, request, caller)
        case ("DELETE", .object(let spec, let id)):
            try requireWrite(spec, caller)
            return try delete(spec, id, caller)
        case ("POST", .action(let spec, let id, let name)):
            return try act(spec, id, name, try body(request, canBeEmpty: true), caller)
        case ("POST", .deletedItem(let id, "restore")):
            let ref = try binned(id)
            try requireWrite(world.type(ref).spec, caller)
            return try restoreDeleted(ref, request, caller)
        case ("DELETE", .deletedItem(let id, nil)):
            let ref = try binned(id)
            try requireWrite(world.type(ref).spec, caller)
            guard world.type(ref) != .administrativeUnit else {
                throw .badRequest("An administrative unit cannot be deleted permanently.")
            }
            world.purge(ref)
            return .noContent
        case ("POST", .deletedPolicies(let spec, let id?, "restore")):
            try requireWrite(spec, caller)
            guard let ref = world.ref(spec.type, id), world.objects[Int(ref)].state == .softDeleted else {
                throw .notFound(id)
            }
            world.restore(ref)
            return try entity(ref, request, caller)
        case ("POST", .scheduleRequests(let type)): return try requestSchedule(type, try body(request), caller)
        case ("POST", .invitations): return try invite(try body(request), request, caller)
        default:
            throw GraphFailure(
                status: 405, code: "Request_BadRequest",
                message: "Specified HTTP method is not allowed for the request target.")
        }
    }

    /// The request's JSON object.
    func body(_ request: GraphRequest, canBeEmpty: Bool = false) throws(GraphFailure) -> SimulatedJSON {
        if canBeEmpty, request.body.isEmpty { return .object([]) }
        guard let value = try? SimulatedJSON.parse(request.body), value.members != nil else {
            throw .badRequest(
                """
                Unable to read JSON request payload. Please ensure Content-Type header is set \
                and payload is of valid JSON format.
                """,
                code: "BadRequest")
        }
        return value
    }

    /// 403 unless the caller may write objects of the type.
    func requireWrite(_ spec: TypeSpec, _ caller: Caller) throws(GraphFailure) {
        var permissions = [spec.writePermission].compactMap { $0 }
        if spec.flags.contains(.directoryObject), spec.type != .device { permissions.append("Directory.ReadWrite.All") }
        if spec.type == .authenticationStrengthPolicy { permissions.append("Policy.ReadWrite.AuthenticationMethod") }
        if spec.type == .groupSetting { permissions.append("Group.ReadWrite.All") }
        try require(permissions, caller)
        if spec.type == .conditionalAccessPolicy || spec.type == .namedLocation {
            try require(["Policy.Read.All"], caller)
        }
        if spec.type == .conditionalAccessPolicy {
            try require(["Application.Read.All", "Application.ReadWrite.All"], caller)
        }
    }

    /// Deletes an object, to the recycle bin where the type has one.
    private mutating func delete(_ spec: TypeSpec, _ id: String, _ caller: Caller) throws(GraphFailure) -> GraphResponse
    {
        let ref = try find(spec, id)
        try WriteRules.checkDelete(ref, world)
        audit("Delete \(spec.type.rawValue)", ref, caller)
        switch spec.type {
        case .unifiedRoleAssignment: world.removeRoleAssignment(ref)
        // Distribution groups do not go through the recycle bin.
        case .group where world.isDistributionGroup(ref): world.purge(ref)
        // Its service principal goes with an application, and does not come back with it.
        case .application:
            let appID = world.text(ref, "appId")
            for principal in world.presentRefs(.servicePrincipal) where world.text(principal, "appId") == appID {
                world.softDelete(principal)
            }
            world.softDelete(ref)
        case _ where spec.flags.contains(.softDelete) && spec.type != .unifiedRoleDefinition: world.softDelete(ref)
        default: world.purge(ref)
        }
        return .noContent
    }

    private mutating func restoreDeleted(
        _ ref: World.Ref, _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        let options = try body(request, canBeEmpty: true)
        if world.type(ref) == .user,
            let name = options["newUserPrincipalName"]?.text ?? world.text(ref, "userPrincipalName")
        {
            try WriteRules.checkUnique(.user, "userPrincipalName", name, except: ref, world)
            world.restore(ref)
            world.update(ref, "userPrincipalName", name)
        } else {
            world.restore(ref)
        }
        audit("Restore \(world.type(ref).rawValue)", ref, caller)
        return try entity(ref, request, caller)
    }

    /// Notes a write in the directory's audit log.
    mutating func audit(_ activity: String, _ target: World.Ref, _ caller: Caller) {
        world.writeAudit(
            activity: activity, category: "DirectoryManagement", target: target, actor: nil,
            application: caller.applicationID, seconds: world.now, random: &random)
    }
}
