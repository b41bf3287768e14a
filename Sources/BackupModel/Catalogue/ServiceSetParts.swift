/// Names inside values that the services set or fill in, whatever was written, as a tree.
///
/// A path such as `appRoles/origin` leads through lists to each of their elements. A leaf is the whole member.
public struct ServiceSetParts: Sendable, Hashable {
    private(set) var inner: [String: ServiceSetParts] = [:]

    init(_ paths: [String] = []) {
        for path in paths { add(path.split(separator: "/").map(String.init)[...]) }
    }

    private mutating func add(_ tokens: ArraySlice<String>) {
        guard let name = tokens.first else { return }
        inner[name, default: ServiceSetParts()].add(tokens.dropFirst())
    }

    /// What is set inside the member; nil when nothing of it is.
    subscript(_ name: String) -> ServiceSetParts? { inner[name] }

    /// Whether the services set the whole member.
    func isWhole(_ name: String) -> Bool { inner[name]?.inner.isEmpty ?? false }

    /// The value without them.
    func removed(from value: JSONValue) -> JSONValue {
        if inner.isEmpty { return value }
        switch value {
        case .array(let elements): return .array(elements.map(removed))
        case .object(let object):
            return .object(
                JSONObject(
                    object.compactMap { member in
                        guard let parts = inner[member.name] else { return (member.name, member.value) }
                        return parts.inner.isEmpty ? nil : (member.name, parts.removed(from: member.value))
                    }))
        default: return value
        }
    }
}

extension ObjectType {
    /// Times that the services note in the elements of sub-collections.
    private static let times = ["createdDateTime", "lastModifiedDateTime"]

    /// ``RestoreRules/serviceSet``, with the times that every element has.
    static func serviceSet(_ rules: RestoreRules, _ relationships: [Relationship]) -> ServiceSetParts {
        let noted = relationships.filter { $0.kind == .child }.flatMap { child in times.map { "\(child.name)/\($0)" } }
        return ServiceSetParts(rules.serviceSet + noted)
    }

    /// The value of an attribute, or an element of a sub-collection, as a write may carry it.
    func written(_ name: String, _ value: JSONValue) -> JSONValue {
        serviceSet[name]?.removed(from: value) ?? value
    }
}
