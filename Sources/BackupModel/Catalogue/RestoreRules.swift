/// What Graph demands when objects of a type are written back.
public struct RestoreRules: Sendable, CatalogueValue {
    /// What a restore can do with an object of the type.
    public let mode: Mode
    /// Lower goes first: what is referred to before what refers to it. Nil when nothing is created.
    public let order: Int?
    /// True when deleted objects stay restorable for 30 days.
    public let softDelete: Bool
    /// Where deleted objects are listed, when it is not the directory's recycle bin.
    public let softDeletePath: String?
    /// Where a deleted object is brought back.
    public let restorePath: String?
    /// Where to create, when it is not the path of the list.
    public let createPath: String?
    /// The application permission that writes, nil when there is none.
    public let permission: String?
    /// Permissions that writing needs besides.
    public let alsoPermissions: [String]
    /// The permission of a signed-in user, where an application alone may not write.
    public let delegatedPermission: String?
    /// Attributes that Graph refuses or ignores.
    public let readOnly: [String]
    /// Parts of attributes, and of elements of sub-collections, that the services set or fill in: `appRoles/origin`,
    /// `assignments/id`. A write does not carry them, and two values that differ in them alone are the same.
    public let serviceSet: [String]
    /// Attributes that are read-only for some objects (synced, built-in).
    public let conditionallyReadOnly: [String]
    /// Attributes that only a creation may set; `name:value` when only for that value, `*` for all.
    public let createOnly: [String]
    /// What a creation must carry, in words where it depends on something.
    public let requiredOnCreate: [String]
    /// Attributes that a creation must not carry and an update may.
    public let notOnPost: [String]
    /// Parts that Graph never gives out.
    public let neverReadable: [String]
    /// What else must be known, one thing an entry.
    public let notes: [String]

    /// Whether a restore can write objects of the type at all. The recycle bin is written to by undeleting what is in it.
    public var isRestorable: Bool { mode != .backupOnly && mode != .undelete }

    /// What a restore can do with an object.
    public enum Mode: String, Sendable, CatalogueValue {
        /// Bring back from the recycle bin.
        case undelete
        /// Bring back while the recycle bin has it, else create.
        case undeleteOrCreate = "undelete-or-create"
        case create
        /// Create and change those that are not built in.
        case createCustomOnly = "create-custom-only"
        /// Write under the known id, whether it exists or not.
        case upsert
        /// Change only: the service makes the object.
        case patchOnly = "patch-only"
        /// Change the rules of a policy that the service makes.
        case patchRules = "patch-rules"
        /// Activate from a template.
        case activate
        /// File a request of privileged identity management.
        case request
        /// A person has to do a part of it.
        case manual
        /// For looking at only.
        case backupOnly = "backup-only"
    }

    enum Field: String, CaseIterable {
        case mode, order, softDelete, softDeletePath, restorePath, createPath
        case permission, alsoPermissions, delegatedPermission
        case readOnly, serviceSet, conditionallyReadOnly, createOnly, requiredOnCreate, notOnPost, neverReadable, notes
    }

    /// Reads a row's `restore`.
    init(catalogue value: JSONValue) throws(CatalogueRowError) {
        let rules = try CatalogueRow<Field>(value)
        mode = try rules.read(.mode)
        order = try rules.optional(.order)
        softDelete = try rules.read(.softDelete)
        softDeletePath = try rules.optional(.softDeletePath)
        restorePath = try rules.optional(.restorePath)
        createPath = try rules.optional(.createPath)
        permission = try rules.optional(.permission)
        alsoPermissions = try rules.optional(.alsoPermissions) ?? []
        delegatedPermission = try rules.optional(.delegatedPermission)
        readOnly = try rules.optional(.readOnly) ?? []
        serviceSet = try rules.optional(.serviceSet) ?? []
        conditionallyReadOnly = try rules.optional(.conditionallyReadOnly) ?? []
        createOnly = try rules.optional(.createOnly) ?? []
        requiredOnCreate = try rules.optional(.requiredOnCreate) ?? []
        notOnPost = try rules.optional(.notOnPost) ?? []
        neverReadable = try rules.optional(.neverReadable) ?? []
        notes = try rules.optional(.notes) ?? []
    }
}
