public import BackupModel

/// A condition on an attribute: `department eq Sales`, `accountEnabled ne true`, `proxyAddresses contains @old`.
public struct SearchCondition: Sendable, Hashable {
    /// How values are compared: raw values are words of the command line. Case counts for `gt` and `lt` of texts alone.
    public enum Operator: String, Sendable, CaseIterable {
        case equals = "eq"
        case differs = "ne"
        case contains
        case startsWith
        case greater = "gt"
        case less = "lt"
    }

    /// Names from the top, `/`-separated: `onPremisesExtensionAttributes/extensionAttribute1`.
    public let path: [String]
    /// `ne` holds for an attribute that is absent, too.
    public let comparison: Operator
    /// Without its quotes. Compared as a text; by `gt` and `lt` as a number where both are one.
    public let value: String

    /// Reads `attribute op value`; the value may be in single quotes. `nil` for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: " ", maxSplits: 2).map(String.init)
        guard parts.count == 3, let comparison = Operator(rawValue: parts[1]) else { return nil }
        path = parts[0].split(separator: "/").map(String.init)
        // Without a name `ne` would hold for every object.
        guard !path.isEmpty else { return nil }
        self.comparison = comparison
        let raw = parts[2]
        value = raw.count >= 2 && raw.hasPrefix("'") && raw.hasSuffix("'") ? String(raw.dropFirst().dropLast()) : raw
    }

    /// The paths at which the condition holds in the document; empty when it does not.
    public func matches(_ document: ObjectDocument) -> [String] {
        let found = values(.object(document.attributes), path[...], "")
        // An attribute that is absent differs from every value.
        if comparison == .differs {
            let isEqual = found.contains { text($0.value)?.lowercased() == value.lowercased() }
            return isEqual ? [] : ["/" + path.joined(separator: "/")]
        }
        return found.filter { holds(text($0.value)) }.map(\.path)
    }

    /// The values at the path; arrays are looked into.
    private func values(_ value: JSONValue, _ rest: ArraySlice<String>, _ path: String)
        -> [(path: String, value: JSONValue)]
    {
        if let elements = value.array { return elements.flatMap { values($0, rest, path) } }
        guard let name = rest.first else { return [(path, value)] }
        guard let next = value[name] else { return [] }
        return values(next, rest.dropFirst(), "\(path)/\(name)")
    }

    private func text(_ value: JSONValue) -> String? {
        switch value {
        case .string(let text): text
        case .number(let text): text
        case .bool(let flag): flag ? "true" : "false"
        case .null: "null"
        case .array, .object: nil
        }
    }

    private func holds(_ text: String?) -> Bool {
        guard let text else { return false }
        switch comparison {
        case .equals: return text.lowercased() == value.lowercased()
        case .differs: return text.lowercased() != value.lowercased()
        case .contains: return text.lowercased().contains(value.lowercased())
        case .startsWith: return text.lowercased().hasPrefix(value.lowercased())
        case .greater, .less:
            let isGreater: Bool
            if let a = Double(text), let b = Double(value) {
                if a == b { return false }
                isGreater = a > b
            } else {
                if text == value { return false }
                isGreater = text > value
            }
            return isGreater == (comparison == .greater)
        }
    }
}
