import NIOCore

extension TenantState {
    /// A list of a type's objects.
    mutating func list(_ spec: TypeSpec, _ request: GraphRequest, _ caller: Caller) throws(GraphFailure)
        -> GraphResponse
    {
        try require(spec.permissions, caller)
        try checkOptions(spec, request)
        try checkSelect(spec, request)
        let filter = try parseFilter(request)
        if spec.type == .unifiedRoleManagementPolicy || spec.type == .unifiedRoleManagementPolicyAssignment,
            filter == nil
        {
            throw .badRequest("The filter on scopeId and scopeType is required.", code: "InvalidFilter")
        }
        let expansions = try Expansion.parse(request.query["expand"], of: spec)
        let size = try pageSize(spec, request)
        let (page, next) = try select(spec, filter, size, request)
        let audience: Projection.Audience = .list
        var body = ByteBuffer()
        body.reserveCapacity(min(4_000_000, page.count * 1_500 + 500))
        openCollection(&body, spec.contextName, request, count: try countOption(spec, filter, request), next: next)
        var projections = ProjectionCache(granted: caller.granted)
        for ref in page {
            try writeObject(
                ref, select: request.select, audience: audience, expansions, caller, &projections, request, into: &body)
            body.writeInteger(UInt8(ascii: ","))
        }
        body.closeArray()
        body.writeInteger(UInt8(ascii: "}"))
        return GraphResponse(status: 200, body: body)
    }

    private func parseFilter(_ request: GraphRequest) throws(GraphFailure) -> Filter? {
        guard let text = request.query["filter"], !text.isEmpty else { return nil }
        let filter = try Filter.parse(text)
        if filter.isAdvanced, !(request.wantsEventualConsistency && request.query["count"] == "true") {
            throw .badRequest(
                """
                Operator is not supported because the required parameters might be missing. \
                Try adding $count=true query parameter and ConsistencyLevel:eventual header. \
                Refer to https://aka.ms/graph-docs/advanced-queries for more information
                """,
                code: "Request_UnsupportedQuery")
        }
        return filter
    }

    /// Refusals that single services have.
    private func checkOptions(_ spec: TypeSpec, _ request: GraphRequest) throws(GraphFailure) {
        if spec.type == .bitlockerRecoveryKey || spec.type == .deviceLocalCredentialInfo,
            request.headers["user-agent"]?.isEmpty ?? true
        {
            throw .badRequest("The User-Agent header is required.")
        }
        if spec.type == .bitlockerRecoveryKey, request.query.has("top") {
            throw .badRequest("The query option '$top' is not supported.")
        }
        if request.query.has("skip"), spec.throttle == .identity {
            throw .badRequest("'$skip' is not supported by the service.")
        }
        if request.query.has("search") {
            throw .badRequest(
                """
                Request with $search query parameter only works through MSGraph with a special \
                request header: 'ConsistencyLevel: eventual'
                """,
                code: "Request_UnsupportedQuery")
        }
        if spec.type == .subscribedSku, request.query.has("filter") {
            throw .badRequest("Filter is not supported.", code: "Request_UnsupportedQuery")
        }
        if let order = request.query["orderby"], spec.type != .directoryAudit {
            throw .badRequest("Sorting by '\(order)' is not supported.", code: "Request_UnsupportedQuery")
        }
    }

    func checkSelect(_ spec: TypeSpec, _ request: GraphRequest, delta: Bool = false) throws(GraphFailure) {
        guard let select = request.select else { return }
        for name in select {
            if spec.notInCollections.contains(name) {
                throw GraphFailure(
                    status: 501, code: "NotImplemented", message: "This operation target is not yet supported.")
            }
            let isKnown =
                spec.properties.contains(name) || name.hasPrefix("extension_") || name == "*"
                || spec.flags.contains(.polymorphic) || Navigation.find(name, of: spec.type) != nil
            guard isKnown else {
                throw .badRequest(
                    "Could not find a property named '\(name)' on type '\(spec.odataType.dropFirst())'."
                )
            }
        }
    }

    /// Large sizes are cut to the largest.
    func pageSize(_ spec: TypeSpec, _ request: GraphRequest) throws(GraphFailure) -> Int {
        if spec.flags.contains(.unpaged) { return .max }
        guard let text = request.query["top"] else { return settings.pageSize }
        guard let top = Int(text), top > 0 else { throw .badRequest("Invalid page size specified: '\(text)'.") }
        return min(top, 999)
    }

    /// The objects of one page and the cursor of the next.
    private func select(
        _ spec: TypeSpec, _ filter: Filter?, _ size: Int, _ request: GraphRequest
    ) throws(GraphFailure) -> ([World.Ref], String?) {
        if let ids = filter?.ids {
            return (ids.compactMap { world.ref(spec.type, $0) }.filter { world.isPresent($0) }, nil)
        }
        let refs = world.refs(spec.type)
        var position = 0
        if let token = request.query["skiptoken"] {
            guard let cursor = Cursor(token), cursor.fields.first == "p", let start = cursor.integer(1) else {
                throw .badRequest("The $skiptoken is not valid.")
            }
            position = start
        }
        var page: [World.Ref] = []
        while position < refs.count, page.count < size {
            let ref = refs[position]
            position += 1
            guard world.isPresent(ref), filter?.matches(ref, in: world) ?? true else { continue }
            page.append(ref)
        }
        let hasMore = refs[position...].contains { world.isPresent($0) }
        return (page, hasMore ? nextLink(request, Cursor(["p", String(position)])) : nil)
    }

    /// The request's own URL with a new `$skiptoken`.
    func nextLink(_ request: GraphRequest, _ cursor: Cursor) -> String {
        let parts = request.target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var options = parts.count > 1 ? parts[1].split(separator: "&").map(String.init) : []
        options.removeAll { $0.lowercased().contains("skiptoken=") }
        options.append("$skiptoken=\(cursor.token)")
        return "\(request.base)/\(request.version.rawValue)\(parts[0])?\(options.joined(separator: "&"))"
    }

    /// `$count=true` works with the header only; without it, it is ignored.
    private func countOption(_ spec: TypeSpec, _ filter: Filter?, _ request: GraphRequest) throws(GraphFailure) -> Int?
    {
        guard request.query["count"] == "true", request.wantsEventualConsistency else { return nil }
        guard !request.query.has("skiptoken") else { return nil }
        guard let filter else { return world.count(spec.type) }
        return world.presentRefs(spec.type).count { filter.matches($0, in: world) }
    }

    func count(_ spec: TypeSpec, _ request: GraphRequest, _ caller: Caller) throws(GraphFailure) -> GraphResponse {
        try require(spec.permissions, caller)
        guard request.wantsEventualConsistency else { throw .badRequest("$count is not currently supported.") }
        let filter = try parseFilter(request)
        let number = world.presentRefs(spec.type).count { filter?.matches($0, in: world) ?? true }
        return Self.plainText(String(number))
    }

    static func plainText(_ text: String) -> GraphResponse {
        GraphResponse(status: 200, headers: [("Content-Type", "text/plain")], body: ByteBuffer(string: text))
    }

    /// Writes the head of a collection up to the first element.
    func openCollection(
        _ body: inout ByteBuffer, _ context: String, _ request: GraphRequest, count: Int? = nil, next: String? = nil,
        delta: String? = nil
    ) {
        let selected = request.select.map { "(\($0.joined(separator: ",")))" } ?? ""
        body.writeString(#"{"@odata.context":"#)
        body.writeJSON("\(request.base)/\(request.version.rawValue)/$metadata#\(context)\(selected)")
        if request.select == nil, next == nil, delta == nil, request.version == .v1 {
            body.writeString(#","@microsoft.graph.tips":"Use $select to choose only the properties your app needs.""#)
        }
        if let count { body.writeString(#","@odata.count":\#(count)"#) }
        if let next {
            body.writeString(#","@odata.nextLink":"#)
            body.writeJSON(next)
        }
        if let delta {
            body.writeString(#","@odata.deltaLink":"#)
            body.writeJSON(delta)
        }
        body.writeString(#","value":["#)
    }
}

/// Projections by type, made when first needed.
struct ProjectionCache {
    let granted: Set<String>
    private var known: [String: Projection] = [:]

    init(granted: Set<String>) { self.granted = granted }

    mutating func plan(
        _ object: StoredObject, select: [String]?, audience: Projection.Audience, purpose: String, _ shapes: Shapes
    ) -> Projection.Plan {
        let key = "\(object.type.rawValue) \(purpose)"
        if known[key] == nil {
            known[key] = Projection(object.type, select: select, audience: audience, granted: granted)
        }
        return known[key]?.plan(object.shape, shapes) ?? Projection.Plan(includes: [], nulls: [])
    }
}
