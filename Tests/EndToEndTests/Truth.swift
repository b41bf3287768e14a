import BackupModel
import Foundation
import Testing

/// All documents of a tenant by type and id, in a form in which equal documents are equal.
struct TenantPicture: Equatable {
    var documents: [String: [String: JSONValue]] = [:]

    var count: Int { documents.values.reduce(0) { $0 + $1.count } }

    /// What the simulator says is so.
    static func truth(_ installation: TestInstallation) throws -> TenantPicture {
        var picture = TenantPicture()
        for type in Catalogue.current.types {
            let lines = try installation.control("GET", "truth/\(type.name)?nulls=omit").split(separator: "\n")
            var documents: [String: JSONValue] = [:]
            for line in lines {
                let document = try JSONValue(parsing: Array(line.utf8))
                documents[try #require(document["id"]?.string)] = normal(document, type)
            }
            picture.documents[type.name] = documents
        }
        // Assignments of a service principal in the recycle bin exist, but nothing lists them.
        let principals = picture.documents["servicePrincipal"] ?? [:]
        picture.documents["appRoleAssignment"] = picture.documents["appRoleAssignment"]?.filter { _, document in
            document["attributes"]?["resourceId"]?.string.map { principals[$0] != nil } ?? false
        }
        return picture
    }

    /// What a snapshot says was so.
    static func snapshot(_ number: Int?, _ installation: TestInstallation) throws -> TenantPicture {
        var picture = TenantPicture()
        let at = number.map { ["--snapshot", String($0)] } ?? []
        for type in Catalogue.current.types {
            let list = try installation.command(
                ["object", "list", installation.tenant, type.name, "--documents"] + at)
            var documents: [String: JSONValue] = [:]
            for document in list["items"]?.array ?? [] {
                documents[try #require(document["id"]?.string)] = normal(document, type)
            }
            picture.documents[type.name] = documents
        }
        return picture
    }

    /// Without what the two sides write differently: absent or null attributes, empty links and children, the id among
    /// the attributes. Arrays that are sets are sorted.
    private static func normal(_ document: JSONValue, _ type: ObjectType) -> JSONValue {
        var attributes = JSONObject()
        for (name, value) in document["attributes"]?.object ?? [:] where name != "id" && !value.isNull {
            attributes[name] = sorted(value, type)
        }
        // An application without manager applications has an empty list when it is selected and none when it is not.
        if attributes["managerApplications"]?.array?.isEmpty == true { attributes["managerApplications"] = nil }
        var links = JSONObject()
        for (name, value) in document["links"]?.object ?? [:] where value.array?.isEmpty == false {
            links[name] = sorted(value, type)
        }
        var children = JSONObject()
        for (name, value) in document["children"]?.object ?? [:] where value.array?.isEmpty == false {
            children[name] = sorted(value, type)
        }
        return ["attributes": .object(attributes), "links": .object(links), "children": .object(children)]
    }

    private static func sorted(_ value: JSONValue, _ type: ObjectType) -> JSONValue {
        switch value {
        case .array(let elements):
            let inner = elements.map { sorted($0, type) }
            return .array(type.orderedArrays ? inner : inner.sorted { $0.canonicalText < $1.canonicalText })
        case .object(let object): return .object(JSONObject(object.map { ($0.name, sorted($0.value, type)) }))
        default: return value
        }
    }

    /// The first differences, in words; empty when the pictures are equal.
    func differences(from other: TenantPicture, limit: Int = 5) -> [String] {
        var found: [String] = []
        for type in Catalogue.current.types.map(\.name) {
            let mine = documents[type] ?? [:], theirs = other.documents[type] ?? [:]
            // A log is read from an hour before its newest entry; the simulator dates entries weeks back, Graph does not.
            let isLog = Catalogue.current[type]?.shape == .incremental
            let ids = isLog ? Set(mine.keys) : Set(mine.keys).union(theirs.keys)
            for id in ids.sorted() where mine[id] != theirs[id] {
                let what =
                    switch (mine[id], theirs[id]) {
                    case (nil, _): "missing"
                    case (_, nil): "too many"
                    case (let a?, let b?): "differs: \(Self.paths(a, b))"
                    }
                found.append("\(type) \(id) \(what)")
                if found.count == limit { return found }
            }
        }
        return found
    }

    private static func paths(_ a: JSONValue, _ b: JSONValue) -> String {
        var parts: [String] = []
        for group in ["attributes", "links", "children"] {
            let old = a[group]?.object ?? [:], new = b[group]?.object ?? [:]
            for name in Set(old.names).union(new.names).sorted() where old[name] != new[name] {
                parts.append("\(group)/\(name)")
            }
        }
        return parts.joined(separator: " ")
    }
}
