extension ObjectType {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case number, name, odataType, graphVersion, shape
        case listPaths, castTypes, filter, expand, pageSize, deltaPath, nested, idAttribute
        case attributes, selects, selectWithPermission, volatile, readSingly, notReturnedInCollections
        case derivesTypes, derivedTypes, orderedArrays, displayNameFrom
        case permission, licence, headers, throttle, secrets, restore, relationships
    }

    /// Decodes a row; what a row leaves out has the default that most types share.
    public init(from decoder: any Decoder) throws {
        let row = try decoder.container(keyedBy: CodingKeys.self)
        func list(_ key: CodingKeys) throws -> [String] { try row.decodeIfPresent([String].self, forKey: key) ?? [] }
        func flag(_ key: CodingKeys) throws -> Bool { try row.decodeIfPresent(Bool.self, forKey: key) ?? false }
        func text(_ key: CodingKeys) throws -> String? { try row.decodeIfPresent(String.self, forKey: key) }

        number = try row.decode(UInt16.self, forKey: .number)
        name = try row.decode(String.self, forKey: .name)
        odataType = try row.decode(String.self, forKey: .odataType)
        graphVersion = try row.decode(GraphVersion.self, forKey: .graphVersion)
        shape = try row.decode(Shape.self, forKey: .shape)

        listPaths = try row.decode([String].self, forKey: .listPaths)
        castTypes = try list(.castTypes)
        filter = try text(.filter)
        expand = try text(.expand)
        pageSize = try row.decodeIfPresent(Int.self, forKey: .pageSize)
        deltaPath = try text(.deltaPath)
        nested = try row.decodeIfPresent(Nested.self, forKey: .nested)
        idAttribute = try text(.idAttribute) ?? "id"

        attributes = try row.decode([String].self, forKey: .attributes)
        selects = try flag(.selects)
        selectWithPermission = try row.decodeIfPresent([String: String].self, forKey: .selectWithPermission) ?? [:]
        volatile = try list(.volatile)
        readSingly = try list(.readSingly)
        notReturnedInCollections = try list(.notReturnedInCollections)
        derivesTypes = try flag(.derivesTypes)
        derivedTypes = try list(.derivedTypes)
        orderedArrays = try flag(.orderedArrays)
        displayNameFrom =
            try row.decodeIfPresent([String].self, forKey: .displayNameFrom) ?? ["displayName", "name", "id"]

        permission = try text(.permission)
        licence = try row.decodeIfPresent(Licence.self, forKey: .licence)
        headers = try row.decodeIfPresent([String: String].self, forKey: .headers) ?? [:]
        throttle = try row.decode(Throttle.self, forKey: .throttle)
        secrets = try row.decodeIfPresent(Secrets.self, forKey: .secrets)
        restore = try row.decode(RestoreRules.self, forKey: .restore)
        relationships = try row.decodeIfPresent([Relationship].self, forKey: .relationships) ?? []
        serviceSet = Self.serviceSet(restore, relationships)

        let withheld = Set(volatile + readSingly + notReturnedInCollections).union(selectWithPermission.keys)
        listable = attributes.filter { !withheld.contains($0) }
        select = selects ? listable : []
    }
}
