import AccountModel
import ArgumentParser
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct ObjectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "object", abstract: "Objects of a snapshot, their history, and search.",
        subcommands: [Types.self, List.self, Show.self, History.self, ObjectSearchCommand.self])

    struct Types: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "types", abstract: "Lists the object types and what a snapshot has of each.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name.") var tenant: String
        @Option(help: "Number; the newest when it is left out.") var snapshot: Int32?

        func validate() throws { try Check.snapshots(snapshot) }

        var access: Access { .feature(.viewObjectTypes) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let tenant = try await store.tenant(tenant)
                let snapshot = try await store.snapshot(tenant.id, snapshot)
                let granted = Set(tenant.permissions)
                let items = Catalogue.current.types.map { type in
                    (type, snapshot.collections.first { $0.type == type.number })
                }
                output.show([
                    "items": .array(items.map { type, item in Self.json(type, item, granted) })
                ]) {
                    var table = Table([
                        "type", "outcome", "objects", "links", "pages", "requests", "granted", "permission",
                    ])
                    for (type, item) in items {
                        table.add([
                            type.name, item?.outcome ?? "notRead", String(item?.objects ?? 0), String(item?.links ?? 0),
                            String(item?.pages ?? 0), String(item?.requests ?? 0),
                            type.isGranted(by: granted) ? "yes" : "no", type.permission ?? "that of each type",
                        ])
                    }
                    return table.text
                }
            }
            return 0
        }

        private static func json(_ type: ObjectType, _ item: SnapshotRecord.Collection?, _ granted: Set<String>)
            -> JSONValue
        {
            [
                "type": .string(type.name), "objects": JSONValue(item?.objects ?? 0),
                "links": JSONValue(item?.links ?? 0), "outcome": .string(item?.outcome ?? "notRead"),
                "readAt": Moment.json(item?.readAt), "permission": type.permission.map { .string($0) } ?? .null,
                "granted": .bool(type.isGranted(by: granted)),
            ]
        }
    }

    struct List: AdminCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists the objects of a type.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name.") var tenant: String
        @Argument(help: "Object type.") var type: String
        @Option(help: "Number; the newest when it is left out.") var snapshot: Int32?
        @Flag(help: "With --json: whole documents, as `object show` prints them.") var documents = false

        func validate() throws { try Check.snapshots(snapshot) }

        var access: Access { .feature(.viewObjectList) }

        func perform(_ output: Output) async throws -> Int32 {
            let type = try TypeNames.type(type)
            return try await options.withStore { store, _ in
                let tenant = try await store.tenant(tenant)
                let number = try await store.snapshotNumber(tenant.id, snapshot)
                var items: [JSONValue] = []
                var table = Table(["name", "from", "id"])
                try await store.documents(tenant.id, type, at: number) { stored in
                    let name = type.displayName(of: stored.document)
                    if options.json, documents {
                        items.append(stored.document.json(snapshot: number, version: stored.version))
                    } else if options.json {
                        items.append([
                            "id": .string(stored.document.id), "displayName": .string(name), "state": "present",
                            "digest": .string(stored.version.digest.description),
                            "from": JSONValue(stored.version.from),
                        ])
                    } else {
                        table.add([name, String(stored.version.from), stored.document.id])
                    }
                }
                output.show(["items": .array(items)]) {
                    table.isEmpty ? "No \(type.name) in snapshot \(number)." : table.text
                }
                return 0
            }
        }
    }

    struct Show: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Shows an object with its attributes, links and children as of a snapshot.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name.") var tenant: String
        @Argument(help: "Object type.") var type: String
        @Argument(help: "Object id.") var id: String
        @Option(help: "Number, or live for the object as it is now; the newest when it is left out.")
        var snapshot: SnapshotReference?

        func validate() throws { try Check.snapshots(snapshot?.number) }

        var access: Access { .feature(.viewObjectDetail) }

        func perform(_ output: Output) async throws -> Int32 {
            let type = try TypeNames.type(type)
            return try await options.withStore { store, configuration in
                let tenant = try await store.tenant(tenant)
                if snapshot == .live, try await showLive(tenant, type, store, configuration, output) { return 0 }
                let number = try await store.snapshotNumber(tenant.id, snapshot?.number)
                let key = try await store.objectKey(tenant.id, type, id: id)
                if let stored = try await store.documents(tenant.id, type, [key], at: number).first {
                    try show(stored, type, number, output)
                    return 0
                }
                let history = try await store.history(tenant.id, type, key)
                guard let item = history.first(where: { $0.from <= number && $0.state == .deleted }) else {
                    throw CommandFailure(
                        4, "objectNotFound", "Snapshot \(number) has no \(type.name) \(id).",
                        hint: "See `entra-backup object list \(tenant.id) \(type.name)`.")
                }
                let seenAt = history.first { $0.from < item.from && $0.seenAt != nil }?.seenAt
                let version = item.digest.map {
                    VersionStamp(digest: $0, from: item.from, to: item.to, seenAt: seenAt ?? "")
                }
                output.show(item.document.json(snapshot: number, version: version, reason: item.reason?.name)) {
                    ObjectText(document: item.document, type: type, snapshot: "\(number)", reason: item.reason?.name)
                        .text
                }
                return 0
            }
        }

        /// False when the object does not exist now: what the newest snapshot knows of it is shown then.
        private func showLive(
            _ tenant: TenantRecord, _ type: ObjectType, _ store: PostgresStore, _ configuration: ServiceConfiguration,
            _ output: Output
        ) async throws -> Bool {
            let objects = LiveObjects(store: store, configuration: configuration)
            guard let document = try await objects.document(tenant.id, type, id) else { return false }
            guard case .object(var json) = document.json() else { return false }
            json["snapshot"] = "live"
            output.show(.object(json)) { ObjectText(document: document, type: type, snapshot: "live").text }
            return true
        }

        /// Asked for live, an object of the newest snapshot was deleted since.
        private func show(_ stored: StoredDocument, _ type: ObjectType, _ number: SnapshotNumber, _ output: Output)
            throws
        {
            var document = stored.document
            let reason: String? = snapshot == .live ? EndReason.missing.name : nil
            if reason != nil { document.state = .deleted }
            output.show(document.json(snapshot: number, version: stored.version, reason: reason)) {
                ObjectText(document: document, type: type, snapshot: "\(number)", reason: reason).text
            }
        }
    }

    struct History: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "history", abstract: "Shows an object's history, newest first.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name.") var tenant: String
        @Argument(help: "Object type.") var type: String
        @Argument(help: "Object id.") var id: String

        var access: Access { .feature(.viewObjectDetail) }

        func perform(_ output: Output) async throws -> Int32 {
            let type = try TypeNames.type(type)
            return try await options.withStore { store, _ in
                let tenant = try await store.tenant(tenant)
                let key = try await store.objectKey(tenant.id, type, id: id)
                let items = try await store.history(tenant.id, type, key)
                guard !items.isEmpty else {
                    throw CommandFailure(
                        4, "objectNotFound", "No snapshot ever had a \(type.name) \(id).",
                        hint: "See `entra-backup object list \(tenant.id) \(type.name)`.")
                }
                let newest = try await store.snapshotNumber(tenant.id, nil)
                let actors = try await store.actors(tenant.id, of: [id], from: 0, to: newest)[id] ?? []
                output.show(["items": .array(items.map { $0.json(actors) })]) {
                    var table = Table(["from", "to", "state", "by", "changes"])
                    for item in items {
                        let names = Set(item.actors(actors).map(\.actor)).sorted()
                        table.add([
                            String(item.from), item.to.map(String.init) ?? "-",
                            item.state.rawValue + (item.reason.map { " (\($0.name))" } ?? ""),
                            names.isEmpty ? "-" : names.joined(separator: ", "), item.changes.joined(separator: " "),
                        ])
                    }
                    return table.text
                }
                return 0
            }
        }
    }
}

extension ObjectType {
    func isGranted(by permissions: Set<String>) -> Bool {
        permission.map { Catalogue.isGranted($0, by: permissions) } ?? true
    }
}

extension ObjectActor {
    var json: JSONValue { ["at": .string(at), "actor": .string(actor), "activity": .string(activity)] }
}

extension HistoryItem {
    /// Those who acted after the snapshot before this item's first one was sealed, and before that was.
    func actors(_ all: [ObjectActor]) -> [ObjectActor] { all.filter { $0.snapshot == from } }

    func json(_ actors: [ObjectActor]) -> JSONValue {
        [
            "from": JSONValue(from), "to": to.map { JSONValue($0) } ?? .null, "state": .string(state.rawValue),
            "reason": reason.map { .string($0.name) } ?? .null,
            "digest": digest.map { .string($0.description) } ?? .null, "seenAt": seenAt.map { .string($0) } ?? .null,
            "changes": .array(changes.map { .string($0) }), "actors": .array(self.actors(actors).map(\.json)),
        ]
    }
}
