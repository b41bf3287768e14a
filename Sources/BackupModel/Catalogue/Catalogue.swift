/// The object types that can be read, written and restored: data, one row per type.
///
/// The rows are JSON in `CatalogueRows+….swift` and are read once. How a row is made from Microsoft's metadata is
/// told in <doc:Catalogue>.
public struct Catalogue: Sendable {
    /// The catalogue that this build was made with.
    public static let current = Catalogue(
        groups: [
            ("Directory", catalogueDirectoryRows), ("Roles", catalogueRolesRows),
            ("Applications", catalogueApplicationsRows), ("Policies", cataloguePoliciesRows),
            ("Intune", catalogueIntuneRows), ("Devices", catalogueDevicesRows),
        ])

    /// All types in the order of their numbers.
    public let types: [ObjectType]

    private let byName: [String: ObjectType]
    private let byNumber: [UInt16: ObjectType]

    /// The type of that name, `user` for example, or nil. One look-up in a dictionary.
    public subscript(name: String) -> ObjectType? { byName[name] }

    /// The type of that number, or nil. One look-up in a dictionary.
    public subscript(number: UInt16) -> ObjectType? { byNumber[number] }

    /// A catalogue of `types`; tests make small ones.
    ///
    /// A number or name that occurs twice is a mistake of ours and stops the program.
    public init(types: [ObjectType]) {
        self.types = types.sorted { $0.number < $1.number }
        byName = Dictionary(types.map { ($0.name, $0) }) { first, _ in
            preconditionFailure("The catalogue has two rows named \(first.name).")
        }
        byNumber = Dictionary(types.map { ($0.number, $0) }) { first, second in
            preconditionFailure("\(first.name) and \(second.name) of the catalogue have one number.")
        }
    }

    // The rows are part of the program: a row that cannot be read is a mistake that the first test shows.
    private init(groups: [(name: String, rows: String)]) {
        var types: [ObjectType] = []
        for group in groups {
            guard let rows = try? JSONValue(parsing: Array(group.rows.utf8)).array else {
                preconditionFailure("The catalogue's group \(group.name) is no list.")
            }
            for (index, row) in rows.enumerated() {
                do throws(CatalogueRowError) {
                    types.append(try ObjectType(catalogue: row))
                } catch {
                    let name = row["name"]?.string ?? "number \(index + 1)"
                    preconditionFailure("Row \(name) of the catalogue's group \(group.name) cannot be read: \(error)")
                }
            }
        }
        self.init(types: types)
    }
}
