/// How much a simulated tenant holds. What is not given follows from the number of users.
public struct TenantSize: Sendable {
    public var users: Int
    public var groups: Int
    /// Members of groups, all groups together.
    public var memberships: Int
    public var devices: Int
    public var contacts: Int
    public var applications: Int
    public var administrativeUnits: Int
    public var appRoleAssignments: Int
    public var audits: Int
    /// Policies of each Intune type.
    public var intunePolicies: Int
    public var conditionalAccessPolicies: Int
    /// Soft-deleted users; other types in proportion.
    public var deletedUsers: Int
    /// Nothing but what a new tenant comes with, and one administrator, whatever the numbers say.
    public var isNew = false

    public init(users: Int, groups: Int? = nil, memberships: Int? = nil) {
        let users = max(1, users)
        self.users = users
        self.groups = groups ?? max(3, users / 5)
        self.memberships = memberships ?? users * 4
        devices = users / 2
        contacts = users / 40
        applications = min(1_000, 4 + users / 40)
        administrativeUnits = min(200, (users < 20 ? 2 : 4) + users / 200)
        appRoleAssignments = users / 4
        audits = min(5_000, 20 + users)
        intunePolicies = min(60, 3 + users / 40)
        conditionalAccessPolicies = min(60, 6 + users / 100)
        deletedUsers = users / 50
    }
}
