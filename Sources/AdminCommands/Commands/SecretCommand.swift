import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import GraphDirectory
import PostgresStore
import ServiceBootstrap

struct SecretCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret", abstract: "BitLocker recovery keys and LAPS passwords.",
        subcommands: [Show.self, Collect.self])

    struct Show: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Shows a BitLocker recovery key or the LAPS passwords of a device.",
            discussion: """
                ID is the key's id for bitlocker, and the device's id (the one that the device has of itself) for laps. \
                What was read before is shown as it was kept, also when the device is gone; what was not, or is \
                outdated, is read from Microsoft Graph, which is an entry in the tenant's audit log. Who asked and why \
                is written into the audit log here.
                """)
        @OptionGroup var options: GlobalOptions
        @Argument(help: "bitlocker or laps.") var kind: DeviceSecret.Kind
        @Argument(help: "Id or name.") var tenant: String
        @Argument(help: "Key id or device id.") var id: String
        @Option(help: "Why it is needed; kept in the audit log.") var reason: String
        @Flag(help: "Read it from Microsoft Graph again.") var refresh = false

        var access: Access { .feature(.viewSecret) }

        func perform(_ output: Output) async throws -> Int32 {
            let id = try Check.guid(id, "secretId")
            let reason = try Check.name(reason, "--reason")
            try await options.withStore { store, configuration in
                let tenant = try await store.tenant(tenant)
                let target = "\(tenant.id) \(kind.rawValue) \(id.text)"
                // Nothing is shown before the audit entry is there.
                let found = try await store.audited("secret.show", target, reason: reason) {
                    try await store.withSecretReader(kind, tenant.id, configuration) {
                        try await find(id, tenant, store, $0, output)
                    }
                }
                output.show(["secret": found.secret.json(kind, id, readAt: found.readAt)]) {
                    found.secret.text(kind, id, readAt: found.readAt)
                }
            }
            return 0
        }

        private func find(
            _ id: UUID, _ tenant: TenantRecord, _ store: PostgresStore, _ reader: SecretReader, _ output: Output
        ) async throws -> (secret: DeviceSecret, readAt: Date) {
            let stored = try await store.secret(tenant.id, kind, id)
            if let stored, !refresh, try await !store.isOutdated(stored.secret, tenant.id, reader.type, id) {
                return stored
            }
            do {
                guard var secret = try await reader.read(id) else {
                    if let stored { return stored }
                    throw CommandFailure(
                        4, "secretNotFound",
                        "Neither Graph nor the store has a secret of \(reader.type.name) \(id.text).",
                        hint: "See `entra-backup object list \(tenant.id) \(reader.type.name)`.")
                }
                if let stored { secret.add(stored.secret) }
                try await store.keep(secret, tenant.id, kind, id)
                return (secret, .now)
            } catch let failure as StageFailure {
                if let stored, !refresh {
                    output.progress("It may be outdated: \(failure.message)")
                    return stored
                }
                throw failure.code == .permissionMissing ? reader.refused : failure
            }
        }
    }

    struct Collect: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "collect",
            abstract: "Reads the secrets that the newest snapshot lists and that were not read yet.",
            discussion: """
                Each one that is read is an entry in the tenant's audit log: announce it. A BitLocker key is read once, \
                LAPS passwords again when the device has handed in a new one. What was read is kept when the device is \
                gone. This is no part of a backup; run it as often as you want to be able to lose a device.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var tenant: String

        var access: Access { .feature(.viewSecret) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, configuration in
                let tenant = try await store.tenant(tenant)
                let snapshot = try await store.snapshotNumber(tenant.id, nil)
                var counts: [SecretCount] = []
                for kind in DeviceSecret.Kind.allCases {
                    counts.append(
                        try await store.withSecretReader(kind, tenant.id, configuration) { reader in
                            try await SecretCollection(store: store, tenant: tenant.id, reader: reader, output: output)
                                .run(at: snapshot, isDryRun: isDryRun)
                        })
                }
                let done = counts
                let refused = done.filter(\.isRefused)
                if !refused.isEmpty, done.allSatisfy({ $0.isRefused || $0.wanted == 0 }) {
                    try await store.audited("secret.collect", tenant.id.description) { throw refused[0].refusal }
                }
                output.show(["items": .array(done.map(\.json))]) { SecretCount.table(done) }
                return refused.isEmpty ? 0 : 3
            }
        }
    }
}

extension PostgresStore {
    /// Runs `body` with a reader of the tenant's secrets.
    fileprivate func withSecretReader<T>(
        _ kind: DeviceSecret.Kind, _ tenant: TenantID, _ configuration: ServiceConfiguration,
        _ body: (SecretReader) async throws -> T
    ) async throws -> T {
        let connection = try await directoryConnection(tenant)
        return try await withGraphReader(configuration) { try await body(SecretReader(kind, $0, connection)) }
    }

    /// Whether the newest snapshot knows of a newer password than was read.
    fileprivate func isOutdated(
        _ secret: DeviceSecret, _ tenant: TenantID, _ type: ObjectType, _ id: UUID
    ) async throws -> Bool {
        guard !secret.passwords.isEmpty, let newest = try await snapshots(tenant).first?.number else { return false }
        let key = try await objectKey(tenant, type, id: id.text)
        let document = try await documents(tenant, type, [key], at: newest).first?.document
        return document?.attributes["lastBackupDateTime"]?.string.map(secret.isOlder(than:)) ?? false
    }
}

extension DeviceSecret {
    fileprivate func json(_ kind: Kind, _ id: UUID, readAt: Date) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("kind", .string(kind.rawValue)), ("id", .string(id.text)), ("readAt", Moment.json(readAt)),
        ]
        if let key { members.append(("key", .string(key))) }
        if !passwords.isEmpty {
            members.append(
                (
                    "passwords",
                    .array(
                        passwords.map {
                            [
                                "account": .string($0.account), "password": .string($0.text),
                                "backedUpAt": .string($0.backedUpAt),
                            ]
                        })
                ))
        }
        return .object(JSONObject(members))
    }

    fileprivate func text(_ kind: Kind, _ id: UUID, readAt: Date) -> String {
        let head = "\(kind.rawValue)  \(id.text)  read \(Moment.relative(readAt))"
        if let key { return "\(head)\n\(key)" }
        var table = Table(["account", "backed up", "password"])
        for password in passwords { table.add([password.account, password.backedUpAt, password.text]) }
        return "\(head)\n\(table.text)"
    }
}
