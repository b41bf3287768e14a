/// One request that a step of a restore becomes.
public struct RestoreRequest: Sendable, Hashable {
    /// Without GET: looking is no request of a step.
    public enum Method: String, Sendable {
        case post = "POST"
        case patch = "PATCH"
        case put = "PUT"
        case delete = "DELETE"
    }

    /// A refusal that means that there is nothing left to do.
    public struct Refusal: Sendable, Hashable {
        /// HTTP status, of the request itself or of its item in a batch.
        public var status: Int
        /// Graph's code; nil for any.
        public var code: String?
        /// A part of Graph's message, for the codes that say nothing; nil for any.
        public var message: String?

        /// What is left out matches everything; code and message are compared without case.
        public init(_ status: Int, code: String? = nil, message: String? = nil) {
            self.status = status
            self.code = code
            self.message = message
        }
    }

    /// As Graph's page of the resource has it.
    public var method: Method
    /// Path and query without version. `{id}` stands for the id that an earlier request of the step created.
    public var target: String
    /// v1.0, or beta where a type has its paths there alone.
    public var version: ObjectType.GraphVersion
    /// Those that the catalogue has for the type.
    public var headers: [String: String] = [:]
    /// May hold `{id}` in its strings, as `target` may.
    public var body: JSONValue?
    /// The limit that it counts against: the type's own, but `identity` for what comes from the recycle bin.
    public var scope: ObjectType.Throttle
    /// The answer is the new object: see ``RestoreWrites/newIDs(_:_:answer:)``.
    public var creates = false
    /// Refusals that mean that it was done already. A creation that is refused so has given no id: look for the object
    /// by its natural key.
    public var alsoDone: [Refusal] = []
    /// What is sent, one by one, in place of this request when it is refused with 400 or 404: it carries many links, and
    /// one that is there already, or whose target is gone, makes Graph refuse all.
    public var instead: [RestoreRequest] = []
    /// The attributes, relationships and sub-collections that read back as written when it was executed.
    public var verifies: Set<String> = []

    /// What is not given here is set afterwards, by the maker alone.
    public init(
        _ method: Method, _ target: String, version: ObjectType.GraphVersion, scope: ObjectType.Throttle,
        body: JSONValue? = nil
    ) {
        self.method = method
        self.target = target
        self.version = version
        self.scope = scope
        self.body = body
    }

    /// Whether a refusal means that it was done already.
    public func wasDone(status: Int, code: String, message: String) -> Bool {
        alsoDone.contains { refusal in
            refusal.status == status
                && (refusal.code.map { $0.lowercased() == code.lowercased() } ?? true)
                && (refusal.message.map { message.lowercased().contains($0.lowercased()) } ?? true)
        }
    }

    /// The request with the created id for `{id}`.
    public func naming(_ id: String) -> RestoreRequest {
        var request = self
        request.target = target.split(separator: "{id}", omittingEmptySubsequences: false)
            .joined(separator: RestoreWrites.encoded(id))
        request.body = body.map { Self.naming(id, $0) }
        return request
    }

    private static func naming(_ id: String, _ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text):
            return .string(text.split(separator: "{id}", omittingEmptySubsequences: false).joined(separator: id))
        case .array(let elements): return .array(elements.map { naming(id, $0) })
        case .object(let object): return .object(JSONObject(object.map { ($0.name, naming(id, $0.value)) }))
        default: return value
        }
    }
}

/// Why a step becomes no request.
public struct RestoreRefusal: Error, Sendable, Hashable {
    /// `delegatedOnly`, `notWritable`, `documentMissing`, ...
    public var code: String
    /// What stands in the way and what to do; names ids at most.
    public var message: String

    /// `message` is stored with the step's result.
    public init(code: String, message: String) {
        self.code = code
        self.message = message
    }
}
