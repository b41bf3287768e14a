extension Catalogue {
    /// An application permission and what it serves.
    public struct Permission: Sendable, Equatable {
        /// As Graph names it and as the token's `roles` claim lists it.
        public let name: String
        /// Names of the types that the permission reads, or of the parts in the form `type.part`. Sorted.
        public let serves: [String]
    }

    /// All application permissions that a complete backup needs, by name. None of them can write.
    ///
    /// What a permission serves is left out of the backup while it is not granted; the snapshot says so.
    public var permissions: [Permission] {
        var served: [String: Set<String>] = [:]
        for type in types {
            if let permission = type.permission { served[permission, default: []].insert(type.name) }
            for (attribute, permission) in type.selectWithPermission {
                served[permission, default: []].insert("\(type.name).\(attribute)")
            }
            for relationship in type.relationships where relationship.isBackedUp {
                for permission in [relationship.permission, relationship.alsoPermission].compactMap(\.self)
                where permission != type.permission {
                    served[permission, default: []].insert("\(type.name).\(relationship.name)")
                }
            }
        }
        return served.map { Permission(name: $0.key, serves: $0.value.sorted()) }.sorted { $0.name < $1.name }
    }

    /// True when `granted` holds the permission or the one that may write the same.
    ///
    /// - Parameter granted: the `roles` claim of the token; nil, not known, grants nothing.
    public static func isGranted(_ permission: String, by granted: Set<String>?) -> Bool {
        guard let granted else { return false }
        if granted.contains(permission) { return true }
        let parts = permission.split(separator: ".", omittingEmptySubsequences: false)
        return granted.contains(parts.map { $0 == "Read" ? "ReadWrite" : $0 }.joined(separator: "."))
    }
}
