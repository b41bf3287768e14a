extension ObjectType: CatalogueValue {
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
        serviceSet = Self.serviceSet(restore, relationships)

        let withheld = Set(volatile + readSingly + notReturnedInCollections).union(selectWithPermission.keys)
        listable = attributes.filter { !withheld.contains($0) }
        select = selects ? listable : []
    }
}
