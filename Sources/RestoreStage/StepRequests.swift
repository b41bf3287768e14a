import BackupContracts
import BackupModel

extension RestoreWrites {
    /// Rewrites through the map, for the tenant that the connection writes to.
    init(_ map: IDMap, _ connection: DirectoryConnection) {
        self.init(
            map: map, root: (connection.graphURL ?? "https://graph.microsoft.com") + "/v1.0",
            password: Self.unknownPassword)
    }

    /// A first password that nobody gets to know: the plan's to-do list says that the user needs a new one.
    private static func unknownPassword() -> String {
        // All kinds of characters, whatever is drawn; about 139 random bits.
        let characters = Array("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789")
        var source = SystemRandomNumberGenerator()
        return "aZ7-" + String((0..<24).compactMap { _ in characters.randomElement(using: &source) })
    }

    /// The step without what is there already; nil when nothing is left to do.
    func remaining(_ step: RestoreStep, _ type: ObjectType, _ found: ObjectDocument?) throws(RestoreRefusal)
        -> RestoreStep?
    {
        switch step.action {
        case .create: return step
        case .delete: return found == nil ? nil : step
        case .undelete: return found == nil ? step : nil
        // An assignment shows its schedule some time after it was asked for: it is asked for again.
        case .update where type.restore.mode == .request: return step
        case .update, .link, .children: break
        }
        guard let found else { return step }
        let open = Set(try differences(step, type, found: found).map { $0.path.split(separator: "/").first ?? "" })
        let hidden = Set(step.children.filter { isHidden($0, type) }.map(\.name))
        guard !open.isEmpty || !hidden.isEmpty else { return nil }
        var rest = step
        rest.attributes.removeAll { change in
            // Names of directory extensions hold the id of their application, which may be another now.
            !(change.path.tokens.first.map { open.contains(rewriting($0)[...]) } ?? true)
        }
        rest.links.removeAll { !open.contains($0.name[...]) }
        // Else a step of many requests would begin from the first with each answer that is lost, and never end.
        for index in rest.links.indices {
            let live = Set((found.links[rest.links[index].name] ?? []).map { $0.lowercased() })
            rest.links[index].added.removeAll { live.contains(rewriting($0).lowercased()) }
            rest.links[index].removed.removeAll { !live.contains(rewriting($0).lowercased()) }
        }
        rest.children.removeAll { !open.contains($0.name[...]) && !hidden.contains($0.name) }
        rest.children = rest.children.map { against($0, type, found) }
        return rest
    }

    /// How the object does not read as the step has written it; `found` is nil where it is not there.
    func shortfall(_ step: RestoreStep, _ type: ObjectType, _ found: ObjectDocument?) throws(RestoreRefusal)
        -> [RestoreResult.Difference]
    {
        if step.action == .delete {
            return found == nil ? [] : [.init(path: "", expected: nil, found: .string("present"))]
        }
        guard let found else { return [.init(path: "", expected: .string("present"), found: nil)] }
        return try differences(step, type, found: found)
    }
}

extension DirectoryWrite {
    init(_ request: RestoreRequest) {
        self.init(
            method: Method(rawValue: request.method.rawValue) ?? .post, target: request.target,
            version: request.version.rawValue, scope: ThrottleScope(request.scope),
            headers: request.headers, body: request.body?.canonicalBytes)
    }
}
