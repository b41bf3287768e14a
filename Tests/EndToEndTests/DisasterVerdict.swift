import BackupModel
import Foundation
import Testing

/// What is left to differ after a disaster and its restore, judged: nothing but what the restore itself named, object by
/// object and link by link.
struct DisasterVerdict {
    /// Objects that did not come back, with what was said of each.
    private(set) var lost: [String: Set<String>] = [:]
    /// Objects that came back with a part missing that was named.
    private(set) var explained: Set<String> = []
    /// Objects that were not there before: made twice.
    private(set) var doubles: [String] = []
    /// What nothing was said of.
    private(set) var unexplained: [String] = []
    /// The objects, as they were, that it is about.
    private(set) var unexplainedIDs: [String] = []
    /// That by type and parts: the first of a kind, and how many there are.
    private var kinds: [String: (count: Int, first: String)] = [:]

    /// What each to-do, and each conflict about a part of an object, may leave to differ.
    private static let parts: [String: Set<String>] = [
        // Policies come back in report-only mode; a person enables them.
        "enablePolicy": ["attributes/state"],
        // The service finds the members itself, which the simulator does not.
        "membersByRule": ["links/members"],
        // Who belongs to whom is set where the object is mastered. Graph refuses synchronised properties and has no owners
        // of synchronised groups; manager and members are taken to be such properties.
        "syncedFromOnPremises": ["links/manager", "links/members", "links/owners"],
        // Distribution lists and mail-enabled security groups belong to Exchange: to Graph they are read-only.
        "mailEnabledGroup": ["links/members", "links/owners"],
        // Of users it is one attribute that has a permission of its own.
        "permissionMissing": ["attributes/employeeLeaveDateTime"],
        // What Graph never gives out, and so no backup has: secrets and private keys, and what names them.
        "reenterSecret": ["attributes/omaSettings", "children/settings"],
        "rollSecret": ["attributes/passwordCredentials"],
        "uploadCertificate": [
            "attributes/keyCredentials", "attributes/tokenEncryptionKeyId",
            "attributes/preferredTokenSigningKeyThumbprint",
        ],
        "newSigningCertificate": ["attributes/keyCredentials", "attributes/preferredTokenSigningKeyThumbprint"],
    ]

    init(_ was: TenantPicture, _ now: TenantPicture, _ ids: RestoredIDs, _ said: RestoreSayings) {
        var gone: Set<String> = []
        for (type, id) in was.gone(from: now, ids) {
            gone.insert(id)
            let codes = said.losses(type, id)
            if codes.isEmpty {
                add(id, "\(type) \(id) missing \(said.codes(type, id).sorted())", "\(type) missing")
            }
            lost[id] = codes
        }
        // A policy may name a group that was deleted before the snapshot: that name led nowhere then as well.
        let lost = gone.union((was.documents["deletedItem"] ?? [:]).keys)
        let (left, named) = was.without(gone, lost: lost, said)
        explained = named
        for difference in left.differences(after: now.without([], lost: [], said).picture, ids) {
            if difference.what == "too many" {
                // An undo names what it may not delete; nothing can be said of what was made by mistake.
                let isNamed = said.stays(difference.type, difference.id)
                if isNamed { explained.insert(difference.id) } else { doubles.append(difference.description) }
                continue
            }
            let codes = said.codes(difference.type, difference.id)
            let may = codes.reduce(into: Set<String>()) { $0.formUnion(Self.parts[$1] ?? []) }
            let isNamed = { (path: String) in
                may.contains(path) || said.names(path, of: difference.type, difference.id, ids)
            }
            if !difference.paths.isEmpty, difference.paths.allSatisfy(isNamed) {
                explained.insert(difference.id)
            } else {
                add(
                    difference.id, "\(difference.description.prefix(700)) \(codes.sorted())",
                    "\(difference.type) \(difference.paths.joined(separator: " ")) \(codes.sorted())")
            }
        }
    }

    private mutating func add(_ id: String, _ difference: String, _ kind: String) {
        unexplainedIDs.append(id)
        unexplained.append(difference)
        kinds[kind, default: (0, difference)].count += 1
    }

    func report(_ what: String) {
        for (kind, some) in kinds.sorted(by: { $0.key < $1.key }) {
            print("  \(what): \(some.count) times \(kind), such as \(some.first)")
        }
        var codes: [String: Int] = [:]
        for said in lost.values { codes[said.sorted().joined(separator: "+"), default: 0] += 1 }
        print(
            """
            \(what): \(doubles.count) doubles, \(unexplained.count) differences that nothing was said of, \
            \(lost.count) objects that cannot come back \(codes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }), \
            \(explained.count) that differ in what was said
            """)
        for double in doubles.prefix(20) { Issue.record("\(what): twice: \(double)") }
        for difference in unexplained.prefix(20) { Issue.record("\(what): \(difference)") }
        #expect(doubles.isEmpty && unexplained.isEmpty, "\(what)")
    }

    /// What `diff` may show of these objects beside what ids became.
    var excused: [String: Set<String>] {
        Dictionary(uniqueKeysWithValues: explained.union(lost.keys).map { ($0, ["said"]) })
    }
}

/// What a plan and its results tell a person to do, and what stood in the way: of objects, and of whole types.
struct RestoreSayings {
    private struct Saying {
        var code: String
        var message: String
    }

    private var objects: [String: [Saying]] = [:]
    private var types: [String: Set<String>] = [:]

    /// Why an object does not come back. What is said of those that do come back is no reason. Graph makes none of these:
    /// what is built in, devices, managed identities, groups of Exchange, guests without an invitation, domains without
    /// proof, and what is mastered on premises, which the next synchronisation would make a second time.
    private static let losing: Set<String> = [
        "backupOnly", "builtIn", "cannotCreate", "domainNotVerified", "firstPartyApplication", "inviteGuest",
        "mailEnabledGroup", "managedIdentity", "registerDevice", "roleAssignable", "syncedFromOnPremises",
        "userPrincipalNameTaken", "verifyDomain",
    ]
    /// Why an object that is too many is not deleted. Nothing deletes what is built in, of Microsoft, or the application
    /// that restores. Groups of Exchange are read-only to Graph. What is synchronised is left to who masters it: deleted
    /// here it would come back with the next synchronisation, or be missed there.
    private static let staying: Set<String> = [
        "builtIn", "cannotDelete", "firstPartyApplication", "mailEnabledGroup", "managedIdentity", "ownApplication",
        "restrictedUnit", "syncedFromOnPremises",
    ]

    init(_ plan: JSONValue, _ shown: JSONValue) {
        for document in [plan, shown] {
            for item in (document["todos"]?.array ?? []) + (document["conflicts"]?.array ?? []) {
                guard let type = item["type"]?.string, let code = item["code"]?.string else { continue }
                if let id = item["id"]?.string, !id.isEmpty {
                    let saying = Saying(code: code, message: item["message"]?.string ?? "")
                    objects[Self.key(type, id), default: []].append(saying)
                } else {
                    types[type, default: []].insert(code)
                }
            }
        }
    }

    private static func key(_ type: String, _ id: String) -> String { "\(type) \(id)" }

    /// All that was said of an object and of its type.
    func codes(_ type: String, _ id: String) -> Set<String> {
        Set((objects[Self.key(type, id)] ?? []).map(\.code)).union(types[type] ?? [])
    }

    /// The same in words, of an object whose type is not known.
    func words(_ id: String) -> [String] {
        objects.filter { $0.key.hasSuffix(" \(id)") }.flatMap(\.value).map { "\($0.code): \($0.message)" }
    }

    /// What was said of this very object that keeps it from coming back.
    func losses(_ type: String, _ id: String) -> Set<String> {
        var sayings = objects[Self.key(type, id)] ?? []
        // A lasting role assignment and its schedule are one thing with one id.
        if type == "unifiedRoleAssignmentSchedule" { sayings += objects[Self.key("unifiedRoleAssignment", id)] ?? [] }
        let reasons = sayings.filter { saying in
            if saying.code == "referenceMissing" {
                // Of a part of the object it begins with the name of that part.
                return saying.message.hasPrefix("refers to ") || saying.message.hasPrefix("its application ")
            }
            return Self.losing.contains(saying.code)
        }
        return Set(reasons.map(\.code))
    }

    /// Whether a reason was given why this very object stays.
    func stays(_ type: String, _ id: String) -> Bool {
        (objects[Self.key(type, id)] ?? []).contains { Self.staying.contains($0.code) }
    }

    /// Whether it was said that this attribute of a synchronised object stays as it is.
    func names(_ path: String, of type: String, _ id: String, _ ids: RestoredIDs) -> Bool {
        guard path.hasPrefix("attributes/") else { return false }
        let name = path.dropFirst("attributes/".count)
        return (objects[Self.key(type, id)] ?? []).contains { saying in
            guard saying.code == "syncedFromOnPremises", let start = saying.message.firstRange(of: ": ") else {
                return false
            }
            // Names of directory extensions hold the id of the application, which may be another now.
            let names = saying.message[start.upperBound...].components(separatedBy: ", ")
            return names.contains { $0 == name || ids.mapped($0) == name }
        }
    }

    /// Whether it was said that these targets, and so many of them, are missing in a part of the object.
    func names(_ missing: [String], in part: String, of type: String, _ id: String) -> Bool {
        (objects[Self.key(type, id)] ?? []).contains { saying in
            guard saying.code == "referenceMissing", saying.message.hasPrefix("\(part): ") else { return false }
            let rest = saying.message.dropFirst(part.count + 2)
            // Of many the first are named, and their number.
            if let number = Int(rest.prefix { $0.isNumber }), number != missing.count { return false }
            let named = missing.count { rest.contains($0) }
            return named == missing.count || (rest.hasSuffix(" ...") && named == 5)
        }
    }
}

extension TenantPicture {
    /// Restorable objects that are not there any more, under whichever id.
    fileprivate func gone(from now: TenantPicture, _ ids: RestoredIDs) -> [(type: String, id: String)] {
        Catalogue.current.types.filter(\.restore.isRestorable).flatMap { type in
            let present = now.documents[type.name] ?? [:]
            return (documents[type.name] ?? [:]).keys.filter { present[ids[$0]] == nil }.sorted().map {
                (type.name, $0)
            }
        }
    }

    /// Without the objects, without the links to them whose loss was named, and without what nobody can write.
    /// - Parameter lost: what elements of sub-collections may have lost, if that was named.
    /// - Returns: also the objects of which something was named.
    fileprivate func without(_ gone: Set<String>, lost: Set<String>, _ said: RestoreSayings)
        -> (picture: TenantPicture, named: Set<String>)
    {
        var picture = TenantPicture()
        var named: Set<String> = []
        for (type, all) in documents {
            for (id, document) in all where !gone.contains(id) {
                var links = JSONObject()
                for (name, value) in document["links"]?.object ?? [:] {
                    var targets = value.array ?? []
                    let missing = targets.compactMap(\.string).filter(gone.contains)
                    if !missing.isEmpty, said.names(missing, in: name, of: type, id) {
                        targets.removeAll { gone.contains($0.string ?? "") }
                        named.insert(id)
                    }
                    if !targets.isEmpty { links[name] = .array(targets) }
                }
                let attributes = (document["attributes"]?.object ?? [:]).filter { attribute in
                    !(Self.given[type]?.contains(attribute.name) ?? false)
                }
                var children = JSONObject()
                for (name, value) in document["children"]?.object ?? [:] {
                    var elements = value.array ?? []
                    let missing = Set(elements.flatMap { Self.named($0, lost) }).sorted()
                    if !missing.isEmpty, said.names(missing, in: name, of: type, id) {
                        elements.removeAll { !Self.named($0, lost).isEmpty }
                        named.insert(id)
                    }
                    children[name] = .array(elements)
                }
                picture.documents[type, default: [:]][id] = [
                    "attributes": Self.bare(.object(JSONObject(attributes.map { ($0.name, $0.value) }))) ?? [:],
                    "links": .object(links), "children": Self.bare(.object(children)) ?? [:],
                ]
            }
        }
        return (picture, named)
    }

    private static func named(_ value: JSONValue, _ gone: Set<String>) -> [String] {
        switch value {
        case .string(let text): gone.contains(text) ? [text] : []
        case .array(let elements): elements.flatMap { named($0, gone) }
        case .object(let object): object.flatMap { named($0.value, gone) }
        default: []
        }
    }

    /// What the service gives an object that is made anew: times of a request, the roles of the application.
    private static let given: [String: Set<String>] = [
        "servicePrincipal": ["appRoles"],
        "unifiedRoleAssignmentSchedule": ["createdDateTime", "createdUsing", "modifiedDateTime"],
        "unifiedRoleEligibilitySchedule": ["createdDateTime", "createdUsing", "modifiedDateTime"],
    ]

    /// Without what is null or empty, which to Graph is as absent; without where a role comes from, and when a schedule
    /// begins: a new one begins now. An authentication strength is its id.
    private static func bare(_ value: JSONValue) -> JSONValue? {
        switch value {
        case .null: return nil
        case .array(let elements):
            let kept = elements.compactMap(bare)
            return kept.isEmpty ? nil : .array(kept)
        case .object(let object):
            let kept = object.compactMap { member -> (String, JSONValue)? in
                if ["origin", "startDateTime"].contains(member.name) { return nil }
                if member.name == "authenticationStrength", let id = member.value["id"] { return (member.name, id) }
                return bare(member.value).map { (member.name, $0) }
            }
            return kept.isEmpty ? nil : .object(JSONObject(kept))
        default: return value
        }
    }
}
