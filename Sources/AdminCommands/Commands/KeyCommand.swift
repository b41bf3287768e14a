import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Keys that seal what is stored.", subcommands: [Show.self, Rotate.self])

    struct Show: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Shows which keys a tenant has; never a key.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name.") var tenant: String

        var access: Access { .operatorOnly }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let tenant = try await store.tenant(tenant)
                let state = try await store.keyState(tenant.id)
                let inStore = try await store.keyEncryptionKeys()
                output.show(["key": state.json(inStore)]) {
                    """
                    tenant              \(tenant.name)  \(tenant.id)
                    data key            \(state.dataKey) seals, 1 to \(state.dataKey) open
                    key-encryption key  \(state.keyEncryptionKey) of \(inStore.map(String.init).joined(separator: ", "))
                    changed             \(Moment.relative(state.changedAt))
                    """
                }
            }
            return 0
        }
    }

    struct Rotate: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate",
            abstract: "Adds a data key to a tenant, or a key-encryption key to the installation.",
            discussion: """
                With TENANT: a new data key seals from now on, and the tenant's keys are wrapped with the newest \
                key-encryption key; --rewrap-only does the second alone. With --kek: a new key-encryption key, and the \
                keys of all tenants are wrapped with it; when that was cut short, --kek --rewrap-only goes on. What was \
                sealed before stays readable, digests stay the same. Copy the key store afterwards.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var tenant: String?
        @Flag(name: .customLong("rewrap-only"), help: "Add no key.") var rewrapOnly = false
        @Flag(help: "Rotate the key-encryption key of all tenants.") var kek = false

        func validate() throws {
            guard (tenant != nil) != kek else { throw ValidationError("Give either a tenant or --kek.") }
        }

        var access: Access { .operatorOnly }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                guard let tenant else { return try await rotateAll(store, output) }
                let id = try await store.tenant(tenant).id
                let state = try await store.audited("key.rotate", id.description, reason: rewrapOnly ? "rewrap" : nil) {
                    try await store.rotateKeys(id, addsDataKey: !rewrapOnly)
                }
                let inStore = try await store.keyEncryptionKeys()
                output.show(["key": state.json(inStore)]) {
                    "Data key \(state.dataKey) seals now; wrapped with key-encryption key \(state.keyEncryptionKey)."
                }
                return 0
            }
        }

        private func rotateAll(_ store: PostgresStore, _ output: Output) async throws -> Int32 {
            if !rewrapOnly, !isDryRun {
                let number = try await store.audited("key.addKeyEncryptionKey", "key store") {
                    try await store.addKeyEncryptionKey()
                }
                output.progress("Key-encryption key \(number) was added. Copy the key store.")
            }
            guard let newest = try await store.keyEncryptionKeys().last else { return 1 }
            var items: [(tenant: TenantRecord, outcome: String, failure: CommandFailure?)] = []
            for tenant in try await store.tenants() {
                do {
                    let old = try await store.keyState(tenant.id).keyEncryptionKey
                    if old < newest {
                        _ = try await store.audited("key.rotate", tenant.id.description, reason: "rewrap") {
                            try await store.rotateKeys(tenant.id, addsDataKey: false)
                        }
                    }
                    items.append((tenant, old < newest ? "rewrapped" : "unchanged", nil))
                } catch {
                    let failure = CommandFailure(error)
                    guard failure.exitCode == 1 else { throw error }
                    items.append((tenant, "failed", failure))
                }
            }
            let done = items
            output.show([
                "keyEncryptionKey": JSONValue(newest),
                "items": .array(
                    done.map {
                        [
                            "tenant": .string($0.tenant.id.description), "outcome": .string($0.outcome),
                            "error": $0.failure.flatMap { $0.json["error"] } ?? .null,
                        ]
                    }),
            ]) {
                var table = Table(["tenant", "outcome", "id"])
                for item in done {
                    table.add([
                        item.tenant.name, item.failure.map { "failed: \($0.message)" } ?? item.outcome,
                        item.tenant.id.description,
                    ])
                }
                return """
                    Key-encryption key \(newest) wraps the keys of \(done.count { $0.failure == nil }) of \(done.count) tenants.
                    \(table.text)
                    Keep the older key files as long as copies of the database exist that they open.
                    """
            }
            return done.contains { $0.failure != nil } ? 1 : 0
        }
    }
}

extension TenantKeyState {
    fileprivate func json(_ inStore: [Int32]) -> JSONValue {
        [
            "tenant": .string(tenant.description), "dataKey": JSONValue(dataKey),
            "keyEncryptionKey": JSONValue(keyEncryptionKey),
            "keyEncryptionKeysInStore": .array(inStore.map { JSONValue($0) }), "changedAt": Moment.json(changedAt),
        ]
    }
}
