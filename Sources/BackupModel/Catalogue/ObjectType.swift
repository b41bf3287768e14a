/// One row of the catalogue: how objects of a type are listed, what is kept of them, and how they are written back.
///
/// A class, although nothing of it ever changes: it is handed on with each object, and a copy of its many parts would
/// cost more than most of what is done with one.
public final class ObjectType: Sendable {
    /// Identifies the type in stored data. Permanent: never changed, never given to another type.
    public let number: UInt16
    /// Our name of the type, unique: Graph's type name, but for a few that are shorter (`compliancePolicy`).
    public let name: String
    /// `#microsoft.graph.user`: what `@odata.type` says of such an object. For a derived type the base type.
    public let odataType: String
    /// The version of Graph that the type is read from and written to.
    public let graphVersion: GraphVersion
    /// How the objects of the type are found.
    public let shape: Shape

    /// Paths of the full listing, relative to the version and without a query. One, but for ``Shape/casts``.
    public let listPaths: [String]
    /// For ``Shape/casts``: the type that each of ``listPaths`` lists, in the same order. Else empty.
    public let castTypes: [String]
    /// OData `$filter` of the main list, not percent-encoded. For ``Shape/incremental`` it holds `{t}`, the time from
    /// which on to read (RFC 3339).
    public let filter: String?
    /// OData `$expand` of the main list, not percent-encoded.
    public let expand: String?
    /// `$top` of the listings, nil where it may not be sent. A delta query never has one.
    public let pageSize: Int?
    /// Path of the delta function, nil where Graph has none or a full list serves better.
    public let deltaPath: String?
    /// For ``Shape/nested``: where the objects are found.
    public let nested: Nested?
    /// The attribute that identifies an object: `id`, `tenantId` for cross-tenant partners.
    public let idAttribute: String

    /// The names of all attributes that Graph's metadata gives the type, sorted. Others are kept when Graph sends them.
    public let attributes: [String]
    /// True when a list without `$select` would lack attributes, so that ``select`` is always sent.
    public let selects: Bool
    /// The attributes to select, `id` included, volatile ones and those of ``selectWithPermission`` left out. Empty
    /// when no `$select` is sent and everything comes.
    public let select: [String]
    // What a list without permissions beyond the type's own can return; equal to `select` where that is not empty.
    let listable: [String]
    /// Attributes that come only on `$select` and only to an application that holds the permission named here.
    public let selectWithPermission: [String: String]
    /// Attributes that change without anybody changing the object; they are dropped from what is kept.
    public let volatile: [String]
    /// Attributes that Graph gives only for one object at a time. They are not in a backup.
    public let readSingly: [String]
    /// Attributes that a list refuses or never returns (other services back them). They are not in a backup.
    public let notReturnedInCollections: [String]
    /// True when the list mixes types, so that each object's own `@odata.type` belongs to it and is kept.
    public let derivesTypes: Bool
    /// The derived types that v1.0 knows, without `#microsoft.graph.`. For information: others are kept too.
    public let derivedTypes: [String]
    /// True when the order of array elements has a meaning, so that arrays are not sorted as sets.
    public let orderedArrays: Bool
    /// The attributes to take the display name from; the first that has a text wins.
    public let displayNameFrom: [String]

    /// The application permission that reads the list. Nil for ``Shape/casts``: each list needs that of its own type.
    public let permission: String?
    /// What a tenant must have bought. Without it Graph answers 400 or 403, which is expected.
    public let licence: Licence?
    /// Request headers that Graph demands for this type beyond those of every request.
    public let headers: [String: String]
    /// Which of Graph's limits the requests count against.
    public let throttle: Throttle
    /// What can be read for one object with a further permission. Never read in a backup.
    public let secrets: Secrets?
    /// What Graph demands when objects are written back.
    public let restore: RestoreRules
    /// What the services set inside attributes and elements, by the name of the attribute or sub-collection.
    let serviceSet: ServiceSetParts
    /// Relationships and owned sub-collections in the order of their numbers.
    public let relationships: [Relationship]

    enum Field: String, CaseIterable {
        case number, name, odataType, graphVersion, shape
        case listPaths, castTypes, filter, expand, pageSize, deltaPath, nested, idAttribute
        case attributes, selects, selectWithPermission, volatile, readSingly, notReturnedInCollections
        case derivesTypes, derivedTypes, orderedArrays, displayNameFrom
        case permission, licence, headers, throttle, secrets, restore, relationships
    }

    /// Reads a row; what a row leaves out has the default that most types share.
    init(catalogue value: JSONValue) throws(CatalogueRowError) {
        let row = try CatalogueRow<Field>(value)
        number = try row.read(.number)
        name = try row.read(.name)
        odataType = try row.read(.odataType)
        graphVersion = try row.read(.graphVersion)
        shape = try row.read(.shape)

        listPaths = try row.read(.listPaths)
        castTypes = try row.optional(.castTypes) ?? []
        filter = try row.optional(.filter)
        expand = try row.optional(.expand)
        pageSize = try row.optional(.pageSize)
        deltaPath = try row.optional(.deltaPath)
        nested = try row.optional(.nested)
        idAttribute = try row.optional(.idAttribute) ?? "id"

        attributes = try row.read(.attributes)
        selects = try row.optional(.selects) ?? false
        selectWithPermission = try row.optional(.selectWithPermission) ?? [:]
        volatile = try row.optional(.volatile) ?? []
        readSingly = try row.optional(.readSingly) ?? []
        notReturnedInCollections = try row.optional(.notReturnedInCollections) ?? []
        derivesTypes = try row.optional(.derivesTypes) ?? false
        derivedTypes = try row.optional(.derivedTypes) ?? []
        orderedArrays = try row.optional(.orderedArrays) ?? false
        displayNameFrom = try row.optional(.displayNameFrom) ?? ["displayName", "name", "id"]

        permission = try row.optional(.permission)
        licence = try row.optional(.licence)
        headers = try row.optional(.headers) ?? [:]
        throttle = try row.read(.throttle)
        secrets = try row.optional(.secrets)
        restore = try row.read(.restore)
        relationships = try row.optional(.relationships) ?? []
        serviceSet = ObjectType.serviceSet(restore, relationships)

        let withheld = Set(volatile + readSingly + notReturnedInCollections).union(selectWithPermission.keys)
        listable = attributes.filter { !withheld.contains($0) }
        select = selects ? listable : []
    }

    /// True when the type has a delta query.
    public var delta: Bool { deltaPath != nil }

    /// The relationship of that name, or nil. A scan: no type has more than a dozen.
    public func relationship(_ name: String) -> Relationship? {
        relationships.first { $0.name == name }
    }

    /// The relationships that are read in one way, in the order of their numbers.
    public func relationships(read: Relationship.Read) -> [Relationship] {
        relationships.filter { $0.read == read }
    }
}

extension ObjectType: CatalogueValue {
    /// The version of Graph that has the type.
    public enum GraphVersion: String, Sendable, CatalogueValue {
        case v1 = "v1.0"
        case beta
    }

    /// How the objects of the type are found.
    public enum Shape: String, Sendable, CatalogueValue {
        /// A list with pages.
        case collection
        /// One object; the answer is the object itself.
        case singleton
        /// Several lists under one type: the recycle bin.
        case casts
        /// An append-only log, read from a time on. That an entry is absent means nothing.
        case incremental
        /// The objects come inside the objects of another type's list.
        case nested
    }

    /// Graph's limits, per application and tenant unless said otherwise.
    ///
    /// <https://learn.microsoft.com/graph/throttling-limits>
    public enum Throttle: String, Sendable, CatalogueValue {
        /// Resource units: 3,500, 5,000 or 8,000 in 10 s by the size of the tenant.
        case identity
        /// One request a second per tenant for all applications; a refusal has no Retry-After.
        case conditionalAccess
        /// 5 requests in 10 s.
        case reports
        /// 1,000 requests in 20 s.
        case intune
        /// Only the limit of the application over all tenants.
        case none
    }

    /// What a tenant may lack.
    public enum Licence: String, Sendable, CatalogueValue {
        case p1, p2, intune
    }

    /// Where the objects of a ``Shape/nested`` type are.
    public struct Nested: Sendable, CatalogueValue {
        /// Name of the type whose list carries the objects.
        public let parentType: String
        /// Path of that list.
        public let parentListPath: String
        /// Attributes of the parent to select.
        public let parentSelect: String
        /// The property of each parent that holds the objects; it is expanded.
        public let property: String
        /// Path that reads the objects of one parent, `{id}` being the parent's.
        public let path: String
        /// A parent that comes with this many may have more: it is read at ``path``.
        public let truncatesAt: Int

        private enum Field: String {
            case parentType, parentListPath, parentSelect, property, path, truncatesAt
        }

        init(catalogue value: JSONValue) throws(CatalogueRowError) {
            let row = try CatalogueRow<Field>(value)
            parentType = try row.read(.parentType)
            parentListPath = try row.read(.parentListPath)
            parentSelect = try row.read(.parentSelect)
            property = try row.read(.property)
            path = try row.read(.path)
            truncatesAt = try row.read(.truncatesAt)
        }
    }

    /// A secret that Graph gives out for one object at a time, with a note in the customer's audit log.
    public struct Secrets: Sendable, CatalogueValue {
        /// The attribute.
        public let select: String
        /// Path and query that read it.
        public let path: String
        /// The application permission that reads it.
        public let permission: String

        private enum Field: String {
            case select, path, permission
        }

        init(catalogue value: JSONValue) throws(CatalogueRowError) {
            let row = try CatalogueRow<Field>(value)
            select = try row.read(.select)
            path = try row.read(.path)
            permission = try row.read(.permission)
        }
    }
}
