/// Everything that one simulated tenant holds, and the log of what changed in it.
///
/// Not thread-safe: `SimulatedTenant` guards it.
struct World {
    /// Position in `objects`; never reused.
    typealias Ref = UInt32

    struct ChildKey: Hashable {
        let owner: Ref
        let segment: String
    }

    /// One owned sub-object.
    struct Child {
        let id: String?
        /// The whole object's JSON text.
        var json: [UInt8]
    }

    /// One entry of the change log; its position is its sequence number.
    struct Change {
        enum Kind: UInt8 {
            case created, updated, softDeleted, purged, restored, linked, unlinked, childrenChanged
        }

        let ref: Ref
        let kind: Kind
        let link: LinkName
        let target: Ref
        /// Attributes of an update.
        let keys: [UInt16]
    }

    let tenantID: String
    let seed: UInt64
    var shapes = Shapes()
    private(set) var objects: [StoredObject] = []
    /// Objects of each type in order of creation, deleted ones included.
    private(set) var byType: [[Ref]] = Array(repeating: [], count: SimulatedType.allCases.count)
    private var ids: [[String: Ref]] = Array(repeating: [:], count: SimulatedType.allCases.count)
    private(set) var counts: [Int] = Array(repeating: 0, count: SimulatedType.allCases.count)
    var links: [LinkTable] = Array(repeating: LinkTable(), count: LinkName.allCases.count)
    var children: [ChildKey: [Child]] = [:]
    var changes: [Change] = []
    /// Links of objects in the recycle bin, to be put back when they are restored.
    var parked: [Ref: [(LinkName, Ref, Ref)]] = [:]
    /// The tenant's clock, in seconds since 1970; every change advances it.
    var now = Timestamp.epoch
    /// Changes made before the tenant was handed out are its initial state and are not logged.
    var logs = false

    init(tenantID: String, seed: UInt64) {
        self.tenantID = tenantID
        self.seed = seed
    }

    // MARK: Reading

    /// The object's key as text.
    func id(_ ref: Ref) -> String { String(decoding: idBytes(ref), as: UTF8.self) }

    /// The object's key without quotes, as it stands in the JSON text.
    func idBytes(_ ref: Ref) -> ArraySlice<UInt8> {
        let object = objects[Int(ref)]
        let name = shapes.names[Int(shapes.shapes[Int(object.shape)][0])]
        return object.body[name.utf8.count + 4..<object.end(0) - 2]
    }

    func ref(_ type: SimulatedType, _ id: String) -> Ref? { ids[type.index][id] }

    /// A directory object of any type.
    func directoryObject(_ id: String) -> Ref? {
        for type in SimulatedType.allCases where type.spec.flags.contains(.directoryObject) {
            if let ref = ids[type.index][id] { return ref }
        }
        return nil
    }

    func type(_ ref: Ref) -> SimulatedType { objects[Int(ref)].type }

    func isPresent(_ ref: Ref) -> Bool { objects[Int(ref)].state == .present }

    func refs(_ type: SimulatedType) -> [Ref] { byType[type.index] }

    func presentRefs(_ type: SimulatedType) -> [Ref] { byType[type.index].filter { isPresent($0) } }

    func count(_ type: SimulatedType) -> Int { counts[type.index] }

    /// The attribute's JSON text, nil when the object has no such attribute.
    func json(_ ref: Ref, _ name: String) -> ArraySlice<UInt8>? {
        let object = objects[Int(ref)]
        guard let position = shapes.position(of: name, in: object.shape), position < object.marks.count else {
            return nil
        }
        return object.value(position, nameLength: name.utf8.count)
    }

    /// The attribute's value.
    func value(_ ref: Ref, _ name: String) -> SimulatedJSON? {
        json(ref, name).flatMap { try? SimulatedJSON.parse(Array($0)) }
    }

    func text(_ ref: Ref, _ name: String) -> String? { value(ref, name)?.text }

    /// The attribute names of one object, in order.
    func attributeNames(_ ref: Ref) -> [String] {
        shapes.shapes[Int(objects[Int(ref)].shape)].map { shapes.names[Int($0)] }
    }

    func targets(_ name: LinkName, _ source: Ref) -> [Ref] { links[Int(name.rawValue)].targets(of: source) }

    func sources(_ name: LinkName, _ target: Ref) -> [Ref] { links[Int(name.rawValue)].sources(of: target) }

    func children(_ owner: Ref, _ segment: String) -> [Child] {
        children[ChildKey(owner: owner, segment: segment)] ?? []
    }

    // MARK: Storing

    /// Takes a finished object in; its first attribute is its key.
    mutating func insert(_ object: StoredObject) -> Ref {
        let ref = Ref(objects.count)
        objects.append(object)
        byType[object.type.index].append(ref)
        ids[object.type.index][id(ref)] = ref
        if object.state == .present { counts[object.type.index] += 1 }
        return ref
    }

    mutating func setState(_ ref: Ref, _ state: StoredObject.State) {
        let old = objects[Int(ref)].state
        let index = objects[Int(ref)].type.index
        if old == .present, state != .present { counts[index] -= 1 }
        if old != .present, state == .present { counts[index] += 1 }
        objects[Int(ref)].state = state
    }

    /// Keeps nothing but the key.
    mutating func strip(_ ref: Ref) {
        let end = objects[Int(ref)].end(0)
        let key = shapes.shapes[Int(objects[Int(ref)].shape)][0]
        objects[Int(ref)].shape = shapes.shape([key])
        objects[Int(ref)].body = Array(objects[Int(ref)].body[..<end])
        objects[Int(ref)].marks = [UInt32(end)]
        children = children.filter { $0.key.owner != ref }
    }

    /// Replaces or adds attributes; `nil` text means null.
    /// - Returns: the names whose text really changed.
    mutating func replace(_ ref: Ref, _ values: [(String, [UInt8]?)]) -> [String] {
        let object = objects[Int(ref)]
        let names = attributeNames(ref)
        var wanted = Dictionary(values, uniquingKeysWith: { $1 })
        var changed: [String] = []
        var builder = ObjectBuilder()
        for (position, name) in names.enumerated() {
            let old = Array(object.value(position, nameLength: name.utf8.count))
            let hidden = object.marks[position] & StoredObject.hidden != 0
            if let new = wanted.removeValue(forKey: name), (new ?? Array("null".utf8)) != old {
                builder.dynamic(name, new ?? Array("null".utf8), hidden: hidden)
                changed.append(name)
            } else {
                builder.dynamic(name, old, unset: object.isUnset(position), hidden: hidden)
            }
        }
        for (name, new) in values where wanted[name] != nil {
            builder.dynamic(name, new ?? Array("null".utf8))
            changed.append(name)
        }
        objects[Int(ref)] = builder.finish(object.type, state: object.state, in: &shapes)
        return changed
    }
}
