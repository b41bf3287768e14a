import BackupModel
import Testing

@testable import TenantSimulator

/// The simulator's own table of the service against the product's catalogue: what one reads, the other must serve.
@Suite struct CatalogueAgreementTests {
    private let tenant: SimulatedTenant
    private let client: TestClient

    init() {
        var settings = TenantSettings()
        settings.quotas = false
        tenant = SimulatedTenant(seed: 71, size: TenantSize(users: 80), settings: settings)
        client = TestClient(tenant)
    }

    private static let names = Catalogue.current.types.map(\.name)

    private func url(_ row: BackupModel.ObjectType, _ target: String) -> String {
        "/\(row.graphVersion.rawValue)\(target)"
    }

    @Test(arguments: names)
    func `lists of the catalogue give the true attributes`(name: String) throws {
        let row = try #require(Catalogue.current[name])
        var found: [String: SimulatedJSON] = [:]
        for target in row.listTargets(granted: client.granted) {
            if row.shape == .singleton {
                let answer = client.get(url(row, target))
                try #require(answer.status == 200, "\(target): \(answer.body)")
                found[answer.body["id"]?.text ?? name] = answer.body
                continue
            }
            let walk = client.walk(url(row, target))
            try #require(walk.deltaLink == nil, "\(target): \(walk.deltaLink ?? "")")
            for item in walk.items {
                for object in row.nested.map({ item[$0.property]?.items ?? [] }) ?? [item] {
                    found[object[row.idAttribute]?.text ?? name] = object
                }
                if let nested = row.nested, item[nested.property]?.items?.count == nested.truncatesAt {
                    for object in client.walk(url(row, nested.target(forParent: item["id"]?.text ?? ""))).items {
                        found[object["id"]?.text ?? ""] = object
                    }
                }
            }
        }
        let truth = tenant.truth(name)
        #expect(found.count == truth.count)
        for document in truth {
            let id = document["id"]?.text ?? ""
            let object = try #require(found[id], "\(name) \(id)")
            for (attribute, value) in document["attributes"]?.members ?? []
            where !attribute.hasPrefix("extension_") && !(attribute == "@odata.type" && name == "deletedItem") {
                #expect(object[attribute].map(Self.clean) == Self.clean(value), "\(name) \(id) \(attribute)")
            }
        }
    }

    /// Without annotations but types.
    private static func clean(_ value: SimulatedJSON) -> SimulatedJSON {
        switch value {
        case .array(let items): .array(items.map(clean))
        case .object(let members):
            .object(
                members.filter { !$0.0.contains("@") || $0.0.hasSuffix("@odata.type") }.map { ($0.0, clean($0.1)) })
        default: value
        }
    }

    @Test(arguments: names)
    func `relationships of the catalogue can be read`(name: String) throws {
        let row = try #require(Catalogue.current[name])
        guard name != "deletedItem" else { return }
        for relationship in row.relationships where relationship.isBackedUp {
            let single = relationship.read == .perObject || relationship.read == .delta
            let items = single ? try readSingly(relationship, row) : try readInline(relationship, row)
            for document in tenant.truth(name) {
                let id = document["id"]?.text ?? ""
                let place = "\(name) \(id) \(relationship.name)"
                if relationship.kind == .link {
                    let wanted = document["links"]?[relationship.name]?.items?.compactMap(\.text)
                    #expect(items[id, default: []].compactMap { $0["id"]?.text }.sorted() == wanted, "\(place)")
                } else {
                    let wanted = document["children"]?[relationship.name]?.items ?? []
                    #expect(items[id, default: []].map(Self.clean) == wanted.map(Self.clean), "\(place)")
                }
            }
            if let target = row.candidatesTarget(relationship) { #expect(client.get(url(row, target)).status == 200) }
        }
    }

    /// One request for each object, as a backup sends it.
    private func readSingly(_ relationship: Relationship, _ row: BackupModel.ObjectType) throws -> [String:
        [SimulatedJSON]]
    {
        var found: [String: [SimulatedJSON]] = [:]
        for id in tenant.truth(row.name).compactMap({ $0["id"]?.text }) {
            let target = url(row, relationship.target(for: id))
            let answer = client.get(target)
            if answer.status == 404 { continue }
            try #require(answer.status == 200, "\(target): \(answer.body)")
            found[id] = relationship.single ? [answer.body] : client.walk(target).items
        }
        return found
    }

    /// With the main list, or with the list that the relationship has to itself.
    private func readInline(_ relationship: Relationship, _ row: BackupModel.ObjectType) throws -> [String:
        [SimulatedJSON]]
    {
        var found: [String: [SimulatedJSON]] = [:]
        let target = row.ownListTarget(relationship) ?? row.listTargets(granted: client.granted)[0]
        var objects = client.walk(url(row, target)).items
        if row.shape == .singleton { objects = [client.get(url(row, target)).body] }
        try #require(!objects.isEmpty, "\(target)")
        for object in objects {
            let id = object[row.idAttribute]?.text ?? row.name
            let value = object[relationship.property ?? relationship.name]
            let items = value?.items ?? value.map { [$0] } ?? []
            let isCut = items.count == relationship.truncatesAt
            found[id] = isCut ? client.walk(url(row, relationship.target(for: id))).items : items
        }
        return found
    }

    @Test(arguments: names)
    func `delta targets of the catalogue are answered`(name: String) throws {
        let row = try #require(Catalogue.current[name])
        let extensions = tenant.truth("application").flatMap { $0["children"]?["extensionProperties"]?.items ?? [] }
            .compactMap { $0["name"]?.text }
        guard
            let target = row.deltaTarget(granted: client.granted, extensions: name == "user" ? extensions : [])
        else { return }
        let walk = client.walk(url(row, target))
        #expect(walk.deltaLink?.contains("$deltatoken=") == true, "\(target): \(walk.deltaLink ?? "")")
        var replica = Replica()
        replica.apply(walk.items)
        let links = row.relationships(read: .delta).map(\.name)
        #expect(replica.differences(to: tenant.truth(name), links: links) == [])
    }

    @Test func `both tables know the same types and permissions`() {
        #expect(Set(Self.names) == Set(SimulatedType.allCases.map(\.rawValue)).union(["deletedItem"]))
        for permission in Catalogue.current.permissions {
            #expect(client.granted.contains(permission.name), "\(permission.name) is not granted to the reader")
        }
    }
}
