import BackupContracts
import BackupModel
import GraphDirectory
import TenantSimulator
import Testing

/// Single objects of the simulator: they are what the simulator says that they are.
@Suite(.timeLimit(.minutes(5))) struct LiveObjectTests {
    /// Ids over the whole type, those with the most links and children among them.
    private static func some(_ truth: [String: JSONValue]) -> [String] {
        func weight(_ document: JSONValue) -> Int {
            ["links", "children"].reduce(0) { sum, part in
                (document[part]?.object ?? [:]).reduce(sum) { $0 + ($1.value.array?.count ?? 0) }
            }
        }
        let ids = truth.keys.sorted()
        let spread = stride(from: 0, to: ids.count, by: max(1, ids.count / 20)).map { ids[$0] }
        let heavy = ids.sorted { weight(truth[$0] ?? .null) > weight(truth[$1] ?? .null) }.prefix(5)
        return Set(spread + heavy).sorted()
    }

    @Test func `Objects of each type are read as they are`() async throws {
        try await LiveTenant.with(seed: 41) { live in
            var (differences, kinds, documents) = ([String](), 0, 0)
            for type in Catalogue.current.types {
                let truth = try live.truth(type)
                let ids = Self.some(truth)
                let absent = "0000ffff-0000-0000-0000-00000000ffff"
                let found = try await live.reader.documents(type, ids + [absent], parts: nil, live.reading)
                kinds += ids.isEmpty ? 0 : 1
                documents += found.count
                // A singleton is found under whatever id.
                if type.shape != .singleton, found[absent] != nil { differences.append("\(type.name): not absent") }
                for id in ids {
                    let read = found[id].map { LiveTenant.normal($0.json(), type) }
                    guard read != truth[id] else { continue }
                    differences.append("\(type.name) \(id): \(LiveTenant.difference(truth[id], read))")
                }
            }
            print("single objects: \(documents) documents of \(kinds) types of \(Catalogue.current.types.count)")
            #expect(differences.prefix(20).joined(separator: "\n") == "")
            #expect(kinds == Catalogue.current.types.count)
        }
    }

    @Test func `A list gives every object once, without relationships`() async throws {
        try await LiveTenant.with(seed: 42) { live in
            for type in Catalogue.current.types where type.shape != .incremental {
                let truth = try live.truth(type)
                var ids: [String] = []
                var related = 0
                try await live.reader.list(type, live.reading) { document in
                    ids.append(document.id)
                    related += document.links.count + document.children.count
                    let read = LiveTenant.normal(document.json(), type)
                    #expect(read["attributes"] == truth[document.id]?["attributes"], "\(type.name) \(document.id)")
                }
                #expect(Set(ids).count == ids.count, "\(type.name)")
                #expect(ids.sorted() == truth.keys.sorted(), "\(type.name)")
                #expect(related == 0, "\(type.name)")
            }
            // Else the expansion that is cut short was never met.
            let resources = live.tenant.truth("appRoleAssignment").compactMap { $0["attributes"]?["resourceId"]?.text }
            #expect(Dictionary(grouping: resources) { $0 }.values.contains { $0.count > 20 })
        }
    }

    @Test func `What has one of some names is found with few requests, or in the list`() async throws {
        try await LiveTenant.with(seed: 45) { live in
            for (name, isListed) in [
                ("user", false), ("group", false), ("application", false), ("servicePrincipal", false),
                ("administrativeUnit", false), ("appRoleAssignment", false), ("oauth2PermissionGrant", false),
                ("unifiedRoleAssignment", false), ("namedLocation", true),
            ] {
                let type = try #require(Catalogue.current[name])
                var all: [ObjectDocument] = []
                try await live.reader.list(type, live.reading) { all.append($0) }
                let writes = RestoreWrites(map: IDMap(), password: { "" })
                let wanted = all.sorted { $0.id < $1.id }.prefix(3)
                let keys = wanted.map { writes.naturalKey(of: $0, type) }
                live.tenant.resetStatistics()
                var found: [ObjectDocument] = []
                try await live.reader.find(type, keys, live.reading) { found.append($0) }
                for (one, key) in zip(wanted, keys) {
                    let same = found.filter { writes.matches(key, $0) }
                    #expect(same.map(\.id).contains(one.id), "\(name)")
                    #expect(same.allSatisfy { $0.attributes == all.first { $0.id == same[0].id }?.attributes })
                }
                #expect((found.count == all.count) == isListed, "\(name): \(found.count) of \(all.count)")
            }
            // What it would hang at is gone.
            let type = try #require(Catalogue.current["appRoleAssignment"])
            let absent: [String: JSONValue] = ["resourceId": "0000ffff-0000-0000-0000-00000000ffff"]
            try await live.reader.find(type, [absent], live.reading) { Issue.record("found \($0.id)") }
        }
    }

    @Test func `Only the parts that are asked for are read`() async throws {
        try await LiveTenant.with(seed: 43) { live in
            let type = try #require(Catalogue.current["group"])
            let truth = try live.truth(type)
            let ids = truth.keys.sorted()
            live.tenant.resetStatistics()
            let none = try await live.reader.documents(type, ids, parts: [], live.reading)
            #expect(none.count == ids.count)
            #expect(none.values.allSatisfy { $0.links.isEmpty && $0.children.isEmpty })
            let owners = try await live.reader.documents(type, ids, parts: ["owners"], live.reading)
            for (id, document) in owners {
                let expected = truth[id]?["links"]?["owners"]?.array?.compactMap(\.string).sorted()
                #expect(document.links["owners"] == expected)
                #expect(document.links["members"] == nil)
            }
            #expect(owners.values.contains { !$0.links.isEmpty })
        }
    }

    @Test func `What needs a further permission comes with it alone`() async throws {
        try await LiveTenant.with(seed: 44) { live in
            let type = try #require(Catalogue.current["user"])
            let name = "customSecurityAttributes"
            let truth = try live.truth(type).filter { $0.value["attributes"]?[name]?.isNull == false }
            let id = try #require(truth.keys.min())
            let full = try await live.reader.documents(type, [id], parts: [], live.reading)
            #expect(full[id]?.attributes[name] != nil)
            live.tenant.updateClient(0) { $0.permissions.remove("CustomSecAttributeAssignment.Read.All") }
            // The same application with another cached token: the writing one's name for the cache.
            var connection = live.reading
            connection.cloud = .usGov
            let less = try await live.reader.documents(type, [id], parts: [], connection)
            #expect(less[id] != nil && less[id]?.attributes[name] == nil)
        }
    }
}
