import BackupModel
import PostgresStore

/// What differs between what is wanted and what is, object by object.
struct RestoreComparison {
    let planning: RestorePlanning
    let types: [ObjectType]
    let wantedAt: SnapshotNumber?
    let liveAt: SnapshotNumber
    /// Ids that are no GUIDs, by the key under which the store, and the map of ids, knows them.
    private(set) var wordIDs: [String: String] = [:]

    init(
        planning: RestorePlanning, types: [ObjectType], wantedAt: SnapshotNumber?, liveAt: SnapshotNumber
    ) {
        self.planning = planning
        self.types = types
        self.wantedAt = wantedAt
        self.liveAt = liveAt
    }

    /// The map with such ids as they are written.
    func spelled(_ map: IDMap) -> IDMap {
        var spelled = map
        for (key, id) in wordIDs {
            if let new = wordIDs[map[key]], new != id { spelled.add(id, new) }
        }
        return spelled
    }

    private mutating func note(_ documents: [ObjectKey: ObjectDocument]) {
        for (key, document) in documents where ObjectKey(document.id) == nil {
            wordIDs[key.description] = document.id
        }
    }

    private var store: PostgresStore { planning.store }
    private var crosses: Bool { planning.tenant.id != planning.source.id }

    /// Everything that differs.
    mutating func subjects() async throws -> [RestorePlanner.Subject] {
        var subjects: [RestorePlanner.Subject] = []
        for type in types {
            if crosses || planning.archive != nil {
                subjects += try await whole(type)
            } else if let wantedAt {
                subjects += try await changed(type, wantedAt)
            }
        }
        return subjects
    }

    private mutating func changed(_ type: ObjectType, _ wantedAt: SnapshotNumber) async throws -> [RestorePlanner
        .Subject]
    {
        let keys = try await store.changedKeys(planning.tenant.id, type, from: liveAt, to: wantedAt)
        var subjects: [RestorePlanner.Subject] = []
        for start in stride(from: 0, to: keys.count, by: 2_000) {
            let batch = Array(keys[start..<min(start + 2_000, keys.count)])
            let wanted = try await documents(type, batch, at: wantedAt)
            let live = try await documents(type, batch, at: liveAt)
            note(wanted)
            note(live)
            subjects += batch.compactMap { key in
                let (wanted, live) = (wanted[key], live[key])
                guard ObjectDiff.between(live, wanted)?.toRestore(type) != nil else { return nil }
                return RestorePlanner.Subject(type: type.name, wanted: wanted, live: live?.sharing(wanted))
            }
        }
        return subjects
    }

    private func documents(_ type: ObjectType, _ keys: [ObjectKey], at snapshot: SnapshotNumber) async throws
        -> [ObjectKey: ObjectDocument]
    {
        let stored = try await store.documents(planning.tenant.id, type, keys, at: snapshot)
        return Dictionary(stored.map { ($0.key, $0.document) }) { first, _ in first }
    }

    /// All objects of both sides: of another tenant, or of an archive, nothing is known to be the same.
    private func whole(_ type: ObjectType) async throws -> [RestorePlanner.Subject] {
        var live: [String: ObjectDocument] = [:]
        try await store.documents(planning.tenant.id, type, at: liveAt) { live[$0.document.id] = $0.document }
        var subjects: [RestorePlanner.Subject] = []
        func add(_ wanted: ObjectDocument) {
            let other = live.removeValue(forKey: wanted.id)
            if ObjectDiff.between(other, wanted)?.toRestore(type) == nil { return }
            subjects.append(RestorePlanner.Subject(type: type.name, wanted: wanted, live: other?.sharing(wanted)))
        }
        if let archive = planning.archive {
            // One pass over the file a type, so that memory is that of a type.
            try archive.documents(types: [type.name]) { add($0) }
        } else if let wantedAt {
            try await store.documents(planning.source.id, type, at: wantedAt) { add($0.document) }
        }
        return subjects
            + live.sorted { $0.key < $1.key }.map {
                RestorePlanner.Subject(type: type.name, wanted: nil, live: $0.value)
            }
    }

    // MARK: References

    /// Objects that do not differ but name, in attributes or sub-collections, something that gets a new id.
    func referring(to subjects: [RestorePlanner.Subject], bin: [String: ObjectDocument]) async throws
        -> [RestorePlanner.Subject]
    {
        guard !crosses, let wantedAt else { return [] }
        var renewed: Set<String> = []
        for subject in subjects where subject.live == nil {
            guard let wanted = subject.wanted, bin[wanted.id.lowercased()] == nil else { continue }
            renewed.insert(wanted.id.lowercased())
            if let appID = wanted.attributes["appId"]?.string { renewed.insert(appID.lowercased()) }
        }
        // A service principal from the recycle bin cannot take over its application's new id: it is made anew as well.
        for subject in subjects where subject.type == "servicePrincipal" && subject.live == nil {
            guard let wanted = subject.wanted, let appID = wanted.attributes["appId"]?.string else { continue }
            if renewed.contains(appID.lowercased()) { renewed.insert(wanted.id.lowercased()) }
        }
        guard !renewed.isEmpty else { return [] }
        let keys = Set(renewed.compactMap { ObjectKey($0) })
        let known = Set(subjects.compactMap { ($0.wanted ?? $0.live)?.id })
        var found: [RestorePlanner.Subject] = []
        for type in types where RestorePlanner.refersByValue.contains(type.name) {
            try await store.texts(planning.tenant.id, type, at: wantedAt) { text in
                guard !known.contains(text.id), text.mayName(keys) else { return }
                let document = try text.parsed()
                guard document.names(renewed) else { return }
                found.append(RestorePlanner.Subject(type: type.name, wanted: document, live: document))
            }
        }
        return found
    }

    /// Marks what policies in scope name.
    func markReferences(_ subjects: inout [RestorePlanner.Subject], _ options: RestoreOptions) {
        var named: Set<String> = []
        for subject in subjects {
            guard let wanted = subject.wanted, Self.isPolicy(subject.type),
                options.types?.contains(subject.type) ?? true, options.ids?.contains(wanted.id.lowercased()) ?? true
            else { continue }
            named.formUnion(wanted.named)
        }
        for at in subjects.indices {
            guard let id = subjects[at].wanted?.id.lowercased(), named.contains(id) else { continue }
            subjects[at].isReferred = true
        }
    }

    private static func isPolicy(_ type: String) -> Bool {
        type.hasSuffix("Policy") || type == "deviceConfiguration" || type == "unifiedRoleAssignment"
    }
}

extension ObjectDocument {
    /// Whether an attribute or a sub-collection names one of the ids.
    func names(_ ids: Set<String>) -> Bool {
        attributes.contains { attribute in
            if !attribute.value.guids.isDisjoint(with: ids) { return true }
            guard JSONValue.namesOfTags.contains(attribute.name) else { return false }
            return attribute.value.array?.contains { $0.string.map(ids.contains) ?? false } ?? false
        }
            || children.values.contains { $0.contains { !$0.guids.isDisjoint(with: ids) } }
    }

    /// Every GUID that the document names, lower case.
    var named: Set<String> {
        var found = Set(links.values.flatMap { $0.map { $0.lowercased() } })
        for (_, value) in attributes { found.formUnion(value.guids) }
        for elements in children.values { for element in elements { found.formUnion(element.guids) } }
        return found
    }
}
