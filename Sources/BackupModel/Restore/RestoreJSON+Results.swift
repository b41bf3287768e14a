extension RestoreOptions: RestoreStored {
    /// Sets as sorted lists; what stands for all types, objects or attributes is left out.
    public var stored: JSONValue {
        func list(_ texts: Set<String>?) -> JSONValue? { texts.map { .array($0.sorted().map(JSONValue.string)) } }
        var object: JSONObject = [
            "attributesMode": .string(attributesMode.rawValue), "linksMode": .string(linksMode.rawValue),
            "newObjects": .string(newObjects.rawValue), "withReferences": .bool(withReferences),
            "domains": .object(JSONObject(domains.map { ($0, .string($1)) })),
        ]
        object["types"] = list(types)
        object["ids"] = list(ids)
        object["attributes"] = list(attributes)
        object["links"] = list(links)
        object["breakGlass"] = breakGlass.map(JSONValue.string)
        return .object(object)
    }

    /// Nil also for a mode that this version does not know: it cannot be carried out.
    public init?(stored: JSONValue) {
        guard let attributesMode = stored["attributesMode"]?.string.flatMap(AttributesMode.init),
            let linksMode = stored["linksMode"]?.string.flatMap(LinksMode.init),
            let newObjects = stored["newObjects"]?.string.flatMap(NewObjects.init),
            let withReferences = stored["withReferences"]?.bool, let domains = stored["domains"]?.object
        else { return nil }
        var mapped: [String: String] = [:]
        for (name, value) in domains {
            guard let value = value.string else { return nil }
            mapped[name] = value
        }
        var sets: [String: Set<String>] = [:]
        for name in ["types", "ids", "attributes", "links"] {
            guard let json = stored[name] else { continue }
            guard let texts = json.strings else { return nil }
            sets[name] = Set(texts)
        }
        self.init(
            types: sets["types"], ids: sets["ids"], attributes: sets["attributes"], links: sets["links"],
            attributesMode: attributesMode, linksMode: linksMode, newObjects: newObjects,
            withReferences: withReferences, domains: mapped, breakGlass: stored["breakGlass"]?.string)
    }
}

extension RestoreResult.Difference: RestoreStored {
    /// A side that is absent is left out.
    public var stored: JSONValue {
        var object: JSONObject = ["path": .string(path)]
        object["expected"] = expected
        object["found"] = found
        return .object(object)
    }

    /// Nil without a path; a side that is missing was absent.
    public init?(stored: JSONValue) {
        guard let path = stored["path"]?.string else { return nil }
        self.init(path: path, expected: stored["expected"], found: stored["found"])
    }

    /// An element of `differences` in `restore show --json`.
    public var json: JSONValue {
        ["path": .string(path), "expected": expected ?? .null, "found": found ?? .null]
    }
}

extension RestoreResult.NewID: RestoreStored {
    /// An element of `idMap` in `restore show --json`.
    public var json: JSONValue { ["type": .string(type), "from": .string(from), "to": .string(to)] }

    /// The same as for commands: no part of it can be absent.
    public var stored: JSONValue { json }

    /// Nil when one of the three texts is missing.
    public init?(stored: JSONValue) {
        guard let type = stored["type"]?.string, let from = stored["from"]?.string, let to = stored["to"]?.string
        else { return nil }
        self.init(type: type, from: from, to: to)
    }
}

extension RestoreResult: RestoreStored {
    /// Everything, empty lists included; `code` is left out where there is none.
    public var stored: JSONValue {
        var object: JSONObject = [
            "number": JSONValue(number), "outcome": .string(outcome.rawValue), "verified": .bool(verified),
            "differences": differences.stored, "message": .string(message), "newIDs": newIDs.stored,
            "todos": todos.stored,
        ]
        object["code"] = code.map(JSONValue.string)
        return .object(object)
    }

    /// Nil also for an outcome that this version does not know.
    public init?(stored: JSONValue) {
        guard let number = stored["number"]?.int, let outcome = stored["outcome"]?.string.flatMap(Outcome.init),
            let verified = stored["verified"]?.bool, let message = stored["message"]?.string,
            let differences = stored["differences"].flatMap([Difference].init(stored:)),
            let newIDs = stored["newIDs"].flatMap([NewID].init(stored:)),
            let todos = stored["todos"].flatMap([RestoreTodo].init(stored:))
        else { return nil }
        self.init(
            number: number, outcome: outcome, verified: verified, differences: differences, message: message,
            code: stored["code"]?.string, newIDs: newIDs, todos: todos)
    }

    /// An element of `results` in `restore show --json`.
    public var json: JSONValue {
        [
            "n": JSONValue(number), "outcome": .string(outcome.rawValue), "verified": .bool(verified),
            "differences": .array(differences.map(\.json)), "code": JSONValue(code), "message": .string(message),
            "todos": .array(todos.map(\.json)),
        ]
    }
}

// MARK: - What commands print

extension RestoreStep {
    /// An element of `steps` in `restore plan --json`. A creation has no `writes`: all of the object is written.
    public var json: JSONValue {
        [
            "n": JSONValue(number), "wave": JSONValue(wave), "action": .string(action.rawValue),
            "type": .string(type), "id": .string(id), "displayName": .string(displayName),
            "writes": .array(attributes.map(\.json)), "links": .array(links.map(\.json)),
            "children": .array(children.map(\.json)), "reason": .string(reason), "cost": JSONValue(cost),
        ]
    }
}

extension RestoreConflict {
    /// An element of `conflicts` in `restore plan --json`.
    public var json: JSONValue {
        [
            "code": .string(code), "type": .string(type), "id": .string(id), "message": .string(message),
            "hint": .string(hint),
        ]
    }
}

extension RestoreTodo {
    /// An element of `todos` in `restore plan --json`.
    public var json: JSONValue {
        ["code": .string(code), "type": .string(type), "id": .string(id), "message": .string(message)]
    }
}

extension RestorePlan {
    /// What `restore plan --json` prints under `plan`.
    public var json: JSONValue {
        [
            "id": .string("\(id)".lowercased()), "tenant": .string(tenant.description),
            "source": .string(source.description), "snapshot": snapshot.map { JSONValue($0) } ?? .null,
            "liveSnapshot": JSONValue(liveSnapshot), "undoes": JSONValue(undoes?.description),
            "requests": JSONValue(requests),
            "steps": .array(steps.map(\.json)), "conflicts": .array(conflicts.map(\.json)),
            "todos": .array(todos.map(\.json)), "matches": .array(matches.map(\.json)),
        ]
    }

    /// Requests that write, of all steps.
    public var requests: Int { steps.reduce(0) { $0 + $1.cost } }
}
