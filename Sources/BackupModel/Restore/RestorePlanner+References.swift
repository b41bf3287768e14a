extension RestorePlanner {
    /// An id that an object cannot do without.
    struct Reference: Hashable {
        var id: String
        /// Types among which it must be; none: any.
        var types: Set<String> = []
    }

    /// The ids of objects that policies and assignments refer to, for restoring them along: objects of the source that
    /// are to be looked up, those that have no document there (roles that are built in, applications of Microsoft) among
    /// them. Lower case, sorted.
    public static func references(in document: ObjectDocument) -> [String] {
        var ids = Set(required(document).map(\.id))
        for elements in document.children.values {
            for element in elements { ids.formUnion(named(in: element).map(\.id)) }
        }
        for links in document.links.values { ids.formUnion(links.map { $0.idKey }) }
        if document.type == "group", let rule = document.attributes["membershipRule"] { ids.formUnion(rule.guids) }
        ids.remove(document.id.idKey)
        return ids.sorted()
    }

    /// What must exist for the object to be written at all.
    static func required(_ document: ObjectDocument) -> Set<Reference> {
        let attributes = document.attributes
        func plain(_ names: String...) -> [Reference] {
            names.compactMap { attributes[$0]?.string }.filter { !$0.isEmpty }.map { Reference(id: $0.idKey) }
        }
        switch document.type {
        case "appRoleAssignment": return Set(plain("principalId", "resourceId"))
        case "oauth2PermissionGrant": return Set(plain("clientId", "resourceId", "principalId"))
        case "unifiedRoleAssignment", "unifiedRoleEligibilitySchedule", "unifiedRoleAssignmentSchedule":
            let role = (attributes["roleDefinitionId"]?.string).map {
                Reference(id: $0.idKey, types: ["unifiedRoleDefinition"])
            }
            let scope = GUIDText.all(in: attributes["directoryScopeId"]?.string ?? "").map {
                Reference(id: $0.idKey)
            }
            return Set(plain("principalId") + scope + (role.map { [$0] } ?? []))
        case "conditionalAccessPolicy": return policyReferences(attributes)
        case "group", "user", "application", "servicePrincipal": return []
        default: return []
        }
    }

    private static func policyReferences(_ attributes: JSONObject) -> Set<Reference> {
        var found: Set<Reference> = []
        func add(_ value: JSONValue?, _ types: Set<String>) {
            for id in value?.strings ?? [] where ObjectKey(id) != nil {
                found.insert(Reference(id: id.idKey, types: types))
            }
        }
        let conditions = attributes["conditions"]
        for name in ["includeUsers", "excludeUsers"] { add(conditions?["users"]?[name], ["user"]) }
        for name in ["includeGroups", "excludeGroups"] { add(conditions?["users"]?[name], ["group"]) }
        for name in ["includeLocations", "excludeLocations"] { add(conditions?["locations"]?[name], ["namedLocation"]) }
        for name in ["includeRoles", "excludeRoles"] { add(conditions?["users"]?[name], ["unifiedRoleDefinition"]) }
        if let id = attributes["grantControls"]?["authenticationStrength"]?["id"] {
            add(.array([id]), ["authenticationStrengthPolicy"])
        }
        return found
    }

    /// Objects that an element of a sub-collection names.
    static func named(in element: JSONValue) -> Set<Reference> {
        var found: Set<Reference> = []
        func add(_ value: JSONValue?, _ types: Set<String>) {
            if let id = value?.string, ObjectKey(id) != nil { found.insert(Reference(id: id.idKey, types: types)) }
        }
        add(element["target"]?["groupId"], ["group"])
        add(element["target"]?["deviceAndAppManagementAssignmentFilterId"], ["assignmentFilter"])
        add(element["roleMemberInfo"]?["id"], [])
        for name in ["includeTargets", "excludeTargets"] {
            for target in element[name]?.array ?? [] where target["targetType"]?.string == "group" {
                add(target["id"], ["group"])
            }
        }
        // A filter that is not used is written as zeros.
        return found.filter { $0.id != "00000000-0000-0000-0000-000000000000" }
    }

    /// A role that every tenant has.
    /// <https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference#global-administrator>
    private static let globalAdministrator = "62e90394-69f5-4237-9190-012177145e10"

    /// Whether there is, or will be, an object with that id.
    func exists(_ reference: Reference, _ draft: RestoreDraft) -> Bool {
        let now = facts.map[reference.id]
        if draft.coming[reference.id] != nil || draft.coming[now] != nil { return true }
        if draft.blocked.contains(reference.id) { return false }
        if facts.typeOf(now) != nil { return true }
        // Types that need a licence or a permission that the tenant lacks cannot be looked up: Graph judges.
        return !reference.types.isEmpty
            && reference.types.allSatisfy {
                facts.unreadLive[$0] != nil || facts.unlisted.contains($0) || isBuiltIn($0, now)
            }
    }

    /// Built-in authentication strengths have small ids. Built-in roles cannot be told from their ids: where roles were
    /// read, each of them is known.
    private func isBuiltIn(_ type: String, _ id: String) -> Bool {
        switch type {
        case "unifiedRoleDefinition": facts.typeOf(Self.globalAdministrator) == nil
        case "authenticationStrengthPolicy": id.hasPrefix("00000000-0000-0000-0000-0000000000")
        default: false
        }
    }

    func missing(_ document: ObjectDocument, _ draft: RestoreDraft) -> [String] {
        let gone = Self.required(document).filter { !exists($0, draft) }.map(\.id)
        return (gone + missingApplications(document, draft)).sorted()
    }

    /// Applications that a policy names and that have no service principal here: Graph refuses it.
    private func missingApplications(_ document: ObjectDocument, _ draft: RestoreDraft) -> [String] {
        guard document.type == "conditionalAccessPolicy", let known = facts.applicationIDs else { return [] }
        let applications = document.attributes["conditions"]?["applications"]
        let named = ["includeApplications", "excludeApplications"].flatMap { applications?[$0]?.strings ?? [] }
        return Set(named.filter { ObjectKey($0) != nil }.map(\.idKey)).filter { id in
            !known.contains(facts.map[id]) && !draft.comingApplications.contains(id)
        }.sorted()
    }

    // MARK: What comes back

    /// Decides, in the order of creation, which of the missing objects come back; says why the others do not.
    func settle(_ items: [Item], _ draft: inout RestoreDraft) {
        for item in items where item.live == nil {
            guard let wanted = item.wanted else { continue }
            if options.attributes != nil || options.links != nil {
                guard ids != nil else { continue }
                draft.conflict(
                    "objectMissing", item.type.name, item.id, "the object is not there: no part of it can be set",
                    "restore it whole: leave out --attributes and the names of links")
                continue
            }
            let id = item.id.idKey
            if draft.coming[id] != nil { continue }
            if let block = block(item.type, wanted, draft) {
                draft.blocked.insert(id)
                if item.type.name == "application", let appID = wanted.attributes["appId"]?.string {
                    draft.blockedApplications.insert(appID.idKey)
                }
                block.say(item.type.name, item.id, &draft)
            } else if case let gone = missing(wanted, draft), !gone.isEmpty {
                draft.blocked.insert(id)
                draft.conflict(
                    "referenceMissing", item.type.name, item.id,
                    "refers to what does not exist and is not restored: \(gone.joined(separator: ", "))",
                    "take these objects into the restore, or use --with-references")
            } else {
                draft.coming[id] = item.type.name
                if ["application", "servicePrincipal"].contains(item.type.name),
                    let appID = wanted.attributes["appId"]?.string
                {
                    draft.comingApplications.insert(appID.idKey)
                }
                guard bin(item, draft) == nil, !keepsID(item.type) else { continue }
                draft.renewed.insert(id)
                if item.type.name == "application", let appID = wanted.attributes["appId"]?.string {
                    draft.renewed.insert(appID.idKey)
                }
            }
        }
    }

    /// The document that the recycle bin has of it.
    ///
    /// A service principal cannot take over another appId: where its application gets a new one, it is made anew.
    func bin(_ item: Item, _ draft: RestoreDraft) -> ObjectDocument? {
        let now = facts.map[item.id.idKey]
        // Of another tenant's object only what an earlier restore made of it can lie in this one's recycle bin.
        guard !crosses || now != item.id.idKey, !isOfRenewed(item.wanted, draft) else { return nil }
        let binned = facts.recycleBin[now]
        return binned?.type == item.type.name ? binned : nil
    }

    /// Whether a service principal's application gets a new appId.
    func isOfRenewed(_ document: ObjectDocument?, _ draft: RestoreDraft) -> Bool {
        guard document?.type == "servicePrincipal" else { return false }
        return document?.attributes["appId"]?.string.map { draft.renewed.contains($0.idKey) } ?? false
    }

    /// Types whose objects are found under a name that the creator chooses.
    func keepsID(_ type: ObjectType) -> Bool {
        type.restore.mode == .upsert || type.restore.requiredOnCreate.contains("id")
            || ["customSecurityAttributeDefinition", "crossTenantAccessPolicyPartner"].contains(type.name)
    }
}
