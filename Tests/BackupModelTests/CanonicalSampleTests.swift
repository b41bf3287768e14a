import BackupModel
import Foundation
import Testing

/// Graph's own examples, a response a file, when `ENTRA_BACKUP_FACTS` names a folder with `samples`.
@Suite(
    "Canonical: samples", .enabled(if: GraphSamples.folder != nil, "ENTRA_BACKUP_FACTS names no folder with samples"))
struct CanonicalSampleTests {
    @Test func `Every sample is read, and its canonical form holds what it says`() throws {
        var canonicalizer = Canonicalizer()
        var counts = (files: 0, items: 0, errors: 0, other: 0)
        for file in try GraphSamples.files() {
            let bytes = [UInt8](try Data(contentsOf: file))
            let value = try JSONValue(parsing: bytes)
            counts.files += 1
            guard value.object != nil else {
                counts.other += 1
                continue
            }
            let page = try GraphPage(bytes)
            if page.isError { counts.errors += 1 }
            for item in page.items {
                let element = try JSONValue(parsing: Array(bytes[item]))
                guard element.object != nil else { continue }
                let found = try canonicalizer.canonicalise(bytes, item, CanonicalRules(orderedArrays: true))
                #expect(
                    JSONValue.string(found.id ?? "") == element["id"].flatMap { $0.isNull ? nil : $0 } ?? "",
                    "\(file.path)")
                #expect(found.attributes == Self.stripped(element, isTop: true).canonicalBytes, "\(file.path)")
                counts.items += 1
            }
        }
        #expect(counts.files > 1_000 && counts.items > 1_000 && counts.errors > 10)
    }

    /// The rules for names once more, on values.
    private static func stripped(_ value: JSONValue, isTop: Bool = false, under: Bool = false) -> JSONValue {
        switch value {
        case .array(let elements): return .array(elements.map { stripped($0, under: under) })
        case .object(let object):
            var kept = JSONObject()
            for (name, value) in object {
                if isTop, name == "id", value.isNull || ObjectKey(value.string ?? "") != nil { continue }
                let isType = name == "@odata.type" ? !isTop : under && name.hasSuffix("@odata.type")
                if name.contains("@"), !isType { continue }
                kept[name] = stripped(value, under: under || isTop && name == "customSecurityAttributes")
            }
            return .object(kept)
        default: return value
        }
    }
}

enum GraphSamples {
    static let folder: URL? = {
        guard let path = ProcessInfo.processInfo.environment["ENTRA_BACKUP_FACTS"] else { return nil }
        let folder = URL(filePath: path).appending(path: "samples")
        return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
    }()

    static func files() throws -> [URL] {
        guard let folder else { return [] }
        return try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
            .filter { $0.hasSuffix(".json") && $0 != "index.json" }.map { folder.appending(path: $0) }
    }
}
