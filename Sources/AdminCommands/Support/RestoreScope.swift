import ArgumentParser
import BackupContracts
import BackupModel
import Foundation

/// What is to be restored, as people say it.
struct RestoreScope: ParsableArguments {
    @Option(help: "Object types, comma-separated; all when it is left out.") var types: String?
    @Option(help: "Ids of objects, comma-separated.") var ids: String?
    @Option(
        name: .customLong("ids-file"), help: "Text file with one id a line; # begins a comment; - for standard input.")
    var idsFile: String?
    @Option(help: "Only these attributes of objects that exist, comma-separated.") var attributes: String?
    @Option(
        help: ArgumentHelp(
            """
            merge adds links that are missing, rollback also takes away those added since, skip leaves links alone; or \
            names of relationships, comma-separated, which are then merged.
            """))
    var links = "merge"
    @Option(
        name: .customLong("attributes-mode"),
        help: "merge keeps attributes that were added since, overwrite clears them.")
    var attributesMode: RestoreOptions.AttributesMode = .merge
    @Option(name: .customLong("new-objects"), help: "keep, or delete what was made since (into the recycle bin).")
    var newObjects: RestoreOptions.NewObjects = .keep
    @Flag(name: .customLong("with-references"), help: "Objects that a policy in scope refers to as well.")
    var withReferences = false
    @Option(
        name: .customLong("break-glass"), help: "Id or userPrincipalName of the account that must stay able to sign in."
    )
    var breakGlass: String?
    @Option(name: .customLong("map-domain"), help: "OLD=NEW: the domain that stands for one of the source.")
    var mapDomain: [String] = []

    /// - Throws: exit 2 for names that are unknown, 1 for a file that cannot be read.
    func options() throws -> RestoreOptions {
        var options = RestoreOptions(
            types: try types.map { Set(try TypeNames.parse($0)) },
            ids: try IDList.read(ids, file: idsFile).map(Set.init),
            attributes: attributes.map { Set(Self.list($0)) }, attributesMode: attributesMode, newObjects: newObjects,
            withReferences: withReferences, domains: try domains(), breakGlass: breakGlass)
        for type in options.types ?? [] { try Self.checkRestorable(type) }
        if let mode = RestoreOptions.LinksMode(rawValue: links) {
            options.linksMode = mode
        } else {
            options.links = Set(Self.list(links))
            for name in options.links ?? [] where !Self.isRelationship(name) {
                throw Check.invalid("relationshipUnknown", "No object type has a relationship \(name).")
            }
        }
        return options
    }

    private static func isRelationship(_ name: String) -> Bool {
        Catalogue.current.types.contains { $0.relationship(name)?.isBackedUp == true }
    }

    private static func checkRestorable(_ name: String) throws {
        guard Catalogue.current[name]?.restore.isRestorable == true else {
            throw Check.invalid(
                "typeNotRestorable",
                "Objects of the type \(name) are for looking at: Microsoft Graph cannot write them.")
        }
    }

    private func domains() throws -> [String: String] {
        var map: [String: String] = [:]
        for pair in mapDomain {
            let parts = pair.split(separator: "=", omittingEmptySubsequences: false).map { $0.lowercased() }
            guard parts.count == 2, parts.allSatisfy({ $0.contains(".") && !$0.contains("@") }) else {
                throw Check.invalid(
                    "domainMapMalformed", "--map-domain \(pair): write OLD=NEW, such as a.example=b.example.")
            }
            map[parts[0]] = parts[1]
        }
        return map
    }

    private static func list(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }
}

/// `N..M`: what a diff of two snapshots shows; M may be `live`.
struct DiffRange: ExpressibleByArgument, Hashable {
    var from: SnapshotNumber
    var to: SnapshotReference

    init?(argument: String) {
        let parts = argument.components(separatedBy: "..")
        guard parts.count == 2, let from = SnapshotNumber(parts[0]), from > 0,
            let to = SnapshotReference(argument: parts[1]), to.number ?? 1 > 0
        else { return nil }
        self.from = from
        self.to = to
    }
}
