import Foundation
import Testing

@testable import BackupModel

/// The catalogue is data that a build carries: these tests are what stands between a slip in a row and a backup.
@Suite("Catalogue") struct CatalogueTests {
    let catalogue = Catalogue.current

    @Test func `Types keep their numbers and names`() {
        #expect(catalogue.types.map { "\($0.number) \($0.name)" } == lines(of: goldenTypes))
    }

    @Test func `Relationships keep their numbers, names and ways of reading`() {
        let found = catalogue.types.flatMap { type in
            type.relationships.map { "\(type.name) \($0.number) \($0.name) \($0.kind.rawValue) \($0.read.rawValue)" }
        }
        #expect(found == lines(of: goldenRelationships))
    }

    @Test func `Numbers and names are unique`() {
        #expect(Set(catalogue.types.map(\.number)).count == catalogue.types.count)
        #expect(Set(catalogue.types.map(\.name)).count == catalogue.types.count)
        for type in catalogue.types {
            #expect(type.number > 0, "\(type.name)")
            #expect(Set(type.relationships.map(\.number)).count == type.relationships.count, "\(type.name)")
            #expect(Set(type.relationships.map(\.name)).count == type.relationships.count, "\(type.name)")
            #expect(type.relationships.allSatisfy { $0.number >= 1 }, "\(type.name): 0 is the attributes")
        }
    }

    @Test func `Look-ups find each type by name and by number`() throws {
        for type in catalogue.types {
            #expect(catalogue[type.name]?.number == type.number)
            #expect(catalogue[type.number]?.name == type.name)
        }
        #expect(catalogue["nothing"] == nil)
        #expect(catalogue[0] == nil)
        let user = try #require(catalogue["user"])
        #expect(user.relationship("manager")?.single == true)
        #expect(user.relationship("nothing") == nil)
    }

    @Test func `Types that a row names exist`() {
        for type in catalogue.types {
            for name in type.castTypes { #expect(catalogue[name] != nil, "\(type.name): \(name)") }
            if let nested = type.nested {
                #expect(catalogue[nested.parentType]?.listPaths == [nested.parentListPath], "\(type.name)")
            }
        }
    }

    @Test func `Each shape has the fields that it needs`() {
        for type in catalogue.types {
            #expect((type.shape == .casts) == (type.castTypes.count > 0), "\(type.name)")
            #expect((type.shape == .nested) == (type.nested != nil), "\(type.name)")
            #expect((type.shape == .incremental) == (type.filter?.contains("{t}") == true), "\(type.name)")
            #expect(type.listPaths.count == max(1, type.castTypes.count), "\(type.name)")
            #expect((type.permission == nil) == (type.shape == .casts), "\(type.name)")
            #expect(type.listPaths.allSatisfy { $0.hasPrefix("/") && !$0.contains("?") }, "\(type.name)")
            #expect(type.deltaPath?.hasSuffix("/delta") ?? true, "\(type.name)")
            if type.shape != .collection { #expect(!type.delta, "\(type.name)") }
        }
    }

    @Test func `Attributes are sorted, unique and no relationship is one of them`() {
        for type in catalogue.types {
            #expect(type.attributes == Set(type.attributes).sorted(), "\(type.name)")
            #expect(type.attributes.contains(type.idAttribute), "\(type.name)")
            // An application's logo is in the metadata twice: the stream is a property.
            let listed = Set(type.attributes).subtracting(type.readSingly)
            #expect(listed.isDisjoint(with: type.relationships.map(\.name)), "\(type.name)")
            let unknown = Set(type.readSingly + type.notReturnedInCollections).union(type.selectWithPermission.keys)
                .subtracting(type.attributes)
            #expect(unknown.isEmpty, "\(type.name): \(unknown)")
        }
    }

    @Test func `What is selected can be listed, and no volatile attribute is`() {
        for type in catalogue.types {
            let refused = Set(type.volatile + type.readSingly + type.notReturnedInCollections)
            #expect(refused.isDisjoint(with: type.select), "\(type.name)")
            #expect(refused.isDisjoint(with: type.selectWithPermission.keys), "\(type.name)")
            #expect(type.select.isEmpty || type.select.contains(type.idAttribute), "\(type.name)")
            #expect(type.selects == !type.select.isEmpty, "\(type.name)")
            #expect(refused.isDisjoint(with: type.displayNameFrom), "\(type.name)")
            #expect(!type.displayNameFrom.isEmpty, "\(type.name)")
        }
    }

    @Test func `Rows have no field that is not known`() throws {
        let rows = try [
            catalogueDirectoryRows, catalogueRolesRows, catalogueApplicationsRows, cataloguePoliciesRows,
            catalogueIntuneRows, catalogueDevicesRows,
        ].flatMap { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [[String: Any]] ?? [] }
        #expect(rows.count == catalogue.types.count)
        for row in rows {
            let name = row["name"] as? String ?? "?"
            #expect(unknown(row, known: ObjectType.Field.allCases.map(\.rawValue)).isEmpty, "\(name)")
            let restore = row["restore"] as? [String: Any] ?? [:]
            #expect(unknown(restore, known: RestoreRules.Field.allCases.map(\.rawValue)).isEmpty, "\(name)")
            for relationship in row["relationships"] as? [[String: Any]] ?? [] {
                let known = Relationship.Field.allCases.map(\.rawValue)
                #expect(unknown(relationship, known: known).isEmpty, "\(name)")
                let write = relationship["write"] as? [String: Any] ?? [:]
                let writeKeys = ["how", "path", "permission", "skipWhen", "addMany", "limit"]
                #expect(unknown(write, known: writeKeys).isEmpty, "\(name)")
            }
        }
    }

    @Test func `A row that cannot be read is refused with the place of the fault`() throws {
        let row = try #require(try JSONValue(parsing: Array(catalogueRolesRows.utf8))[0]?.object)
        func fault(_ name: String, _ value: JSONValue?) -> String? {
            var changed = row
            changed[name] = value
            do throws(CatalogueRowError) {
                _ = try ObjectType(catalogue: .object(changed))
                return nil
            } catch {
                return error.description
            }
        }
        #expect(fault("filter", nil) == nil)
        #expect(fault("filter", .null) == nil)
        #expect(fault("name", nil) == "name is missing")
        #expect(fault("name", .null) == "name is missing")
        #expect(fault("name", 1) == "name is no text")
        #expect(fault("number", 65_536) == "number is no whole number from 0 to 65535")
        #expect(fault("selects", "yes") == "selects is no true or false")
        #expect(fault("pageSize", "9") == "pageSize is no whole number")
        #expect(fault("shape", "round") == "shape is no Shape")
        #expect(fault("attributes", ["id", 2]) == "attributes/1 is no text")
        #expect(fault("headers", ["A": true]) == "headers/A is no text")
        #expect(fault("headers", []) == "headers is no object")
        #expect(fault("listPaths", "/a") == "listPaths is no list")
        #expect(fault("restore", ["mode": "create"]) == "restore/softDelete is missing")
        #expect(fault("relationships", [["number": 1, "name": "a"]]) == "relationships/0/kind is missing")
        #expect(fault("secrets", ["select": "a"]) == "secrets/path is missing")
        #expect(throws: CatalogueRowError(path: [], what: "is no object")) { try ObjectType(catalogue: []) }
    }

    private func unknown(_ object: [String: Any], known: [String]) -> Set<String> {
        Set(object.keys).subtracting(known)
    }
}

/// The lines of a golden list.
func lines(of text: String) -> [String] {
    text.split(separator: "\n").map(String.init)
}
