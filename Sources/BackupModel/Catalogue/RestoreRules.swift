/// What Graph demands when objects of a type are written back.
public struct RestoreRules: Sendable, Decodable {
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
    public enum Mode: String, Sendable, Decodable {
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

    enum CodingKeys: String, CodingKey, CaseIterable {
        case mode, order, softDelete, softDeletePath, restorePath, createPath
        case permission, alsoPermissions, delegatedPermission
        case readOnly, serviceSet, conditionallyReadOnly, createOnly, requiredOnCreate, notOnPost, neverReadable, notes
    }

    /// Decodes a row's `restore`.
    public init(from decoder: any Decoder) throws {
        let rules = try decoder.container(keyedBy: CodingKeys.self)
        func list(_ key: CodingKeys) throws -> [String] { try rules.decodeIfPresent([String].self, forKey: key) ?? [] }
        func text(_ key: CodingKeys) throws -> String? { try rules.decodeIfPresent(String.self, forKey: key) }

        mode = try rules.decode(Mode.self, forKey: .mode)
        order = try rules.decodeIfPresent(Int.self, forKey: .order)
        softDelete = try rules.decode(Bool.self, forKey: .softDelete)
        softDeletePath = try text(.softDeletePath)
        restorePath = try text(.restorePath)
        createPath = try text(.createPath)
        permission = try text(.permission)
        alsoPermissions = try list(.alsoPermissions)
        delegatedPermission = try text(.delegatedPermission)
        readOnly = try list(.readOnly)
        serviceSet = try list(.serviceSet)
        conditionallyReadOnly = try list(.conditionallyReadOnly)
        createOnly = try list(.createOnly)
        requiredOnCreate = try list(.requiredOnCreate)
        notOnPost = try list(.notOnPost)
        neverReadable = try list(.neverReadable)
        notes = try list(.notes)
    }
}
