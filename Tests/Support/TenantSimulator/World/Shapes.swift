/// Attribute names and the sequences of them that objects have; almost all objects of a type share one.
struct Shapes {
    private(set) var names: [String] = []
    private(set) var shapes: [[UInt16]] = []
    private var keys: [String: UInt16] = [:]
    private var known: [[UInt16]: UInt32] = [:]

    mutating func key(_ name: String) -> UInt16 {
        if let key = keys[name] { return key }
        let key = UInt16(names.count)
        names.append(name)
        keys[name] = key
        return key
    }

    func existingKey(_ name: String) -> UInt16? { keys[name] }

    mutating func shape(_ sequence: [UInt16]) -> UInt32 {
        if let shape = known[sequence] { return shape }
        let shape = UInt32(shapes.count)
        shapes.append(sequence)
        known[sequence] = shape
        return shape
    }

    func position(of name: String, in shape: UInt32) -> Int? {
        guard let key = keys[name] else { return nil }
        return shapes[Int(shape)].firstIndex(of: key)
    }
}

/// One object: its attributes as pre-encoded JSON members, so that answering is copying.
struct StoredObject {
    enum State: UInt8 {
        case present
        /// In the recycle bin.
        case softDeleted
        /// Purged; only the id is left, for delta answers.
        case gone
    }

    let type: SimulatedType
    var state: State
    var shape: UInt32
    /// `"name":value,` one after the other; the first is always the object's key.
    var body: [UInt8]
    /// Where each member ends in `body`, with flags in the high bits.
    var marks: [UInt32]

    /// The attribute is null and never had a value: delta answers leave it out.
    static let unset: UInt32 = 1 << 31
    /// The member only carries the object's key; the service does not show it.
    static let hidden: UInt32 = 1 << 30
    static let offsetMask: UInt32 = (1 << 30) - 1

    func start(_ position: Int) -> Int {
        position == 0 ? 0 : Int(marks[position - 1] & Self.offsetMask)
    }

    func end(_ position: Int) -> Int { Int(marks[position] & Self.offsetMask) }

    func isUnset(_ position: Int) -> Bool { marks[position] & Self.unset != 0 }

    /// The value's JSON text.
    func value(_ position: Int, nameLength: Int) -> ArraySlice<UInt8> {
        body[start(position) + nameLength + 3..<end(position) - 1]
    }
}

/// Collects the attributes of one object in order.
///
/// Keep one builder for many objects of a type: it remembers the last sequence of names, so that objects of one shape
/// cost no look-ups.
struct ObjectBuilder {
    private var body: [UInt8] = []
    private var marks: [UInt32] = []
    /// Names by their address, and those that are known only at run time by position.
    private var names: [StaticString] = []
    private var dynamicNames: [Int: String] = [:]
    private var lastNames: [UnsafePointer<UInt8>] = []
    private var lastShape: UInt32 = 0

    private mutating func open(_ name: StaticString) {
        names.append(name)
        body.append(UInt8(ascii: "\""))
        body.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        body.append(UInt8(ascii: "\""))
        body.append(UInt8(ascii: ":"))
    }

    private mutating func close(flags: UInt32 = 0) {
        body.append(UInt8(ascii: ","))
        marks.append(UInt32(body.count) | flags)
    }

    mutating func string(_ name: StaticString, _ value: String?) {
        guard let value else { return null(name) }
        open(name)
        JSONText.append(value, to: &body)
        close()
    }

    /// A null that was never anything else.
    mutating func null(_ name: StaticString) {
        open(name)
        body.append(contentsOf: Self.nullText)
        close(flags: StoredObject.unset)
    }

    mutating func bool(_ name: StaticString, _ value: Bool?) {
        guard let value else { return null(name) }
        raw(name, value ? "true" : "false")
    }

    mutating func int(_ name: StaticString, _ value: Int?) {
        guard let value else { return null(name) }
        raw(name, String(value))
    }

    /// JSON text.
    mutating func raw(_ name: StaticString, _ json: String?) {
        guard let json else { return null(name) }
        open(name)
        body.append(contentsOf: json.utf8)
        close()
    }

    mutating func strings(_ name: StaticString, _ values: [String]) {
        open(name)
        body.append(UInt8(ascii: "["))
        for (position, value) in values.enumerated() {
            if position > 0 { body.append(UInt8(ascii: ",")) }
            JSONText.append(value, to: &body)
        }
        body.append(UInt8(ascii: "]"))
        close()
    }

    /// An attribute whose name is known only at run time.
    mutating func dynamic(_ name: String, _ json: some Sequence<UInt8>, unset: Bool = false, hidden: Bool = false) {
        dynamicNames[names.count] = name
        names.append("")
        JSONText.append(name, to: &body)
        body.append(UInt8(ascii: ":"))
        body.append(contentsOf: json)
        close(flags: (unset ? StoredObject.unset : 0) | (hidden ? StoredObject.hidden : 0))
    }

    static let nullText = Array("null".utf8)

    /// The object, with exactly sized storage (a copy of an array or slice could share the builder's, which has room to
    /// spare); the builder is empty again.
    mutating func finish(
        _ type: SimulatedType, state: StoredObject.State = .present, in shapes: inout Shapes
    ) -> StoredObject {
        let object = StoredObject(
            type: type, state: state, shape: shape(in: &shapes), body: body.withUnsafeBufferPointer { Array($0) },
            marks: marks.withUnsafeBufferPointer { Array($0) })
        body.removeAll(keepingCapacity: true)
        marks.removeAll(keepingCapacity: true)
        names.removeAll(keepingCapacity: true)
        dynamicNames.removeAll(keepingCapacity: true)
        return object
    }

    private mutating func shape(in shapes: inout Shapes) -> UInt32 {
        if dynamicNames.isEmpty, names.count == lastNames.count,
            names.indices.allSatisfy({ names[$0].utf8Start == lastNames[$0] })
        {
            return lastShape
        }
        var keys: [UInt16] = []
        for (position, name) in names.enumerated() {
            keys.append(shapes.key(dynamicNames[position] ?? name.description))
        }
        let shape = shapes.shape(keys)
        if dynamicNames.isEmpty {
            lastNames = names.map(\.utf8Start)
            lastShape = shape
        }
        return shape
    }
}
