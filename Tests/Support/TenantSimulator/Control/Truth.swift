import BackupModel

/// What a tenant really holds, as object documents: what a perfect backup would say.
struct Truth {
    private let world: World
    private let row: BackupModel.ObjectType
    private let links: [(name: String, navigation: Navigation)]
    private let children: [(name: String, navigation: Navigation)]
    private let omitsNulls: Bool

    /// nil for a name that the catalogue does not have.
    init?(_ world: World, type name: String, omitsNulls: Bool) {
        guard let row = Catalogue.current[name] else { return nil }
        self.world = world
        self.row = row
        self.omitsNulls = omitsNulls
        let kept = row.relationships.filter(\.isBackedUp).compactMap { relationship in
            Self.navigation(relationship, of: name).map { (relationship, $0) }
        }
        links = kept.filter { $0.0.kind == .link }.map { ($0.0.name, $0.1) }
        children = kept.filter { $0.0.kind == .child }.map { ($0.0.name, $0.1) }
    }

    private static func navigation(_ relationship: Relationship, of name: String) -> Navigation? {
        guard let type = SimulatedType(rawValue: name) else { return nil }
        let path = relationship.path.split(separator: "?")[0]
        let segment = path.split(separator: "/").drop { $0 != "{id}" }.dropFirst().joined(separator: "/")
        return Navigation.find(segment.isEmpty ? relationship.name : segment, of: type)
            ?? Navigation.find(relationship.name, of: type)
    }

    /// Calls `each` with every document's JSON text.
    func documents(_ each: ([UInt8]) -> Void) {
        if row.name == "deletedItem" {
            for cast in row.castTypes {
                guard let type = SimulatedType(rawValue: cast) else { continue }
                for ref in world.refs(type) where world.objects[Int(ref)].state == .softDeleted { each(document(ref)) }
            }
            return
        }
        guard let type = SimulatedType(rawValue: row.name) else { return }
        for ref in world.presentRefs(type) { each(document(ref)) }
    }

    private func document(_ ref: World.Ref) -> [UInt8] {
        var out: [UInt8] = Array(#"{"type":"\#(row.name)","id":"#.utf8)
        JSONText.append(world.id(ref), to: &out)
        out.append(contentsOf: #","attributes":{"#.utf8)
        writeAttributes(ref, to: &out)
        out.append(contentsOf: #"},"links":{"#.utf8)
        writeLinks(ref, to: &out)
        out.append(contentsOf: #"},"children":{"#.utf8)
        writeChildren(ref, to: &out)
        out.append(contentsOf: "}}".utf8)
        return out
    }

    private func separate(_ out: inout [UInt8]) {
        if out.last != UInt8(ascii: "{") { out.append(UInt8(ascii: ",")) }
    }

    private func writeAttributes(_ ref: World.Ref, to out: inout [UInt8]) {
        let object = world.objects[Int(ref)]
        let names = world.attributeNames(ref)
        if row.name == "deletedItem" {
            out.append(contentsOf: #""@odata.type":"\#(object.type.spec.odataType)""#.utf8)
        }
        for (position, name) in names.enumerated() where keeps(name, object.type.spec) {
            if object.marks[position] & StoredObject.hidden != 0 { continue }
            if omitsNulls, object.value(position, nameLength: name.utf8.count).elementsEqual(ObjectBuilder.nullText) {
                continue
            }
            separate(&out)
            JSONText.append(name, to: &out)
            out.append(UInt8(ascii: ":"))
            let value = object.value(position, nameLength: name.utf8.count)
            out.append(contentsOf: name == "customSecurityAttributes" ? Array(value) : Self.clean(value))
        }
    }

    private func keeps(_ name: String, _ spec: TypeSpec) -> Bool {
        if row.volatile.contains(name) || spec.volatile.contains(name) || spec.perObject.contains(name) { return false }
        if name == "@odata.type" { return row.derivesTypes }
        if name.contains("@") { return false }
        // A list that selects names what it wants; one without `$select` gives everything, also what is not known.
        guard let rules = row.name == "deletedItem" ? Catalogue.current[spec.type.rawValue] : row else { return true }
        if rules.readSingly.contains(name) || rules.notReturnedInCollections.contains(name) { return false }
        guard rules.selects || !rules.selectWithPermission.isEmpty || name.hasPrefix("extension_") else { return true }
        return rules.attributes.contains(name) || name.hasPrefix("extension_") && row.name != "deletedItem"
    }

    /// The value without annotations other than types.
    private static func clean(_ value: ArraySlice<UInt8>) -> [UInt8] {
        guard value.first == UInt8(ascii: "{") || value.first == UInt8(ascii: "["),
            value.contains(UInt8(ascii: "@")), let parsed = try? SimulatedJSON.parse(Array(value))
        else { return Array(value) }
        return clean(parsed).encoded
    }

    private static func clean(_ value: SimulatedJSON) -> SimulatedJSON {
        switch value {
        case .array(let items): .array(items.map(clean))
        case .object(let members):
            .object(members.filter { !$0.0.contains("@") || $0.0 == "@odata.type" }.map { ($0.0, clean($0.1)) })
        default: value
        }
    }

    private func writeLinks(_ ref: World.Ref, to out: inout [UInt8]) {
        for (name, navigation) in links {
            separate(&out)
            JSONText.append(name, to: &out)
            out.append(contentsOf: ":[".utf8)
            for (position, id) in linkedIDs(ref, navigation).sorted().enumerated() {
                if position > 0 { out.append(UInt8(ascii: ",")) }
                JSONText.append(id, to: &out)
            }
            out.append(UInt8(ascii: "]"))
        }
    }

    private func linkedIDs(_ ref: World.Ref, _ navigation: Navigation) -> [String] {
        switch navigation.kind {
        case .links(let name), .link(let name):
            return world.targets(name, ref).filter { world.isPresent($0) }.map { world.id($0) }
        case .reverse(let name, let types):
            return world.sources(name, ref).filter { types.contains(world.type($0)) && world.isPresent($0) }
                .map { world.id($0) }
        case .children: return world.children(ref, navigation.segment).compactMap(\.id)
        default: return []
        }
    }

    private func writeChildren(_ ref: World.Ref, to out: inout [UInt8]) {
        for (name, navigation) in children {
            separate(&out)
            JSONText.append(name, to: &out)
            out.append(contentsOf: ":[".utf8)
            for (position, child) in world.children(ref, navigation.segment).enumerated() {
                if position > 0 { out.append(UInt8(ascii: ",")) }
                out.append(contentsOf: Self.clean(child.json[...]))
            }
            out.append(UInt8(ascii: "]"))
        }
    }
}
