/// When two values are the same to a restore: the one rule by which plans and live comparisons find differences, and
/// results are read back.
///
/// Null, absence and emptiness are one to Graph. What the services set or fill in (``RestoreRules/serviceSet``) says
/// nothing. The elements of a list have no order, but where the type gives it a meaning.
struct Sameness {
    let isOrdered: Bool

    /// - Parameter parts: what the services set in the values; nil for nothing.
    func isSame(_ wanted: JSONValue?, _ live: JSONValue?, _ parts: ServiceSetParts?) -> Bool {
        if wanted == live { return true }
        switch (wanted ?? .null, live ?? .null) {
        case (.array(let left), .array(let right)): return areSame(Self.kept(left, right), right, parts, isOrdered)
        case (.array(let left), let other) where Self.isBlank(other): return Self.kept(left, []).isEmpty
        case (.object(let left), .object(let right)): return isSame(left, right, parts)
        case (.object(let left), let other) where Self.isBlank(other): return isSame(left, [:], parts)
        case (let other, .object(let right)) where Self.isBlank(other): return isSame([:], right, parts)
        default: return Self.isBlank(wanted) && Self.isBlank(live)
        }
    }

    private func isSame(_ wanted: JSONObject, _ live: JSONObject, _ parts: ServiceSetParts?) -> Bool {
        let isHidden = Self.isUnreadable(.object(wanted)) && Self.isUnreadable(.object(live))
        func passes(_ name: String) -> Bool {
            parts?.isWhole(name) ?? false || (isHidden && Self.hidden.contains(name))
        }
        return wanted.allSatisfy { passes($0.name) || isSame($0.value, live[$0.name], parts?[$0.name]) }
            && live.allSatisfy {
                wanted[$0.name] != nil || passes($0.name) || isSame(nil, $0.value, parts?[$0.name])
            }
    }

    /// Whether two lists have the same elements, each as often.
    func areSame(_ wanted: [JSONValue], _ live: [JSONValue], _ parts: ServiceSetParts?, _ isOrdered: Bool) -> Bool {
        guard wanted.count == live.count else { return false }
        if isOrdered { return zip(wanted, live).allSatisfy { isSame($0, $1, parts) } }
        var rest = live
        for element in wanted {
            guard let place = rest.firstIndex(where: { isSame(element, $0, parts) }) else { return false }
            rest.remove(at: place)
        }
        return true
    }

    /// Whether a value read has all that was written; the services may add members to it.
    func covers(_ found: JSONValue?, _ wanted: JSONValue, _ parts: ServiceSetParts?) -> Bool {
        if Self.isBlank(wanted) { return isSame(wanted, found, parts) }
        switch (found, wanted) {
        case (.object(let object)?, .object(let members)):
            return members.allSatisfy {
                parts?.isWhole($0.name) ?? false || covers(object[$0.name], $0.value, parts?[$0.name])
            }
        case (.array(let elements)?, .array(let list)):
            return elements.count == list.count
                && list.allSatisfy { one in elements.contains { covers($0, one, parts) } }
        case (.string(let one)?, .string(let other)): return one.lowercased() == other.lowercased()
        default: return found == wanted
        }
    }

    static func isBlank(_ value: JSONValue?) -> Bool {
        switch value {
        case nil, .null: true
        case .array(let elements): elements.isEmpty
        case .object(let object): object.allSatisfy { isBlank($0.value) }
        case .string(let text): text.isEmpty
        default: false
        }
    }

    // MARK: What cannot be read

    /// Of an encrypted setting Graph shows neither the value nor the same reference to it twice.
    private static let hidden: Set<String> = ["secretReferenceValueId", "value"]

    /// A setting whose value Graph does not give out, so that it can be written by a person only.
    /// <https://learn.microsoft.com/graph/api/resources/intune-deviceconfig-omasetting>
    static func isUnreadable(_ element: JSONValue) -> Bool { element["isEncrypted"]?.bool == true }

    /// The settings of a list that nobody but a person can bring back; the plan has a to-do for them.
    static func lost(_ wanted: JSONValue?, _ live: JSONValue?) -> [JSONValue] {
        (wanted?.array ?? []).filter { element in
            isUnreadable(element) && !(live?.array ?? []).contains { $0["omaUri"] == element["omaUri"] }
        }
    }

    private static func kept(_ wanted: [JSONValue], _ live: [JSONValue]) -> [JSONValue] {
        guard wanted.contains(where: isUnreadable) else { return wanted }
        let lost = Set(lost(.array(wanted), .array(live)))
        return wanted.filter { !lost.contains($0) }
    }
}

extension ObjectType {
    private var sameness: Sameness { Sameness(isOrdered: orderedArrays) }

    /// Whether an attribute is as it is to be.
    func isSame(_ name: String, wanted: ObjectDocument, live: ObjectDocument) -> Bool {
        let (to, from) = (wanted.attributes[name], live.attributes[name])
        if restore.mode == .request, name == "scheduleInfo", Schedule.beginAlike(wanted, live) {
            return sameness.isSame(to, from, Schedule.start)
        }
        return sameness.isSame(to, from, serviceSet[name])
    }

    /// Whether two values of an attribute, or of a part of one, are the same: what only a person can bring back is
    /// missing in neither.
    func isSame(at path: JSONPointer, _ one: JSONValue?, _ other: JSONValue?) -> Bool {
        var parts: ServiceSetParts? = serviceSet
        for token in path.tokens {
            if parts?.isWhole(token) == true { return true }
            parts = parts?[token]
        }
        return sameness.isSame(one, other, parts) && sameness.isSame(other, one, parts)
    }

    /// Whether a sub-collection has the wanted elements and no others; it has no order of its own.
    func areSame(_ name: String, _ wanted: [JSONValue], _ live: [JSONValue]) -> Bool {
        sameness.areSame(wanted, live, serviceSet[name], false)
    }

    /// Whether a value of an attribute, or an element of a sub-collection, has all that was written.
    func covers(_ name: String, _ found: JSONValue?, _ wanted: JSONValue) -> Bool {
        sameness.covers(found, wanted, serviceSet[name])
    }
}

extension ObjectChange {
    /// Without what is the same to a restore; nil when nothing else differs.
    ///
    /// A delta query does not tell attributes that never had a value and a single reading does; ids of assignments and
    /// the like come from the service.
    public func toRestore(_ type: ObjectType) -> ObjectChange? {
        guard kind == .updated else { return self }
        var change = self
        change.attributes.removeAll { type.isSame(at: $0.path, $0.from, $0.to) }
        change.children.removeAll { type.areSame($0.name, $0.to ?? [], $0.from ?? []) }
        return change.attributes.isEmpty && change.links.isEmpty && change.children.isEmpty ? nil : change
    }
}

/// Schedules of privileged identity management.
private enum Schedule {
    static let start = ServiceSetParts(["startDateTime"])

    /// Whether both schedules began when they were made, so that their starts only tell when that was: a start that has
    /// passed cannot be asked for again. One that a plain role assignment makes has no time of its making.
    ///
    /// The end of one with a duration hangs on its start.
    /// <https://learn.microsoft.com/graph/api/resources/requestschedule>
    static func beginAlike(_ wanted: ObjectDocument, _ live: ObjectDocument) -> Bool {
        guard begins(wanted)["expiration"]?["type"]?.string != "afterDuration", beganAtOnce(live, live) else {
            return false
        }
        return beganAtOnce(wanted, wanted) || beganAtOnce(wanted, live)
    }

    /// Whether the start is not later than the last writing of `made`.
    private static func beganAtOnce(_ schedule: ObjectDocument, _ made: ObjectDocument) -> Bool {
        let times = ["createdDateTime", "modifiedDateTime"].compactMap { made.attributes[$0]?.string }
        // Times in UTC sort as texts; seconds are near enough.
        guard let start = begins(schedule)["startDateTime"]?.string, let last = times.max() else { return true }
        return start.prefix(19) <= last.prefix(19)
    }

    private static func begins(_ schedule: ObjectDocument) -> JSONValue {
        schedule.attributes["scheduleInfo"] ?? .null
    }
}
