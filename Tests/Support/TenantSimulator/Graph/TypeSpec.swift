/// What the simulated service knows about one object type.
///
/// Written from the service's metadata, independently of the product's catalogue: the tests compare the two.
struct TypeSpec: Sendable {
    struct Flags: OptionSet, Sendable {
        let rawValue: UInt16

        /// Exists under `/beta` only.
        static let betaOnly = Flags(rawValue: 1)
        static let delta = Flags(rawValue: 2)
        /// A deleted object goes to a recycle bin first.
        static let softDelete = Flags(rawValue: 4)
        /// Reachable through `/directoryObjects`, and named with `@odata.type` in navigation results.
        static let directoryObject = Flags(rawValue: 8)
        /// Every item carries its `@odata.type`.
        static let polymorphic = Flags(rawValue: 16)
        static let singleton = Flags(rawValue: 32)
        /// The list comes in one piece.
        static let unpaged = Flags(rawValue: 64)
        static let orderedArrays = Flags(rawValue: 128)
    }

    /// Which of the service's limits a request to this type counts against.
    enum Throttle: Sendable {
        case identity, conditionalAccess, reports, intune, unlimited
    }

    let type: SimulatedType
    /// Path segments of the collection or singleton, lower case, without version.
    let path: [String]
    /// The collection's name as it appears in `@odata.context`.
    let contextName: String
    let odataType: String
    let flags: Flags
    let throttle: Throttle
    /// Application permissions that allow reading; one is enough.
    let permissions: [String]
    let properties: Set<String>
    /// Properties in the order of the metadata, for answers of the default set.
    let orderedProperties: [String]
    /// Returned only when named in `$select`.
    let onlySelected: Set<String>
    /// Returned only for a single object, when named in `$select`.
    let perObject: Set<String>
    /// A list that selects one of these answers 501.
    let notInCollections: Set<String>
    /// Changes on its own; not part of the truth.
    let volatile: Set<String>
    let required: [String]
    let createOnly: Set<String>
    let readOnly: Set<String>
    let writePermission: String?

    init(
        _ type: SimulatedType, path: String, odataType: String, flags: Flags, throttle: Throttle, permissions: String,
        properties: String, onlySelected: String = "", perObject: String = "", notInCollections: String = "",
        volatile: String = "", required: String = "", createOnly: String = "", readOnly: String = "",
        writePermission: String? = nil
    ) {
        func words(_ text: String) -> [String] { text.split(whereSeparator: \.isWhitespace).map(String.init) }
        self.type = type
        self.path = path.lowercased().split(separator: "/").map(String.init)
        contextName = String(path.dropFirst())
        self.odataType = odataType
        self.flags = flags
        self.throttle = throttle
        self.permissions = words(permissions)
        orderedProperties = words(properties)
        self.properties = Set(orderedProperties)
        self.onlySelected = Set(words(onlySelected))
        self.perObject = Set(words(perObject))
        self.notInCollections = Set(words(notInCollections))
        self.volatile = Set(words(volatile))
        self.required = words(required)
        self.createOnly = Set(words(createOnly))
        self.readOnly = Set(words(readOnly))
        self.writePermission = writePermission
    }

    /// In the order of `SimulatedType.allCases`.
    static let all: [TypeSpec] = {
        let known = Dictionary(
            uniqueKeysWithValues: (directoryTypes + accessTypes + policyTypes).map { ($0.type, $0) })
        return SimulatedType.allCases.compactMap { known[$0] }
    }()

    /// Collections and singletons by their joined lower-case path.
    static let byPath: [String: TypeSpec] = Dictionary(
        uniqueKeysWithValues: all.filter { $0.type != .appRoleAssignment }
            .map { ($0.path.joined(separator: "/"), $0) })

    /// `#microsoft.graph.user` → user, for casts and deleted items.
    static let byODataName: [String: TypeSpec] = Dictionary(
        uniqueKeysWithValues: all.map { (String($0.odataType.dropFirst("#microsoft.graph.".count)).lowercased(), $0) })
}
