/// A row of the catalogue, or an object inside one: members that are read by name.
///
/// Decoding the rows with `Codable` would take longer than whole commands do that need a type or two.
struct CatalogueRow<Field: RawRepresentable<String>> {
    private let members: JSONObject

    init(_ value: JSONValue) throws(CatalogueRowError) {
        guard case .object(let members) = value else { throw CatalogueRowError(path: [], what: "is no object") }
        self.members = members
    }

    /// The value of a member that has to be there.
    func read<Value: CatalogueValue>(_ field: Field) throws(CatalogueRowError) -> Value {
        guard let value: Value = try optional(field) else {
            throw CatalogueRowError(path: [field.rawValue], what: "is missing")
        }
        return value
    }

    /// The value of a member, `nil` when it is absent or null.
    func optional<Value: CatalogueValue>(_ field: Field) throws(CatalogueRowError) -> Value? {
        guard let value = members[field.rawValue], !value.isNull else { return nil }
        do throws(CatalogueRowError) {
            return try Value(catalogue: value)
        } catch {
            throw error.inside(field.rawValue)
        }
    }
}

/// What is wrong with a row, and where in it.
struct CatalogueRowError: Error, Equatable, CustomStringConvertible {
    var path: [String]
    var what: String

    func inside(_ name: String) -> CatalogueRowError { CatalogueRowError(path: [name] + path, what: what) }

    var description: String { "\(path.joined(separator: "/")) \(what)" }
}

/// What a member of a row can be read as.
protocol CatalogueValue {
    init(catalogue value: JSONValue) throws(CatalogueRowError)
}

extension CatalogueValue {
    fileprivate init(_ value: Self?, _ expected: String) throws(CatalogueRowError) {
        guard let value else { throw CatalogueRowError(path: [], what: "is no \(expected)") }
        self = value
    }
}

extension String: CatalogueValue {
    init(catalogue value: JSONValue) throws(CatalogueRowError) { try self.init(value.string, "text") }
}

extension Bool: CatalogueValue {
    init(catalogue value: JSONValue) throws(CatalogueRowError) { try self.init(value.bool, "true or false") }
}

extension Int: CatalogueValue {
    init(catalogue value: JSONValue) throws(CatalogueRowError) { try self.init(value.int, "whole number") }
}

extension UInt16: CatalogueValue {
    init(catalogue value: JSONValue) throws(CatalogueRowError) {
        try self.init(value.int.flatMap { UInt16(exactly: $0) }, "whole number from 0 to 65535")
    }
}

extension CatalogueValue where Self: RawRepresentable<String> {
    init(catalogue value: JSONValue) throws(CatalogueRowError) {
        try self.init(value.string.flatMap { Self(rawValue: $0) }, "\(Self.self)")
    }
}

extension [String: String]: CatalogueValue {
    init(catalogue value: JSONValue) throws(CatalogueRowError) {
        guard case .object(let members) = value else { throw CatalogueRowError(path: [], what: "is no object") }
        self.init()
        for (name, value) in members {
            do throws(CatalogueRowError) {
                self[name] = try String(catalogue: value)
            } catch {
                throw error.inside(name)
            }
        }
    }
}

extension Array: CatalogueValue where Element: CatalogueValue {
    init(catalogue value: JSONValue) throws(CatalogueRowError) {
        guard case .array(let elements) = value else { throw CatalogueRowError(path: [], what: "is no list") }
        self.init()
        reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            do throws(CatalogueRowError) {
                append(try Element(catalogue: element))
            } catch {
                throw error.inside(String(index))
            }
        }
    }
}
