import BackupModel

extension DamageMatrix {
    /// Why there is no such damage; nil where there must be some.
    static func impossible(_ type: ObjectType, _ kind: Kind) -> String? {
        switch kind {
        case .attributeChanged: unchanging[type.name]
        case .softDeleted: type.binPath("") == nil ? "no recycle bin" : nil
        case .hardDeleted: lasting(type)
        case .linkAdded, .linkRemoved: linkless(type)
        case .assignmentChanged: partless(type)
        }
    }

    /// What is left to a person, by cell, and the code that says so.
    static let persons: [String: [Kind: String]] = [
        "device": [.hardDeleted: "registerDevice"], "domain": [.hardDeleted: "verifyDomain"],
    ]

    private static let unchanging = [
        "appRoleAssignment": "Graph makes and deletes assignments, and changes none",
        "directoryRole": "its attributes are those of the template",
        "unifiedRoleAssignment": "Graph makes and deletes assignments, and changes none",
        "unifiedRoleManagementPolicy": "its attributes are the service's",
    ]

    private static func lasting(_ type: ObjectType) -> String? {
        if type.shape == .singleton { return "the service makes it: there is always one" }
        switch type.name {
        case "attributeSet", "customSecurityAttributeDefinition", "directoryRole": return "Graph cannot delete it"
        case "organization", "unifiedRoleManagementPolicy": return "the service makes it"
        default: return nil
        }
    }

    private static func linkless(_ type: ObjectType) -> String? {
        if type.name == "device" { return "only a signed-in person may write it" }
        if tokenPolicies.contains(where: { $0.0 == type.name }) { return nil }
        let links = type.relationships.filter { $0.kind == .link && $0.isBackedUp && $0.write != nil }
        return links.isEmpty ? "the type has no links that can be written" : nil
    }

    private static func partless(_ type: ObjectType) -> String? {
        if type.name == "unifiedRoleManagementPolicy" { return "only a signed-in person may write its rules" }
        if type.name == "user" || type.name == "group" { return nil }
        let parts = type.relationships.filter { $0.kind == .child && $0.isBackedUp && $0.write != nil }
        return parts.isEmpty ? "the type has no assignments or parts" : nil
    }
}
