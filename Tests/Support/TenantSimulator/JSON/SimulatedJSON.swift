/// A JSON value as the simulator reads it from requests, fixtures and policy exports.
///
/// Objects keep the order of their members and numbers keep their digits, so that what was loaded is served
/// verbatim: a service that answers 64-bit integers must not hand back doubles.
public enum SimulatedJSON: Sendable, Equatable {
    case null
    case bool(Bool)
    /// The digits as they were written.
    case number(String)
    case string(String)
    case array([SimulatedJSON])
    case object([(String, SimulatedJSON)])

    public static func == (left: SimulatedJSON, right: SimulatedJSON) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let one), .bool(let other)): one == other
        case (.number(let one), .number(let other)): one == other
        case (.string(let one), .string(let other)): one == other
        case (.array(let one), .array(let other)): one == other
        case (.object(let one), .object(let other)):
            one.count == other.count && one.allSatisfy { member in other.contains { $0 == member } }
        default: false
        }
    }

    /// The first member with this name, or nil (also for values that are no objects).
    public subscript(name: String) -> SimulatedJSON? {
        get { members?.first { $0.0 == name }?.1 }
        set {
            guard case .object(var list) = self else { return }
            if let position = list.firstIndex(where: { $0.0 == name }) {
                if let newValue { list[position].1 = newValue } else { list.remove(at: position) }
            } else if let newValue {
                list.append((name, newValue))
            }
            self = .object(list)
        }
    }

    public var members: [(String, SimulatedJSON)]? {
        if case .object(let list) = self { list } else { nil }
    }

    public var items: [SimulatedJSON]? {
        if case .array(let list) = self { list } else { nil }
    }

    public var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    public var integer: Int? {
        if case .number(let digits) = self { Int(digits) } else { nil }
    }

    public var double: Double? {
        if case .number(let digits) = self { Double(digits) } else { nil }
    }

    public var boolean: Bool? {
        if case .bool(let flag) = self { flag } else { nil }
    }

    public var isNull: Bool { self == .null }

    /// The compact encoding.
    public var encoded: [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return bytes
    }

    func write(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let flag): bytes.append(contentsOf: (flag ? "true" : "false").utf8)
        case .number(let digits): bytes.append(contentsOf: digits.utf8)
        case .string(let text): JSONText.append(text, to: &bytes)
        case .array(let list): writeList(list, to: &bytes)
        case .object(let list): writeMembers(list, to: &bytes)
        }
    }

    private func writeList(_ list: [SimulatedJSON], to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        for (position, item) in list.enumerated() {
            if position > 0 { bytes.append(UInt8(ascii: ",")) }
            item.write(to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    private func writeMembers(_ list: [(String, SimulatedJSON)], to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "{"))
        for (position, member) in list.enumerated() {
            if position > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONText.append(member.0, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            member.1.write(to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
    }
}

/// Strings in JSON text.
enum JSONText {
    /// Appends `text` quoted and escaped.
    static func append(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { units in
            if units.contains(where: { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C }) {
                for unit in units { escape(unit, to: &bytes) }
            } else {
                bytes.append(contentsOf: units)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    static func quoted(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        append(text, to: &bytes)
        return bytes
    }

    private static func escape(_ unit: UInt8, to bytes: inout [UInt8]) {
        switch unit {
        case 0x22, 0x5C: bytes.append(contentsOf: [0x5C, unit])
        case 0x0A: bytes.append(contentsOf: "\\n".utf8)
        case 0x0D: bytes.append(contentsOf: "\\r".utf8)
        case 0x09: bytes.append(contentsOf: "\\t".utf8)
        case 0..<0x20:
            let digits = Array("0123456789abcdef".utf8)
            bytes.append(contentsOf: "\\u00".utf8)
            bytes.append(digits[Int(unit >> 4)])
            bytes.append(digits[Int(unit & 15)])
        default: bytes.append(unit)
        }
    }
}
