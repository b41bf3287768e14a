extension ObjectDocument {
    /// The document that commands print and archives hold. `reason`: why a deleted object is gone.
    public func json(
        snapshot: SnapshotNumber? = nil, version: VersionStamp? = nil, reason: String? = nil
    ) -> JSONValue {
        var document: JSONObject = [
            "type": .string(type), "id": .string(id), "state": .string(state.rawValue),
            "attributes": .object(attributes),
            "links": .object(JSONObject(links.map { ($0, .array($1.map(JSONValue.string))) })),
            "children": .object(JSONObject(children.map { ($0, .array($1)) })),
        ]
        if let snapshot { document["snapshot"] = JSONValue(snapshot) }
        if let version { document["version"] = version.json }
        if let reason { document["reason"] = .string(reason) }
        return .object(document)
    }

    /// Reads such a document back, say from an archive; members that are not known are passed over. Nil when one that
    /// is needed is missing or of another shape.
    public init?(json: JSONValue) {
        guard let type = json["type"]?.string, let id = json["id"]?.string,
            let state = json["state"]?.string.flatMap(State.init), let attributes = json["attributes"]?.object
        else { return nil }
        var links: [String: [String]] = [:]
        for (name, ids) in json["links"]?.object ?? [:] {
            guard let texts = ids.array?.map(\.string), !texts.contains(nil) else { return nil }
            links[name] = texts.compactMap(\.self)
        }
        var children: [String: [JSONValue]] = [:]
        for (name, elements) in json["children"]?.object ?? [:] {
            guard let elements = elements.array else { return nil }
            children[name] = elements
        }
        self.init(type: type, id: id, state: state, attributes: attributes, links: links, children: children)
    }
}
