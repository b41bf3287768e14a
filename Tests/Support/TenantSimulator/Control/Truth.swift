import BackupModel

/// What a tenant really holds, as object documents: what a perfect backup would say.
struct Truth {
    private let world: World
    private let row: BackupModel.ObjectType
    private let links: [(name: String, navigation: Navigation)]
    private let children: [(name: String, navigation: Navigation)]
    private let omitsNulls: Bool
    /// The directory extensions that are defined: a value without its definition is no longer there for anybody.
    private let extensions: Set<String>
    /// What to do with each attribute, by the objects' shapes and types.
    private var plans: [Shape: [Step]] = [:]

    private struct Shape: Hashable {
        let number: UInt32
        let type: SimulatedType
    }

    private enum Step {
        case skip, copy(nameLength: Int), clean(nameLength: Int)
    }

    /// nil for a name that the catalogue does not have.
    init?(_ world: World, type name: String, omitsNulls: Bool) {
        guard let row = Catalogue.current[name] else { return nil }
        self.world = world
        self.row = row
        self.omitsNulls = omitsNulls
        extensions = world.definedExtensions
        let kept = row.relationships.filter(\.isBackedUp).compactMap { relationship in
            Self.navigation(relationship, of: name).map { (relationship, $0) }
        }
        links = kept.filter { $0.0.kind == .link }.map { ($0.0.name, $0.1) }
        children = kept.filter { $0.0.kind == .child }.map { ($0.0.name, $0.1) }
        for ref in refs {
            let object = world.objects[Int(ref)]
            let shape = Shape(number: object.shape, type: object.type)
            if plans[shape] == nil { plans[shape] = plan(world.attributeNames(ref), object.type.spec) }
        }
    }

    private func plan(_ names: [String], _ spec: TypeSpec) -> [Step] {
        names.map { name in
            guard keeps(name, spec) else { return .skip }
            let length = name.utf8.count
            return name == "customSecurityAttributes" ? .copy(nameLength: length) : .clean(nameLength: length)
        }
    }

    private static func navigation(_ relationship: Relationship, of name: String) -> Navigation? {
        guard let type = SimulatedType(rawValue: name) else { return nil }
        let path = relationship.path.split(separator: "?")[0]
        let segment = path.split(separator: "/").drop { $0 != "{id}" }.dropFirst().joined(separator: "/")
        return Navigation.find(segment.isEmpty ? relationship.name : segment, of: type)
            ?? Navigation.find(relationship.name, of: type)
    }

    /// The objects that have a document.
    var refs: [World.Ref] {
        guard row.name == "deletedItem" else {
            return SimulatedType(rawValue: row.name).map { world.presentRefs($0) } ?? []
        }
        return row.castTypes.compactMap { SimulatedType(rawValue: $0) }.flatMap { type in
            world.refs(type).filter { world.objects[Int($0)].state == .softDeleted }
        }
    }

    /// The JSON text of one object's document.
    func document(_ ref: World.Ref) -> [UInt8] {
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
        if row.name == "deletedItem" {
            out.append(contentsOf: #""@odata.type":"\#(object.type.spec.odataType)""#.utf8)
        }
        for (position, step) in (plans[Shape(number: object.shape, type: object.type)] ?? []).enumerated() {
            let length: Int
            switch step {
            case .skip: continue
            case .copy(let name), .clean(let name): length = name
            }
            if object.marks[position] & StoredObject.hidden != 0 { continue }
            let value = object.value(position, nameLength: length)
            if omitsNulls, value.elementsEqual(ObjectBuilder.nullText) { continue }
            separate(&out)
            out.append(contentsOf: object.body[object.start(position)..<value.startIndex])
            if case .clean = step, value.first == UInt8(ascii: "{") || value.first == UInt8(ascii: "[") {
                out.append(contentsOf: Self.clean(value))
            } else {
                out.append(contentsOf: value)
            }
        }
    }

    private func keeps(_ name: String, _ spec: TypeSpec) -> Bool {
        if row.volatile.contains(name) || spec.volatile.contains(name) || spec.perObject.contains(name) { return false }
        if name == "@odata.type" { return row.derivesTypes }
        if name.contains("@") { return false }
        if name.hasPrefix("extension_"), !extensions.contains(name) { return false }
        // A list that selects names what it wants; one without `$select` gives everything, also what is not known.
        guard let rules = row.name == "deletedItem" ? Catalogue.current[spec.type.rawValue] : row else { return true }
        if rules.readSingly.contains(name) || rules.notReturnedInCollections.contains(name) { return false }
        guard rules.selects || !rules.selectWithPermission.isEmpty || name.hasPrefix("extension_") else { return true }
        return rules.attributes.contains(name) || name.hasPrefix("extension_") && row.name != "deletedItem"
    }

    /// The value without annotations other than types. Few values have any, so they are looked for first.
    private static func clean(_ value: ArraySlice<UInt8>) -> [UInt8] {
        guard value.first == UInt8(ascii: "{") || value.first == UInt8(ascii: "["), hasAnnotation(value),
            let parsed = try? SimulatedJSON.parse(Array(value))
        else { return Array(value) }
        return clean(parsed).encoded
    }

    private static func hasAnnotation(_ value: ArraySlice<UInt8>) -> Bool {
        value.withUnsafeBufferPointer { bytes in
            let word = Array("@odata.".utf8)
            var position = 0
            while position + word.count <= bytes.count {
                if bytes[position] == word[0], bytes[position..<position + word.count].elementsEqual(word) {
                    return true
                }
                position += 1
            }
            return false
        }
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

extension World {
    /// The names of the directory extensions that present applications define.
    var definedExtensions: Set<String> {
        var names: Set<String> = []
        for application in presentRefs(.application) {
            for child in children(application, "extensionProperties") {
                if let name = (try? SimulatedJSON.parse(child.json))?["name"]?.text { names.insert(name) }
            }
        }
        return names
    }
}
