/// A part of a plan, or of what came of it, as it lies in sealed storage: nothing is lost on the way there and back.
///
/// Members that are not known are passed over, so that a newer program's rows stay readable.
public protocol RestoreStored {
    /// The whole value. Unlike the JSON of commands, absence and null differ: what is nil is left out.
    var stored: JSONValue { get }
    /// Nil when a member is missing or of another shape.
    init?(stored: JSONValue)
}

/// Stored bytes that are no plan, step or result.
public struct RestoreDecodingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was to be read.
    public let what: String

    /// `what` is the name of a type, never a part of the bytes.
    public init(what: String) {
        self.what = what
    }

    public var description: String { "the stored \(what) cannot be read: it is damaged or from a newer program" }
}

extension RestoreStored {
    /// UTF-8 JSON in canonical form.
    public var encoded: [UInt8] { stored.canonicalBytes }

    /// Throws when the bytes are not JSON, or ``init(stored:)`` gives nothing.
    public init(decoding bytes: [UInt8]) throws(RestoreDecodingError) {
        guard let json = try? JSONValue(parsing: bytes), let value = Self(stored: json) else {
            throw RestoreDecodingError(what: String(describing: Self.self))
        }
        self = value
    }
}

extension Array: RestoreStored where Element: RestoreStored {
    /// The elements in their order.
    public var stored: JSONValue { .array(map(\.stored)) }

    /// Nil when a single element cannot be read: a list is whole or it is nothing.
    public init?(stored: JSONValue) {
        guard let elements = stored.array else { return nil }
        let values = elements.compactMap(Element.init(stored:))
        guard values.count == elements.count else { return nil }
        self = values
    }
}

extension ObjectChange.Attribute: RestoreStored {
    /// A side that is absent is left out; null stays null.
    public var stored: JSONValue {
        var object: JSONObject = ["path": .string(path.description)]
        object["from"] = from
        object["to"] = to
        return .object(object)
    }

    /// Nil without a path that can be read.
    public init?(stored: JSONValue) {
        guard let path = stored["path"]?.string.flatMap(JSONPointer.init) else { return nil }
        self.init(path: path, from: stored["from"], to: stored["to"])
    }
}

extension ObjectChange.Links: RestoreStored {
    /// The same as for commands: no part of it can be absent.
    public var stored: JSONValue { json }

    /// Nil when a part is missing or an id is no text.
    public init?(stored: JSONValue) {
        guard let name = stored["name"]?.string, let added = stored["added"]?.strings,
            let removed = stored["removed"]?.strings
        else { return nil }
        self.init(name: name, added: added, removed: removed)
    }
}

extension ObjectChange.Children: RestoreStored {
    /// A side that was never read is left out; an empty one is an empty list.
    public var stored: JSONValue {
        var object: JSONObject = ["name": .string(name)]
        object["from"] = from.map(JSONValue.array)
        object["to"] = to.map(JSONValue.array)
        return .object(object)
    }

    /// Nil without a name; a side that is no list counts as never read.
    public init?(stored: JSONValue) {
        guard let name = stored["name"]?.string else { return nil }
        self.init(name: name, from: stored["from"]?.array, to: stored["to"]?.array)
    }
}

extension RestoreStep: RestoreStored {
    /// The whole step, with the document that the command's JSON leaves out.
    public var stored: JSONValue {
        var object: JSONObject = [
            "number": JSONValue(number), "wave": JSONValue(wave), "action": .string(action.rawValue),
            "type": .string(type), "id": .string(id), "displayName": .string(displayName),
            "attributes": attributes.stored, "links": links.stored, "children": children.stored,
            "reason": .string(reason), "cost": JSONValue(cost),
        ]
        object["document"] = document?.json()
        if looksFirst { object["looksFirst"] = true }
        return .object(object)
    }

    /// Nil also for an action that this version does not know: it cannot be carried out.
    public init?(stored: JSONValue) {
        guard let number = stored["number"]?.int, let wave = stored["wave"]?.int,
            let action = stored["action"]?.string.flatMap(Action.init), let type = stored["type"]?.string,
            let id = stored["id"]?.string, let displayName = stored["displayName"]?.string,
            let attributes = stored["attributes"].flatMap([ObjectChange.Attribute].init(stored:)),
            let links = stored["links"].flatMap([ObjectChange.Links].init(stored:)),
            let children = stored["children"].flatMap([ObjectChange.Children].init(stored:)),
            let reason = stored["reason"]?.string, let cost = stored["cost"]?.int
        else { return nil }
        var document: ObjectDocument?
        if let json = stored["document"] {
            guard let whole = ObjectDocument(json: json) else { return nil }
            document = whole
        }
        self.init(
            number: number, wave: wave, action: action, type: type, id: id, displayName: displayName,
            attributes: attributes, links: links, children: children, document: document, reason: reason, cost: cost)
        looksFirst = stored["looksFirst"]?.bool ?? false
    }
}

extension RestoreConflict: RestoreStored {
    /// The same as for commands: no part of it can be absent.
    public var stored: JSONValue { json }

    /// Nil when one of the five texts is missing.
    public init?(stored: JSONValue) {
        guard let code = stored["code"]?.string, let type = stored["type"]?.string, let id = stored["id"]?.string,
            let message = stored["message"]?.string, let hint = stored["hint"]?.string
        else { return nil }
        self.init(code: code, type: type, id: id, message: message, hint: hint)
    }
}

extension RestoreTodo: RestoreStored {
    /// The same as for commands: no part of it can be absent.
    public var stored: JSONValue { json }

    /// Nil when one of the four texts is missing.
    public init?(stored: JSONValue) {
        guard let code = stored["code"]?.string, let type = stored["type"]?.string, let id = stored["id"]?.string,
            let message = stored["message"]?.string
        else { return nil }
        self.init(code: code, type: type, id: id, message: message)
    }
}

extension JSONValue {
    /// The texts of an array; nil when this is no array of texts.
    var strings: [String]? {
        guard let elements = array else { return nil }
        let texts = elements.compactMap(\.string)
        return texts.count == elements.count ? texts : nil
    }
}
