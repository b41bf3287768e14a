import AccountModel
import ArgumentParser
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct ObjectSearchCommand: AdminCommand {
    static let configuration = CommandConfiguration(
        commandName: "search", abstract: "Finds objects by the words of their names or by attributes.",
        discussion: """
            Words match the beginnings of words of displayName, userPrincipalName and mail. Conditions are
            "attribute op value" with eq, ne, contains, startsWith, gt, lt; all of them have to hold.
            """)
    @OptionGroup var options: GlobalOptions
    @Argument(help: "Id or name.") var tenant: String
    @Argument(help: "Words.") var text: String?
    @Option(name: .customLong("where"), help: "A condition; may be given several times.") var conditions: [String] = []
    @Option(help: "Only this object type.") var type: String?
    @Option(help: "Number; the newest when it is left out.") var snapshot: Int32?
    @Option(help: "At most so many.") var limit = 1_000

    func validate() throws {
        try Check.snapshots(snapshot)
        guard text != nil || !conditions.isEmpty else {
            throw ValidationError("Give words, or a condition with --where.")
        }
        guard (1...100_000).contains(limit) else { throw ValidationError("--limit takes a number from 1 to 100000.") }
        for condition in conditions where SearchCondition(condition) == nil {
            throw ValidationError(
                "--where \"\(condition)\": \"attribute op value\" is expected, op one of "
                    + SearchCondition.Operator.allCases.map(\.rawValue).joined(separator: ", ") + ".")
        }
    }

    var access: Access { .feature(.viewObjectDetail) }

    func perform(_ output: Output) async throws -> Int32 {
        let named = try type.map { [try TypeNames.type($0)] }
        return try await options.withStore { store, _ in
            let tenant = try await store.tenant(tenant)
            let number = try await store.snapshotNumber(tenant.id, snapshot)
            let found = try await store.search(
                tenant.id, text: text, conditions: conditions.compactMap(SearchCondition.init),
                types: named ?? Catalogue.current.types, at: number, limit: limit + 1)
            let hits = Limited(found, limit)
            output.show(hits.document(\.json)) {
                var table = Table(["type", "name", "matched", "id"])
                for hit in hits.items {
                    table.add([
                        hit.type.name, hit.type.displayName(of: hit.document), hit.matched.joined(separator: " "),
                        hit.document.id,
                    ])
                }
                return table.isEmpty ? "Nothing found in snapshot \(number)." : hits.noted(table.text)
            }
            return 0
        }
    }
}

extension SearchHit {
    var json: JSONValue {
        [
            "type": .string(type.name), "id": .string(document.id),
            "displayName": .string(type.displayName(of: document)), "state": .string(document.state.rawValue),
            "matched": .array(matched.map { .string($0) }),
        ]
    }
}

extension VerifyReport {
    var json: JSONValue {
        [
            "snapshot": JSONValue(snapshot), "contents": JSONValue(contents),
            "damaged": .array(
                damaged.map {
                    [
                        "type": .string($0.type), "id": .string($0.id), "facet": .string($0.facet),
                        "reason": .string($0.reason),
                    ]
                }), "signature": .string(signatureIsValid ? "valid" : "invalid"),
        ]
    }

    var humanText: String {
        var lines = [
            "Snapshot \(snapshot): \(contents) contents read, \(damaged.count) damaged, signature \(signatureIsValid ? "valid" : "invalid")."
        ]
        for item in damaged { lines.append("  \(item.type) \(item.id) \(item.facet): \(item.reason)") }
        if !isSound { lines.append("Runbook: runbooks/snapshot-damaged.md") }
        return lines.joined(separator: "\n")
    }
}
