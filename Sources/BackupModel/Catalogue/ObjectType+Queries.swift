/// The listings and readings of a backup, made from the row alone.
///
/// A target is a path with its query, relative to `https://graph.microsoft.com/VERSION`. `granted` is the `roles` claim
/// of the token; nil means that it is not known, and nothing that needs a further permission is selected.
extension ObjectType {
    /// The targets of a full listing, one for each of ``listPaths``.
    ///
    /// - Parameters:
    ///   - since: for ``Shape/incremental`` the time (RFC 3339) to read from; nil reads all that Graph still has.
    ///   - extensions: names of directory extensions (`extension_…`) to select for this type.
    public func listTargets(
        granted: Set<String>?, since: String? = nil, extensions: [String] = []
    ) -> [String] {
        listPaths.indices.map { index in
            target(
                listPaths[index],
                listQuery(granted: granted, listing: index, since: since, extensions: extensions))
        }
    }

    /// The query of one full listing without the question mark, empty when there is nothing to ask.
    ///
    /// - Parameter listing: the index in ``listPaths``; a cast selects what its own type selects.
    public func listQuery(
        granted: Set<String>?, listing: Int = 0, since: String? = nil, extensions: [String] = []
    ) -> String {
        if let nested { return nested.query(pageSize: pageSize) }
        let selected =
            castTypes.indices.contains(listing)
            ? Catalogue.current[castTypes[listing]]?.selected(granted: granted, extensions: []) ?? []
            : selected(granted: granted, extensions: extensions)
        var query = Query()
        query.add("$select", selected.joined(separator: ","))
        query.add("$filter", listFilter(since: since))
        query.add("$expand", expand)
        query.add("$top", pageSize.map(String.init))
        return query.text
    }

    /// The target that starts a delta round, nil when the type has no delta query.
    public func deltaTarget(granted: Set<String>?, extensions: [String] = []) -> String? {
        deltaPath.map { target($0, deltaQuery(granted: granted, extensions: extensions)) }
    }

    /// The query that starts a delta round, without the question mark; Graph keeps it in its links.
    ///
    /// A relationship is tracked only when it is selected, and then everything else has to be selected too. `$top` and
    /// `$expand` are not allowed.
    ///
    /// <https://learn.microsoft.com/graph/delta-query-overview>
    public func deltaQuery(granted: Set<String>?, extensions: [String] = []) -> String {
        let tracked = relationships(read: .delta).map(\.name)
        var selected = selected(granted: granted, extensions: extensions)
        if selected.isEmpty, !tracked.isEmpty { selected = listable }
        var query = Query()
        query.add("$select", (selected + tracked).joined(separator: ","))
        return query.text
    }

    /// The target of the listing that a relationship has to itself, nil when it has none.
    public func ownListTarget(_ relationship: Relationship) -> String? {
        guard let path = listPaths.first, let query = ownListQuery(relationship) else { return nil }
        return target(path, query)
    }

    /// The target that reads the same of one object.
    public func ownTarget(_ relationship: Relationship, _ id: String) -> String? {
        guard let path = listPaths.first, relationship.ownList else { return nil }
        var query = Query()
        query.add("$select", idAttribute)
        query.add("$expand", relationship.expand)
        return target(Query.path("\(path)/{id}", id: id), query.text)
    }

    /// The query of that listing, without the question mark.
    public func ownListQuery(_ relationship: Relationship) -> String? {
        guard relationship.ownList else { return nil }
        var query = Query()
        query.add("$select", idAttribute)
        query.add("$expand", relationship.expand)
        query.add("$top", pageSize.map(String.init))
        return query.text
    }

    /// The target that lists the ids of the objects for which a relationship is read one by one, nil when that is all
    /// objects or when it is not read so.
    public func candidatesTarget(_ relationship: Relationship) -> String? {
        guard relationship.read == .perObject, let path = listPaths.first, let filter = relationship.listFilter
        else { return nil }
        var query = Query()
        query.add("$select", idAttribute)
        query.add("$filter", filter)
        query.add("$top", pageSize.map(String.init))
        return target(path, query.text)
    }

    /// The target that reads one object with what its list or delta query would tell of it; nil when Graph has no path
    /// that does.
    ///
    /// An object in the recycle bin has none: without the cast to its type, which is not known, its path gives less.
    ///
    /// - Parameter extensions: names of directory extensions (`extension_…`) to select.
    public func objectTarget(_ id: String, granted: Set<String>?, extensions: [String] = []) -> String? {
        guard nested == nil, shape != .casts, let list = listPaths.first else { return nil }
        var selected = selected(granted: granted, extensions: extensions)
        // As the delta query, which has to name everything where it tracks relationships.
        if delta, selected.isEmpty, !relationships(read: .delta).isEmpty { selected = listable }
        var query = Query()
        query.add("$select", selected.joined(separator: ","))
        query.add("$expand", expand)
        return target(shape == .singleton ? list : Query.path("\(list)/{id}", id: id), query.text)
    }

    /// The target that reads the objects that may have a natural key (``RestoreWrites/naturalKey(of:_:)``), without
    /// relationships: those of one name, or those of one parent. Nil where Graph offers nothing smaller than the list.
    ///
    /// Only filters that need no advanced query: the index behind those may not know what was made a moment ago.
    /// <https://learn.microsoft.com/graph/aad-advanced-queries>
    public func lookUpTarget(_ key: [String: JSONValue], granted: Set<String>?, extensions: [String] = []) -> String? {
        if let nested { return key["resourceId"]?.string.map(nested.target(forParent:)) }
        guard let names = Self.lookUpNames[name], let path = listPaths.first else { return nil }
        for name in names {
            guard let value = key[name]?.string, !value.isEmpty else { continue }
            var query = Query()
            query.add("$select", selected(granted: granted, extensions: extensions).joined(separator: ","))
            let parts = value.split(separator: "'", omittingEmptySubsequences: false)
            query.add("$filter", "\(name) eq '\(parts.joined(separator: "''"))'")
            query.add("$expand", expand)
            query.add("$top", pageSize.map(String.init))
            return target(path, query.text)
        }
        return nil
    }

    /// What the objects of large types are known by, the most telling first.
    private static let lookUpNames: [String: [String]] = [
        "administrativeUnit": ["displayName"], "application": ["displayName"],
        "group": ["mailNickname", "displayName"], "oauth2PermissionGrant": ["clientId"],
        "servicePrincipal": ["appId"], "unifiedRoleAssignment": ["principalId"], "user": ["userPrincipalName"],
    ]

    // The attributes to select; empty when the answer without `$select` has all that may be read.
    private func selected(granted: Set<String>?, extensions: [String]) -> [String] {
        let permitted = selectWithPermission.filter { Catalogue.isGranted($0.value, by: granted) }.keys.sorted()
        let base = permitted.isEmpty && extensions.isEmpty ? select : listable
        return base + permitted + extensions.sorted()
    }

    private func listFilter(since: String?) -> String? {
        guard shape == .incremental else { return filter }
        guard let since, let filter else { return nil }
        return filter.split(separator: "{t}", maxSplits: 1, omittingEmptySubsequences: false).joined(separator: since)
    }

    private func target(_ path: String, _ query: String) -> String {
        query.isEmpty ? path : "\(path)?\(query)"
    }
}

extension ObjectType.Nested {
    /// The target that reads the objects of one parent.
    public func target(forParent id: String) -> String { Query.path(path, id: id) }

    fileprivate func query(pageSize: Int?) -> String {
        var query = Query()
        query.add("$select", parentSelect)
        query.add("$expand", property)
        // Every parent carries up to `truncatesAt` objects: with as many parents as a page may have it would weigh
        // megabytes, several times as much as a page of any other type.
        query.add("$top", pageSize.map { String(min($0, 5_000 / max(1, truncatesAt))) })
        return query.text
    }
}

extension Relationship {
    /// The target that reads the relationship of one object: the single reading of an expansion that was cut off, and
    /// the way of ``Read/perObject``.
    public func target(for id: String) -> String {
        var query = Query()
        if ownList, kind == .link { query.add("$select", "id") }
        if read == .perObject { query.add("$expand", expand) }
        let path = Query.path(path, id: id)
        return query.text.isEmpty ? path : "\(path)?\(query.text)"
    }
}

extension ObjectType.Secrets {
    /// The target that reads the secret of one object.
    public func target(for id: String) -> String { Query.path(path, id: id) }
}

/// Query items in the order in which they were added, percent-encoded.
struct Query {
    private(set) var text = ""

    /// Adds `name=value`; a value that is nil or empty is left out.
    mutating func add(_ name: String, _ value: String?) {
        guard let value, !value.isEmpty else { return }
        if !text.isEmpty { text += "&" }
        text += name + "=" + Self.encode(value, keeping: "$,()':/=;@")
    }

    /// `template` with `{id}` replaced by one encoded path segment.
    static func path(_ template: String, id: String) -> String {
        let encoded = encode(id, keeping: "@:$")
        return template.split(separator: "{id}", omittingEmptySubsequences: false).joined(separator: encoded)
    }

    // RFC 3986: what is neither unreserved nor harmless in this place is encoded, byte by byte of its UTF-8 form.
    static func encode(_ value: String, keeping harmless: String) -> String {
        let unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
        let kept = Set((unreserved + harmless).utf8)
        var encoded = ""
        for byte in value.utf8 {
            if kept.contains(byte) {
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                encoded += byte < 16 ? "%0" : "%"
                encoded += String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }
}
