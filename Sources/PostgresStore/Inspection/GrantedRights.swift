import Foundation

/// A right that a role has on something in the schema `backup`.
public struct DatabaseRight: Sendable, Hashable, Comparable {
    /// `entra_backup_fetcher`, or `PUBLIC`.
    public var role: String
    /// A table's name, or a function's with `()`.
    public var object: String
    /// `SELECT`, `EXECUTE`, or `UPDATE(column)`.
    public var privilege: String

    /// A right, in the words of ``privilege``.
    public init(role: String, object: String, privilege: String) {
        self.role = role
        self.object = object
        self.privilege = privilege
    }

    public static func < (a: DatabaseRight, b: DatabaseRight) -> Bool {
        (a.role, a.object, a.privilege) < (b.role, b.object, b.privilege)
    }
}

/// The rights that migrations grant, read from their text, so that there is no second list to keep.
///
/// Understood are GRANT and REVOKE on tables, sequences and functions of `backup`, by name or on all tables at once, with or
/// without columns. What a DO block grants is not seen: that is USAGE on the schema only, which is asked for by itself.
struct GrantedRights {
    private(set) var rights: Set<DatabaseRight> = []
    private var tables: [String] = []
    private var functions: Set<String> = []

    /// - Parameter migrations: texts, in the order in which they are applied.
    init(_ migrations: [String]) {
        for migration in migrations {
            for statement in Self.statements(migration) { apply(statement) }
        }
    }

    /// Without comments and bodies, on one line each.
    private static func statements(_ sql: String) -> [String] {
        let lines = sql.split(separator: "\n").map { line in
            line.range(of: "--").map { line[..<$0.lowerBound] } ?? line
        }
        // Every second part of the text lies between two `$$`.
        let parts = lines.joined(separator: " ").split(separator: "$$", omittingEmptySubsequences: false)
        let outside = parts.enumerated().filter { $0.offset.isMultiple(of: 2) }.map { String($0.element) }
        return outside.joined(separator: " ").split(separator: ";").map {
            $0.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
    }

    private mutating func apply(_ statement: String) {
        if let match = statement.firstMatch(of: /^CREATE TABLE (?:IF NOT EXISTS )?backup\.(\w+)/) {
            tables.append(String(match.1))
        } else if let match = statement.firstMatch(of: /^DROP TABLE (?:IF EXISTS )?backup\.(\w+)/) {
            tables.removeAll { $0 == match.1 }
            rights = rights.filter { $0.object != match.1 }
        } else if let match = statement.firstMatch(of: /^CREATE (?:OR REPLACE )?FUNCTION backup\.(\w+)/) {
            // Everybody may call a new function; one that is replaced keeps its rights.
            guard functions.insert(String(match.1)).inserted else { return }
            rights.insert(DatabaseRight(role: "PUBLIC", object: "\(match.1)()", privilege: "EXECUTE"))
        } else if let match = statement.firstMatch(of: /^DROP FUNCTION (?:IF EXISTS )?backup\.(\w+)/) {
            functions.remove(String(match.1))
            rights = rights.filter { $0.object != "\(match.1)()" }
        } else if let match = statement.firstMatch(of: /^(GRANT|REVOKE) (.+?) ON (.+?) (?:TO|FROM) (.+)$/) {
            let objects = objects(String(match.3))
            for right in Self.product(Self.privileges(String(match.2)), objects, Self.list(String(match.4))) {
                if match.1 == "GRANT" { rights.insert(right) } else { rights.remove(right) }
            }
        }
    }

    private func objects(_ text: String) -> [String] {
        if text.hasPrefix("ALL TABLES IN SCHEMA ") { return tables }
        let isFunction = text.hasPrefix("FUNCTION ")
        let names = ["TABLE ", "SEQUENCE ", "FUNCTION "].reduce(text) { $0.replacing($1, with: "") }
        return Self.list(names).compactMap { name in
            guard name.hasPrefix("backup.") else { return nil }
            let bare = name.dropFirst("backup.".count).prefix { $0 != "(" }
            return isFunction ? "\(bare)()" : String(bare)
        }
    }

    /// `SELECT, UPDATE (a, b)` gives `SELECT`, `UPDATE(a)`, `UPDATE(b)`.
    private static func privileges(_ text: String) -> [String] {
        list(text).flatMap { privilege -> [String] in
            let parts = privilege.split(separator: "(", maxSplits: 1)
            let name = parts[0].trimmingSpaces
            guard parts.count == 2 else {
                let all = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]
                return name == "ALL" || name == "ALL PRIVILEGES" ? all : [name]
            }
            return list(String(parts[1].prefix { $0 != ")" })).map { "\(name)(\($0))" }
        }
    }

    /// Splits at commas outside parentheses.
    private static func list(_ text: String) -> [String] {
        var depth = 0
        var items = [""]
        for character in text {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == ",", depth == 0 {
                items.append("")
            } else {
                items[items.count - 1].append(character)
            }
        }
        return items.map { $0[...].trimmingSpaces }
    }

    private static func product(_ privileges: [String], _ objects: [String], _ roles: [String]) -> [DatabaseRight] {
        roles.flatMap { role in
            objects.flatMap { object in
                privileges.map { DatabaseRight(role: role, object: object, privilege: $0) }
            }
        }
    }
}

extension Substring {
    fileprivate var trimmingSpaces: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
