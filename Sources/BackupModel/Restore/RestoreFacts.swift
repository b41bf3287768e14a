/// What a plan must know of the tenant that is written to, beside the objects that it compares. GUIDs are lower case,
/// other ids as they are.
public struct RestoreFacts: Sendable {
    /// The type of the live object with that id; nil when there is none. Asked for every id that a restored object
    /// refers to. Must know all directory objects and policies, in scope or not.
    public var typeOf: @Sendable (String) -> String?
    /// The recycle bin: the documents of soft-deleted objects by id, each under its own type, not `deletedItem`
    /// (see ``binned(_:in:)``).
    public var recycleBin: [String: ObjectDocument]
    /// Domains whose `isVerified` is true, lower case.
    public var verifiedDomains: Set<String>
    /// Who has which userPrincipalName now: lower-case name to id.
    public var userPrincipalNames: [String: String]
    /// Units of each licence that are neither consumed nor suspended, by skuId.
    public var freeLicences: [String: Int]
    /// What the write credential may do; nil when there is none yet. Nothing is then said to be missing.
    public var writePermissions: Set<String>?
    /// Types that the source snapshot does not hold, and why: `refused`, `failed`, `notRead`. Nothing of them is
    /// restored.
    public var unreadInSource: [String: String]
    /// Types that could not be read live, likewise. What is not known cannot be compared.
    public var unreadLive: [String: String]
    /// Further types of which it is not known what there is: nobody asked for them. They are not restored, and nothing is
    /// said of that; what refers to their objects is taken to be right.
    public var unlisted: Set<String>
    /// Sub-collections, by type, that the source snapshot read of all its objects: what it has none of was empty. Of
    /// the others it is not known, and they are left alone.
    public var completeParts: [String: Set<String>]
    /// Application ids that have a service principal; nil when they were not read. A policy may name no others.
    public var applicationIDs: Set<String>?
    /// Application ids of the applications that are registered here; nil when they were not read.
    public var ownApplicationIDs: Set<String>?
    /// What ids have become in earlier restores.
    public var map: IDMap
    /// Application ids of the credentials that back up and restore; their applications and service principals are never
    /// deleted.
    public var ownClientIDs: Set<String>
    /// For the lock-out check; nil when conditional access could not be read, so that nothing is checked.
    public var access: ConditionalAccessFacts?

    /// ``applicationIDs`` and ``ownApplicationIDs`` are nil until they are set.
    public init(
        typeOf: @escaping @Sendable (String) -> String?, recycleBin: [String: ObjectDocument] = [:],
        verifiedDomains: Set<String> = [], userPrincipalNames: [String: String] = [:],
        freeLicences: [String: Int] = [:], writePermissions: Set<String>? = nil,
        unreadInSource: [String: String] = [:], unreadLive: [String: String] = [:], unlisted: Set<String> = [],
        completeParts: [String: Set<String>] = [:], map: IDMap = IDMap(), ownClientIDs: Set<String> = [],
        access: ConditionalAccessFacts? = nil
    ) {
        self.typeOf = typeOf
        self.recycleBin = recycleBin
        self.verifiedDomains = verifiedDomains
        self.userPrincipalNames = userPrincipalNames
        self.freeLicences = freeLicences
        self.writePermissions = writePermissions
        self.unreadInSource = unreadInSource
        self.unreadLive = unreadLive
        self.unlisted = unlisted
        self.completeParts = completeParts
        self.map = map
        self.ownClientIDs = ownClientIDs
        self.access = access
    }

    /// A document of the recycle bin (type `deletedItem`) as one of its own type, which its `@odata.type` names; nil
    /// when that is not in the catalogue.
    public static func binned(_ item: ObjectDocument, in catalogue: Catalogue = .current) -> ObjectDocument? {
        guard let name = item.attributes["@odata.type"]?.string?.lowercased(),
            let type = catalogue.types.first(where: { $0.odataType.lowercased() == name })
        else { return nil }
        var attributes = item.attributes
        attributes["@odata.type"] = nil
        return ObjectDocument(type: type.name, id: item.id, attributes: attributes)
    }
}

/// Who administers the tenant and what conditional access says, as it is live. A plan lays what it would write over it.
public struct ConditionalAccessFacts: Sendable {
    /// All live conditional access policies.
    public var policies: [ObjectDocument]
    /// All live named locations.
    public var namedLocations: [ObjectDocument]
    /// All live authentication strengths, built-in ones included.
    public var strengths: [ObjectDocument]
    /// All live role assignments and eligible role assignments (types `unifiedRoleAssignment` and
    /// `unifiedRoleEligibilitySchedule`).
    public var roleAssignments: [ObjectDocument]
    /// Direct members of groups by lower-case group id. Must hold every group that a policy (live or in the source) or a
    /// role assignment names, and the groups inside those; ``LockOutCheck/groups(in:)`` finds the names.
    public var members: [String: [String]]
    /// The users who hold a role or may be named as break-glass account, by lower-case id: `accountEnabled`,
    /// `userPrincipalName`, `userType` are looked at.
    public var users: [String: ObjectDocument]
    /// Whether any device is known that counts as compliant.
    public var hasCompliantDevice: Bool
    /// Whether any device is joined to a domain (hybrid).
    public var hasJoinedDevice: Bool

    /// What is not given counts as read and empty.
    public init(
        policies: [ObjectDocument] = [], namedLocations: [ObjectDocument] = [], strengths: [ObjectDocument] = [],
        roleAssignments: [ObjectDocument] = [], members: [String: [String]] = [:],
        users: [String: ObjectDocument] = [:], hasCompliantDevice: Bool = false, hasJoinedDevice: Bool = false
    ) {
        self.policies = policies
        self.namedLocations = namedLocations
        self.strengths = strengths
        self.roleAssignments = roleAssignments
        self.members = members
        self.users = users
        self.hasCompliantDevice = hasCompliantDevice
        self.hasJoinedDevice = hasJoinedDevice
    }
}
