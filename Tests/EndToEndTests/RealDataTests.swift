import BackupModel
import Foundation
import Testing

/// Policies that were exported from real tenants come out of a snapshot as they went in.
@Suite(.serialized) struct RealDataTests {
    /// The folder of the exports, nil where this machine has none.
    static let folder: String? = {
        let named = ProcessInfo.processInfo.environment["ENTRA_BACKUP_REAL_DATA"]
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let path = named ?? package.appendingPathComponent("../shared/facts/graph/realdata").standardized.path
        if ExportedPolicy.files(under: path).isEmpty {
            print("real data: skipped, \(path) holds no JSON file; ENTRA_BACKUP_REAL_DATA names another folder")
            return nil
        }
        return path
    }()

    @Test(.enabled(if: folder != nil, "no exported policies on this machine"))
    func `all exported policies come out of the snapshot as they went in`() throws {
        // A copy, since the simulator runs as another user, who may not reach this one's folders.
        let copy = NSTemporaryDirectory() + "entra-backup-real-" + UUID().uuidString.lowercased()
        defer { try? FileManager.default.removeItem(atPath: copy) }
        _ = try Programs.run("/bin/cp", ["-r", "--no-preserve=mode", try #require(Self.folder), copy])
        _ = try Programs.run("/bin/chmod", ["-R", "a+rX", copy])
        let files = ExportedPolicy.files(under: copy)
        let installation = try TestInstallation(
            fixture: """
                {"seed":61,"users":10,"intunePolicies":0,"conditionalAccessPolicies":0,"settings":{"quotas":false},
                "loadPolicies":["\(copy)"]}
                """)
        defer { installation.tearDown() }
        try installation.makeAccounts()
        #expect(try installation.activate()["state"]?.string == "succeeded")

        let loads = try JSONValue(parsing: Array(try installation.control("GET", "policy-loads").utf8))
        let taken = try #require(loads[0]?["taken"]?.array)
        let left = try #require(loads[0]?["skipped"]?.array)
        for item in left { print("not loaded: \(item["file"]?.string ?? ""): \(item["reason"]?.string ?? "")") }
        var types: [String: String] = [:]
        for file in files { types[file] = try ExportedPolicy.type(of: file) }
        #expect(Set(taken.map { copy + ($0["file"]?.string ?? "") }) == Set(types.keys), "what can be loaded is loaded")
        #expect(Set((taken + left).map { copy + ($0["file"]?.string ?? "") }) == Set(files), "no file is forgotten")
        #expect(taken.count == types.count)
        for item in taken { #expect(types[copy + (item["file"]?.string ?? "")] == item["type"]?.string) }
        try compare(installation, copy, taken, files: Dictionary(grouping: types.values) { $0 }.mapValues(\.count))
    }

    /// Compares every file with the document of the object that it became, and prints the table.
    private func compare(
        _ installation: TestInstallation, _ folder: String, _ taken: [JSONValue], files: [String: Int]
    ) throws {
        var documents: [String: [String: JSONValue]] = [:]
        var rows: [String: (loaded: Int, compared: Int, equal: Int)] = [:]
        var ids: Set<String> = []
        for item in taken {
            let name = try #require(item["type"]?.string), id = try #require(item["id"]?.string)
            let type = try #require(Catalogue.current[name])
            #expect(ids.insert("\(name) \(id)").inserted, "\(id) is one object")
            if documents[name] == nil { documents[name] = try self.documents(installation, name) }
            rows[name, default: (0, 0, 0)].loaded += 1
            let file = folder + (item["file"]?.string ?? "")
            guard let kept = documents[name]?[id] else {
                Issue.record("\(file) is not in the snapshot: \(name) \(id)")
                continue
            }
            rows[name]?.compared += 1
            let expected = try ExportedPolicy.document(file, type)
            // What a file does not name is null in a service that knows the name.
            let named = Set(expected["attributes"]?.object?.names ?? [])
            let found = ExportedPolicy.comparable(kept, type) { named.contains($0) }
            if expected.canonicalBytes == found.canonicalBytes {
                rows[name]?.equal += 1
            } else {
                Issue.record("\(file): \(ExportedPolicy.differences(expected, found))")
            }
        }
        print("type\tfiles\tloaded\tcompared\tequal")
        for (name, row) in rows.sorted(by: { $0.key < $1.key }) {
            print("\(name)\t\(files[name] ?? 0)\t\(row.loaded)\t\(row.compared)\t\(row.equal)")
        }
        #expect(rows.values.reduce(0) { $0 + $1.equal } == taken.count)
    }

    private func documents(_ installation: TestInstallation, _ type: String) throws -> [String: JSONValue] {
        let list = try installation.command(["object", "list", installation.tenant, type, "--documents"])
        return Dictionary(
            try (list["items"]?.array ?? []).map { (try #require($0["id"]?.string), $0) },
            uniquingKeysWith: { first, _ in first })
    }
}

/// An exported object as the contract says that a backup keeps it, made from the file without the product's code.
private enum ExportedPolicy {
    static func files(under folder: String) -> [String] {
        (FileManager.default.enumerator(atPath: folder)?.allObjects as? [String] ?? [])
            .filter { $0.lowercased().hasSuffix(".json") }.map { "\(folder)/\($0)" }.sorted()
    }

    /// The type that the file's object belongs to, told from the file alone; nil when it is no object of the catalogue.
    static func type(of file: String) throws -> String? {
        guard let object = try parse(file).object else { return nil }
        if let name = object["@odata.type"]?.string {
            let beyond = ["#microsoft.graph.deviceManagementIntent", "#microsoft.graph.groupPolicyConfiguration"]
            if beyond.contains(name) { return nil }
            if let type = Catalogue.current.types.first(where: { $0.odataType == name }) { return type.name }
            if name.hasSuffix("NamedLocation") { return "namedLocation" }
            return name.hasSuffix("CompliancePolicy") ? "deviceCompliancePolicy" : "deviceConfiguration"
        }
        if object["@odata.context"]?.string?.contains("configurationPolicies") == true { return "configurationPolicy" }
        if object["conditions"] != nil { return "conditionalAccessPolicy" }
        return object["mailEnabled"] != nil ? "group" : nil
    }

    static func parse(_ file: String) throws -> JSONValue {
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
        if let value = try? JSONValue(parsing: bytes) { return value }
        // Policies written by hand name this member twice: first null, then the value, which is the one that counts.
        let text = String(decoding: bytes, as: UTF8.self).replacing("\"sessionControls\": null,", with: "")
        return try JSONValue(parsing: Array(text.utf8))
    }

    /// What is kept: attributes without annotations, links aside, and owned sub-collections under their names.
    static func document(_ file: String, _ type: ObjectType) throws -> JSONValue {
        var attributes = JSONObject(), children = JSONObject()
        for (written, value) in try parse(file).object ?? [:] where !isAnnotation(written) || written == "@odata.type" {
            // An action that full metadata adds to the object.
            if written.hasPrefix("#") { continue }
            // The exports of one tool begin some names with a capital; Graph's spelling is the catalogue's.
            let name = type.attributes.first { $0.lowercased() == written.lowercased() } ?? written
            if let relationship = type.relationship(name) {
                if relationship.isBackedUp { children[name] = value }
            } else if keeps(name, type) {
                attributes[name] = value
            }
        }
        return comparable(["attributes": .object(attributes), "children": .object(children)], type)
    }

    private static func keeps(_ name: String, _ type: ObjectType) -> Bool {
        if name == "id" || type.volatile.contains(name) { return false }
        if name == "@odata.type" { return type.derivesTypes }
        return !type.selects || type.select.contains(name)
    }

    /// Equal documents give equal bytes: without empty sub-collections, annotations, and the id, which a file that
    /// repeats another's does not keep. What has a delta query has no null attributes either.
    /// - Parameter keepsNull: whether a null attribute of this name counts.
    static func comparable(
        _ document: JSONValue, _ type: ObjectType, keepsNull: (String) -> Bool = { _ in true }
    ) -> JSONValue {
        var attributes = JSONObject(), children = JSONObject()
        for (name, value) in document["attributes"]?.object ?? [:] where name != "id" {
            if value.isNull, type.delta || !keepsNull(name) { continue }
            attributes[name] = clean(withStrengthByID(name, value), type)
        }
        for (name, value) in document["children"]?.object ?? [:] where value.array?.isEmpty == false {
            children[name] = clean(value, type)
        }
        return ["attributes": .object(attributes), "children": .object(children)]
    }

    /// The service fills in what an authentication strength is; its id says which.
    private static func withStrengthByID(_ name: String, _ value: JSONValue) -> JSONValue {
        guard name == "grantControls", var controls = value.object,
            let id = controls["authenticationStrength"]?["id"]
        else { return value }
        controls["authenticationStrength"] = ["id": id]
        return .object(controls)
    }

    private static func clean(_ value: JSONValue, _ type: ObjectType) -> JSONValue {
        switch value {
        case .array(let elements):
            let inner = elements.map { clean($0, type) }
            return .array(type.orderedArrays ? inner : inner.sorted { $0.canonicalText < $1.canonicalText })
        case .object(let object):
            let kept = object.filter { !isAnnotation($0.name) || $0.name == "@odata.type" }
            return .object(JSONObject(kept.map { ($0.name, clean($0.value, type)) }))
        default: return value
        }
    }

    private static func isAnnotation(_ name: String) -> Bool { name.contains("@") }

    static func differences(_ expected: JSONValue, _ found: JSONValue) -> String {
        var parts: [String] = []
        for group in ["attributes", "children"] {
            let old = expected[group]?.object ?? [:], new = found[group]?.object ?? [:]
            for name in Set(old.names).union(new.names).sorted() where old[name] != new[name] {
                let state = old[name] == nil ? "added" : new[name] == nil ? "missing" : "differs"
                parts.append("\(group)/\(name) \(state)")
            }
        }
        return parts.joined(separator: ", ")
    }
}
