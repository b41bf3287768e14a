import Testing

@testable import BackupModel

@Suite("Catalogue: relationships") struct CatalogueRelationshipTests {
    static let all = Catalogue.current.types.flatMap { type in type.relationships.map { (type, $0) } }

    @Test func `Each relationship is read in one way and has what that way needs`() {
        for (type, relationship) in Self.all {
            let name: Comment = "\(type.name).\(relationship.name)"
            switch relationship.read {
            case .delta:
                #expect(type.delta, name)
                #expect(relationship.kind == .link, name)
                #expect(needs(relationship, []), name)
            case .inline where relationship.ownList:
                #expect(needs(relationship, relationship.single ? ["expand"] : ["expand", "truncatesAt"]), name)
                #expect(relationship.expand?.hasPrefix(relationship.name) == true, name)
                #expect(type.shape == .collection, name)
            case .inline:
                #expect(needs(relationship, ["property"]), name)
                #expect(relationship.property == relationship.name, name)
            case .perObject:
                #expect(needs(relationship, [], mayHave: ["expand", "listFilter"]), name)
            case .mirror, .onDemand:
                #expect(needs(relationship, ["reason"]), name)
            }
        }
    }

    @Test func `A relationship that is backed up names the permission that reads it`() {
        for (type, relationship) in Self.all where relationship.isBackedUp {
            #expect(relationship.permission != nil, "\(type.name).\(relationship.name)")
        }
    }

    @Test func `Paths are absolute, without a query and name the object`() {
        for (type, relationship) in Self.all {
            let name: Comment = "\(type.name).\(relationship.name)"
            #expect(relationship.path.hasPrefix("/"), name)
            #expect(!relationship.path.contains("?"), name)
            #expect(relationship.path.contains("{id}") || type.shape == .singleton, name)
        }
    }

    // Directory objects allow one expanded property in a request; more than that needs lists of their own.
    @Test func `Only types outside the directory expand several properties in one list`() {
        for type in Catalogue.current.types where type.expand?.contains(",") == true {
            #expect(type.throttle == .intune, "\(type.name)")
        }
        for type in Catalogue.current.types where type.delta {
            #expect(type.expand == nil, "\(type.name): a delta query takes no expansion")
        }
    }

    @Test func `What a list has to expand is a relationship read inline`() {
        for type in Catalogue.current.types {
            let inline = type.relationships(read: .inline).filter { !$0.ownList }.map(\.name)
            for part in type.expand.map(topLevel) ?? [] {
                #expect(inline.contains(part), "\(type.name): \(part)")
            }
        }
    }

    @Test func `A mirror that names a type or a relationship names one that is backed up`() {
        let known = Set(Self.all.filter { $0.1.isBackedUp }.map { "\($0.0.name).\($0.1.name)" })
        for (type, relationship) in Self.all where relationship.read == .mirror {
            let words = (relationship.reason ?? "").split { " ,;".contains($0) }.map(String.init)
            for word in words where word.contains(".") {
                #expect(known.contains(word), "\(type.name).\(relationship.name): \(word)")
            }
            if let index = words.firstIndex(of: "type"), words.indices.contains(index + 1) {
                #expect(Catalogue.current[words[index + 1]] != nil, "\(type.name).\(relationship.name)")
            }
            if let index = words.firstIndex(of: "attribute"), index == 1, words.indices.contains(index + 1) {
                #expect(type.attributes.contains(words[index + 1]), "\(type.name).\(relationship.name)")
            }
        }
    }

    @Test func `Only the documented relationships are tracked by a delta query`() {
        let tracked = Self.all.filter { $0.1.read == .delta }.map { "\($0.0.name).\($0.1.name)" }
        #expect(
            tracked == [
                "administrativeUnit.members", "directoryRole.members", "user.manager", "group.members", "group.owners",
            ])
    }

    private func needs(_ relationship: Relationship, _ fields: Set<String>, mayHave more: Set<String> = []) -> Bool {
        var present: Set<String> = []
        if relationship.property != nil { present.insert("property") }
        if relationship.expand != nil { present.insert("expand") }
        if relationship.truncatesAt != nil { present.insert("truncatesAt") }
        if relationship.listFilter != nil { present.insert("listFilter") }
        if relationship.reason?.isEmpty == false { present.insert("reason") }
        return present.isSuperset(of: fields) && present.subtracting(fields).isSubset(of: more)
            && (relationship.ownList == fields.contains("expand"))
    }

    // The properties of an `$expand`, what is inside brackets left out.
    private func topLevel(_ expand: String) -> [String] {
        var depth = 0
        var text = ""
        for character in expand {
            if character == "(" { depth += 1 }
            if depth == 0 { text.append(character) }
            if character == ")" { depth -= 1 }
        }
        return text.split(separator: ",").map(String.init)
    }
}
