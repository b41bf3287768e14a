/// One item of `$expand`, with its nested options.
struct Expansion {
    let navigation: Navigation
    let select: [String]?
    let expand: String?

    /// Directory objects let a request expand one relationship; other services have no such limit.
    static func parse(_ text: String?, of spec: TypeSpec) throws(GraphFailure) -> [Expansion] {
        guard let text, !text.isEmpty else { return [] }
        var list: [Expansion] = []
        for item in split(text, at: ",") {
            let name = item.prefix { $0 != "(" }.trimmingSpaces()
            guard let navigation = Navigation.find(name, of: spec.type) else {
                throw .badRequest(
                    "Parsing OData Select and Expand failed: Could not find a property named '\(name)'.",
                    code: "BadRequest")
            }
            let inner = item.dropFirst(item.prefix { $0 != "(" }.count + 1).dropLast()
            var options = GraphRequest.Query()
            for option in split(String(inner), at: ";") where !option.isEmpty {
                options.add(option)
            }
            let select = options["select"].map { $0.split(separator: ",").map { $0.trimmingSpaces() } }
            list.append(Expansion(navigation: navigation, select: select, expand: options["expand"]))
        }
        let isDirectory = spec.flags.contains(.directoryObject)
        if isDirectory, list.count > 1 {
            throw .badRequest(
                "Expanding more than one navigation property is not supported.", code: "Request_UnsupportedQuery")
        }
        return list
    }

    /// Splits at a separator outside of parentheses.
    private static func split(_ text: String, at separator: Character) -> [String] {
        var list: [String] = []
        var depth = 0
        var item = ""
        for character in text {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == separator, depth == 0 {
                list.append(item.trimmingSpaces())
                item = ""
            } else {
                item.append(character)
            }
        }
        list.append(item.trimmingSpaces())
        return list
    }
}

extension GraphRequest.Query {
    /// Adds one `name=value` that is already decoded.
    mutating func add(_ pair: String) {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        set(parts[0].lowercased(), parts.count > 1 ? String(parts[1]) : "")
    }
}
