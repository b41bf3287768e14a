import NIOCore

/// The recycle bins, and directory objects of any type.
extension TenantState {
    mutating func deletedItems(
        _ spec: TypeSpec?, _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        guard let spec, spec.flags.contains(.softDelete), spec.flags.contains(.directoryObject) else {
            throw .badRequest("A cast to a type that can be restored is required.")
        }
        try require(spec.permissions, caller)
        let refs = world.refs(spec.type).filter { world.objects[Int($0)].state == .softDeleted }
        let size = try pageSize(spec, request)
        var start = 0
        if let token = request.query["skiptoken"] {
            guard let cursor = Cursor(token), cursor.fields.first == "d", let after = cursor.integer(1) else {
                throw .badRequest("The $skiptoken is not valid.")
            }
            start = LinkTable.position(of: UInt32(after) + 1, in: refs)
        }
        let page = refs[start...].prefix(size)
        let next = page.endIndex < refs.endIndex ? page.last.map { nextLink(request, Cursor(["d", String($0)])) } : nil
        return try binPage(spec, Array(page), next, request, caller)
    }

    private func binPage(
        _ spec: TypeSpec, _ page: [World.Ref], _ next: String?, _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        var body = ByteBuffer()
        openCollection(&body, spec.contextName, request, next: next)
        var projections = ProjectionCache(granted: caller.granted)
        for ref in page {
            try writeObject(
                ref, select: request.select, audience: .list, [], caller, &projections, request, into: &body)
            body.writeInteger(UInt8(ascii: ","))
        }
        body.closeArray()
        body.writeInteger(UInt8(ascii: "}"))
        return GraphResponse(status: 200, body: body)
    }

    /// An object in the recycle bin.
    func binned(_ id: String) throws(GraphFailure) -> World.Ref {
        guard let ref = world.directoryObject(id), world.objects[Int(ref)].state == .softDeleted else {
            throw .notFound(id)
        }
        return ref
    }

    func deletedItem(_ id: String, _ request: GraphRequest, _ caller: Caller) throws(GraphFailure) -> GraphResponse {
        let ref = try binned(id)
        try require(world.type(ref).spec.permissions, caller)
        return try entity(ref, request, caller)
    }

    mutating func deletedPolicies(
        _ spec: TypeSpec, _ id: String?, _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        try require(spec.permissions, caller)
        let refs = world.refs(spec.type).filter { world.objects[Int($0)].state == .softDeleted }
        guard let id else { return try binPage(spec, refs, nil, request, caller) }
        guard let ref = refs.first(where: { world.id($0) == id }) else { throw .notFound(id) }
        return try entity(ref, request, caller)
    }

    mutating func directoryObject(
        _ id: String, _ rest: [String], _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        guard let ref = world.directoryObject(id), world.isPresent(ref) else { throw .notFound(id) }
        try require(world.type(ref).spec.permissions, caller)
        guard rest.isEmpty else { throw .unknownSegment(rest[0]) }
        return try entity(ref, request, caller)
    }

    /// `POST /directoryObjects/getByIds`: unknown ids are left out.
    func getByIds(_ request: GraphRequest, _ caller: Caller) throws(GraphFailure) -> GraphResponse {
        guard let value = try? SimulatedJSON.parse(request.body), let ids = value["ids"]?.items, ids.count <= 1_000
        else {
            throw .badRequest("The ids are missing or more than 1000.")
        }
        try require(["Directory.Read.All", "Directory.ReadWrite.All", "User.Read.All", "Group.Read.All"], caller)
        let types = value["types"]?.items?.compactMap {
            $0.text.flatMap { TypeSpec.byODataName[$0.lowercased()]?.type }
        }
        var body = ByteBuffer()
        openCollection(&body, "directoryObjects", request)
        var projections = ProjectionCache(granted: caller.granted)
        for id in ids.compactMap(\.text) {
            guard let ref = world.directoryObject(id), world.isPresent(ref) else { continue }
            if let types, !types.contains(world.type(ref)) { continue }
            try writeRelated(ref, request.select, caller, &projections, request, purpose: "", into: &body)
            body.writeInteger(UInt8(ascii: ","))
        }
        body.closeArray()
        body.writeInteger(UInt8(ascii: "}"))
        return GraphResponse(status: 200, body: body)
    }

    /// Functions of single objects.
    mutating func read(
        _ spec: TypeSpec, _ id: String, function: String, _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        try require(spec.permissions, caller)
        let ref = try find(spec, id)
        guard spec.type == .deviceConfiguration, function.lowercased().hasPrefix("getomasettingplaintextvalue") else {
            throw .unknownSegment(function)
        }
        let settings = world.value(ref, "omaSettings")?.items ?? []
        guard
            let setting = settings.first(where: {
                guard let secret = $0["secretReferenceValueId"]?.text else { return false }
                return function.contains(secret)
            })
        else { throw .notFound(function) }
        let text = "plain text of \(setting["displayName"]?.text ?? "")"
        return .json(200, .object([("value", .string(text))]))
    }
}
