import NIOCore

/// Which attributes of an object an answer shows.
struct Projection {
    enum Audience { case list, single, delta }

    private let spec: TypeSpec
    private let selected: Set<String>?
    private let order: [String]
    private let audience: Audience
    /// Attributes that the caller may not see: absent, without an error.
    private let forbidden: Set<String>
    private var plans: [UInt32: Plan] = [:]

    /// What to copy from objects of one shape.
    struct Plan {
        let includes: [Bool]
        /// Members to add for selected properties that the object does not have.
        let nulls: [UInt8]
    }

    /// The properties of a user that come without `$select`.
    private static let userDefaults: Set<String> = [
        "id", "businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation",
        "preferredLanguage", "surname", "userPrincipalName",
    ]
    /// Attributes with a permission of their own.
    static let guarded: [SimulatedType: [String: [String]]] = [
        .user: [
            "customSecurityAttributes": [
                "CustomSecAttributeAssignment.Read.All", "CustomSecAttributeAssignment.ReadWrite.All",
            ],
            "signInActivity": ["AuditLog.Read.All"],
            "employeeLeaveDateTime": ["User-LifeCycleInfo.Read.All", "User-LifeCycleInfo.ReadWrite.All"],
        ],
        .servicePrincipal: [
            "customSecurityAttributes": [
                "CustomSecAttributeAssignment.Read.All", "CustomSecAttributeAssignment.ReadWrite.All",
            ]
        ],
    ]

    init(_ type: SimulatedType, select: [String]?, audience: Audience, granted: Set<String>) {
        spec = type.spec
        order = select ?? []
        var names = select.map(Set.init)
        if audience == .delta { names?.insert("id") }
        selected = names
        self.audience = audience
        forbidden = Set(
            (Self.guarded[type] ?? [:]).filter { granted.isDisjoint(with: $0.value) }.keys)
    }

    private func includes(_ name: String) -> Bool {
        guard !forbidden.contains(name) else { return false }
        if spec.perObject.contains(name) && audience != .single { return false }
        if let selected { return selected.contains(name) }
        if spec.type == .user { return Self.userDefaults.contains(name) }
        return !spec.onlySelected.contains(name) && !spec.perObject.contains(name) && !name.hasPrefix("extension_")
    }

    mutating func plan(_ shape: UInt32, _ shapes: Shapes) -> Plan {
        if let plan = plans[shape] { return plan }
        let names = shapes.shapes[Int(shape)].map { shapes.names[Int($0)] }
        var nulls: [UInt8] = []
        if audience != .delta {
            for name in order where spec.properties.contains(name) && !names.contains(name) && includes(name) {
                JSONText.append(name, to: &nulls)
                nulls.append(contentsOf: ":null,".utf8)
            }
        }
        let plan = Plan(includes: names.map(includes), nulls: nulls)
        plans[shape] = plan
        return plan
    }
}

extension ByteBuffer {
    /// Opens an object and writes the attributes that `plan` includes; members may follow, then `closeObject`.
    ///
    /// - Parameter prefix: members that come first, each with its comma.
    mutating func openObject(_ object: StoredObject, _ plan: Projection.Plan, prefix: [UInt8], skipUnset: Bool) {
        let room = prefix.count + object.body.count + plan.nulls.count + 2
        writeWithUnsafeMutableBytes(minimumWritableBytes: room) { out in
            var position = 0
            func copy(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) {
                guard end > start, let from = bytes.baseAddress, let to = out.baseAddress else { return }
                (to + position).copyMemory(from: from + start, byteCount: end - start)
                position += end - start
            }
            out[0] = UInt8(ascii: "{")
            position = 1
            prefix.withUnsafeBytes { copy($0, 0, $0.count) }
            object.body.withUnsafeBytes { body in
                object.marks.withUnsafeBufferPointer { marks in
                    plan.includes.withUnsafeBufferPointer { includes in
                        var runStart = -1
                        var end = 0
                        for index in 0..<marks.count {
                            let start = end
                            let mark = marks[index]
                            end = Int(mark & StoredObject.offsetMask)
                            let shown =
                                includes[index] && mark & StoredObject.hidden == 0
                                && !(skipUnset && mark & StoredObject.unset != 0)
                            if shown {
                                if runStart < 0 { runStart = start }
                            } else if runStart >= 0 {
                                copy(body, runStart, start)
                                runStart = -1
                            }
                        }
                        if runStart >= 0 { copy(body, runStart, end) }
                    }
                }
            }
            plan.nulls.withUnsafeBytes { copy($0, 0, $0.count) }
            return position
        }
    }

    /// Ends an object whose members end with commas.
    mutating func closeObject() {
        let last = writerIndex - 1
        if getInteger(at: last, as: UInt8.self) == UInt8(ascii: ",") {
            setInteger(UInt8(ascii: "}"), at: last)
        } else {
            writeInteger(UInt8(ascii: "}"))
        }
    }

    /// Ends an array whose elements end with commas.
    mutating func closeArray() {
        let last = writerIndex - 1
        if getInteger(at: last, as: UInt8.self) == UInt8(ascii: ",") {
            setInteger(UInt8(ascii: "]"), at: last)
        } else {
            writeInteger(UInt8(ascii: "]"))
        }
    }

    mutating func writeJSON(_ text: String) { writeBytes(JSONText.quoted(text)) }
}
