import BackupContracts
import BackupModel
import GraphDirectory
import PostgresStore
import ServiceBootstrap

/// Reads what a plan has to know of the tenant beside the objects that it compares, from the live snapshot.
struct RestoreFactReading {
    let planning: RestorePlanning
    let liveAt: SnapshotNumber
    let subjects: [RestorePlanner.Subject]
    let unreadLive: [String: String]

    var store: PostgresStore { planning.store }
    var tenant: TenantRecord { planning.tenant }

    func facts(map: IDMap) async throws -> RestoreFacts {
        let types = try await store.objectTypes(tenant.id, at: liveAt)
        let named = try await namedIDs()
        let write = try await store.writeConnection(tenant.id)
        var facts = RestoreFacts(
            typeOf: { id in
                if let key = ObjectKey(id) { return types[key].flatMap { Catalogue.current[$0]?.name } }
                return named[id.lowercased()]
            },
            recycleBin: try await recycleBin(), verifiedDomains: try await verifiedDomains(),
            userPrincipalNames: try await takenNames(), freeLicences: try await freeLicences(),
            writePermissions: try await permissions(write), map: map,
            ownClientIDs: Set([tenant.clientID, write?.clientID].compactMap { $0?.lowercased() }),
            access: try await ConditionalAccessReading(facts: self, map: map).access())
        facts.applicationIDs = try await applicationIDs()
        facts.ownApplicationIDs = try await ownApplicationIDs()
        return facts
    }

    /// Looked up only for service principals that come back: without its application none is made.
    private func ownApplicationIDs() async throws -> Set<String>? {
        let isNeeded = subjects.contains { $0.type == "servicePrincipal" && $0.wanted != nil && $0.live == nil }
        guard isNeeded, tenant.mayRead("application"), unreadLive["application"] == nil else { return nil }
        var ids: Set<String> = []
        try await eachText("application") { application in
            if let id = application.attributes.text("appId") { ids.insert(id.lowercased()) }
        }
        return ids
    }

    /// Looked up only for policies, which may name no others.
    private func applicationIDs() async throws -> Set<String>? {
        let isNeeded = subjects.contains { $0.type == "conditionalAccessPolicy" && $0.wanted != nil }
        guard isNeeded, tenant.mayRead("servicePrincipal"), unreadLive["servicePrincipal"] == nil else { return nil }
        var ids: Set<String> = []
        try await each("servicePrincipal") { principal in
            if let id = principal.attributes["appId"]?.string { ids.insert(id.lowercased()) }
        }
        return ids
    }

    func each(_ type: String, _ body: (ObjectDocument) -> Void) async throws {
        guard let type = Catalogue.current[type] else { return }
        try await store.documents(tenant.id, type, at: liveAt) { body($0.document) }
    }

    func eachText(_ type: String, _ body: (DocumentText) throws -> Void) async throws {
        guard let type = Catalogue.current[type] else { return }
        try await store.texts(tenant.id, type, at: liveAt, body)
    }

    func all(_ type: String) async throws -> [ObjectDocument] {
        var documents: [ObjectDocument] = []
        try await each(type) { documents.append($0) }
        return documents
    }

    /// Objects whose ids are words.
    private func namedIDs() async throws -> [String: String] {
        var named: [String: String] = [:]
        for type in [
            "domain", "attributeSet", "customSecurityAttributeDefinition", "authenticationContextClassReference",
            "permissionGrantPolicy", "roleScopeTag",
        ] {
            try await each(type) { named[$0.id.lowercased()] = type }
        }
        return named
    }

    private func recycleBin() async throws -> [String: ObjectDocument] {
        var bin: [String: ObjectDocument] = [:]
        try await each("deletedItem") { bin[$0.id.lowercased()] = RestoreFacts.binned($0) }
        return bin
    }

    private func verifiedDomains() async throws -> Set<String> {
        var domains: Set<String> = []
        try await each("domain") { if $0.attributes["isVerified"]?.bool == true { domains.insert($0.id.lowercased()) } }
        return domains
    }

    /// Who has the names that users of the plan want. All users are opened only when some user comes back or is renamed.
    private func takenNames() async throws -> [String: String] {
        var wanted: Set<String> = []
        for subject in subjects where subject.type == "user" {
            guard let name = subject.wanted?.attributes["userPrincipalName"]?.string else { continue }
            if subject.live?.attributes["userPrincipalName"]?.string == name { continue }
            wanted.insert(mapped(name.lowercased()))
        }
        guard !wanted.isEmpty else { return [:] }
        var names: [String: String] = [:]
        try await eachText("user") { user in
            guard let name = user.attributes.text("userPrincipalName")?.lowercased(), wanted.contains(name) else {
                return
            }
            names[name] = user.id
        }
        return names
    }

    private func mapped(_ name: String) -> String {
        guard let at = name.lastIndex(of: "@"),
            let domain = planning.options.domains[String(name[name.index(after: at)...])]
        else { return name }
        return name[...at] + domain
    }

    private func freeLicences() async throws -> [String: Int] {
        var free: [String: Int] = [:]
        try await each("subscribedSku") { sku in
            guard let id = sku.attributes["skuId"]?.string else { return }
            let enabled = sku.attributes["prepaidUnits"]?["enabled"]?.int ?? 0
            free[id.lowercased()] = max(0, enabled - (sku.attributes["consumedUnits"]?.int ?? 0))
        }
        return free
    }

    private func permissions(_ write: DirectoryConnection?) async throws -> Set<String>? {
        guard let write else { return nil }
        return try await store.withGraphReader(planning.configuration) { try await $0.permissions(write) }
    }
}
