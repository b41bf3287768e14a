import BackupModel

/// What a type's row means for the bytes of its pages; built once a page, since rows are small.
struct SightingRules: Sendable {
    /// What a captured name holds.
    enum Capture: Sendable {
        /// `name@delta` of a delta page.
        case delta(Relationship)
        /// The property itself, in the main list or in the relationship's own.
        case whole(Relationship)
    }

    let main: CanonicalRules
    let mainCaptures: [Capture]
    /// Those of ``Capture/whole(_:)``, with their places among all.
    let wholes: [(index: Int, relationship: Relationship)]
    /// For listings of relationships and for elements of children.
    let children: CanonicalRules

    init(_ type: ObjectType) {
        var names: [String] = []
        var captures: [Capture] = []
        var dropped = Set(type.volatile)
        for relationship in type.relationships {
            switch relationship.read {
            case .delta:
                names.append("\(relationship.name)@delta")
                captures.append(.delta(relationship))
                // Without a delta query's annotation the bare name is not the whole relationship.
                dropped.insert(relationship.name)
            case .inline where !relationship.ownList:
                let property = relationship.property ?? relationship.name
                names.append(property)
                captures.append(.whole(relationship))
            case .inline, .perObject, .onDemand, .mirror:
                dropped.insert(relationship.name)
            }
        }
        main = CanonicalRules(
            idAttribute: type.idAttribute, droppedAttributes: dropped, captured: names,
            keepsObjectType: type.derivesTypes,
            orderedArrays: type.orderedArrays, readsWords: true, dropsNulls: type.delta)
        mainCaptures = captures
        wholes = captures.enumerated().compactMap { index, capture in
            if case .whole(let relationship) = capture { (index, relationship) } else { nil }
        }
        children = CanonicalRules(keepsObjectType: true, orderedArrays: type.orderedArrays)
    }

    /// Rules for a page whose items carry one property and an id.
    static func carrier(of property: String, _ type: ObjectType) -> CanonicalRules {
        CanonicalRules(idAttribute: type.nested == nil ? type.idAttribute : "id", captured: [property])
    }
}
