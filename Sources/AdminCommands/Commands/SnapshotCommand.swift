import AccountModel
import ArgumentParser
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct SnapshotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot", abstract: "Sealed snapshots of a tenant.",
        subcommands: [List.self, Show.self, Verify.self])

    struct List: AdminCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists snapshots, newest first.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name.") var tenant: String

        var access: Access { .feature(.viewTenantDetail) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let snapshots = try await store.snapshots(
                    try await store.tenant(tenant).id, withCollections: options.json)
                output.show(["items": .array(snapshots.map { $0.json(collections: false) })]) {
                    var table = Table(["number", "sealed", "objects", "added", "updated", "deleted"])
                    for item in snapshots {
                        table.add([
                            String(item.number), Moment.relative(item.sealedAt), String(item.objects),
                            String(item.added), String(item.updated), String(item.deleted),
                        ])
                    }
                    return table.isEmpty ? "No snapshot yet." : table.text
                }
            }
            return 0
        }
    }

    struct Show: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Shows a snapshot and each of its collections.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name.") var tenant: String
        @Argument(help: "Number; the newest when it is left out.") var number: Int32?

        func validate() throws { try Check.snapshots(number) }

        var access: Access { .feature(.viewTenantDetail) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let snapshot = try await store.snapshot(try await store.tenant(tenant).id, number)
                output.show(snapshot.json(collections: true)) { snapshot.humanText }
            }
            return 0
        }
    }

    struct Verify: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify",
            abstract:
                "Reads every version of a snapshot again and recomputes digests and signature. Exit 1 when damaged.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name.") var tenant: String
        @Argument(help: "Number; the newest when it is left out.") var number: Int32?

        func validate() throws { try Check.snapshots(number) }

        var access: Access { .feature(.viewObjectDetail) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let tenant = try await store.tenant(tenant)
                let report = try await store.verify(tenant.id, number)
                output.show(report.json) { report.humanText }
                return report.isSound ? 0 : 1
            }
        }
    }
}

extension SnapshotRecord {
    func json(collections withCollections: Bool) -> JSONValue {
        var object: JSONObject = [
            "number": JSONValue(number), "startedAt": Moment.json(startedAt), "sealedAt": Moment.json(sealedAt),
            "changes": ["added": JSONValue(added), "updated": JSONValue(updated), "deleted": JSONValue(deleted)],
            "digest": .string(Hex.text(digest)), "signature": .string(Hex.text(signature)),
            "objects": JSONValue(objects),
            "counts": .object(JSONObject(collections.map { ($0.typeName, JSONValue($0.objects)) })),
        ]
        guard withCollections else { return .object(object) }
        object["collections"] = .array(collections.map(\.json))
        return .object(object)
    }

    var humanText: String {
        var lines = [
            "snapshot \(number), sealed \(Moment.relative(sealedAt)): \(objects) objects, \(added) added, \(updated) updated, \(deleted) deleted",
            "digest \(Hex.text(digest))",
        ]
        var table = Table(["type", "outcome", "objects", "links", "pages", "requests", "reason"])
        for item in collections {
            table.add([
                item.typeName, item.outcome, String(item.objects), String(item.links), String(item.pages),
                String(item.requests), item.reason ?? "",
            ])
        }
        lines.append(table.text)
        return lines.joined(separator: "\n")
    }
}

extension SnapshotRecord.Collection {
    var typeName: String { Catalogue.current[type]?.name ?? "type \(type)" }

    var json: JSONValue {
        [
            "type": .string(typeName), "outcome": .string(outcome),
            "reason": reason.map { .string($0) } ?? .null, "reasonCode": reasonCode.map { .string($0) } ?? .null,
            "objects": JSONValue(objects), "links": JSONValue(links), "pages": JSONValue(pages),
            "requests": JSONValue(requests), "readAt": Moment.json(readAt),
        ]
    }
}

/// Bytes as hexadecimal digits.
enum Hex {
    static func text(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
