import Synchronization

/// What became of the files of a folder of exported policies.
public struct PolicyLoadReport: Sendable, CustomStringConvertible {
    /// Objects by type.
    public internal(set) var counts: [String: Int] = [:]
    /// Files whose id was missing or taken, so that the object got a new one.
    public internal(set) var renumbered = 0
    /// Which object each file became.
    public internal(set) var taken: [(file: String, type: String, id: String)] = []
    /// What was not taken, and why.
    public internal(set) var skipped: [(file: String, reason: String)] = []

    var json: SimulatedJSON {
        .object([
            (
                "taken",
                .array(
                    taken.map { .object([("file", .string($0)), ("type", .string($1)), ("id", .string($2))]) })
            ), ("skipped", .array(skipped.map { .object([("file", .string($0)), ("reason", .string($1))]) })),
        ])
    }

    public var description: String {
        var lines = counts.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        lines.append("with a new id: \(renumbered)")
        for (file, reason) in skipped { lines.append("not taken: \(file): \(reason)") }
        return lines.joined(separator: "\n")
    }
}

extension SimulatedTenant {
    /// Takes in policies that were exported from real tenants as JSON files, at any depth of a folder. They are served
    /// as they are; settings, assignments and the like go where the service has them.
    public func loadPolicies(folder: String) throws -> PolicyLoadReport {
        guard SimulatorFiles.entries(folder) != nil else {
            throw SimulatorError(message: "\(folder) is no folder that can be read.")
        }
        var report = PolicyLoadReport()
        for path in Self.files(folder) {
            let file = String(path.dropFirst(folder.count))
            do {
                let value = try SimulatedJSON.parse(SimulatorFiles.read(path))
                take(value, file: file, &report)
            } catch {
                report.skipped.append((file, "\(error)"))
            }
        }
        let whole = report
        state.withLock { $0.policyLoads.append(whole) }
        return report
    }

    private static func files(_ folder: String) -> [String] {
        var list: [String] = []
        for name in SimulatorFiles.entries(folder) ?? [] {
            let path = "\(folder)/\(name)"
            if SimulatorFiles.entries(path) != nil {
                list += files(path)
            } else if name.lowercased().hasSuffix(".json") {
                list.append(path)
            }
        }
        return list
    }

    private func take(_ value: SimulatedJSON, file: String, _ report: inout PolicyLoadReport) {
        if let items = value.items {
            let names = items.first?.members?.map(\.0).prefix(4).joined(separator: ", ") ?? "no objects"
            report.skipped.append((file, "an array of objects with \(names)"))
            return
        }
        guard let type = PolicyShape.type(of: value) else {
            report.skipped.append((file, PolicyShape.reason(value)))
            return
        }
        let (id, isNew) = state.withLock { $0.world.take(value, type, file: file) }
        if isNew { report.renumbered += 1 }
        report.taken.append((file, type.rawValue, id))
        report.counts[type.rawValue, default: 0] += 1
    }
}

/// Recognises exported objects.
enum PolicyShape {
    /// By the type, by the path in the object's own links, or by the members that it has.
    static func type(of value: SimulatedJSON) -> SimulatedType? {
        if let name = value["@odata.type"]?.text, let type = named(name) { return type }
        for annotation in ["@odata.id", "@odata.editLink", "@odata.context"] {
            if let text = value[annotation]?.text, let type = linked(text) { return type }
        }
        let names = Set((value.members ?? []).map { $0.0.lowercased() })
        func has(_ wanted: String...) -> Bool { names.isSuperset(of: wanted) }
        if has("state", "conditions") && (has("grantcontrols") || has("sessioncontrols")) {
            return .conditionalAccessPolicy
        }
        if has("name", "platforms", "technologies", "settings") { return .configurationPolicy }
        if has("securityenabled", "mailnickname", "mailenabled") { return .group }
        if has("countriesandregions") || has("ipranges") { return .namedLocation }
        return nil
    }

    static func reason(_ value: SimulatedJSON) -> String {
        if let type = value["@odata.type"]?.text { return "the type \(type) is not simulated" }
        let names = value.members?.map(\.0).prefix(4).joined(separator: ", ") ?? ""
        return "no known type has the members \(names)"
    }

    private static func named(_ name: String) -> SimulatedType? {
        let short = String(name.split(separator: ".").last ?? "").lowercased()
        if let spec = TypeSpec.byODataName[short] { return spec.type }
        if short.hasSuffix("compliancepolicy") { return .deviceCompliancePolicy }
        if short.hasSuffix("namedlocation") { return .namedLocation }
        return nil
    }

    /// `…deviceManagement/deviceConfigurations('id')`, with or without host and metadata.
    private static func linked(_ text: String) -> SimulatedType? {
        let path = text.split(separator: "#").last ?? ""
        var segments = path.split { "/(".contains($0) }.map { $0.lowercased() }
        while !segments.isEmpty {
            if let spec = TypeSpec.byPath[segments.joined(separator: "/")] { return spec.type }
            segments.removeLast()
        }
        return nil
    }
}

extension World {
    /// Stores an exported object.
    /// - Returns: its id, and whether that is a new one.
    mutating func take(
        _ value: SimulatedJSON, _ type: SimulatedType, file: String
    ) -> (id: String, isNew: Bool) {
        var hash = seed
        for unit in file.utf8 { hash = (hash ^ UInt64(unit)) &* 0x100_0000_01B3 }
        let own = value["id"]?.text ?? ""
        let isNew = own.isEmpty || ref(type, own) != nil
        let id = isNew ? SeededRandom.guid(SeededRandom.mix(hash), SeededRandom.mix(hash &+ 1)) : own
        let segments = Set(Navigation.all(of: type).map(\.segment))
        var members: [(String, SimulatedJSON)] = [("id", .string(id))]
        for (name, value) in value.members ?? [] where name != "id" && !segments.contains(name) {
            // What belongs to the answer and not to the object, and the actions that only full metadata names.
            if name == "@odata.context" || name.hasPrefix("#") { continue }
            if let base = name.split(separator: "@").first, name.contains("@"), segments.contains(String(base)) {
                continue
            }
            // A file written by hand may name a member twice; the service would have kept the last.
            let proper = properName(name, type.spec)
            members.removeAll { $0.0 == proper }
            members.append((proper, completed(type, proper, value)))
        }
        if type.spec.flags.contains(.polymorphic) == false { members.removeAll { $0.0 == "@odata.type" } }
        let ref = create(TenantGenerator.object(type, members, in: &shapes))
        for segment in segments.sorted() {
            guard let items = value[segment]?.items, !items.isEmpty else { continue }
            setChildren(ref, segment, items.map { Child(id: $0["id"]?.text, json: $0.encoded) })
        }
        return (id, isNew)
    }

    /// The service's own spelling of a property.
    private func properName(_ name: String, _ spec: TypeSpec) -> String {
        if spec.properties.contains(name) { return name }
        return spec.orderedProperties.first { $0.lowercased() == name.lowercased() } ?? name
    }
}
