import NIOCore

extension TenantState {
    /// Writes one object with its type, attributes, inline children and expansions.
    func writeObject(
        _ ref: World.Ref, select: [String]?, audience: Projection.Audience, _ expansions: [Expansion], _ caller: Caller,
        _ projections: inout ProjectionCache, _ request: GraphRequest, purpose: String = "", typed: Bool = false,
        into body: inout ByteBuffer
    ) throws(GraphFailure) {
        let object = world.objects[Int(ref)]
        let spec = object.type.spec
        let plan = projections.plan(object, select: select, audience: audience, purpose: purpose, world.shapes)
        let prefix = typed && !spec.flags.contains(.polymorphic) ? Self.typePrefix[object.type.index] : []
        body.openObject(object, plan, prefix: prefix, skipUnset: audience == .delta)
        for navigation in Navigation.all(of: object.type) {
            guard case .children(inline: true) = navigation.kind, select?.contains(navigation.segment) ?? true else {
                continue
            }
            writeInline(ref, navigation, request, into: &body)
        }
        for expansion in expansions {
            try expand(ref, expansion, spec, caller, &projections, request, into: &body)
        }
        body.closeObject()
    }

    static let typePrefix: [[UInt8]] = TypeSpec.all.map { Array(#""@odata.type":"\#($0.odataType)","#.utf8) }

    private func writeInline(
        _ ref: World.Ref, _ navigation: Navigation, _ request: GraphRequest, into body: inout ByteBuffer
    ) {
        let spec = world.type(ref).spec
        body.writeString("\"\(navigation.segment)@odata.context\":")
        let owner = "\(spec.contextName)('\(world.id(ref))')"
        body.writeJSON("\(request.base)/\(request.version.rawValue)/$metadata#\(owner)/\(navigation.segment)")
        body.writeString(",\"\(navigation.segment)\":[")
        for child in world.children(ref, navigation.segment) {
            body.writeBytes(child.json)
            body.writeInteger(UInt8(ascii: ","))
        }
        body.closeArray()
        body.writeInteger(UInt8(ascii: ","))
    }

    /// Related objects beyond this are cut off without a word on directory objects.
    static let expansionLimit = 20

    private func expand(
        _ ref: World.Ref, _ expansion: Expansion, _ spec: TypeSpec, _ caller: Caller,
        _ projections: inout ProjectionCache, _ request: GraphRequest, into body: inout ByteBuffer
    ) throws(GraphFailure) {
        let navigation = expansion.navigation
        try requireExpansion(navigation, spec, caller)
        let isDirectory = spec.flags.contains(.directoryObject)
        let limit = isDirectory ? Self.expansionLimit : .max
        let name = navigation.segment
        switch navigation.kind {
        case .links, .reverse, .transitive, .entities:
            let hides = navigation.linkName.map { hidesMembers(ref, $0, caller) } ?? false
            let targets = hides ? [] : related(ref, navigation).prefix(limit)
            body.writeString("\"\(name)\":[")
            for target in targets {
                try writeRelated(target, expansion.select, caller, &projections, request, purpose: name, into: &body)
                body.writeInteger(UInt8(ascii: ","))
            }
            body.closeArray()
            body.writeInteger(UInt8(ascii: ","))
        case .link, .target:
            guard let target = related(ref, navigation).first else { return }
            body.writeString("\"\(name)\":")
            var nested: [Expansion] = []
            if let inner = expansion.expand { nested = try Expansion.parse(inner, of: world.type(target).spec) }
            try writeObject(
                target, select: expansion.select, audience: .list, nested, caller, &projections, request,
                purpose: name, typed: world.type(target).spec.flags.contains(.directoryObject), into: &body)
            body.writeInteger(UInt8(ascii: ","))
        case .children(inline: true): break
        case .children:
            body.writeString("\"\(name)\":[")
            for child in world.children(ref, name).prefix(limit) {
                body.writeBytes(Self.childJSON(child, name, expand: expansion.expand))
                body.writeInteger(UInt8(ascii: ","))
            }
            body.closeArray()
            body.writeInteger(UInt8(ascii: ","))
        case .child:
            body.writeString("\"\(name)\":")
            body.writeBytes(world.children(ref, name).first?.json ?? ObjectBuilder.nullText)
            body.writeInteger(UInt8(ascii: ","))
        case .licenseDetails, .authenticationMethods:
            throw .badRequest("The navigation property '\(name)' cannot be expanded.")
        }
    }

    /// Policies of applications and service principals: their own paths are documented with a write permission, an
    /// expansion reads them as what they are, policies.
    private func requireExpansion(_ navigation: Navigation, _ spec: TypeSpec, _ caller: Caller) throws(GraphFailure) {
        switch navigation.linkName {
        case .claimsMappingPolicies, .homeRealmDiscoveryPolicies, .tokenIssuancePolicies, .tokenLifetimePolicies:
            try require(spec.permissions, caller)
            try require(SimulatedType.claimsMappingPolicy.spec.permissions, caller)
        default: try require(navigation.permissions.isEmpty ? spec.permissions : navigation.permissions, caller)
        }
    }

    /// The scheduled actions' configurations come only when they are expanded themselves.
    static func childJSON(_ child: World.Child, _ segment: String, expand: String?) -> [UInt8] {
        guard segment == "scheduledActionsForRule", expand != "scheduledActionConfigurations",
            var value = try? SimulatedJSON.parse(child.json)
        else { return child.json }
        value["scheduledActionConfigurations"] = nil
        return value.encoded
    }

    func writeRelated(
        _ target: World.Ref, _ select: [String]?, _ caller: Caller, _ projections: inout ProjectionCache,
        _ request: GraphRequest, purpose: String, into body: inout ByteBuffer
    ) throws(GraphFailure) {
        try writeObject(
            target, select: select, audience: .list, [], caller, &projections, request, purpose: purpose,
            typed: world.type(target).spec.flags.contains(.directoryObject), into: &body)
    }

    /// The present objects at the other end, in order.
    func related(_ ref: World.Ref, _ navigation: Navigation) -> [World.Ref] {
        switch navigation.kind {
        case .links(let name), .link(let name), .entities(let name):
            return world.targets(name, ref).filter { world.isPresent($0) }
        case .reverse(let name, let types):
            return world.sources(name, ref).filter { types.contains(world.type($0)) && world.isPresent($0) }
        case .transitive(let name): return transitive(name, ref)
        case .target(let property):
            guard let id = world.text(ref, property) else { return [] }
            let found: World.Ref? =
                switch property {
                case "roleDefinitionId": world.ref(.unifiedRoleDefinition, id)
                case "policyId": world.ref(.unifiedRoleManagementPolicy, id)
                default: world.directoryObject(id)
                }
            return found.map { world.isPresent($0) ? [$0] : [] } ?? []
        case .children, .child, .licenseDetails, .authenticationMethods: return []
        }
    }

    private func transitive(_ name: LinkName, _ start: World.Ref) -> [World.Ref] {
        var seen: Set<World.Ref> = []
        var queue = [start]
        while let ref = queue.popLast() {
            for target in world.targets(name, ref) where seen.insert(target).inserted {
                if world.type(target) == .group { queue.append(target) }
            }
        }
        return seen.sorted()
    }

    /// One object by its id.
    mutating func single(
        _ spec: TypeSpec, _ id: String, _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        try require(spec.permissions, caller)
        let ref = try find(spec, id)
        if let left = misses[ref], left > 0 {
            misses[ref] = left - 1
            throw .notFound(id)
        }
        try checkSecrets(spec, ref, request, caller)
        let expansions = try Expansion.parse(request.query["expand"], of: spec)
        var projections = ProjectionCache(granted: caller.granted)
        var body = ByteBuffer()
        body.writeString(#"{"@odata.context":"#)
        body.writeJSON("\(request.base)/\(request.version.rawValue)/$metadata#\(spec.contextName)/$entity")
        body.writeInteger(UInt8(ascii: ","))
        var object = ByteBuffer()
        try writeObject(
            ref, select: request.select, audience: .single, expansions, caller, &projections, request, into: &object)
        object.moveReaderIndex(forwardBy: 1)
        if object.readableBytes == 1 { body.moveWriterIndex(to: body.writerIndex - 1) }
        body.writeBuffer(&object)
        return GraphResponse(status: 200, body: body)
    }

    /// Secrets have a permission of their own, and reading them is audited.
    private mutating func checkSecrets(
        _ spec: TypeSpec, _ ref: World.Ref, _ request: GraphRequest, _ caller: Caller
    ) throws(GraphFailure) {
        let permissions: [SimulatedType: (String, String)] = [
            .bitlockerRecoveryKey: ("key", "BitlockerKey.Read.All"),
            .deviceLocalCredentialInfo: ("credentials", "DeviceLocalCredential.Read.All"),
        ]
        guard let (property, permission) = permissions[spec.type], request.select?.contains(property) ?? false else {
            return
        }
        try require([permission], caller)
        world.writeAudit(
            activity: spec.type == .bitlockerRecoveryKey
                ? "Read BitLocker key" : "Recover device local administrator password",
            category: spec.type == .bitlockerRecoveryKey ? "KeyManagement" : "Device", target: ref, actor: ref,
            seconds: world.now, random: &random)
    }
}
