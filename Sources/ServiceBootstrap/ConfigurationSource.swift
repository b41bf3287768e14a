import Foundation
import Yams

/// Key paths and their texts, from a YAML file with environment variables laid over it.
///
/// `database.passwordFile` is `ENTRA_BACKUP_DATABASE_PASSWORD_FILE` in the environment.
struct ConfigurationSource: Sendable {
    private var values: [String: String] = [:]
    private var fromEnvironment: Set<String> = []
    private let origin: String

    /// - Throws: a file that cannot be read or is not YAML, a key that is not known.
    init(file: String?, environment: [String: String], known: [String]) throws(ConfigurationError) {
        origin = file ?? "the environment"
        if let file { values = try Self.read(file) }
        for key in values.keys.sorted() where !known.contains(key) {
            let nearest = known.min { Self.distance($0, key) < Self.distance($1, key) } ?? ""
            throw ConfigurationError(
                "\(origin): the key \(key) is not known.", hint: "Did you mean \(nearest)?")
        }
        for key in known {
            if let value = environment[Self.environmentName(key)] {
                values[key] = value
                fromEnvironment.insert(key)
            }
        }
    }

    static func environmentName(_ key: String) -> String {
        var name = "ENTRA_BACKUP_"
        for character in key {
            if character == "." {
                name.append("_")
            } else if character.isUppercase {
                name += "_\(character)"
            } else {
                name.append(Character(character.uppercased()))
            }
        }
        return name
    }

    private static func read(_ file: String) throws(ConfigurationError) -> [String: String] {
        let text: String
        do {
            text = try String(contentsOfFile: file, encoding: .utf8)
        } catch {
            throw ConfigurationError(
                "The configuration file \(file) cannot be read.", hint: "Check its path and permissions.")
        }
        do {
            guard let node = try Yams.compose(yaml: text) else { return [:] }
            var values: [String: String] = [:]
            try flatten(node, "", file, &values)
            return values
        } catch let error as ConfigurationError {
            throw error
        } catch {
            let problem = "\(error)".split(whereSeparator: \.isNewline).prefix(2).joined(separator: " ")
            throw ConfigurationError(
                "\(file) is not valid YAML: \(problem)", hint: "See config/service.example.yaml.")
        }
    }

    private static func flatten(_ node: Node, _ path: String, _ file: String, _ values: inout [String: String])
        throws(ConfigurationError)
    {
        if let mapping = node.mapping {
            for (key, value) in mapping {
                let name = key.string ?? ""
                try flatten(value, path.isEmpty ? name : "\(path).\(name)", file, &values)
            }
        } else if path.isEmpty {
            throw ConfigurationError("\(file) holds no keys.", hint: "See config/service.example.yaml.")
        } else if let scalar = node.scalar {
            if node.tag != Tag(.null) { values[path] = scalar.string }
        } else {
            throw ConfigurationError("\(file): \(path) is a list.", hint: "A single value is expected here.")
        }
    }

    // MARK: Typed values

    /// The key with where its value was found, for messages.
    func place(_ key: String) -> String {
        fromEnvironment.contains(key) ? "\(Self.environmentName(key)) (\(key))" : "\(origin): \(key)"
    }

    func text(_ key: String) -> String? { values[key].flatMap { $0.isEmpty ? nil : $0 } }

    func text(_ key: String, default fallback: String) -> String { text(key) ?? fallback }

    func integer(_ key: String, default fallback: Int, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int {
        guard let value = text(key) else { return fallback }
        guard let number = Int(value), range.contains(number) else {
            throw ConfigurationError(
                "\(place(key)) is \(value).",
                hint: "A whole number from \(range.lowerBound) to \(range.upperBound) is expected.")
        }
        return number
    }

    func flag(_ key: String, default fallback: Bool) throws(ConfigurationError) -> Bool {
        switch text(key) {
        case nil: return fallback
        case "true"?: return true
        case "false"?: return false
        case let value?: throw ConfigurationError("\(place(key)) is \(value).", hint: "true or false is expected.")
        }
    }

    /// The first line of the file that the key names.
    func secret(_ key: String) throws(ConfigurationError) -> String? {
        guard let path = text(key) else { return nil }
        guard let content = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ConfigurationError(
                "\(place(key)): the file \(path) cannot be read.",
                hint: "Check its path and that this user may read it.")
        }
        return content.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false).first.map(String.init)
    }

    /// Edits between two names, for the suggestion.
    private static func distance(_ a: String, _ b: String) -> Int {
        let a = Array(a.lowercased()), b = Array(b.lowercased())
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var previous = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let kept = row[j + 1]
                row[j + 1] = min(row[j + 1] + 1, row[j] + 1, previous + (x == y ? 0 : 1))
                previous = kept
            }
        }
        return row[b.count]
    }
}
