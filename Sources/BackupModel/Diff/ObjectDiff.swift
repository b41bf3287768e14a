/// Compares documents. Pure: what is read, and from where, is the caller's matter.
public enum ObjectDiff {
    /// How `to` differs from `from`; nil when it does not, or when both are absent. A document whose state is deleted
    /// counts as absent.
    ///
    /// `wasPresentBefore`: some snapshot before `from` has the object, so that its return is `restored` and not
    /// `added`. A deleted document in `from` says so by itself.
    public static func between(
        _ from: ObjectDocument?, _ to: ObjectDocument?, wasPresentBefore: Bool = false
    ) -> ObjectChange? {
        let old = from.flatMap { $0.state == .present ? $0 : nil }
        let new = to.flatMap { $0.state == .present ? $0 : nil }
        switch (old, new) {
        case (nil, nil): return nil
        case (let old?, nil): return change(.deleted, old)
        case (nil, let new?): return change(wasPresentBefore || from != nil ? .restored : .added, new)
        case (let old?, let new?):
            var update = change(.updated, new)
            compare(.object(old.attributes), .object(new.attributes), at: JSONPointer(), &update.attributes)
            update.links = links(old, new)
            update.children = children(old, new)
            return update.attributes.isEmpty && update.links.isEmpty && update.children.isEmpty ? nil : update
        }
    }

    private static func change(_ kind: ObjectChange.Kind, _ document: ObjectDocument) -> ObjectChange {
        ObjectChange(type: document.type, id: document.id, displayName: document.displayName, kind: kind)
    }

    /// Collects the differences of two values, into objects but not into arrays.
    private static func compare(
        _ old: JSONValue?, _ new: JSONValue?, at path: JSONPointer, _ changes: inout [ObjectChange.Attribute]
    ) {
        guard case .object(let old) = old, case .object(let new) = new else {
            if old != new { changes.append(ObjectChange.Attribute(path: path, from: old, to: new)) }
            return
        }
        for (name, value) in old where value != new[name] {
            compare(value, new[name], at: path.appending(name), &changes)
        }
        for (name, value) in new where old[name] == nil {
            compare(nil, value, at: path.appending(name), &changes)
        }
        if path.tokens.isEmpty { changes.sort { precedes($0.path, $1.path) } }
    }

    private static func precedes(_ left: JSONPointer, _ right: JSONPointer) -> Bool {
        left.description.precedesInUnits(right.description)
    }

    private static func links(_ old: ObjectDocument, _ new: ObjectDocument) -> [ObjectChange.Links] {
        Set(old.links.keys).union(new.links.keys).sorted().compactMap { name in
            let (before, after) = (old.links[name] ?? [], new.links[name] ?? [])
            guard !before.haveSameUnits(as: after) else { return nil }
            return ObjectChange.Links(
                name: name, added: after.subtractingInUnits(before), removed: before.subtractingInUnits(after))
        }
    }

    private static func children(_ old: ObjectDocument, _ new: ObjectDocument) -> [ObjectChange.Children] {
        Set(old.children.keys).union(new.children.keys).sorted().compactMap { name in
            let (before, after) = (old.children[name], new.children[name])
            return before == after ? nil : ObjectChange.Children(name: name, from: before, to: after)
        }
    }

    // MARK: Applying

    /// The document after an update: `applying(between(a, b), to: a) == b`. A deletion gives the document with its
    /// state changed. An addition or a restoration holds no content and gives the document back as it is.
    public static func applying(_ change: ObjectChange, to document: ObjectDocument) -> ObjectDocument {
        var document = document
        if change.kind == .deleted { document.state = .deleted }
        var root = JSONValue.object(document.attributes)
        for attribute in change.attributes { set(attribute.to, at: attribute.path.tokens[...], in: &root) }
        if case .object(let attributes) = root { document.attributes = attributes }
        for links in change.links {
            let kept = (document.links[links.name] ?? []).subtractingInUnits(links.removed.inOrderOfUnits())
            document.setLinks(links.name, kept + links.added)
        }
        for children in change.children { document.children[children.name] = children.to }
        return document
    }

    /// Sets or, for nil, takes away the member that the tokens lead to. Missing objects on the way are made.
    private static func set(_ value: JSONValue?, at tokens: ArraySlice<String>, in parent: inout JSONValue) {
        guard let token = tokens.first else {
            parent = value ?? .null
            return
        }
        var object = parent.object ?? [:]
        if tokens.count == 1 {
            object[token] = value
        } else {
            var child = object[token] ?? [:]
            set(value, at: tokens.dropFirst(), in: &child)
            object[token] = child
        }
        parent = .object(object)
    }
}
