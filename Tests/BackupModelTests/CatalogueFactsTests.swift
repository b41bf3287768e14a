import Foundation
import Testing

@testable import BackupModel

/// Compares the rows with an extract of Microsoft's metadata, `catalog.json`, when there is one on the machine.
@Suite("Catalogue: facts", .enabled(if: Facts.path != nil, "ENTRA_BACKUP_FACTS names no folder with a catalog.json"))
struct CatalogueFactsTests {
    let facts: [Facts.FactType]

    init() throws {
        let path = try #require(Facts.path)
        facts = try JSONDecoder().decode(Facts.self, from: Data(contentsOf: URL(fileURLWithPath: path))).types
    }

    @Test func `Every type is there under its name`() {
        #expect(Set(facts.map(\.name)) == Set(Catalogue.current.types.map(\.name)))
    }

    @Test func `No attribute got lost`() throws {
        for fact in facts {
            let type = try #require(Catalogue.current[fact.name])
            #expect(type.attributes == fact.properties.sorted(), "\(fact.name)")
            let onSelect = Set(type.select).union(type.selectWithPermission.keys)
                .union(type.volatile).union(type.readSingly).union(type.notReturnedInCollections)
            #expect(onSelect.isSuperset(of: fact.selectExtra), "\(fact.name)")
            let singly = Set(type.readSingly + type.volatile)
            #expect(singly.isSuperset(of: fact.selectPerObjectOnly), "\(fact.name)")
            let never = Set(type.notReturnedInCollections)
            #expect(never.isSuperset(of: fact.notReturnedInCollections), "\(fact.name)")
            #expect(Set(type.volatile).isSuperset(of: fact.volatile ?? []), "\(fact.name)")
            #expect(type.orderedArrays == (fact.orderedArrays ?? false), "\(fact.name)")
        }
    }

    @Test func `Paths, versions and permissions are those of the facts`() throws {
        for fact in facts {
            let type = try #require(Catalogue.current[fact.name])
            #expect(type.odataType == fact.odataType, "\(fact.name)")
            #expect(type.graphVersion.rawValue == fact.graphVersion, "\(fact.name)")
            if type.shape != .casts { #expect(type.permission == fact.readPermission, "\(fact.name)") }
            if type.shape == .casts || type.shape == .nested { continue }
            #expect(type.listPaths == [String(fact.listPath.prefix { $0 != "?" })], "\(fact.name)")
            #expect(type.deltaPath == fact.deltaPath, "\(fact.name)")
            #expect(type.pageSize == fact.maxTop, "\(fact.name)")
        }
    }

    @Test func `No relationship and no way to write it got lost`() throws {
        for fact in facts {
            let type = try #require(Catalogue.current[fact.name])
            #expect(type.relationships.map(\.name) == fact.relationships.map(\.name), "\(fact.name)")
            for (ours, theirs) in zip(type.relationships, fact.relationships) {
                let name: Comment = "\(fact.name).\(theirs.name)"
                #expect(theirs.path.hasPrefix(ours.path), name)
                #expect(ours.write?.path == theirs.put, name)
                #expect(ours.write?.permission == theirs.writePermission, name)
                #expect(ours.write?.skipWhen == theirs.skipWhen, name)
                #expect(ours.write?.limit == theirs.max, name)
                #expect((ours.write == nil) == (theirs.kind == "derived"), name)
            }
        }
    }

    @Test func `No restore rule got lost`() throws {
        for fact in facts {
            let type = try #require(Catalogue.current[fact.name])
            let rules = type.restore
            #expect(fact.restore.hasPrefix(rules.mode.rawValue), "\(fact.name)")
            #expect(rules.order == fact.restoreOrder, "\(fact.name)")
            #expect(rules.softDelete == fact.softDelete, "\(fact.name)")
            #expect(rules.readOnly == fact.readOnlyProperties, "\(fact.name)")
            #expect(rules.conditionallyReadOnly == fact.conditionallyReadOnly, "\(fact.name)")
            #expect(rules.createOnly == fact.createOnlyProperties, "\(fact.name)")
            #expect(rules.requiredOnCreate == fact.requiredOnCreate, "\(fact.name)")
            #expect(rules.notOnPost == fact.notOnPost ?? [], "\(fact.name)")
            #expect(rules.neverReadable == fact.neverReadable ?? [], "\(fact.name)")
            #expect(rules.createPath == fact.createPath, "\(fact.name)")
            #expect(rules.restorePath == fact.restorePath, "\(fact.name)")
            #expect(rules.alsoPermissions == fact.writeNeedsAlso ?? [], "\(fact.name)")
            #expect(rules.delegatedPermission == fact.delegatedWritePermission, "\(fact.name)")
            if type.shape != .casts { #expect(rules.permission == fact.writePermission, "\(fact.name)") }
        }
    }
}

/// The part of `catalog.json` that is compared.
struct Facts: Decodable {
    /// Path of `catalog.json`, nil when the environment names no folder that has one.
    static let path = ProcessInfo.processInfo.environment["ENTRA_BACKUP_FACTS"]
        .map { $0 + "/catalog.json" }
        .flatMap { FileManager.default.isReadableFile(atPath: $0) ? $0 : nil }

    let types: [FactType]

    struct FactType: Decodable {
        let name, odataType, graphVersion, listPath, readPermission, restore: String
        let deltaPath, writePermission, createPath, restorePath, delegatedWritePermission: String?
        let maxTop, restoreOrder: Int?
        let softDelete: Bool
        let orderedArrays: Bool?
        let properties, selectExtra, selectPerObjectOnly, notReturnedInCollections: [String]
        let readOnlyProperties, conditionallyReadOnly, createOnlyProperties, requiredOnCreate: [String]
        let volatile, notOnPost, neverReadable, writeNeedsAlso: [String]?
        let relationships: [FactRelationship]
    }

    struct FactRelationship: Decodable {
        let name, path, kind: String
        let put, writePermission, skipWhen: String?
        let max: Int?
    }
}
