public import BackupModel

/// One request that changes the tenant.
public struct DirectoryWrite: Sendable, Hashable {
    /// The methods with which Graph's resources are changed.
    public enum Method: String, Sendable, Codable {
        case post = "POST"
        case patch = "PATCH"
        case put = "PUT"
        case delete = "DELETE"
    }

    /// DELETE has no body; the others may have one.
    public var method: Method
    /// Path and query without version.
    public var target: String
    /// `v1.0` or `beta`.
    public var version: String
    /// The budgets that it draws one unit from: in identity and Intune that of writes, then that of all requests.
    public var scope: ThrottleScope
    /// Beyond those of every write.
    public var headers: [String: String]
    /// JSON; nil for none.
    public var body: [UInt8]?

    /// No part of it is checked here; a target that is no path is answered with ``FailureCode/stageDefect``, unsent.
    public init(
        method: Method, target: String, version: String, scope: ThrottleScope, headers: [String: String] = [:],
        body: [UInt8]? = nil
    ) {
        self.method = method
        self.target = target
        self.version = version
        self.scope = scope
        self.headers = headers
        self.body = body
    }
}

/// What became of a write.
public enum WriteAnswer: Sendable {
    /// Executed; the body is empty for 204.
    case done(status: Int, body: [UInt8])
    /// Graph says no, and would say so again. Nothing was written. `code` is the deepest one that Graph gave.
    ///
    /// The message is Graph's own and may hold directory content (names, addresses): it may go into a sealed result
    /// and nowhere else, above all into no log, error or metric.
    case rejected(status: Int, code: String, message: String)
    /// It was sent and the answer was lost: it may have been executed or not. Look before sending it again. `how` says
    /// what came instead, without anything of the directory: status and code, or what became of the connection.
    case unknown(how: String)
    /// It was not executed: Graph could not be reached, or asks for a pause that is longer than the writer's patience,
    /// or what was asked before the sending failed.
    case failure(StageFailure)
}

/// Asked before a request is sent; what it throws keeps the request back.
public typealias BeforeSend = @Sendable () async throws(StageFailure) -> Void

/// Writes to Microsoft Graph for one tenant, with throttling, retries and tokens taken care of.
///
/// Laws. A write that Graph has refused for the moment (429, 503 before execution) is sent again; one whose answer was
/// lost never is: it is told as ``WriteAnswer/unknown``. Short pauses are waited for inside; what a longer one keeps
/// from being sent is told as ``WriteAnswer/failure(_:)`` with ``FailureCode/graphThrottled`` and `retryAfter`. The
/// write quota of the tenant is drawn from the shared budget. No token leaves for another host.
public protocol DirectoryWriter: Sendable {
    /// The application permissions that the connection has now, by the `roles` claim of a new token.
    func permissions(_ connection: DirectoryConnection) async throws(StageFailure) -> Set<String>

    /// Writes that need nothing of each other: they may be executed in any order, several at a time. Answers in the
    /// order of the writes.
    ///
    /// - Parameter beforeSend: asked right before each sending, when every wait for budgets, tokens and pauses is over:
    ///   whoever lost the right to write meanwhile must send nothing. What it throws becomes the answer of the writes
    ///   that were about to be sent, and they are not.
    func write(
        _ writes: [DirectoryWrite], _ connection: DirectoryConnection,
        beforeSend: @escaping BeforeSend
    ) async throws(StageFailure) -> [WriteAnswer]
}

/// Reads of single objects as they are now.
public protocol ObjectReader: Sendable {
    /// The objects that exist among `ids`, by id, in the form in which a snapshot has them: canonical attributes
    /// without volatile ones, links by relationship, owned sub-collections.
    ///
    /// - Parameters:
    ///   - parts: relationships to read with the attributes; nil for all that a backup reads, empty for none.
    /// Cost: one request an object and one an object and relationship, twenty to a batch.
    func documents(
        _ type: ObjectType, _ ids: [String], parts: Set<String>?, _ connection: DirectoryConnection
    ) async throws(StageFailure) -> [String: ObjectDocument]

    /// The objects of the type that may have one of these natural keys, as they are now, without relationships: all that
    /// have one, and others. For looking whether an object is there when its id is not known.
    ///
    /// Cost: one request a key, twenty to a batch, where Graph finds objects by name; else the whole list, page by page.
    func find(
        _ type: ObjectType, _ keys: [[String: JSONValue]], _ connection: DirectoryConnection,
        _ body: (ObjectDocument) -> Void
    ) async throws(StageFailure)
}
