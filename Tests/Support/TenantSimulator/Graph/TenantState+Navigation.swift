import NIOCore

extension TenantState {
    /// What stands behind `/{collection}/{id}/{segment}`.
    mutating func navigate(
        _ spec: TypeSpec, _ id: String, _ navigation: Navigation, _ rest: [String], _ request: GraphRequest,
        _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        try require(navigation.permissions.isEmpty ? spec.permissions : navigation.permissions, caller)
        let ref = try find(spec, id)
        switch navigation.kind {
        case .links, .reverse, .transitive, .entities:
            return try relatedList(ref, spec, navigation, rest, request, caller)
        case .link, .target:
            guard let target = related(ref, navigation).first else { throw .notFound(navigation.segment) }
            if rest.first == "$ref" { return reference(target, request) }
            return try entity(target, request, caller)
        case .children:
            return try childList(ref, spec, navigation, rest, request)
        case .child:
            guard let child = world.children(ref, navigation.segment).first else { throw .notFound(navigation.segment) }
            return GraphResponse(status: 200, body: ByteBuffer(bytes: child.json))
        case .licenseDetails: return licenseDetails(ref, request)
        case .authenticationMethods: return authenticationMethods(ref, request)
        }
    }

    private func reference(_ target: World.Ref, _ request: GraphRequest) -> GraphResponse {
        .json(200, .object([("@odata.id", .string("\(request.base)/v1.0/directoryObjects/\(world.id(target))"))]))
    }

    private mutating func relatedList(
        _ ref: World.Ref, _ spec: TypeSpec, _ navigation: Navigation, _ rest: [String], _ request: GraphRequest,
        _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        let hides = navigation.linkName.map { hidesMembers(ref, $0, caller) } ?? false
        var targets = hides ? [] : related(ref, navigation)
        var rest = rest[...]
        if let cast = rest.first?.lowercased(), cast.hasPrefix("microsoft.graph.") {
            guard request.wantsEventualConsistency, request.query["count"] == "true" || rest.count > 1 else {
                throw .badRequest(
                    "The specified cast needs the header ConsistencyLevel:eventual and $count=true.",
                    code: "Request_UnsupportedQuery")
            }
            let wanted = TypeSpec.byODataName[String(cast.dropFirst("microsoft.graph.".count))]?.type
            targets = targets.filter { world.type($0) == wanted }
            rest = rest.dropFirst()
        }
        if rest.first == "$count" {
            guard request.wantsEventualConsistency else { throw .badRequest("$count is not currently supported.") }
            return Self.plainText(String(targets.count))
        }
        if let id = rest.first, id != "$ref" {
            guard let target = targets.first(where: { world.id($0) == id }) else { throw .notFound(id) }
            return try entity(target, request, caller)
        }
        let isUnpaged = spec.type == .directoryRole || spec.throttle != .identity
        let size = isUnpaged ? Int.max : try pageSize(SimulatedType.group.spec, request)
        var start = 0
        if let token = request.query["skiptoken"] {
            guard let cursor = Cursor(token), cursor.fields.first == "r", let after = cursor.integer(1) else {
                throw .badRequest("The $skiptoken is not valid.")
            }
            start = LinkTable.position(of: UInt32(after) + 1, in: targets)
        }
        let page = targets[start...].prefix(size)
        let next =
            page.endIndex < targets.endIndex ? page.last.map { nextLink(request, Cursor(["r", String($0)])) } : nil
        return try relatedPage(
            ref, spec, navigation, Array(page), next, asReferences: rest.first == "$ref", request, caller)
    }

    private func relatedPage(
        _ ref: World.Ref, _ spec: TypeSpec, _ navigation: Navigation, _ page: [World.Ref], _ next: String?,
        asReferences: Bool, _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        var context = "directoryObjects"
        if case .entities = navigation.kind {
            context = "\(spec.contextName)('\(world.id(ref))')/\(navigation.segment)"
        }
        var body = ByteBuffer()
        body.reserveCapacity(page.count * 120 + 300)
        openCollection(&body, asReferences ? "Collection($ref)" : context, request, next: next)
        var projections = ProjectionCache(granted: caller.granted)
        for target in page {
            if asReferences {
                body.writeString(#"{"@odata.id":"\#(request.base)/v1.0/directoryObjects/\#(world.id(target))"}"#)
            } else {
                try writeRelated(target, request.select, caller, &projections, request, purpose: "", into: &body)
            }
            body.writeInteger(UInt8(ascii: ","))
        }
        body.closeArray()
        body.writeInteger(UInt8(ascii: "}"))
        return GraphResponse(status: 200, body: body)
    }

    /// One object of any type, with its type.
    func entity(_ ref: World.Ref, _ request: GraphRequest, _ caller: Caller) throws(GraphFailure) -> GraphResponse {
        var projections = ProjectionCache(granted: caller.granted)
        var object = ByteBuffer()
        try writeObject(
            ref, select: request.select, audience: .list, [], caller, &projections, request,
            typed: world.type(ref).spec.flags.contains(.directoryObject), into: &object)
        object.moveReaderIndex(forwardBy: 1)
        var body = ByteBuffer()
        body.writeString(#"{"@odata.context":"#)
        body.writeJSON("\(request.base)/\(request.version.rawValue)/$metadata#directoryObjects/$entity")
        if object.readableBytes > 1 { body.writeInteger(UInt8(ascii: ",")) }
        body.writeBuffer(&object)
        return GraphResponse(status: 200, body: body)
    }

    private func childList(
        _ ref: World.Ref, _ spec: TypeSpec, _ navigation: Navigation, _ rest: [String], _ request: GraphRequest
    ) throws(GraphFailure) -> GraphResponse {
        let list = world.children(ref, navigation.segment)
        let expand = request.query["expand"]
        if let id = rest.first {
            guard let child = list.first(where: { $0.id == id }) else { throw .notFound(id) }
            return GraphResponse(
                status: 200, body: ByteBuffer(bytes: Self.childJSON(child, navigation.segment, expand: expand)))
        }
        let size = navigation.segment == "settings" && spec.throttle == .intune ? settings.settingsPageSize : .max
        var start = 0
        if let token = request.query["skiptoken"] {
            guard let cursor = Cursor(token), cursor.fields.first == "c", let after = cursor.integer(1) else {
                throw .badRequest("The $skiptoken is not valid.")
            }
            start = min(after, list.count)
        }
        let page = list[start...].prefix(size)
        let next = page.endIndex < list.count ? nextLink(request, Cursor(["c", String(page.endIndex)])) : nil
        var body = ByteBuffer()
        openCollection(&body, "\(spec.contextName)('\(world.id(ref))')/\(navigation.segment)", request, next: next)
        for child in page {
            body.writeBytes(Self.childJSON(child, navigation.segment, expand: expand))
            body.writeInteger(UInt8(ascii: ","))
        }
        body.closeArray()
        body.writeInteger(UInt8(ascii: "}"))
        return GraphResponse(status: 200, body: body)
    }

    private func licenseDetails(_ ref: World.Ref, _ request: GraphRequest) -> GraphResponse {
        let assigned = world.value(ref, "assignedLicenses")?.items ?? []
        let items: [SimulatedJSON] = assigned.compactMap { licence in
            guard let product = LicenceProduct.all.first(where: { $0.skuID == licence["skuId"]?.text }) else {
                return nil
            }
            return .object([
                ("id", .string("\(product.skuID)-\(world.id(ref))")), ("skuId", .string(product.skuID)),
                ("skuPartNumber", .string(product.name)),
                (
                    "servicePlans",
                    .array(
                        product.plans.map {
                            .object([
                                ("servicePlanId", .string($0.0)), ("servicePlanName", .string($0.1)),
                                ("provisioningStatus", .string("Success")), ("appliesTo", .string("User")),
                            ])
                        })
                ),
            ])
        }
        return .json(200, .object([("value", .array(items))]))
    }

    private func authenticationMethods(_ ref: World.Ref, _ request: GraphRequest) -> GraphResponse {
        var items: [SimulatedJSON] = [
            .object([
                ("@odata.type", .string("#microsoft.graph.passwordAuthenticationMethod")),
                ("id", .string("28c10230-6103-485e-b985-444c60001490")), ("password", .null),
                ("createdDateTime", .string("2024-01-01T00:00:00Z")),
            ])
        ]
        if let phone = world.text(ref, "mobilePhone") {
            items.append(
                .object([
                    ("@odata.type", .string("#microsoft.graph.phoneAuthenticationMethod")),
                    ("id", .string("3179e48a-750b-4051-897c-87b9720928f7")), ("phoneNumber", .string(phone)),
                    ("phoneType", .string("mobile")), ("smsSignInState", .string("notAllowedByPolicy")),
                ]))
        }
        return .json(200, .object([("value", .array(items))]))
    }
}
