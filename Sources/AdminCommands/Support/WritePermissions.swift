import BackupModel

/// The application permissions that a restore writes with.
enum WritePermissions {
    /// What each permission lets a restore write: types, or parts as `type.relationship`. Sorted by name.
    static var all: [(permission: String, serves: [String])] {
        var served: [String: Set<String>] = [:]
        for type in Catalogue.current.types where type.restore.mode != .backupOnly {
            for permission in [type.restore.permission].compactMap(\.self) + type.restore.alsoPermissions {
                served[permission, default: []].insert(type.name)
            }
            for relationship in type.relationships {
                guard let permission = relationship.write?.permission, permission != type.restore.permission else {
                    continue
                }
                served[permission, default: []].insert("\(type.name).\(relationship.name)")
            }
        }
        return served.map { ($0.key, $0.value.sorted()) }.sorted { $0.permission < $1.permission }
    }

    /// Whether a token may write anything; to read something belongs to writing some types, but is not enough.
    static func canWrite(_ granted: Set<String>) -> Bool {
        all.contains { $0.permission.contains("Write") && Catalogue.isGranted($0.permission, by: granted) }
    }

    /// Those that a token lacks.
    static func missing(in granted: Set<String>) -> [(permission: String, serves: [String])] {
        all.filter { !Catalogue.isGranted($0.permission, by: granted) }
    }
}
