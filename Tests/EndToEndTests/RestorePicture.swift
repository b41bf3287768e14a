import BackupModel
import Foundation

/// What ids became, and pictures of a tenant compared through it.
struct RestoredIDs {
    private var new: [String: String] = [:]
    /// Ids of objects that were made anew, as they are now.
    private(set) var made: Set<String> = []

    init() {}

    /// From `idMap` of `restore show`.
    init(_ shown: JSONValue) { add(shown) }

    mutating func add(_ shown: JSONValue) {
        for item in shown["idMap"]?.array ?? [] {
            guard let from = item["from"]?.string, let to = item["to"]?.string else { continue }
            add(from, to)
        }
    }

    mutating func add(_ from: String, _ to: String) {
        for (old, current) in new where current == from { new[old] = to }
        new[from] = to
        made.insert(to)
        // Names of directory extensions hold the application's id without dashes.
        let (short, shortNew) = (from.replacing("-", with: ""), to.replacing("-", with: ""))
        if short.count == 32, shortNew.count == 32 { new[short] = shortNew }
    }

    var count: Int { made.count }

    subscript(_ id: String) -> String { new[id] ?? mapped(id) }

    /// The text with every id in it as it is now.
    func mapped(_ text: String) -> String {
        guard !new.isEmpty else { return text }
        // Short ids, such as those of scope tags, are mapped only as the id of an object and where they are named.
        guard text.utf8.count >= 32 else { return text }
        if let whole = new[text] { return whole }
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            var end = index
            while end < bytes.count, Self.isPart(bytes[end]) { end += 1 }
            if end == index {
                result.append(bytes[index])
                index += 1
                continue
            }
            let word = String(decoding: bytes[index..<end], as: UTF8.self)
            result += Array((end - index >= 32 ? new[word] ?? word : word).utf8)
            index = end
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Hexadecimal digits and dashes: what ids are made of.
    private static func isPart(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) || byte == 0x2D
    }

    /// Every string of the value, names of members included.
    func mapped(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text): .string(mapped(text))
        case .array(let elements): .array(elements.map(mapped))
        case .object(let object): .object(JSONObject(object.map { (mapped($0.name), mapped($0.value, of: $0.name)) }))
        default: value
        }
    }

    private func mapped(_ value: JSONValue, of name: String) -> JSONValue {
        guard name == "roleScopeTagIds", let tags = value.array else { return mapped(value) }
        return .array(tags.map { .string(self[$0.string ?? ""]) })
    }
}

extension ObjectType {
    /// Attributes that Graph sets itself and that nobody can write: they differ after any restore.
    var unwritable: Set<String> { Set(restore.readOnly).subtracting(restore.createOnly) }
}

extension JSONValue {
    /// Without members that are null, at any depth.
    static func withoutNulls(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let elements): .array(elements.map(withoutNulls))
        case .object(let object):
            .object(JSONObject(object.compactMap { $0.value.isNull ? nil : ($0.name, withoutNulls($0.value)) }))
        default: value
        }
    }

    /// An element of a sub-collection without what Graph gives it: its id, times, null members. Inside it ids are those
    /// of other objects.
    static func plainElement(_ value: JSONValue) -> JSONValue { plainElement(value, isNumbered: true) }

    private static func plainElement(_ value: JSONValue, isNumbered: Bool) -> JSONValue {
        switch value {
        case .array(let elements): return .array(elements.map { plainElement($0, isNumbered: isNumbered) })
        case .object(let object):
            let given: Set<String> = ["createdDateTime", "source", "sourceId"]
            let kept = object.filter { member in
                !(member.name == "id" && isNumbered) && !given.contains(member.name) && !member.value.isNull
            }
            return .object(
                JSONObject(
                    kept.map { member in
                        let isNumbered = member.name == "scheduledActionConfigurations"
                        return (member.name, plainElement(member.value, isNumbered: isNumbered))
                    }))
        default: return value
        }
    }
}

/// One difference between what a tenant was and what it is after a restore.
struct RestoreDifference: CustomStringConvertible {
    var type: String
    /// As it was.
    var id: String
    var what: String
    /// What differs: `attributes/NAME`, `links/NAME`, `children/NAME`; empty when the whole object does.
    var paths: [String] = []

    var description: String { "\(type) \(id) \(what)" }
}

extension TenantPicture {
    /// How `now` differs from this picture, through what ids became. Types that nobody can write are left aside, and of
    /// objects made anew what a creation cannot set.
    func differences(after now: TenantPicture, _ ids: RestoredIDs) -> [RestoreDifference] {
        var found: [RestoreDifference] = []
        for type in Catalogue.current.types where type.restore.isRestorable {
            let was = documents[type.name] ?? [:]
            var isNow = now.documents[type.name] ?? [:]
            for (id, document) in was.sorted(by: { $0.key < $1.key }) {
                let current = ids[id]
                guard let other = isNow.removeValue(forKey: current) else {
                    found.append(RestoreDifference(type: type.name, id: id, what: "missing"))
                    continue
                }
                let left = Self.comparable(ids.mapped(document), type, isNew: current != id)
                let right = Self.comparable(other, type, isNew: current != id)
                if left != right {
                    let parts = Self.parts(left, right)
                    found.append(
                        RestoreDifference(
                            type: type.name, id: id, what: parts.map(\.text).joined(separator: "; "),
                            paths: parts.map(\.path)))
                }
            }
            for id in isNow.keys.sorted() {
                found.append(RestoreDifference(type: type.name, id: id, what: "too many"))
            }
        }
        return found
    }

    /// What the service sets by itself when a schedule is requested anew.
    private static let given: Set<String> = ["createdDateTime", "createdUsing", "modifiedDateTime"]

    /// Without what nobody can write (times of changes, versions), and without null members: to Graph null and absence
    /// are one.
    private static func comparable(_ document: JSONValue, _ type: ObjectType, isNew: Bool) -> JSONValue {
        let unwritable = type.unwritable
        var attributes = (document["attributes"]?.object ?? [:]).filter { !unwritable.contains($0.name) }
            .map { (name: $0.name, value: JSONValue.withoutNulls($0.value)) }
        if isNew, type.restore.mode == .request {
            attributes.removeAll { given.contains($0.name) }
            // A new schedule begins now.
            attributes = attributes.map { attribute in
                guard attribute.name == "scheduleInfo", var info = attribute.value.object else { return attribute }
                info["startDateTime"] = nil
                return (name: attribute.name, value: .object(info))
            }
        }
        let children = (document["children"]?.object ?? [:]).map { name, value in
            let elements = (value.array ?? []).map { sorted(JSONValue.plainElement($0), type) }
            return (name, JSONValue.array(elements.sorted { $0.canonicalText < $1.canonicalText }))
        }
        let links = (document["links"]?.object ?? [:]).map { name, value in
            (name, JSONValue.array((value.array ?? []).sorted { $0.canonicalText < $1.canonicalText }))
        }
        return [
            "attributes": sorted(.object(JSONObject(attributes.map { ($0.name, $0.value) })), type),
            "links": .object(JSONObject(links)), "children": .object(JSONObject(children)),
        ]
    }

    private static func sorted(_ value: JSONValue, _ type: ObjectType) -> JSONValue {
        switch value {
        case .array(let elements):
            let inner = elements.map { sorted($0, type) }
            return .array(type.orderedArrays ? inner : inner.sorted { $0.canonicalText < $1.canonicalText })
        case .object(let object): return .object(JSONObject(object.map { ($0.name, sorted($0.value, type)) }))
        default: return value
        }
    }

    private static func parts(_ old: JSONValue, _ new: JSONValue) -> [(path: String, text: String)] {
        var parts: [(path: String, text: String)] = []
        for group in ["attributes", "links", "children"] {
            let before = old[group]?.object ?? [:], after = new[group]?.object ?? [:]
            for name in Set(before.names).union(after.names).sorted() where before[name] != after[name] {
                let text = "\((before[name] ?? .null).canonicalText) -> \((after[name] ?? .null).canonicalText)"
                parts.append(("\(group)/\(name)", "\(group)/\(name) \(text.prefix(1500))"))
            }
        }
        return parts
    }
}
