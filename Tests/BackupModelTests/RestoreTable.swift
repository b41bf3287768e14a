import BackupModel
import Testing

/// For each type what is planned when an object of it was changed, soft-deleted, hard-deleted, lost a link, got a link,
/// or has other assignments. `-` is nothing to do; `!` a conflict, `?` a to-do.
enum RestoreTable {
    static let id = other(0)

    static func other(_ number: Int) -> String {
        let digits = String(number)
        return "aaaaaaaa-0000-0000-0000-" + String(repeating: "0", count: 12 - digits.count) + digits
    }

    static func plan(
        _ subjects: [RestorePlanner.Subject], change options: (inout RestoreOptions) -> Void = { _ in },
        facts change: (inout RestoreFacts) -> Void = { _ in }
    ) throws -> RestorePlan {
        let tenant = try #require(TenantID(other(999)))
        var facts = RestoreFacts(typeOf: { $0 == other(6) || $0 == other(7) ? "application" : $0 != id ? "user" : nil })
        change(&facts)
        var chosen = RestoreOptions(attributesMode: .overwrite, linksMode: .rollback, newObjects: .delete)
        options(&chosen)
        return RestorePlanner(facts: facts, options: chosen).plan(
            subjects, tenant: tenant, source: tenant, snapshot: 1, liveSnapshot: 2)
    }

    static func document(_ name: String) -> ObjectDocument {
        Catalogue.current[name].map(document) ?? ObjectDocument(type: name, id: id)
    }

    /// A plain object of the type, with an attribute that can be written where there is one.
    static func document(_ type: ObjectType) -> ObjectDocument {
        var attributes: JSONObject =
            type.attributes.contains("displayName") ? ["displayName": "N"] : ["id": .string(id)]
        if let name = writable(type) { attributes[name] = "old" }
        for name in ["principalId", "resourceId", "clientId"] where type.attributes.contains(name) {
            attributes[name] = .string(other(1))
        }
        if type.attributes.contains("roleDefinitionId") { attributes["roleDefinitionId"] = .string(other(2)) }
        if type.attributes.contains("scheduleInfo") {
            attributes["scheduleInfo"] = ["expiration": ["type": "afterDateTime"]]
        }
        var document = ObjectDocument(type: type.name, id: id, attributes: attributes)
        for relationship in type.relationships where relationship.isBackedUp {
            switch relationship.kind {
            case .link: document.setLinks(relationship.name, [other(relationship.name == "appliesTo" ? 6 : 3)])
            case .child: document.children[relationship.name] = [["name": "one"]]
            }
        }
        return document
    }

    /// An attribute that an update may set.
    private static func writable(_ type: ObjectType) -> String? {
        let fixed = type.restore.createOnly.map { String($0.prefix { $0 != ":" }) }
        let special: Set<String> = [
            "displayName", "roleDefinitionId", "principalId", "resourceId", "clientId", "scheduleInfo", "identities",
            "customSecurityAttributes", "accountEnabled", "state", "isBuiltIn", "policyType", "appId", "api", "addIns",
        ]
        if type.name == "device" { return "accountEnabled" }
        return type.attributes.first { name in
            !special.contains(name) && !type.restore.readOnly.contains(name) && !fixed.contains(name)
                && !type.restore.notOnPost.contains(name) && !type.volatile.contains(name)
        }
    }

    static func row(_ type: ObjectType) throws -> String {
        let whole = document(type)
        let cells = try [
            (
                "changed",
                change(whole) { document in
                    for name in ["displayName", writable(type)].compactMap(\.self) {
                        document.attributes[name] = document.attributes[name] == nil ? nil : "new"
                    }
                    if type.restore.mode == .request { document.attributes["scheduleInfo"] = ["expiration": [:]] }
                }
            ),
            (
                "soft",
                describe(
                    plan(
                        [.init(type: type.name, wanted: whole, live: nil)],
                        facts: { facts in
                            if type.restore.softDelete, type.restore.softDeletePath == nil {
                                facts.recycleBin = [id: whole]
                            }
                        }))
            ),
            ("hard", describe(plan([.init(type: type.name, wanted: whole, live: nil)]))),
            (
                "lost",
                change(whole) { document in
                    for name in whole.links.keys { document.setLinks(name, []) }
                }
            ),
            (
                "got",
                change(whole) { document in
                    for (name, ids) in whole.links {
                        document.setLinks(name, ids + [other(name == "appliesTo" ? 7 : 4)])
                    }
                }
            ),
            (
                "children",
                change(whole) { document in
                    for name in whole.children.keys { document.children[name] = [["name": "two"]] }
                }
            ),
            ("since", describe(plan([.init(type: type.name, wanted: nil, live: whole)]))),
        ]
        return type.name + ": " + cells.map { "\($0.0)=\($0.1)" }.joined(separator: " ")
    }

    private static func change(_ wanted: ObjectDocument, _ damage: (inout ObjectDocument) -> Void) throws -> String {
        var live = wanted
        damage(&live)
        return try describe(plan([.init(type: wanted.type, wanted: wanted, live: live)]))
    }

    private static func describe(_ plan: RestorePlan) -> String {
        let words =
            plan.steps.map(\.action.rawValue) + plan.conflicts.map { "!" + $0.code } + plan.todos.map { "?" + $0.code }
        var unique: [String] = []
        for word in words where !unique.contains(word) { unique.append(word) }
        return unique.isEmpty ? "-" : unique.joined(separator: "+")
    }
}
