/// How a simulated tenant answers.
public struct TenantSettings: Sendable {
    /// Services that a tenant may lack.
    public enum Service: String, Sendable, CaseIterable {
        case intune, p1, p2
    }

    public var missing: Set<Service> = []
    /// Whether the service's limits apply.
    public var quotas = true
    /// Multiplies all limits: 0.1 throttles ten times as early.
    public var quotaScale = 1.0
    /// Objects on a page of a delta answer.
    public var deltaPageSize = 200
    /// Links of one object on a page of a delta answer; the rest follows on later pages.
    public var deltaSliceSize = 500
    /// Share of objects that come twice within a delta round.
    public var deltaDuplicates = 0.01
    /// Share of recent changes that are told again in the next round.
    public var deltaReplays = 0.02
    /// Whether a first delta round also names objects in the recycle bin, as removed.
    public var deltaShowsRemoved = true
    /// Objects on a page of a list without `$top`.
    public var pageSize = 100
    /// Conditional access policies that a tenant may have.
    public var accessPolicyLimit = 195
    /// Settings of a policy on a page.
    public var settingsPageSize = 25
    /// How many reads of a new object by its id answer 404 before it is found.
    public var replicationMisses = 0
    /// Objects that can still be made before the directory's quota is full; no end when nil.
    public var objectsLeft: Int?
    /// Life of access tokens in seconds.
    public var tokenLife = 3_599
    /// How expired delta tokens are refused; alternating when nil.
    public var expiredTokenStatus: Int?

    /// Whether requests are kept, for a client that sends the same ones once more.
    public var recordsRequests = false

    public init() {}
}
