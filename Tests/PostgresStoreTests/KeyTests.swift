import AccountModel
import BackupContracts
import BackupModel
import Foundation
import LibPQ
import PostgresStore
import Sealing
import Testing

/// Keys of tenants: rotation, re-wrapping, and key stores that are away or not the right ones.
@Suite(.timeLimit(.minutes(5))) struct KeyTests {
    private static let one = ObjectKey(high: 0xB, low: 1)
    private static let two = ObjectKey(high: 0xB, low: 2)
    private static let first = Listing([one: #"{"displayName":"one"}"#])
    private static let second = Listing([one: #"{"displayName":"one"}"#, two: #"{"displayName":"two"}"#])

    private func wrapped(_ database: TestDatabase, _ tenant: TenantID) async throws -> [UInt8] {
        try await database.sql(
            "SELECT wrapped FROM backup.tenant_keys WHERE tenant_id = $1", [.uuid(tenant.uuid)]
        ).onlyRow().bytes(0)
    }

    /// What a store that has nothing in memory answers when it has to open the tenant's keys.
    private func failure(_ database: TestDatabase, _ tenant: TenantID, keyStore: String? = nil) async throws -> String?
    {
        let store = database.another("operator", keyStore: keyStore, connections: 1)
        let code = try await failureCode { _ = try await store.directoryConnection(tenant) }
        await store.close()
        return code
    }

    @Test func `a new data key seals what is new; what was sealed opens; digests stay`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            try await database.backUp(tenant, [Types.user: Self.first])
            let contents = try await database.texts("SELECT c FROM backup.contents c")
            let before = try await database.admin.keyState(tenant)
            #expect(before.dataKey == 1 && before.keyEncryptionKey == 1)
            let after = try await database.admin.rotateKeys(tenant, addsDataKey: true)
            #expect(after.dataKey == 2 && after.keyEncryptionKey == 1 && after.changedAt > before.changedAt)
            #expect(try await database.admin.keyState(tenant) == after)

            // The stages, which have the old keys in memory, see it with their next transaction.
            try await database.backUp(tenant, [Types.user: Self.second])
            let snapshot = try await database.admin.snapshot(tenant, 2)
            #expect(snapshot.added == 1 && snapshot.updated == 0 && snapshot.deleted == 0)
            let now = try await database.texts("SELECT c FROM backup.contents c")
            #expect(Set(contents).isSubset(of: now) && now.count == 2)
            // Bytes 2 and 3 of a payload name its data key.
            #expect(
                try await database.texts(
                    "SELECT object_id || ' ' || get_byte(payload, 3) FROM backup.contents ORDER BY object_id")
                    == ["\(Self.one) 1", "\(Self.two) 2"])
            for store in [database.admin, database.another("operator")] {
                #expect(try await store.verify(tenant, 1).isSound)
                #expect(try await store.verify(tenant, 2).isSound)
                let access = try await store.directoryConnection(tenant)
                #expect(access.credential == .clientSecret("secret of \(tenant)"))
            }
            #expect(try await database.listing(tenant, Types.user, at: 2) == Self.second)
        }
    }

    @Test func `a new key-encryption key wraps what is rotated; the old one is no longer needed then`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let other = try await database.addTenant()
            try await database.backUp(tenant, [Types.user: Self.first])
            let digests = try await database.texts("SELECT c FROM backup.contents c")
            #expect(try await database.admin.addKeyEncryptionKey() == 2)
            #expect(try await database.admin.keyEncryptionKeys() == [1, 2])
            // Nothing moves by itself.
            #expect(try await database.admin.keyState(tenant).keyEncryptionKey == 1)
            #expect(try await database.admin.verify(tenant, 1).isSound)
            let moved = try await database.admin.rotateKeys(tenant, addsDataKey: false)
            #expect(moved.keyEncryptionKey == 2 && moved.dataKey == 1)
            // Again: nothing to do, nothing changed.
            let bytes = try await wrapped(database, tenant)
            #expect(try await database.admin.rotateKeys(tenant, addsDataKey: false) == moved)
            #expect(try await wrapped(database, tenant) == bytes)
            #expect(try await database.texts("SELECT c FROM backup.contents c") == digests)

            try FileManager.default.removeItem(atPath: database.keyStorePath + "/kek-1")
            #expect(try await database.another("operator").verify(tenant, 1).isSound)
            // The tenant that was not moved is lost without the old key, and says what to do.
            #expect(try await failure(database, other) == "keyStoreUnavailable")
            // A new tenant is wrapped by the newest.
            #expect(try await database.admin.keyState(try await database.addTenant()).keyEncryptionKey == 2)
        }
    }

    @Test func `a key store that is away is told from one that is wrong`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            #expect(try await failure(database, tenant) == nil)
            #expect(
                try await failure(database, tenant, keyStore: database.keyStorePath + "-none") == "keyStoreUnavailable")

            // That of another installation has no secret of the tenant.
            let stranger = database.keyStorePath + "/stranger"
            try DirectoryKeyStore(path: stranger).create()
            #expect(try await failure(database, tenant, keyStore: stranger) == "keyStoreUnavailable")
            // One that has a secret of the same tenant, but not the one.
            _ = try DirectoryKeyStore(path: stranger).createTenantSecret(for: tenant.uuid)
            #expect(try await failure(database, tenant, keyStore: stranger) == "keyWrong")

            let files = FileManager.default
            let (kek, saved) = (database.keyStorePath + "/kek-1", database.keyStorePath + "/saved")
            try files.moveItem(atPath: kek, toPath: saved)
            #expect(try await failure(database, tenant) == "keyStoreUnavailable")
            try files.copyItem(atPath: stranger + "/kek-1", toPath: kek)
            #expect(try await failure(database, tenant) == "keyWrong")
            try files.removeItem(atPath: kek)
            try files.copyItem(atPath: saved, toPath: kek)
            try files.setAttributes([.posixPermissions: 0o644], ofItemAtPath: kek)
            #expect(try await failure(database, tenant) == "keyStoreUnavailable")
            try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: kek)
            #expect(try await failure(database, tenant) == nil)

            try DirectoryKeyStore(path: database.keyStorePath).destroyTenantSecret(for: tenant.uuid)
            #expect(try await failure(database, tenant) == "keyWrong")
        }
    }

    @Test func `wrapped keys that were damaged in the database are refused, and so is another tenant's`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let other = try await database.addTenant()
            let bytes = try await wrapped(database, tenant)
            for position in stride(from: 0, to: bytes.count, by: 7) {
                var damaged = bytes
                damaged[position] ^= 0x10
                try await database.sql(
                    "UPDATE backup.tenant_keys SET wrapped = $2 WHERE tenant_id = $1",
                    [.uuid(tenant.uuid), .bytea(damaged)])
                let code = try await failure(database, tenant)
                // A byte of the number names a key-encryption key that is not there.
                #expect(code == "keyWrong" || code == "keyStoreUnavailable", "byte \(position)")
            }
            try await database.sql(
                "UPDATE backup.tenant_keys SET wrapped = $2 WHERE tenant_id = $1",
                [.uuid(tenant.uuid), .bytea(try await wrapped(database, other))])
            #expect(try await failure(database, tenant) == "keyWrong")
            try await database.sql("DELETE FROM backup.tenant_keys WHERE tenant_id = $1", [.uuid(tenant.uuid)])
            #expect(try await failure(database, tenant) == "keyWrong")
        }
    }

    @Test func `a rotation that is cut off at its commit has changed nothing`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            try await database.backUp(tenant, [Types.user: Self.first])
            let before = (try await wrapped(database, tenant), try await database.admin.keyState(tenant))
            try await database.endSessionsAtCommit(of: "tenant_keys", by: "entra_backup_operator")
            let code = try await failureCode { _ = try await database.admin.rotateKeys(tenant, addsDataKey: true) }
            #expect(code == "databaseUnreachable")
            #expect(try await wrapped(database, tenant) == before.0)
            try await database.sql("DROP FUNCTION public.end_session CASCADE")
            #expect(try await database.admin.keyState(tenant) == before.1)
            #expect(try await database.admin.rotateKeys(tenant, addsDataKey: true).dataKey == 2)
            #expect(try await database.admin.verify(tenant, 1).isSound)
        }
    }

    @Test func `a rotation that is cancelled while it waits has changed nothing`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let before = try await wrapped(database, tenant)
            let blocker = try await database.server.connect(database: database.name)
            try await blocker.execute("BEGIN; SELECT FROM backup.tenant_keys FOR UPDATE")
            let admin = database.admin
            let rotation = Task { try await failureCode { _ = try await admin.rotateKeys(tenant, addsDataKey: true) } }
            try await eventually { try await database.isWaiting("operator") }
            rotation.cancel()
            #expect(try await rotation.value == "databaseUnreachable")
            try await blocker.execute("ROLLBACK")
            await blocker.close()
            #expect(try await wrapped(database, tenant) == before)
        }
    }

    @Test func `rotations at once come one after the other`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            try await database.backUp(tenant, [Types.user: Self.first])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<5 {
                    group.addTask { _ = try await database.admin.rotateKeys(tenant, addsDataKey: true) }
                }
                try await group.waitForAll()
            }
            #expect(try await database.admin.keyState(tenant).dataKey == 6)
            #expect(try await database.admin.verify(tenant, 1).isSound)
        }
    }

    @Test func `a tenant whose adding was cut off can be added again`() async throws {
        try await TestDatabase.with { database in
            let organization = try await database.addOrganization()
            let id = TenantID(uuid: UUID())
            let record = TenantRecord(id: id, organization: organization.id, name: "t", clientID: "c")
            try await database.endSessionsAtCommit(of: "tenant_keys", by: "entra_backup_operator")
            let code = try await failureCode {
                _ = try await database.admin.addTenant(record, .clientSecret("s"), expiresAt: nil)
            }
            #expect(code == "databaseUnreachable")
            #expect(try await database.admin.tenants() == [])
            try await database.sql("DROP FUNCTION public.end_session CASCADE")
            _ = try await database.admin.addTenant(record, .clientSecret("s"), expiresAt: nil)
            #expect(try await failure(database, id) == nil)
        }
    }

    @Test func `a key store is made for a new installation and for no other`() async throws {
        try await TestDatabase.with { database in
            let settings = database.server.settings(database: database.name)
            let path = database.keyStorePath + "/new"
            func outcome(_ path: String) async throws -> String {
                switch try await KeyStoreSetup(path: path).run(settings: settings) {
                case .made: "made"
                case .present: "present"
                case .unusable(let failure): failure.code.name
                }
            }
            #expect(try await outcome(path) == "made")
            #expect(try await outcome(path) == "present")
            _ = try await database.addTenant()
            #expect(try await outcome(path + "-2") == "keyStoreUnavailable")
            #expect(!FileManager.default.fileExists(atPath: path + "-2"))
            #expect(try await outcome(database.keyStorePath) == "present")
            try FileManager.default.removeItem(atPath: database.keyStorePath + "/signing-key")
            #expect(try await outcome(database.keyStorePath) == "keyStoreUnavailable")
        }
    }

    @Test func `the dump of a tenant's rows shows no secret`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let secret = "secret of \(tenant)"
            let hex = secret.utf8.map { String($0, radix: 16) }.joined()
            for table in ["tenants", "tenant_credentials", "tenant_keys"] {
                let text = try await database.texts("SELECT t FROM backup.\(table) t").joined()
                #expect(!text.isEmpty && !text.contains(secret) && !text.contains(hex), "\(table)")
            }
        }
    }
}
