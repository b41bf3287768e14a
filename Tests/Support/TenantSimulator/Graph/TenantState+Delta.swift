import NIOCore

extension TenantState {
    mutating func delta(
        _ spec: TypeSpec, _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        guard spec.flags.contains(.delta) else { throw .unknownSegment("delta") }
        try require(spec.permissions, caller)
        for option in ["top", "expand", "orderby"] where request.query.has(option) {
            throw .badRequest(
                "The query option '$\(option)' is not supported for a delta query.", code: "Request_UnsupportedQuery")
        }
        try checkSelect(spec, request, delta: true)
        var ids: [String]?
        if let text = request.query["filter"] {
            ids = try Filter.parse(text).ids
            guard let ids, ids.count <= 50 else {
                throw .badRequest("Only 50 ids can be filtered in a delta query.", code: "Request_UnsupportedQuery")
            }
        }
        return try continueDelta(
            DeltaQuery(types: [spec.type], select: request.select, ids: ids, generation: deltaGeneration), request,
            caller)
    }

    /// `/directoryObjects/delta` with `isof` filters.
    mutating func mixedDelta(_ request: GraphRequest, _ caller: Caller) throws(GraphFailure) -> GraphResponse {
        try require(["Directory.Read.All", "Directory.ReadWrite.All"], caller)
        var types: [SimulatedType] = SimulatedType.allCases.filter {
            $0.spec.flags.contains([.directoryObject, .delta])
        }
        if let text = request.query["filter"] {
            let filter = try Filter.parse(text)
            types = Self.types(filter)
            guard !types.isEmpty else { throw .badRequest("Invalid filter clause", code: "Request_UnsupportedQuery") }
        }
        return try continueDelta(
            DeltaQuery(types: types, select: request.select, ids: nil, generation: deltaGeneration), request, caller)
    }

    private static func types(_ filter: Filter) -> [SimulatedType] {
        switch filter {
        case .or(let left, let right): types(left) + types(right)
        case .isOf(let name): TypeSpec.byODataName[name].map { [$0.type] } ?? []
        default: []
        }
    }

    /// Starts a round, or goes on where the request's token says.
    private mutating func continueDelta(
        _ fresh: DeltaQuery, _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        var query = fresh
        query.since = world.changes.count
        if request.query["deltatoken"] == "latest" {
            return finishRound(query, request, body: nil)
        }
        if let token = request.query["skiptoken"] ?? request.query["deltatoken"], !token.isEmpty {
            guard let known = DeltaQuery(token), known.types == query.types else {
                throw .badRequest("Badly formed token.", code: "Directory_InvalidSkipToken")
            }
            guard known.generation == deltaGeneration else { throw expiredToken(request) }
            query = known
            if query.phase == .idle {
                query.phase = .changes
                query.until = world.changes.count
                query.position = 0
                query.isMinimal = request.headers["prefer"]?.contains("return=minimal") ?? false
            }
        }
        return query.phase == .everything
            ? try firstRound(query, request, caller) : try laterRound(query, request, caller)
    }

    private func expiredToken(_ request: GraphRequest) -> GraphFailure {
        let status = settings.expiredTokenStatus ?? (requests % 2 == 0 ? 410 : 400)
        guard status == 410 else { return .expiredDeltaToken }
        let path = request.target.prefix { $0 != "?" }
        let location = "\(request.base)/\(request.version.rawValue)\(path)?$deltatoken="
        return GraphFailure(
            status: 410, code: "Directory_ResyncRequired", message: "Resync required. Retry with the URL in Location.",
            headers: [("Location", location)])
    }

    // MARK: The first round

    private mutating func firstRound(
        _ query: DeltaQuery, _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        var next = query
        next.pending = []
        var elements = ByteBuffer()
        var projections = ProjectionCache(granted: caller.granted)
        var written = 0
        for waiting in query.pending {
            if let rest = try writeWhole(
                waiting.ref, after: waiting.after, query, request, caller, &projections, into: &elements)
            {
                next.pending.append(DeltaQuery.Pending(ref: waiting.ref, after: rest))
            }
            written += 1
        }
        while written < settings.deltaPageSize, next.pending.count < 8, let ref = advance(&next) {
            guard query.ids?.contains(world.id(ref)) ?? true else { continue }
            guard world.isPresent(ref) else {
                written += writeRemovedInFirstRound(ref, into: &elements)
                continue
            }
            let rest = try writeWhole(ref, after: nil, query, request, caller, &projections, into: &elements)
            if let rest { next.pending.append(DeltaQuery.Pending(ref: ref, after: rest)) }
            if DeltaChanges.share(UInt64(ref) ^ 0xD0B1E) < settings.deltaDuplicates, rest == nil {
                next.pending.append(DeltaQuery.Pending(ref: ref, after: nil))
            }
            written += 1
        }
        let isDone = next.pending.isEmpty && next.typeIndex >= next.types.count
        if isDone { return finishRound(next, request, body: elements) }
        return deltaPage(elements, request, next: deltaLink(request, next, option: "$skiptoken"))
    }

    /// The next object of the walk.
    private func advance(_ query: inout DeltaQuery) -> World.Ref? {
        while query.typeIndex < query.types.count {
            let refs = world.refs(query.types[query.typeIndex])
            if query.position < refs.count {
                query.position += 1
                return refs[query.position - 1]
            }
            query.typeIndex += 1
            query.position = 0
        }
        return nil
    }

    private func writeRemovedInFirstRound(_ ref: World.Ref, into body: inout ByteBuffer) -> Int {
        guard settings.deltaShowsRemoved, DeltaChanges.share(UInt64(ref) ^ 0xDEAD) < 0.5 else { return 0 }
        writeRemoved(ref, into: &body)
        return 1
    }

    private func writeRemoved(_ ref: World.Ref, into body: inout ByteBuffer) {
        let reason = world.objects[Int(ref)].state == .gone ? "deleted" : "changed"
        body.writeString(#"{"id":"\#(world.id(ref))","@removed":{"reason":"\#(reason)"}},"#)
    }

    /// Writes an object with its followed links.
    /// - Returns: the last member told, when there are more.
    private func writeWhole(
        _ ref: World.Ref, after: World.Ref?, _ query: DeltaQuery, _ request: GraphRequest, _ caller: Caller,
        _ projections: inout ProjectionCache, into body: inout ByteBuffer
    ) throws(GraphFailure) -> World.Ref? {
        guard world.isPresent(ref) else {
            writeRemoved(ref, into: &body)
            return nil
        }
        let type = world.type(ref)
        try openDeltaObject(ref, query.names(of: type), query, caller, &projections, purpose: "whole", into: &body)
        var rest: World.Ref?
        for link in query.links(of: type) where !hidesMembers(ref, link, caller) {
            var targets = world.targets(link, ref)[...]
            if let after {
                targets = link == .members ? targets[LinkTable.position(of: after + 1, in: Array(targets))...] : []
            }
            // Only memberships grow large enough to be cut.
            let slice = link == .members ? targets.prefix(settings.deltaSliceSize) : targets
            if slice.endIndex < targets.endIndex { rest = slice.last }
            writeLinks(link, slice.map { ($0, true) }, into: &body)
        }
        body.closeObject()
        body.writeInteger(UInt8(ascii: ","))
        return rest
    }

    private func openDeltaObject(
        _ ref: World.Ref, _ names: [String]?, _ query: DeltaQuery, _ caller: Caller,
        _ projections: inout ProjectionCache, purpose: String, into body: inout ByteBuffer
    ) throws(GraphFailure) {
        let object = world.objects[Int(ref)]
        let plan = projections.plan(object, select: names, audience: .delta, purpose: purpose, world.shapes)
        let isMixed = query.types.count > 1
        body.openObject(object, plan, prefix: isMixed ? Self.typePrefix[object.type.index] : [], skipUnset: true)
    }

    /// Hidden memberships need a permission of their own.
    func hidesMembers(_ ref: World.Ref, _ link: LinkName, _ caller: Caller) -> Bool {
        link == .members && world.text(ref, "visibility") == "HiddenMembership"
            && !caller.granted.contains("Member.Read.Hidden")
    }

    private func writeLinks(_ link: LinkName, _ targets: [(World.Ref, Bool)], into body: inout ByteBuffer) {
        guard !targets.isEmpty, let name = link.deltaName else { return }
        body.writeString("\"\(name)@delta\":[")
        for (target, isThere) in targets {
            body.writeInteger(UInt8(ascii: "{"))
            body.writeBytes(Self.typePrefix[world.type(target).index])
            body.writeString("\"id\":\"")
            body.writeBytes(world.idBytes(target))
            body.writeString(isThere ? "\"}," : #"","@removed":{"reason":"deleted"}},"#)
        }
        body.closeArray()
        body.writeInteger(UInt8(ascii: ","))
    }

    // MARK: Later rounds

    private mutating func laterRound(
        _ query: DeltaQuery, _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        let changes = DeltaChanges(world, query, settings)
        let end = min(changes.units.count, query.position + settings.deltaPageSize)
        var elements = ByteBuffer()
        var projections = ProjectionCache(granted: caller.granted)
        for unit in changes.units[min(query.position, end)..<end] {
            try writeUnit(unit, query, caller, &projections, into: &elements)
        }
        var next = query
        next.position = end
        guard end < changes.units.count else {
            next.since = query.until
            return finishRound(next, request, body: elements)
        }
        return deltaPage(elements, request, next: deltaLink(request, next, option: "$skiptoken"))
    }

    private func writeUnit(
        _ unit: DeltaChanges.Unit, _ query: DeltaQuery, _ caller: Caller, _ projections: inout ProjectionCache,
        into body: inout ByteBuffer
    ) throws(GraphFailure) {
        guard world.isPresent(unit.ref) else { return writeRemoved(unit.ref, into: &body) }
        let type = world.type(unit.ref)
        var names: [String]? = []
        if let changed = unit.names {
            names = query.isMinimal && changed != ["*"] ? changed : query.names(of: type)
        }
        let purpose = query.isMinimal || unit.names == nil ? "\(names?.joined(separator: ",") ?? "")" : "whole"
        try openDeltaObject(unit.ref, names, query, caller, &projections, purpose: purpose, into: &body)
        for link in query.links(of: type) where !hidesMembers(unit.ref, link, caller) {
            let table = world.links[Int(link.rawValue)]
            writeLinks(
                link, unit.links.filter { $0.0 == link }.map { ($0.1, table.has(unit.ref, $0.1)) }, into: &body)
        }
        body.closeObject()
        body.writeInteger(UInt8(ascii: ","))
    }

    // MARK: Pages

    private func deltaLink(_ request: GraphRequest, _ query: DeltaQuery, option: String) -> String {
        let path = request.target.prefix { $0 != "?" }
        var link = "\(request.base)/\(request.version.rawValue)\(path)?\(option)=\(query.cursor.token)"
        // The mixed query repeats its filter: the function needs it to be understood.
        if query.types.count > 1, let filter = request.query["filter"] {
            link += "&$filter=" + filter.split(separator: " ").joined(separator: "%20")
        }
        return link
    }

    private func finishRound(_ query: DeltaQuery, _ request: GraphRequest, body: ByteBuffer?) -> GraphResponse {
        var idle = query
        idle.phase = .idle
        idle.position = 0
        idle.typeIndex = 0
        idle.pending = []
        idle.until = 0
        idle.isMinimal = false
        return deltaPage(body ?? ByteBuffer(), request, delta: deltaLink(request, idle, option: "$deltatoken"))
    }

    private func deltaPage(
        _ elements: ByteBuffer, _ request: GraphRequest, next: String? = nil, delta: String? = nil
    ) -> GraphResponse {
        var body = ByteBuffer()
        body.reserveCapacity(elements.readableBytes + 4_000)
        openCollection(&body, request.path.dropLast().joined(separator: "/"), request, next: next, delta: delta)
        var elements = elements
        body.writeBuffer(&elements)
        body.closeArray()
        body.writeInteger(UInt8(ascii: "}"))
        return GraphResponse(status: 200, body: body)
    }
}
