/// Makes the requests that carry out the steps of a restore. Pure: the same step and map give the same requests, but for
/// passwords.
///
/// Ids are rewritten here, at the last moment, because what ids become is known only while a restore goes on.
public struct RestoreWrites: Sendable {
    let map: IDMap
    /// Of `@odata.id`: the Graph of the cloud, with version.
    let root: String
    let password: @Sendable () -> String

    /// - Parameters:
    ///   - root: Graph's address with version, `https://graph.microsoft.com/v1.0`.
    ///   - password: makes the first password of a user; it has to be changed at the first sign-in.
    public init(
        map: IDMap, root: String = "https://graph.microsoft.com/v1.0", password: @escaping @Sendable () -> String
    ) {
        self.map = map
        self.root = root
        self.password = password
    }

    /// A text, such as the name of an attribute, with the ids in it as they are now.
    public func rewriting(_ text: String) -> String { map.rewriting(text) }

    /// The requests of a step, in the order in which they are sent; none when there is nothing to write.
    ///
    /// - Throws: why Graph would not take it.
    public func requests(for step: RestoreStep, _ type: ObjectType) throws(RestoreRefusal) -> [RestoreRequest] {
        switch step.action {
        case .undelete: [try undelete(step, type)]
        case .create: try create(step, type)
        case .update: try update(step, type)
        case .link: try link(step, type)
        case .children: try children(step, type)
        case .delete: try delete(step, type)
        }
    }

    /// What ids became by a creation: that of the object, and the application id of an application.
    /// - Parameter answer: of the request that ``RestoreRequest/creates``.
    public func newIDs(_ step: RestoreStep, _ type: ObjectType, answer: JSONValue) -> [RestoreResult.NewID] {
        // A request of privileged identity management is not the schedule that it makes.
        let name = type.restore.mode == .request ? "targetScheduleId" : type.idAttribute
        return newIDs(step, type, id: answer[name]?.string, answer)
    }

    /// What ids became when the object was found to be there.
    public func newIDs(_ step: RestoreStep, _ type: ObjectType, found: ObjectDocument) -> [RestoreResult.NewID] {
        newIDs(step, type, id: found.id, .object(found.attributes))
    }

    private func newIDs(
        _ step: RestoreStep, _ type: ObjectType, id: String?, _ answer: JSONValue
    ) -> [RestoreResult.NewID] {
        var found: [RestoreResult.NewID] = []
        if let id { found.append(RestoreResult.NewID(type: type.name, from: step.id, to: id)) }
        if type.name == "application", let old = step.document?.attributes["appId"]?.string,
            let new = answer["appId"]?.string
        {
            found.append(RestoreResult.NewID(type: type.name, from: old, to: new))
        }
        return found
    }

    /// The relationships and sub-collections that have to be read back to verify a step, those among them that a
    /// creation carries.
    public static func parts(_ step: RestoreStep, _ type: ObjectType) -> Set<String> {
        var parts = Set(step.links.map(\.name)).union(step.children.map(\.name)).subtracting(["licenses"])
        guard step.action == .create else { return parts }
        for name in contents where type.relationship(name)?.isBackedUp == true { parts.insert(name) }
        return parts
    }

    /// Sub-collections that creations carry: see ``addContents(_:_:)``.
    private static let contents = ["scheduledActionsForRule", "settings"]

    // MARK: Addresses

    /// Where the object of the step is.
    func path(_ step: RestoreStep, _ type: ObjectType) throws(RestoreRefusal) -> String {
        if let nested = type.nested {
            guard let parent = step.document?.attributes["resourceId"]?.string else { throw Self.needsDocument(step) }
            return Self.path(nested.path, map[parent]) + "/" + Self.encoded(map[step.id])
        }
        guard let list = type.listPaths.first else { throw Self.notWritable(step) }
        return type.shape == .singleton ? list : list + "/" + Self.encoded(map[step.id])
    }

    /// `template` with the encoded id for `{id}`.
    static func path(_ template: String, _ id: String) -> String {
        template.split(separator: "{id}", omittingEmptySubsequences: false).joined(separator: encoded(id))
    }

    /// One segment of a path. <https://www.rfc-editor.org/rfc/rfc3986#section-3.3>
    static func encoded(_ segment: String) -> String {
        var encoded = ""
        for byte in segment.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E, 0x24, 0x3A, 0x40:
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default: encoded += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }

    // MARK: Requests

    func request(
        _ method: RestoreRequest.Method, _ target: String, _ type: ObjectType, _ body: JSONValue? = nil,
        done: [RestoreRequest.Refusal] = [], verifies: Set<String> = []
    ) -> RestoreRequest {
        var request = RestoreRequest(
            method, target, version: type.graphVersion,
            scope: type.restore.mode == .undelete ? .identity : type.throttle,
            body: body.map(map.rewriting))
        request.headers = type.headers
        request.alsoDone = done
        // Under the names that the body has: an extension's holds the id of its application.
        request.verifies = Set(verifies.map(map.rewriting))
        return request
    }

    static let gone: [RestoreRequest.Refusal] = [RestoreRequest.Refusal(404)]
    /// <https://learn.microsoft.com/graph/errors>
    static let exists: [RestoreRequest.Refusal] = [
        RestoreRequest.Refusal(409, code: "ObjectConflict"),
        RestoreRequest.Refusal(409, code: "Request_ResourceExists"),
        RestoreRequest.Refusal(409, code: "Request_MultipleObjectsWithSameKeyValue"),
        RestoreRequest.Refusal(400, message: "already exist"),
        RestoreRequest.Refusal(400, message: "conflicting object"),
        RestoreRequest.Refusal(400, code: "RoleAssignmentExists"),
    ]

    static func needsDocument(_ step: RestoreStep) -> RestoreRefusal {
        RestoreRefusal(
            code: "documentMissing", message: "the plan lacks what object \(step.id) looks like: make a new plan")
    }

    static func notWritable(_ step: RestoreStep) -> RestoreRefusal {
        RestoreRefusal(code: "notWritable", message: "Graph offers no way to write this part of \(step.type)")
    }

    // MARK: Recycle bin and deletion

    private func undelete(_ step: RestoreStep, _ type: ObjectType) throws(RestoreRefusal) -> RestoreRequest {
        guard type.restore.softDelete else { throw Self.notWritable(step) }
        let id = map[step.id]
        let template =
            type.restore.restorePath ?? (type.restore.softDeletePath ?? "/directory/deletedItems") + "/{id}/restore"
        return request(.post, Self.path(template, id), type)
    }

    private func delete(_ step: RestoreStep, _ type: ObjectType) throws(RestoreRefusal) -> [RestoreRequest] {
        switch type.restore.mode {
        case .backupOnly, .patchOnly, .patchRules, .manual, .undelete, .activate: throw Self.notWritable(step)
        case .request:
            let missing = [RestoreRequest.Refusal(400, code: "RoleAssignmentDoesNotExist")]
            return [try schedule(step, type, "adminRemove", done: missing)]
        case .undeleteOrCreate, .create, .createCustomOnly, .upsert: break
        }
        let path = try path(step, type)
        var requests: [RestoreRequest] = []
        if type.name == "namedLocation", step.document?.attributes["isTrusted"]?.bool == true {
            // A trusted location is not deleted. The kind is needed with every change.
            let kind = step.document?.attributes["@odata.type"] ?? "#microsoft.graph.ipNamedLocation"
            requests.append(request(.patch, path, type, ["@odata.type": kind, "isTrusted": false], done: Self.gone))
        }
        return requests + [request(.delete, path, type, done: Self.gone)]
    }

    /// A request of privileged identity management.
    /// <https://learn.microsoft.com/graph/api/rbacapplication-post-roleeligibilityschedulerequests>
    func schedule(
        _ step: RestoreStep, _ type: ObjectType, _ action: String, done: [RestoreRequest.Refusal] = []
    ) throws(RestoreRefusal) -> RestoreRequest {
        guard let attributes = step.document?.attributes, let path = type.restore.createPath else {
            throw Self.needsDocument(step)
        }
        var body: JSONObject = ["action": .string(action), "justification": "Restored from a backup"]
        for name in ["principalId", "roleDefinitionId", "directoryScopeId", "appScopeId"] {
            if let value = attributes[name]?.string, !value.isEmpty { body[name] = .string(value) }
        }
        if action != "adminRemove" {
            let wanted = step.attributes.first { $0.path.tokens == ["scheduleInfo"] }?.to ?? attributes["scheduleInfo"]
            body["scheduleInfo"] = Self.withoutNulls(wanted ?? ["expiration": ["type": "noExpiration"]])
        }
        return request(.post, path, type, .object(body), done: done)
    }

    // MARK: Values

    /// Without members that are null, at any depth: a creation has nothing to clear.
    static func withoutNulls(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let elements): .array(elements.map(withoutNulls))
        case .object(let object):
            .object(
                JSONObject(
                    object.compactMap { $0.value.isNull ? nil : ($0.name, withoutNulls($0.value)) }))
        default: value
        }
    }

    /// Without what Graph adds about data: `@odata.context`, `x@odata.associationLink`. Types stay.
    static func withoutAnnotations(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let elements): .array(elements.map(withoutAnnotations))
        case .object(let object):
            .object(
                JSONObject(
                    object.compactMap { member in
                        let name = Array(member.name.utf8)
                        if ODataName.isAnnotation(name), !ODataName.isType(name, ofProperty: true) { return nil }
                        return (member.name, withoutAnnotations(member.value))
                    }))
        default: value
        }
    }

    /// An element of a sub-collection as a creation carries it.
    static func element(_ value: JSONValue, _ name: String, _ type: ObjectType) -> JSONValue {
        type.written(name, withoutAnnotations(withoutNulls(value)))
    }

    /// An element of a sub-collection without what the service gives it.
    static func element(_ value: JSONValue, without names: Set<String>) -> JSONValue {
        guard case .object(let object) = withoutAnnotations(withoutNulls(value)) else { return value }
        return .object(JSONObject(object.filter { !names.contains($0.name) }.map { ($0.name, $0.value) }))
    }
}
