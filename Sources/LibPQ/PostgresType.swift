/// A type of the server, by its object identifier. An open set.
///
/// The built-in numbers are fixed: <https://www.postgresql.org/docs/15/catalog-pg-type.html>.
public struct PostgresType: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The object identifier in `pg_type`; 0 = let the server infer it.
    public let rawValue: UInt32

    /// Creates a type from its object identifier.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    private init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Left to the server to infer.
    public static let inferred = PostgresType(0)
    /// `boolean`
    public static let bool = PostgresType(16)
    /// `bytea`
    public static let bytea = PostgresType(17)
    /// `name`
    public static let name = PostgresType(19)
    /// `bigint`
    public static let int64 = PostgresType(20)
    /// `smallint`
    public static let int16 = PostgresType(21)
    /// `integer`
    public static let int32 = PostgresType(23)
    /// `text`
    public static let text = PostgresType(25)
    /// `json`
    public static let json = PostgresType(114)
    /// `xml`
    public static let xml = PostgresType(142)
    /// `real`
    public static let float = PostgresType(700)
    /// `double precision`
    public static let double = PostgresType(701)
    /// A literal whose type was never settled; its bytes are text.
    public static let unknown = PostgresType(705)
    /// `character(n)`
    public static let bpchar = PostgresType(1042)
    /// `character varying`
    public static let varchar = PostgresType(1043)
    /// `timestamp with time zone`
    public static let timestamptz = PostgresType(1184)
    /// `numeric`
    public static let numeric = PostgresType(1700)
    /// `uuid`
    public static let uuid = PostgresType(2950)
    /// `jsonb`
    public static let jsonb = PostgresType(3802)

    // Element type to array type.
    private static let arrays: [UInt32: UInt32] = [
        16: 1000, 17: 1001, 19: 1003, 20: 1016, 21: 1005, 23: 1007, 25: 1009, 114: 199, 142: 143, 700: 1021, 701: 1022,
        1042: 1014, 1043: 1015, 1184: 1185, 1700: 1231, 2950: 2951, 3802: 3807,
    ]
    private static let elements = Dictionary(uniqueKeysWithValues: arrays.map { ($0.value, $0.key) })

    private static let names: [UInt32: String] = [
        0: "inferred", 16: "boolean", 17: "bytea", 19: "name", 20: "bigint", 21: "smallint", 23: "integer", 25: "text",
        114: "json", 142: "xml", 700: "real", 701: "double precision", 705: "unknown", 1042: "character",
        1043: "character varying", 1082: "date", 1114: "timestamp", 1184: "timestamptz", 1700: "numeric", 2950: "uuid",
        3802: "jsonb",
    ]

    /// The type of a one-dimensional array of this type, for the types listed here.
    public var array: PostgresType? { Self.arrays[rawValue].map { PostgresType($0) } }

    /// The type of the elements, when this is the type of an array of a type listed here.
    public var element: PostgresType? { Self.elements[rawValue].map { PostgresType($0) } }

    /// The name in SQL, or the number.
    public var description: String {
        if let name = Self.names[rawValue] { return name }
        if let element { return "\(element)[]" }
        return "type \(rawValue)"
    }
}
