public import BackupModel

/// A cloud that Microsoft operates Entra ID in; see
/// <https://learn.microsoft.com/graph/deployments>.
public enum Cloud: String, Sendable, Codable, CaseIterable {
    case global
    case usGov = "us-gov"
    case usGovDoD = "us-gov-dod"
    case china
}

/// How the application proves itself. Never printed.
public enum DirectoryCredential: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    case clientSecret(String)
    /// PEM texts of the certificate and of its unencrypted RSA private key.
    case clientCertificate(certificate: String, privateKey: String)

    public var description: String { "<credential>" }
    public var debugDescription: String { "<credential>" }
}

/// What is needed to read one tenant.
public struct DirectoryConnection: Sendable, Hashable {
    /// The Entra tenant's GUID: the tenant of the token, and the one whose budget is drawn on.
    public var tenant: TenantID
    /// Application (client) id of the app registration; write access may have one of its own.
    public var clientID: String
    /// Opened from the tenant's sealed credential for the work at hand; never in a message or log.
    public var credential: DirectoryCredential
    /// Which of Microsoft's clouds the tenant is in: gives both hosts and the token's scope.
    public var cloud: Cloud
    /// Scheme and host without version; `nil` for the cloud's own. Plain http for loopback addresses only.
    public var graphURL: String?
    /// Scheme and host without tenant; `nil` for the cloud's own.
    public var authorityURL: String?

    /// Checks nothing: an unfit URL is ``FailureCode/tenantUnknown`` with the first request.
    public init(
        tenant: TenantID, clientID: String, credential: DirectoryCredential, cloud: Cloud = .global,
        graphURL: String? = nil, authorityURL: String? = nil
    ) {
        self.tenant = tenant
        self.clientID = clientID
        self.credential = credential
        self.cloud = cloud
        self.graphURL = graphURL
        self.authorityURL = authorityURL
    }
}

/// The limit that Microsoft Graph counts a request against; one budget a tenant and scope.
public enum ThrottleScope: String, Sendable, Codable, CaseIterable {
    case identity, conditionalAccess, reports, intune, none
    /// Writes to directory objects, which count against ``identity`` as well.
    case identityWrites
    /// Writes to Intune, which count against ``intune`` as well.
    case intuneWrites

    /// The limit that reads of a type count against.
    public init(_ throttle: ObjectType.Throttle) { self = ThrottleScope(rawValue: throttle.rawValue) ?? .none }
}

/// One GET.
public struct DirectoryRequest: Sendable, Hashable {
    /// Path and query without version (`/users?$top=999`), or an absolute next or delta link as Graph gave it.
    public var target: String
    /// `v1.0` or `beta`; ignored for absolute links.
    public var version: String
    /// The budget that is drawn on before it is sent (D12).
    public var scope: ThrottleScope
    /// Resource units that the request is expected to cost.
    public var units: Int
    /// Beyond those of every read; sent again with each page. A `Prefer` is added to the reader's own.
    public var headers: [String: String]

    /// `units` counts in scope `identity` only: every other limit is of requests.
    public init(
        target: String, version: String, scope: ThrottleScope, units: Int = 1, headers: [String: String] = [:]
    ) {
        self.target = target
        self.version = version
        self.scope = scope
        self.units = units
        self.headers = headers
    }

    /// A read of objects of a type, or of what hangs on them.
    public init(_ target: String, of type: ObjectType, units: Int = 1) {
        self.init(
            target: target, version: type.graphVersion.rawValue, scope: ThrottleScope(type.throttle), units: units,
            headers: type.headers)
    }
}

/// A complete, successful answer.
public struct DirectoryAnswer: Sendable {
    /// Graph's own bytes, of status 200: a JSON object, as far as a scan without parsing tells.
    public var body: [UInt8]
    /// Requests that were sent for it, repeats included.
    public var requests: Int

    /// Given only when the last byte has come; an answer that was cut is a failure.
    public init(body: [UInt8], requests: Int) {
        self.body = body
        self.requests = requests
    }
}

/// Answer to one item of a batch: a body, or the failure of that item alone.
public enum BatchItemAnswer: Sendable {
    case success([UInt8])
    /// 404: the object, or what hangs on it, is not there.
    case notFound
    case failure(StageFailure)
}

/// Reads of Microsoft Graph for one tenant, with throttling, retries and tokens taken care of.
///
/// Laws. Every failure is a ``StageFailure`` with a Graph code. Short pauses (429, 503, a lost connection) are waited
/// for inside, up to `patience`; a longer one is thrown as ``FailureCode/graphThrottled`` with `retryAfter`. No request
/// with a token is ever sent to a host other than the connection's. Headers are sent again on every page.
public protocol DirectoryReader: Sendable {
    /// The application permissions in the token's `roles` claim.
    func permissions(_ connection: DirectoryConnection) async throws(StageFailure) -> Set<String>

    /// One page.
    func read(_ request: DirectoryRequest, _ connection: DirectoryConnection) async throws(StageFailure)
        -> DirectoryAnswer

    /// Any number of single reads, sent twenty at a time through `$batch`; answers in the order of the requests.
    func readBatch(_ requests: [DirectoryRequest], _ connection: DirectoryConnection) async throws(StageFailure)
        -> (answers: [BatchItemAnswer], requests: Int)
}
