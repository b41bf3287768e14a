import BackupModel
import Foundation
import LibPQ
import PostgresStore
import Testing

/// Secrets of devices: sealed, bound to their place, and of one tenant each.
@Suite(.timeLimit(.minutes(5))) struct SecretTests {
    private static let text = "123456-234567-345678-456789-567890-678901-789012-890123"

    private func key(_ text: String = text) throws -> DeviceSecret {
        try #require(DeviceSecret(.bitlocker, answer: ["key": .string(text)]))
    }

    @Test func `a secret is kept under its kind and id, replaced when read again, and sealed`() async throws {
        try await TestDatabase.with { database in
            let (a, b) = (try await database.addTenant(), try await database.addTenant())
            let id = UUID()
            #expect(try await database.admin.secret(a, .bitlocker, id) == nil)
            try await database.admin.keep(try key(), a, .bitlocker, id)
            let first = try #require(try await database.admin.secret(a, .bitlocker, id))
            #expect(first.secret == (try key()))
            #expect(try await database.admin.secret(a, .laps, id) == nil)
            #expect(try await database.admin.secret(b, .bitlocker, id) == nil)
            #expect(try await database.admin.secretIDs(a, .bitlocker) == [id])
            #expect(try await database.admin.secretIDs(a, .laps) == [])
            #expect(try await database.admin.secretIDs(b, .bitlocker) == [])

            try await database.admin.keep(try key("other"), a, .bitlocker, id)
            let second = try #require(try await database.another("operator").secret(a, .bitlocker, id))
            #expect(second.secret.key == "other" && second.readAt > first.readAt)

            let stored = try await database.sql("SELECT sealed FROM backup.secret_values").onlyRow().bytes(0)
            #expect(!String(decoding: stored, as: UTF8.self).contains("other"))
        }
    }

    @Test func `a new data key opens what the one before sealed`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let id = UUID()
            try await database.admin.keep(try key(), tenant, .bitlocker, id)
            _ = try await database.admin.rotateKeys(tenant, addsDataKey: true)
            #expect(try await database.admin.secret(tenant, .bitlocker, id)?.secret.key == Self.text)
        }
    }

    @Test(arguments: ["another id", "another kind", "another tenant", "a flipped bit"])
    func `a row that was moved or changed does not open`(how: String) async throws {
        try await TestDatabase.with { database in
            let (a, b) = (try await database.addTenant(), try await database.addTenant())
            let (id, other) = (UUID(), UUID())
            try await database.admin.keep(try key(), a, .bitlocker, id)
            let change =
                switch how {
                case "another id": "id = '\(other)'"
                case "another kind": "kind = 'laps'"
                case "another tenant": "tenant_id = '\(b)'"
                default: "sealed = set_byte(sealed, length(sealed) - 20, get_byte(sealed, length(sealed) - 20) # 1)"
                }
            try await database.sql("UPDATE backup.secret_values SET \(change)")
            let code = try await failureCode {
                _ = try await database.admin.secret(
                    how == "another tenant" ? b : a, how == "another kind" ? .laps : .bitlocker,
                    how == "another id" ? other : id)
            }
            #expect(code == "storedDataDamaged")
        }
    }
}
